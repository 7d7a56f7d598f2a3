#include "core/loop/loop.h"

#include "core/base/alloc.h"

#include <event2/event.h>

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct item {
    struct item *next;
    qc_loop_fn *fn;
    void *arg;
} item;

struct qc_loop {
    struct event_base *base;
    struct event *wake;
    int wake_fd;
    unsigned objects; /* timers and watches alive */
    pthread_mutex_t lock;
    item *head, **tail;
    bool stopping;
};

struct qc_timer {
    qc_loop *loop;
    struct event *ev;
    qc_loop_fn *fn;
    void *arg;
};

struct qc_watch {
    qc_loop *loop;
    struct event *ev;
    qc_io_fn *fn;
    void *arg;
};

/* Run what was posted so far. Work that is posted meanwhile waits for the next round, so that the
 * loop cannot starve. */
static void drain(qc_loop *l)
{
    pthread_mutex_lock(&l->lock);
    item *list = l->head;
    l->head = NULL;
    l->tail = &l->head;
    pthread_mutex_unlock(&l->lock);
    while (list) {
        item *i = list;
        list = i->next;
        i->fn(i->arg);
        qc_free(i);
    }
}

static bool has_work(qc_loop *l)
{
    pthread_mutex_lock(&l->lock);
    bool some = l->head != NULL;
    pthread_mutex_unlock(&l->lock);
    return some;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    qc_loop *l = arg;
    uint64_t n;
    if (read(fd, &n, sizeof n) != sizeof n && errno != EAGAIN)
        (void)QC_BUG(true); /* an eventfd can only be empty */
    drain(l);
    pthread_mutex_lock(&l->lock);
    bool stop = l->stopping;
    pthread_mutex_unlock(&l->lock);
    if (stop)
        event_base_loopbreak(l->base);
}

static void wake(const qc_loop *l)
{
    const uint64_t one = 1;
    ssize_t n;
    do
        n = write(l->wake_fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    /* EAGAIN: the counter is full, so the loop is awake already. */
}

qc_err qc_loop_new(qc_loop **out)
{
    qc_loop *l = qc_alloc(sizeof *l);
    l->tail = &l->head;
    l->wake_fd = -1;
    pthread_mutex_init(&l->lock, NULL);
    struct event_config *config = event_config_new();
    if (config && !event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK))
        l->base = event_base_new_with_config(config);
    event_config_free(config);
    if (l->base && !qc_fault_hit())
        l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd >= 0)
        l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    if (!l->wake || event_add(l->wake, NULL)) {
        qc_loop_free(l);
        *out = NULL;
        return QC_EIO;
    }
    *out = l;
    return QC_OK;
}

void qc_loop_free(qc_loop *l)
{
    if (!l)
        return;
    while (has_work(l))
        drain(l);
    QC_ASSERT(l->objects == 0);
    if (l->wake)
        event_free(l->wake);
    if (l->base)
        event_base_free(l->base);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
    qc_free(l);
}

void qc_loop_run(qc_loop *l)
{
    event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
    drain(l);
    pthread_mutex_lock(&l->lock);
    l->stopping = false;
    pthread_mutex_unlock(&l->lock);
}

bool qc_loop_poll(qc_loop *l)
{
    event_base_loop(l->base, EVLOOP_NONBLOCK);
    pthread_mutex_lock(&l->lock);
    bool stopping = l->stopping;
    pthread_mutex_unlock(&l->lock);
    if (stopping) /* heard here, it still holds for qc_loop_run() */
        wake(l);
    return stopping;
}

