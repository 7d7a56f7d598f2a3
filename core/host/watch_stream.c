/* A stream of watch: the steps of its cursor on the chain, and what is common to all of it. Nothing
 * but what is being told is kept: each step follows from where the cursor stands, the newest
 * durable block, the news of the mempool and the set. */
#include "core/host/watch_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#define BUDGET ((qc_mono)10 * 1000000) /* that a call takes before it lets others have the loop */

static const qc_index *src_durable(void *arg)
{
    const qc_watch_stream *w = arg;
    uint64_t seq;
    const qc_index *tip = qc_watch_pool_tip(w->src.pool, &seq, NULL);
    return tip ? tip : w->src.durable(w->src.arg);
}
static const qc_index *src_find(void *arg, const qc_hash *hash)
{
    const qc_watch_stream *w = arg;
    return w->src.find(w->src.arg, hash);
}
static uint32_t src_prune_height(void *arg)
{
    const qc_watch_stream *w = arg;
    return w->src.prune_height(w->src.arg);
}
static uint64_t src_tip_seq(void *arg, const qc_index *at)
{
    const qc_watch_stream *w = arg;
    uint64_t seq;
    return qc_watch_pool_tip(w->src.pool, &seq, NULL) == at ? seq : 0;
}

/* ---- life ---- */

static void stream_free(qc_watch_stream *w)
{
    qc_watch_mempool_close(w);
    qc_watch_tell_clear(&w->tell);
    qc_watch_stage_clear(&w->stage);
    for (size_t i = 0; i < QC_WATCH_RESCANS; i++)
        qc_watch_rescan_clear(&w->scan[i]);
    qc_watch_mine_clear(w);
    qc_follow_clear(&w->follow);
    qc_free(w->plain);
    qc_free(w->wish);
    qc_free(w);
}

static qn_status place_cursor(qc_watch_stream *w, uint32_t from_height, const qn_hash *locator,
                              uint32_t n_locator, qn_block_ref *start)
{
    const qc_follow_source src = {w,           src_durable, src_find, src_prune_height,
                                  src_tip_seq, w->src.epoch};
    const qc_index *tip = src_durable(w);
    qn_hash at;
    if (!n_locator && (w->flags & QN_WATCH_FROM_TIP)) {
        if (!tip)
            return QN_E_BUSY;
        memcpy(at.b, tip->hash.b, 32);
        locator = &at;
        n_locator = 1;
    }
    /* Of the rules of a follower only the cursor is of use here: every step is acknowledged. */
    return qc_follow_open(&w->follow, &src, locator, n_locator, from_height, 1, start);
}

qn_status qc_watch_stream_open(qc_watch_stream **out, const qc_watch_source *src, uint32_t flags,
                               uint32_t window, uint32_t from_height, const qn_hash *locator,
                               uint32_t n_locator, qn_block_ref *start)
{
    const uint32_t known = QN_WATCH_FROM_TIP | QN_WATCH_NO_MEMPOOL | QN_WATCH_NO_TX;
    if (!window || (flags & ~known) || ((flags & QN_WATCH_FROM_TIP) && n_locator))
        return QN_E_INVAL;
    qc_watch_stream *w = qc_alloc(sizeof *w);
    w->src = *src;
    w->flags = flags;
    w->window = window;
    qc_watch_mine_init(w);
    if (!qc_watch_room(w, 1)) {
        stream_free(w);
        return QN_E_NOMEM;
    }
    qn_status st = place_cursor(w, from_height, locator, n_locator, start);
    if (st == QN_OK && qc_watchset_enter(src->set, &w->owner))
        st = QN_E_LIMIT;
    if (st == QN_OK && qc_watch_pool_enter(src->pool)) {
        qc_watchset_leave(src->set, &w->owner);
        st = QN_E_NOMEM;
    }
    if (st != QN_OK) {
        stream_free(w);
        return st;
    }
    w->changed_at = qc_watchset_version(src->set);
    *out = w;
    return QN_OK;
}

void qc_watch_stream_close(qc_watch_stream *w)
{
    qc_watch_pool_leave(w->src.pool);
    qc_watchset_leave(w->src.set, &w->owner);
    stream_free(w);
}

const qc_watch_owner *qc_watch_stream_owner(const qc_watch_stream *w)
{
    return &w->owner;
}

uint32_t qc_watch_stream_height(const qc_watch_stream *w)
{
    return w->follow.cursor ? w->follow.cursor->height : QC_BEFORE_GENESIS;
}

/* ---- the set ---- */

