/* What the mock's watch finds, and what it has to tell of it. */
#include "lib/mock/watch.h"

#include "lib/tx.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH 1

qn_block_ref qn_mk_ref(const qn_mk_block *b)
{
    qn_block_ref r = {.height = UINT32_MAX};
    if (b) {
        memcpy(r.hash.b, b->view->hash, 32);
        r.height = b->view->height;
    }
    return r;
}

int64_t qn_mk_time(const qn_mk_block *b)
{
    const uint8_t *t = qn_view_raw(b->view) + 68;
    return (int64_t)((uint32_t)t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 |
                     (uint32_t)t[3] << 24);
}

/* ---- the set ---- */

static bool same_item(const qn_mk_item *i, const uint8_t *script, uint32_t len,
                      const qn_mempool_outpoint *coin)
{
    if (!script)
        return !i->script && memcmp(&i->coin, coin, sizeof *coin) == 0;
    return i->script && i->len == len && memcmp(i->script, script, len) == 0;
}

qn_mk_item *qn_mk_item_find(const qn_mk_watcher *w, const uint8_t *script, uint32_t len,
                            const qn_mempool_outpoint *coin)
{
    for (size_t i = 0; i < w->n_item; i++)
        if (same_item(&w->item[i], script, len, coin))
            return &w->item[i];
    return NULL;
}

void qn_mk_item_put(qn_mk_watcher *w, uint64_t cookie, const uint8_t *script, uint32_t len,
                    const qn_mempool_outpoint *coin)
{
    qn_mk_item *i = qn_mk_item_find(w, script, len, coin);
    if (i) {
        i->added = i->cookie == cookie ? i->added : w->added;
        i->cookie = cookie;
        return;
    }
    w->item = qn_mk_grow(w->item, (w->n_item + 1) * sizeof *w->item);
    i = &w->item[w->n_item++];
    *i = (qn_mk_item){.cookie = cookie, .added = w->added, .len = len};
    if (script)
        i->script = (uint8_t *)qn_mk_text((const char *)script, len);
    else
        i->coin = *coin;
}

void qn_mk_item_drop(qn_mk_watcher *w, qn_mk_item *i)
{
    if (!i)
        return;
    free(i->script);
    *i = w->item[--w->n_item];
}

void qn_mk_items_drop(qn_mk_watcher *w)
{
    while (w->n_item)
        qn_mk_item_drop(w, &w->item[w->n_item - 1]);
    free(w->item);
    w->item = NULL;
}

/* ---- events ---- */

qn_mk_queued *qn_mk_queue(qn_mk_watcher *w, const qn_watch_event *ev)
{
    w->queue = qn_mk_grow(w->queue, (w->n_queue + 1) * sizeof *w->queue);
    qn_mk_queued *q = &w->queue[w->n_queue++];
    *q = (qn_mk_queued){.ev = *ev};
    q->ev.epoch = EPOCH;
    return q;
}

void qn_mk_queue_drop(qn_mk_watcher *w)
{
    for (; w->head < w->n_queue; w->head++) {
        free(w->queue[w->head].tx);
        free(w->queue[w->head].script);
    }
    w->head = w->n_queue = 0;
}

static qn_mk_told *told_of(const qn_mk_watcher *w, const qn_hash *txid)
{
    for (size_t i = 0; i < w->n_told; i++)
        if (memcmp(&w->told[i].txid, txid, sizeof *txid) == 0)
            return &w->told[i];
    return NULL;
}

static void tell(qn_mk_watcher *w, const qn_hash *txid, bool seen)
{
    qn_mk_told *t = told_of(w, txid);
    if (!t) {
        w->told = qn_mk_grow(w->told, (w->n_told + 1) * sizeof *w->told);
        t = &w->told[w->n_told++];
    }
    *t = (qn_mk_told){*txid, seen, w->added};
}

static void untell(qn_mk_watcher *w, const qn_hash *txid)
{
    qn_mk_told *t = told_of(w, txid);
    if (t)
        *t = w->told[--w->n_told];
}

static void hit(qn_mk_look *l, const qn_mk_item *i, uint32_t flags, uint32_t io,
                const qn_mempool_outpoint *coin, const qn_spent_rec *of, const uint8_t *script)
{
    if (!i || i->added <= l->after || i->cookie < l->first || i->cookie > l->last)
        return;
    qn_watch_event ev = l->ev;
    ev.flags |= flags;
    ev.cookie = i->cookie;
    ev.io = io;
    ev.coin = *coin;
    ev.value = of->value;
    if (flags & QN_WATCH_EVF_SPENT) {
        ev.coin_height = of->height;
        ev.flags |= of->coinbase ? QN_WATCH_EVF_COIN_COINBASE : 0u;
    }
    ev.script_len = of->script_len;
    ev.tx_len = l->w->flags & QN_WATCH_NO_TX ? 0 : l->tx_len;
    qn_mk_queued *q = qn_mk_queue(l->w, &ev);
    q->script = (uint8_t *)qn_mk_text((const char *)script, of->script_len);
    q->tx = ev.tx_len ? (uint8_t *)qn_mk_text((const char *)l->tx, ev.tx_len) : NULL;
}

