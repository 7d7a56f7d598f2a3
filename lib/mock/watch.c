/* The mock's watch: derived from its chain and its mempool at every next(), like the host's. A
 * transaction of the mempool needs its bytes to be a hit; what it spends is looked up in the active
 * chain and among the others. */
#include "lib/mock/internal.h"

#include "lib/tx.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH 1
#define EVENTS 1024u
#define RESCANS 4

typedef struct item {
    uint64_t cookie, added; /* added: number of the add() that brought it */
    uint8_t *script;        /* NULL: an outpoint */
    uint32_t len;
    qn_mempool_outpoint coin;
} item;

typedef struct queued {
    qn_watch_event ev;
    uint8_t *tx, *script; /* copies; NULL: none */
} queued;

/* A cursor that waits after the hits of a block. */
typedef struct stage {
    qn_mk_block *block; /* its hits have been told; NULL: none */
    uint64_t wait;      /* seq that must be acknowledged */
    uint64_t added;     /* the add() up to which it was looked through */
} stage;

typedef struct rescan {
    uint64_t id; /* 0: free */
    uint32_t next, to;
    uint64_t first, last;
    bool canceled;
    stage at;
} rescan;

struct qn_mk_watcher {
    uint64_t id; /* 0: free */
    uint64_t seq, acked, added, synced;
    uint32_t flags, from_height, window;
    bool waiting, was_synced;
    qn_mk_block *cursor;
    qn_watch_ready_fn *on_ready;
    void *arg;
    item *item;
    size_t n_item;
    stage at;
    rescan rescan[RESCANS];
    qn_hash *told; /* SEEN or UNCONFIRMED, and nothing since */
    size_t n_told;
    queued *queue;
    size_t head, n_queue;
};

static qn_mk_watcher *by_id(const qn_mock *m, uint64_t id)
{
    for (int i = 0; id && i < MOCK_FOLLOWS; i++)
        if (m->watcher[i].id == id)
            return &m->watcher[i];
    return NULL;
}

static qn_block_ref ref_of(const qn_mk_block *b)
{
    qn_block_ref r = {.height = UINT32_MAX};
    if (b) {
        memcpy(r.hash.b, b->view->hash, 32);
        r.height = b->view->height;
    }
    return r;
}

static int64_t time_of(const qn_mk_block *b)
{
    const uint8_t *t = qn_view_raw(b->view) + 68;
    return (int64_t)((uint32_t)t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 |
                     (uint32_t)t[3] << 24);
}

/* ---- the set ---- */

static bool same_item(const item *i, const uint8_t *script, uint32_t len,
                      const qn_mempool_outpoint *coin)
{
    if (!script)
        return !i->script && memcmp(&i->coin, coin, sizeof *coin) == 0;
    return i->script && i->len == len && memcmp(i->script, script, len) == 0;
}

static item *find_item(const qn_mk_watcher *w, const uint8_t *script, uint32_t len,
                       const qn_mempool_outpoint *coin)
{
    for (size_t i = 0; i < w->n_item; i++)
        if (same_item(&w->item[i], script, len, coin))
            return &w->item[i];
    return NULL;
}

static void put_item(qn_mk_watcher *w, uint64_t cookie, const uint8_t *script, uint32_t len,
                     const qn_mempool_outpoint *coin)
{
    item *i = find_item(w, script, len, coin);
    if (i) {
        i->cookie = cookie;
        return;
    }
    w->item = qn_mk_grow(w->item, (w->n_item + 1) * sizeof *w->item);
    i = &w->item[w->n_item++];
    *i = (item){.cookie = cookie, .added = w->added, .len = len};
    if (script)
        i->script = (uint8_t *)qn_mk_text((const char *)script, len);
    else
        i->coin = *coin;
}

static void drop_item(qn_mk_watcher *w, item *i)
{
    if (!i)
        return;
    free(i->script);
    *i = w->item[--w->n_item];
}

