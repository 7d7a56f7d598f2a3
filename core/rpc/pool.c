#include "core/rpc/pool.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"

#include <stdio.h>

typedef struct job {
    struct job *next;
    void (*fn)(void *);
    void *arg;
} job;

struct qc_rpc_timer {
    qc_rpc_timer *next; /* by deadline */
    qc_mono at;
    void (*fn)(void *);
    void *arg;
};

struct qc_rpc_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    job *head, **tail;
    size_t queued;
    qc_rpc_timer *timers;
    bool stopping;
    unsigned n;
    qc_thread *thread[];
};

/* Take a timer that is due. Under the lock. */
static qc_rpc_timer *due(qc_rpc_pool *p)
{
    qc_rpc_timer *t = p->timers;
    if (!t || p->stopping || t->at > qc_clock_mono())
        return NULL;
    p->timers = t->next;
    return t;
}

static void wait_for_work(qc_rpc_pool *p)
{
    if (!p->timers) {
        pthread_cond_wait(&p->wake, &p->lock);
        return;
    }
    struct timespec ts = {.tv_sec = (time_t)(p->timers->at / 1000000000),
                          .tv_nsec = (long)(p->timers->at % 1000000000)};
    pthread_cond_timedwait(&p->wake, &p->lock, &ts);
}

static void worker(void *arg)
{
    qc_rpc_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        void (*fn)(void *) = NULL;
        void *fn_arg = NULL;
        qc_rpc_timer *t = due(p);
        job *j = t ? NULL : p->head;
        if (t) {
            fn = t->fn;
            fn_arg = t->arg;
        } else if (j) {
            p->head = j->next;
            if (!p->head)
                p->tail = &p->head;
            p->queued--;
            fn = j->fn;
            fn_arg = j->arg;
        } else if (p->stopping) {
            break;
        } else {
            wait_for_work(p);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        fn(fn_arg);
        qc_free(t);
        qc_free(j);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
}

qc_err qc_rpc_pool_new(qc_rpc_pool **out, unsigned threads)
{
    pthread_condattr_t attr;
    qc_rpc_pool *p = qc_alloc(sizeof *p + threads * sizeof p->thread[0]);
    p->tail = &p->head;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &attr);
    pthread_condattr_destroy(&attr);
    for (; p->n < threads; p->n++) {
        char name[16];
        snprintf(name, sizeof name, "http.%u", p->n);
        qc_err err = qc_thread_start(&p->thread[p->n], name, worker, p);
        if (err) {
            qc_rpc_pool_stop(p);
            return err;
        }
    }
    *out = p;
    return QC_OK;
}

void qc_rpc_pool_stop(qc_rpc_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n; i++)
        qc_thread_join(p->thread[i]);
    while (p->timers) {
        qc_rpc_timer *t = p->timers;
        p->timers = t->next;
        qc_free(t);
    }
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    qc_free(p);
}

bool qc_rpc_pool_post(qc_rpc_pool *p, void (*fn)(void *), void *arg, size_t limit)
{
    job *j = qc_alloc(sizeof *j);
    *j = (job){NULL, fn, arg};
    pthread_mutex_lock(&p->lock);
    bool ok = limit == 0 || p->queued < limit;
    if (ok) {
        *p->tail = j;
        p->tail = &j->next;
        p->queued++;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    if (!ok)
        qc_free(j);
    return ok;
}

qc_rpc_timer *qc_rpc_pool_after(qc_rpc_pool *p, int64_t ms, void (*fn)(void *), void *arg)
{
    qc_rpc_timer *t = qc_alloc(sizeof *t);
    const int64_t max_ms = INT64_C(1000) * 3600 * 24 * 365;
    t->at = qc_clock_mono() + (ms > max_ms ? max_ms : ms) * 1000000;
    t->fn = fn;
    t->arg = arg;
    pthread_mutex_lock(&p->lock);
    qc_rpc_timer **at = &p->timers;
    while (*at && (*at)->at <= t->at)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    /* All sleepers learn the new first deadline; which of them serves it does not matter. */
    if (p->timers == t)
        pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    return t;
}

bool qc_rpc_pool_cancel(qc_rpc_pool *p, qc_rpc_timer *t, const void *arg)
{
    bool found = false;
    pthread_mutex_lock(&p->lock);
    for (qc_rpc_timer **at = &p->timers; *at; at = &(*at)->next) {
        if (*at != t || t->arg != arg)
            continue;
        *at = t->next;
        found = true;
        break;
    }
    pthread_mutex_unlock(&p->lock);
    if (found)
        qc_free(t);
    return found;
}
