/* mempool.follow/1 and its unstable pair: the rules of feed.c with snapshots, handles and wake-ups.
 * The pool belongs to the chain thread: a snapshot is asked of it, and on_ready tells when it is
 * there. */
#include "core/host/adapter_mempool.h"
#include "core/host/feed.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"

#define FOLLOWS_MAX 16u
#define SNAPSHOTS_MAX 2u  /* of a plugin at a time: each is a copy of the pool */
#define OPENS_AT_ONCE 4.0 /* each costs the chain thread a walk over the pool */
#define SECONDS_PER_OPEN 10.0

/* A snapshot that was asked for. Both the follower and the chain thread hold it. */
typedef struct order {
    qc_host *host;
    _Atomic int holders;
    _Atomic bool given_up; /* nobody waits for it */
    _Atomic bool done;
    bool failed; /* no memory */
    qc_snapshot snap;
} order;

/* One subscription. On the host's list, so that the pool can wake it. */
typedef struct qc_pool_follower {
    struct qc_pool_follower *next, *prev; /* host's list, under its lock */
    qn_cap *cap;
    uint64_t id; /* 0: free */
    qc_feed_reader reader;
    order *order; /* NULL: none is under way */
    bool holds;   /* one of its plugin's snapshots is its own, ordered or read */
    qn_mempool_ready_fn *on_ready;
    void *arg;
    _Atomic bool waiting; /* next() answered AGAIN: on_ready is owed */
} follower;

typedef struct follow_state {
    follower f[FOLLOWS_MAX];
    uint64_t next_id;
    uint32_t window;
    double opens; /* that it may still make at once */
    qc_mono opened_at;
} follow_state;

/* ---- wake-ups ---- */

static void run_ready(void *arg)
{
    follower *f = arg;
    if (f->id && f->on_ready)
        f->on_ready(f->arg, f->id);
}

void qc_pool_followers_wake(qc_host *h)
{
    pthread_mutex_lock(&h->lock);
    for (follower *f = h->pool_followers; f; f = f->next)
        if (atomic_exchange(&f->waiting, false))
            qc_plugin_call(f->cap->plugin, run_ready, f);
    pthread_mutex_unlock(&h->lock);
}

static void enlist(qc_host *h, follower *f)
{
    pthread_mutex_lock(&h->lock);
    f->prev = NULL;
    f->next = h->pool_followers;
    if (f->next)
        f->next->prev = f;
    h->pool_followers = f;
    h->n_pool_followers++;
    pthread_mutex_unlock(&h->lock);
    qc_host_followers_changed(h);
}

static void delist(qc_host *h, follower *f)
{
    pthread_mutex_lock(&h->lock);
    if (f->prev)
        f->prev->next = f->next;
    else
        h->pool_followers = f->next;
    if (f->next)
        f->next->prev = f->prev;
    h->n_pool_followers--;
    pthread_mutex_unlock(&h->lock);
    qc_host_followers_changed(h);
}

/* ---- snapshots ---- */

static void order_let_go(order *o)
{
    if (atomic_fetch_sub(&o->holders, 1) != 1)
        return;
    qc_free(o->snap.entry);
    qc_free(o);
}

static void fill_entry(qc_feed_entry *to, const qc_mempool_entry *e)
{
    memcpy(to->txid.b, e->tx.rec->txid, 32);
    memcpy(to->wtxid.b, e->tx.rec->wtxid, 32);
    to->fee = e->fee;
    to->vsize = e->vsize;
    to->weight = e->tx.rec->weight;
    to->time = e->time;
}