static void drop_items(qn_mk_watcher *w)
{
    while (w->n_item)
        drop_item(w, &w->item[w->n_item - 1]);
    free(w->item);
    w->item = NULL;
}

/* ---- events ---- */

static queued *queue(qn_mk_watcher *w, const qn_watch_event *ev)
{
    w->queue = qn_mk_grow(w->queue, (w->n_queue + 1) * sizeof *w->queue);
    queued *q = &w->queue[w->n_queue++];
    *q = (queued){.ev = *ev};
    q->ev.epoch = EPOCH;
    return q;
}

static void drop_queue(qn_mk_watcher *w)
{
    for (; w->head < w->n_queue; w->head++) {
        free(w->queue[w->head].tx);
        free(w->queue[w->head].script);
    }
    w->head = w->n_queue = 0;
}

static bool told(const qn_mk_watcher *w, const qn_hash *txid)
{
    for (size_t i = 0; i < w->n_told; i++)
        if (memcmp(&w->told[i], txid, sizeof *txid) == 0)
            return true;
    return false;
}

static void tell(qn_mk_watcher *w, const qn_hash *txid)
{
    if (told(w, txid))
        return;
    w->told = qn_mk_grow(w->told, (w->n_told + 1) * sizeof *w->told);
    w->told[w->n_told++] = *txid;
}

static void untell(qn_mk_watcher *w, const qn_hash *txid)
{
    for (size_t i = 0; i < w->n_told; i++)
        if (memcmp(&w->told[i], txid, sizeof *txid) == 0)
            w->told[i] = w->told[--w->n_told];
}

/* What is looked for: items that were added after `after`, with a cookie of this range. */
typedef struct look {
    qn_mk_watcher *w;
    uint64_t after, first, last;
    qn_watch_event ev; /* what all hits share */
    const uint8_t *tx;
    uint32_t tx_len;
    size_t from; /* of the queue: the transaction's first hit */
} look;

static void hit(look *l, const item *i, uint32_t flags, uint32_t io,
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
    queued *q = queue(l->w, &ev);
    q->script = (uint8_t *)qn_mk_text((const char *)script, of->script_len);
    q->tx = ev.tx_len ? (uint8_t *)qn_mk_text((const char *)l->tx, ev.tx_len) : NULL;
}

static void begin_tx(look *l, const uint8_t *txid, const uint8_t *wtxid, const uint8_t *tx,
                     uint32_t len)
{
    memcpy(l->ev.txid.b, txid, 32);
    memcpy(l->ev.wtxid.b, wtxid, 32);
    l->tx = tx;
    l->tx_len = len;
    l->from = l->w->n_queue;
}

/* Returns: whether there was a hit. */
static bool end_tx(const look *l)
{
    size_t n = l->w->n_queue - l->from;
    for (size_t i = 0; i < n; i++) {
        l->w->queue[l->from + i].ev.hit = (uint32_t)i;
        l->w->queue[l->from + i].ev.n_hits = (uint32_t)n;
    }
    return n > 0;
}

static void made(look *l, uint32_t n, int64_t value, const uint8_t *script, uint32_t len)
{
    const qn_mempool_outpoint coin = {l->ev.txid, n};
    const qn_spent_rec of = {.value = value, .script_len = len};
    hit(l, find_item(l->w, script, len, NULL), 0, n, &coin, &of, script);
}

static void spent(look *l, uint32_t n, const qn_mempool_outpoint *coin, const qn_spent_rec *of,
                  const uint8_t *script)
{
    static const uint8_t none[1];
    script = script ? script : none;
    hit(l, find_item(l->w, script, of->script_len, NULL), QN_WATCH_EVF_SPENT, n, coin, of, script);
    hit(l, find_item(l->w, NULL, 0, coin), QN_WATCH_EVF_SPENT | QN_WATCH_EVF_OUTPOINT, n, coin, of,
        script);
}

