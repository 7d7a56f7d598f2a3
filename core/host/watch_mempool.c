/* The mempool's part of a stream. It comes in when the chain has been told up to the tip: a look
 * through all of it, then news. News of a change of the tip wait until the chain was told as far;
 * and since the chain may then have been told further, what has been confirmed since is not said to
 * be seen. */
#include "core/host/watch_internal.h"

#include "core/base/alloc.h"

#define NEWS_AT_ONCE 256u

static void begin_sweep(qc_watch_stream *w)
{
    w->sweep = qc_watch_sweep_new(w->owner.id);
    w->sweep_at = 0;
    w->n_sweep++;
    w->before = w->swept;
    w->swept = w->want;
    w->src.sweep(w->src.arg, w->sweep);
}

static void end_sweep(qc_watch_stream *w)
{
    atomic_store(&w->sweep->given_up, true);
    qc_watch_sweep_let_go(w->sweep);
    w->sweep = NULL;
}

void qc_watch_mempool_close(qc_watch_stream *w)
{
    if (w->sweep)
        end_sweep(w);
}

/* ---- news ---- */

static void say_gone(qc_watch_stream *w, const qc_watch_mine *m, uint32_t reason, const qc_hash *by,
                     uint64_t chain_seq, const qn_block_ref *tip)
{
    qn_watch_event ev = {
        .type = QN_WATCH_EV_GONE, .reason = reason, .chain_seq = chain_seq, .ref = *tip};
    memcpy(ev.txid.b, m->txid.b, 32);
    memcpy(ev.wtxid.b, m->wtxid.b, 32);
    if (by)
        memcpy(ev.by.b, by->b, 32);
    qc_watch_say(w, &ev);
}

static bool spends_same(const qc_tx *a, const qc_tx *b)
{
    for (uint32_t i = 0; i < a->rec->n_in; i++)
        for (uint32_t k = 0; k < b->rec->n_in; k++)
            if (a->in[i].prev_n == b->in[k].prev_n &&
                memcmp(a->in[i].prev_txid, b->in[k].prev_txid, 32) == 0)
                return true;
    return false;
}

/* The transaction of the block that spends what this one does; zero when it spends but what came of
 * such a one, or the block cannot be read any more. */
static qc_hash who_conflicts(const qc_watch_stream *w, const qc_tx *tx, const qc_hash *block)
{
    const qc_index *at = w->src.find(w->src.arg, block);
    qc_hash by = {{0}};
    qc_block *b;
    if (!at || w->src.read(w->src.arg, at, &b))
        return by;
    for (uint32_t i = 1; i < qc_block_n_tx(b); i++) {
        const qc_tx other = qc_block_tx(b, i);
        if (!spends_same(&other, tx))
            continue;
        memcpy(by.b, other.rec->txid, 32);
        break;
    }
    qc_block_unref(b);
    return by;
}

static uint32_t reason_of(qc_mempool_why why)
{
    switch (why) {
    case QC_GONE_EXPIRY:
        return QN_WATCH_GONE_EXPIRY;
    case QC_GONE_SIZELIMIT:
        return QN_WATCH_GONE_SIZE;
    case QC_GONE_REORG:
        return QN_WATCH_GONE_REORG;
    case QC_GONE_BLOCK:
        break;
    case QC_GONE_CONFLICT:
        return QN_WATCH_GONE_CONFLICT;
    case QC_GONE_REPLACED:
        return QN_WATCH_GONE_REPLACED;
    }
    return QN_WATCH_GONE_UNKNOWN;
}

/* What a block has taken was told with it, and is not among ours any more; unless that block had
 * left the chain when the stream came by. Then nothing was told, and it is to be seen what becomes
 * of the transaction, as after an UNCONFIRMED. */
static bool gone(qc_watch_stream *w, const qc_watch_news *n)
{
    qc_watch_mine *m = qc_watch_mine_find(w, qc_entry_txid(n->tx->e));
    qc_hash by = n->by;
    if (!m || m->loose)
        return false;
    if (n->why == QC_GONE_BLOCK) {
        qc_watch_mine_loosen(w, &n->tx->e->tx);
        return false;
    }
    if (n->why == QC_GONE_CONFLICT)
        by = who_conflicts(w, &n->tx->e->tx, &n->by);
    say_gone(w, m, reason_of(n->why), &by, n->chain_seq, &n->tip);
    qc_watch_mine_drop(w, m);
    return true;
}

static bool seen(qc_watch_stream *w, qc_watch_tx *t, uint32_t gen, uint64_t chain_seq,
                 const qn_block_ref *tip)
{
    const qc_mempool_entry *e = t->e;
    if (!qc_watch_tell_tx(w, t, gen, chain_seq, tip)) /* t's reference is gone */
        return false;
    return qc_watch_mine_seen(w, qc_entry_txid(e), qc_entry_wtxid(e)) != NULL;
}

/* A transaction has come: nothing to tell if it was told, or is in a block by now. */
static bool came(qc_watch_stream *w, qc_watch_news *n)
{
    const qc_hash *txid = qc_entry_txid(n->tx->e);
    const qc_watch_mine *m = qc_watch_mine_find(w, txid);
    if ((m && !m->loose) || qc_watch_mine_recent(w, txid)) {
        qc_watch_tx_unref(n->tx);
        return false;
    }
    return seen(w, n->tx, 0, n->chain_seq, &n->tip);
}

