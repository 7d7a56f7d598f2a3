#include "core/mempool/ahead.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/mempool/accept_internal.h"
#include "core/os/thread.h"

#include <stdatomic.h>

#define COPIED_MAX 1000000u /* bytes of spent scripts; nonstandard ones may be many times that */
#define SMALL_WEIGHT 8000u  /* of what is done while another is waited for */

typedef enum state { WAITS, RUNS, DONE } state;

typedef struct ahead {
    const qc_tx *tx;
    qc_spent *spent;    /* with copies of the scripts behind them */
    qc_fetched fetched; /* coins */
    uint32_t block_flags;
    state state; /* line->lock */
    _Atomic bool unwanted;
    qc_script_err err; /* DONE: of the policy's flags */
    uint32_t in;
    bool block_ok; /* DONE: under block_flags too */
} ahead;

/* In order of arrival. Only the chain thread adds and removes. */
struct qc_ahead_line {
    const qc_chain *chain;
    qc_pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t done; /* one of them is, or a worker has left */
    unsigned workers;    /* posted */
    ahead *at[QC_AHEAD_MAX];
    size_t n; /* changed with the lock held */
};

/* ---- on any thread ---- */

static void run(const qc_ahead_line *l, ahead *a)
{
    uint32_t in;
    a->err = qc_run_scripts(l->chain, a->tx, a->spent, QC_POLICY_FLAGS, &a->unwanted, &a->in);
    a->block_ok = a->err == QC_SE_OK && qc_run_scripts(l->chain, a->tx, a->spent, a->block_flags,
                                                       &a->unwanted, &in) == QC_SE_OK;
}

static ahead *next(const qc_ahead_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->at[i]->state == WAITS)
            return l->at[i];
    return NULL;
}

/* With the lock, which is let go meanwhile. */
static void run_one(qc_ahead_line *l, ahead *a)
{
    a->state = RUNS;
    pthread_mutex_unlock(&l->lock);
    run(l, a);
    pthread_mutex_lock(&l->lock);
    a->state = DONE;
    pthread_cond_broadcast(&l->done);
}

/* One, and to the end of the pool's queue again: blocks to be parsed or served wait behind one
 * transaction and not behind all that peers can send. */
static void work(void *arg)
{
    qc_ahead_line *l = arg;
    pthread_mutex_lock(&l->lock);
    ahead *a = next(l);
    if (a)
        run_one(l, a);
    bool more = next(l) != NULL;
    if (!more) {
        l->workers--;
        pthread_cond_broadcast(&l->done);
    }
    pthread_mutex_unlock(&l->lock);
    if (more)
        qc_pool_post(l->pool, work, l);
}

/* ---- life, on the chain thread ---- */

qc_ahead_line *qc_ahead_line_new(const qc_chain *c)
{
    qc_ahead_line *l = qc_alloc(sizeof *l);
    l->chain = c;
    l->pool = qc_chain_pool(c);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->done, NULL);
    return l;
}

void qc_ahead_line_free(qc_ahead_line *l)
{
    if (!l)
        return;
    QC_ASSERT(!l->n);
    pthread_mutex_lock(&l->lock);
    while (l->workers)
        pthread_cond_wait(&l->done, &l->lock);
    pthread_mutex_unlock(&l->lock);
    pthread_cond_destroy(&l->done);
    pthread_mutex_destroy(&l->lock);
    qc_free(l);
}

static void add(qc_ahead_line *l, ahead *a)
{
    pthread_mutex_lock(&l->lock);
    l->at[l->n++] = a;
    bool more = l->workers < qc_pool_workers(l->pool);
    l->workers += more;
    pthread_mutex_unlock(&l->lock);
    if (more)
        qc_pool_post(l->pool, work, l);
}

/* What the chain thread may as well do while it waits for a worker: it is over soon. */
static ahead *next_small(const qc_ahead_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->at[i]->state == WAITS && l->at[i]->tx->rec->weight <= SMALL_WEIGHT)
            return l->at[i];
    return NULL;
}

/* Until it is done; those behind it are begun rather than nothing. */
static void finish(qc_ahead_line *l, ahead *a)
{
    pthread_mutex_lock(&l->lock);
    while (a->state != DONE) {
        ahead *other = a->state == WAITS ? a : next_small(l);
        if (other)
            run_one(l, other);
        else
            pthread_cond_wait(&l->done, &l->lock);
    }
    pthread_mutex_unlock(&l->lock);
}

