/* When a transaction may be in the next block: lock time, and BIP68 (Core validation.cpp
 * CheckFinalTxAtTip, CalculateLockPointsAtTip; consensus/tx_verify.cpp CalculateSequenceLocks). */
#include "core/mempool/pool_internal.h"

#define DISABLE (1u << 31)
#define BY_TIME (1u << 22)
#define MASK 0xffffu
#define GRANULARITY 9

bool qc_final_at(const qc_tx *tx, const qc_index *tip)
{
    return qc_tx_is_final(tx, tip->height + 1, qc_index_mtp(tip));
}

/* Time locks count from the median time of the block before the coin's. */
static int64_t coin_time(const qc_index *tip, uint32_t height)
{
    return qc_index_mtp(qc_index_ancestor(tip, height ? height - 1 : 0));
}

qc_lock_points qc_locks_of(const qc_tx *tx, const qc_spent *spent, const qc_index *tip)
{
    qc_lock_points l = {-1, -1, NULL};
    uint32_t highest = 0;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        uint32_t seq = tx->in[i].sequence;
        uint32_t from = spent[i].height == QC_MEMPOOL_HEIGHT ? tip->height + 1 : spent[i].height;
        bool counts = tx->rec->version >= 2 && !(seq & DISABLE);
        if (from <= tip->height && (counts || tx->rec->version < 2))
            highest = QC_MAX(highest, from);
        if (!counts)
            continue;
        int64_t value = seq & MASK;
        if (seq & BY_TIME)
            l.time = QC_MAX(l.time, coin_time(tip, from) + (value << GRANULARITY) - 1);
        else
            l.height = (int32_t)QC_MAX(l.height, (int64_t)from + value - 1);
    }
    l.max_input = qc_index_ancestor(tip, highest);
    return l;
}

bool qc_locks_open(const qc_lock_points *l, const qc_index *tip)
{
    return l->height < (int64_t)tip->height + 1 && l->time < (int64_t)qc_index_mtp(tip);
}

bool qc_locks_hold(const qc_lock_points *l, const qc_index *tip)
{
    return qc_index_ancestor(tip, l->max_input->height) == l->max_input;
}
