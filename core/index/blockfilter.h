/* core/index/blockfilter.h: the basic block filter (BIP158). Thread: any. */
#pragma once
#include "core/btc/block.h"

/** Encoded filter of a block that carries its spent coins (genesis needs none).
 *  Out: *out owned, qc_bytes_free(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_blockfilter_basic(const qc_block *b, qc_bytes *out);
/** Hash of an encoded filter. */
void qc_blockfilter_hash(qc_span filter, qc_hash *out);
/** Filter header: commits to this filter and all before it (BIP157). */
void qc_blockfilter_header(const qc_hash *filter_hash, const qc_hash *prev, qc_hash *out);
