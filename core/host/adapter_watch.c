/* watch/1 and its unstable pair: the rules of watch_stream.c with handles, limits and wake-ups. */
#include "core/host/adapter_watch.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#define WINDOW_MAX 1000000u /* whatever the grant says */
#define LAGGING_AFTER INT64_C(30000000000)
#define AHEAD 4u /* blocks read ahead in catch-up */

/* ---- the node as a stream sees it; arg is the watcher ---- */

static qc_host *host_of(void *arg)
{
    const qc_watcher *w = arg;
    return w->cap->plugin->host;
}
/* Before the first sync only genesis is safe: every node makes the same one. */
static const qc_index *src_durable(void *arg)
{
    const qc_host *h = host_of(arg);
    const qc_index *i = qc_chain_durable(h->o.chain);
    return i ? i : qc_chain_at(h->o.chain, 0);
}
static const qc_index *src_find(void *arg, const qc_hash *hash)
{
    return qc_chain_find(host_of(arg)->o.chain, hash);
}
static uint32_t src_prune_height(void *arg)
{
    return qc_chain_prune_height(host_of(arg)->o.chain);
}
static qc_err src_read(void *arg, const qc_index *at, qc_block **out)
{
    const qc_host *h = host_of(arg);
    qc_blocks_ahead(h->blocks, at->height + 1, AHEAD, true);
    return qc_blocks_get(h->blocks, at, true, out);
}
/* A rescan reads what nobody else wants: it does not push others' blocks out. */
static qc_err src_seek(void *arg, const qc_index *at, uint16_t owner, uint64_t since,
                       qc_block **out)
{
    const qc_host *h = host_of(arg);
    return qc_watch_ahead_take(h->ahead, arg, at, h->watch->set, owner, since, out);
}
static void src_ahead(void *arg, const qc_index *at, uint16_t owner)
{
    const qc_host *h = host_of(arg);
    if (at)
        qc_watch_ahead_ask(h->ahead, arg, at, h->watch->set, owner);
    else
        qc_watch_ahead_drop(h->ahead, arg);
}
static qc_err src_hits(void *arg, const qc_index *at, const qc_block *b, uint16_t owner,
                       uint64_t since, qc_watch_hits *out)
{
    return qc_watch_hub_hits(host_of(arg)->watch, at, b, owner, since, out);
}
static qc_err src_filter(void *arg, const qc_index *at, qc_bytes *out)
{
    qc_hash header;
    return qc_filterindex_get(host_of(arg)->o.node->filters, at, out, &header);
}

static qc_watch_source source_of(qc_watcher *w)
{
    const qc_host *h = w->cap->plugin->host;
    return (qc_watch_source){.arg = w,
                             .set = h->watch->set,
                             .pool = h->watch->pool,
                             .has_mempool = h->pool != NULL,
                             .epoch = h->epoch,
                             .durable = src_durable,
                             .find = src_find,
                             .prune_height = src_prune_height,
                             .read = src_read,
                             .seek = src_seek,
                             .ahead = src_ahead,
                             .hits = src_hits,
                             .filter = h->o.node && h->o.node->filters ? src_filter : NULL,
                             .sweep = qc_watcher_sweep,
                             .now = qc_clock_mono};
}

/* ---- wake-ups ---- */

static void run_ready(void *arg)
{
    qc_watcher *w = arg;
    if (w->id && w->on_ready)
        w->on_ready(w->arg, w->id);
}

void qc_watcher_nudge(qc_watcher *w)
{
    if (atomic_exchange(&w->waiting, false))
        qc_plugin_call(w->cap->plugin, run_ready, w);
}

void qc_watchers_wake(qc_host *h)
{
    pthread_mutex_lock(&h->lock);
    for (qc_watcher *w = h->watchers; w; w = w->next)
        qc_watcher_nudge(w);
    pthread_mutex_unlock(&h->lock);
}

/* Under the host's lock. */
uint32_t qc_watchers_behind(const qc_plugin *p, uint32_t top)
{
    uint32_t most = 0;
    for (const qc_watcher *w = p->host->watchers; w; w = w->next) {
        uint32_t at = atomic_load(&w->height);
        uint32_t behind = at == UINT32_MAX ? top : at < top ? top - at : 0;
        if (w->cap->plugin == p && behind > most)
            most = behind;
    }
    return most;
}