static qn_status read_news(qc_watch_stream *w)
{
    for (unsigned i = 0; i < NEWS_AT_ONCE; i++) {
        qc_watch_news n;
        bool said = false;
        qc_watch_pool_next(w->src.pool, &w->place, w->at_seq, w->sweep, &n);
        switch (n.type) {
        case QC_NEWS_NONE:
            return QN_E_AGAIN;
        case QC_NEWS_LOST:
            w->joined = false;
            return QC_WATCH_MORE;
        case QC_NEWS_SEEN:
            said = came(w, &n);
            break;
        case QC_NEWS_GONE:
            said = gone(w, &n);
            qc_watch_tx_unref(n.tx);
            break;
        }
        if (said)
            return QN_OK;
    }
    return QC_WATCH_MORE;
}

/* ---- the end of a look, and of a reorganisation ---- */

/* Drop some of ours with an event for each. */
static void drop_some(qc_watch_stream *w, bool loose, const qn_block_ref *tip)
{
    size_t at = 0, n = 0;
    qc_watch_mine **list = qc_try_calloc(w->mine.n + 1, sizeof(qc_watch_mine *));
    if (!list || !qc_watch_room(w, w->mine.n + 1)) {
        w->failed = true;
        qc_free(list);
        return;
    }
    for (qc_watch_mine *m; (m = qc_keymap_next(&w->mine, &at));)
        if (m->loose == loose && (loose || m->sweep != w->n_sweep))
            list[n++] = m;
    for (size_t i = 0; i < n; i++) {
        qc_watch_mine *m = list[i];
        uint32_t reason = m->conflict        ? QN_WATCH_GONE_CONFLICT
                          : !loose || w->gap ? QN_WATCH_GONE_UNKNOWN
                                             : QN_WATCH_GONE_REORG;
        say_gone(w, m, reason, m->conflict ? &m->by : NULL, w->at_seq, tip);
        qc_watch_mine_drop(w, m);
    }
    qc_free(list);
}

/* The stream has told everything up to the tip. */
static qn_status settle(qc_watch_stream *w)
{
    const qn_block_ref tip = qc_watch_ref(w->follow.cursor);
    qc_watch_mine_recent_clear(w);
    if (!w->n_loose) {
        w->gap = false;
        return QN_E_AGAIN;
    }
    drop_some(w, true, &tip);
    w->gap = false;
    return QN_OK;
}

static qn_status finish_sweep(qc_watch_stream *w)
{
    const qc_watch_sweep *s = w->sweep;
    qn_watch_event ev = {
        .type = QN_WATCH_EV_MEMPOOL_SYNCED, .chain_seq = s->chain_seq, .ref = s->tip};
    if (!w->joined) {
        drop_some(w, false, &s->tip);
        w->place = s->place;
    }
    w->joined = true;
    qc_watch_say(w, &ev);
    end_sweep(w);
    return QN_OK;
}

static qn_status read_sweep(qc_watch_stream *w, bool *holds)
{
    qc_watch_sweep *s = w->sweep;
    bool began;
    uint64_t seq;
    bool done = qc_watch_sweep_state(w->src.pool, s, &began, &seq);
    *holds = began && w->at_seq >= seq;
    if (!done || w->at_seq < seq)
        return QN_E_AGAIN;
    if (s->failed) {
        w->swept = w->before;
        w->want = w->gen;
        end_sweep(w);
        return QN_E_NOMEM;
    }
    while (w->sweep_at < s->n) {
        qc_watch_tx *t = s->tx[w->sweep_at++];
        qc_watch_mine *m = qc_watch_mine_find(w, qc_entry_txid(t->e));
        bool told = m && !m->loose;
        if (told)
            m->sweep = w->n_sweep;
        if (qc_watch_mine_recent(w, qc_entry_txid(t->e)))
            continue;
        qc_watch_tx_ref(t);
        if (!seen(w, t, told ? w->before : 0, s->chain_seq, &s->tip))
            continue;
        m = qc_watch_mine_find(w, qc_entry_txid(t->e));
        if (m)
            m->sweep = w->n_sweep;
        return QN_OK;
    }
    return finish_sweep(w);
}

qn_status qc_watch_mempool_step(qc_watch_stream *w, bool *holds)
{
    uint64_t seq;
    bool followed;
    const qc_index *tip = qc_watch_pool_tip(w->src.pool, &seq, &followed);
    bool at_tip = tip && w->follow.cursor == tip;
    *holds = false;
    if (at_tip)
        w->at_seq = seq;
    if (!w->src.has_mempool || (w->flags & QN_WATCH_NO_MEMPOOL) || !w->at_seq)
        return QN_E_AGAIN;
    if (at_tip && !w->sweep && (!w->joined || w->want != w->swept))
        begin_sweep(w);
    if (w->joined) {
        qn_status st = read_news(w);
        if (st != QN_E_AGAIN)
            return st;
    }
    if (w->sweep)
        return read_sweep(w, holds);
    return w->joined && at_tip && followed ? settle(w) : QN_E_AGAIN;
}
