/* How hits become events: one by one, as there is room, with their transaction's bytes once. */
#include "core/host/watch_internal.h"

#include "core/base/alloc.h"

#define ROOM 32u /* for events that a step says */

qn_block_ref qc_watch_ref(const qc_index *i)
{
    qn_block_ref r = {.height = QC_BEFORE_GENESIS};
    if (i) {
        memcpy(r.hash.b, i->hash.b, 32);
        r.height = i->height;
    }
    return r;
}

void qc_watch_stage_clear(qc_watch_stage *s)
{
    qc_block_unref(s->block);
    *s = (qc_watch_stage){.block = NULL};
}

void qc_watch_tell_clear(qc_watch_telling *t)
{
    qc_watch_hits_clear(&t->hits);
    qc_block_unref(t->block);
    qc_watch_tx_unref(t->tx);
    *t = (qc_watch_telling){.type = 0};
}

bool qc_watch_pending(const qc_watch_stream *w)
{
    return w->tell.i < w->tell.hits.n || w->plain_at < w->n_plain;
}

uint64_t qc_watch_armed(const qc_watch_stream *w)
{
    uint64_t told = w->tell.hits.n - w->tell.i;
    if (w->stage.block) /* it will be looked through again */
        return w->seq + 1;
    return w->seq + 1 + told + (w->n_plain - w->plain_at);
}

/* ---- beginning ---- */

bool qc_watch_room(qc_watch_stream *w, size_t n)
{
    if (w->plain_at == w->n_plain)
        w->plain_at = w->n_plain = 0;
    if (w->n_plain + n <= w->plain_cap)
        return true;
    size_t cap = w->n_plain + n + ROOM;
    qn_watch_event *more = qc_try_realloc(w->plain, cap * sizeof *more);
    if (!more) {
        w->failed = true;
        return false;
    }
    w->plain = more;
    w->plain_cap = cap;
    return true;
}

void qc_watch_say(qc_watch_stream *w, const qn_watch_event *ev)
{
    if (qc_watch_room(w, 1))
        w->plain[w->n_plain++] = *ev;
}

void qc_watch_tell_block(qc_watch_stream *w, uint32_t type, uint32_t flags, const qc_index *at,
                         const qc_block *b, qc_watch_hits *hits, qc_watch_stage *stage)
{
    qc_watch_tell_clear(&w->tell);
    w->tell = (qc_watch_telling){.type = type,
                                 .flags = flags,
                                 .block = qc_block_ref(b),
                                 .at = at,
                                 .ref = qc_watch_ref(at),
                                 .hits = *hits,
                                 .stage = stage};
    *hits = QC_WATCH_HITS_INIT;
}

/* The bytes that a hit was found by. */
static qc_span key_bytes(const qc_watch_telling *t, const qc_watch_hit *h, qc_outpoint *o)
{
    const qc_tx tx = t->block ? qc_block_tx(t->block, h->tx) : t->tx->e->tx;
    if (h->flags & QC_HIT_OUTPOINT) {
        *o = qc_tx_prevout(&tx, h->io);
        return qc_span_of(o, sizeof *o);
    }
    if (!(h->flags & QC_HIT_SPENT))
        return qc_tx_script(&tx, h->io);
    if (t->tx)
        return t->tx->spent[h->io].script;
    const qn_block_view *v = qc_block_view(t->block);
    const qn_spent_rec *s = qn_view_spent(v, tx.rec->in0 + h->io);
    return qc_span_of(qn_view_spent_script(v, s), s->script_len);
}

typedef struct still {
    uint16_t owner;
    uint32_t gen;
    bool yes;
} still;

static void is_ours(void *arg, const qc_watch_found *f)
{
    still *s = arg;
    s->yes |= f->owner == s->owner && f->gen == s->gen;
}

/* Does the stream watch it still? What was removed and added again was not found for that. */
static bool watched(const qc_watch_stream *w, const qc_watch_telling *t, const qc_watch_hit *h)
{
    qc_outpoint o;
    still s = {w->owner.id, h->gen, false};
    qc_watch_kind kind = h->flags & QC_HIT_OUTPOINT ? QC_WATCH_OUTPOINT : QC_WATCH_SCRIPT;
    (void)qc_watchset_find(w->src.set, kind, key_bytes(t, h, &o), is_ours, &s);
    return s.yes;
}

