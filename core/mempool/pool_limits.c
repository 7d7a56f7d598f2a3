/* Keeping the pool within its limits: age, memory, and the fee that rises when memory was short
 * (Core txmempool.cpp Expire, TrimToSize, GetMinFee, trackPackageRemoved). */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/mempool/pool_internal.h"

#include <math.h>

#define HALF_LIFE (12 * 3600) /* seconds */
#define RATE_STEP 10          /* seconds between two reckonings */

/* The only floating-point value that decides anything: a rate that decays, as Core's does. */
static bool decay(qc_mempool *m)
{
    qc_unixtime now = qc_clock_now();
    if (now <= m->min_rate_at + RATE_STEP)
        return true;
    size_t used = qc_pool_usage(m);
    double half_life = HALF_LIFE;
    if (used < m->o.max_bytes / 4)
        half_life /= 4;
    else if (used < m->o.max_bytes / 2)
        half_life /= 2;
    m->min_rate /= pow(2.0, (double)(now - m->min_rate_at) / half_life);
    m->min_rate_at = now;
    if (m->min_rate >= (double)qc_feerate_kvb(m->o.policy.incremental) / 2)
        return true;
    m->min_rate = 0;
    return false;
}

qc_feerate qc_mempool_min_fee(qc_mempool *m)
{
    if (!m->block_since_bump || m->min_rate == 0)
        return qc_feerate_per_kvb(llround(m->min_rate));
    if (!decay(m))
        return qc_feerate_per_kvb(0);
    qc_feerate r = qc_feerate_per_kvb(llround(m->min_rate));
    return qc_feerate_cmp(r, m->o.policy.incremental) < 0 ? m->o.policy.incremental : r;
}

/* Nobody gets in at the rate of what was evicted: it costs the incremental fee more. */
void qc_pool_note_evicted(qc_mempool *m, qc_feesize chunk)
{
    int64_t rate = qc_feerate_kvb(qc_feerate_paid(chunk.fee, qc_vsize(chunk.size)));
    rate += qc_feerate_kvb(m->o.policy.incremental);
    if ((double)rate > m->min_rate) {
        m->min_rate = (double)rate;
        m->block_since_bump = false;
    }
}

/* A coin that only what was evicted wanted need not be kept at hand. */
static void uncache_inputs(qc_mempool *m, const qc_mempool_entry *e)
{
    for (uint32_t i = 0; i < e->tx.rec->n_in; i++) {
        qc_outpoint o = qc_tx_prevout(&e->tx, i);
        if (!qc_mempool_find(m, &o.txid))
            qc_coins_uncache(m->coins, &o);
    }
}

static size_t evict_worst(qc_mempool *m)
{
    qc_feesize sum;
    qc_mempool_list l;
    qc_pool_list(m, qc_graph_worst(m->graph, &sum), &l);
    qc_pool_note_evicted(m, sum);
    for (size_t i = 0; i < l.n; i++)
        qc_mempool_entry_ref(l.e[i]);
    for (size_t i = 0; i < l.n; i++)
        qc_pool_remove(m, (qc_mempool_entry *)(uintptr_t)l.e[i], QC_GONE_SIZELIMIT, NULL);
    for (size_t i = 0; i < l.n; i++) {
        uncache_inputs(m, l.e[i]);
        qc_mempool_entry_unref(l.e[i]);
    }
    size_t n = l.n;
    qc_mempool_list_clear(&l);
    return n;
}

static void trim_to_size(qc_mempool *m)
{
    size_t gone = 0;
    while (m->n && qc_pool_usage(m) > m->o.max_bytes)
        gone += evict_worst(m);
    if (gone)
        qc_log(QC_LOG_DEBUG, "mempool",
               "Removed %zu txn, rolling minimum fee bumped to %lld sat/kvB", gone,
               llround(m->min_rate));
}

static void find_older(const qc_mempool *m, qc_unixtime before, qc_mempool_list *out)
{
    *out = (qc_mempool_list){NULL, 0};
    for (size_t i = 0; i < m->n; i++)
        if (m->all[i]->time < before)
            qc_list_add(out, qc_mempool_entry_ref(m->all[i]));
}

/* Old entries with all that depends on them. `oldest` may be too low but never too high, so that
 * mostly nothing need be looked at. */
static size_t expire(qc_mempool *m, qc_unixtime before)
{
    size_t count = m->n;
    qc_mempool_list old;
    if (m->oldest >= before)
        return 0;
    find_older(m, before, &old);
    for (size_t i = 0; i < old.n; i++) {
        if (old.e[i]->inside)
            qc_pool_remove_tree(m, (qc_mempool_entry *)(uintptr_t)old.e[i], QC_GONE_EXPIRY, NULL);
        qc_mempool_entry_unref(old.e[i]);
    }
    qc_mempool_list_clear(&old);
    m->oldest = INT64_MAX;
    for (size_t i = 0; i < m->n; i++)
        m->oldest = QC_MIN(m->oldest, m->all[i]->time);
    return count - m->n;
}

void qc_mempool_trim(qc_mempool *m)
{
    size_t expired = expire(m, qc_clock_now() - m->o.expiry);
    if (expired)
        qc_log(QC_LOG_DEBUG, "mempool", "Expired %zu transactions from the memory pool", expired);
    trim_to_size(m);
    qc_pool_tell(m);
}
