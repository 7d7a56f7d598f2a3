/* mining.template/1: templates on request, what is in them, and what is held. Templates are made by
 * the chain thread (core/mining); everything about one that is there is answered here, from itself.
 */
#include "core/host/adapter_mining.h"
#include "core/host/ask.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/consensus/check.h"
#include "core/mining/assemble.h"

#define HELD_MAX 4096u /* whatever the grant says */
#define BYTES_MAX UINT64_C(64000000)
#define US_PER_TEMPLATE 2000u /* of the chain thread's time */
#define US_PER_EMPTY 200u
#define PEERS_FOR ((qc_mono)1000000000)
#define SETTLE_MS 20

/* ---- options and views ---- */

bool qc_mining_options(const qc_host *h, const qn_mining_options *in, qc_template_options *out,
                       bool *always)
{
    qn_mining_options have = {.size = sizeof have};
    if (in && in->size < 2 * sizeof(uint32_t))
        return false;
    if (in)
        memcpy(&have, in, QC_MIN(in->size, (uint32_t)sizeof have));
    *out = *qc_miner_defaults(h->o.node->miner);
    out->print = false;
    if (have.set & QN_SET_MINING_OPTIONS_RESERVED_WEIGHT)
        out->reserved_weight = have.reserved_weight;
    if (have.set & QN_SET_MINING_OPTIONS_RESERVED_SIGOPS)
        out->reserved_sigops = have.reserved_sigops;
    if (have.set & QN_SET_MINING_OPTIONS_MAX_WEIGHT)
        out->max_weight = have.max_weight;
    if (have.set & QN_SET_MINING_OPTIONS_MIN_FEERATE) {
        if (have.min_feerate < 0 || have.min_feerate > QC_MAX_MONEY)
            return false;
        out->min_feerate = qc_feerate_per_kvb(have.min_feerate);
    }
    uint32_t flags = have.set & QN_SET_MINING_OPTIONS_FLAGS ? have.flags : 0;
    out->no_mempool = (flags & QN_MINING_NO_MEMPOOL) != 0;
    *always = (flags & QN_MINING_IGNORE_SYNC) != 0;
    return !(flags & ~(uint32_t)(QN_MINING_NO_MEMPOOL | QN_MINING_IGNORE_SYNC)) &&
           qc_template_options_check(out, false, NULL, 0) == QC_OK;
}

static uint32_t why_of(qc_template_why why)
{
    switch (why) {
    case QC_TEMPLATE_REQUEST:
        break;
    case QC_TEMPLATE_TIP:
        return QN_TEMPLATE_WHY_TIP;
    case QC_TEMPLATE_FEES:
        return QN_TEMPLATE_WHY_FEES;
    case QC_TEMPLATE_TIME:
        return QN_TEMPLATE_WHY_TIME;
    }
    return QN_TEMPLATE_WHY_REQUEST;
}

static void view_coinbase(const qc_coinbase *c, qn_template_view *v)
{
    v->coinbase_version = c->version;
    v->coinbase_sequence = c->sequence;
    v->coinbase_locktime = c->locktime;
    v->coinbase_prefix_len = c->prefix_len;
    memcpy(v->coinbase_prefix, c->prefix, c->prefix_len);
    memcpy(v->coinbase_witness, c->witness, sizeof c->witness);
    v->n_coinbase_outputs = c->n_outputs;
    v->coinbase_outputs_len = c->n_outputs ? (uint32_t)sizeof c->outputs : 0;
    memcpy(v->coinbase_outputs, c->outputs, v->coinbase_outputs_len);
    v->reward = c->reward;
    v->flags |= c->has_witness ? QN_TEMPLATE_WITNESS : 0u;
}

