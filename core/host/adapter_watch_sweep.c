/* watch: what the chain thread does for it. It tells of tips and of the mempool, and looks through
 * all of the mempool when a watcher has come or named more: in slices, one at a time for a stream,
 * and with pauses, so that a plugin cannot keep that thread busy. */
#include "core/host/adapter_watch.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/persist.h"

#include <time.h>

#define SLICE ((qc_mono)1000000) /* ns of the chain thread */
#define PAUSE 20                 /* times what the last look took */
#define MS ((qc_mono)1000000)

/* ---- coins ---- */

void qc_watch_coins(const qc_mempool *m, const qc_tx *tx, qc_spent *out)
{
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        const qc_outpoint o = qc_tx_prevout(tx, i);
        if (qc_mempool_coin(m, &o, &out[i]))
            out[i] = (qc_spent){.height = QC_MEMPOOL_HEIGHT};
    }
}

/* ---- the voice ---- */

/* The tip of now, when it is another: told by whatever comes first. */
static void look(qc_host *h)
{
    qc_watch_pool_at(h->watch->pool, qc_chain_seq(h->o.chain), qc_chain_tip(h->o.chain));
}

void qc_host_watch_tip(qc_host *h)
{
    look(h);
}

void qc_host_watch_durable(qc_host *h, const qc_index *durable)
{
    look(h);
    qc_watch_pool_durable(h->watch->pool, durable);
    qc_watchers_wake(h);
}

void qc_host_watch_told(qc_host *h)
{
    look(h);
    qc_watch_pool_durable(h->watch->pool, qc_chain_durable(h->o.chain));
    qc_watch_pool_followed(h->watch->pool);
    qc_watchers_wake(h);
}

void qc_host_watch_added(qc_host *h, const qc_mempool_added *a)
{
    if (!qc_watch_pool_read(h->watch->pool))
        return;
    look(h);
    qc_spent *spent = qc_try_calloc(a->e->tx.rec->n_in + 1u, sizeof *spent);
    if (spent)
        qc_watch_coins(h->pool, &a->e->tx, spent);
    if (!spent)
        qc_watch_pool_lose(h->watch->pool);
    else if (!qc_watch_pool_added(h->watch->pool, a->e, spent))
        goto done;
    qc_watchers_wake(h);
done:
    qc_free(spent);
}

void qc_host_watch_removed(qc_host *h, const qc_mempool_removed *r)
{
    if (!qc_watch_pool_read(h->watch->pool))
        return;
    look(h);
    if (qc_watch_pool_removed(h->watch->pool, r))
        qc_watchers_wake(h);
}

/* ---- looking through the mempool ---- */

typedef struct sweep_job {
    struct sweep_job *next; /* that waits as well */
    qc_host *host;
    qc_watch_sweep *s;
    const qc_mempool_entry **e; /* of one moment, each with a reference */
    qc_spent *spent;
    size_t n, at, room;
} sweep_job;

