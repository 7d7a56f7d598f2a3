/* The mock's mining: templates of its chain and its mempool, with true merkle paths and witness
 * commitments. What is handed in is judged by its proof of work alone, unless the test says what
 * becomes of it; the chain does not follow. */
#include "lib/mock/mining.h"

#include "lib/hash.h"

#include <stdlib.h>
#include <string.h>

#define SUBSIDY INT64_C(5000000000)
#define BITS 0x207fffffu
#define KEPT_MS 600000u
#define STALE_MS 10000u
#define SCRIPT_MAX 10000u

typedef qn_mk_made made;
typedef qn_mk_subscription subscription;

static bool same(const qn_hash *a, const qn_hash *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* ---- a template ---- */

static const qn_hash *wtxid_of(const qn_mock_tx *t)
{
    static const qn_hash none;
    return same(&t->wtxid, &none) ? &t->txid : &t->wtxid;
}

static bool spends(const qn_mock_tx *child, const qn_hash *parent)
{
    for (uint32_t i = 0; i < child->n_spends; i++)
        if (same(&child->spends[i].txid, parent))
            return true;
    return false;
}

static uint32_t place_of(const made *t, const qn_hash *txid)
{
    for (uint32_t i = 0; i < t->view.n_tx; i++)
        if (same(&t->tx[i].txid, txid))
            return i + 1;
    return 0;
}

/* All that it spends of the mempool is in the block already. */
static bool can_follow(const qn_mock *m, const made *t, const qn_mock_tx *x)
{
    for (uint32_t i = 0; i < m->n_pool; i++)
        if (spends(x, &m->pool[i].txid) && !place_of(t, &m->pool[i].txid))
            return false;
    return true;
}

static const qn_mock_tx *best(const qn_mock *m, const made *t, int64_t min_feerate)
{
    const qn_mock_tx *b = NULL;
    for (uint32_t i = 0; i < m->n_pool; i++) {
        const qn_mock_tx *x = &m->pool[i];
        if (place_of(t, &x->txid) || !can_follow(m, t, x) || x->fee * 1000 < min_feerate * x->vsize)
            continue;
        if (!b || x->fee * b->vsize > b->fee * x->vsize)
            b = x;
    }
    return b;
}

static void take(made *t, const qn_mock_tx *x)
{
    qn_template_view *v = &t->view;
    qn_template_tx *to = &t->tx[v->n_tx];
    *to = (qn_template_tx){.txid = x->txid,
                           .wtxid = *wtxid_of(x),
                           .fee = x->fee,
                           .time = 1700000000,
                           .weight = (uint32_t)(4 * x->vsize),
                           .sigops = 4,
                           .off = v->tx_bytes,
                           .len = x->len,
                           .depend = v->n_depends};
    for (uint32_t i = 0; i < x->n_spends; i++) {
        uint32_t place = place_of(t, &x->spends[i].txid);
        if (!place)
            continue;
        t->place = qn_mk_grow(t->place, (v->n_depends + 1) * sizeof *t->place);
        t->place[v->n_depends++].place = place;
        to->n_depends++;
    }
    t->bytes = qn_mk_grow(t->bytes, v->tx_bytes + x->len);
    if (x->len)
        memcpy(t->bytes + v->tx_bytes, x->bytes, x->len);
    v->tx_bytes += x->len;
    v->fees += x->fee;
    v->weight += to->weight;
    v->sigops += to->sigops;
    v->n_tx++;
}

/* Where the first leaf's path goes, and the root when the first leaf is zero. */
static uint32_t path_of(qn_hash *leaf, uint32_t n, qn_hash *path, qn_hash *root)
{
    uint32_t depth = 0;
    for (; n > 1; n = (n + 1) / 2) {
        path[depth++] = leaf[1];
        for (uint32_t i = 0; i < n; i += 2) {
            uint8_t pair[64];
            memcpy(pair, leaf[i].b, 32);
            memcpy(pair + 32, leaf[i + 1 < n ? i + 1 : i].b, 32);
            qn_sha256d(pair, sizeof pair, leaf[i / 2].b);
        }
    }
    *root = leaf[0];
    return depth;
}

static void set_hashes(made *t)
{
    static const uint8_t head[] = {38, 0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};
    qn_template_view *v = &t->view;
    qn_hash *leaf = qn_mk_grow(NULL, (v->n_tx + 1) * sizeof *leaf), path[24], root;
    uint8_t pair[64] = {0};
    memset(leaf, 0, sizeof *leaf);
    for (uint32_t i = 0; i < v->n_tx; i++)
        leaf[i + 1] = t->tx[i].wtxid;
    (void)path_of(leaf, v->n_tx + 1, path, &root);
    memset(leaf, 0, sizeof *leaf);
    for (uint32_t i = 0; i < v->n_tx; i++)
        leaf[i + 1] = t->tx[i].txid;
    memcpy(pair, root.b, 32);
    v->n_path = path_of(leaf, v->n_tx + 1, v->path, &root);
    memcpy(v->coinbase_outputs + 8, head, sizeof head);
    qn_sha256d(pair, sizeof pair, v->coinbase_outputs + 8 + sizeof head);
    v->coinbase_outputs_len = 47;
    v->n_coinbase_outputs = 1;
    free(leaf);
}

static void set_coinbase(qn_template_view *v)
{
    uint8_t *p = v->coinbase_prefix;
    v->coinbase_version = 2;
    v->coinbase_sequence = 0xfffffffe;
    v->coinbase_locktime = v->height - 1;
    v->coinbase_prefix_len = 1;
    if (v->height <= 16) {
        p[0] = (uint8_t)(0x50 + v->height);
        return;
    }
    for (uint32_t h = v->height; h; h >>= 8)
        p[v->coinbase_prefix_len++] = (uint8_t)h;
    if (p[v->coinbase_prefix_len - 1] & 0x80)
        p[v->coinbase_prefix_len++] = 0;
    p[0] = (uint8_t)(v->coinbase_prefix_len - 1);
}

static made *make(qn_mock *m, const qn_mining_options *o, uint32_t kind, uint32_t why)
{
    struct qn_mk_mining *g = m->mining;
    made *t = qn_mk_grow(NULL, sizeof *t);
    *t = (made){.next = g->all};
    g->all = t;
    t->view = (qn_template_view){.size = sizeof t->view,
                                 .flags = QN_TEMPLATE_SEGWIT | QN_TEMPLATE_WITNESS,
                                 .id = ++g->last_id,
                                 .kind = kind,
                                 .why = why,
                                 .height = m->height + 1,
                                 .version = 0x20000000,
                                 .bits = BITS,
                                 .cur_time = (uint32_t)(1700000000 + m->now_ms / 1000),
                                 .updates = m->pool_seq,
                                 .t_tip_ns = g->tip_at * 1000000,
                                 .t_built_ns = m->now_ms * 1000000};
    qn_template_view *v = &t->view;
    v->min_time = v->cur_time - 600;
    memcpy(v->prev.b, m->active[m->height]->view->hash, 32);
    memset(v->target.b, 0xff, 31);
    v->target.b[31] = 0x7f;
    memset(v->target.b, 0, 29);
    t->tx = qn_mk_grow(NULL, m->n_pool * sizeof *t->tx);
    const qn_mock_tx *x;
    while (kind == QN_TEMPLATE_KIND_FULL && (x = best(m, t, o->min_feerate)))
        take(t, x);
    v->reward = SUBSIDY + v->fees;
    set_coinbase(v);
    set_hashes(t);
    return t;
}

static void drop_made(made *t)
{
    free(t->tx);
    free(t->place);
    free(t->bytes);
    free(t);
}

/* Those that nobody can name any more. */
void qn_mk_templates_prune(qn_mock *m)
{
    for (made **at = &m->mining->all; *at;) {
        made *t = *at;
        if (t->refs || (t->given && m->now_ms - t->given_at < KEPT_MS)) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        drop_made(t);
    }
}

qn_mk_made *qn_mk_template(const qn_mock *m, uint64_t id)
{
    made *t = m->mining->all;
    while (t && t->view.id != id)
        t = t->next;
    return t;
}

/* One that the plugin holds. */
static qn_status held(qn_cap *cap, uint64_t id, made **out)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    made *t = qn_mk_template(m, id);
    if (!t || !t->refs || !t->given)
        return QN_E_CLOSED;
    *out = t;
    bool gone = memcmp(t->view.prev.b, m->active[m->height]->view->hash, 32) != 0;
    return gone && m->now_ms - m->mining->tip_at > STALE_MS ? QN_E_STALE : QN_OK;
}

