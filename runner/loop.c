/* The plugin's loop: messages, posts, timers and watched descriptors, one callback at a time. */
#include "runner/rt.h"

#include "core/base/alloc.h"
#include "runner/loop.h"

#include <poll.h>
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

#define FIXED 2u /* the socket and the eventfd come first */

/* What poll() is asked, and of whom each line is. */
struct qc_rt_poll {
    struct pollfd p[FIXED + QC_RT_WATCHES];
    uint64_t id[FIXED + QC_RT_WATCHES];
};

qc_rt_watch *qc_rt_watch_of(const qc_rt *rt, int32_t fd)
{
    return rt->watch && fd >= 0 && (uint32_t)fd < rt->watch_top && rt->watch[fd].id ? &rt->watch[fd]
                                                                                    : NULL;
}

qc_rt_watch *qc_rt_watch_new(qc_rt *rt, int32_t fd)
{
    if (fd < 0 || (uint32_t)fd >= QC_RT_WATCHES)
        return NULL;
    if (!rt->watch)
        rt->watch = qc_try_calloc(QC_RT_WATCHES, sizeof *rt->watch);
    if (!rt->poll)
        rt->poll = qc_try_calloc(1, sizeof *rt->poll);
    if (!rt->watch || !rt->poll)
        return NULL;
    if ((uint32_t)fd >= rt->watch_top)
        rt->watch_top = (uint32_t)fd + 1;
    rt->watch[fd] = (qc_rt_watch){.id = ++rt->next_watch, .fd = fd};
    return &rt->watch[fd];
}

static nfds_t fill(qc_rt *rt, struct pollfd *p, uint64_t *id)
{
    nfds_t n = FIXED;
    p[0] = (struct pollfd){rt->chan.fd, POLLIN, 0};
    p[1] = (struct pollfd){rt->wake, POLLIN, 0};
    while (rt->watch_top && !rt->watch[rt->watch_top - 1].id)
        rt->watch_top--;
    for (uint32_t i = 0; i < rt->watch_top; i++)
        if (rt->watch[i].id) {
            id[n] = rt->watch[i].id;
            p[n++] = (struct pollfd){rt->watch[i].fd, rt->watch[i].mask, 0};
        }
    return n;
}

/* A callback may end any watch, this one included: each is looked up again by its id. */
static void run_watches(qc_rt *rt, const struct pollfd *p, nfds_t n, const uint64_t *id)
{
    for (nfds_t i = FIXED; i < n; i++) {
        if (!p[i].revents || atomic_load(&rt->revoked))
            continue;
        const qc_rt_watch *w = qc_rt_watch_of(rt, p[i].fd);
        if (w && w->id == id[i])
            w->fn(rt, w, p[i].revents);
    }
}

void qc_rt_run(qc_rt *rt)
{
    struct pollfd few[FIXED];
    uint64_t none[FIXED];
    for (;;) {
        while (qc_rt_step(rt))
            qc_rt_log_tell(rt);
        (void)run_due(rt);
        qc_rt_log_tell(rt);
        struct pollfd *p = rt->poll ? rt->poll->p : few;
        uint64_t *id = rt->poll ? rt->poll->id : none;
        nfds_t n = fill(rt, p, id);
        int ready = poll(p, n, rt->queue ? 0 : wait_ms(rt));
        if (ready <= 0)
            continue;
        if (p[0].revents)
            qc_rt_wait(rt);
        if (p[1].revents)
            take_posts(rt);
        run_watches(rt, p, n, id);
    }
}