/* Between two changes of the pool: entries and the place in the feed are of one moment. */
static void take_snapshot(qc_chain *c, void *arg)
{
    order *o = arg;
    qc_host *h = o->host;
    if (!atomic_load(&o->given_up)) {
        const qc_mempool *m = h->pool;
        size_t n = qc_mempool_count(m);
        o->snap.entry = qc_try_calloc(n + 1, sizeof *o->snap.entry);
        o->failed = !o->snap.entry;
        for (; !o->failed && o->snap.n < n; o->snap.n++)
            fill_entry(&o->snap.entry[o->snap.n], qc_mempool_at(m, o->snap.n));
        qc_feed_at(h->feed, qc_chain_seq(c), qc_chain_tip(c));
        qc_feed_durable(h->feed, qc_chain_durable(c));
        qc_feed_mark(h->feed, qc_mempool_sequence(m), &o->snap);
        atomic_store(&o->done, true);
        qc_pool_followers_wake(h);
    }
    order_let_go(o);
}

/* Or not yet: then it waits until another of its plugin has read its own. */
static void order_snapshot(follower *f)
{
    qc_host *h = f->cap->plugin->host;
    if (f->cap->plugin->pool_snapshots >= SNAPSHOTS_MAX)
        return;
    f->cap->plugin->pool_snapshots++;
    f->holds = true;
    order *o = f->order = qc_alloc(sizeof *o);
    o->host = h;
    o->holders = 2;
    qc_host_on_chain(h, take_snapshot, o);
}

static void give_up_order(follower *f)
{
    if (!f->order)
        return;
    atomic_store(&f->order->given_up, true);
    order_let_go(f->order);
    f->order = NULL;
}

/* Its snapshot is read, or will not be: others of its plugin may have one. */
static void release(follower *f)
{
    qc_host *h = f->cap->plugin->host;
    if (!f->holds)
        return;
    f->holds = false;
    f->cap->plugin->pool_snapshots--;
    pthread_mutex_lock(&h->lock);
    for (follower *o = h->pool_followers; o; o = o->next)
        if (o != f && o->cap->plugin == f->cap->plugin && atomic_exchange(&o->waiting, false))
            qc_plugin_call(o->cap->plugin, run_ready, o);
    pthread_mutex_unlock(&h->lock);
}

/* The reader wants a snapshot: order it, or hand it over. */
static qn_status snapshot_step(follower *f)
{
    if (!f->order) {
        order_snapshot(f);
        return QN_OK;
    }
    if (!atomic_load(&f->order->done))
        return QN_OK;
    bool failed = f->order->failed;
    if (!failed)
        qc_feed_reader_start(&f->reader, &f->order->snap);
    order_let_go(f->order);
    f->order = NULL;
    if (failed)
        release(f);
    return failed ? QN_E_NOMEM : QN_OK;
}

/* ---- the table ---- */

static follower *by_id(const qn_cap *cap, uint64_t id)
{
    follow_state *s = cap->state;
    for (size_t i = 0; id && i < FOLLOWS_MAX; i++)
        if (s->f[i].id == id)
            return &s->f[i];
    return NULL;
}

static bool may_open(follow_state *s)
{
    qc_mono now = qc_clock_mono();
    s->opens += (double)(now - s->opened_at) * 1e-9 / SECONDS_PER_OPEN;
    s->opened_at = now;
    if (s->opens > OPENS_AT_ONCE)
        s->opens = OPENS_AT_ONCE;
    if (s->opens < 1)
        return false;
    s->opens -= 1;
    return true;
}

static uint32_t window_of(const follow_state *s, const qn_mempool_follow_options *o)
{
    qn_mempool_follow_options have = {.size = sizeof have};
    if (o) {
        if (o->size < 8)
            return 0;
        memcpy(&have, o, o->size < sizeof have ? o->size : sizeof have);
    }
    bool given = have.set & QN_SET_MEMPOOL_FOLLOW_OPTIONS_WINDOW;
    return given && have.window < s->window ? have.window : s->window;
}

