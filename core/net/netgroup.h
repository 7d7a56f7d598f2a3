/* core/net/netgroup.h: which addresses are likely in the same hands: groups by prefix, or by
 * autonomous system when there is a map (Core netgroup.cpp). Thread: any; constant once loaded. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/net/netaddr.h"

#define QC_NETGROUP_MAX 11u
typedef struct qc_netgroup {
    uint8_t len, b[QC_NETGROUP_MAX];
} qc_netgroup;

/** Zero-initialised: no map. */
typedef struct qc_netgroups {
    qc_bytes asmap; /* checked; empty: none */
    qc_hash version;
} qc_netgroups;

/** Use a map from now on. Out: *g owns the bytes. Returns: QC_OK; QC_ECORRUPT (*g untouched). */
QC_MUST_CHECK qc_err qc_netgroups_load(qc_netgroups *g, QC_OWN qc_bytes map);
/** Back to no map. NULL is allowed. */
void qc_netgroups_clear(qc_netgroups *g);
/** The autonomous system of an address; 0: no map, or not in it. */
uint32_t qc_netgroups_asn(const qc_netgroups *g, const qc_netaddr *a);
qc_netgroup qc_netgroups_of(const qc_netgroups *g, const qc_netaddr *a);
static inline bool qc_netgroup_eq(const qc_netgroup *a, const qc_netgroup *b)
{
    return qc_span_eq(qc_span_of(a->b, a->len), qc_span_of(b->b, b->len));
}