bool qc_mining_view(const qc_template *t, qn_template_view *out)
{
    if (!out || out->size < sizeof(uint32_t))
        return false;
    qn_template_view v = {
        .size = QC_MIN(out->size, (uint32_t)sizeof v),
        .flags = (t->segwit ? QN_TEMPLATE_SEGWIT : 0u) | (t->parent ? QN_TEMPLATE_FUTURE : 0u),
        .id = t->id,
        .kind = t->kind == QC_TEMPLATE_FULL ? QN_TEMPLATE_KIND_FULL : QN_TEMPLATE_KIND_EMPTY,
        .why = why_of(t->why),
        .height = t->height,
        .version = t->version,
        .bits = t->bits,
        .cur_time = t->cur_time,
        .min_time = t->min_time,
        .n_tx = t->n_tx,
        .fees = t->fees,
        .weight = t->weight,
        .sigops = t->sigops,
        .tx_bytes = t->tx_bytes,
        .n_depends = t->n_in,
        .updates = t->updates,
        .t_tip_ns = (uint64_t)t->t_tip,
        .t_built_ns = (uint64_t)t->t_built,
        .n_rules = t->n_rules,
        .n_path = t->path_len};
    QC_ASSERT(t->path_len <= QC_COUNTOF(v.path));
    memcpy(v.prev.b, t->prev.b, 32);
    memcpy(v.target.b, t->target.b, 32);
    memcpy(v.path, t->path, t->path_len * sizeof v.path[0]);
    view_coinbase(&t->coinbase, &v);
    memcpy(out, &v, v.size);
    return true;
}

/* ---- what is held ---- */

static const char *id_of(const qn_cap *cap)
{
    return cap->plugin->label;
}

static void settle(void *arg)
{
    qn_cap *cap = arg;
    qc_mining_state *s = cap->state;
    s->settling = false;
    qc_book_settle(cap->plugin->host->book, id_of(cap), &s->limits);
}

/* Not at once: the count takes a processor for some tenths of a millisecond, just when other
 * plugins are to hear of the same template. `held` bounds what can come meanwhile. */
static void settle_soon(qn_cap *cap)
{
    qc_mining_state *s = cap->state;
    if (s->settling)
        return;
    if (!s->settle && qc_timer_new(cap->plugin->loop, settle, cap, &s->settle)) {
        settle(cap); /* no memory for a timer */
        return;
    }
    s->settling = true;
    qc_timer_set(s->settle, SETTLE_MS);
}

qn_status qc_mining_room(const qn_cap *cap)
{
    const qc_mining_state *s = cap->state;
    return s->n_held < s->limits.held ? QN_OK : QN_E_LIMIT;
}

/* What it costs is counted after the plugin has it: nobody waits for that. */
qn_status qc_mining_give(qn_cap *cap, const qc_template *t, qn_template_view *out)
{
    qc_mining_state *s = cap->state;
    qn_status st = qc_mining_room(cap);
    if (st == QN_OK)
        st = qc_book_give(cap->plugin->host->book, id_of(cap), &s->limits, t);
    if (st == QN_OK) {
        s->held[s->n_held++] = t->id;
        (void)qc_mining_view(t, out);
    }
    if (st == QN_OK)
        settle_soon(cap);
    qc_template_unref(t);
    return st;
}

static bool holds(const qc_mining_state *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->n_held; i++)
        if (s->held[i] == id)
            return true;
    return false;
}

/* On a parent: as long as that one can come, and then as long as what came of it is the tip. */
qc_mono qc_mining_left(const qc_host *h, const qc_template *t)
{
    const qc_miner *m = h->o.node->miner;
    const qc_index *found = t->parent ? qc_template_found(t->parent) : NULL;
    qc_mono left = qc_miner_tip_left(m, t->parent ? t->parent->tip : t->tip);
    qc_mono since = found && left ? qc_miner_tip_left(m, found) : left;
    return since ? QC_MAX(left, since) : 0;
}

