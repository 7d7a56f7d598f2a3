/* core/net/permit.h: what peers from some addresses may do (-whitelist; Core net_permissions.h).
 * Thread: any. */
#pragma once
#include "core/base/err.h"

#define QC_PERMIT_BLOOM 2u
#define QC_PERMIT_FORCERELAY 12u /* implies relay */
#define QC_PERMIT_RELAY 8u
#define QC_PERMIT_NOBAN 80u /* implies download */
#define QC_PERMIT_MEMPOOL 32u
#define QC_PERMIT_DOWNLOAD 64u
#define QC_PERMIT_ADDR 128u

typedef struct qc_permit {
    uint32_t flags;
    bool in, out;
    uint8_t net[16]; /* IPv6, or IPv4 mapped into it */
    unsigned bits;   /* of `net` that must agree */
} qc_permit;

/** "[permissions@]address[/bits]"; without permissions: noban, relay and mempool.
 *  Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_permit_parse(const char *text, qc_permit *out);
/** Everything that a peer at "address:port" gets from a list. */
uint32_t qc_permit_of(const qc_permit *list, size_t n, const char *addr, bool inbound);
/** Name of the i-th permission in `flags`, or NULL. */
const char *qc_permit_name(uint32_t flags, size_t i);
