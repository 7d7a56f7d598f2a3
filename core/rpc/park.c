/* Parking: a request that waits holds no thread. Exactly one resumption follows each park, whoever
 * comes first: a wake, the deadline, or shutdown. The ticket's lock decides. */
#include "core/rpc/request.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"

typedef struct park_timer {
    qc_rpc_ticket *ticket; /* a reference */
    uint64_t round;
} park_timer;

void qc_rpc_ticket_begin(qc_rpc_req *r)
{
    qc_rpc_ticket *t = qc_alloc(sizeof *t);
    atomic_init(&t->refs, 1);
    pthread_mutex_init(&t->lock, NULL);
    t->r = r;
    r->ticket = t;
}

qc_rpc_ticket *qc_rpc_ticket_take(qc_rpc_req *r)
{
    atomic_fetch_add(&r->ticket->refs, 1);
    return r->ticket;
}

void qc_rpc_ticket_unref(qc_rpc_ticket *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&t->lock);
    qc_free(t);
}

void qc_rpc_ticket_end(qc_rpc_req *r)
{
    qc_rpc_ticket *t = r->ticket;
    pthread_mutex_lock(&t->lock);
    t->r = NULL;
    pthread_mutex_unlock(&t->lock);
    r->ticket = NULL;
    qc_rpc_ticket_unref(t);
}

void qc_rpc_park(qc_rpc_req *r, int64_t timeout_ms, qc_rpc_resume *fn, void *arg)
{
    r->want_park = true;
    r->park_ms = timeout_ms;
    r->resume = fn;
    r->resume_arg = arg;
}

/* On an rpc thread: the request is ours again. */
static void run_resumption(void *arg)
{
    qc_rpc_req *r = arg;
    r->resume(r, r->resume_arg, r->ticket->why);
    if (!qc_rpc_settle(r))
        qc_rpc_job_continue(r);
}

/* Take the request out of the parked state. Under the ticket's lock. */
static qc_rpc_req *unpark(qc_rpc_ticket *t, qc_rpc_why why)
{
    t->parked = false;
    t->why = why;
    if (t->timer && qc_rpc_pool_cancel(qc_rpc_engine_pool(t->r->engine), t->timer, t->timer_arg)) {
        qc_free(t->timer_arg);
        /* Never the last reference: the caller holds one. */
        atomic_fetch_sub(&t->refs, 1);
    }
    t->timer = NULL;
    t->timer_arg = NULL;
    return t->r;
}

void qc_rpc_force(qc_rpc_ticket *t, qc_rpc_why why)
{
    qc_rpc_req *r = NULL;
    pthread_mutex_lock(&t->lock);
    if (t->r && t->parked)
        r = unpark(t, why);
    else if (t->r && why == QC_RPC_WOKEN)
        t->woken = true;
    pthread_mutex_unlock(&t->lock);
    if (r)
        qc_rpc_pool_post(qc_rpc_engine_pool(r->engine), run_resumption, r, 0);
}

void qc_rpc_wake(qc_rpc_ticket *t)
{
    qc_rpc_force(t, QC_RPC_WOKEN);
}

/* Deadline. The request may have been woken, ended or parked anew meanwhile. */
static void timed_out(void *arg)
{
    park_timer *pt = arg;
    qc_rpc_ticket *t = pt->ticket;
    qc_rpc_req *r = NULL;
    pthread_mutex_lock(&t->lock);
    if (t->r && t->parked && t->round == pt->round) {
        t->timer = NULL;
        r = unpark(t, QC_RPC_TIMEOUT);
    }
    pthread_mutex_unlock(&t->lock);
    if (r)
        run_resumption(r);
    qc_rpc_ticket_unref(t);
    qc_free(pt);
}

/* Under the ticket's lock. */
static void arm_timer(qc_rpc_ticket *t, int64_t ms)
{
    park_timer *pt = qc_alloc(sizeof *pt);
    atomic_fetch_add(&t->refs, 1);
    *pt = (park_timer){t, t->round};
    t->timer_arg = pt;
    t->timer = qc_rpc_pool_after(qc_rpc_engine_pool(t->r->engine), ms, timed_out, pt);
}

