/* Which block to work towards (Core validation.cpp TryAddBlockIndexCandidate, FindMostWorkChain).
 */
#include "core/chain/internal.h"

qc_err qc_try_candidate(qc_chain *c, qc_index *i)
{
    const qc_index *tip = qc_active_tip(&c->active);
    if (tip && qc_index_worse(i, tip))
        return QC_OK;
    return qc_candidates_insert(&c->candidates, i);
}

/* A branch that cannot be taken leaves the set; entries above a missing (pruned) body wait for it.
 */
static qc_err give_up(qc_chain *c, qc_index *from, qc_index *bad)
{
    bool failed = qc_index_failed(bad);
    bool missing = !qc_index_has(bad, QC_BLOCK_HAVE_DATA);
    if (failed &&
        (!c->best_invalid || qc_u256_cmp(&from->chain_work, &c->best_invalid->chain_work) > 0))
        c->best_invalid = from;
    for (qc_index *i = from; i != bad; i = i->parent) {
        if (missing && !failed) {
            qc_err err = qc_unlinked_add(&c->unlinked, i);
            if (err)
                return err;
        }
        qc_candidates_erase(&c->candidates, i);
    }
    qc_candidates_erase(&c->candidates, bad);
    return QC_OK;
}

qc_err qc_most_work(qc_chain *c, qc_index **out)
{
    for (;;) {
        qc_index *best = qc_candidates_best(&c->candidates);
        qc_index *i = best;
        for (; i && !qc_active_has(&c->active, i); i = i->parent)
            if (qc_index_failed(i) || !qc_index_has(i, QC_BLOCK_HAVE_DATA))
                break;
        if (!i || qc_active_has(&c->active, i)) {
            *out = best;
            return QC_OK;
        }
        qc_err err = give_up(c, best, i);
        if (err)
            return err;
    }
}