qn_status qc_mining_held(const qn_cap *cap, uint64_t id, const qc_template **out)
{
    const qc_host *h = cap->plugin->host;
    const qc_template *t =
        holds(cap->state, id) ? qc_book_find(h->book, id_of(cap), id, true) : NULL;
    if (!t)
        return QN_E_CLOSED;
    qc_mono left = qc_mining_left(h, t);
    qc_mono grace = h->o.grace_ms ? (qc_mono)h->o.grace_ms * 1000000 : QC_MINING_GRACE;
    if (left && qc_clock_mono() - left > grace) {
        qc_template_unref(t);
        return QN_E_STALE;
    }
    *out = t;
    return QN_OK;
}

static qn_status mt_release(qn_cap *cap, uint64_t id)
{
    qc_mining_state *s = cap->state;
    if (qc_plugin_here != cap->plugin)
        return QN_E_THREAD;
    for (uint32_t i = 0; i < s->n_held; i++) {
        if (s->held[i] != id)
            continue;
        s->held[i] = s->held[--s->n_held];
        return qc_book_release(cap->plugin->host->book, id_of(cap), id);
    }
    return QN_E_CLOSED;
}

static int older(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The oldest first: where memory is short for all, the newest stay. */
static void release_all(qn_cap *cap)
{
    qc_mining_state *s = cap->state;
    qsort(s->held, s->n_held, sizeof *s->held, older);
    for (uint32_t i = 0; i < s->n_held; i++)
        (void)qc_book_release(cap->plugin->host->book, id_of(cap), s->held[i]);
    s->n_held = 0;
}

/* ---- where the node stands ---- */

static uint32_t count_peers(qn_cap *cap)
{
    qc_mining_state *s = cap->state;
    qc_node *n = cap->plugin->host->o.node;
    qc_mono now = qc_clock_mono();
    if (n->net && (!s->peers_at || now - s->peers_at > PEERS_FOR)) {
        qc_peer_info *list = NULL;
        size_t peers = 0;
        s->peers = qc_net_peers(n->net, &list, &peers) == QC_OK ? (uint32_t)peers : 0;
        s->peers_at = now;
        qc_free(list);
    }
    return s->peers;
}

static uint32_t info_flags(const qc_host *h)
{
    const qc_params *p = qc_chain_params(h->o.chain);
    uint32_t f = qc_miner_ready(h->o.node->miner, false) ? QN_MINING_INFO_READY : 0u;
    f |= qc_chain_initial_download(h->o.chain) ? QN_MINING_INFO_INITIAL_DOWNLOAD : 0u;
    f |= p->id != QC_CHAIN_MAIN ? QN_MINING_INFO_TEST_CHAIN : 0u;
    f |= p->mine_on_demand ? QN_MINING_INFO_ON_DEMAND : 0u;
    f |= p->signet_challenge.len ? QN_MINING_INFO_SIGNET : 0u;
    f |= p->allow_min_difficulty && !p->no_retarget ? QN_MINING_INFO_RULE_20_MINUTES : 0u;
    return f;
}

static void info_next(const qc_host *h, const qc_index *tip, qn_mining_info *i)
{
    const qc_params *p = qc_chain_params(h->o.chain);
    qc_u256 target;
    qc_hash hash;
    i->tip.height = tip->height;
    memcpy(i->tip.hash.b, tip->hash.b, 32);
    int64_t least = qc_mining_min_time(p, tip), now = qc_clock_now();
    i->min_time = (uint32_t)QC_MIN(least, (int64_t)UINT32_MAX);
    i->bits = qc_mining_bits(p, tip, (uint32_t)QC_MIN(QC_MAX(least, now), (int64_t)UINT32_MAX));
    qc_compact_decode(i->bits, &target, NULL, NULL);
    qc_u256_to_hash(&target, &hash);
    memcpy(i->target.b, hash.b, 32);
}

static qn_status mt_info(qn_cap *cap, qn_mining_info *info)
{
    const qc_host *h = cap->plugin->host;
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    const qc_template_options *o = qc_miner_defaults(h->o.node->miner);
    const qc_index *tip = qc_miner_tip(h->o.node->miner);
    qn_mining_info i = {.size = QC_MIN(info->size, (uint32_t)sizeof i),
                        .flags = info_flags(h),
                        .peers = count_peers(cap),
                        .reserved_weight = (uint32_t)o->reserved_weight,
                        .reserved_sigops = (uint32_t)o->reserved_sigops,
                        .max_weight = (uint32_t)o->max_weight,
                        .min_feerate = qc_feerate_kvb(o->min_feerate),
                        .updates = qc_miner_updates(h->o.node->miner)};
    if (tip)
        info_next(h, tip, &i);
    memcpy(info, &i, i.size);
    return QN_OK;
}

static qn_status mt_challenge(qn_cap *cap, void *script, uint32_t max, uint32_t *n)
{
    const qc_bytes *c = &qc_chain_params(cap->plugin->host->o.chain)->signet_challenge;
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (!n || (!script && max))
        return QN_E_INVAL;
    if (!c->len)
        return QN_E_NOTFOUND;
    *n = (uint32_t)c->len;
    if (c->len > max)
        return QN_E_SPACE;
    memcpy(script, c->data, c->len);
    return QN_OK;
}

qn_status qc_mining_ready(const qn_cap *cap, bool always)
{
    return qc_miner_ready(cap->plugin->host->o.node->miner, always) ? QN_OK : QN_E_NOTREADY;
}

/* ---- create ---- */

typedef struct create_job {
    qc_miner *miner;
    qc_template_options o;
    const qc_template *t;
    qc_err err;
} create_job;

static void drop_job(void *arg)
{
    create_job *j = arg;
    qc_template_unref(j->t);
    qc_free(j);
}

static void run_create(qc_chain *c, void *arg)
{
    create_job *j = arg;
    (void)c;
    j->err = qc_miner_template(j->miner, &j->o, QC_TEMPLATE_REQUEST, qc_clock_now(), &j->t);
}

static qn_status mt_create(qn_cap *cap, const qn_mining_options *options, qn_template_view *view)
{
    qc_host *h = cap->plugin->host;
    qc_template_options o;
    bool always;
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!view || view->size < sizeof(uint32_t) || !qc_mining_options(h, options, &o, &always))
        return QN_E_INVAL;
    if ((st = qc_mining_ready(cap, always)) != QN_OK || (st = qc_mining_room(cap)) != QN_OK)
        return st;
    create_job *j = qc_alloc(sizeof *j);
    *j = (create_job){.miner = h->o.node->miner, .o = o};
    if ((st = qc_host_ask(h, 0, run_create, j, drop_job)) != QN_OK)
        return st;
    qc_cap_worked(cap, o.no_mempool ? US_PER_EMPTY : US_PER_TEMPLATE);
    if (j->err)
        st = j->err == QC_ENOENT ? QN_E_NOTREADY : qc_status_of(j->err);
    else
        st = qc_mining_give(cap, qc_template_ref(j->t), view);
    drop_job(j);
    return st;
}

