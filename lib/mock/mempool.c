/* The mock's mempool: what the test puts there. Followers have a queue of their own each; nothing
 * is held back, since the mock's chain is durable at once. */
#include "lib/mock/internal.h"

#include "lib/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH 1

static bool same(const qn_hash *a, const qn_hash *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* Their wtxid unless it was left out. */
static const qn_hash *wtxid_of(const qn_mock_tx *t)
{
    static const qn_hash none;
    return same(&t->wtxid, &none) ? &t->txid : &t->wtxid;
}

static const qn_mock_tx *find(const qn_mock *m, const qn_hash *id, bool by_wtxid)
{
    for (uint32_t i = 0; i < m->n_pool; i++)
        if (same(by_wtxid ? wtxid_of(&m->pool[i]) : &m->pool[i].txid, id))
            return &m->pool[i];
    return NULL;
}

static qn_hash tip_of(const qn_mock *m)
{
    qn_hash h;
    memcpy(h.b, m->active[m->height]->view->hash, sizeof h.b);
    return h;
}

static qn_mempool_at moment(const qn_mock *m)
{
    return (qn_mempool_at){EPOCH, m->chain_seq, m->pool_seq, tip_of(m), m->height, 0};
}

/* ---- mempool.read ---- */

static qn_status read_info(qn_cap *cap, qn_mempool_info *info)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    qn_mempool_info out = {.size = info->size < sizeof out ? info->size : (uint32_t)sizeof out,
                           .flags = QN_MEMPOOL_LOADED | QN_MEMPOOL_OPTIMAL,
                           .at = moment(m),
                           .count = m->n_pool,
                           .usage = 1000u * m->n_pool,
                           .max_usage = 300000000,
                           .min_fee = m->fee_floor,
                           .min_relay_fee = m->fee_floor,
                           .incremental_fee = 100};
    for (uint32_t i = 0; i < m->n_pool; i++) {
        out.vbytes += (uint64_t)m->pool[i].vsize;
        out.fees += m->pool[i].fee;
    }
    memcpy(info, &out, out.size);
    return QN_OK;
}

static qn_status read_entries(qn_cap *cap, const qn_hash *ids, uint32_t n, uint32_t flags,
                              qn_mempool_entry *out, qn_mempool_at *at)
{
    qn_status st = qn_mk_enter(cap);
    for (uint32_t i = 0; st == QN_OK && i < n; i++) {
        const qn_mock_tx *t = find(cap->mock, &ids[i], flags & QN_MEMPOOL_BY_WTXID);
        out[i] = (qn_mempool_entry){.status = QN_E_NOTFOUND};
        if (t)
            out[i] = (qn_mempool_entry){.txid = t->txid,
                                        .wtxid = *wtxid_of(t),
                                        .fee = t->fee,
                                        .modified_fee = t->fee,
                                        .vsize = t->vsize,
                                        .weight = 4 * t->vsize,
                                        .time = 1700000000,
                                        .chunk_fee = t->fee,
                                        .chunk_weight = 4 * t->vsize,
                                        .ancestors = 1,
                                        .ancestor_vsize = t->vsize,
                                        .ancestor_fees = t->fee,
                                        .descendants = 1,
                                        .descendant_vsize = t->vsize,
                                        .descendant_fees = t->fee,
                                        .cluster = 1,
                                        .height = cap->mock->height};
    }
    if (st == QN_OK && at)
        *at = moment(cap->mock);
    return st;
}

static qn_mempool_spender spender_of(const qn_mock *m, const qn_mempool_outpoint *o)
{
    for (uint32_t i = 0; i < m->n_pool; i++)
        for (uint32_t k = 0; k < m->pool[i].n_spends; k++)
            if (m->pool[i].spends[k].n == o->n && same(&m->pool[i].spends[k].txid, &o->txid))
                return (qn_mempool_spender){QN_OK, k, m->pool[i].txid, *wtxid_of(&m->pool[i])};
    return (qn_mempool_spender){.status = QN_E_NOTFOUND};
}