/* Hits of a block. Returns how many. */
static size_t match_block(look *l, const qn_mk_block *b, uint32_t type)
{
    const qn_block_view *v = b->view;
    size_t before = l->w->n_queue;
    l->ev.type = type;
    l->ev.ref = ref_of(b);
    l->ev.time = time_of(b);
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
            tell(l->w, &l->ev.txid);
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

static bool match_pool(look *l, const qn_mock *m, const qn_mock_tx *t)
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
                            .ref = ref_of(m->active[m->height])};
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
        (void)queue(w, &ev);
}

/* What has changed of the mempool since it was looked at last. */
static void follow_pool(qn_mock *m, qn_mk_watcher *w)
{
    for (size_t i = w->n_told; i-- > 0;)
        if (!in_pool(m, &w->told[i])) {
            const qn_hash txid = w->told[i];
            w->told[i] = w->told[--w->n_told];
            tell_gone(m, w, &txid);
        }
    for (uint32_t i = 0; i < m->n_pool; i++) {
        look l = {.w = w, .last = UINT64_MAX, .ev = of_pool(m, QN_WATCH_EV_SEEN)};
        if (!told(w, &m->pool[i].txid) && match_pool(&l, m, &m->pool[i]))
            tell(w, &m->pool[i].txid);
    }
    if (!w->was_synced || w->synced != w->added) {
        const qn_watch_event ev = of_pool(m, QN_WATCH_EV_MEMPOOL_SYNCED);
        (void)queue(w, &ev);
    }
    w->was_synced = true;
    w->synced = w->added;
}

/* ---- steps ---- */

/* The block's hits are told and acknowledged: once more for what was added. True: something came.
 */
static bool look_again(qn_mk_watcher *w, stage *s, const rescan *r)
{
    look l = {.w = w,
              .after = s->added,
              .first = r ? r->first : 0,
              .last = r ? r->last : UINT64_MAX,
              .ev = {.flags = QN_WATCH_EVF_AGAIN, .rescan = r ? r->id : 0}};
    s->added = w->added;
    if (!match_block(&l, s->block, QN_WATCH_EV_CONFIRMED))
        return false;
    s->wait = UINT64_MAX; /* set when they are given */
    return true;
}

static void tell_block(const qn_mock *m, qn_mk_watcher *w, const qn_mk_block *b, uint32_t type)
{
    qn_watch_event ev = {
        .type = type, .ref = ref_of(b), .prev = ref_of(b->parent), .time = time_of(b)};
    if (w->cursor == m->active[m->height]) {
        ev.flags = QN_WATCH_EVF_TIP;
        ev.chain_seq = m->chain_seq;
    }
    (void)queue(w, &ev);
}

static void step_down(qn_mock *m, qn_mk_watcher *w)
{
    qn_mk_block *b = w->cursor;
    look l = {.w = w, .last = UINT64_MAX};
    (void)match_block(&l, b, QN_WATCH_EV_UNCONFIRMED);
    w->cursor = b->parent;
    w->at.block = NULL;
    for (int i = 0; i < RESCANS; i++)
        if (w->rescan[i].to > w->cursor->view->height)
            w->rescan[i].to = w->cursor->view->height;
    tell_block(m, w, b, QN_WATCH_EV_UNBLOCK);
}

static void step_up(qn_mock *m, qn_mk_watcher *w, qn_mk_block *b)
{
    look l = {.w = w, .last = UINT64_MAX};
    if (b->view->height < m->pruned) {
        const qn_watch_event gap = {.type = QN_WATCH_EV_GAP,
                                    .ref = ref_of(m->active[m->pruned]),
                                    .prev = ref_of(w->cursor)};
        w->cursor = m->active[m->pruned]->parent;
        (void)queue(w, &gap);
        return;
    }
    w->cursor = b;
    w->at = (stage){.block = b, .wait = UINT64_MAX, .added = w->added};
    if (match_block(&l, b, QN_WATCH_EV_CONFIRMED))
        return;
    w->at.block = NULL;
    tell_block(m, w, b, QN_WATCH_EV_BLOCK);
}

