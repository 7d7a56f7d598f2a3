/* Marking what turned out invalid (Core validation.cpp InvalidBlockFound, InvalidChainFound,
 * SetBlockFailureFlags, RecalculateBestHeader, CheckForkWarningConditions). */
#include "core/chain/internal.h"

#include "core/base/log.h"

void qc_best_header_again(qc_chain *c)
{
    c->best_header = qc_active_tip(&c->active);
    for (size_t k = 0; k < qc_tree_count(c->tree); k++) {
        qc_index *i = qc_tree_at(c->tree, k);
        if (!qc_index_failed(i) &&
            (!c->best_header || qc_u256_cmp(&c->best_header->chain_work, &i->chain_work) < 0))
            c->best_header = i;
    }
}

static void log_place(const char *what, const qc_index *i)
{
    char hex[QC_HASH_HEX_LEN + 1], date[QC_ISO_TIME_LEN];
    qc_hash_hex(&i->hash, hex);
    qc_log(QC_LOG_INFO, "validation", "InvalidChainFound: %s=%s height=%u log2_work=%f date=%s",
           what, hex, i->height, qc_log2_work(&i->chain_work), qc_iso_time(i->header.time, date));
}

void qc_fork_warning(qc_chain *c)
{
    const qc_index *tip = qc_active_tip(&c->active);
    atomic_store(&c->large_invalid, false);
    if (!c->best_invalid || !tip)
        return;
    qc_u256 limit;
    qc_header_work(tip->header.bits, &limit);
    qc_u256_mul32(&limit, 6);
    qc_u256_add(&limit, &tip->chain_work);
    if (qc_u256_cmp(&c->best_invalid->chain_work, &limit) <= 0)
        return;
    atomic_store(&c->large_invalid, true);
    qc_log(
        QC_LOG_WARN, "validation",
        "Found invalid chain more than 6 blocks longer than our best chain. This could be due to "
        "database corruption or consensus incompatibility with peers.");
}

void qc_chain_failed(qc_chain *c, qc_index *bad)
{
    if (!c->best_invalid || qc_u256_cmp(&bad->chain_work, &c->best_invalid->chain_work) > 0)
        c->best_invalid = bad;
    for (size_t k = 0; k < qc_tree_count(c->tree); k++) {
        qc_index *i = qc_tree_at(c->tree, k);
        if (i != bad && i->height > bad->height && !qc_index_failed(i) &&
            qc_index_ancestor(i, bad->height) == bad)
            qc_tree_mark(c->tree, i, QC_BLOCK_FAILED_VALID, 0);
    }
    if (c->best_header && qc_index_ancestor(c->best_header, bad->height) == bad)
        qc_best_header_again(c);
    log_place("invalid block", bad);
    if (qc_active_tip(&c->active))
        log_place("current best", qc_active_tip(&c->active));
    qc_fork_warning(c);
}

void qc_block_failed(qc_chain *c, qc_index *i, const qc_verdict *v)
{
    if (v->code == QC_V_MUTATED)
        return;
    qc_tree_mark(c->tree, i, QC_BLOCK_FAILED_VALID, 0);
    qc_candidates_erase(&c->candidates, i);
    qc_chain_failed(c, i);
}