static qn_status read_spenders(qn_cap *cap, const qn_mempool_outpoint *outpoints, uint32_t n,
                               qn_mempool_spender *out, qn_mempool_at *at)
{
    qn_status st = qn_mk_enter(cap);
    for (uint32_t i = 0; st == QN_OK && i < n; i++)
        out[i] = spender_of(cap->mock, &outpoints[i]);
    if (st == QN_OK && at)
        *at = moment(cap->mock);
    return st;
}

/* The best fee rate first. */
static int by_rate(const void *a, const void *b)
{
    const qn_mock_tx *const *x = a, *const *y = b;
    int64_t l = (*x)->fee * (*y)->vsize, r = (*y)->fee * (*x)->vsize;
    return l > r ? -1 : l < r;
}

/* Owned: free(). */
static const qn_mock_tx **sorted(const qn_mock *m)
{
    const qn_mock_tx **v = qn_mk_grow(NULL, (m->n_pool + 1) * sizeof(const qn_mock_tx *));
    for (uint32_t i = 0; i < m->n_pool; i++)
        v[i] = &m->pool[i];
    qsort(v, m->n_pool, sizeof(const qn_mock_tx *), by_rate);
    return v;
}

static qn_status read_txids(qn_cap *cap, qn_hash *out, uint32_t max, uint32_t *n, qn_mempool_at *at)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    const qn_mock_tx **v = sorted(m);
    for (uint32_t i = 0; i < m->n_pool && i < max; i++)
        out[i] = v[i]->txid;
    free(v);
    *n = m->n_pool;
    if (at)
        *at = moment(m);
    return *n <= max ? QN_OK : QN_E_SPACE;
}

static qn_status read_transactions(qn_cap *cap, const qn_hash *ids, uint32_t n, uint32_t flags,
                                   qn_mempool_bytes *results, void *out, uint32_t max,
                                   uint32_t *n_out)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    uint64_t need = 0;
    if (st != QN_OK)
        return st;
    for (uint32_t i = 0; i < n; i++) {
        const qn_mock_tx *t = find(m, &ids[i], flags & QN_MEMPOOL_BY_WTXID);
        if (t && t->len && need + t->len <= max)
            memcpy((uint8_t *)out + need, t->bytes, t->len);
        results[i] = (qn_mempool_bytes){t ? QN_OK : QN_E_NOTFOUND, t ? t->len : 0};
        need += results[i].len;
    }
    *n_out = (uint32_t)need;
    return need <= max ? QN_OK : QN_E_SPACE;
}

const qn_mempool_read_1 QN_MK_MEMPOOL_READ = {
    .h = {sizeof(qn_mempool_read_1), QN_MEMPOOL_READ_1_REVISION},
    .info = read_info,
    .entries = read_entries,
    .spenders = read_spenders,
    .txids = read_txids,
    .transactions = read_transactions};

/* ---- mempool.follow ---- */

static void queue(const qn_mock *m, qn_mk_pool_follow *f, const qn_mempool_event *from)
{
    if (f->n == f->cap) {
        f->cap = f->cap * 2 + 16;
        f->event = qn_mk_grow(f->event, f->cap * sizeof *f->event);
    }
    qn_mempool_event *e = &f->event[f->n++];
    *e = *from;
    e->epoch = EPOCH;
    e->chain_seq = m->chain_seq;
    e->tip = tip_of(m);
    e->height = m->height;
}

static qn_mempool_event of_tx(const qn_mock *m, const qn_mock_tx *t, uint32_t type)
{
    return (qn_mempool_event){.type = type,
                              .sequence = m->pool_seq,
                              .txid = t->txid,
                              .wtxid = *wtxid_of(t),
                              .fee = t->fee,
                              .vsize = t->vsize,
                              .weight = 4 * t->vsize,
                              .time = 1700000000};
}

static void snapshot(const qn_mock *m, qn_mk_pool_follow *f)
{
    const qn_mempool_event synced = {.type = QN_MEMPOOL_EV_SYNCED, .sequence = m->pool_seq};
    for (uint32_t i = 0; i < m->n_pool; i++) {
        qn_mempool_event e = of_tx(m, &m->pool[i], QN_MEMPOOL_EV_ADDED);
        e.flags = QN_MEMPOOL_EVF_SNAPSHOT;
        queue(m, f, &e);
    }
    queue(m, f, &synced);
    f->chain_seq = m->chain_seq;
}