static void begin_tx(qn_mk_look *l, const uint8_t *txid, const uint8_t *wtxid, const uint8_t *tx,
                     uint32_t len)
{
    memcpy(l->ev.txid.b, txid, 32);
    memcpy(l->ev.wtxid.b, wtxid, 32);
    l->tx = tx;
    l->tx_len = len;
    l->from = l->w->n_queue;
}

/* Returns: whether there was a hit. */
static bool end_tx(const qn_mk_look *l)
{
    size_t n = l->w->n_queue - l->from;
    for (size_t i = 0; i < n; i++) {
        l->w->queue[l->from + i].ev.hit = (uint32_t)i;
        l->w->queue[l->from + i].ev.n_hits = (uint32_t)n;
    }
    return n > 0;
}

static void made(qn_mk_look *l, uint32_t n, int64_t value, const uint8_t *script, uint32_t len)
{
    const qn_mempool_outpoint coin = {l->ev.txid, n};
    const qn_spent_rec of = {.value = value, .script_len = len};
    hit(l, qn_mk_item_find(l->w, script, len, NULL), 0, n, &coin, &of, script);
}

static void spent(qn_mk_look *l, uint32_t n, const qn_mempool_outpoint *coin,
                  const qn_spent_rec *of, const uint8_t *script)
{
    static const uint8_t none[1];
    script = script ? script : none;
    hit(l, qn_mk_item_find(l->w, script, of->script_len, NULL), QN_WATCH_EVF_SPENT, n, coin, of,
        script);
    hit(l, qn_mk_item_find(l->w, NULL, 0, coin), QN_WATCH_EVF_SPENT | QN_WATCH_EVF_OUTPOINT, n,
        coin, of, script);
}

/* Hits of a block. Returns how many. */
size_t qn_mk_match_block(qn_mk_look *l, const qn_mk_block *b, uint32_t type)
{
    const qn_block_view *v = b->view;
    size_t before = l->w->n_queue;
    l->ev.type = type;
    l->ev.ref = qn_mk_ref(b);
    l->ev.time = qn_mk_time(b);
    for (uint32_t i = 0; i < v->tx.count; i++) {
        const qn_tx_rec *t = qn_view_tx(v, i);
        l->ev.tx_index = i;
        l->ev.fee = i ? qn_view_fee(v, i) : 0;
        if (i == 0)
            l->ev.flags |= QN_WATCH_EVF_COINBASE;
        begin_tx(l, t->txid, t->wtxid, qn_view_raw(v) + t->off, t->len);
        for (uint32_t k = 0; i && k < t->n_in; k++) {
            const qn_in_rec *in = qn_view_in(v, t->in0 + k);
            const qn_spent_rec *s = qn_view_spent(v, t->in0 + k);
            qn_mempool_outpoint coin = {.n = in->prev_n};
            memcpy(coin.txid.b, in->prev_txid, 32);
            spent(l, k, &coin, s, qn_view_spent_script(v, s));
        }
        for (uint32_t k = 0; k < t->n_out; k++) {
            const qn_out_rec *o = qn_view_out(v, t->out0 + k);
            made(l, k, o->value, qn_view_raw(v) + o->script_off, o->script_len);
        }
        if (end_tx(l) && type == QN_WATCH_EV_UNCONFIRMED)
            tell(l->w, &l->ev.txid, false);
        else if (type == QN_WATCH_EV_CONFIRMED)
            untell(l->w, &l->ev.txid);
        l->ev.flags &= ~QN_WATCH_EVF_COINBASE;
    }
    return l->w->n_queue - before;
}

/* ---- the mempool ---- */

