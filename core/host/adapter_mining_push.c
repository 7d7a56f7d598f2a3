/* mining.template/1: subscriptions. The chain thread delivers into a box (newest EMPTY, newest
 * FULL); the plugin's loop takes out. A box outlives its subscription until the chain thread has
 * let go. The loop's timers say when the chain thread should look at the fees again. */
#include "core/host/adapter_mining.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#define INTERVAL_MIN 100u
#define INTERVAL_MAX 3600000u
#define INTERVAL_DEFAULT 5000u
#define WAIT_MAX 86400000u
#define MS ((qc_mono)1000000)
#define US_PER_TEMPLATE 2000u /* of the chain thread's time */
#define US_PER_EMPTY 200u

/* Shared with the chain thread. */
typedef struct box {
    _Atomic int holders;
    qc_miner *miner;
    const void *owner;
    qc_push *push; /* chain thread */
    pthread_mutex_t lock;
    qc_mining_sub *sub; /* NULL: nobody takes out any more */
    const qc_template *empty, *full;
    bool waiting;      /* on_ready is owed */
    bool unready;      /* nothing has come yet */
    qc_mono due;       /* the chain thread wishes to be asked then; 0: no */
    qc_push_options o; /* of the open, or the last reconfigure */
    bool setting;      /* a job will take over `o`: whoever changes it meanwhile needs no other */
    uint64_t changes, followed; /* of `o`; those that `push` knows */
} box;

struct qc_mining_sub {
    uint64_t id;
    qn_cap *cap;
    box *box;
    bool always;
    qn_template_ready_fn *on_ready;
    void *arg;
    qc_timer *look, *deadline; /* the second: of wait() */
    bool armed, canceled;      /* wait() runs; its end is to be told */
};

/* ---- options ---- */

static bool read_throttle(const qn_mining_throttle *in, qc_push_options *out)
{
    qn_mining_throttle t = {.size = sizeof t};
    const uint32_t known = QN_MINING_THROTTLE_TIP_ONLY | QN_MINING_THROTTLE_NO_EMPTY;
    uint32_t interval = INTERVAL_DEFAULT;
    if (in && in->size < 2 * sizeof(uint32_t))
        return false;
    if (in)
        memcpy(&t, in, QC_MIN(in->size, (uint32_t)sizeof t));
    uint32_t flags = t.set & QN_SET_MINING_THROTTLE_FLAGS ? t.flags : 0;
    if (t.set & QN_SET_MINING_THROTTLE_MIN_INTERVAL_MS)
        interval = t.min_interval_ms;
    out->fee_delta = t.set & QN_SET_MINING_THROTTLE_FEE_DELTA ? t.fee_delta : 0;
    out->min_interval = interval * MS;
    out->tip_only = (flags & QN_MINING_THROTTLE_TIP_ONLY) != 0;
    out->no_empty = (flags & QN_MINING_THROTTLE_NO_EMPTY) != 0;
    return !(flags & ~known) && interval >= INTERVAL_MIN && interval <= INTERVAL_MAX &&
           out->fee_delta >= 0;
}

static bool read_options(const qc_host *h, const qn_mining_options *options,
                         const qn_mining_throttle *throttle, qc_push_options *out)
{
    *out = (qc_push_options){.always = false};
    return qc_mining_options(h, options, &out->template, &out->always) &&
           read_throttle(throttle, out);
}

/* ---- the box ---- */

static void box_let_go(box *b)
{
    if (atomic_fetch_sub(&b->holders, 1) != 1)
        return;
    qc_template_unref(b->empty);
    qc_template_unref(b->full);
    pthread_mutex_destroy(&b->lock);
    qc_free(b);
}

static void disarm(qc_mining_sub *s)
{
    if (s->armed)
        qc_timer_cancel(s->deadline);
    s->armed = false;
}

static void run_ready(void *arg)
{
    qc_mining_sub *s = arg;
    if (!s->id)
        return;
    disarm(s);
    s->on_ready(s->arg, s->id, QN_OK);
}