static void take_out(qc_ahead_line *l, size_t i)
{
    pthread_mutex_lock(&l->lock);
    while (l->at[i]->state == RUNS)
        pthread_cond_wait(&l->done, &l->lock);
    memmove(&l->at[i], &l->at[i + 1], (l->n - i - 1) * sizeof(ahead *));
    l->n--;
    pthread_mutex_unlock(&l->lock);
}

/* ---- is it worth it? ---- */

/* Scripts are the chain thread's to change: the workers have copies. */
static qc_spent *copy_of(const qc_spent *spent, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += spent[i].script.len;
    if (len > COPIED_MAX)
        return NULL;
    qc_spent *out = qc_try_calloc(1, n * sizeof *out + len);
    if (!out)
        return NULL;
    uint8_t *at = (uint8_t *)(out + n);
    for (size_t i = 0; i < n; i++) {
        out[i] = spent[i];
        out[i].script.data = at;
        if (spent[i].script.len)
            memcpy(at, spent[i].script.data, spent[i].script.len);
        at += spent[i].script.len;
    }
    return out;
}

/* What it would replace may not give way: that is decided in its turn. */
static qc_spent *worth_it(qc_mempool *m, const qc_tx *tx, qc_fetched *fetched)
{
    const qc_try_rules rules = {
        .allow_replacement = true, .allow_sibling = true, .time = qc_clock_now()};
    qc_accept_result r;
    qc_spent *spent = NULL;
    qc_try t;
    qc_result_start(&r, tx);
    if (qc_try_open(&t, m, &rules, 1, fetched) == QC_OK) {
        t.c[0].tx = tx;
        t.c[0].r = &r;
        if (qc_try_before_scripts(&t, &t.c[0]) && !t.replaces)
            spent = copy_of(t.c[0].spent, tx->rec->n_in);
    }
    qc_try_close(&t);
    qc_accept_result_clear(&r);
    return spent;
}

/* ---- in and out ---- */

static ahead *find(const qc_ahead_line *l, const uint8_t wtxid[static 32])
{
    for (size_t i = 0; i < l->n; i++)
        if (memcmp(l->at[i]->tx->rec->wtxid, wtxid, 32) == 0)
            return l->at[i];
    return NULL;
}

bool qc_mempool_ahead(qc_mempool *m, const qc_tx *tx)
{
    qc_ahead_line *l = m->ahead;
    qc_fetched fetched = {0};
    if (l->n == QC_AHEAD_MAX || !m->tip || tx->rec->len > QC_AHEAD_BYTES ||
        !qc_pool_workers(l->pool) || find(l, tx->rec->wtxid))
        return false;
    qc_spent *spent = worth_it(m, tx, &fetched);
    if (!spent) {
        qc_fetched_clear(m, &fetched, true);
        return false;
    }
    ahead *a = qc_alloc(sizeof *a);
    a->tx = tx;
    a->spent = spent;
    a->fetched = fetched;
    a->block_flags = qc_next_block_flags(m);
    add(l, a);
    return true;
}

bool qc_ahead_result(qc_mempool *m, const qc_hash *wtxid, qc_script_err *err, uint32_t *in)
{
    ahead *a = find(m->ahead, wtxid->b);
    if (!a)
        return false;
    finish(m->ahead, a);
    *err = a->err;
    *in = a->in;
    return true;
}

bool qc_ahead_holds(qc_mempool *m, const qc_hash *wtxid, uint32_t flags)
{
    ahead *a = find(m->ahead, wtxid->b);
    if (!a || a->block_flags != flags)
        return false;
    finish(m->ahead, a);
    return a->block_ok;
}

void qc_mempool_ahead_over(qc_mempool *m, const qc_tx *tx)
{
    qc_ahead_line *l = m->ahead;
    size_t i = 0;
    while (i < l->n && l->at[i]->tx != tx)
        i++;
    QC_ASSERT(i < l->n);
    ahead *a = l->at[i];
    atomic_store_explicit(&a->unwanted, true, memory_order_relaxed);
    take_out(l, i);
    qc_fetched_clear(m, &a->fetched, !qc_mempool_find_wtxid(m, (const qc_hash *)tx->rec->wtxid));
    qc_free(a->spent);
    qc_free(a);
}