bool qc_watchers_lag(const qc_plugin *p)
{
    const qc_host *h = p->host;
    qc_mono now = qc_clock_mono(), after = LAGGING_AFTER;
    bool lags = false;
    if (h->o.lagging_ms)
        after = (qc_mono)h->o.lagging_ms * 1000000;
    for (const qc_watcher *w = h->watchers; w; w = w->next) {
        qc_mono since = atomic_load(&w->full_since);
        lags |= w->cap->plugin == p && since && now - since > after;
    }
    return lags;
}

static void enlist(qc_host *h, qc_watcher *w)
{
    pthread_mutex_lock(&h->lock);
    w->prev = NULL;
    w->next = h->watchers;
    if (w->next)
        w->next->prev = w;
    h->watchers = w;
    h->n_watchers++;
    pthread_mutex_unlock(&h->lock);
    qc_host_followers_changed(h);
}

static void delist(qc_host *h, qc_watcher *w)
{
    pthread_mutex_lock(&h->lock);
    if (w->prev)
        w->prev->next = w->next;
    else
        h->watchers = w->next;
    if (w->next)
        w->next->prev = w->prev;
    h->n_watchers--;
    pthread_mutex_unlock(&h->lock);
    qc_host_followers_changed(h);
}

/* ---- opening and closing ---- */

qc_watcher *qc_watcher_by_id(const qn_cap *cap, uint64_t id)
{
    qc_watch_state *s = cap->state;
    for (size_t i = 0; id && i < QC_WATCH_STREAMS; i++)
        if (s->w[i].id == id)
            return &s->w[i];
    return NULL;
}

qn_status qc_watcher_enter(qn_cap *cap, uint64_t id, qc_watcher **out)
{
    qn_status st = qc_cap_enter(cap);
    *out = st == QN_OK ? qc_watcher_by_id(cap, id) : NULL;
    return st == QN_OK && !*out ? QN_E_CLOSED : st;
}

static void first_look(qc_chain *c, void *arg)
{
    (void)c;
    qc_host_watch_told(arg);
}

static bool read_options(const qn_watch_options *in, qn_watch_options *out)
{
    *out = (qn_watch_options){.size = sizeof *out};
    if (in && in->size < 2 * sizeof(uint32_t))
        return false;
    if (in)
        memcpy(out, in, QC_MIN(in->size, (uint32_t)sizeof *out));
    if (!(out->set & QN_SET_WATCH_OPTIONS_FLAGS))
        out->flags = 0;
    if (!(out->set & QN_SET_WATCH_OPTIONS_WINDOW))
        out->window = UINT32_MAX;
    if (!(out->set & QN_SET_WATCH_OPTIONS_FROM_HEIGHT))
        out->from_height = 0;
    return true;
}

static qn_status watch_open(qn_cap *cap, const qn_watch_options *options, const qn_hash *locator,
                            uint32_t n_locator, qn_watch_ready_fn *on_ready, void *arg,
                            uint64_t *out, qn_block_ref *start)
{
    qn_status st = qc_cap_enter(cap);
    qc_watch_state *s = cap->state;
    qn_watch_options o;
    if (st != QN_OK)
        return st;
    if (!out || !start || !on_ready || (n_locator && !locator) || !read_options(options, &o))
        return QN_E_INVAL;
    qc_watcher *w = s->w;
    while (w < s->w + QC_WATCH_STREAMS && w->id)
        w++;
    if (w == s->w + QC_WATCH_STREAMS)
        return QN_E_LIMIT;
    w->cap = cap;
    const qc_watch_source src = source_of(w);
    st = qc_watch_stream_open(&w->stream, &src, o.flags, QC_MIN(o.window, s->window), o.from_height,
                              locator, n_locator, start);
    if (st != QN_OK)
        return st;
    w->on_ready = on_ready;
    w->arg = arg;
    w->id = ++s->next_id;
    atomic_store(&w->waiting, false);
    atomic_store(&w->full_since, 0);
    atomic_store(&w->height, qc_watch_stream_height(w->stream));
    enlist(cap->plugin->host, w);
    qc_host_on_chain(cap->plugin->host, first_look, cap->plugin->host);
    *out = w->id;
    return QN_OK;
}