/* ---- what is in it ---- */

/* First thing in them. */
static qn_status enter(qn_cap *cap, uint64_t id, bool bad, const qc_template **t)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    return bad ? QN_E_INVAL : qc_mining_held(cap, id, t);
}

static qn_status mt_view(qn_cap *cap, uint64_t id, qn_template_view *view)
{
    const qc_template *t;
    qn_status st = enter(cap, id, !view || view->size < sizeof(uint32_t), &t);
    if (st != QN_OK)
        return st;
    (void)qc_mining_view(t, view);
    qc_template_unref(t);
    return QN_OK;
}

static qn_status mt_transactions(qn_cap *cap, uint64_t id, qn_template_tx *out, uint32_t max,
                                 uint32_t *n)
{
    const qc_template *t;
    qn_status st = enter(cap, id, !n || (!out && max), &t);
    uint32_t off = 0;
    if (st != QN_OK)
        return st;
    const qc_template_depends *d = qc_template_depends_of(t);
    for (uint32_t i = 0; i < t->n_tx && i < max; i++) {
        qc_template_tx x;
        qc_template_tx_at(t, i, &x);
        out[i] = (qn_template_tx){.fee = x.fee,
                                  .time = x.time,
                                  .weight = x.weight,
                                  .sigops = x.sigops,
                                  .off = off,
                                  .len = (uint32_t)x.bytes.len,
                                  .depend = d->at[i],
                                  .n_depends = x.n_depends};
        memcpy(out[i].txid.b, x.txid, 32);
        memcpy(out[i].wtxid.b, x.wtxid, 32);
        off += out[i].len;
    }
    *n = t->n_tx;
    qc_template_unref(t);
    return *n <= max ? QN_OK : QN_E_SPACE;
}

