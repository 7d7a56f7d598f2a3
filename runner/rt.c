/* Calls, casts and callbacks: the traffic of the proxies. */
#include "runner/rt.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"
#include "runner/loop.h"

#include <stdlib.h>
#include <unistd.h>

static _Thread_local bool on_loop;

void qc_rt_init(qc_rt *rt, int socket)
{
    *rt = (qc_rt){.thread = pthread_self(), .posts_end = &rt->posts, .queue_end = &rt->queue};
    rt->spin = (qc_spin)QC_SPIN_INIT(qc_cpu_count());
    qc_chan_init(&rt->chan, socket, SIZE_MAX / 2);
    pthread_mutex_init(&rt->send_lock, NULL);
    pthread_mutex_init(&rt->lock, NULL);
    pthread_mutex_init(&rt->log.lock, NULL);
    on_loop = true;
}

/* The node has gone, or talks nonsense: there is nobody left to say anything to. */
static void __attribute__((noreturn)) gone(void)
{
    _exit(0);
}

void qc_rt_send(qc_rt *rt, qc_frame_kind kind, uint16_t method, uint32_t seq, uint32_t cap,
                qc_pack *in)
{
    qc_span payload = in ? qc_bytes_span(&in->out) : qc_span_of(NULL, 0);
    if (in && in->failed)
        abort(); /* out of memory for a message: the plugin is beyond its limit */
    qc_outgoing o = qc_outgoing_of(kind, method, seq, cap, payload);
    pthread_mutex_lock(&rt->send_lock);
    qc_err err = qc_chan_send(&rt->chan, &o); /* blocks: our end of the socket does */
    pthread_mutex_unlock(&rt->send_lock);
    if (in)
        qc_pack_clear(in);
    if (err)
        gone();
}

qn_status qc_rt_enter(qn_cap *cap, int closing)
{
    if (!on_loop)
        return QN_E_THREAD;
    if (!closing && atomic_load_explicit(&cap->rt->revoked, memory_order_relaxed))
        return QN_E_REVOKED;
    return QN_OK;
}

/* The same pair keeps its number, so that offering and withdrawing again and again takes no room.
 * The newest are looked at first. */
uint32_t qc_rt_callback(qn_cap *cap, qc_rt_fn *fn, void *arg)
{
    qc_rt *rt = cap->rt;
    if (!fn)
        return 0;
    for (uint32_t i = rt->n_callback; i > 0; i--)
        if (rt->callback[i - 1].fn == fn && rt->callback[i - 1].arg == arg)
            return i;
    if (rt->n_callback == QC_RT_CALLBACKS)
        return 0;
    if (rt->n_callback % 64 == 0) {
        void *more = realloc(rt->callback, (rt->n_callback + 64u) * sizeof *rt->callback);
        if (!more)
            return 0;
        rt->callback = more;
    }
    rt->callback[rt->n_callback].fn = fn;
    rt->callback[rt->n_callback].arg = arg;
    return ++rt->n_callback;
}

static qc_frame *receive(qc_rt *rt)
{
    const qc_frame *f;
    qc_err err;
    while ((err = qc_chan_recv(&rt->chan, &f)) == QC_ECANCELED)
        ;
    if (err)
        gone();
    return &rt->chan.frame;
}

/* While a reply is awaited. */
static qc_frame *receive_soon(qc_rt *rt)
{
    const qc_frame *f;
    qc_err err;
    while ((err = qc_chan_recv_soon(&rt->chan, &rt->spin, &f)) == QC_ECANCELED)
        ;
    if (!err)
        return &rt->chan.frame;
    if (err != QC_EBUSY)
        gone();
    qc_frame *got = receive(rt);
    if (rt->spin.since)
        qc_spin_came(&rt->spin, qc_clock_mono(), false);
    return got;
}

void qc_rt_wait(qc_rt *rt)
{
    qc_rt_take(rt, receive(rt));
}

qn_status qc_rt_call(qn_cap *cap, uint16_t method, qc_pack *in, qc_unpack *out)
{
    qc_rt *rt = cap->rt;
    uint32_t seq = ++rt->seq;
    qc_rt_send(rt, QC_FRAME_CALL, method, seq, cap->number, in);
    qc_spin_expect(&rt->spin, qc_clock_mono());
    for (;;) {
        qc_frame *f = receive_soon(rt);
        if (f->kind == QC_FRAME_REPLY && f->seq == seq) {
            rt->reply = f;
            *out = qc_unpack_of(f->payload);
            qn_status st = (qn_status)qc_unpack_u32(out);
            rt->bare = st != QN_OK && out->left.len == 0;
            return st;
        }
        qc_rt_take(rt, f);
    }
}

qc_frame *qc_rt_reply_frame(qc_rt *rt)
{
    return rt->reply;
}

qn_status qc_rt_end(qn_cap *cap, qn_status st, const qc_unpack *out)
{
    return qc_unpack_end(out) || cap->rt->bare ? st : QN_E_INTERNAL;
}

