/* The mock's watch: derived from its chain and its mempool at every next(), like the host's. A
 * transaction of the mempool needs its bytes to be a hit; what it spends is looked up in the active
 * chain and among the others. */
#include "lib/mock/watch.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS 1024u
#define PROGRESS_MS 1000u /* of the mock's clock, between two words of a rescan's progress */

static qn_mk_watcher *by_id(const qn_mock *m, uint64_t id)
{
    for (int i = 0; id && i < MOCK_FOLLOWS; i++)
        if (m->watcher[i].id == id)
            return &m->watcher[i];
    return NULL;
}

/* ---- steps ---- */

/* The block's hits are told and acknowledged: once more for what was added. True: something came.
 */
static bool look_again(qn_mk_watcher *w, qn_mk_stage *s, const qn_mk_rescan *r)
{
    qn_mk_look l = {.w = w,
                    .after = s->added,
                    .first = r ? r->first : 0,
                    .last = r ? r->last : UINT64_MAX,
                    .ev = {.flags = QN_WATCH_EVF_AGAIN, .rescan = r ? r->id : 0}};
    s->added = w->added;
    if (!qn_mk_match_block(&l, s->block, QN_WATCH_EV_CONFIRMED))
        return false;
    s->wait = UINT64_MAX; /* set when they are given */
    return true;
}

static void tell_block(const qn_mock *m, qn_mk_watcher *w, const qn_mk_block *b, uint32_t type)
{
    qn_watch_event ev = {
        .type = type, .ref = qn_mk_ref(b), .prev = qn_mk_ref(b->parent), .time = qn_mk_time(b)};
    if (w->cursor == m->active[m->height]) {
        ev.flags = QN_WATCH_EVF_TIP;
        ev.chain_seq = m->chain_seq;
    }
    (void)qn_mk_queue(w, &ev);
}

static void step_down(qn_mock *m, qn_mk_watcher *w)
{
    qn_mk_block *b = w->cursor;
    qn_mk_look l = {.w = w, .last = UINT64_MAX};
    (void)qn_mk_match_block(&l, b, QN_WATCH_EV_UNCONFIRMED);
    w->cursor = b->parent;
    w->at.block = NULL;
    for (int i = 0; i < MOCK_RESCANS; i++)
        if (w->rescan[i].to > w->cursor->view->height)
            w->rescan[i].to = w->cursor->view->height;
    tell_block(m, w, b, QN_WATCH_EV_UNBLOCK);
}

static void step_up(qn_mock *m, qn_mk_watcher *w, qn_mk_block *b)
{
    qn_mk_look l = {.w = w, .last = UINT64_MAX};
    if (b->view->height < m->pruned) {
        const qn_watch_event gap = {.type = QN_WATCH_EV_GAP,
                                    .ref = qn_mk_ref(m->active[m->pruned]),
                                    .prev = qn_mk_ref(w->cursor)};
        w->cursor = m->active[m->pruned]->parent;
        (void)qn_mk_queue(w, &gap);
        return;
    }
    w->cursor = b;
    w->at = (qn_mk_stage){.block = b, .wait = UINT64_MAX, .added = w->added};
    if (qn_mk_match_block(&l, b, QN_WATCH_EV_CONFIRMED))
        return;
    w->at.block = NULL;
    tell_block(m, w, b, QN_WATCH_EV_BLOCK);
}

static uint32_t next_height(const qn_mk_watcher *w)
{
    return w->cursor ? w->cursor->view->height + 1 : w->from_height;
}

/* A block could connect, and waits. */
static bool held_by_seen(const qn_mock *m, const qn_mk_watcher *w)
{
    return w->seen > w->acked && next_height(w) <= m->height;
}

/* False: it waits for an acknowledgement, or has nothing. */
static bool step_chain(qn_mock *m, qn_mk_watcher *w)
{
    qn_mk_stage *s = &w->at;
    uint32_t height = next_height(w);
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
    if (height > m->height || held_by_seen(m, w))
        return false;
    step_up(m, w, m->active[height]);
    return true;
}

static bool is_left(const qn_mock *m, const qn_mk_rescan *r)
{
    return !r->canceled && r->next <= r->to && r->next <= m->height;
}

static qn_status readable(const qn_mock *m, uint32_t height)
{
    return height < m->pruned ? QN_E_PRUNED : height + 1 == m->damaged ? QN_E_IO : QN_OK;
}