static void close_one(qc_watcher *w)
{
    delist(w->cap->plugin->host, w);
    qc_watch_ahead_drop(w->cap->plugin->host->ahead, w);
    qc_watch_stream_close(w->stream);
    qc_watcher_sweep_end(w);
    w->stream = NULL;
    w->id = 0;
}

static qn_status watch_close(qn_cap *cap, uint64_t id)
{
    if (qc_plugin_here != cap->plugin)
        return QN_E_THREAD;
    qc_watcher *w = qc_watcher_by_id(cap, id);
    if (!w)
        return QN_E_CLOSED;
    close_one(w);
    return QN_OK;
}

/* ---- the set ---- */

typedef struct is_there {
    uint16_t owner;
    uint64_t n;
} is_there;

static void count_own(void *arg, const qc_watch_found *f)
{
    is_there *c = arg;
    c->n += f->owner == c->owner;
}

qn_status qc_watch_fits(const qc_watcher *w, const qc_watch_key *key, size_t n)
{
    const qc_watch_state *s = w->cap->state;
    uint64_t scripts = 0, bytes = qc_watchset_cost(key, n);
    for (size_t i = 0; i < QC_WATCH_STREAMS; i++) {
        if (!s->w[i].id)
            continue;
        const qc_watch_owner *o = qc_watch_stream_owner(s->w[i].stream);
        scripts += o->count[QC_WATCH_SCRIPT] + o->count[QC_WATCH_OUTPOINT];
        bytes += o->bytes;
    }
    if (bytes > s->max_bytes)
        return QN_E_LIMIT;
    is_there have = {qc_watch_stream_owner(w->stream)->id, 0};
    for (size_t i = 0; scripts + n > s->max_scripts && i < n; i++)
        (void)qc_watchset_find(w->cap->plugin->host->watch->set, key[i].kind, key[i].bytes,
                               count_own, &have);
    return scripts + n - QC_MIN(have.n, (uint64_t)n) > s->max_scripts ? QN_E_LIMIT : QN_OK;
}

/* Out: *out, owned: qc_free(). Returns: QN_OK; QN_E_INVAL; QN_E_NOMEM. */
static qn_status keys_of_scripts(const qn_watch_script *list, uint32_t n, const uint8_t *bytes,
                                 uint32_t len, qc_watch_key **out)
{
    uint64_t at = 0;
    if (n > 65536 || (n && !list) || (len && !bytes))
        return QN_E_INVAL;
    qc_watch_key *key = qc_try_calloc(n + 1u, sizeof *key);
    if (!key)
        return QN_E_NOMEM;
    for (uint32_t i = 0; i < n; at += list[i++].len) {
        if (!list[i].len || list[i].len > QC_WATCH_SCRIPT_MAX || at + list[i].len > len) {
            qc_free(key);
            return QN_E_INVAL;
        }
        key[i] =
            (qc_watch_key){QC_WATCH_SCRIPT, qc_span_of(bytes + at, list[i].len), list[i].cookie};
    }
    *out = key;
    if (at == len)
        return QN_OK;
    qc_free(key);
    return QN_E_INVAL;
}

static qn_status keys_of_outpoints(const qn_watch_outpoint *list, uint32_t n, qc_watch_key **out)
{
    _Static_assert(offsetof(qn_watch_outpoint, n) - offsetof(qn_watch_outpoint, txid) == 32,
                   "txid and number lie together as in qc_outpoint");
    if (n > 65536 || (n && !list))
        return QN_E_INVAL;
    qc_watch_key *key = qc_try_calloc(n + 1u, sizeof *key);
    if (!key)
        return QN_E_NOMEM;
    for (uint32_t i = 0; i < n; i++)
        key[i] = (qc_watch_key){QC_WATCH_OUTPOINT, qc_span_of(&list[i].txid, QC_WATCH_OUTPOINT_LEN),
                                list[i].cookie};
    *out = key;
    return QN_OK;
}

static qn_status add_keys(qc_watcher *w, QC_OWN qc_watch_key *key, uint32_t n, uint32_t flags,
                          uint64_t *armed)
{
    qn_status st = flags & ~QN_WATCH_ADD_FRESH ? QN_E_INVAL : qc_watch_fits(w, key, n);
    if (st == QN_OK)
        st = qc_watch_stream_add(w->stream, key, n, (flags & QN_WATCH_ADD_FRESH) != 0, armed);
    qc_free(key);
    if (st == QN_OK)
        qc_watcher_nudge(w);
    return st;
}