static qn_status follow_open(qn_cap *cap, const qn_mempool_follow_options *options,
                             qn_mempool_ready_fn *on_ready, void *arg, uint64_t *out)
{
    qn_status st = qc_cap_enter(cap);
    follow_state *s = cap->state;
    qc_host *h = cap->plugin->host;
    if (st != QN_OK)
        return st;
    uint32_t window = window_of(s, options);
    if (!out || !on_ready || !window)
        return QN_E_INVAL;
    follower *f = s->f;
    while (f < s->f + FOLLOWS_MAX && f->id)
        f++;
    if (f == s->f + FOLLOWS_MAX)
        return QN_E_LIMIT;
    if (!may_open(s))
        return QN_E_BUSY;
    if (qc_feed_reader_open(&f->reader, h->feed, window))
        return QN_E_NOMEM;
    f->cap = cap;
    f->on_ready = on_ready;
    f->arg = arg;
    f->order = NULL;
    f->id = ++s->next_id;
    atomic_store(&f->waiting, true);
    enlist(h, f);
    order_snapshot(f);
    *out = f->id;
    return QN_OK;
}

static qn_status follow_next(qn_cap *cap, uint64_t id, qn_mempool_event *out, uint32_t max,
                             uint32_t *n)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    follower *f = by_id(cap, id);
    if (!f)
        return QN_E_CLOSED;
    if (!out || !max || !n)
        return QN_E_INVAL;
    /* Said before looking: a change that comes after the look will find it. */
    atomic_store(&f->waiting, true);
    if (f->reader.state == QC_READER_WANTS)
        st = snapshot_step(f);
    if (st == QN_OK)
        st = qc_feed_reader_next(&f->reader, out, max, n);
    if (f->reader.state == QC_READER_LIVE)
        release(f);
    if (st != QN_E_AGAIN)
        atomic_store(&f->waiting, false);
    return st;
}

static qn_status follow_ack(qn_cap *cap, uint64_t id, uint64_t seq)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    follower *f = by_id(cap, id);
    return f ? qc_feed_reader_ack(&f->reader, seq) : QN_E_CLOSED;
}

static void close_one(follower *f)
{
    delist(f->cap->plugin->host, f);
    give_up_order(f);
    qc_feed_reader_close(&f->reader);
    release(f);
    f->id = 0;
}

static qn_status follow_close(qn_cap *cap, uint64_t id)
{
    if (qc_plugin_here != cap->plugin)
        return QN_E_THREAD;
    follower *f = by_id(cap, id);
    if (!f)
        return QN_E_CLOSED;
    close_one(f);
    return QN_OK;
}

#define STABLE                                                                                     \
    {                                                                                              \
        .h = {sizeof(qn_mempool_follow_1), QN_MEMPOOL_FOLLOW_1_REVISION}, .open = follow_open,     \
        .next = follow_next, .ack = follow_ack, .close = follow_close                              \
    }
static const qn_mempool_follow_1 TABLE = STABLE;
static const qn_mempool_follow_unstable_1 TRIAL = {
    .stable = STABLE,
    .u = {(uint32_t)(sizeof TRIAL - offsetof(qn_mempool_follow_unstable_1, u)), 0},
    .cluster = qc_mempool_trial_cluster,
    .diagram = qc_mempool_trial_diagram};

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    if (!cap->plugin->host->pool) {
        *why = QC_NO_MEMPOOL;
        return QC_EINVAL;
    }
    follow_state *s = qc_alloc(sizeof *s);
    s->window = (uint32_t)qc_cap_number(cap, "window", 100000);
    s->opens = OPENS_AT_ONCE;
    s->opened_at = qc_clock_mono();
    cap->state = s;
    return QC_OK;
}

static void adapter_quiesce(qn_cap *cap)
{
    follow_state *s = cap->state;
    for (size_t i = 0; i < FOLLOWS_MAX; i++)
        if (s->f[i].id)
            close_one(&s->f[i]);
}

static void adapter_close(qn_cap *cap)
{
    qc_free(cap->state);
}

const qc_adapter QC_ADAPTER_MEMPOOL_FOLLOW = {QN_MEMPOOL_FOLLOW_1_ID, &TABLE, adapter_open,
                                              adapter_quiesce, adapter_close};
const qc_adapter QC_ADAPTER_MEMPOOL_FOLLOW_UNSTABLE = {
    QN_MEMPOOL_FOLLOW_UNSTABLE_1_ID, &TRIAL, adapter_open, adapter_quiesce, adapter_close};
