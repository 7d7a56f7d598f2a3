/* core/host/adapter_mempool.h: what the adapters about the mempool share. Internal to core/host. */
#pragma once
#define QN_ALLOW_UNSTABLE
#include "core/host/internal.h"
#include "quoin/mempool_follow_unstable.h"

/** Why an adapter does not open. */
#define QC_NO_MEMPOOL "this node has no mempool"
/** Open and close of an adapter that keeps nothing and wants a mempool. QC_EINVAL: there is none.
 */
qc_err qc_mempool_adapter_open(qn_cap *cap, const char **why);
void qc_mempool_adapter_close(qn_cap *cap);

qn_status qc_mempool_trial_cluster(qn_cap *cap, const qn_hash *txid, qn_mempool_member *out,
                                   uint32_t max, uint32_t *n, qn_mempool_at *at);
qn_status qc_mempool_trial_diagram(qn_cap *cap, qn_mempool_point *out, uint32_t max, uint32_t *n,
                                   qn_mempool_at *at);
