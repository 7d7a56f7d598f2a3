/* Would this block be valid on the tip? (Core validation.cpp TestBlockValidity) */
#include "core/chain/testblock.h"

#include "core/chain/internal.h"

bool qc_chain_test_block(qc_chain *c, qc_block *b, bool check_pow, bool check_merkle, qc_verdict *v)
{
    return qc_chain_test_block_until(c, b, check_pow, check_merkle, 0, v);
}

bool qc_chain_test_block_until(qc_chain *c, qc_block *b, bool check_pow, bool check_merkle,
                               qc_mono until, qc_verdict *v)
{
    qc_index *tip = qc_active_tip(&c->active);
    const qc_header *h = qc_block_header(b);
    *v = (qc_verdict){0};
    if (!tip || !qc_hash_eq(&h->prev, &tip->hash))
        return qc_verdict_fail(v, QC_V_CONSENSUS, "inconclusive-not-best-prevblk", NULL);
    if (!qc_check_block(c->params, b, check_pow, check_merkle, v) ||
        !qc_header_in_context(c, h, tip, v) ||
        !qc_check_block_context(c->params, b, tip->height + 1, qc_index_mtp(tip), v))
        return false;
    qc_index i = {.hash = *qc_block_hash(b), .header = *h};
    qc_tree_link(&i, tip);
    const qc_connect_opts o = {.just_check = true, .checked = true, .until = until};
    qc_err err = qc_connect_block(c, b, &i, c->coins, &o, v);
    if (err)
        return qc_verdict_fail(v, QC_V_CONSENSUS, "error", "%s", qc_err_text(err));
    return qc_verdict_ok(v);
}
