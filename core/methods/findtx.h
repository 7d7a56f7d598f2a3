/* core/methods/findtx.h: a transaction by its id alone. Thread: rpc. */
#pragma once
#include "core/methods/context.h"

/** Of the mempool. Out: *raw owned, *vsize adjusted by sigops. Returns: QC_OK; QC_ENOENT;
 *  QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_m_pooled_tx(const qc_node *n, const qc_hash *txid, qc_bytes *raw,
                                    uint32_t *vsize);
/** Of the mempool, or of a block by -txindex, for which it waits. Out: *raw owned; *at: the block,
 *  NULL: pooled. Returns: QC_OK; QC_ENOENT; QC_ENOMEM; QC_EIO; QC_ECORRUPT. */
QC_MUST_CHECK qc_err qc_m_find_tx(const qc_node *n, const qc_hash *txid, qc_bytes *raw,
                                  const qc_index **at);