qn_status qc_watch_stream_add(qc_watch_stream *w, const qc_watch_key *key, size_t n, bool fresh,
                              uint64_t *armed)
{
    if (n && qc_watchset_add(w->src.set, &w->owner, key, n, w->gen + 1))
        return QN_E_NOMEM;
    w->gen += n > 0;
    w->changed_at = qc_watchset_version(w->src.set);
    if (n && !fresh)
        w->want = w->gen;
    qc_watch_rescan_grow(w, key, n);
    if (armed)
        *armed = qc_watch_armed(w);
    return QN_OK;
}

void qc_watch_stream_remove(qc_watch_stream *w, const qc_watch_key *key, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)qc_watchset_remove(w->src.set, &w->owner, &key[i]);
    w->changed_at = qc_watchset_version(w->src.set);
    qc_watch_tell_check(w);
}

/* ---- the chain ---- */

/* Its cursor has reached the block, or left it. */
static void say_block(qc_watch_stream *w, uint32_t type, const qc_index *at)
{
    qn_watch_event ev = {.type = type,
                         .ref = qc_watch_ref(at),
                         .prev = qc_watch_ref(at->parent),
                         .time = at->header.time};
    if (src_durable(w) == w->follow.cursor) {
        ev.flags = QN_WATCH_EVF_TIP;
        ev.chain_seq = src_tip_seq(w, w->follow.cursor);
    }
    qc_watch_say(w, &ev);
}

static void say_deep(qc_watch_stream *w, const qc_watch_wish *d, const qc_index *at)
{
    qn_watch_event ev = {.type = QN_WATCH_TRIAL_DEEP, .cookie = d->cookie, .ref = qc_watch_ref(at)};
    memcpy(ev.txid.b, d->txid.b, 32);
    qc_watch_say(w, &ev);
}

/* Wishes that come true with this block on top, or with `left` are forgotten. */
static void look_at_wishes(qc_watch_stream *w, const qc_index *top, const qc_index *left)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_wish; i++) {
        const qc_watch_wish *d = &w->wish[i];
        bool deep = top && top->height - d->at->height + 1 >= d->depth;
        if (deep)
            say_deep(w, d, top);
        if (!deep && d->at != left)
            w->wish[n++] = *d;
    }
    w->n_wish = n;
}

static void finish_block(qc_watch_stream *w, const qc_index *at)
{
    look_at_wishes(w, at, NULL);
    say_block(w, QN_WATCH_EV_BLOCK, at);
}

static void take_step(qc_watch_stream *w, const qc_index *at, uint32_t type)
{
    qc_follow_take(&w->follow, at, type);
    (void)qc_follow_ack(&w->follow, w->follow.seq);
}

static qn_status gap(qc_watch_stream *w, const qc_index *at)
{
    const qn_watch_event ev = {
        .type = QN_WATCH_EV_GAP, .ref = qc_watch_ref(at), .prev = qc_watch_ref(w->follow.cursor)};
    take_step(w, at, QN_EV_GAP);
    w->gap = true;
    qc_watch_say(w, &ev);
    return QN_OK;
}

static qn_status read_hits(const qc_watch_stream *w, const qc_index *at, qc_block **b,
                           qc_watch_hits *hits)
{
    static const qn_status map[QC_ERR_COUNT] = {
        [QC_ENOMEM] = QN_E_NOMEM, [QC_ECORRUPT] = QN_E_CORRUPT, [QC_EPRUNED] = QN_E_PRUNED};
    qc_err err = w->src.read(w->src.arg, at, b);
    if (!err && (err = w->src.hits(w->src.arg, at, *b, w->owner.id, w->changed_at, hits))) {
        qc_block_unref(*b);
        qc_watch_hits_clear(hits);
    }
    return !err ? QN_OK : map[err] ? map[err] : QN_E_IO;
}

static qn_status step_block(qc_watch_stream *w, const qc_index *at, uint32_t type)
{
    qc_watch_hits hits = QC_WATCH_HITS_INIT;
    qc_block *b;
    qn_status st = read_hits(w, at, &b, &hits);
    if (st != QN_OK)
        return st;
    take_step(w, at, type);
    if (type == QN_EV_DISCONNECT) {
        qc_watch_mine_left(w, b, &hits);
        qc_watch_rescan_left(w, at);
        look_at_wishes(w, NULL, at);
        qc_watch_tell_block(w, QN_WATCH_EV_UNCONFIRMED, 0, at, b, &hits, NULL);
        say_block(w, QN_WATCH_EV_UNBLOCK, at);
    } else {
        qc_watch_mine_joined(w, b, &hits);
        if (hits.n) {
            w->stage = (qc_watch_stage){qc_block_ref(b), at, UINT64_MAX, w->gen};
            qc_watch_tell_block(w, QN_WATCH_EV_CONFIRMED, 0, at, b, &hits, &w->stage);
        } else {
            finish_block(w, at);
        }
    }
    qc_watch_hits_clear(&hits);
    qc_block_unref(b);
    return QN_OK;
}