/* Plugin's loop: when the chain thread is to look again. */
static void run_due(void *arg)
{
    qc_mining_sub *s = arg;
    if (!s->id)
        return;
    pthread_mutex_lock(&s->box->lock);
    qc_mono due = s->box->due;
    pthread_mutex_unlock(&s->box->lock);
    qc_mono left = due - qc_clock_mono();
    if (due)
        qc_timer_set(s->look, left > 0 ? (int64_t)((left + MS - 1) / MS) : 0);
}

/* Chain thread. What the plugin did not take is replaced; of another tip it is dropped. What was
 * made by options that hold no more never comes. */
static void on_deliver(void *arg, const qc_template *t)
{
    box *b = arg;
    const qc_template *old[2] = {NULL, NULL};
    pthread_mutex_lock(&b->lock);
    bool empty = t->kind == QC_TEMPLATE_EMPTY;
    if (b->sub && b->followed == b->changes) {
        const qc_template **mine = empty ? &b->empty : &b->full;
        const qc_template **other = empty ? &b->full : &b->empty;
        old[0] = *mine;
        *mine = t;
        if (*other && (*other)->tip != t->tip) {
            old[1] = *other;
            *other = NULL;
        }
        b->unready = false;
        if (b->waiting)
            qc_plugin_call(b->sub->cap->plugin, run_ready, b->sub);
        b->waiting = false;
    } else {
        old[0] = t;
    }
    pthread_mutex_unlock(&b->lock);
    qc_template_unref(old[0]);
    qc_template_unref(old[1]);
}

static void on_later(void *arg, qc_mono at)
{
    box *b = arg;
    pthread_mutex_lock(&b->lock);
    b->due = at;
    if (b->sub)
        qc_plugin_call(b->sub->cap->plugin, run_due, b->sub);
    pthread_mutex_unlock(&b->lock);
}

/* ---- jobs of the chain thread; each has the box ---- */

static void drop_both(box *b)
{
    qc_template_unref(b->empty);
    qc_template_unref(b->full);
    b->empty = b->full = NULL;
}

/* The options of now: what comes from here on is made by them. False: nobody is there. */
static bool follow(box *b, qc_push_options *o)
{
    pthread_mutex_lock(&b->lock);
    *o = b->o;
    b->followed = b->changes;
    bool wanted = b->sub != NULL;
    pthread_mutex_unlock(&b->lock);
    return wanted;
}

static void job_open(qc_chain *c, void *arg)
{
    box *b = arg;
    const qc_push_to to = {b, on_deliver, on_later, b->owner};
    qc_push_options o;
    (void)c;
    if (follow(b, &o) && qc_push_open(b->miner, &o, &to, &b->push))
        b->push = NULL; /* no memory: it never becomes ready */
    box_let_go(b);
}

static void job_set(qc_chain *c, void *arg)
{
    box *b = arg;
    qc_push_options o;
    (void)c;
    pthread_mutex_lock(&b->lock);
    b->setting = false;
    pthread_mutex_unlock(&b->lock);
    qc_err err = follow(b, &o) && b->push ? qc_push_set(b->push, &o) : QC_OK;
    QC_ASSERT(!err); /* the options were looked at before */
    box_let_go(b);
}

static void job_look(qc_chain *c, void *arg)
{
    box *b = arg;
    (void)c;
    pthread_mutex_lock(&b->lock);
    b->due = 0;
    pthread_mutex_unlock(&b->lock);
    if (b->push)
        qc_push_look(b->push);
    box_let_go(b);
}

static void job_close(qc_chain *c, void *arg)
{
    box *b = arg;
    (void)c;
    qc_push_close(b->push);
    b->push = NULL;
    box_let_go(b);
}

static void ask(const qc_mining_sub *s, void (*job)(qc_chain *c, void *arg))
{
    atomic_fetch_add(&s->box->holders, 1);
    qc_host_on_chain(s->cap->plugin->host, job, s->box);
}

