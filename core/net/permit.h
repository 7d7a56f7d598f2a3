/* core/net/permit.h: what peers from some addresses, or at one of our own, may do (-whitelist and
 * -whitebind; Core net_permissions.h). Thread: any. */
#pragma once
#include "core/net/netrange.h"

#define QC_PERMIT_BLOOM 2u       /* bloom filters without -peerbloomfilters */
#define QC_PERMIT_FORCERELAY 12u /* implies relay */
#define QC_PERMIT_RELAY 8u
#define QC_PERMIT_NOBAN 80u /* no punishment; implies download */
#define QC_PERMIT_MEMPOOL 32u
#define QC_PERMIT_DOWNLOAD 64u /* headers early, blocks over the upload target */
#define QC_PERMIT_ADDR 128u
#define QC_PERMIT_DEFAULT 0x80000000u /* none were named: qc_permit_settle() says what it means */

#define QC_PERMIT_WHY 200u /* bytes of a reason */

/** Of -whitelist. */
typedef struct qc_permit {
    uint32_t flags;
    bool in, out; /* of connections: made to us, made by us at the operator's wish */
    qc_netrange range;
} qc_permit;

/** "[permissions@]address[/bits or /mask]". Out on failure: why, in Core's words.
 *  Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_permit_parse(const char *text, qc_permit *out,
                                     char why[static QC_PERMIT_WHY]);
/** -whitebind, "[permissions@]address:port". Out: *address, the part of `text` behind the
 *  permissions, which is a numeric address with a port; on failure: why, in Core's words.
 *  Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_permit_parse_bind(const char *text, uint32_t *flags, const char **address,
                                          char why[static QC_PERMIT_WHY]);
/** Replace QC_PERMIT_DEFAULT by noban and mempool, relay (-whitelistrelay) and forcerelay
 *  (-whitelistforcerelay). */
uint32_t qc_permit_settle(uint32_t flags, bool relay, bool forcerelay);
/** Everything that a peer at "address:port" gets from a list. */
uint32_t qc_permit_of(const qc_permit *list, size_t n, const char *addr, bool inbound);
/** Name of the i-th permission in `flags`, or NULL. */
const char *qc_permit_name(uint32_t flags, size_t i);
