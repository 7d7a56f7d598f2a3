/* chain.follow/1: the rules of follow.c with views, handles, wake-ups and the pin. */
#include "core/host/follow.h"
#include "core/host/internal.h"
#include "core/host/views.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"

#include <stdio.h>

#define FOLLOWS_MAX 16u                    /* per plugin */
#define WINDOW_MAX 4096u                   /* whatever the grant says */
#define LAGGING_AFTER INT64_C(30000000000) /* ns with a full window */
#define AHEAD 4u                           /* blocks read ahead in catch-up */

/* One subscription. On the host's list, so that the chain can wake it. */
typedef struct qc_follower {
    struct qc_follower *next, *prev; /* host's list, under its lock */
    qn_cap *cap;
    uint64_t id; /* 0: free */
    qc_follow follow;
    uint32_t flags;
    qc_block *lent; /* of the current event; NULL: none */
    qn_follow_ready_fn *on_ready;
    void *arg;
    _Atomic bool waiting;          /* next() answered AGAIN: on_ready is owed */
    uint32_t pinned;               /* height held against pruning; UINT32_MAX: none */
    _Atomic uint32_t acked_height; /* UINT32_MAX: nothing yet */
    _Atomic qc_mono full_since;    /* 0: the window has room */
    char pin_name[96];
} follower;

typedef struct follow_state {
    follower f[FOLLOWS_MAX];
    qc_views retained;
    uint64_t next_id;
    uint32_t window;
    uint64_t pin_bytes;
} follow_state;

/* ---- the chain as the rules see it ---- */

/* Before the first sync only genesis is safe: every node makes the same one. */
static const qc_index *src_durable(void *arg)
{
    const qc_index *i = qc_chain_durable(arg);
    return i ? i : qc_chain_at(arg, 0);
}
static const qc_index *src_find(void *arg, const qc_hash *hash)
{
    return qc_chain_find(arg, hash);
}
static uint32_t src_prune_height(void *arg)
{
    return qc_chain_prune_height(arg);
}
static uint64_t src_tip_seq(void *arg, const qc_index *at)
{
    return qc_chain_tip(arg) == at ? qc_chain_seq(arg) : 0;
}

/* ---- wake-ups ---- */

static void run_ready(void *arg)
{
    follower *f = arg;
    if (f->id && f->on_ready)
        f->on_ready(f->arg, f->id);
}

void qc_followers_wake(qc_host *h)
{
    pthread_mutex_lock(&h->lock);
    for (follower *f = h->followers; f; f = f->next)
        if (atomic_exchange(&f->waiting, false))
            qc_plugin_call(f->cap->plugin, run_ready, f);
    pthread_mutex_unlock(&h->lock);
}

uint32_t qc_plugin_lag(qc_plugin *p)
{
    qc_host *h = p->host;
    const qc_index *tip = qc_chain_durable(h->o.chain);
    uint32_t most = 0, top = tip ? tip->height : 0;
    pthread_mutex_lock(&h->lock);
    for (follower *f = h->followers; f; f = f->next) {
        uint32_t at = atomic_load(&f->acked_height);
        uint32_t behind = at == UINT32_MAX ? top : at < top ? top - at : 0;
        if (f->cap->plugin == p && behind > most)
            most = behind;
    }
    uint32_t watching = qc_watchers_behind(p, top);
    pthread_mutex_unlock(&h->lock);
    return most > watching ? most : watching;
}

bool qc_plugin_lags(qc_plugin *p)
{
    qc_host *h = p->host;
    qc_mono now = qc_clock_mono(), after = LAGGING_AFTER;
    bool lags = false;
    if (h->o.lagging_ms)
        after = (qc_mono)h->o.lagging_ms * 1000000;
    pthread_mutex_lock(&h->lock);
    for (follower *f = h->followers; f; f = f->next) {
        qc_mono since = atomic_load(&f->full_since);
        lags |= f->cap->plugin == p && since && now - since > after;
    }
    lags |= qc_watchers_lag(p);
    pthread_mutex_unlock(&h->lock);
    return lags;
}

static void note_acked(follower *f)
{
    const qc_index *at = f->follow.acked_at;
    atomic_store(&f->acked_height, at ? at->height : UINT32_MAX);
    atomic_store(&f->full_since, 0);
}

static void enlist(qc_host *h, follower *f)
{
    pthread_mutex_lock(&h->lock);
    f->prev = NULL;
    f->next = h->followers;
    if (h->followers)
        h->followers->prev = f;
    h->followers = f;
    h->n_followers++;
    pthread_mutex_unlock(&h->lock);
    qc_host_followers_changed(h);
}