static void on_look(void *arg)
{
    ask(arg, job_look);
}

static void on_deadline(void *arg)
{
    qc_mining_sub *s = arg;
    s->armed = false;
    if (s->cap->plugin->callable)
        s->on_ready(s->arg, s->id, QN_E_TIMEOUT);
}

/* ---- opening and closing ---- */

/* The first template of these options is made when the chain thread comes to it. */
static void charge(qn_cap *cap, const qc_push_options *o)
{
    qc_cap_worked(cap, o->template.no_mempool ? US_PER_EMPTY : US_PER_TEMPLATE);
}

qc_mining_sub *qc_mining_subs_new(void)
{
    return qc_alloc(QC_MINING_SUBS * sizeof(qc_mining_sub));
}

static bool sub_begin(qc_mining_sub *s, qn_cap *cap, const qc_push_options *o)
{
    qc_mining_state *st = cap->state;
    qc_plugin *p = cap->plugin;
    *s = (qc_mining_sub){.cap = cap, .always = o->always};
    if (qc_timer_new(p->loop, on_look, s, &s->look))
        return false;
    if (qc_timer_new(p->loop, on_deadline, s, &s->deadline)) {
        qc_timer_free(s->look);
        return false;
    }
    s->id = ++st->next_sub;
    s->box = qc_alloc(sizeof *s->box);
    *s->box = (box){.holders = 1,
                    .miner = p->host->o.node->miner,
                    .owner = p,
                    .sub = s,
                    .waiting = true,
                    .unready = true,
                    .o = *o};
    pthread_mutex_init(&s->box->lock, NULL);
    return true;
}

qn_status qc_mining_open(qn_cap *cap, const qn_mining_options *options,
                         const qn_mining_throttle *throttle, qn_template_ready_fn *on_ready,
                         void *arg, uint64_t *out)
{
    qc_mining_state *st = cap->state;
    qc_push_options o;
    qn_status err = qc_cap_ask(cap);
    if (err != QN_OK)
        return err;
    if (!on_ready || !out || !read_options(cap->plugin->host, options, throttle, &o))
        return QN_E_INVAL;
    qc_mining_sub *s = st->sub;
    while (s < st->sub + QC_MINING_SUBS && s->id)
        s++;
    if (s == st->sub + QC_MINING_SUBS)
        return QN_E_LIMIT;
    if (!sub_begin(s, cap, &o))
        return QN_E_NOMEM;
    s->on_ready = on_ready;
    s->arg = arg;
    *out = s->id;
    charge(cap, &o);
    ask(s, job_open);
    return QN_OK;
}

static qc_mining_sub *by_id(const qn_cap *cap, uint64_t id)
{
    const qc_mining_state *st = cap->state;
    for (unsigned i = 0; id && i < QC_MINING_SUBS; i++)
        if (st->sub[i].id == id)
            return &st->sub[i];
    return NULL;
}

/* What was posted for it may still come by: it then finds no id, or wakes another in vain. */
static void close_one(qc_mining_sub *s)
{
    pthread_mutex_lock(&s->box->lock);
    s->box->sub = NULL;
    drop_both(s->box);
    pthread_mutex_unlock(&s->box->lock);
    ask(s, job_close);
    box_let_go(s->box);
    qc_timer_free(s->look);
    qc_timer_free(s->deadline);
    s->box = NULL;
    s->id = 0;
}

qn_status qc_mining_close(qn_cap *cap, uint64_t id)
{
    if (qc_plugin_here != cap->plugin)
        return QN_E_THREAD;
    qc_mining_sub *s = by_id(cap, id);
    if (!s)
        return QN_E_CLOSED;
    close_one(s);
    return QN_OK;
}

void qc_mining_close_all(qn_cap *cap)
{
    qc_mining_state *st = cap->state;
    for (unsigned i = 0; i < QC_MINING_SUBS; i++)
        if (st->sub[i].id)
            close_one(&st->sub[i]);
}

