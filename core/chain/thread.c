#include "core/chain/thread.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"

#include <stdatomic.h>

/* A caller that waits. Under the lock. */
typedef struct caller {
    pthread_cond_t finished;
    bool done;
} caller;

typedef struct job job;
struct job {
    job *next;
    void (*fn)(qc_chain *c, void *arg);
    void *arg;
    caller *by; /* NULL: nobody waits */
};

struct qc_chain_thread {
    qc_chain *chain;
    qc_thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    job *head, **tail;
    size_t waiting;
    bool busy; /* a job runs: of the thread itself, or one that its caller runs */
    bool ending;
};

/* Take the first job and run it without the lock, which is held on entry and on return. */
static void run_first(qc_chain_thread *t)
{
    job *j = t->head;
    t->head = j->next;
    if (!t->head)
        t->tail = &t->head;
    t->waiting--;
    pthread_mutex_unlock(&t->lock);
    j->fn(t->chain, j->arg);
    pthread_mutex_lock(&t->lock);
    if (j->by) {
        j->by->done = true;
        pthread_cond_signal(&j->by->finished);
    }
    qc_free(j);
}

/* Between two steps of long work: what is queued by now. */
static void yield_to_queue(void *arg)
{
    qc_chain_thread *t = arg;
    pthread_mutex_lock(&t->lock);
    for (size_t n = t->waiting; n > 0 && t->head; n--)
        run_first(t);
    pthread_mutex_unlock(&t->lock);
}

static void loop(void *arg)
{
    qc_chain_thread *t = arg;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (t->busy || (!t->head && !t->ending))
            pthread_cond_wait(&t->work, &t->lock);
        if (!t->head)
            break;
        t->busy = true;
        run_first(t);
        t->busy = false;
    }
    pthread_mutex_unlock(&t->lock);
}

qc_err qc_chain_thread_start(qc_chain_thread **out, qc_chain *c)
{
    qc_chain_thread *t = qc_alloc(sizeof *t);
    t->chain = c;
    t->tail = &t->head;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->work, NULL);
    qc_chain_set_yield(c, yield_to_queue, t);
    qc_err err = qc_thread_start(&t->thread, "chain", loop, t);
    if (err) {
        qc_chain_thread_stop(t);
        return err;
    }
    *out = t;
    return QC_OK;
}

void qc_chain_thread_end(qc_chain_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_signal(&t->work);
    pthread_mutex_unlock(&t->lock);
    qc_thread_join(t->thread);
    t->thread = NULL;
    qc_chain_set_yield(t->chain, NULL, NULL);
}

void qc_chain_thread_stop(qc_chain_thread *t)
{
    if (!t)
        return;
    qc_chain_thread_end(t);
    pthread_cond_destroy(&t->work);
    pthread_mutex_destroy(&t->lock);
    qc_free(t);
}

/* With the lock held. */
static void enqueue(qc_chain_thread *t, job *j)
{
    *t->tail = j;
    t->tail = &j->next;
    t->waiting++;
    pthread_cond_signal(&t->work);
}

void qc_chain_post(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg)
{
    job *j = qc_alloc(sizeof *j);
    *j = (job){NULL, fn, arg, NULL};
    pthread_mutex_lock(&t->lock);
    enqueue(t, j);
    pthread_mutex_unlock(&t->lock);
}

void qc_chain_call(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg)
{
    caller by = {.done = false};
    job *j = qc_alloc(sizeof *j);
    *j = (job){NULL, fn, arg, &by};
    pthread_cond_init(&by.finished, NULL);
    pthread_mutex_lock(&t->lock);
    enqueue(t, j);
    while (!by.done)
        pthread_cond_wait(&by.finished, &t->lock);
    pthread_mutex_unlock(&t->lock);
    pthread_cond_destroy(&by.finished);
}

/* Nothing waits and nothing runs: the caller is the chain thread for this one job, which saves the
 * way there and back. */
static bool take_over(qc_chain_thread *t)
{
    pthread_mutex_lock(&t->lock);
    bool mine = !t->busy && !t->head && !t->ending;
    if (mine)
        t->busy = true;
    pthread_mutex_unlock(&t->lock);
    return mine;
}

void qc_chain_enter(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg)
{
    if (!take_over(t)) {
        qc_chain_call(t, fn, arg);
        return;
    }
    fn(t->chain, arg);
    pthread_mutex_lock(&t->lock);
    t->busy = false;
    if (t->head || t->ending)
        pthread_cond_signal(&t->work);
    pthread_mutex_unlock(&t->lock);
}

size_t qc_chain_inbox(const qc_chain_thread *t)
{
    qc_chain_thread *w = (qc_chain_thread *)(uintptr_t)t; /* the lock is no part of its value */
    pthread_mutex_lock(&w->lock);
    size_t n = w->waiting;
    pthread_mutex_unlock(&w->lock);
    return n;
}