/* Park for good, or say why it cannot be. */
static bool try_park(qc_rpc_req *r, qc_rpc_why *why)
{
    qc_rpc_ticket *t = qc_rpc_ticket_take(r);
    bool parked = false;
    pthread_mutex_lock(&t->lock);
    if (qc_rpc_engine_stopping(r->engine)) {
        *why = QC_RPC_SHUTDOWN;
    } else if (t->woken) {
        t->woken = false;
        *why = QC_RPC_WOKEN;
    } else {
        t->parked = parked = true;
        t->round++;
        if (r->park_ms >= 0)
            arm_timer(t, r->park_ms);
    }
    pthread_mutex_unlock(&t->lock);
    qc_rpc_ticket_unref(t);
    return parked;
}

bool qc_rpc_settle(qc_rpc_req *r)
{
    bool told = false; /* the handler knows of the shutdown */
    while (r->want_park && !r->failed) {
        qc_rpc_why why = QC_RPC_WOKEN;
        r->want_park = false;
        if (try_park(r, &why))
            return true;
        if (why == QC_RPC_SHUTDOWN && told) {
            qc_rpc_fail(r, QC_RPC_CLIENT_NOT_CONNECTED, "Shutting down");
            break;
        }
        told = why == QC_RPC_SHUTDOWN;
        r->resume(r, r->resume_arg, why);
    }
    return false;
}

/* ---- wait lists ---- */
struct qc_rpc_waitlist {
    pthread_mutex_t lock;
    qc_rpc_ticket **ticket;
    size_t n, cap;
};

qc_rpc_waitlist *qc_rpc_waitlist_new(void)
{
    qc_rpc_waitlist *l = qc_alloc(sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void drop_all(qc_rpc_ticket **ticket, size_t n)
{
    for (size_t i = 0; i < n; i++)
        qc_rpc_ticket_unref(ticket[i]);
    qc_free(ticket);
}

void qc_rpc_waitlist_free(qc_rpc_waitlist *l)
{
    if (!l)
        return;
    drop_all(l->ticket, l->n);
    pthread_mutex_destroy(&l->lock);
    qc_free(l);
}

static bool has_ended(qc_rpc_ticket *t)
{
    pthread_mutex_lock(&t->lock);
    bool ended = t->r == NULL;
    pthread_mutex_unlock(&t->lock);
    return ended;
}

/* Requests that timed out leave their tickets behind: sweep before growing. Under the lock. */
static void sweep(qc_rpc_waitlist *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (has_ended(l->ticket[i]))
            qc_rpc_ticket_unref(l->ticket[i]);
        else
            l->ticket[kept++] = l->ticket[i];
    }
    l->n = kept;
}

void qc_rpc_waitlist_join(qc_rpc_waitlist *l, qc_rpc_req *r)
{
    qc_rpc_ticket *t = qc_rpc_ticket_take(r);
    pthread_mutex_lock(&l->lock);
    if (l->n == l->cap) {
        sweep(l);
        if (l->n * 2 >= l->cap) {
            l->cap = l->cap ? l->cap * 2 : 16;
            l->ticket = qc_try_realloc(l->ticket, l->cap * sizeof(qc_rpc_ticket *));
            QC_ASSERT(l->ticket);
        }
    }
    l->ticket[l->n++] = t;
    pthread_mutex_unlock(&l->lock);
}

void qc_rpc_waitlist_wake(qc_rpc_waitlist *l)
{
    pthread_mutex_lock(&l->lock);
    qc_rpc_ticket **ticket = l->ticket;
    size_t n = l->n;
    l->ticket = NULL;
    l->n = l->cap = 0;
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < n; i++)
        qc_rpc_wake(ticket[i]);
    drop_all(ticket, n);
}