/* The coin of an outpoint, in the active chain or in the mempool. */
static bool coin_of(const qn_mock *m, const qn_mempool_outpoint *o, qn_spent_rec *out,
                    const uint8_t **script)
{
    for (uint32_t h = 0; h <= m->height; h++) {
        const qn_block_view *v = m->active[h]->view;
        for (uint32_t i = 0; i < v->tx.count; i++) {
            const qn_tx_rec *t = qn_view_tx(v, i);
            if (memcmp(t->txid, o->txid.b, 32) != 0 || o->n >= t->n_out)
                continue;
            const qn_out_rec *r = qn_view_out(v, t->out0 + o->n);
            *out = (qn_spent_rec){
                .value = r->value, .script_len = r->script_len, .height = h, .coinbase = i == 0};
            *script = qn_view_raw(v) + r->script_off;
            return true;
        }
    }
    for (uint32_t i = 0; i < m->n_pool; i++) {
        qn_tx_view v;
        qn_tx_cursor c = {0};
        qn_tx_out r;
        if (memcmp(&m->pool[i].txid, &o->txid, 32) != 0 || !m->pool[i].bytes ||
            !qn_tx_read(m->pool[i].bytes, m->pool[i].len, &v))
            continue;
        while (qn_tx_next_out(&v, &c, &r))
            if (c.index == o->n + 1) {
                *out = (qn_spent_rec){
                    .value = r.value, .script_len = (uint32_t)r.script_len, .height = UINT32_MAX};
                *script = r.script;
                return true;
            }
    }
    return false;
}

static bool match_pool(qn_mk_look *l, const qn_mock *m, const qn_mock_tx *t)
{
    static const uint8_t zero[32];
    qn_tx_view v;
    qn_tx_cursor c = {0};
    qn_tx_in in;
    qn_tx_out out;
    if (!t->bytes || !qn_tx_read(t->bytes, t->len, &v))
        return false;
    l->ev.fee = t->fee;
    begin_tx(l, t->txid.b, memcmp(&t->wtxid, zero, 32) ? t->wtxid.b : t->txid.b, t->bytes, t->len);
    for (uint32_t k = 0; qn_tx_next_in(&v, &c, &in); k++) {
        qn_mempool_outpoint coin = {.n = in.prev_n};
        qn_spent_rec of = {.height = UINT32_MAX};
        const uint8_t *script = NULL;
        memcpy(coin.txid.b, in.prev_txid, 32);
        (void)coin_of(m, &coin, &of, &script);
        spent(l, k, &coin, &of, script);
    }
    c = (qn_tx_cursor){0};
    for (uint32_t k = 0; qn_tx_next_out(&v, &c, &out); k++)
        made(l, k, out.value, out.script, (uint32_t)out.script_len);
    return end_tx(l);
}

static qn_watch_event of_pool(const qn_mock *m, uint32_t type)
{
    return (qn_watch_event){.type = type,
                            .chain_seq = m->chain_seq,
                            .time = type == QN_WATCH_EV_SEEN ? 1700000000 : 0,
                            .ref = qn_mk_ref(m->active[m->height])};
}

static bool in_pool(const qn_mock *m, const qn_hash *txid)
{
    for (uint32_t i = 0; i < m->n_pool; i++)
        if (memcmp(&m->pool[i].txid, txid, sizeof *txid) == 0)
            return true;
    return false;
}

static void tell_gone(qn_mock *m, qn_mk_watcher *w, const qn_hash *txid)
{
    qn_watch_event ev = of_pool(m, QN_WATCH_EV_GONE);
    ev.txid = ev.wtxid = *txid;
    ev.reason = QN_WATCH_GONE_REORG;
    for (uint32_t i = 0; i < m->n_left; i++)
        if (memcmp(&m->left[i].txid, txid, sizeof *txid) == 0) {
            ev.reason = m->left[i].reason;
            ev.by = m->left[i].by;
        }
    if (ev.reason != QN_MEMPOOL_GONE_BLOCK)
        (void)qn_mk_queue(w, &ev);
}

/* What has changed of the mempool since it was looked at last. */
void qn_mk_watch_pool(qn_mock *m, qn_mk_watcher *w)
{
    for (size_t i = w->n_told; i-- > 0;)
        if (!in_pool(m, &w->told[i].txid)) {
            const qn_hash txid = w->told[i].txid;
            w->told[i] = w->told[--w->n_told];
            tell_gone(m, w, &txid);
        }
    for (uint32_t i = 0; i < m->n_pool; i++) {
        qn_mk_look l = {.w = w, .last = UINT64_MAX, .ev = of_pool(m, QN_WATCH_EV_SEEN)};
        const qn_mk_told *t = told_of(w, &m->pool[i].txid);
        l.after = t && t->seen ? t->added : 0;
        if (l.after < w->added && match_pool(&l, m, &m->pool[i]))
            tell(w, &m->pool[i].txid, true);
    }
    if (!w->was_synced || w->synced != w->added) {
        const qn_watch_event ev = of_pool(m, QN_WATCH_EV_MEMPOOL_SYNCED);
        (void)qn_mk_queue(w, &ev);
    }
    w->was_synced = true;
    w->synced = w->added;
}