static void end_rescan(qn_mock *m, qn_mk_watcher *w, qn_mk_rescan *r)
{
    qn_watch_event ev = {.type = QN_WATCH_EV_RESCAN_DONE, .rescan = r->id, .ref = qn_mk_ref(NULL)};
    ev.status = r->canceled ? QN_E_CANCELED : is_left(m, r) ? readable(m, r->next) : QN_OK;
    if (ev.status == QN_E_PRUNED) /* the lowest that is there */
        ev.ref = qn_mk_ref(m->active[m->pruned]);
    else if (r->next && r->next - 1 <= m->height)
        ev.ref = qn_mk_ref(m->active[r->next - 1]);
    r->id = 0;
    (void)qn_mk_queue(w, &ev);
}

/* It has passed the block `next`, which had nothing that was not told. */
static void tell_progress(const qn_mock *m, qn_mk_watcher *w, qn_mk_rescan *r)
{
    const qn_watch_event ev = {.type = QN_WATCH_EV_RESCAN_PROGRESS,
                               .rescan = r->id,
                               .ref = qn_mk_ref(m->active[r->next++])};
    r->told_ms = m->now_ms;
    (void)qn_mk_queue(w, &ev);
}

static bool step_rescan(qn_mock *m, qn_mk_watcher *w, qn_mk_rescan *r)
{
    qn_mk_stage *s = &r->at;
    if (!r->id)
        return false;
    if (!r->canceled && s->block && s->wait > w->acked)
        return false;
    if (!r->canceled && s->block && look_again(w, s, r))
        return true;
    s->block = NULL;
    for (; is_left(m, r) && readable(m, r->next) == QN_OK; r->next++) {
        qn_mk_look l = {.w = w, .first = r->first, .last = r->last, .ev = {.rescan = r->id}};
        *s = (qn_mk_stage){.block = m->active[r->next], .wait = UINT64_MAX, .added = w->added};
        if (qn_mk_match_block(&l, s->block, QN_WATCH_EV_CONFIRMED)) {
            r->next++;
            return true;
        }
        s->block = NULL;
        if (m->now_ms - r->told_ms >= PROGRESS_MS) {
            tell_progress(m, w, r);
            return true;
        }
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
        for (int i = 0; i < MOCK_RESCANS && !more; i++)
            more = step_rescan(m, w, &w->rescan[i]);
        if (!more && at_tip(m, w) && !(w->flags & QN_WATCH_NO_MEMPOOL))
            qn_mk_watch_pool(m, w);
        if (!more && w->head == w->n_queue) {
            for (int i = 0; i < MOCK_RESCANS; i++)
                if (w->rescan[i].id)
                    return QN_E_LIMIT;
            return w->at.block || held_by_seen(m, w) ? QN_E_LIMIT : QN_E_AGAIN;
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
        *start = qn_mk_ref(at && qn_mk_is_active(m, at) ? at : NULL);
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
    *start = qn_mk_ref(w->cursor);
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
            qn_mk_item_put(w, list[i].cookie, bytes + at, list[i].len, NULL);
        else
            qn_mk_item_drop(w, qn_mk_item_find(w, bytes + at, list[i].len, NULL));
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
        qn_mk_item_put(w, list[i].cookie, NULL, 0, &coin);
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
        qn_mk_item_drop(w, qn_mk_item_find(w, NULL, 0, &coin));
    }
    return w ? QN_OK : QN_E_CLOSED;
}

/* Put one event out. False: no room. */
static bool give(qn_mk_watcher *w, qn_watch_event *out, uint8_t *data, uint32_t max, uint32_t *used)
{
    qn_mk_queued *q = &w->queue[w->head];
    uint64_t need = (uint64_t)*used + q->ev.tx_len + q->ev.script_len;
    if (need > max) {
        *used = (uint32_t)need;
        return false;
    }
    *out = q->ev;
    out->seq = ++w->seq;
    if (out->type == QN_WATCH_EV_SEEN)
        w->seen = out->seq;
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
    for (int i = 0; i < MOCK_RESCANS; i++)
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

static qn_mk_rescan *free_rescan(qn_mk_watcher *w)
{
    for (int i = 0; i < MOCK_RESCANS; i++)
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
    qn_mk_rescan made_one = {.to = w->cursor ? w->cursor->view->height : 0, .last = UINT64_MAX};
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
    qn_mk_rescan *r = free_rescan(w);
    if (!r)
        return QN_E_LIMIT;
    *r = made_one;
    r->told_ms = m->now_ms;
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
    for (int i = 0; rescan_id && i < MOCK_RESCANS; i++)
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
                        .max_bytes = 256000000};
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
    qn_mk_queue_drop(w);
    qn_mk_items_drop(w);
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