static qn_status give(qn_mock *m, made *t, qn_template_view *out)
{
    uint32_t size = out->size < sizeof t->view ? out->size : (uint32_t)sizeof t->view;
    if (!t->given)
        t->given_at = m->now_ms;
    t->given = true;
    memcpy(out, &t->view, size);
    out->size = size;
    return QN_OK;
}

static bool bad_room(const qn_template_view *v)
{
    return !v || v->size < sizeof(uint32_t);
}

/* ---- options ---- */

static bool read_options(const qn_mining_options *in, qn_mining_options *out)
{
    *out = (qn_mining_options){.size = sizeof *out,
                               .reserved_weight = 8000,
                               .reserved_sigops = 400,
                               .max_weight = 4000000,
                               .min_feerate = 1};
    if (!in)
        return true;
    if (in->set & QN_SET_MINING_OPTIONS_RESERVED_WEIGHT)
        out->reserved_weight = in->reserved_weight;
    if (in->set & QN_SET_MINING_OPTIONS_RESERVED_SIGOPS)
        out->reserved_sigops = in->reserved_sigops;
    if (in->set & QN_SET_MINING_OPTIONS_MAX_WEIGHT)
        out->max_weight = in->max_weight;
    if (in->set & QN_SET_MINING_OPTIONS_FLAGS)
        out->flags = in->flags;
    if (in->set & QN_SET_MINING_OPTIONS_MIN_FEERATE)
        out->min_feerate = in->min_feerate;
    return out->reserved_weight >= 2000 && out->max_weight <= 4000000 &&
           out->reserved_weight <= out->max_weight && out->reserved_sigops <= 80000 &&
           out->min_feerate >= 0;
}