static qn_status watch_add(qn_cap *cap, uint64_t id, const qn_watch_script *list, uint32_t n,
                           const void *bytes, uint32_t len, uint32_t flags, uint64_t *armed)
{
    qc_watcher *w;
    qn_status st = qc_watcher_enter(cap, id, &w);
    qc_watch_key *key;
    if (st != QN_OK)
        return st;
    st = keys_of_scripts(list, n, bytes, len, &key);
    return st == QN_OK ? add_keys(w, key, n, flags, armed) : st;
}

static qn_status watch_add_outpoints(qn_cap *cap, uint64_t id, const qn_watch_outpoint *list,
                                     uint32_t n, uint32_t flags, uint64_t *armed)
{
    qc_watcher *w;
    qn_status st = qc_watcher_enter(cap, id, &w);
    qc_watch_key *key;
    if (st != QN_OK)
        return st;
    st = keys_of_outpoints(list, n, &key);
    return st == QN_OK ? add_keys(w, key, n, flags, armed) : st;
}

static qn_status remove_keys(qn_cap *cap, uint64_t id, QC_OWN qc_watch_key *key, uint32_t n)
{
    qc_watcher *w = qc_watcher_by_id(cap, id);
    if (w)
        qc_watch_stream_remove(w->stream, key, n);
    qc_free(key);
    return w ? QN_OK : QN_E_CLOSED;
}

static qn_status watch_remove(qn_cap *cap, uint64_t id, const qn_watch_script *list, uint32_t n,
                              const void *bytes, uint32_t len)
{
    qn_status st = qc_cap_enter(cap);
    qc_watch_key *key;
    if (st == QN_OK)
        st = keys_of_scripts(list, n, bytes, len, &key);
    return st == QN_OK ? remove_keys(cap, id, key, n) : st;
}

static qn_status watch_remove_outpoints(qn_cap *cap, uint64_t id, const qn_watch_outpoint *list,
                                        uint32_t n)
{
    qn_status st = qc_cap_enter(cap);
    qc_watch_key *key;
    if (st == QN_OK)
        st = keys_of_outpoints(list, n, &key);
    return st == QN_OK ? remove_keys(cap, id, key, n) : st;
}

/* ---- the stream ---- */

static qn_status watch_next(qn_cap *cap, uint64_t id, qn_watch_event *out, uint32_t max,
                            uint32_t *n, void *data, uint32_t max_data, uint32_t *n_data)
{
    qc_watcher *w;
    qn_status st = qc_watcher_enter(cap, id, &w);
    bool more;
    if (st != QN_OK)
        return st;
    if (!out || !max || !n || !n_data || (max_data && !data))
        return QN_E_INVAL;
    /* Said before looking: a change that comes after the look will find it. */
    atomic_store(&w->waiting, true);
    st = qc_watch_stream_next(w->stream, out, max, n, data, max_data, n_data, &more);
    if (st != QN_E_AGAIN && st != QN_E_LIMIT) /* a rescan may wait while the stream goes on */
        atomic_store(&w->waiting, false);
    else if (more)
        qc_watcher_nudge(w);
    if (st == QN_E_LIMIT && !atomic_load(&w->full_since))
        atomic_store(&w->full_since, qc_clock_mono());
    atomic_store(&w->height, qc_watch_stream_height(w->stream));
    return st;
}

static qn_status watch_ack(qn_cap *cap, uint64_t id, uint64_t seq)
{
    qc_watcher *w;
    qn_status st = qc_watcher_enter(cap, id, &w);
    if (st != QN_OK)
        return st;
    st = qc_watch_stream_ack(w->stream, seq);
    if (st == QN_OK) {
        atomic_store(&w->full_since, 0);
        qc_watcher_nudge(w);
    }
    return st;
}

static qn_status watch_rescan(qn_cap *cap, uint64_t id, const qn_watch_rescan *what, uint64_t *out,
                              uint32_t *lowest)
{
    qc_watcher *w;
    qn_status st = qc_watcher_enter(cap, id, &w);
    if (st != QN_OK)
        return st;
    if (!out)
        return QN_E_INVAL;
    st = qc_watch_stream_rescan(w->stream, what, out, lowest);
    if (st == QN_OK)
        qc_watcher_nudge(w);
    return st;
}