static void delist(qc_host *h, follower *f)
{
    pthread_mutex_lock(&h->lock);
    if (f->prev)
        f->prev->next = f->next;
    else
        h->followers = f->next;
    if (f->next)
        f->next->prev = f->prev;
    h->n_followers--;
    pthread_mutex_unlock(&h->lock);
    qc_host_followers_changed(h);
}

/* ---- the pin (D8) ---- */

typedef struct pin_job {
    char name[96];
    uint32_t height;
    uint64_t bytes;
} pin_job;

static void set_pin(qc_chain *c, void *arg)
{
    pin_job *j = arg;
    qc_chain_pin(c, j->name, j->height, j->bytes);
    qc_free(j);
}

/* Blocks that are not acknowledged are held, as long as they stay below what the operator allows:
 * the chain sees to that, for a plugin that is behind may not be heard of again. */
static void update_pin(follower *f, bool release)
{
    qc_host *h = f->cap->plugin->host;
    const follow_state *s = f->cap->state;
    uint32_t height = UINT32_MAX;
    if (!release && s->pin_bytes && (f->flags & QN_FOLLOW_PIN) &&
        qc_chain_is_pruned_mode(h->o.chain, NULL)) {
        const qc_index *at = f->follow.acked_at;
        height = at ? at->height : f->follow.from_height;
    }
    if (height == f->pinned)
        return;
    f->pinned = height;
    pin_job *j = qc_alloc(sizeof *j);
    memcpy(j->name, f->pin_name, sizeof j->name);
    j->height = height;
    j->bytes = s->pin_bytes;
    qc_host_on_chain(h, set_pin, j);
}

/* ---- handles ---- */

static follower *by_id(const qn_cap *cap, uint64_t id)
{
    follow_state *s = cap->state;
    for (size_t i = 0; id && i < FOLLOWS_MAX; i++)
        if (s->f[i].id == id)
            return &s->f[i];
    return NULL;
}

static void drop_lent(follower *f)
{
    qc_block_unref(f->lent);
    f->lent = NULL;
}

static void close_one(follower *f)
{
    update_pin(f, true);
    delist(f->cap->plugin->host, f);
    drop_lent(f);
    qc_follow_clear(&f->follow);
    f->id = 0;
}

/* ---- the table ---- */

static bool options_of(const follow_state *s, const qn_follow_options *o, uint32_t *flags,
                       uint32_t *window, uint32_t *from)
{
    qn_follow_options have = {.size = sizeof have};
    if (o) {
        if (o->size < 8)
            return false;
        memcpy(&have, o, o->size < sizeof have ? o->size : sizeof have);
    }
    *flags = have.set & QN_SET_FOLLOW_OPTIONS_FLAGS ? have.flags : 0;
    *window = have.set & QN_SET_FOLLOW_OPTIONS_WINDOW ? have.window : s->window;
    *from = have.set & QN_SET_FOLLOW_OPTIONS_FROM_HEIGHT ? have.from_height : 0;
    if (*window > s->window)
        *window = s->window;
    const uint32_t known = QN_FOLLOW_SPENT | QN_FOLLOW_HEADERS_ONLY | QN_FOLLOW_PIN;
    return *window > 0 && (*flags & ~known) == 0;
}

static qn_status follow_open(qn_cap *cap, const qn_follow_options *options, const qn_hash *locator,
                             uint32_t n_locator, qn_follow_ready_fn *on_ready, void *arg,
                             uint64_t *out, qn_block_ref *start)
{
    qn_status st = qc_cap_enter(cap);
    follow_state *s = cap->state;
    qc_host *h = cap->plugin->host;
    uint32_t window, from, flags;
    if (st != QN_OK)
        return st;
    if (!out || !start || !on_ready || (n_locator && !locator) ||
        !options_of(s, options, &flags, &window, &from))
        return QN_E_INVAL;
    follower *f = s->f;
    while (f < s->f + FOLLOWS_MAX && f->id)
        f++;
    if (f == s->f + FOLLOWS_MAX)
        return QN_E_LIMIT;
    qc_follow_source src = {h->o.chain,       src_durable, src_find,
                            src_prune_height, src_tip_seq, h->epoch};
    st = qc_follow_open(&f->follow, &src, locator, n_locator, from, window, start);
    if (st != QN_OK) {
        qc_follow_clear(&f->follow);
        return st;
    }
    f->cap = cap;
    f->flags = flags;
    f->on_ready = on_ready;
    f->arg = arg;
    f->pinned = UINT32_MAX;
    f->id = ++s->next_id;
    snprintf(f->pin_name, sizeof f->pin_name, "%s#%llu", cap->plugin->label,
             (unsigned long long)f->id);
    atomic_store(&f->waiting, false);
    note_acked(f);
    enlist(h, f);
    update_pin(f, false);
    *out = f->id;
    return QN_OK;
}