static bool read_throttle(const qn_mining_throttle *in, qn_mining_throttle *out)
{
    *out = (qn_mining_throttle){.size = sizeof *out, .min_interval_ms = 5000};
    if (!in)
        return true;
    if (in->set & QN_SET_MINING_THROTTLE_FLAGS)
        out->flags = in->flags;
    if (in->set & QN_SET_MINING_THROTTLE_MIN_INTERVAL_MS)
        out->min_interval_ms = in->min_interval_ms;
    if (in->set & QN_SET_MINING_THROTTLE_FEE_DELTA)
        out->fee_delta = in->fee_delta;
    return out->min_interval_ms >= 100 && out->min_interval_ms <= 3600000 && out->fee_delta >= 0;
}

static bool ready(const qn_mock *m, const qn_mining_options *o)
{
    const qn_mining_info *i = m->mining->info;
    return !i || (i->flags & QN_MINING_INFO_READY) || (o->flags & QN_MINING_IGNORE_SYNC);
}

static uint32_t full(const qn_mining_options *o)
{
    return o->flags & QN_MINING_NO_MEMPOOL ? QN_TEMPLATE_KIND_EMPTY : QN_TEMPLATE_KIND_FULL;
}

/* ---- mining.template ---- */

static qn_status t_info(qn_cap *cap, qn_mining_info *info)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    qn_mining_info out = {.flags = QN_MINING_INFO_READY | QN_MINING_INFO_TEST_CHAIN |
                                   QN_MINING_INFO_ON_DEMAND,
                          .bits = BITS,
                          .min_time = 1700000000,
                          .peers = 1,
                          .reserved_weight = 8000,
                          .reserved_sigops = 400,
                          .max_weight = 4000000,
                          .min_feerate = 1,
                          .updates = m->pool_seq};
    if (m->mining->info)
        out = *m->mining->info;
    memcpy(out.tip.hash.b, m->active[m->height]->view->hash, 32);
    out.tip.height = m->height;
    memset(out.target.b + 29, 0xff, 2);
    out.target.b[31] = 0x7f;
    out.size = info->size < sizeof out ? info->size : (uint32_t)sizeof out;
    memcpy(info, &out, out.size);
    return QN_OK;
}

static qn_status t_challenge(qn_cap *cap, void *script, uint32_t max, uint32_t *n)
{
    const struct qn_mk_mining *g = cap->mock->mining;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!g->challenge)
        return QN_E_NOTFOUND;
    *n = g->challenge_len;
    if (*n > max)
        return QN_E_SPACE;
    memcpy(script, g->challenge, *n);
    return QN_OK;
}

