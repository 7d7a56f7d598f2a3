/* The plugin's loop: messages, posts, timers and watched descriptors, one callback at a time. */
#include "runner/rt.h"

#include "core/base/alloc.h"
#include "runner/loop.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

uint64_t qc_rt_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- posts ---- */

qn_status qc_rt_post(qc_rt *rt, qn_task_fn *task, void *arg)
{
    static const uint64_t one = 1;
    if (atomic_load(&rt->revoked))
        return QN_E_REVOKED;
    if (!task)
        return QN_E_INVAL;
    qc_rt_item *i = qc_try_alloc(sizeof *i);
    if (!i)
        return QN_E_NOMEM;
    i->task = task;
    i->arg = arg;
    pthread_mutex_lock(&rt->lock);
    bool room = rt->n_posts < QC_RT_POSTS, first = rt->posts == NULL;
    if (room) {
        rt->n_posts++;
        *rt->posts_end = i;
        rt->posts_end = &i->next;
    }
    pthread_mutex_unlock(&rt->lock);
    if (!room)
        qc_free(i);
    else if (first && write(rt->wake, &one, sizeof one) < 0)
        return QN_OK; /* the counter is at its end: the loop is awake anyway */
    return room ? QN_OK : QN_E_LIMIT;
}

static void take_posts(qc_rt *rt)
{
    uint64_t n;
    pthread_mutex_lock(&rt->lock);
    if (rt->posts) {
        if (read(rt->wake, &n, sizeof n) < 0)
            n = 0;
        *rt->queue_end = rt->posts;
        rt->queue_end = rt->posts_end;
        rt->posts = NULL;
        rt->posts_end = &rt->posts;
        rt->n_posts = 0;
    }
    pthread_mutex_unlock(&rt->lock);
}

/* ---- timers ---- */

static uint64_t timer_id(const qc_rt *rt, const qc_rt_timer *t)
{
    return (uint64_t)t->generation << 32 | (uint64_t)(t - rt->timer + 1);
}

qn_status qc_rt_timer_set(qc_rt *rt, uint32_t delay_ms, qn_task_fn *task, void *arg, uint64_t *id)
{
    if (!task || !id || delay_ms > INT32_MAX)
        return QN_E_INVAL;
    qc_rt_timer *t = rt->timer;
    while (t < rt->timer + QC_RT_TIMERS && t->fn)
        t++;
    if (t == rt->timer + QC_RT_TIMERS)
        return QN_E_LIMIT;
    t->fn = task;
    t->arg = arg;
    t->due = qc_rt_now_ms() + delay_ms;
    t->generation++;
    rt->n_timer++;
    *id = timer_id(rt, t);
    return QN_OK;
}

qn_status qc_rt_timer_cancel(qc_rt *rt, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    if (slot == 0 || slot > QC_RT_TIMERS || !rt->timer[slot - 1].fn ||
        timer_id(rt, &rt->timer[slot - 1]) != id)
        return QN_E_NOTFOUND;
    rt->timer[slot - 1].fn = NULL;
    rt->n_timer--;
    return QN_OK;
}

/* The timer that is due next, or NULL. */
static qc_rt_timer *next_timer(qc_rt *rt)
{
    qc_rt_timer *first = NULL;
    uint32_t left = rt->n_timer;
    for (qc_rt_timer *t = rt->timer; left; t++) {
        if (!t->fn)
            continue;
        left--;
        if (!first || t->due < first->due)
            first = t;
    }
    return first;
}

static bool run_due(qc_rt *rt)
{
    qc_rt_timer *t = next_timer(rt);
    if (!t || t->due > qc_rt_now_ms())
        return false;
    qn_task_fn *fn = t->fn;
    t->fn = NULL;
    rt->n_timer--;
    if (!atomic_load(&rt->revoked))
        fn(t->arg);
    return true;
}

static int wait_ms(qc_rt *rt)
{
    const qc_rt_timer *t = next_timer(rt);
    if (!t)
        return -1;
    uint64_t now = qc_rt_now_ms();
    return t->due <= now ? 0 : (int)(t->due - now);
}

/* ---- descriptors ---- */

/* With poll() each turn would cost as much as there are connections, and there may be thousands. */
#define EVENTS 256
/* So long messages are run before descriptors and timers have their turn. */
#define TURN ((qc_mono)1000000)
/* What an event is of; else a watch: the low half of its id, and its descriptor. */
#define SOCKET UINT64_MAX
#define WAKE (UINT64_MAX - 1)

static uint64_t name_of(const qc_rt_watch *w)
{
    return w->id << 32 | (uint32_t)w->fd;
}

