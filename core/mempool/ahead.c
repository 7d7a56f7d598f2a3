#include "core/mempool/ahead.h"

#include "core/base/alloc.h"
#include "core/mempool/accept_internal.h"
#include "core/os/thread.h"
#include "core/script/sigcache.h"

#include <stdatomic.h>

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
    if (a->err == QC_SE_OK &&
        qc_run_scripts(l->chain, a->tx, a->spent, a->block_flags, &a->unwanted, &in) == QC_SE_OK &&
        !atomic_load_explicit(&a->unwanted, memory_order_relaxed))
        qc_script_cache_add(qc_chain_script_cache(l->chain), (const qc_hash *)a->tx->rec->wtxid,
                            a->block_flags);
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

static void work(void *arg)
{
    qc_ahead_line *l = arg;
    ahead *a;
    pthread_mutex_lock(&l->lock);
    while ((a = next(l)) != NULL)
        run_one(l, a);
    l->workers--;
    pthread_cond_broadcast(&l->done);
    pthread_mutex_unlock(&l->lock);
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

/* Until it is done; those behind it are begun rather than nothing. */
static void finish(qc_ahead_line *l, ahead *a)
{
    pthread_mutex_lock(&l->lock);
    while (a->state != DONE) {
        ahead *other = a->state == WAITS ? a : next(l);
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

static bool pays(qc_mempool *m, const qc_tx *tx, qc_amount fee)
{
    qc_verdict v;
    qc_amount modified = qc_fee_add(fee, qc_mempool_delta(m, (const qc_hash *)tx->rec->txid));
    return qc_policy_check_fee(&m->o.policy, qc_mempool_min_fee(m), qc_vsize(tx->rec->weight),
                               modified, &v);
}

/* Scripts are the chain thread's to change: the workers have copies. */
static qc_spent *copy_of(const qc_spent *spent, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += spent[i].script.len;
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
    const qc_try_rules rules = {.allow_replacement = true};
    qc_accept_result r;
    qc_lock_points locks;
    qc_amount fee;
    qc_spent *spent = NULL;
    qc_try t;
    qc_result_start(&r, tx);
    if (qc_try_open(&t, m, &rules, 1, fetched) == QC_OK) {
        t.c[0].tx = tx;
        t.c[0].r = &r;
        if (qc_try_look(&t, &t.c[0], &locks, &fee) && !t.c[0].conflicts.n && pays(m, tx, fee))
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