static qn_status t_create(qn_cap *cap, const qn_mining_options *o, qn_template_view *view)
{
    qn_mock *m = cap->mock;
    qn_mining_options have;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (bad_room(view) || !read_options(o, &have))
        return QN_E_INVAL;
    if (!ready(m, &have))
        return QN_E_NOTREADY;
    made *t = make(m, &have, full(&have), QN_TEMPLATE_WHY_REQUEST);
    t->refs = 1;
    return give(m, t, view);
}

static qn_status t_view(qn_cap *cap, uint64_t id, qn_template_view *view)
{
    made *t = NULL;
    qn_status st = held(cap, id, &t);
    if (st == QN_OK && bad_room(view))
        return QN_E_INVAL;
    return st == QN_OK ? give(cap->mock, t, view) : st;
}

static qn_status t_transactions(qn_cap *cap, uint64_t id, qn_template_tx *out, uint32_t max,
                                uint32_t *n)
{
    made *t = NULL;
    qn_status st = held(cap, id, &t);
    if (st != QN_OK)
        return st;
    *n = t->view.n_tx;
    for (uint32_t i = 0; i < *n && i < max; i++)
        out[i] = t->tx[i];
    return *n <= max ? QN_OK : QN_E_SPACE;
}

static qn_status t_depends(qn_cap *cap, uint64_t id, qn_template_place *out, uint32_t max,
                           uint32_t *n)
{
    made *t = NULL;
    qn_status st = held(cap, id, &t);
    if (st != QN_OK)
        return st;
    *n = t->view.n_depends;
    for (uint32_t i = 0; i < *n && i < max; i++)
        out[i] = t->place[i];
    return *n <= max ? QN_OK : QN_E_SPACE;
}

static qn_status t_bytes(qn_cap *cap, uint64_t id, uint32_t off, uint32_t len, void *out,
                         uint32_t max, uint32_t *n)
{
    made *t = NULL;
    qn_status st = held(cap, id, &t);
    if (st != QN_OK)
        return st;
    if (off > t->view.tx_bytes || len > t->view.tx_bytes - off)
        return QN_E_INVAL;
    *n = len;
    if (len > max)
        return QN_E_SPACE;
    if (len)
        memcpy(out, t->bytes + off, len);
    return QN_OK;
}

static qn_status t_rules(qn_cap *cap, uint64_t id, qn_template_rule *out, uint32_t max, uint32_t *n)
{
    made *t = NULL;
    qn_status st = held(cap, id, &t);
    (void)out;
    (void)max;
    if (st == QN_OK)
        *n = 0;
    return st;
}

static qn_status t_now(qn_cap *cap, uint64_t id, uint32_t *time, uint32_t *bits)
{
    made *t = NULL;
    qn_status st = held(cap, id, &t);
    if (st != QN_OK)
        return st;
    *time = (uint32_t)(1700000000 + cap->mock->now_ms / 1000);
    *bits = t->view.bits;
    return QN_OK;
}

static qn_status t_release(qn_cap *cap, uint64_t id)
{
    made *t = qn_mk_template(cap->mock, id);
    if (!t || !t->refs || !t->given)
        return QN_E_CLOSED;
    t->refs--;
    t->given_at = cap->mock->now_ms;
    qn_mk_templates_prune(cap->mock);
    return QN_OK;
}

/* ---- subscriptions ---- */

static subscription *by_id(qn_mock *m, uint64_t id)
{
    for (int i = 0; id && i < MOCK_FOLLOWS; i++)
        if (m->mining->sub[i].id == id)
            return &m->mining->sub[i];
    return NULL;
}

static void unqueue(subscription *s)
{
    for (int i = 0; i < 2; i++) {
        if (s->queue[i])
            s->queue[i]->refs--;
        s->queue[i] = NULL;
    }
}

static void queue(qn_mock *m, subscription *s, uint32_t kind, uint32_t why)
{
    made **at = &s->queue[kind == QN_TEMPLATE_KIND_FULL];
    if (*at)
        (*at)->refs--;
    *at = make(m, &s->o, kind, why);
    (*at)->refs = 1;
    s->fees = kind == full(&s->o) ? (*at)->view.fees : s->fees;
    s->fees_at = m->now_ms;
}

static int64_t fees_now(qn_mock *m, const subscription *s)
{
    made *t = make(m, &s->o, full(&s->o), QN_TEMPLATE_WHY_FEES);
    int64_t fees = t->view.fees;
    m->mining->all = t->next;
    m->mining->last_id--;
    drop_made(t);
    return fees;
}

