/* Which transactions of ours are in no block: those of the mempool that were told, and those that a
 * reorganisation has left, until it is known what becomes of them. */
#include "core/host/watch_internal.h"

#include "core/base/alloc.h"

void qc_watch_mine_init(qc_watch_stream *w)
{
    qc_keymap_init(&w->mine, 32);
    qc_keymap_init(&w->spent, 36);
    qc_keymap_init(&w->recent, 32);
}

qc_watch_mine *qc_watch_mine_find(const qc_watch_stream *w, const qc_hash *txid)
{
    return qc_keymap_get(&w->mine, txid->b);
}

static void not_loose(qc_watch_stream *w, qc_watch_mine *m)
{
    for (uint32_t i = 0; i < m->n_in; i++)
        if (qc_keymap_get(&w->spent, &m->in[i]) == m)
            (void)qc_keymap_take(&w->spent, &m->in[i]);
    w->n_loose -= m->loose;
    qc_free(m->in);
    m->in = NULL;
    m->n_in = 0;
    m->loose = m->conflict = false;
}

void qc_watch_mine_drop(qc_watch_stream *w, qc_watch_mine *m)
{
    if (!m)
        return;
    not_loose(w, m);
    (void)qc_keymap_take(&w->mine, m->txid.b);
    qc_free(m);
}

static qc_watch_mine *mine_new(qc_watch_stream *w, const qc_hash *txid, const qc_hash *wtxid)
{
    qc_watch_mine *m = qc_try_alloc(sizeof *m);
    if (!m || qc_keymap_reserve(&w->mine, 1)) {
        qc_free(m);
        w->failed = true;
        return NULL;
    }
    m->txid = *txid;
    m->wtxid = *wtxid;
    qc_keymap_put(&w->mine, m->txid.b, m);
    return m;
}

qc_watch_mine *qc_watch_mine_seen(qc_watch_stream *w, const qc_hash *txid, const qc_hash *wtxid)
{
    qc_watch_mine *m = qc_watch_mine_find(w, txid);
    if (!m)
        return mine_new(w, txid, wtxid);
    not_loose(w, m);
    m->wtxid = *wtxid;
    return m;
}

void qc_watch_mine_loosen(qc_watch_stream *w, const qc_tx *tx)
{
    const qc_hash *txid = (const qc_hash *)tx->rec->txid;
    qc_watch_mine *m = qc_watch_mine_seen(w, txid, (const qc_hash *)tx->rec->wtxid);
    if (!m)
        return;
    m->loose = true;
    m->coinbase = qc_tx_is_coinbase(tx);
    w->n_loose++;
    m->in = m->coinbase ? NULL : qc_try_calloc(tx->rec->n_in, sizeof *m->in);
    if (!m->in || qc_keymap_reserve(&w->spent, tx->rec->n_in))
        return; /* then it cannot be said what came in its place */
    for (; m->n_in < tx->rec->n_in; m->n_in++) {
        m->in[m->n_in] = qc_tx_prevout(tx, m->n_in);
        if (!qc_keymap_get(&w->spent, &m->in[m->n_in]))
            qc_keymap_put(&w->spent, (const uint8_t *)&m->in[m->n_in], m);
    }
}

static void not_recent(qc_watch_stream *w, const qc_hash *txid)
{
    qc_free(qc_keymap_take(&w->recent, txid->b));
}

void qc_watch_mine_left(qc_watch_stream *w, const qc_block *b, const qc_watch_hits *hits)
{
    for (size_t i = 0; i < hits->n; i++) {
        const qc_tx tx = qc_block_tx(b, hits->hit[i].tx);
        if (i && hits->hit[i].tx == hits->hit[i - 1].tx)
            continue;
        not_recent(w, (const qc_hash *)tx.rec->txid);
        if (w->src.has_mempool && !(w->flags & QN_WATCH_NO_MEMPOOL))
            qc_watch_mine_loosen(w, &tx);
    }
}

static void make_recent(qc_watch_stream *w, const qc_tx *tx)
{
    if (qc_keymap_get(&w->recent, tx->rec->txid))
        return;
    qc_hash *h = qc_try_alloc(sizeof *h);
    if (!h || qc_keymap_reserve(&w->recent, 1)) {
        qc_free(h);
        w->failed = true;
        return;
    }
    memcpy(h->b, tx->rec->txid, 32);
    qc_keymap_put(&w->recent, h->b, h);
}

/* Also those whose scripts are not watched any more. */
static void confirm(qc_watch_stream *w, const qc_block *b)
{
    for (uint32_t t = 0; w->mine.n && t < qc_block_n_tx(b); t++) {
        const qc_tx tx = qc_block_tx(b, t);
        qc_watch_mine_drop(w, qc_keymap_get(&w->mine, tx.rec->txid));
        for (uint32_t i = 0; w->spent.n && i < tx.rec->n_in; i++) {
            const qc_outpoint o = qc_tx_prevout(&tx, i);
            qc_watch_mine *m = qc_keymap_get(&w->spent, &o);
            if (!m)
                continue;
            m->conflict = true;
            memcpy(m->by.b, tx.rec->txid, 32);
        }
    }
}

void qc_watch_mine_joined(qc_watch_stream *w, const qc_block *b, const qc_watch_hits *hits)
{
    confirm(w, b);
    for (size_t i = 0; w->at_seq && i < hits->n; i++) {
        const qc_tx tx = qc_block_tx(b, hits->hit[i].tx);
        make_recent(w, &tx);
    }
}

bool qc_watch_mine_recent(const qc_watch_stream *w, const qc_hash *txid)
{
    return qc_keymap_get(&w->recent, txid->b) != NULL;
}

void qc_watch_mine_recent_clear(qc_watch_stream *w)
{
    size_t at = 0;
    if (!w->recent.n)
        return;
    for (qc_hash *h; (h = qc_keymap_next(&w->recent, &at));)
        qc_free(h);
    qc_keymap_clear(&w->recent);
    qc_keymap_init(&w->recent, 32);
}

void qc_watch_mine_clear(qc_watch_stream *w)
{
    size_t at = 0;
    qc_watch_mine_recent_clear(w);
    for (qc_watch_mine *m; (m = qc_keymap_next(&w->mine, &at));) {
        qc_free(m->in);
        qc_free(m);
    }
    qc_keymap_clear(&w->mine);
    qc_keymap_clear(&w->spent);
    qc_keymap_clear(&w->recent);
    w->n_loose = 0;
}
