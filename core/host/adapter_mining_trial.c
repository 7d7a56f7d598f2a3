/* What mining.template.unstable/1 has beside the stable table, but for sets of transactions. */
#include "core/host/adapter_mining.h"
#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#define LOOKUP_MAX 16384u
#define CHANGES_MAX 4096u
#define DELTAS_MAX 100u
#define BYTES_MAX ((uint64_t)64 << 20)
#define BYTES_PER_US 1000u
#define US_PER_TEMPLATE 3000u
#define US_PER_TURN 1000u
#define US_PER_CHANGE 50u /* its cluster is put in order anew */

/* ---- look-up ---- */

typedef struct lookup_job {
    qc_mempool *pool;
    qn_hash *id;
    qn_mining_found *found;
    uint32_t n;
    uint64_t need, max;
    uint8_t *bytes;
    bool no_memory;
} lookup_job;

static void drop_lookup(void *arg)
{
    lookup_job *j = arg;
    qc_free(j->id);
    qc_free(j->found);
    qc_free(j->bytes);
    qc_free(j);
}

static const qc_mempool_entry *entry_of(const qc_mempool *m, const qn_hash *wtxid)
{
    qc_hash h;
    memcpy(h.b, wtxid->b, 32);
    return m ? qc_mempool_find_wtxid(m, &h) : NULL;
}

static void copy_found(lookup_job *j)
{
    size_t at = 0;
    j->bytes = qc_try_malloc((size_t)j->need + 1);
    j->no_memory = !j->bytes;
    for (uint32_t i = 0; i < j->n && j->bytes; i++) {
        const qc_mempool_entry *e = j->found[i].len ? entry_of(j->pool, &j->id[i]) : NULL;
        if (!e)
            continue;
        memcpy(j->bytes + at, qc_tx_bytes(&e->tx).data, j->found[i].len);
        at += j->found[i].len;
    }
}

static void run_lookup(qc_chain *c, void *arg)
{
    lookup_job *j = arg;
    (void)c;
    for (uint32_t i = 0; i < j->n; i++) {
        const qc_mempool_entry *e = entry_of(j->pool, &j->id[i]);
        j->found[i] = (qn_mining_found){.status = QN_E_NOTFOUND};
        if (!e)
            continue;
        j->found[i] = (qn_mining_found){.len = e->tx.rec->len,
                                        .fee = e->fee,
                                        .weight = e->tx.rec->weight,
                                        .sigops = (uint32_t)e->sigop_cost};
        memcpy(j->found[i].txid.b, e->tx.rec->txid, 32);
        j->need += e->tx.rec->len;
    }
    if (j->need <= j->max)
        copy_found(j);
}

/* NULL: no memory. */
static lookup_job *lookup_new(const qc_host *h, const qn_hash *wtxids, uint32_t n, uint32_t max)
{
    lookup_job *j = qc_alloc(sizeof *j);
    *j = (lookup_job){.pool = h->pool, .n = n, .max = QC_MIN((uint64_t)max, BYTES_MAX)};
    j->id = qc_try_calloc(n + 1u, sizeof *j->id);
    j->found = qc_try_calloc(n + 1u, sizeof *j->found);
    if (!j->id || !j->found) {
        drop_lookup(j);
        return NULL;
    }
    if (n)
        memcpy(j->id, wtxids, n * sizeof *wtxids);
    return j;
}

qn_status qc_mining_lookup(qn_cap *cap, const qn_hash *wtxids, uint32_t n, qn_mining_found *found,
                           void *bytes, uint32_t max, uint32_t *n_bytes)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (n > LOOKUP_MAX || (n && (!wtxids || !found)) || !n_bytes || (!bytes && max))
        return QN_E_INVAL;
    lookup_job *j = lookup_new(cap->plugin->host, wtxids, n, max);
    if (!j)
        return QN_E_NOMEM;
    if ((st = qc_host_ask(cap->plugin->host, 0, run_lookup, j, drop_lookup)) != QN_OK)
        return st;
    qc_cap_worked(cap, n + (j->bytes ? j->need / BYTES_PER_US : 0));
    st = j->no_memory ? QN_E_NOMEM : j->bytes ? QN_OK : QN_E_SPACE;
    if (st == QN_OK && n)
        memcpy(found, j->found, n * sizeof *found);
    if (st == QN_OK && j->need)
        memcpy(bytes, j->bytes, (size_t)j->need);
    if (st != QN_E_NOMEM)
        *n_bytes = (uint32_t)QC_MIN(j->need, (uint64_t)UINT32_MAX);
    drop_lookup(j);
    return st;
}

