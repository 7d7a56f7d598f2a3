/* Following the chain (Core txmempool.cpp removeForBlock, removeForReorg; validation.cpp
 * MaybeUpdateMempoolForReorg; kernel/disconnected_transactions). While blocks come and go only what
 * is surely gone is removed; what blocks that left had in them waits until the chain stands still,
 * and is then offered to the pool, oldest first. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/mempool/pool_internal.h"

#define RETURNED_OVERHEAD (2 * sizeof(qc_keyslot) + sizeof(void *))

/* ---- transactions that left a block ---- */

void qc_pool_returned_clear(qc_mempool *m)
{
    qc_returned *r = &m->returned;
    for (size_t i = r->head; i < r->n; i++)
        qc_mempool_entry_unref(r->tx[i]);
    qc_free(r->tx);
    qc_keymap_clear(&r->at);
    r->tx = NULL;
    r->head = r->n = r->cap = r->bytes = 0;
}

static qc_mempool_entry *returned_take(qc_returned *r, size_t i)
{
    qc_mempool_entry *e = r->tx[i];
    r->tx[i] = NULL;
    if (!e)
        return NULL;
    qc_keymap_take(&r->at, e->tx.rec->txid);
    r->bytes -= e->usage + RETURNED_OVERHEAD;
    return e;
}

static qc_err returned_room(qc_returned *r)
{
    if (r->n == r->cap) {
        size_t cap = r->cap * 2 + 64;
        qc_mempool_entry **v = qc_try_realloc(r->tx, cap * sizeof *v);
        if (!v)
            return QC_ENOMEM;
        r->tx = v;
        r->cap = cap;
    }
    return qc_keymap_reserve(&r->at, 1);
}

/* One that cannot be kept is as if it had not come back: its children cannot stay. */
static void returned_add(qc_mempool *m, const qc_tx *tx)
{
    qc_returned *r = &m->returned;
    if (qc_keymap_get(&r->at, tx->rec->txid))
        return; /* one of two old coinbases of one name */
    qc_mempool_entry *e = returned_room(r) ? NULL : qc_entry_new(m->slab, tx);
    if (!e) {
        qc_pool_remove_spenders(m, tx, QC_GONE_REORG);
        return;
    }
    r->tx[r->n++] = e;
    r->bytes += e->usage + RETURNED_OVERHEAD;
    qc_keymap_put(&r->at, e->tx.rec->txid, (void *)(uintptr_t)r->n);
}

static void returned_limit(qc_mempool *m)
{
    qc_returned *r = &m->returned;
    for (; r->bytes > QC_RETURNED_MAX_BYTES && r->head < r->n; r->head++) {
        qc_mempool_entry *e = returned_take(r, r->head);
        if (e)
            qc_pool_remove_spenders(m, &e->tx, QC_GONE_REORG);
        qc_mempool_entry_unref(e);
    }
}

/* ---- blocks ---- */

static void remove_conflicts(qc_mempool *m, const qc_tx *tx, const qc_hash *block)
{
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_mempool_entry *e = qc_keymap_get(&m->spent, &tx->in[i]);
        if (!e)
            continue;
        qc_pool_forget_delta(m, qc_entry_txid(e));
        qc_pool_remove_tree(m, e, QC_GONE_CONFLICT, block);
    }
}

static void confirm(qc_mempool *m, const qc_tx *tx, const qc_hash *block)
{
    const qc_hash *txid = (const qc_hash *)tx->rec->txid;
    qc_mempool_entry *e = qc_keymap_get(&m->by_txid, txid->b);
    if (e)
        qc_pool_remove(m, e, QC_GONE_BLOCK, block);
    remove_conflicts(m, tx, block);
    qc_pool_forget_delta(m, txid);
    uintptr_t at = (uintptr_t)qc_keymap_get(&m->returned.at, txid->b);
    if (at)
        qc_mempool_entry_unref(returned_take(&m->returned, at - 1));
}

static void improve(qc_mempool *m, const char *when)
{
    if (!qc_graph_work(m->graph, QC_WORK_AFTER_CHANGE))
        qc_log(QC_LOG_DEBUG, "mempool", "Mempool in non-optimal ordering after %s.", when);
}

static void on_connected(void *arg, const qc_index *i, const qc_block *b)
{
    qc_mempool *m = arg;
    m->chain_moves = true;
    m->updates++;
    m->tip = i;
    if (m->n || m->deltas.n || m->returned.n)
        for (uint32_t t = 0; t < qc_block_n_tx(b); t++) {
            const qc_tx tx = qc_block_tx(b, t);
            confirm(m, &tx, &i->hash);
        }
    qc_pool_news_block(m, i);
    m->min_rate_at = qc_clock_now();
    m->block_since_bump = true;
}

static void on_disconnected(void *arg, const qc_index *i, const qc_block *b)
{
    qc_mempool *m = arg;
    m->chain_moves = true;
    m->reorg = true;
    m->updates++;
    m->tip = i->parent;
    for (uint32_t t = qc_block_n_tx(b); t-- > 0;) {
        const qc_tx tx = qc_block_tx(b, t);
        returned_add(m, &tx);
    }
    returned_limit(m);
}

/* ---- the chain stands still ---- */