static qc_mono worked(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (qc_mono)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void job_free(sweep_job *j)
{
    for (size_t i = 0; i < j->n; i++)
        qc_mempool_entry_unref(j->e[i]);
    qc_watch_sweep_let_go(j->s);
    qc_free(j->e);
    qc_free(j->spent);
    qc_free(j);
}

static void begin(qc_chain *c, sweep_job *j)
{
    qc_host *h = j->host;
    const qc_mempool *m = h->pool;
    size_t n = qc_mempool_count(m);
    look(h);
    qc_watch_pool_durable(h->watch->pool, qc_chain_durable(c));
    qc_watch_sweep_begin(h->watch->pool, j->s);
    j->e = qc_try_calloc(n + 1, sizeof(const qc_mempool_entry *));
    if (!j->e)
        j->s->failed = true;
    for (; j->e && j->n < n; j->n++)
        j->e[j->n] = qc_mempool_entry_ref(qc_mempool_at(m, j->n));
}

static void look_at(sweep_job *j, const qc_mempool_entry *e)
{
    qc_host *h = j->host;
    if (e->tx.rec->n_in > j->room) {
        qc_free(j->spent);
        j->room = e->tx.rec->n_in;
        j->spent = qc_try_calloc(j->room, sizeof *j->spent);
        if (!j->spent)
            j->room = 0;
    }
    if (!j->spent) {
        j->s->failed = true;
        return;
    }
    qc_watch_coins(h->pool, &e->tx, j->spent);
    qc_watch_sweep_entry(h->watch->pool, j->s, e, j->spent);
}

/* False: there is more. */
static bool slice(qc_chain *c, sweep_job *j)
{
    const qc_mono began = worked();
    if (!j->s->started)
        begin(c, j);
    for (; j->at < j->n && worked() - began < SLICE; j->at++)
        if (j->e[j->at]->inside)
            look_at(j, j->e[j->at]);
    atomic_fetch_add(&j->s->took, (uint64_t)(worked() - began));
    return j->at == j->n;
}

/* While the node reads its mempool from the file, which it does in pieces between others' jobs,
 * what is not there yet is not gone: a look through it would say so. */
static bool too_early(const sweep_job *j)
{
    const qc_host *h = j->host;
    return h->chain_thread && !j->s->started && !atomic_load(&j->s->given_up) &&
           !qc_mempool_load_tried(h->pool);
}

static void drop_given_up(qc_host *h)
{
    for (sweep_job **at = &h->watch->early; *at;) {
        sweep_job *j = *at;
        if (!atomic_load(&j->s->given_up)) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        job_free(j);
    }
}

/* Kept aside and not among the thread's jobs: a node that is stopped never reads the rest of the
 * file, and its chain thread ends when nothing is left to do. */
static void wait_for_file(sweep_job *j)
{
    qc_host *h = j->host;
    drop_given_up(h);
    j->next = h->watch->early;
    h->watch->early = j;
}

static void sweep_on(qc_chain *c, void *arg)
{
    sweep_job *j = arg;
    qc_host *h = j->host;
    if (too_early(j)) {
        wait_for_file(j);
        return;
    }
    while (!atomic_load(&j->s->given_up) && !slice(c, j))
        if (h->chain_thread) { /* what else is to be done comes first */
            qc_chain_post(h->chain_thread, sweep_on, j);
            return;
        }
    qc_watch_sweep_end(h->watch->pool, j->s);
    qc_watchers_wake(h);
    job_free(j);
}

void qc_host_watch_loaded(qc_host *h)
{
    sweep_job *j = h->watch->early;
    h->watch->early = NULL;
    for (sweep_job *next; j; j = next) {
        next = j->next;
        qc_host_on_chain(h, sweep_on, j);
    }
}

void qc_host_watch_forget_early(qc_host *h)
{
    sweep_job *j = h->watch->early;
    h->watch->early = NULL;
    for (sweep_job *next; j; j = next) {
        next = j->next;
        job_free(j);
    }
}

static void start(qc_watcher *w)
{
    sweep_job *j = qc_alloc(sizeof *j);
    j->host = w->cap->plugin->host;
    j->s = w->due;
    w->due = NULL;
    w->began = qc_clock_mono();
    qc_host_on_chain(j->host, sweep_on, j);
}

static void on_pace(void *arg)
{
    qc_watcher *w = arg;
    if (w->due)
        start(w);
}

/* Three hold it: the stream, who does it, and we, to know how long it took. */
void qc_watcher_sweep(void *arg, qc_watch_sweep *s)
{
    qc_watcher *w = arg;
    qc_mono due = 0, now = qc_clock_mono();
    if (w->last)
        due = w->began + PAUSE * (qc_mono)atomic_load(&w->last->took);
    qc_watch_sweep_let_go(w->last);
    atomic_fetch_add(&s->holders, 1);
    w->last = w->due = s;
    if (due <= now || (!w->pace && qc_timer_new(w->cap->plugin->loop, on_pace, w, &w->pace)))
        start(w);
    else
        qc_timer_set(w->pace, (int64_t)((due - now + MS - 1) / MS));
}

void qc_watcher_sweep_end(qc_watcher *w)
{
    qc_watch_sweep_let_go(w->due);
    qc_watch_sweep_let_go(w->last);
    qc_timer_free(w->pace);
    w->due = w->last = NULL;
    w->pace = NULL;
}