/* ---- templates of another policy, and on a block that is not found yet ---- */

typedef struct make_job {
    qc_miner *miner;
    qc_template_options o;
    qc_overlay ov;
    qc_overlay_change *change;
    const qc_template *parent; /* NULL: by the overlay */
    const qc_template *t;
    qc_err err;
} make_job;

static void drop_make(void *arg)
{
    make_job *j = arg;
    qc_template_unref(j->parent);
    qc_template_unref(j->t);
    qc_free(j->change);
    qc_free(j);
}

static void run_make(qc_chain *c, void *arg)
{
    make_job *j = arg;
    (void)c;
    if (j->parent)
        j->err = qc_miner_template_on(j->miner, j->parent, &j->o, qc_clock_now(), &j->t);
    else
        j->err = qc_miner_template_with(j->miner, &j->o, &j->ov, qc_clock_now(), &j->t);
}

static qn_status status_of(qc_err err)
{
    switch (err) {
    case QC_ENOENT:
        return QN_E_NOTREADY;
    case QC_EBUSY:
        return QN_E_STALE;
    case QC_EPERM:
        return QN_E_UNSUPPORTED;
    default:
        return qc_status_of(err);
    }
}

/* `j` is taken. */
static qn_status make(qn_cap *cap, make_job *j, qn_template_view *view)
{
    qn_status st = qc_host_ask(cap->plugin->host, 0, run_make, j, drop_make);
    if (st != QN_OK)
        return st;
    qc_cap_worked(cap, US_PER_TEMPLATE + j->ov.n_changes * US_PER_CHANGE);
    st = j->err ? status_of(j->err) : qc_mining_give(cap, qc_template_ref(j->t), view);
    drop_make(j);
    return st;
}

/* First thing in both. */
static qn_status enter(qn_cap *cap, const qn_mining_options *options, const qn_template_view *view,
                       qc_template_options *o)
{
    bool always;
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!view || view->size < sizeof(uint32_t) ||
        !qc_mining_options(cap->plugin->host, options, o, &always))
        return QN_E_INVAL;
    st = qc_mining_ready(cap, always);
    return st == QN_OK ? qc_mining_room(cap) : st;
}

static bool read_overlay(const qn_mining_overlay *in, qc_overlay *out)
{
    qn_mining_overlay v = {.size = sizeof v};
    if (in && in->size < sizeof(uint32_t))
        return false;
    if (in)
        memcpy(&v, in, QC_MIN(in->size, (uint32_t)sizeof v));
    if (v.min_age_ms)
        out->newest = qc_clock_now() - (qc_unixtime)((v.min_age_ms + 999) / 1000);
    out->reserved_space = v.reserved_space;
    return v.reserved_space <= (uint32_t)QC_MAX_BLOCK_WEIGHT;
}

static bool read_change(const qn_mining_change *in, qc_overlay_change *out)
{
    const uint32_t known = QN_MINING_CHANGE_EXCLUDE | QN_MINING_CHANGE_INCLUDE;
    *out = (qc_overlay_change){.delta = in->delta,
                               .exclude = (in->flags & QN_MINING_CHANGE_EXCLUDE) != 0,
                               .include = (in->flags & QN_MINING_CHANGE_INCLUDE) != 0};
    memcpy(out->txid.b, in->txid.b, 32);
    return !(in->flags & ~known) && in->flags != known && in->delta >= -QC_MAX_MONEY &&
           in->delta <= QC_MAX_MONEY;
}

