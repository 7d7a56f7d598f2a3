/* Every invariant of the pool, for tests and -checkmempool (Core txmempool.cpp check). */
#include "core/base/alloc.h"
#include "core/mempool/pool_internal.h"

/* Entries that the walk in mining order has not come to yet are not there for it. */
static void check_inputs(qc_mempool *m, const qc_mempool_entry *e)
{
    qc_spent *spent = qc_alloc((e->tx.rec->n_in + 1) * sizeof *spent);
    qc_verdict v;
    qc_amount fee;
    bool coinbase = false;
    for (uint32_t i = 0; i < e->tx.rec->n_in; i++) {
        qc_outpoint o = qc_tx_prevout(&e->tx, i);
        const qc_mempool_entry *p = qc_mempool_find(m, &o.txid);
        QC_ASSERT(!p || p->mark == m->mark);
        qc_err err = qc_mempool_coin(m, &o, &spent[i]);
        QC_ASSERT(!err);
        QC_ASSERT(qc_keymap_get(&m->spent, &e->tx.in[i]) == e);
        coinbase = coinbase || spent[i].coinbase;
    }
    bool valid = qc_check_tx_inputs(&e->tx, spent, m->tip->height + 1, &fee, &v);
    QC_ASSERT(valid && fee == e->fee);
    QC_ASSERT(coinbase == e->spends_coinbase);
    QC_ASSERT(qc_final_at(&e->tx, m->tip) && qc_locks_hold(&e->locks, m->tip));
    qc_free(spent);
}

static void check_graph(const qc_mempool *m, const qc_mempool_entry *e)
{
    qc_mempool_list parents, up;
    qc_feesize own = qc_graph_feesize(m->graph, e->ref);
    QC_ASSERT(qc_entry_of(m, e->ref) == e && own.size == e->adjusted_weight);
    qc_mempool_parents(m, e, &parents);
    qc_mempool_ancestors(m, e, &up);
    for (size_t p = 0; p < parents.n; p++) {
        bool found = false;
        for (size_t k = 0; k < up.n; k++)
            found = found || up.e[k] == parents.e[p];
        QC_ASSERT(found);
    }
    QC_ASSERT(up.n >= parents.n);
    qc_mempool_list_clear(&parents);
    qc_mempool_list_clear(&up);
}

static void check_entry(qc_mempool *m, const qc_mempool_entry *e)
{
    const qc_policy *p = &m->o.policy;
    QC_ASSERT(e->inside && e->place < m->n && m->all[e->place] == e);
    QC_ASSERT(qc_keymap_get(&m->by_txid, e->tx.rec->txid) == e);
    QC_ASSERT(qc_keymap_get(&m->by_wtxid, e->tx.rec->wtxid) == e);
    QC_ASSERT(e->modified_fee == qc_fee_add(e->fee, qc_mempool_delta(m, qc_entry_txid(e))));
    QC_ASSERT(e->adjusted_weight ==
              qc_adjusted_weight(e->tx.rec->weight, e->sigop_cost, p->bytes_per_sigop));
    QC_ASSERT(e->vsize == qc_vsize(e->adjusted_weight) && e->time >= m->oldest);
    check_inputs(m, e);
    check_graph(m, e);
}

void qc_mempool_check(qc_mempool *m)
{
    qc_mempool_list sorted;
    uint64_t vbytes = 0;
    qc_amount fees = 0;
    size_t held = 0, inputs = 0;
    m->mark++;
    qc_graph_check(m->graph);
    QC_ASSERT(qc_graph_count(m->graph, QC_GRAPH_MAIN) == m->n);
    QC_ASSERT(!qc_graph_oversized(m->graph, QC_GRAPH_MAIN));
    qc_mempool_sorted(m, &sorted);
    for (size_t i = 0; i < sorted.n; i++) {
        qc_mempool_entry *e = (qc_mempool_entry *)(uintptr_t)sorted.e[i];
        QC_ASSERT(i == 0 || qc_mempool_compare(m, sorted.e[i - 1], e) < 0);
        check_entry(m, e);
        e->mark = m->mark;
        vbytes += (uint64_t)e->vsize;
        fees += e->fee;
        held += e->usage;
        inputs += e->tx.rec->n_in;
    }
    qc_mempool_list_clear(&sorted);
    QC_ASSERT(vbytes == m->vbytes && fees == m->fees && held == m->held);
    QC_ASSERT(m->by_txid.n == m->n && m->by_wtxid.n == m->n && m->spent.n == inputs);
    QC_ASSERT(m->unbroadcast.n <= m->n);
}