static qn_status mt_depends(qn_cap *cap, uint64_t id, qn_template_place *out, uint32_t max,
                            uint32_t *n)
{
    const qc_template *t;
    qn_status st = enter(cap, id, !n || (!out && max), &t);
    if (st != QN_OK)
        return st;
    const qc_template_depends *d = qc_template_depends_of(t);
    for (uint32_t i = 0; i < d->n && i < max; i++)
        out[i].place = d->place[i];
    *n = d->n;
    qc_template_unref(t);
    return *n <= max ? QN_OK : QN_E_SPACE;
}

/* [off, off + len) of the transactions, one after the other. */
static void copy_bytes(const qc_template *t, uint32_t off, uint32_t len, uint8_t *out)
{
    for (uint32_t i = 0; i < t->n_tx && len; i++) {
        qc_span b = qc_tx_bytes(&t->entry[i]->tx);
        if (off >= b.len) {
            off -= (uint32_t)b.len;
            continue;
        }
        uint32_t n = QC_MIN((uint32_t)b.len - off, len);
        memcpy(out, b.data + off, n);
        out += n;
        len -= n;
        off = 0;
    }
}

static qn_status mt_bytes(qn_cap *cap, uint64_t id, uint32_t off, uint32_t len, void *out,
                          uint32_t max, uint32_t *n)
{
    const qc_template *t;
    qn_status st = enter(cap, id, !n || (!out && max), &t);
    if (st != QN_OK)
        return st;
    if (off > t->tx_bytes || len > t->tx_bytes - off)
        st = QN_E_INVAL;
    else if (len > max)
        st = QN_E_SPACE;
    if (st == QN_OK)
        copy_bytes(t, off, len, out);
    if (st != QN_E_INVAL)
        *n = len;
    qc_template_unref(t);
    return st;
}

static qn_status mt_rules(qn_cap *cap, uint64_t id, qn_template_rule *out, uint32_t max,
                          uint32_t *n)
{
    const qc_template *t;
    qn_status st = enter(cap, id, !n || (!out && max), &t);
    if (st != QN_OK)
        return st;
    *n = t->n_rules;
    for (uint32_t i = 0; i < *n && i < max; i++) {
        const qc_template_rule *r = &t->rule[i];
        out[i] =
            (qn_template_rule){.bit = r->bit,
                               .flags = (r->state == QC_VB_ACTIVE ? QN_TEMPLATE_RULE_ACTIVE : 0u) |
                                        (r->optional ? QN_TEMPLATE_RULE_OPTIONAL : 0u)};
        qc_host_text(out[i].name, sizeof out[i].name, r->name);
    }
    qc_template_unref(t);
    return *n <= max ? QN_OK : QN_E_SPACE;
}

static qn_status mt_now(qn_cap *cap, uint64_t id, uint32_t *time, uint32_t *bits)
{
    const qc_template *t;
    qn_status st = enter(cap, id, !time || !bits, &t);
    if (st != QN_OK)
        return st;
    qc_template_time(t, qc_clock_now(), time, bits);
    qc_template_unref(t);
    return QN_OK;
}

/* ---- the tables ---- */