/* What has become due for it. */
static void look(qn_mock *m, subscription *s)
{
    bool first = s->chain_seq == UINT64_MAX;
    if (!ready(m, &s->o))
        return;
    if (s->chain_seq != m->chain_seq) {
        s->chain_seq = m->chain_seq;
        unqueue(s);
        if (!first && full(&s->o) == QN_TEMPLATE_KIND_FULL &&
            !(s->t.flags & QN_MINING_THROTTLE_NO_EMPTY))
            queue(m, s, QN_TEMPLATE_KIND_EMPTY, QN_TEMPLATE_WHY_TIP);
        queue(m, s, full(&s->o), first ? QN_TEMPLATE_WHY_REQUEST : QN_TEMPLATE_WHY_TIP);
        return;
    }
    if (s->t.flags & QN_MINING_THROTTLE_TIP_ONLY || m->now_ms - s->fees_at < s->t.min_interval_ms)
        return;
    int64_t by = fees_now(m, s) - s->fees;
    by = by < 0 ? -by : by;
    if (by && by >= s->t.fee_delta)
        queue(m, s, full(&s->o), QN_TEMPLATE_WHY_FEES);
}

static void ring(qn_mock *m, subscription *s, qn_status st)
{
    m->steps--;
    s->waiting = st != QN_OK && s->waiting;
    s->ended = false;
    s->deadline = 0;
    qn_mk_note(m, "-- on_ready(subscription=%llu, %s)", (unsigned long long)s->id,
               qn_mock_status_name(st));
    s->on_ready(s->arg, s->id, st);
}

static void no_task(void *arg)
{
    (void)arg;
}

/* Time goes on to when fees are looked at. */
static void come_back(qn_mock *m, const subscription *s)
{
    uint64_t at = s->fees_at + s->t.min_interval_ms;
    if (s->t.flags & QN_MINING_THROTTLE_TIP_ONLY || at <= m->now_ms || !ready(m, &s->o))
        return;
    int64_t by = fees_now(m, s) - s->fees;
    if (!by || (by < 0 ? -by : by) < s->t.fee_delta)
        return;
    pthread_mutex_lock(&m->lock); /* other threads may post */
    const qn_mk_task *t = m->tasks;
    while (t && (t->fn != no_task || t->due != at))
        t = t->next;
    if (!t)
        qn_mk_post(m, 0, at - m->now_ms, no_task, NULL);
    pthread_mutex_unlock(&m->lock);
}

void qn_mk_mining_wake(qn_mock *m)
{
    struct qn_mk_mining *g = m->mining;
    if (g->chain_seq != m->chain_seq) {
        g->chain_seq = m->chain_seq;
        g->tip_at = m->now_ms;
    }
    for (int i = 0; i < MOCK_FOLLOWS && m->steps; i++) {
        subscription *s = &g->sub[i];
        if (!s->id)
            continue;
        look(m, s);
        if (s->waiting && (s->queue[0] || s->queue[1]))
            ring(m, s, QN_OK);
        else if (s->ended)
            ring(m, s, s->status);
        else if (s->deadline && s->deadline <= m->now_ms)
            ring(m, s, QN_E_TIMEOUT);
        if (s->id)
            come_back(m, s);
    }
}

static qn_status t_open(qn_cap *cap, const qn_mining_options *o, const qn_mining_throttle *t,
                        qn_template_ready_fn *on_ready, void *arg, uint64_t *subscription_out)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    subscription *s = m->mining->sub, n = {.on_ready = on_ready, .arg = arg, .waiting = true};
    while (s < m->mining->sub + MOCK_FOLLOWS && s->id)
        s++;
    if (!on_ready || !read_options(o, &n.o) || !read_throttle(t, &n.t))
        return QN_E_INVAL;
    if (s == m->mining->sub + MOCK_FOLLOWS)
        return QN_E_LIMIT;
    n.id = ++m->next_id;
    n.chain_seq = UINT64_MAX;
    *s = n;
    *subscription_out = s->id;
    return QN_OK;
}