/* The chain has moved since. */
static void tell_tip(const qn_mock *m, qn_mk_pool_follow *f)
{
    const qn_mempool_event tip = {.type = QN_MEMPOOL_EV_TIP};
    if (f->chain_seq != m->chain_seq)
        queue(m, f, &tip);
    f->chain_seq = m->chain_seq;
}

static void tell_all(qn_mock *m, const qn_mempool_event *e)
{
    for (int i = 0; i < MOCK_FOLLOWS; i++) {
        qn_mk_pool_follow *f = &m->pool_follow[i];
        if (!f->id)
            continue;
        tell_tip(m, f);
        queue(m, f, e);
    }
}

void qn_mk_pool_wake(qn_mock *m)
{
    for (int i = 0; i < MOCK_FOLLOWS; i++) {
        qn_mk_pool_follow *f = &m->pool_follow[i];
        if (!f->id || !f->waiting)
            continue;
        tell_tip(m, f);
        if (f->at == f->n)
            continue;
        if (!m->steps)
            return;
        m->steps--;
        f->waiting = false;
        qn_mk_note(m, "-- on_ready(follow=%llu)", (unsigned long long)f->id);
        f->on_ready(f->arg, f->id);
    }
}

static qn_mk_pool_follow *by_id(qn_mock *m, uint64_t id)
{
    for (int i = 0; id && i < MOCK_FOLLOWS; i++)
        if (m->pool_follow[i].id == id)
            return &m->pool_follow[i];
    return NULL;
}

static qn_status follow_open(qn_cap *cap, const qn_mempool_follow_options *o,
                             qn_mempool_ready_fn *on_ready, void *arg, uint64_t *follow)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_pool_follow *f = m->pool_follow;
    while (f < m->pool_follow + MOCK_FOLLOWS && f->id)
        f++;
    if (f == m->pool_follow + MOCK_FOLLOWS)
        return QN_E_LIMIT;
    bool given = o && (o->set & QN_SET_MEMPOOL_FOLLOW_OPTIONS_WINDOW);
    *f = (qn_mk_pool_follow){.id = ++m->next_id,
                             .window = given ? o->window : 100000,
                             .waiting = true,
                             .on_ready = on_ready,
                             .arg = arg};
    snapshot(m, f);
    *follow = f->id;
    return QN_OK;
}

static qn_status follow_next(qn_cap *cap, uint64_t id, qn_mempool_event *out, uint32_t max,
                             uint32_t *n)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_pool_follow *f = by_id(m, id);
    if (!f)
        return QN_E_CLOSED;
    if (!max)
        return QN_E_INVAL;
    if (f->seq - f->acked >= f->window)
        return QN_E_LIMIT;
    tell_tip(m, f);
    f->waiting = f->at == f->n;
    if (f->waiting)
        return QN_E_AGAIN;
    for (*n = 0; *n < max && f->at < f->n && f->seq - f->acked < f->window; ++*n) {
        out[*n] = f->event[f->at++];
        out[*n].seq = ++f->seq;
    }
    return QN_OK;
}

static qn_status follow_ack(qn_cap *cap, uint64_t id, uint64_t seq)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_pool_follow *f = by_id(cap->mock, id);
    if (!f)
        return QN_E_CLOSED;
    if (seq > f->seq)
        return QN_E_INVAL;
    f->acked = seq > f->acked ? seq : f->acked;
    return QN_OK;
}

static qn_status follow_close(qn_cap *cap, uint64_t id)
{
    qn_mk_pool_follow *f = by_id(cap->mock, id);
    if (!f)
        return QN_E_CLOSED;
    free(f->event);
    *f = (qn_mk_pool_follow){0};
    return QN_OK;
}

const qn_mempool_follow_1 QN_MK_MEMPOOL_FOLLOW = {
    .h = {sizeof(qn_mempool_follow_1), QN_MEMPOOL_FOLLOW_1_REVISION},
    .open = follow_open,
    .next = follow_next,
    .ack = follow_ack,
    .close = follow_close};

