#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "quoin/mempool.h"

#include <errno.h>
#include <time.h>

#define SHARE 5
#define AT_ONCE INT64_C(50000000) /* ns */
#define TOO_LONG INT64_C(1000000000)

/* Each plugin has a thread of its own. */
static _Thread_local qc_ask_credit credit;

typedef struct ask {
    pthread_mutex_t lock;
    pthread_cond_t done;
    enum { WAITS, RUNS, DONE, GIVEN_UP } state;
    void (*fn)(qc_chain *c, void *arg);
    void (*drop)(void *arg);
    void *arg;
    int64_t took; /* ns of the chain thread */
} ask;

static ask *ask_new(void (*fn)(qc_chain *c, void *arg), void *arg, void (*drop)(void *arg))
{
    pthread_condattr_t attr;
    ask *a = qc_alloc(sizeof *a);
    *a = (ask){.fn = fn, .arg = arg, .drop = drop};
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->done, &attr);
    pthread_condattr_destroy(&attr);
    return a;
}

static void ask_free(ask *a)
{
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->done);
    qc_free(a);
}

int64_t qc_ask_wait(qc_ask_credit *c, qc_mono now)
{
    c->left = c->at ? c->left + (int64_t)(now - c->at) / SHARE : AT_ONCE;
    if (c->left > AT_ONCE)
        c->left = AT_ONCE;
    c->at = now;
    return c->left < 0 ? -c->left * SHARE : 0;
}

/* Work, not waiting: a busy machine is not the plugin's fault. */
static int64_t worked(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t qc_ask_worked(const qc_chain *c)
{
    const qc_pool *p = qc_chain_pool(c);
    return worked() * (p ? (int64_t)qc_pool_workers(p) + 1 : 1);
}

/* Chain thread. */
static void answer(qc_chain *c, void *arg)
{
    ask *a = arg;
    pthread_mutex_lock(&a->lock);
    bool wanted = a->state == WAITS;
    if (wanted)
        a->state = RUNS;
    pthread_mutex_unlock(&a->lock);
    if (!wanted) {
        a->drop(a->arg);
        ask_free(a);
        return;
    }
    int64_t began = worked();
    a->fn(c, a->arg);
    pthread_mutex_lock(&a->lock);
    a->took = worked() - began;
    a->state = DONE;
    pthread_cond_signal(&a->done);
    pthread_mutex_unlock(&a->lock); /* its last touch: the waiter frees it */
}

static struct timespec deadline(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

/* False: it would take too long. */
static bool wait_for_turn(int64_t ms)
{
    int64_t ns = qc_ask_wait(&credit, qc_clock_mono());
    if (ns >= TOO_LONG || ns > ms * 1000000)
        return false;
    const struct timespec t = {0, (long)ns};
    if (ns)
        nanosleep(&t, NULL);
    return true;
}

qn_status qc_host_ask(qc_host *h, int64_t ms, void (*fn)(qc_chain *c, void *arg), void *arg,
                      void (*drop)(void *arg))
{
    int late = 0;
    if (!h->chain_thread) {
        fn(h->o.chain, arg);
        return QN_OK;
    }
    ms = ms ? ms : h->o.ask_ms ? (int64_t)h->o.ask_ms : QC_ASK_MS;
    if (!wait_for_turn(ms)) {
        drop(arg);
        return QN_E_TIMEOUT;
    }
    ask *a = ask_new(fn, arg, drop);
    const struct timespec until = deadline(ms);
    qc_chain_post(h->chain_thread, answer, a);
    pthread_mutex_lock(&a->lock);
    while (a->state == WAITS && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&a->done, &a->lock, &until);
    while (a->state == RUNS) /* begun in time: what it does is bounded */
        pthread_cond_wait(&a->done, &a->lock);
    bool ran = a->state == DONE;
    if (!ran)
        a->state = GIVEN_UP; /* the chain thread frees it */
    pthread_mutex_unlock(&a->lock);
    if (ran) {
        credit.left -= a->took;
        ask_free(a);
    }
    return ran ? QN_OK : QN_E_TIMEOUT;
}

void qc_host_pool_moment(const qc_host *h, struct qn_mempool_at *out)
{
    const qc_index *tip = qc_chain_tip(h->o.chain);
    *out = (qn_mempool_at){.epoch = h->epoch,
                           .chain_seq = qc_chain_seq(h->o.chain),
                           .sequence = qc_mempool_sequence(h->pool),
                           .height = tip ? tip->height : 0};
    if (tip)
        memcpy(out->tip.b, tip->hash.b, 32);
}