static qn_status t_next(qn_cap *cap, uint64_t id, qn_template_view *view)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    subscription *s = by_id(m, id);
    if (st != QN_OK)
        return st;
    if (!s || bad_room(view))
        return s ? QN_E_INVAL : QN_E_CLOSED;
    look(m, s);
    made **at = s->queue[0] ? &s->queue[0] : &s->queue[1], *t = *at;
    s->waiting = !t;
    if (!t)
        return ready(m, &s->o) ? QN_E_AGAIN : QN_E_NOTREADY;
    *at = NULL;
    return give(m, t, view);
}

static qn_status t_wait(qn_cap *cap, uint64_t id, uint32_t timeout_ms)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    subscription *s = by_id(m, id);
    if (st != QN_OK)
        return st;
    if (!s || !timeout_ms || timeout_ms > 86400000)
        return s ? QN_E_INVAL : QN_E_CLOSED;
    s->deadline = m->now_ms + timeout_ms;
    qn_mk_post(m, 0, timeout_ms, no_task, NULL);
    return QN_OK;
}

static qn_status t_cancel(qn_cap *cap, uint64_t id)
{
    qn_status st = qn_mk_enter(cap);
    subscription *s = by_id(cap->mock, id);
    if (st != QN_OK || !s)
        return st != QN_OK ? st : QN_E_CLOSED;
    if (!s->deadline)
        return QN_E_NOTFOUND;
    s->deadline = 0;
    s->ended = true;
    s->status = QN_E_CANCELED;
    qn_mk_post(cap->mock, 0, 0, no_task, NULL);
    return QN_OK;
}

static qn_status t_reconfigure(qn_cap *cap, uint64_t id, const qn_mining_options *o,
                               const qn_mining_throttle *t)
{
    qn_status st = qn_mk_enter(cap);
    subscription *s = by_id(cap->mock, id);
    qn_mining_options options;
    qn_mining_throttle throttle;
    if (st != QN_OK || !s)
        return st != QN_OK ? st : QN_E_CLOSED;
    if (!read_options(o, &options) || !read_throttle(t, &throttle))
        return QN_E_INVAL;
    s->o = options;
    s->t = throttle;
    unqueue(s);
    s->chain_seq = UINT64_MAX;
    return QN_OK;
}

static qn_status t_close(qn_cap *cap, uint64_t id)
{
    subscription *s = by_id(cap->mock, id);
    if (!s)
        return QN_E_CLOSED;
    unqueue(s);
    *s = (subscription){.id = 0};
    qn_mk_templates_prune(cap->mock);
    return QN_OK;
}

const qn_mining_template_1 QN_MK_MINING_TEMPLATE = {
    .h = {sizeof(qn_mining_template_1), QN_MINING_TEMPLATE_1_REVISION},
    .info = t_info,
    .challenge = t_challenge,
    .create = t_create,
    .view = t_view,
    .transactions = t_transactions,
    .depends = t_depends,
    .bytes = t_bytes,
    .rules = t_rules,
    .now = t_now,
    .release = t_release,
    .open = t_open,
    .next = t_next,
    .wait = t_wait,
    .cancel = t_cancel,
    .reconfigure = t_reconfigure,
    .close = t_close};

/* ---- what the test does ---- */

void qn_mk_mining_init(qn_mock *m)
{
    m->mining = qn_mk_grow(NULL, sizeof *m->mining);
    *m->mining = (struct qn_mk_mining){.chain_seq = m->chain_seq, .tip_at = m->now_ms};
}

void qn_mk_mining_drop(qn_mock *m)
{
    struct qn_mk_mining *g = m->mining;
    for (int i = 0; i < MOCK_FOLLOWS; i++) {
        unqueue(&g->sub[i]);
        g->sub[i] = (subscription){.id = 0};
    }
    for (made *t = g->all; t; t = t->next) {
        t->given_at = t->refs ? m->now_ms : t->given_at;
        t->refs = 0;
    }
    qn_mk_templates_prune(m);
}

void qn_mk_mining_free(qn_mock *m)
{
    struct qn_mk_mining *g = m->mining;
    while (g->all) {
        made *t = g->all;
        g->all = t->next;
        drop_made(t);
    }
    free(g->known);
    free(g);
}

void qn_mock_mining(qn_mock *m, const qn_mining_info *info)
{
    m->mining->info = info;
}

void qn_mock_challenge(qn_mock *m, const void *script, uint32_t len)
{
    m->mining->challenge = len <= SCRIPT_MAX ? script : NULL;
    m->mining->challenge_len = len;
}