bool qc_watch_tell_tx(qc_watch_stream *w, qc_watch_tx *t, uint32_t gen, uint64_t chain_seq,
                      const qn_block_ref *tip)
{
    qc_watch_hits mine = QC_WATCH_HITS_INIT;
    qc_watch_tell_clear(&w->tell);
    w->tell =
        (qc_watch_telling){.type = QN_WATCH_EV_SEEN, .tx = t, .chain_seq = chain_seq, .ref = *tip};
    mine.hit = qc_try_calloc(t->n_hits + 1u, sizeof *mine.hit);
    w->failed |= !mine.hit;
    for (uint32_t i = 0; mine.hit && i < t->n_hits; i++)
        if (t->hit[i].owner == w->owner.id && t->hit[i].gen > gen &&
            watched(w, &w->tell, &t->hit[i]))
            mine.hit[mine.n++] = t->hit[i];
    w->tell.hits = mine;
    if (!mine.n)
        qc_watch_tell_clear(&w->tell);
    return w->tell.hits.n > 0;
}

void qc_watch_tell_check(qc_watch_stream *w)
{
    qc_watch_telling *t = &w->tell;
    size_t n = t->i;
    for (size_t i = t->i; i < t->hits.n; i++)
        if (watched(w, t, &t->hits.hit[i]))
            t->hits.hit[n++] = t->hits.hit[i];
    t->hits.n = n;
    if (t->i && t->i < n && t->hits.hit[t->i - 1].tx == t->hits.hit[t->i].tx)
        for (t->n_of_tx = (uint32_t)t->i - t->first;
             t->first + t->n_of_tx < n &&
             t->hits.hit[t->first + t->n_of_tx].tx == t->hits.hit[t->i].tx;)
            t->n_of_tx++;
    if (t->stage && t->i == t->hits.n && t->stage->wait == UINT64_MAX)
        t->stage->wait = w->seq;
}

/* ---- giving ---- */

static void put_block(const qc_watch_telling *t, const qc_watch_hit *h, qn_watch_event *ev)
{
    ev->tx_index = qc_block_place(t->block, h->tx);
    ev->time = t->at->header.time;
    ev->fee = h->tx ? qn_view_fee(qc_block_view(t->block), h->tx) : 0;
    ev->flags |= h->tx ? 0u : QN_WATCH_EVF_COINBASE;
}

static void put_pool(const qc_watch_telling *t, qn_watch_event *ev)
{
    ev->time = t->tx->e->time;
    ev->fee = t->tx->e->fee;
    ev->chain_seq = t->chain_seq;
}

/* Out: the coin's script. */
static qc_span put_coin(const qc_watch_telling *t, const qc_watch_hit *h, const qc_tx *tx,
                        qn_watch_event *ev)
{
    if (!(h->flags & QC_HIT_SPENT)) {
        memcpy(ev->coin.txid.b, tx->rec->txid, 32);
        ev->coin.n = h->io;
        ev->value = tx->out[h->io].value;
        return qc_tx_script(tx, h->io);
    }
    memcpy(ev->coin.txid.b, tx->in[h->io].prev_txid, 32);
    ev->coin.n = tx->in[h->io].prev_n;
    ev->flags |= QN_WATCH_EVF_SPENT;
    ev->flags |= h->flags & QC_HIT_OUTPOINT ? QN_WATCH_EVF_OUTPOINT : 0u;
    if (t->tx) {
        const qc_spent *s = &t->tx->spent[h->io];
        ev->value = s->value;
        ev->coin_height = s->height == QC_MEMPOOL_HEIGHT ? UINT32_MAX : s->height;
        ev->flags |= s->coinbase ? QN_WATCH_EVF_COIN_COINBASE : 0u;
        return s->script;
    }
    const qn_block_view *v = qc_block_view(t->block);
    const qn_spent_rec *s = qn_view_spent(v, tx->rec->in0 + h->io);
    ev->value = s->value;
    ev->coin_height = s->height;
    ev->flags |= s->coinbase ? QN_WATCH_EVF_COIN_COINBASE : 0u;
    return qc_span_of(qn_view_spent_script(v, s), s->script_len);
}