/* ---- tx.submit ---- */

static qn_submit_result judged(qn_mock *m, const void *tx, uint32_t len)
{
    qn_submit_result r = {.is = QN_SUBMIT_IS_ACCEPTED, .fee = 1000, .vsize = len};
    if (m->n_submit_result) {
        r = *m->submit_result++;
        m->n_submit_result--;
    }
    qn_sha256d(tx, len, r.txid.b);
    r.wtxid = r.txid;
    return r;
}

static void note(qn_mock *m, uint32_t flags, const qn_submit_result *r)
{
    char hex[65];
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", r->txid.b[31 - i]);
    qn_mk_logf(m, "tx", flags & QN_SUBMIT_TEST ? "test" : "submit", hex);
}

static qn_status tx_submit(qn_cap *cap, const void *tx, uint32_t len, uint32_t flags,
                           qn_submit_result *result)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!tx || !len)
        return QN_E_INVAL;
    *result = judged(cap->mock, tx, len);
    note(cap->mock, flags, result);
    return QN_OK;
}

static qn_status tx_package(qn_cap *cap, const void *txs, uint32_t len, const qn_submit_part *parts,
                            uint32_t n, uint32_t flags, qn_submit_result *results,
                            qn_submit_package *package)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    uint32_t size = package->size < sizeof *package ? package->size : (uint32_t)sizeof *package;
    qn_submit_package out = {.size = size};
    for (uint32_t i = 0; i < n; i++) {
        if (parts[i].off > len || parts[i].len > len - parts[i].off)
            return QN_E_INVAL;
        results[i] = judged(cap->mock, (const uint8_t *)txs + parts[i].off, parts[i].len);
        note(cap->mock, flags, &results[i]);
        if (results[i].is == QN_SUBMIT_IS_REFUSED) {
            out.code = QN_SUBMIT_CODE_PACKAGE;
            snprintf(out.reason, sizeof out.reason, "transaction failed");
        }
    }
    memcpy(package, &out, size);
    return QN_OK;
}

const qn_tx_submit_1 QN_MK_TX_SUBMIT = {.h = {sizeof(qn_tx_submit_1), QN_TX_SUBMIT_1_REVISION},
                                        .submit = tx_submit,
                                        .package = tx_package};

/* ---- fees.estimate ---- */

static qn_status give_estimate(qn_cap *cap, uint32_t target, uint32_t by, qn_fees_estimate *out)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!out || out->size < sizeof(uint32_t) || target < 1 || target > 1008)
        return QN_E_INVAL;
    qn_fees_estimate e = {.size = out->size < sizeof e ? out->size : (uint32_t)sizeof e,
                          .target = target,
                          .feerate =
                              m->fee_estimate > m->fee_floor ? m->fee_estimate : m->fee_floor,
                          .estimated = m->fee_estimate,
                          .by = m->fee_estimate ? by : QN_FEES_BY_NOTHING,
                          .height = m->height};
    if (m->fee_estimate && m->fee_estimate < m->fee_floor)
        e.by = QN_FEES_BY_FLOOR;
    memcpy(out, &e, e.size);
    return m->fee_estimate ? QN_OK : QN_E_NOTFOUND;
}

static qn_status fees_estimate(qn_cap *cap, uint32_t target, uint32_t flags, qn_fees_estimate *out)
{
    return give_estimate(cap, target,
                         flags & QN_FEES_CONSERVATIVE ? QN_FEES_BY_CONSERVATIVE : QN_FEES_BY_DOUBLE,
                         out);
}

static qn_status fees_confident(qn_cap *cap, uint32_t target, uint32_t permille,
                                qn_fees_estimate *out)
{
    return give_estimate(cap, permille ? target : 0, QN_FEES_BY_ASKED, out);
}