/* False: it waits for an acknowledgement, or has nothing. */
static bool step_chain(qn_mock *m, qn_mk_watcher *w)
{
    stage *s = &w->at;
    uint32_t height = w->cursor ? w->cursor->view->height + 1 : w->from_height;
    if (w->cursor && !qn_mk_is_active(m, w->cursor)) {
        step_down(m, w);
        return true;
    }
    if (s->block) {
        if (s->wait > w->acked)
            return false;
        qn_mk_block *b = s->block;
        if (look_again(w, s, NULL))
            return true;
        s->block = NULL;
        tell_block(m, w, b, QN_WATCH_EV_BLOCK);
        return true;
    }
    if (height > m->height)
        return false;
    step_up(m, w, m->active[height]);
    return true;
}

static void end_rescan(qn_mock *m, qn_mk_watcher *w, rescan *r)
{
    qn_watch_event ev = {.type = QN_WATCH_EV_RESCAN_DONE,
                         .rescan = r->id,
                         .status = r->canceled ? QN_E_CANCELED : QN_OK};
    if (r->next && r->next - 1 <= m->height)
        ev.ref = ref_of(m->active[r->next - 1]);
    r->id = 0;
    (void)queue(w, &ev);
}

static bool step_rescan(qn_mock *m, qn_mk_watcher *w, rescan *r)
{
    stage *s = &r->at;
    if (!r->id)
        return false;
    if (!r->canceled && s->block && s->wait > w->acked)
        return false;
    if (!r->canceled && s->block && look_again(w, s, r))
        return true;
    s->block = NULL;
    for (; !r->canceled && r->next <= r->to && r->next <= m->height; r->next++) {
        look l = {.w = w, .first = r->first, .last = r->last, .ev = {.rescan = r->id}};
        *s = (stage){.block = m->active[r->next], .wait = UINT64_MAX, .added = w->added};
        if (match_block(&l, s->block, QN_WATCH_EV_CONFIRMED)) {
            r->next++;
            return true;
        }
        s->block = NULL;
    }
    end_rescan(m, w, r);
    return true;
}

static bool at_tip(const qn_mock *m, const qn_mk_watcher *w)
{
    return !w->at.block &&
           (w->cursor ? w->cursor == m->active[m->height] : w->from_height > m->height);
}

/* Until something is queued or nothing is left to do. Returns as next(). */
static qn_status derive(qn_mock *m, qn_mk_watcher *w)
{
    while (w->head == w->n_queue) {
        bool more = step_chain(m, w);
        for (int i = 0; i < RESCANS && !more; i++)
            more = step_rescan(m, w, &w->rescan[i]);
        if (!more && at_tip(m, w) && !(w->flags & QN_WATCH_NO_MEMPOOL))
            follow_pool(m, w);
        if (!more && w->head == w->n_queue) {
            for (int i = 0; i < RESCANS; i++)
                if (w->rescan[i].id)
                    return QN_E_LIMIT;
            return w->at.block ? QN_E_LIMIT : QN_E_AGAIN;
        }
    }
    return QN_OK;
}

/* ---- the table ---- */

