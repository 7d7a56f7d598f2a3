/* The worker pool. One queue in order of submission holds batches and posts; a worker serves its
 * head. A batch leaves the queue when its last index is taken, and is over when nobody who took
 * indexes is still at work. Who waits for a batch works on it too, so that it ends even when every
 * worker is busy, and a job may itself run a batch. */
#include "core/base/alloc.h"
#include "core/os/thread.h"

#include <stdatomic.h>
#include <stdio.h>

#define CHUNKS_PER_THREAD 8 /* enough to even out unequal indexes, few enough to be cheap */
#define CACHE_LINE 64

typedef struct item item;
struct item {
    item *next;
    qc_batch *batch; /* else a post */
    void (*fn)(void *);
    void *arg;
};

struct qc_batch {
    item link;
    qc_pool *pool;
    bool (*fn)(void *arg, size_t i);
    void *arg;
    size_t n, chunk;
    unsigned helpers; /* workers at it; pool->lock */
    bool queued;      /* pool->lock */
    char pad[CACHE_LINE];
    atomic_size_t next; /* first index not taken */
    atomic_bool stop;
    char pad2[CACHE_LINE];
};

struct qc_pool {
    pthread_mutex_t lock;
    pthread_cond_t work; /* the queue has a head, or ending */
    pthread_cond_t left; /* a helper has left its batch */
    item *head, **tail;
    bool ending;
    unsigned n_threads;
    qc_thread *thread[];
};

static void enqueue(qc_pool *p, item *it)
{
    it->next = NULL;
    *p->tail = it;
    p->tail = &it->next;
}

static void dequeue(qc_pool *p, const item *it)
{
    item **at = &p->head;
    while (*at != it)
        at = &(*at)->next;
    *at = it->next;
    if (!*at)
        p->tail = at;
}

/* Take chunks until there are none. Called without the lock. */
static void batch_work(qc_batch *b)
{
    while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
        size_t i = atomic_fetch_add_explicit(&b->next, b->chunk, memory_order_relaxed);
        if (i >= b->n)
            return;
        size_t end = b->n - i < b->chunk ? b->n : i + b->chunk;
        for (; i < end; i++)
            if (!b->fn(b->arg, i)) {
                atomic_store_explicit(&b->stop, true, memory_order_relaxed);
                return;
            }
    }
}

/* Nothing is left to take: no more helpers are wanted. Lock held. */
static void batch_retire(qc_batch *b)
{
    if (b->queued)
        dequeue(b->pool, &b->link);
    b->queued = false;
}

static void serve_head(qc_pool *p)
{
    item *it = p->head;
    qc_batch *b = it->batch;
    if (b)
        b->helpers++;
    else
        dequeue(p, it);
    pthread_mutex_unlock(&p->lock);
    if (b) {
        batch_work(b);
    } else {
        it->fn(it->arg);
        qc_free(it);
    }
    pthread_mutex_lock(&p->lock);
    if (b) {
        batch_retire(b);
        if (--b->helpers == 0)
            pthread_cond_broadcast(&p->left);
    }
}

static void worker(void *arg)
{
    qc_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->head && !p->ending)
            pthread_cond_wait(&p->work, &p->lock);
        if (!p->head)
            break;
        serve_head(p);
    }
    pthread_mutex_unlock(&p->lock);
}

qc_err qc_pool_new(qc_pool **out, unsigned workers, const char *name)
{
    qc_pool *p = qc_alloc(sizeof *p + workers * sizeof(qc_thread *));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->left, NULL);
    p->tail = &p->head;
    qc_err err = QC_OK;
    for (unsigned i = 0; i < workers && !err; i++) {
        char full[32];
        snprintf(full, sizeof full, "%.12s.%u", name, i);
        err = qc_thread_start(&p->thread[i], full, worker, p);
        p->n_threads += !err;
    }
    if (err) {
        qc_pool_free(p);
        return err;
    }
    *out = p;
    return QC_OK;
}

void qc_pool_free(qc_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n_threads; i++)
        qc_thread_join(p->thread[i]);
    QC_ASSERT(!p->head); /* else a batch was never joined */
    pthread_cond_destroy(&p->left);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    qc_free(p);
}

unsigned qc_pool_workers(const qc_pool *p)
{
    return p->n_threads;
}

static void batch_start(qc_batch *b)
{
    qc_pool *p = b->pool;
    QC_ASSERT(b->n <= SIZE_MAX / 2);
    if (!b->chunk)
        b->chunk = b->n / ((p->n_threads + (size_t)1) * CHUNKS_PER_THREAD) + 1;
    if (b->chunk > b->n)
        b->chunk = b->n;
    b->link.batch = b;
    size_t chunks = b->n ? (b->n - 1) / b->chunk + 1 : 0;
    if (!p->n_threads || !chunks)
        return;
    pthread_mutex_lock(&p->lock);
    b->queued = true;
    enqueue(p, &b->link);
    if (chunks >= p->n_threads)
        pthread_cond_broadcast(&p->work);
    else
        for (size_t i = 0; i < chunks; i++)
            pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

static bool batch_finish(qc_batch *b)
{
    batch_work(b);
    pthread_mutex_lock(&b->pool->lock);
    batch_retire(b);
    while (b->helpers)
        pthread_cond_wait(&b->pool->left, &b->pool->lock);
    pthread_mutex_unlock(&b->pool->lock);
    return !atomic_load_explicit(&b->stop, memory_order_relaxed);
}

bool qc_pool_run(qc_pool *p, bool (*fn)(void *arg, size_t i), void *arg, size_t n, size_t chunk)
{
    qc_batch b = {.pool = p, .fn = fn, .arg = arg, .n = n, .chunk = chunk};
    if (n > 1 && n > chunk) /* one chunk is the caller's own: wake nobody */
        batch_start(&b);
    else
        b.chunk = n;
    return batch_finish(&b);
}

qc_batch *qc_pool_start(qc_pool *p, bool (*fn)(void *arg, size_t i), void *arg, size_t n,
                        size_t chunk)
{
    qc_batch *b = qc_alloc(sizeof *b);
    b->pool = p;
    b->fn = fn;
    b->arg = arg;
    b->n = n;
    b->chunk = chunk;
    batch_start(b);
    return b;
}

bool qc_batch_join(qc_batch *b)
{
    bool ok = batch_finish(b);
    qc_free(b);
    return ok;
}

void qc_pool_post(qc_pool *p, void (*fn)(void *), void *arg)
{
    if (!p->n_threads) {
        fn(arg);
        return;
    }
    item *it = qc_alloc(sizeof *it);
    it->fn = fn;
    it->arg = arg;
    pthread_mutex_lock(&p->lock);
    enqueue(p, it);
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}