static qn_status step_chain(qc_watch_stream *w)
{
    const qc_index *at;
    uint32_t type;
    qn_status st = qc_follow_peek(&w->follow, &at, &type);
    if (st != QN_OK)
        return st;
    if (type == QN_EV_CONNECT && w->seen > w->acked)
        return QN_E_LIMIT; /* what follows from it may be in this very block */
    if (type != QN_EV_GAP && (st = step_block(w, at, type)) != QN_E_PRUNED)
        return st;
    /* Deleted between the look and the read: by now it is a gap. */
    if (type != QN_EV_GAP && (st = qc_follow_peek(&w->follow, &at, &type)) != QN_OK)
        return st;
    return type == QN_EV_GAP ? gap(w, at) : QN_E_PRUNED;
}

/* The block's hits are told: it is done when they are acknowledged, and nothing has come of them.
 */
static qn_status step_stage(qc_watch_stream *w)
{
    qc_watch_stage *s = &w->stage;
    if (s->wait > w->acked)
        return QN_E_LIMIT;
    qn_status st = qc_watch_again(w, s, NULL);
    if (st == QN_OK)
        qc_watch_mine_joined(w, s->block, &w->tell.hits);
    if (st != QN_E_AGAIN)
        return st;
    const qc_index *at = s->at;
    qc_watch_stage_clear(s);
    finish_block(w, at);
    return QN_OK;
}

static qn_status step_live(qc_watch_stream *w)
{
    bool holds;
    if (w->stage.block)
        return step_stage(w);
    qn_status st = qc_watch_mempool_step(w, &holds);
    return st != QN_E_AGAIN || holds ? st : step_chain(w);
}

static qn_status step_scans(qc_watch_stream *w, qc_mono until)
{
    qn_status all = QN_E_AGAIN;
    for (unsigned i = 0; i < QC_WATCH_RESCANS; i++) {
        qc_watch_scan *r = &w->scan[(w->turn / 2 + i) % QC_WATCH_RESCANS];
        qn_status st = qc_watch_rescan_step(w, r, until);
        if (st == QN_E_LIMIT)
            all = st;
        else if (st != QN_E_AGAIN)
            return st;
    }
    return all;
}

/* The stream and its rescans take turns. */
static qn_status step(qc_watch_stream *w, qc_mono until)
{
    bool scans_first = w->turn++ % 2;
    qn_status a = scans_first ? step_scans(w, until) : step_live(w);
    if (a != QN_E_AGAIN && a != QN_E_LIMIT)
        return a;
    qn_status b = scans_first ? step_live(w) : step_scans(w, until);
    return b == QN_E_AGAIN ? a : b;
}

/* ---- the methods ---- */

/* Give what is ready, as far as there is room. */
static qn_status give(qc_watch_stream *w, qn_watch_event *out, uint32_t max, uint32_t *got,
                      uint8_t *data, uint32_t max_data, uint64_t *used)
{
    while (qc_watch_pending(w)) {
        uint64_t before = *used;
        if (*got == max || w->seq - w->acked >= w->window)
            return QN_E_LIMIT;
        if (!qc_watch_give(w, &out[*got], *got ? &out[*got - 1] : NULL, data, max_data, used)) {
            if (*got)
                *used = before;
            return QN_E_SPACE;
        }
        ++*got;
    }
    return QN_OK;
}

#define GIVEN_MAX 1024u

qn_status qc_watch_stream_next(qc_watch_stream *w, qn_watch_event *out, uint32_t max, uint32_t *n,
                               uint8_t *data, uint32_t max_data, uint32_t *n_data, bool *more)
{
    const qc_mono until = w->src.now() + BUDGET;
    uint32_t got = 0;
    uint64_t used = 0;
    qn_status st;
    *more = false;
    *n = 0;
    if (w->seq - w->acked >= w->window)
        return QN_E_LIMIT;
    for (;;) {
        st = give(w, out, QC_MIN(max, GIVEN_MAX), &got, data, max_data, &used);
        if (st != QN_OK)
            break;
        if (w->src.now() >= until) {
            *more = !got;
            st = QN_E_AGAIN;
            break;
        }
        st = step(w, until);
        if (w->failed) {
            w->failed = false;
            st = QN_E_NOMEM;
        }
        if (st != QN_OK && st != QC_WATCH_MORE)
            break;
    }
    *n = got;
    *n_data = got || st == QN_E_SPACE ? (uint32_t)QC_MIN(used, (uint64_t)UINT32_MAX) : 0;
    return got ? QN_OK : st;
}

