/* core/mining/choose.h: which transactions go into a block. Internal. Thread: chain. */
#pragma once
#include "core/mining/template.h"

/** Owned: its arrays by qc_free(), its entries by qc_mempool_entry_unref(). */
typedef struct qc_chosen {
    const qc_mempool_entry **entry;
    size_t n, cap;
    qc_template_chunk *chunk;
    size_t n_chunks, cap_chunks;
    qc_amount fees;
    int64_t weight, sigops; /* with what is reserved */
} qc_chosen;
/** For the block at `height` on a tip with that median time past. Returns: QC_OK; QC_ENOMEM
 *  (nothing is left in *out). */
QC_MUST_CHECK qc_err qc_choose(const qc_mempool *m, const qc_template_options *o, uint32_t height,
                               uint32_t mtp, qc_chosen *out);
void qc_chosen_clear(qc_chosen *c);