/* New entries may have children here already, which only now become related to them. */
static void adopt(qc_mempool *m, const qc_mempool_entry *e)
{
    qc_outpoint o = {.txid = *qc_entry_txid(e)};
    for (; o.n < e->tx.rec->n_out; o.n++) {
        const qc_mempool_entry *child = qc_mempool_spender(m, &o);
        if (child)
            qc_graph_depend(m->graph, e->ref, child->ref);
    }
}

static void trim_clusters(qc_mempool *m)
{
    qc_mempool_list l;
    qc_pool_list(m, qc_graph_trim(m->graph), &l);
    for (size_t i = 0; i < l.n; i++) {
        qc_mempool_entry *e = (qc_mempool_entry *)(uintptr_t)l.e[i];
        e->ref = QC_GRAPH_NONE; /* it is out of the graph by now */
        qc_pool_remove(m, e, QC_GONE_SIZELIMIT, NULL);
    }
    qc_mempool_list_clear(&l);
}

static void take_back(qc_mempool *m, bool wanted)
{
    qc_returned *r = &m->returned;
    qc_mempool_list back = {NULL, 0};
    for (size_t i = r->n; i-- > r->head;) {
        qc_mempool_entry *e = returned_take(r, i);
        if (!e)
            continue;
        if (wanted && !qc_tx_is_coinbase(&e->tx) && qc_pool_take_back(m, &e->tx))
            qc_list_add(&back, qc_mempool_entry_ref(qc_mempool_find(m, qc_entry_txid(e))));
        else
            qc_pool_remove_spenders(m, &e->tx, QC_GONE_REORG);
        qc_mempool_entry_unref(e);
    }
    for (size_t i = back.n; i-- > 0;) {
        if (back.e[i]->inside)
            adopt(m, back.e[i]);
        qc_mempool_entry_unref(back.e[i]);
    }
    qc_mempool_list_clear(&back);
    trim_clusters(m);
    qc_pool_returned_clear(m);
}

static bool coinbases_mature(const qc_mempool *m, const qc_mempool_entry *e)
{
    for (uint32_t i = 0; i < e->tx.rec->n_in; i++) {
        qc_outpoint o = qc_tx_prevout(&e->tx, i);
        qc_spent coin;
        if (qc_mempool_find(m, &o.txid))
            continue;
        if (qc_coins_get(m->coins, &o, &coin))
            return false;
        if (coin.coinbase && m->tip->height + 1 - coin.height < QC_COINBASE_MATURITY)
            return false;
    }
    return true;
}

static bool find_locks(const qc_mempool *m, qc_mempool_entry *e)
{
    qc_spent *spent = qc_alloc(e->tx.rec->n_in * sizeof *spent);
    bool found = true;
    for (uint32_t i = 0; i < e->tx.rec->n_in && found; i++) {
        qc_outpoint o = qc_tx_prevout(&e->tx, i);
        found = qc_mempool_coin(m, &o, &spent[i]) == QC_OK;
    }
    if (found)
        e->locks = qc_locks_of(&e->tx, spent, m->tip);
    qc_free(spent);
    return found;
}

/* Could it be in the next block, as far as time, place and inputs go? */
static bool still_valid(const qc_mempool *m, qc_mempool_entry *e)
{
    if (!qc_final_at(&e->tx, m->tip))
        return false;
    if (!qc_locks_hold(&e->locks, m->tip) && !find_locks(m, e))
        return false;
    return qc_locks_open(&e->locks, m->tip) && (!e->spends_coinbase || coinbases_mature(m, e));
}

static void drop_invalid(qc_mempool *m)
{
    qc_mempool_list bad = {NULL, 0};
    for (size_t i = 0; i < m->n; i++)
        if (!still_valid(m, m->all[i]))
            qc_list_add(&bad, qc_mempool_entry_ref(m->all[i]));
    for (size_t i = 0; i < bad.n; i++) {
        if (bad.e[i]->inside)
            qc_pool_remove_tree(m, (qc_mempool_entry *)(uintptr_t)bad.e[i], QC_GONE_REORG, NULL);
        qc_mempool_entry_unref(bad.e[i]);
    }
    qc_mempool_list_clear(&bad);
}

static bool check_now(qc_mempool *m)
{
    if (!m->o.check_ratio)
        return false;
    m->dice = m->dice * 6364136223846793005u + 1442695040888963407u;
    return (m->dice >> 33) % m->o.check_ratio == 0;
}

static void on_settled(void *arg, const qc_index *tip, bool give_back)
{
    qc_mempool *m = arg;
    bool moved = m->chain_moves;
    m->chain_moves = true; /* until the chain has told all */
    m->tip = tip;
    if (m->reorg) {
        m->reorg = false;
        take_back(m, give_back);
        drop_invalid(m);
        improve(m, "reorg");
        qc_mempool_trim(m);
    } else if (moved) {
        improve(m, "block");
    }
    if (moved && tip && check_now(m))
        qc_mempool_check(m);
}

static void on_told(void *arg)
{
    qc_mempool *m = arg;
    m->chain_moves = false;
    qc_pool_tell(m);
}

void qc_pool_follow(qc_mempool *m)
{
    const qc_chain_events ev = {
        .arg = m,
        .connected = on_connected,
        .disconnected = on_disconnected,
        .settled = on_settled,
        .told = on_told,
    };
    qc_chain_listen(m->chain, &ev);
}