static qn_status watch_open(qn_cap *cap, const qn_watch_options *o, const qn_hash *locator,
                            uint32_t n, qn_watch_ready_fn *on_ready, void *arg, uint64_t *out,
                            qn_block_ref *start)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_watcher *w = m->watcher;
    while (w < m->watcher + MOCK_FOLLOWS && w->id)
        w++;
    if (w == m->watcher + MOCK_FOLLOWS)
        return QN_E_LIMIT;
    qn_mk_block *at = n ? qn_mk_find(m, &locator[0]) : NULL;
    if (n && !at) {
        for (uint32_t i = 1; i < n && !(at && qn_mk_is_active(m, at)); i++)
            at = qn_mk_find(m, &locator[i]);
        *start = ref_of(at && qn_mk_is_active(m, at) ? at : NULL);
        return QN_E_UNKNOWN_TIP;
    }
    *w = (qn_mk_watcher){.cursor = at, .window = 100000, .on_ready = on_ready, .arg = arg};
    if (o && (o->set & QN_SET_WATCH_OPTIONS_FLAGS))
        w->flags = o->flags;
    if (o && (o->set & QN_SET_WATCH_OPTIONS_WINDOW))
        w->window = o->window;
    if (o && !n && (o->set & QN_SET_WATCH_OPTIONS_FROM_HEIGHT))
        w->from_height = o->from_height;
    if (!n && (w->flags & QN_WATCH_FROM_TIP))
        w->cursor = m->active[m->height];
    *out = w->id = ++m->next_id;
    *start = ref_of(w->cursor);
    return QN_OK;
}

static qn_status set_scripts(qn_cap *cap, uint64_t id, const qn_watch_script *list, uint32_t n,
                             const uint8_t *bytes, uint32_t len, bool add)
{
    qn_status st = qn_mk_enter(cap);
    qn_mk_watcher *w = by_id(cap->mock, id);
    uint64_t sum = 0, at = 0;
    if (st != QN_OK)
        return st;
    if (!w)
        return QN_E_CLOSED;
    for (uint32_t i = 0; i < n; i++) {
        if (!list[i].len || list[i].len > 10000)
            return QN_E_INVAL;
        sum += list[i].len;
    }
    if (sum != len)
        return QN_E_INVAL;
    w->added += add;
    for (uint32_t i = 0; i < n; at += list[i++].len)
        if (add)
            put_item(w, list[i].cookie, bytes + at, list[i].len, NULL);
        else
            drop_item(w, find_item(w, bytes + at, list[i].len, NULL));
    return QN_OK;
}

static qn_status watch_add(qn_cap *cap, uint64_t id, const qn_watch_script *list, uint32_t n,
                           const void *bytes, uint32_t len, uint32_t flags, uint64_t *armed)
{
    qn_status st = set_scripts(cap, id, list, n, bytes, len, true);
    (void)flags;
    if (st == QN_OK && armed)
        *armed = by_id(cap->mock, id)->seq + 1;
    return st;
}

static qn_status watch_remove(qn_cap *cap, uint64_t id, const qn_watch_script *list, uint32_t n,
                              const void *bytes, uint32_t len)
{
    return set_scripts(cap, id, list, n, bytes, len, false);
}

static qn_status watch_add_outpoints(qn_cap *cap, uint64_t id, const qn_watch_outpoint *list,
                                     uint32_t n, uint32_t flags, uint64_t *armed)
{
    qn_status st = qn_mk_enter(cap);
    qn_mk_watcher *w = by_id(cap->mock, id);
    (void)flags;
    if (st != QN_OK)
        return st;
    if (!w)
        return QN_E_CLOSED;
    w->added++;
    for (uint32_t i = 0; i < n; i++) {
        const qn_mempool_outpoint coin = {list[i].txid, list[i].n};
        put_item(w, list[i].cookie, NULL, 0, &coin);
    }
    if (armed)
        *armed = w->seq + 1;
    return QN_OK;
}

static qn_status watch_remove_outpoints(qn_cap *cap, uint64_t id, const qn_watch_outpoint *list,
                                        uint32_t n)
{
    qn_status st = qn_mk_enter(cap);
    qn_mk_watcher *w = by_id(cap->mock, id);
    if (st != QN_OK)
        return st;
    for (uint32_t i = 0; w && i < n; i++) {
        const qn_mempool_outpoint coin = {list[i].txid, list[i].n};
        drop_item(w, find_item(w, NULL, 0, &coin));
    }
    return w ? QN_OK : QN_E_CLOSED;
}

