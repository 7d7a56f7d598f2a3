/* chain.follow/1 in the runner. The node sends events ahead of the plugin, up to the window, so
 * that next() finds them here. What the plugin sees is what it would see in the node: the same
 * events in the same order, AGAIN when the node had nothing more to send, LIMIT when it has not
 * acknowledged enough. */
#include "runner/proxies.h"
#include "runner/rt.h"

#include "core/base/alloc.h"
#include "core/frame/wire.h"

#include <sys/mman.h>

enum { OPEN, NEXT, ACK, CLOSE, RETAIN, RELEASE }; /* slots of the table */
/* Messages of the node: CALLBACK with this method and the subscription as seq. NEXT, as a cast,
 * says that an event was taken; RESUME that a failure was. */
enum { EVENT, IDLE, STATUS };
#define FOLLOWS_MAX 16u
#define LOCATOR_MAX 101u

typedef struct event {
    struct event *next;
    qn_follow_event event;
    qc_rt_view *view;
} event;

typedef struct follower {
    uint32_t id; /* 0: free */
    uint32_t window;
    uint64_t delivered, acked;
    event *queue, **queue_end;
    event *current; /* what next() gave last */
    bool idle;      /* the node has nothing more now */
    bool waiting;   /* next() answered AGAIN: on_ready is owed */
    bool failed;    /* `status` is to be given once */
    qn_status status;
    qn_follow_ready_fn *on_ready;
    void *arg;
} follower;

typedef struct follows {
    follower f[FOLLOWS_MAX];
    uint32_t retained;
} follows;

static follows *state_of(qn_cap *cap)
{
    if (!cap->head.state)
        cap->head.state = qc_alloc(sizeof(follows));
    return cap->head.state;
}

static follower *by_id(qn_cap *cap, uint64_t id)
{
    follows *s = state_of(cap);
    for (uint32_t i = 0; id && i < FOLLOWS_MAX; i++)
        if (s->f[i].id == id)
            return &s->f[i];
    return NULL;
}

static void free_event(qn_cap *cap, event *e)
{
    if (!e)
        return;
    if (e->view)
        qc_rt_view_unref(cap, e->view, RELEASE);
    qc_free(e);
}

static void clear(qn_cap *cap, follower *f)
{
    free_event(cap, f->current);
    while (f->queue) {
        event *e = f->queue;
        f->queue = e->next;
        free_event(cap, e);
    }
    *f = (follower){0};
}

/* ---- what the node sends ---- */

static void wake(qn_cap *cap, follower *f)
{
    f->idle = false;
    if (!f->waiting)
        return;
    f->waiting = false;
    qc_rt_item *i = qc_alloc(sizeof *i);
    i->ready = cap;
    i->follow = f->id;
    qc_rt_enqueue(cap->rt, i);
}

void qc_rt_follow_ready(qn_cap *cap, uint64_t id)
{
    follower *f = by_id(cap, id);
    if (f && !atomic_load(&cap->rt->revoked))
        f->on_ready(f->arg, f->id);
}

bool qc_rt_follow_event(qn_cap *cap, qc_frame *frame)
{
    follower *f = by_id(cap, frame->seq);
    qc_unpack in = qc_unpack_of(frame->payload);
    if (frame->method == IDLE) {
        if (f)
            f->idle = true;
        return true;
    }
    if (frame->method == STATUS) {
        qn_status st = (qn_status)qc_unpack_u32(&in);
        if (f) {
            f->failed = true;
            f->status = st;
            wake(cap, f);
        }
        return qc_unpack_end(&in);
    }
    int none = -1;
    event *e = qc_alloc(sizeof *e);
    qc_unpack_copy(&in, &e->event, sizeof e->event);
    e->view = qc_rt_view_read(cap, &in, frame->n_fd ? &frame->fd[0] : &none);
    if (!f || !qc_unpack_end(&in)) { /* closed meanwhile */
        free_event(cap, e);
        return qc_unpack_end(&in);
    }
    *f->queue_end = e;
    f->queue_end = &e->next;
    wake(cap, f);
    return true;
}

/* ---- the table ---- */

qn_status qc_px_chain_follow_1_open(qn_cap *cap, const qn_follow_options *options,
                                    const qn_hash *locator, uint32_t n_locator,
                                    qn_follow_ready_fn *on_ready, void *arg, uint64_t *follow,
                                    qn_block_ref *start)
{
    qn_status st = qc_rt_enter(cap, 0);
    follows *s = state_of(cap);
    qc_pack in = QC_PACK_INIT;
    qc_unpack out;
    if (st != QN_OK)
        return st;
    if (!follow || !start || !on_ready || n_locator > LOCATOR_MAX)
        return QN_E_INVAL;
    follower *f = s->f;
    while (f < s->f + FOLLOWS_MAX && f->id)
        f++;
    if (f == s->f + FOLLOWS_MAX)
        return QN_E_LIMIT;
    qc_wire_put_sized(&in, options, options ? options->size : 0, sizeof *options);
    qc_wire_put_array(&in, locator, n_locator, sizeof *locator);
    qc_wire_put_fixed(&in, start, sizeof *start);
    st = qc_rt_call(cap, OPEN, &in, &out);
    uint64_t id = qc_unpack_u64(&out);
    uint32_t window = qc_unpack_u32(&out);
    qc_wire_take_fixed(&out, start, sizeof *start);
    if ((st = qc_rt_end(cap, st, &out)) != QN_OK)
        return st;
    *f = (follower){.id = (uint32_t)id, .window = window, .on_ready = on_ready, .arg = arg};
    f->queue_end = &f->queue;
    *follow = id;
    return QN_OK;
}