static qn_status fees_floors(qn_cap *cap, qn_fees_floors *out)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!out || out->size < sizeof(uint32_t))
        return QN_E_INVAL;
    qn_fees_floors f = {.size = out->size < sizeof f ? out->size : (uint32_t)sizeof f,
                        .max_target = 1008,
                        .at = moment(m),
                        .min_relay = m->fee_floor,
                        .incremental = 100,
                        .dust_relay = 3000};
    memcpy(out, &f, f.size);
    return QN_OK;
}

/* A step per fee rate that there is. */
static qn_status fees_histogram(qn_cap *cap, qn_fees_step *out, uint32_t max, uint32_t *n,
                                qn_mempool_at *at)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    int64_t last = -1;
    if (st != QN_OK)
        return st;
    const qn_mock_tx **v = sorted(m);
    *n = 0;
    for (uint32_t i = 0; i < m->n_pool; i++) {
        int64_t rate = v[i]->vsize ? v[i]->fee * 1000 / v[i]->vsize : 0;
        if (rate != last && ++*n <= max)
            out[*n - 1] = (qn_fees_step){.from = rate};
        last = rate;
        if (*n > max)
            continue;
        out[*n - 1].vsize += (uint64_t)v[i]->vsize;
        out[*n - 1].fees += v[i]->fee;
        out[*n - 1].count++;
    }
    free(v);
    if (at)
        *at = moment(m);
    return *n <= max ? QN_OK : QN_E_SPACE;
}

const qn_fees_estimate_1 QN_MK_FEES_ESTIMATE = {
    .h = {sizeof(qn_fees_estimate_1), QN_FEES_ESTIMATE_1_REVISION},
    .estimate = fees_estimate,
    .confident = fees_confident,
    .floors = fees_floors,
    .histogram = fees_histogram};

/* ---- what the test does ---- */

void qn_mk_pool_init(qn_mock *m)
{
    m->fee_floor = 100;
    m->pool_seq = 1;
}

void qn_mk_pool_drop(qn_mock *m)
{
    for (int i = 0; i < MOCK_FOLLOWS; i++) {
        free(m->pool_follow[i].event);
        m->pool_follow[i] = (qn_mk_pool_follow){0};
    }
}

void qn_mk_pool_free(qn_mock *m)
{
    qn_mk_pool_drop(m);
    free(m->pool);
}

void qn_mock_pool_add(qn_mock *m, const qn_mock_tx *tx)
{
    m->pool = qn_mk_grow(m->pool, (m->n_pool + 1) * sizeof *m->pool);
    m->pool[m->n_pool++] = *tx;
    qn_mempool_event e = of_tx(m, tx, QN_MEMPOOL_EV_ADDED);
    tell_all(m, &e);
    m->pool_seq++;
}

qn_status qn_mock_pool_remove(qn_mock *m, const qn_hash *txid, uint32_t reason, const qn_hash *by)
{
    const qn_mock_tx *t = find(m, txid, false);
    if (!t)
        return QN_E_NOTFOUND;
    qn_mempool_event e = of_tx(m, t, QN_MEMPOOL_EV_REMOVED);
    e.reason = reason;
    if (by)
        e.by = *by;
    m->left = qn_mk_grow(m->left, (m->n_left + 1) * sizeof *m->left);
    m->left[m->n_left++] = (qn_mk_left){*txid, e.by, reason};
    m->pool[t - m->pool] = m->pool[--m->n_pool];
    tell_all(m, &e);
    m->pool_seq++;
    return QN_OK;
}

void qn_mock_pool_gap(qn_mock *m)
{
    const qn_mempool_event gap = {.type = QN_MEMPOOL_EV_GAP};
    for (int i = 0; i < MOCK_FOLLOWS; i++) {
        qn_mk_pool_follow *f = &m->pool_follow[i];
        if (!f->id)
            continue;
        f->at = f->n = 0;
        queue(m, f, &gap);
        snapshot(m, f);
    }
}

void qn_mock_submit_with(qn_mock *m, const qn_submit_result *list, uint32_t n)
{
    m->submit_result = list;
    m->n_submit_result = n;
}

void qn_mock_fees(qn_mock *m, int64_t floor, int64_t estimate)
{
    m->fee_floor = floor;
    m->fee_estimate = estimate;
}