void qc_rt_cast(qn_cap *cap, uint16_t method, qc_pack *in)
{
    qc_rt_send(cap->rt, QC_FRAME_CAST, method, 0, cap->number, in);
}

/* ---- what arrives ---- */

void qc_rt_enqueue(qc_rt *rt, qc_rt_item *i)
{
    i->next = NULL;
    *rt->queue_end = i;
    rt->queue_end = &i->next;
}

static qn_cap *cap_of(qc_rt *rt, uint32_t number)
{
    for (uint32_t i = 0; i < rt->n_cap; i++)
        if (rt->cap[i].number == number && number)
            return &rt->cap[i];
    return number == 0 ? &rt->host : NULL;
}

static void queue_frame(qc_rt *rt, qc_frame *f)
{
    qc_rt_item *i = qc_alloc(sizeof *i);
    i->frame = *f;
    f->n_fd = 0; /* the item has them now */
    if (qc_bytes_append(&i->payload, f->payload.data, f->payload.len))
        abort();
    qc_rt_enqueue(rt, i);
}

void qc_rt_take(qc_rt *rt, qc_frame *f)
{
    qn_cap *cap = cap_of(rt, f->cap);
    if (f->kind == QC_FRAME_CALLBACK && cap && strcmp(cap->id, "chain.follow/1") == 0) {
        if (!qc_rt_follow_event(cap, f))
            gone();
        return;
    }
    if (f->kind == QC_FRAME_CALLBACK || f->kind == QC_FRAME_LIFE || f->kind == QC_FRAME_PING)
        queue_frame(rt, f);
    else
        gone();
}

static void run_callback(qc_rt *rt, qc_rt_item *i)
{
    const qn_cap *cap = cap_of(rt, i->frame.cap);
    uint32_t id = i->frame.seq;
    qc_unpack in = qc_unpack_of(qc_bytes_span(&i->payload));
    if (!cap || !cap->iface || i->frame.method >= cap->iface->n_callback || id == 0 ||
        id > rt->n_callback)
        gone();
    if (atomic_load(&rt->revoked))
        return;
    int none = -1;
    qc_rt_dispatch *call = cap->iface->callback[i->frame.method];
    if (!call(rt->callback[id - 1].fn, rt->callback[id - 1].arg, &in,
              i->frame.n_fd ? &i->frame.fd[0] : &none))
        gone();
}

static void run_item(qc_rt *rt, qc_rt_item *i)
{
    if (i->ready)
        qc_rt_follow_ready(i->ready, i->follow);
    else if (i->task)
        i->task(i->arg);
    else if (i->frame.kind == QC_FRAME_PING)
        qc_rt_send(rt, QC_FRAME_PONG, 0, i->frame.seq, 0, NULL);
    else if (i->frame.kind == QC_FRAME_LIFE)
        qc_rt_life(rt, &i->frame, qc_bytes_span(&i->payload));
    else
        run_callback(rt, i);
}

static void free_item(qc_rt_item *i)
{
    for (uint32_t k = 0; k < i->frame.n_fd; k++)
        if (i->frame.fd[k] >= 0)
            close(i->frame.fd[k]);
    qc_bytes_free(&i->payload);
    qc_free(i);
}

/* Run the oldest item. False: there is none. */
bool qc_rt_step(qc_rt *rt)
{
    qc_rt_item *i = rt->queue;
    if (!i)
        return false;
    rt->queue = i->next;
    if (!rt->queue)
        rt->queue_end = &rt->queue;
    run_item(rt, i);
    free_item(i);
    return true;
}

/* Take the first such callback out of the queue, or NULL. */
static qc_rt_item *unqueue(qc_rt *rt, const qn_cap *cap, uint16_t callback, uint64_t handle)
{
    for (qc_rt_item **at = &rt->queue; *at; at = &(*at)->next) {
        qc_rt_item *i = *at;
        qc_unpack in = qc_unpack_of(qc_bytes_span(&i->payload));
        if (i->frame.kind != QC_FRAME_CALLBACK || i->frame.cap != cap->number ||
            i->frame.method != callback || qc_unpack_u64(&in) != handle)
            continue;
        *at = i->next;
        if (!i->next)
            rt->queue_end = at;
        return i;
    }
    return NULL;
}

void qc_rt_forget(qn_cap *cap, uint16_t callback, uint64_t handle, int done)
{
    qc_rt_item *i;
    while ((i = unqueue(cap->rt, cap, callback, handle))) {
        qc_unpack in = qc_unpack_of(qc_bytes_span(&i->payload)), out;
        (void)qc_unpack_u64(&in);
        uint64_t given = qc_unpack_u64(&in);
        free_item(i); /* its descriptors are closed */
        if (done < 0)
            continue;
        qc_pack back = QC_PACK_INIT;
        qc_pack_u64(&back, given);
        (void)qc_rt_call(cap, (uint16_t)done, &back, &out);
    }
}