#define STABLE                                                                                     \
    {                                                                                              \
        .h = {sizeof(qn_mining_template_1), QN_MINING_TEMPLATE_1_REVISION}, .info = mt_info,       \
        .challenge = mt_challenge, .create = mt_create, .view = mt_view,                           \
        .transactions = mt_transactions, .depends = mt_depends, .bytes = mt_bytes,                 \
        .rules = mt_rules, .now = mt_now, .release = mt_release, .open = qc_mining_open,           \
        .next = qc_mining_next, .wait = qc_mining_wait, .cancel = qc_mining_cancel,                \
        .reconfigure = qc_mining_reconfigure, .close = qc_mining_close                             \
    }
static const qn_mining_template_1 TABLE = STABLE;
static const qn_mining_template_unstable_1 TRIAL = {
    .stable = STABLE,
    .u = {(uint32_t)(sizeof TRIAL - offsetof(qn_mining_template_unstable_1, u)), 0},
    .lookup = qc_mining_lookup,
    .set_new = qc_mining_set_new,
    .set_missing = qc_mining_set_missing,
    .set_add = qc_mining_set_add,
    .set_template = qc_mining_set_template,
    .set_free = qc_mining_set_free,
    .create_with = qc_mining_create_with,
    .create_on = qc_mining_create_on,
    .chunks = qc_mining_chunks,
    .diagram = qc_mining_diagram,
    .prioritise = qc_mining_prioritise,
    .usage = qc_mining_usage};

/* A plugin that has both tables has one set of templates: what it got through one it may use
 * through the other. */
static qc_mining_state *state_of_other(const qn_cap *cap)
{
    const qc_plugin *p = cap->plugin;
    for (size_t i = 0; i < p->n_cap; i++) {
        const qc_adapter *a = p->cap[i].adapter;
        bool mine = a == &QC_ADAPTER_MINING_TEMPLATE || a == &QC_ADAPTER_MINING_TEMPLATE_UNSTABLE;
        if (mine && &p->cap[i] != cap && p->cap[i].state)
            return p->cap[i].state;
    }
    return NULL;
}

static qc_mining_state *state_new(const qn_cap *cap)
{
    qc_mining_state *s = qc_alloc(sizeof *s);
    uint64_t held = qc_cap_number(cap, "templates", 64);
    s->limits.held = (uint32_t)QC_MIN(held, (uint64_t)HELD_MAX);
    s->limits.bytes = qc_cap_number(cap, "memory", BYTES_MAX);
    s->held = qc_alloc((s->limits.held + 1) * sizeof *s->held);
    s->sub = qc_mining_subs_new();
    return s;
}

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    if (!cap->plugin->host->o.node || !cap->plugin->host->o.node->miner) {
        *why = QC_NO_MINER;
        return QC_EINVAL;
    }
    qc_mining_state *s = state_of_other(cap);
    s = s ? s : state_new(cap);
    s->caps++;
    s->may_prioritise |= qc_cap_flag(cap, "prioritise");
    cap->state = s;
    return QC_OK;
}

/* With the first of both tables everything ends. */
static void adapter_quiesce(qn_cap *cap)
{
    qc_mining_state *s = cap->state;
    qc_mining_close_all(cap);
    qc_mining_sets_clear(cap);
    qc_timer_free(s->settle);
    s->settle = NULL;
    s->settling = false;
    release_all(cap);
}

static void adapter_close(qn_cap *cap)
{
    qc_mining_state *s = cap->state;
    cap->state = NULL;
    if (--s->caps)
        return;
    qc_free(s->held);
    qc_free(s->ahead);
    qc_free(s->sub);
    qc_free(s);
}

const qc_adapter QC_ADAPTER_MINING_TEMPLATE = {QN_MINING_TEMPLATE_1_ID, &TABLE, adapter_open,
                                               adapter_quiesce, adapter_close};
const qc_adapter QC_ADAPTER_MINING_TEMPLATE_UNSTABLE = {
    QN_MINING_TEMPLATE_UNSTABLE_1_ID, &TRIAL, adapter_open, adapter_quiesce, adapter_close};