static void count_of_tx(qc_watch_telling *t)
{
    size_t k = t->i;
    while (k < t->hits.n && t->hits.hit[k].tx == t->hits.hit[t->i].tx)
        k++;
    t->first = (uint32_t)t->i;
    t->n_of_tx = (uint32_t)(k - t->i);
}

/* Of the same transaction as the event before, in the same data. */
static bool shares(const qn_watch_event *before, const qn_watch_event *ev)
{
    return before && before->tx_len && before->type == ev->type && before->hit + 1 == ev->hit &&
           before->rescan == ev->rescan && memcmp(&before->txid, &ev->txid, sizeof ev->txid) == 0;
}

static bool put_bytes(const qc_watch_stream *w, qn_watch_event *ev, const qn_watch_event *before,
                      qc_span tx, qc_span script, uint8_t *data, uint32_t max, uint64_t *used)
{
    bool with_tx = !(w->flags & QN_WATCH_NO_TX), shared = with_tx && shares(before, ev);
    uint64_t at = *used, need = script.len + (with_tx && !shared ? tx.len : 0);
    *used = at + need;
    if (*used > max)
        return false;
    ev->tx_off = shared ? before->tx_off : with_tx ? (uint32_t)at : 0;
    ev->tx_len = with_tx ? (uint32_t)tx.len : 0;
    if (with_tx && !shared) {
        memcpy(data + at, tx.data, tx.len);
        at += tx.len;
    }
    ev->script_off = (uint32_t)at;
    ev->script_len = (uint32_t)script.len;
    if (script.len)
        memcpy(data + at, script.data, script.len);
    return true;
}

static bool give_hit(qc_watch_stream *w, qn_watch_event *ev, const qn_watch_event *before,
                     uint8_t *data, uint32_t max, uint64_t *used)
{
    qc_watch_telling *t = &w->tell;
    const qc_watch_hit *h = &t->hits.hit[t->i];
    const qc_tx tx = t->block ? qc_block_tx(t->block, h->tx) : t->tx->e->tx;
    if (t->i == 0 || t->hits.hit[t->i - 1].tx != h->tx)
        count_of_tx(t);
    *ev = (qn_watch_event){.type = t->type,
                           .flags = t->flags,
                           .cookie = h->cookie,
                           .rescan = t->rescan,
                           .io = h->io,
                           .hit = (uint32_t)t->i - t->first,
                           .n_hits = t->n_of_tx,
                           .ref = t->ref};
    memcpy(ev->txid.b, tx.rec->txid, 32);
    memcpy(ev->wtxid.b, tx.rec->wtxid, 32);
    if (t->block)
        put_block(t, h, ev);
    else
        put_pool(t, ev);
    const qc_span script = put_coin(t, h, &tx, ev);
    if (!put_bytes(w, ev, before, qc_tx_bytes(&tx), script, data, max, used))
        return false;
    t->i++;
    return true;
}

bool qc_watch_give(qc_watch_stream *w, qn_watch_event *out, const qn_watch_event *before,
                   uint8_t *data, uint32_t max, uint64_t *used)
{
    qn_watch_event ev;
    qc_watch_telling *t = &w->tell;
    if (t->i == t->hits.n)
        ev = w->plain[w->plain_at++];
    else if (!give_hit(w, &ev, before, data, max, used))
        return false;
    ev.epoch = w->src.epoch;
    ev.seq = ++w->seq;
    if (ev.type == QN_WATCH_EV_SEEN)
        w->seen = ev.seq;
    if (t->stage && t->i == t->hits.n && t->stage->wait == UINT64_MAX)
        t->stage->wait = ev.seq;
    if (t->i == t->hits.n)
        qc_watch_tell_clear(t);
    *out = ev;
    return true;
}
