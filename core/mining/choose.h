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
    uint32_t bytes, n_in;   /* of all: serialized, inputs */
    bool held;              /* the entries are its own references; borrowed before */
    bool only_fees;         /* sums are kept, nothing else */
} qc_chosen;
/** For the block at `height` on a tip with that median time past. Returns: QC_OK; QC_ENOMEM
 *  (nothing is left in *out). */
QC_MUST_CHECK qc_err qc_choose(const qc_mempool *m, const qc_template_options *o, uint32_t height,
                               uint32_t mtp, qc_chosen *out);
/** What qc_choose() would collect, without keeping anything. */
qc_amount qc_choose_fees(const qc_mempool *m, const qc_template_options *o, uint32_t height,
                         uint32_t mtp);
/** The same of another policy (overlay.c); with `ov` NULL and `under` NULL as qc_choose(). */
QC_MUST_CHECK qc_err qc_choose_with(const qc_mempool *m, const qc_template_options *o,
                                    const qc_overlay *ov, const qc_template *under, uint32_t height,
                                    uint32_t mtp, qc_chosen *out);
/** These in this order, all of them. `e` stays the caller's. Returns: QC_OK; QC_ENOMEM (nothing is
 *  left in *out). */
QC_MUST_CHECK qc_err qc_choose_these(const qc_template_options *o, const qc_mempool_entry *const *e,
                                     size_t n, qc_chosen *out);
void qc_chosen_clear(qc_chosen *c);
/* What choose.c and overlay.c share. */
/** Does a chunk fit beside what is chosen? */
bool qc_chosen_fits(const qc_chosen *c, const qc_template_options *o,
                    const qc_mempool_entry *const *e, size_t n, int64_t adjusted_weight);
QC_MUST_CHECK qc_err qc_chosen_take(qc_chosen *c, const qc_template_options *o,
                                    const qc_mempool_entry *const *e, size_t n,
                                    const qc_mempool_point *sum);
/** Make the entries its own: at the end. */
void qc_chosen_hold(qc_chosen *c);
qc_feerate qc_chosen_rate(const qc_mempool_point *sum);