qn_status qc_watch_stream_ack(qc_watch_stream *w, uint64_t seq)
{
    if (seq > w->seq)
        return QN_E_INVAL;
    w->acked = QC_MAX(w->acked, seq);
    return QN_OK;
}

static qc_watch_scan *free_scan(qc_watch_stream *w)
{
    for (size_t i = 0; i < QC_WATCH_RESCANS; i++)
        if (!w->scan[i].id)
            return &w->scan[i];
    return NULL;
}

qn_status qc_watch_stream_rescan(qc_watch_stream *w, const qn_watch_rescan *what, uint64_t *id,
                                 uint32_t *lowest)
{
    qn_watch_rescan o = {.size = sizeof o};
    if (what && what->size < 8)
        return QN_E_INVAL;
    if (what)
        memcpy(&o, what, QC_MIN(what->size, (uint32_t)sizeof o));
    uint32_t flags = o.set & QN_SET_WATCH_RESCAN_FLAGS ? o.flags : 0;
    uint32_t from = o.set & QN_SET_WATCH_RESCAN_FROM ? o.from : 0;
    uint32_t to = o.set & QN_SET_WATCH_RESCAN_TO ? o.to : UINT32_MAX;
    if (from > to || (flags & ~QN_WATCH_RESCAN_NO_FILTERS))
        return QN_E_INVAL;
    uint32_t first = w->src.prune_height(w->src.arg);
    if (lowest)
        *lowest = first;
    if (from < first)
        return QN_E_PRUNED;
    qc_watch_scan *r = free_scan(w);
    if (!r)
        return QN_E_LIMIT;
    const uint32_t top = w->follow.cursor ? w->follow.cursor->height : 0;
    *r = (qc_watch_scan){.id = ++w->n_scan,
                         .next = from,
                         .to = QC_MIN(to, top),
                         .told_to = QC_MIN(to, top),
                         .open = !(o.set & QN_SET_WATCH_RESCAN_TO),
                         .gen = w->gen,
                         .first = o.set & QN_SET_WATCH_RESCAN_FIRST_COOKIE ? o.first_cookie : 0,
                         .last =
                             o.set & QN_SET_WATCH_RESCAN_LAST_COOKIE ? o.last_cookie : UINT64_MAX,
                         .no_filters = (flags & QN_WATCH_RESCAN_NO_FILTERS) != 0,
                         .told_at = w->src.now(),
                         .told = from};
    *id = r->id;
    return QN_OK;
}

qn_status qc_watch_stream_cancel(qc_watch_stream *w, uint64_t id)
{
    for (size_t i = 0; id && i < QC_WATCH_RESCANS; i++)
        if (w->scan[i].id == id) {
            w->scan[i].canceled = true;
            return QN_OK;
        }
    return QN_E_NOTFOUND;
}

/* ---- on trial ---- */

static bool stands_on(const qc_watch_stream *w, const qc_index *at)
{
    const qc_index *c = w->follow.cursor;
    return at && c && at->height <= c->height && qc_index_ancestor(c, at->height) == at;
}

qn_status qc_watch_stream_deep(qc_watch_stream *w, const qn_watch_deep *list, uint32_t n)
{
    if (n > QC_WATCH_DEEP_MAX - w->n_wish)
        return QN_E_LIMIT;
    if (w->n_wish + n > w->wish_cap) {
        size_t cap = w->n_wish + n + 64;
        qc_watch_wish *more = qc_try_realloc(w->wish, cap * sizeof *more);
        if (!more)
            return QN_E_NOMEM;
        w->wish = more;
        w->wish_cap = cap;
    }
    if (!qc_watch_room(w, w->n_wish + n + 1)) /* when all come true at once */
        return QN_E_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        qc_watch_wish *d = &w->wish[w->n_wish + i];
        qc_hash block;
        memcpy(block.b, list[i].block.hash.b, 32);
        *d = (qc_watch_wish){.cookie = list[i].cookie,
                             .at = w->src.find(w->src.arg, &block),
                             .depth = list[i].depth};
        memcpy(d->txid.b, list[i].txid.b, 32);
        if (!d->depth)
            return QN_E_INVAL;
        if (!stands_on(w, d->at))
            return QN_E_NOTFOUND;
    }
    w->n_wish += n;
    /* While the hits of a block are being told that block does not count yet. */
    const qc_index *top = w->stage.block ? w->follow.cursor->parent : w->follow.cursor;
    if (top)
        look_at_wishes(w, top, NULL);
    return QN_OK;
}
