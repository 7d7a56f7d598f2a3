#include "core/chain/thread.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"

#include <stdatomic.h>

typedef struct job job;
struct job {
    job *next;
    void (*fn)(qc_chain *c, void *arg);
    void *arg;
    bool *done; /* a caller waits; under the lock */
};

struct qc_chain_thread {
    qc_chain *chain;
    qc_thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    job *head, **tail;
    size_t waiting;
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
    if (j->done) {
        *j->done = true;
        pthread_cond_broadcast(&t->finished);
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
        while (!t->head && !t->ending)
            pthread_cond_wait(&t->work, &t->lock);
        if (!t->head)
            break;
        run_first(t);
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
    pthread_cond_init(&t->finished, NULL);
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
    pthread_cond_destroy(&t->finished);
    pthread_cond_destroy(&t->work);
    pthread_mutex_destroy(&t->lock);
    qc_free(t);
}

static void post(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg, bool *done)
{
    job *j = qc_alloc(sizeof *j);
    *j = (job){NULL, fn, arg, done};
    pthread_mutex_lock(&t->lock);
    *t->tail = j;
    t->tail = &j->next;
    t->waiting++;
    pthread_cond_signal(&t->work);
    pthread_mutex_unlock(&t->lock);
}

void qc_chain_post(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg)
{
    post(t, fn, arg, NULL);
}

void qc_chain_call(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg)
{
    bool done = false;
    post(t, fn, arg, &done);
    pthread_mutex_lock(&t->lock);
    while (!done)
        pthread_cond_wait(&t->finished, &t->lock);
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
