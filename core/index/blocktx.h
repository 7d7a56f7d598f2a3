/* core/index/blocktx.h: one transaction out of the bytes of a block, and the small records that
 * several indexes keep. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/crypto/siphash.h"
#include "core/kv/kv.h"

/** The transaction that begins `offset` bytes into a block. Out: *tx borrowed from the block.
 *  Returns: QC_OK; QC_ECORRUPT. */
QC_MUST_CHECK qc_err qc_blocktx_at(qc_span block, uint64_t offset, qc_span *tx);
/** Does the transaction spend this coin? A malformed one: no. */
bool qc_blocktx_spends(qc_span tx, const qc_outpoint *o);
/** Its id, as qc_hash. Returns: QC_OK; QC_ECORRUPT. */
QC_MUST_CHECK qc_err qc_blocktx_id(qc_span tx, qc_hash *out);

/** The salt of an index's hash at `key`: read, or drawn and kept durably. Returns: QC_OK;
 *  QC_ECORRUPT; QC_EIO; QC_EFULL. */
QC_MUST_CHECK qc_err qc_index_salt(qc_kv *kv, qc_span key, qc_siphash_key *out);
/** Open the LevelDB of an index, its folder made when absent. Returns as qc_kv_open(). */
QC_MUST_CHECK qc_err qc_index_open(qc_kv **out, const char *path, size_t cache, bool wipe,
                                   char *detail, size_t cap);