static qn_status watch_cancel(qn_cap *cap, uint64_t id, uint64_t rescan)
{
    qc_watcher *w;
    qn_status st = qc_watcher_enter(cap, id, &w);
    if (st != QN_OK)
        return st;
    st = qc_watch_stream_cancel(w->stream, rescan);
    if (st == QN_OK)
        qc_watcher_nudge(w);
    return st;
}

static qn_status watch_usage(qn_cap *cap, qn_watch_usage *usage)
{
    qn_status st = qc_cap_enter(cap);
    const qc_watch_state *s = cap->state;
    if (st != QN_OK)
        return st;
    if (!usage || usage->size < sizeof(uint32_t))
        return QN_E_INVAL;
    qn_watch_usage u = {.size = QC_MIN(usage->size, (uint32_t)sizeof u),
                        .max_scripts = s->max_scripts,
                        .max_bytes = s->max_bytes};
    for (size_t i = 0; i < QC_WATCH_STREAMS; i++) {
        if (!s->w[i].id)
            continue;
        const qc_watch_owner *o = qc_watch_stream_owner(s->w[i].stream);
        u.streams++;
        u.scripts += o->count[QC_WATCH_SCRIPT];
        u.outpoints += o->count[QC_WATCH_OUTPOINT];
        u.bytes += o->bytes;
    }
    memcpy(usage, &u, u.size);
    return QN_OK;
}

#define STABLE                                                                                     \
    {                                                                                              \
        .h = {sizeof(qn_watch_1), QN_WATCH_1_REVISION}, .open = watch_open, .add = watch_add,      \
        .remove = watch_remove, .add_outpoints = watch_add_outpoints,                              \
        .remove_outpoints = watch_remove_outpoints, .next = watch_next, .ack = watch_ack,          \
        .rescan = watch_rescan, .cancel = watch_cancel, .usage = watch_usage, .close = watch_close \
    }
static const qn_watch_1 TABLE = STABLE;
static const qn_watch_unstable_1 TRIAL = {
    .stable = STABLE,
    .u = {(uint32_t)(sizeof TRIAL - offsetof(qn_watch_unstable_1, u)), 0},
    .deep = qc_watch_trial_deep,
    .add_descriptor = qc_watch_trial_descriptor};

/* ---- the adapters ---- */

/* A plugin that has both tables has one set of streams. */
static qc_watch_state *state_of_other(const qn_cap *cap)
{
    const qc_plugin *p = cap->plugin;
    for (size_t i = 0; i < p->n_cap; i++) {
        const qc_adapter *a = p->cap[i].adapter;
        bool ours = a == &QC_ADAPTER_WATCH || a == &QC_ADAPTER_WATCH_UNSTABLE;
        if (ours && &p->cap[i] != cap && p->cap[i].state)
            return p->cap[i].state;
    }
    return NULL;
}

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    (void)why;
    qc_watch_state *s = state_of_other(cap);
    if (!s) {
        s = qc_alloc(sizeof *s);
        s->max_scripts = qc_cap_number(cap, "scripts", 1000000);
        s->max_bytes = qc_cap_number(cap, "memory", UINT64_C(256000000));
        s->window = (uint32_t)QC_MIN(qc_cap_number(cap, "window", 100000), (uint64_t)WINDOW_MAX);
    }
    s->caps++;
    cap->state = s;
    return QC_OK;
}

/* With the first of both tables everything ends. */
static void adapter_quiesce(qn_cap *cap)
{
    qc_watch_state *s = cap->state;
    for (size_t i = 0; i < QC_WATCH_STREAMS; i++)
        if (s->w[i].id)
            close_one(&s->w[i]);
}

static void adapter_close(qn_cap *cap)
{
    qc_watch_state *s = cap->state;
    cap->state = NULL;
    if (--s->caps == 0)
        qc_free(s);
}

const qc_adapter QC_ADAPTER_WATCH = {QN_WATCH_1_ID, &TABLE, adapter_open, adapter_quiesce,
                                     adapter_close};
const qc_adapter QC_ADAPTER_WATCH_UNSTABLE = {QN_WATCH_UNSTABLE_1_ID, &TRIAL, adapter_open,
                                              adapter_quiesce, adapter_close};