qn_status qc_mining_create_with(qn_cap *cap, const qn_mining_options *options,
                                const qn_mining_overlay *overlay, const qn_mining_change *changes,
                                uint32_t n, qn_template_view *view)
{
    qc_template_options o;
    qc_overlay ov = {.n_changes = n};
    qn_status st = enter(cap, options, view, &o);
    if (st != QN_OK)
        return st;
    if (n > CHANGES_MAX || (n && !changes) || !read_overlay(overlay, &ov))
        return QN_E_INVAL;
    make_job *j = qc_alloc(sizeof *j);
    *j = (make_job){.miner = cap->plugin->host->o.node->miner, .o = o, .ov = ov};
    j->change = qc_alloc((n + 1u) * sizeof *j->change);
    for (uint32_t i = 0; i < n; i++)
        if (!read_change(&changes[i], &j->change[i])) {
            drop_make(j);
            return QN_E_INVAL;
        }
    j->ov.change = j->change;
    return make(cap, j, view);
}

qn_status qc_mining_create_on(qn_cap *cap, uint64_t parent, const qn_mining_options *options,
                              qn_template_view *view)
{
    qc_template_options o;
    const qc_template *t;
    qn_status st = enter(cap, options, view, &o);
    if (st == QN_OK)
        st = qc_mining_held(cap, parent, &t);
    if (st != QN_OK)
        return st;
    make_job *j = qc_alloc(sizeof *j);
    *j = (make_job){.miner = cap->plugin->host->o.node->miner, .o = o, .parent = t};
    return make(cap, j, view);
}

/* ---- chunks ---- */

qn_status qc_mining_chunks(qn_cap *cap, uint64_t id, qn_mining_chunk *out, uint32_t max,
                           uint32_t *n)
{
    const qc_template *t;
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!n || (!out && max))
        return QN_E_INVAL;
    if ((st = qc_mining_held(cap, id, &t)) != QN_OK)
        return st;
    *n = t->n_chunks;
    for (uint32_t i = 0; i < *n && i < max; i++)
        out[i] = (qn_mining_chunk){t->chunk[i].fee, t->chunk[i].weight, t->chunk[i].first + 1, 0};
    qc_template_unref(t);
    return *n <= max ? QN_OK : QN_E_SPACE;
}

typedef struct diagram_job {
    qc_mempool *pool;
    qc_mempool_point *point;
    size_t n, count;
} diagram_job;

static void drop_diagram(void *arg)
{
    diagram_job *j = arg;
    qc_free(j->point);
    qc_free(j);
}

static void run_diagram(qc_chain *c, void *arg)
{
    diagram_job *j = arg;
    (void)c;
    j->count = qc_mempool_count(j->pool);
    j->n = qc_mempool_diagram(j->pool, &j->point);
}

qn_status qc_mining_diagram(qn_cap *cap, qn_mining_chunk *out, uint32_t max, uint32_t *n)
{
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!n || (!out && max))
        return QN_E_INVAL;
    *n = 0;
    if (!cap->plugin->host->pool)
        return QN_OK;
    diagram_job *j = qc_alloc(sizeof *j);
    j->pool = cap->plugin->host->pool;
    if ((st = qc_host_ask(cap->plugin->host, 0, run_diagram, j, drop_diagram)) != QN_OK)
        return st;
    qc_cap_worked(cap, j->count);
    for (size_t i = 1; i < j->n && i - 1 < max; i++) /* sums from (0, 0) on */
        out[i - 1] = (qn_mining_chunk){.fee = j->point[i].fee - j->point[i - 1].fee,
                                       .weight = j->point[i].weight - j->point[i - 1].weight};
    *n = j->n ? (uint32_t)j->n - 1 : 0;
    drop_diagram(j);
    return *n <= max ? QN_OK : QN_E_SPACE;
}

/* ---- prioritise ---- */

typedef struct delta_job {
    qc_miner *miner;
    qc_mempool *pool;
    qc_mining_state *state; /* its plugin waits while this runs */
    uint32_t n;
    bool too_many;
    qn_mining_delta delta[DELTAS_MAX];
} delta_job;

/* Deltas of what is not there stay until it has come: a plugin has not many of them. */
static bool is_ahead(const qc_mempool *m, const qc_hash *txid)
{
    return !qc_mempool_find(m, txid) && qc_mempool_delta(m, txid);
}