/* Put one event out. False: no room. */
static bool give(qn_mk_watcher *w, qn_watch_event *out, uint8_t *data, uint32_t max, uint32_t *used)
{
    queued *q = &w->queue[w->head];
    uint64_t need = (uint64_t)*used + q->ev.tx_len + q->ev.script_len;
    if (need > max) {
        *used = (uint32_t)need;
        return false;
    }
    *out = q->ev;
    out->seq = ++w->seq;
    out->tx_off = *used;
    if (q->tx)
        memcpy(data + *used, q->tx, q->ev.tx_len);
    *used += q->ev.tx_len;
    out->script_off = *used;
    if (q->script)
        memcpy(data + *used, q->script, q->ev.script_len);
    *used += q->ev.script_len;
    free(q->tx);
    free(q->script);
    w->head++;
    return true;
}

/* The last of a block's hits has been given: they must be acknowledged. */
static void note_given(qn_mk_watcher *w)
{
    if (w->head < w->n_queue)
        return;
    if (w->at.block && w->at.wait == UINT64_MAX)
        w->at.wait = w->seq;
    for (int i = 0; i < RESCANS; i++)
        if (w->rescan[i].at.block && w->rescan[i].at.wait == UINT64_MAX)
            w->rescan[i].at.wait = w->seq;
    w->head = w->n_queue = 0;
}

static qn_status watch_next(qn_cap *cap, uint64_t id, qn_watch_event *out, uint32_t max,
                            uint32_t *n, void *data, uint32_t max_data, uint32_t *n_data)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    uint32_t got = 0, used = 0;
    if (st != QN_OK)
        return st;
    qn_mk_watcher *w = by_id(m, id);
    if (!w)
        return QN_E_CLOSED;
    if (!out || !max || !n || !n_data)
        return QN_E_INVAL;
    if (w->seq - w->acked >= w->window)
        return QN_E_LIMIT;
    if ((st = derive(m, w)) != QN_OK) {
        w->waiting = st == QN_E_AGAIN;
        return st;
    }
    while (got < max && got < EVENTS && w->head < w->n_queue && w->seq - w->acked < w->window) {
        uint32_t before = used;
        if (!give(w, &out[got], data, max_data, &used)) {
            if (!got) {
                *n_data = used;
                *n = 0;
                return QN_E_SPACE;
            }
            used = before;
            break;
        }
        got++;
    }
    note_given(w);
    *n = got;
    *n_data = used;
    return QN_OK;
}

static qn_status watch_ack(qn_cap *cap, uint64_t id, uint64_t seq)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_watcher *w = by_id(cap->mock, id);
    if (!w)
        return QN_E_CLOSED;
    if (seq > w->seq)
        return QN_E_INVAL;
    w->acked = seq > w->acked ? seq : w->acked;
    return QN_OK;
}

static rescan *free_rescan(qn_mk_watcher *w)
{
    for (int i = 0; i < RESCANS; i++)
        if (!w->rescan[i].id)
            return &w->rescan[i];
    return NULL;
}

static qn_status watch_rescan(qn_cap *cap, uint64_t id, const qn_watch_rescan *what, uint64_t *out,
                              uint32_t *lowest)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    qn_mk_watcher *w = by_id(m, id);
    if (st != QN_OK)
        return st;
    if (!w)
        return QN_E_CLOSED;
    rescan made_one = {.to = w->cursor ? w->cursor->view->height : 0, .last = UINT64_MAX};
    uint32_t set = what ? what->set : 0;
    if (set & QN_SET_WATCH_RESCAN_FROM)
        made_one.next = what->from;
    if ((set & QN_SET_WATCH_RESCAN_TO) && what->to < made_one.to)
        made_one.to = what->to;
    if (set & QN_SET_WATCH_RESCAN_FIRST_COOKIE)
        made_one.first = what->first_cookie;
    if (set & QN_SET_WATCH_RESCAN_LAST_COOKIE)
        made_one.last = what->last_cookie;
    if (lowest)
        *lowest = m->pruned;
    if (!out || (what && (set & QN_SET_WATCH_RESCAN_TO) && made_one.next > what->to))
        return QN_E_INVAL;
    if (made_one.next < m->pruned)
        return QN_E_PRUNED;
    rescan *r = free_rescan(w);
    if (!r)
        return QN_E_LIMIT;
    *r = made_one;
    *out = r->id = ++m->next_id;
    return QN_OK;
}