void qc_loop_stop(qc_loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

void qc_loop_post(qc_loop *l, qc_loop_fn *fn, void *arg)
{
    item *i = qc_alloc(sizeof *i);
    *i = (item){NULL, fn, arg};
    pthread_mutex_lock(&l->lock);
    *l->tail = i;
    l->tail = &i->next;
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

typedef struct call {
    qc_loop_fn *fn;
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
} call;

static void run_call(void *arg)
{
    call *c = arg;
    c->fn(c->arg);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
}

void qc_loop_call(qc_loop *l, qc_loop_fn *fn, void *arg)
{
    call c = {.fn = fn, .arg = arg};
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.cond, NULL);
    qc_loop_post(l, run_call, &c);
    pthread_mutex_lock(&c.lock);
    while (!c.done)
        pthread_cond_wait(&c.cond, &c.lock);
    pthread_mutex_unlock(&c.lock);
    pthread_cond_destroy(&c.cond);
    pthread_mutex_destroy(&c.lock);
}

typedef struct job {
    qc_loop *loop;
    qc_loop_fn *work, *done;
    void *arg;
} job;

static void finish_job(void *arg)
{
    job *j = arg;
    j->done(j->arg);
    qc_free(j);
}

static void run_job(void *arg)
{
    job *j = arg;
    j->work(j->arg);
    qc_loop_post(j->loop, finish_job, j);
}

void qc_loop_job(qc_loop *l, qc_pool *pool, qc_loop_fn *work, qc_loop_fn *done, void *arg)
{
    job *j = qc_alloc(sizeof *j);
    *j = (job){l, work, done, arg};
    qc_pool_post(pool, run_job, j);
}

/* ---- timers ---- */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    qc_timer *t = arg;
    t->fn(t->arg); /* may free the timer */
}

qc_err qc_timer_new(qc_loop *l, qc_loop_fn *fn, void *arg, qc_timer **out)
{
    qc_timer *t = qc_alloc(sizeof *t);
    *t = (qc_timer){l, NULL, fn, arg};
    t->ev = qc_fault_hit() ? NULL : event_new(l->base, -1, 0, on_timer, t);
    if (!t->ev) {
        qc_free(t);
        *out = NULL;
        return QC_ENOMEM;
    }
    l->objects++;
    *out = t;
    return QC_OK;
}

void qc_timer_set(qc_timer *t, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    event_add(t->ev, &tv);
}

void qc_timer_cancel(qc_timer *t)
{
    event_del(t->ev);
}

void qc_timer_free(qc_timer *t)
{
    if (!t)
        return;
    event_free(t->ev);
    t->loop->objects--;
    qc_free(t);
}

/* ---- descriptors and signals ---- */
static void on_io(evutil_socket_t fd, short what, void *arg)
{
    qc_watch *w = arg;
    w->fn(w->arg, (int)fd,
          (what & EV_READ ? QC_IO_READ : 0u) | (what & EV_WRITE ? QC_IO_WRITE : 0u));
}

static qc_err watch(qc_loop *l, int fd, short what, qc_watch init, qc_watch **out)
{
    qc_watch *w = qc_alloc(sizeof *w);
    *w = init;
    w->ev = qc_fault_hit() ? NULL : event_new(l->base, fd, (short)(what | EV_PERSIST), on_io, w);
    if (!w->ev || event_add(w->ev, NULL)) {
        if (w->ev)
            event_free(w->ev);
        qc_free(w);
        *out = NULL;
        return QC_EIO;
    }
    l->objects++;
    *out = w;
    return QC_OK;
}

qc_err qc_io_watch(qc_loop *l, int fd, unsigned events, qc_io_fn *fn, void *arg, qc_watch **out)
{
    short what =
        (short)((events & QC_IO_READ ? EV_READ : 0) | (events & QC_IO_WRITE ? EV_WRITE : 0));
    return watch(l, fd, what, (qc_watch){l, NULL, fn, arg}, out);
}

qc_err qc_signal_watch(qc_loop *l, int signo, qc_io_fn *fn, void *arg, qc_watch **out)
{
    return watch(l, signo, EV_SIGNAL, (qc_watch){l, NULL, fn, arg}, out);
}

void qc_unwatch(qc_watch *w)
{
    if (!w)
        return;
    event_free(w->ev);
    w->loop->objects--;
    qc_free(w);
}