/* The event is the plugin's now: the node may send one more. */
static void deliver(qn_cap *cap, follower *f, const qn_follow_event **ev,
                    const qn_block_view **view)
{
    qc_pack out = QC_PACK_INIT;
    event *e = f->queue;
    f->queue = e->next;
    if (!f->queue)
        f->queue_end = &f->queue;
    f->current = e;
    f->delivered = e->event.seq;
    qc_pack_u32(&out, f->id);
    qc_rt_cast(cap, NEXT, &out);
    *ev = &e->event;
    *view = e->view ? e->view->view : NULL;
}

static void resume(qn_cap *cap, follower *f)
{
    qc_pack out = QC_PACK_INIT;
    f->failed = false;
    qc_pack_u32(&out, f->id);
    qc_rt_cast(cap, RETAIN, &out); /* views are retained here: its slot means 'go on' */
}

qn_status qc_px_chain_follow_1_next(qn_cap *cap, uint64_t follow, const qn_follow_event **ev,
                                    const qn_block_view **view)
{
    qn_status st = qc_rt_enter(cap, 0);
    if (st != QN_OK)
        return st;
    follower *f = by_id(cap, follow);
    if (!f)
        return QN_E_CLOSED;
    if (!ev || !view)
        return QN_E_INVAL;
    free_event(cap, f->current);
    f->current = NULL;
    for (;;) {
        if (f->queue) {
            deliver(cap, f, ev, view);
            return QN_OK;
        }
        if (f->failed) {
            resume(cap, f);
            return f->status;
        }
        if (f->idle) {
            f->waiting = true;
            return QN_E_AGAIN;
        }
        if (f->delivered - f->acked >= f->window)
            return QN_E_LIMIT;
        qc_rt_wait(cap->rt); /* it reads the next block, or has nothing more: both come soon */
    }
}

qn_status qc_px_chain_follow_1_ack(qn_cap *cap, uint64_t follow, uint64_t seq)
{
    qn_status st = qc_rt_enter(cap, 0);
    qc_pack out = QC_PACK_INIT;
    if (st != QN_OK)
        return st;
    follower *f = by_id(cap, follow);
    if (!f)
        return QN_E_CLOSED;
    if (seq > f->delivered)
        return QN_E_INVAL;
    if (seq <= f->acked)
        return QN_OK;
    f->acked = seq;
    qc_pack_u32(&out, f->id);
    qc_pack_u64(&out, seq);
    qc_rt_cast(cap, ACK, &out);
    return QN_OK;
}

qn_status qc_px_chain_follow_1_close(qn_cap *cap, uint64_t follow)
{
    qn_status st = qc_rt_enter(cap, 1);
    qc_pack in = QC_PACK_INIT;
    qc_unpack out;
    if (st != QN_OK)
        return st;
    follower *f = by_id(cap, follow);
    if (!f)
        return QN_E_CLOSED;
    clear(cap, f);
    qc_pack_u32(&in, (uint32_t)follow);
    st = qc_rt_call(cap, CLOSE, &in, &out);
    return qc_rt_end(cap, st, &out);
}

static bool keep(qn_cap *cap, follows *s, qc_rt_view *v, uint32_t window)
{
    pthread_mutex_lock(&cap->rt->lock);
    bool room = v->kept || s->retained < window;
    if (room) {
        s->retained += v->kept == 0;
        v->kept++;
        v->refs++;
    }
    pthread_mutex_unlock(&cap->rt->lock);
    return room;
}

qn_status qc_px_chain_follow_1_retain(qn_cap *cap, const qn_block_view *view)
{
    qn_status st = qc_rt_enter(cap, 0);
    follows *s = state_of(cap);
    uint32_t window = 0;
    if (st != QN_OK)
        return st;
    for (uint32_t i = 0; view && i < FOLLOWS_MAX; i++) {
        follower *f = &s->f[i];
        if (!f->id || !f->current || !f->current->view || f->current->view->view != view)
            continue;
        for (uint32_t k = 0; k < FOLLOWS_MAX; k++)
            window = s->f[k].window > window ? s->f[k].window : window;
        return keep(cap, s, f->current->view, window) ? QN_OK : QN_E_LIMIT;
    }
    return QN_E_INVAL;
}

qn_status qc_px_chain_follow_1_release(qn_cap *cap, const qn_block_view *view)
{
    follows *s = cap->head.state;
    qc_rt_view *v = qc_rt_view_find(cap, view);
    if (!v || !s)
        return QN_E_INVAL;
    pthread_mutex_lock(&cap->rt->lock);
    bool kept = v->kept > 0;
    v->kept -= kept;
    s->retained -= kept && v->kept == 0;
    pthread_mutex_unlock(&cap->rt->lock);
    if (!kept)
        return QN_E_INVAL;
    qc_rt_view_unref(cap, v, RELEASE);
    return QN_OK;
}