uint32_t qc_mining_subs(const qn_cap *cap)
{
    const qc_mining_state *st = cap->state;
    uint32_t n = 0;
    for (unsigned i = 0; i < QC_MINING_SUBS; i++)
        n += st->sub[i].id != 0;
    return n;
}

qn_status qc_mining_reconfigure(qn_cap *cap, uint64_t id, const qn_mining_options *options,
                                const qn_mining_throttle *throttle)
{
    qc_push_options o;
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    qc_mining_sub *s = by_id(cap, id);
    if (!s)
        return QN_E_CLOSED;
    if (!read_options(cap->plugin->host, options, throttle, &o))
        return QN_E_INVAL;
    s->always = o.always;
    pthread_mutex_lock(&s->box->lock);
    s->box->o = o;
    s->box->changes++;
    drop_both(s->box);
    bool under_way = s->box->setting;
    s->box->setting = true;
    pthread_mutex_unlock(&s->box->lock);
    charge(cap, &o);
    if (!under_way)
        ask(s, job_set);
    return QN_OK;
}

/* ---- taking out ---- */

/* With a reference; NULL: nothing is there, and on_ready is owed. */
static const qc_template *take(box *b, bool *unready)
{
    pthread_mutex_lock(&b->lock);
    const qc_template **at = b->empty ? &b->empty : &b->full, *t = *at;
    *at = NULL;
    b->waiting = !t;
    *unready = b->unready;
    pthread_mutex_unlock(&b->lock);
    return t;
}

/* Unless something newer has come meanwhile: of the same kind, or of another tip. */
static void put_back(box *b, const qc_template *t)
{
    pthread_mutex_lock(&b->lock);
    const qc_template **at = t->kind == QC_TEMPLATE_EMPTY ? &b->empty : &b->full;
    const qc_template *other = t->kind == QC_TEMPLATE_EMPTY ? b->full : b->empty;
    if (!*at && !(other && other->tip != t->tip))
        *at = qc_template_ref(t);
    pthread_mutex_unlock(&b->lock);
}

qn_status qc_mining_next(qn_cap *cap, uint64_t id, qn_template_view *view)
{
    bool unready;
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    qc_mining_sub *s = by_id(cap, id);
    if (!s)
        return QN_E_CLOSED;
    if (!view || view->size < sizeof(uint32_t))
        return QN_E_INVAL;
    if ((st = qc_mining_room(cap)) != QN_OK)
        return st;
    const qc_template *t = take(s->box, &unready);
    if (t) {
        qc_template_ref(t);
        st = qc_mining_give(cap, t, view);
        if (st == QN_E_LIMIT)
            put_back(s->box, t);
        qc_template_unref(t);
        return st;
    }
    return unready ? qc_mining_ready(cap, s->always) == QN_OK ? QN_E_AGAIN : QN_E_NOTREADY
                   : QN_E_AGAIN;
}

/* ---- waiting ---- */

qn_status qc_mining_wait(qn_cap *cap, uint64_t id, uint32_t timeout_ms)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    qc_mining_sub *s = by_id(cap, id);
    if (!s)
        return QN_E_CLOSED;
    if (!timeout_ms || timeout_ms > WAIT_MAX)
        return QN_E_INVAL;
    s->armed = true;
    qc_timer_set(s->deadline, timeout_ms);
    return QN_OK;
}

static void run_canceled(void *arg)
{
    qc_mining_sub *s = arg;
    if (!s->id || !s->canceled)
        return;
    s->canceled = false;
    s->on_ready(s->arg, s->id, QN_E_CANCELED);
}

qn_status qc_mining_cancel(qn_cap *cap, uint64_t id)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    qc_mining_sub *s = by_id(cap, id);
    if (!s)
        return QN_E_CLOSED;
    if (!s->armed)
        return QN_E_NOTFOUND;
    disarm(s);
    s->canceled = true;
    qc_plugin_call(cap->plugin, run_canceled, s);
    return QN_OK;
}