static uint32_t epoll_mask(short mask)
{
    return (mask & POLLIN ? EPOLLIN : 0u) | (mask & POLLOUT ? EPOLLOUT : 0u);
}

static short poll_mask(uint32_t events)
{
    return (short)((events & EPOLLIN ? POLLIN : 0) | (events & EPOLLOUT ? POLLOUT : 0) |
                   (events & EPOLLERR ? POLLERR : 0) | (events & EPOLLHUP ? POLLHUP : 0));
}

bool qc_rt_loop_open(qc_rt *rt)
{
    struct epoll_event socket = {.events = EPOLLIN, .data.u64 = SOCKET},
                       wake = {.events = EPOLLIN, .data.u64 = WAKE};
    rt->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rt->epoll = epoll_create1(EPOLL_CLOEXEC);
    return rt->wake >= 0 && rt->epoll >= 0 &&
           !epoll_ctl(rt->epoll, EPOLL_CTL_ADD, rt->chan.fd, &socket) &&
           !epoll_ctl(rt->epoll, EPOLL_CTL_ADD, rt->wake, &wake);
}

qc_rt_watch *qc_rt_watch_of(const qc_rt *rt, int32_t fd)
{
    return rt->watch && fd >= 0 && (uint32_t)fd < QC_RT_WATCHES && rt->watch[fd].id ? &rt->watch[fd]
                                                                                    : NULL;
}

/* The kernel forgets a descriptor that is closed: whether it knows this one is for it to say. */
static qn_status tell_kernel(const qc_rt *rt, const qc_rt_watch *w)
{
    struct epoll_event e = {.events = epoll_mask(w->mask), .data.u64 = name_of(w)};
    if (!epoll_ctl(rt->epoll, EPOLL_CTL_MOD, w->fd, &e) ||
        (errno == ENOENT && !epoll_ctl(rt->epoll, EPOLL_CTL_ADD, w->fd, &e)))
        return QN_OK;
    return errno == ENOSPC || errno == ENOMEM ? QN_E_LIMIT : QN_E_INVAL;
}

qn_status qc_rt_watch_set(qc_rt *rt, const qc_rt_watch *how)
{
    if (how->fd < 0 || how->fd == rt->chan.fd || how->fd == rt->wake || how->fd == rt->epoll)
        return QN_E_INVAL;
    if ((uint32_t)how->fd >= QC_RT_WATCHES)
        return QN_E_LIMIT;
    if (!rt->watch)
        rt->watch = qc_try_calloc(QC_RT_WATCHES, sizeof *rt->watch);
    if (!rt->watch)
        return QN_E_LIMIT;
    qc_rt_watch w = *how;
    w.id = ++rt->next_watch;
    qn_status st = tell_kernel(rt, &w);
    if (st == QN_OK)
        rt->watch[w.fd] = w;
    return st;
}

void qc_rt_watch_end(qc_rt *rt, qc_rt_watch *w)
{
    (void)epoll_ctl(rt->epoll, EPOLL_CTL_DEL, w->fd, NULL); /* it may be closed already */
    w->id = 0;
}

/* A callback may end any watch, this one included: each is looked up again by its id. */
static void run_watches(qc_rt *rt, const struct epoll_event *e, int n)
{
    for (int i = 0; i < n && !atomic_load(&rt->revoked); i++) {
        const qc_rt_watch *w = qc_rt_watch_of(rt, (int32_t)(uint32_t)e[i].data.u64);
        if (e[i].data.u64 < WAKE && w && name_of(w) == e[i].data.u64)
            w->fn(rt, w, poll_mask(e[i].events));
    }
}

static bool has_event(const struct epoll_event *e, int n, uint64_t of)
{
    for (int i = 0; i < n; i++)
        if (e[i].data.u64 == of)
            return true;
    return false;
}

/* Messages can come as fast as they are run, when each makes a call during which more arrive: what
 * waits for descriptors and timers is not to wait for the end of that. */
static void run_queue(qc_rt *rt)
{
    const qc_mono until = qc_clock_mono() + TURN;
    while (qc_rt_step(rt)) {
        qc_rt_log_tell(rt);
        if (qc_clock_mono() >= until)
            return;
    }
}

void qc_rt_run(qc_rt *rt)
{
    struct epoll_event e[EVENTS];
    for (;;) {
        run_queue(rt);
        (void)run_due(rt);
        qc_rt_log_tell(rt);
        int n = epoll_wait(rt->epoll, e, EVENTS, rt->queue ? 0 : wait_ms(rt));
        if (has_event(e, n, SOCKET))
            qc_rt_wait(rt);
        if (has_event(e, n, WAKE))
            take_posts(rt);
        run_watches(rt, e, n);
    }
}