static qn_status watch_cancel(qn_cap *cap, uint64_t id, uint64_t rescan_id)
{
    qn_status st = qn_mk_enter(cap);
    qn_mk_watcher *w = by_id(cap->mock, id);
    if (st != QN_OK)
        return st;
    if (!w)
        return QN_E_CLOSED;
    for (int i = 0; rescan_id && i < RESCANS; i++)
        if (w->rescan[i].id == rescan_id) {
            w->rescan[i].canceled = true;
            return QN_OK;
        }
    return QN_E_NOTFOUND;
}

static qn_status watch_usage(qn_cap *cap, qn_watch_usage *usage)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!usage || usage->size < sizeof(uint32_t))
        return QN_E_INVAL;
    qn_watch_usage u = {.size = usage->size < sizeof u ? usage->size : (uint32_t)sizeof u,
                        .max_scripts = 1000000,
                        .max_bytes = 268435456};
    for (int i = 0; i < MOCK_FOLLOWS; i++) {
        const qn_mk_watcher *w = &m->watcher[i];
        u.streams += w->id != 0;
        for (size_t k = 0; w->id && k < w->n_item; k++) {
            *(w->item[k].script ? &u.scripts : &u.outpoints) += 1;
            u.bytes += 64 + w->item[k].len;
        }
    }
    memcpy(usage, &u, u.size);
    return QN_OK;
}

static void drop(qn_mk_watcher *w)
{
    drop_queue(w);
    drop_items(w);
    free(w->queue);
    free(w->told);
    *w = (qn_mk_watcher){0};
}

static qn_status watch_close(qn_cap *cap, uint64_t id)
{
    qn_mk_watcher *w = by_id(cap->mock, id);
    if (!w)
        return QN_E_CLOSED;
    drop(w);
    return QN_OK;
}

const qn_watch_1 QN_MK_WATCH = {.h = {sizeof(qn_watch_1), QN_WATCH_1_REVISION},
                                .open = watch_open,
                                .add = watch_add,
                                .remove = watch_remove,
                                .add_outpoints = watch_add_outpoints,
                                .remove_outpoints = watch_remove_outpoints,
                                .next = watch_next,
                                .ack = watch_ack,
                                .rescan = watch_rescan,
                                .cancel = watch_cancel,
                                .usage = watch_usage,
                                .close = watch_close};

/* ---- life ---- */

static void run_ready(qn_mock *m, qn_mk_watcher *w)
{
    if (!m->steps)
        return;
    m->steps--;
    w->waiting = false;
    qn_mk_note(m, "-- on_ready(watch=%llu)", (unsigned long long)w->id);
    w->on_ready(w->arg, w->id);
}

void qn_mk_watch_wake(qn_mock *m)
{
    for (int i = 0; i < MOCK_FOLLOWS; i++) {
        qn_mk_watcher *w = &m->watcher[i];
        if (w->id && w->waiting && derive(m, w) == QN_OK)
            run_ready(m, w);
    }
}

void qn_mk_watch_init(qn_mock *m)
{
    m->watcher = qn_mk_grow(NULL, MOCK_FOLLOWS * sizeof *m->watcher);
    memset(m->watcher, 0, MOCK_FOLLOWS * sizeof *m->watcher);
}

void qn_mk_watch_drop(qn_mock *m)
{
    for (int i = 0; i < MOCK_FOLLOWS; i++)
        drop(&m->watcher[i]);
}

void qn_mk_watch_free(qn_mock *m)
{
    qn_mk_watch_drop(m);
    free(m->watcher);
    free(m->left);
}