static qn_status read_body(follower *f, const qc_index *at, uint32_t type)
{
    qc_host *h = f->cap->plugin->host;
    bool spent = (f->flags & QN_FOLLOW_SPENT) != 0;
    if (type == QN_EV_GAP || (f->flags & QN_FOLLOW_HEADERS_ONLY))
        return QN_OK;
    if (type == QN_EV_CONNECT)
        qc_blocks_ahead(h->blocks, at->height + 1, AHEAD, spent);
    return qc_status_of(qc_blocks_get(h->blocks, at, spent, &f->lent));
}

static qn_status follow_next(qn_cap *cap, uint64_t id, const qn_follow_event **event,
                             const qn_block_view **view)
{
    qn_status st = qc_cap_enter(cap);
    const qc_index *at;
    uint32_t type;
    if (st != QN_OK)
        return st;
    follower *f = by_id(cap, id);
    if (!f)
        return QN_E_CLOSED;
    if (!event || !view)
        return QN_E_INVAL;
    drop_lent(f);
    /* Said before looking: a change that comes after the look will find it. */
    atomic_store(&f->waiting, true);
    st = qc_follow_peek(&f->follow, &at, &type);
    if (st == QN_E_AGAIN)
        return st;
    atomic_store(&f->waiting, false);
    if (st == QN_E_LIMIT && !atomic_load(&f->full_since))
        atomic_store(&f->full_since, qc_clock_mono());
    if (st == QN_OK && (st = read_body(f, at, type)) == QN_E_PRUNED) {
        /* Deleted between the look and the read: by now it is a gap. */
        st = qc_follow_peek(&f->follow, &at, &type);
        if (st == QN_OK)
            st = read_body(f, at, type);
    }
    if (st != QN_OK)
        return st;
    qc_follow_take(&f->follow, at, type);
    *event = &f->follow.event;
    *view = f->lent ? qc_block_view(f->lent) : NULL;
    return QN_OK;
}

static qn_status follow_ack(qn_cap *cap, uint64_t id, uint64_t seq)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    follower *f = by_id(cap, id);
    if (!f)
        return QN_E_CLOSED;
    st = qc_follow_ack(&f->follow, seq);
    if (st == QN_OK) {
        update_pin(f, false);
        note_acked(f);
    }
    return st;
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

static qn_status follow_retain(qn_cap *cap, const qn_block_view *view)
{
    qn_status st = qc_cap_enter(cap);
    follow_state *s = cap->state;
    if (st != QN_OK)
        return st;
    for (size_t i = 0; view && i < FOLLOWS_MAX; i++)
        if (s->f[i].id && s->f[i].lent && qc_block_view(s->f[i].lent) == view)
            return qc_views_hold(&s->retained, qc_block_ref(s->f[i].lent)) ? QN_OK : QN_E_LIMIT;
    return QN_E_INVAL;
}

static qn_status follow_release(qn_cap *cap, const qn_block_view *view)
{
    follow_state *s = cap->state;
    return qc_views_release(&s->retained, view) ? QN_OK : QN_E_INVAL;
}

static const qn_chain_follow_1 TABLE = {
    .h = {sizeof(qn_chain_follow_1), QN_CHAIN_FOLLOW_1_REVISION},
    .open = follow_open,
    .next = follow_next,
    .ack = follow_ack,
    .close = follow_close,
    .retain = follow_retain,
    .release = follow_release};

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    (void)why;
    follow_state *s = qc_alloc(sizeof *s);
    uint64_t window = qc_cap_number(cap, "window", 16);
    s->window = (uint32_t)(window < WINDOW_MAX ? window : WINDOW_MAX);
    s->pin_bytes = qc_cap_number(cap, "pin", 0);
    qc_views_init(&s->retained, s->window);
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
    follow_state *s = cap->state;
    qc_views_clear(&s->retained);
    qc_free(s);
}

const qc_adapter QC_ADAPTER_CHAIN_FOLLOW = {QN_CHAIN_FOLLOW_1_ID, &TABLE, adapter_open,
                                            adapter_quiesce, adapter_close};