static void forget_come(qc_mining_state *s, const qc_mempool *m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_ahead; i++)
        if (is_ahead(m, &s->ahead[i]))
            s->ahead[n++] = s->ahead[i];
    s->n_ahead = n;
}

static void run_deltas(qc_chain *c, void *arg)
{
    delta_job *j = arg;
    qc_mining_state *s = j->state;
    (void)c;
    if (s->n_ahead + j->n > QC_MINING_AHEAD)
        forget_come(s, j->pool);
    j->too_many = s->n_ahead + j->n > QC_MINING_AHEAD;
    for (uint32_t i = 0; i < j->n && !j->too_many; i++) {
        qc_hash h;
        memcpy(h.b, j->delta[i].txid.b, 32);
        bool before = is_ahead(j->pool, &h);
        qc_mempool_prioritise(j->pool, &h, j->delta[i].delta);
        if (!before && is_ahead(j->pool, &h))
            s->ahead[s->n_ahead++] = h;
    }
    qc_miner_reprioritised(j->miner);
}

static void log_deltas(const qn_cap *cap, const delta_job *j)
{
    for (uint32_t i = 0; i < j->n; i++) {
        char hex[QC_HASH_HEX_LEN + 1], on[QC_HASH_HEX_LEN + 32];
        qc_hash h;
        memcpy(h.b, j->delta[i].txid.b, 32);
        qc_hash_hex(&h, hex);
        snprintf(on, sizeof on, "%s by %lld", hex, (long long)j->delta[i].delta);
        qc_cap_acted(cap, "prioritise", on);
    }
}

qn_status qc_mining_prioritise(qn_cap *cap, const qn_mining_delta *deltas, uint32_t n)
{
    qc_mining_state *s = cap->state;
    qn_status st = qc_cap_may_act(cap, s->may_prioritise, "prioritise", "");
    if (st != QN_OK)
        return st;
    if (n > DELTAS_MAX || (n && !deltas))
        return QN_E_INVAL;
    for (uint32_t i = 0; i < n; i++)
        if (deltas[i].delta > QC_MAX_MONEY || deltas[i].delta < -QC_MAX_MONEY)
            return QN_E_INVAL;
    if (!n || !cap->plugin->host->pool)
        return QN_OK;
    delta_job *j = qc_alloc(sizeof *j);
    *j = (delta_job){.miner = cap->plugin->host->o.node->miner,
                     .pool = cap->plugin->host->pool,
                     .state = s,
                     .n = n};
    memcpy(j->delta, deltas, n * sizeof *deltas);
    s->ahead = s->ahead ? s->ahead : qc_alloc(QC_MINING_AHEAD * sizeof *s->ahead);
    qc_cap_worked(cap, (n - 1) * US_PER_TURN); /* the first one's turn is taken */
    if ((st = qc_host_ask(cap->plugin->host, 0, run_deltas, j, qc_free)) != QN_OK)
        return st;
    if (j->too_many)
        st = QN_E_LIMIT;
    else
        log_deltas(cap, j);
    qc_free(j);
    return st;
}

/* ---- usage ---- */

qn_status qc_mining_usage(qn_cap *cap, qn_mining_usage *usage)
{
    const qc_mining_state *s = cap->state;
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!usage || usage->size < sizeof(uint32_t))
        return QN_E_INVAL;
    uint32_t sets = qc_mining_sets(cap); /* with what they keep, if anything */
    qc_book_settle(cap->plugin->host->book, cap->plugin->label, &s->limits);
    qc_book_usage u = qc_book_usage_of(cap->plugin->host->book, cap->plugin->label);
    const qn_mining_usage out = {.size = QC_MIN(usage->size, (uint32_t)sizeof out),
                                 .held = u.held,
                                 .max_held = s->limits.held,
                                 .submittable = u.kept,
                                 .bytes = u.bytes,
                                 .max_bytes = s->limits.bytes,
                                 .subscriptions = qc_mining_subs(cap),
                                 .sets = sets};
    memcpy(usage, &out, out.size);
    return QN_OK;
}
