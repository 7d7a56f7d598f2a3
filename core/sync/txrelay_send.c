/* Announcing transactions: what all peers of a direction may be told of, and what each is told. */
#include "core/sync/txrelay_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/chance.h"
#include "core/base/log.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define INBOUND_EVERY (5 * SECOND) /* on average */
#define OUTBOUND_EVERY (2 * SECOND)
#define CHECK_EVERY (SECOND / 10)
#define LOG_EVERY (2 * SECOND)
#define LOG_LEAST 100u /* transactions that wait */

/* ---- the best of a list ---- */

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(qc_hash));
}

/* The first k in order, the rest behind them in none: a heap of the best k so far, the worst of
 * them on top. */
static void sift(const qc_txrelay *r, qc_pool_tx *v, size_t n, size_t i)
{
    for (size_t c; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && r->o.pool.compare(r->o.pool.arg, &v[c], &v[c + 1]) < 0)
            c++;
        if (r->o.pool.compare(r->o.pool.arg, &v[i], &v[c]) >= 0)
            return;
        qc_pool_tx t = v[i];
        v[i] = v[c];
        v[c] = t;
    }
}

static void sort_first(const qc_txrelay *r, qc_pool_tx *v, size_t n, size_t k)
{
    for (size_t i = k / 2; i > 0; i--)
        sift(r, v, k, i - 1);
    for (size_t i = k; k > 0 && i < n; i++) {
        if (r->o.pool.compare(r->o.pool.arg, &v[i], &v[0]) >= 0)
            continue;
        qc_pool_tx t = v[0];
        v[0] = v[i];
        v[i] = t;
        sift(r, v, k, 0);
    }
    for (size_t i = k; i > 1; i--) {
        qc_pool_tx t = v[0];
        v[0] = v[i - 1];
        v[i - 1] = t;
        sift(r, v, i - 1, 0);
    }
}

size_t qc_relay_best(const qc_txrelay *r, qc_hash *wtxid, size_t *n, size_t most, qc_pool_tx **out)
{
    size_t k = 0;
    qc_pool_tx *v = qc_try_calloc(*n + 1, sizeof *v);
    *out = v;
    if (!v)
        return 0;
    qsort(wtxid, *n, sizeof *wtxid, by_hash);
    for (size_t i = 0; i < *n; i++) {
        const qc_tx_name name = {wtxid[i], true};
        if (i + 1 < *n && qc_hash_eq(&wtxid[i], &wtxid[i + 1]))
            continue;
        k += r->o.pool.find(r->o.pool.arg, &name, &v[k]);
    }
    size_t first = QC_MIN(most, k);
    sort_first(r, v, k, first);
    *n = k - first;
    for (size_t i = first; i < k; i++)
        memcpy(wtxid[i - first].b, v[i].tx->rec->wtxid, sizeof wtxid[0].b);
    return first;
}

/* ---- what all may be told of ---- */

static void queue(qc_relay_peer *p, const qc_pool_tx *v, size_t n)
{
    if (p->n_to_send + n > p->cap) {
        size_t cap = 2 * (p->n_to_send + n);
        qc_hash *more = qc_try_realloc(p->to_send, cap * sizeof *more);
        if (!more)
            return;
        p->to_send = more;
        p->cap = cap;
    }
    for (size_t i = 0; i < n; i++)
        memcpy(p->to_send[p->n_to_send++].b, v[i].tx->rec->wtxid, sizeof p->to_send[0].b);
}

/* Out: how many of the best the bucket pays for; the others go back to those that wait. */
static size_t pay(qc_inv_bucket *b, const qc_pool_tx *v, size_t n)
{
    size_t k = 0;
    bool more = true;
    for (; more && k < n; k++)
        more = qc_inv_bucket_spend(b, v[k].tx->rec->len);
    for (size_t i = k; i < n; i++) {
        qc_hash wtxid;
        memcpy(wtxid.b, v[i].tx->rec->wtxid, sizeof wtxid.b);
        qc_inv_bucket_add(b, &wtxid);
    }
    return k;
}

static void hand_on(qc_txrelay *r, int way)
{
    qc_inv_bucket *b = &r->bucket[way];
    qc_pool_tx *v;
    bool anybody = false;
    if (!qc_inv_bucket_ready(b))
        return;
    size_t n = qc_relay_best(r, b->waiting, &b->n, qc_inv_bucket_most(b), &v);
    n = pay(b, v, n);
    for (size_t i = 0; i < r->peers.n_slots; i++)
        for (qc_table_link *l = r->peers.slot[i]; l; l = l->next) {
            qc_relay_peer *p = QC_HOLDER(qc_relay_peer, by_id, l);
            /* Who has just come is told nothing yet, or it would learn when things came. */
            if (p->inbound != (way == 0) || !p->next)
                continue;
            anybody = true;
            queue(p, v, n);
        }
    if (n && !anybody) /* nobody listens: what waits is for nobody */
        qc_inv_bucket_clear(b);
    qc_free(v);
}

static void show(qc_txrelay *r)
{
    for (int way = 0; way < 2; way++) {
        const qc_inv_bucket *b = &r->bucket[way];
        atomic_store(&r->shown[3 * way], (int64_t)b->n);
        atomic_store(&r->shown[3 * way + 1], b->count / (QC_INV_TOKEN / 1000000));
        atomic_store(&r->shown[3 * way + 2], b->size / (QC_INV_TOKEN / 1000000));
    }
}

static void log_backlog(qc_txrelay *r, int64_t now)
{
    size_t in = r->bucket[0].n, out = r->bucket[1].n;
    if (!r->next_log && (in >= LOG_LEAST || out >= LOG_LEAST))
        r->next_log = now;
    if (!r->next_log || now < r->next_log)
        return;
    qc_log(
        QC_LOG_DEBUG, "net",
        "Transaction rate-limiting backlog inbound=%zu itok=%lld isz=%lld outbound=%zu otok=%lld "
        "osz=%lld",
        in, (long long)(r->bucket[0].count / QC_INV_TOKEN),
        (long long)(r->bucket[0].size / QC_INV_TOKEN), out,
        (long long)(r->bucket[1].count / QC_INV_TOKEN),
        (long long)(r->bucket[1].size / QC_INV_TOKEN));
    r->next_log = in || out ? now + LOG_EVERY : 0;
}

void qc_relay_backlog(qc_txrelay *r, int64_t now, bool fresh)
{
    if (!fresh && now <= r->next_check)
        return;
    r->next_check = now + CHECK_EVERY;
    for (int way = 0; way < 2; way++)
        qc_inv_bucket_fill(&r->bucket[way], now);
    log_backlog(r, now);
    for (int way = 0; way < 2; way++)
        hand_on(r, way);
    show(r);
}

void qc_txrelay_announce(qc_txrelay *r, const qc_hash *wtxid)
{
    qc_inv_bucket_add(&r->bucket[0], wtxid);
    qc_inv_bucket_add(&r->bucket[1], wtxid);
    qc_relay_backlog(r, qc_relay_now(r), true);
}

/* ---- what one is told ---- */

static bool pays_for(const qc_pool_tx *e, int64_t rate)
{
    /* fee >= rate * vsize / 1000, which may be more than all the money there is */
    int64_t least;
    return rate <= 0 ||
           (QC_MUL_OK(rate, e->vsize, &least) && e->fee >= least / 1000 + (least % 1000 > 0));
}

typedef struct list {
    qc_txrelay *r;
    qc_relay_peer *p;
    const qc_relay_view *v;
    qc_relay_say *out;
    size_t cap;
    bool again; /* what it knows as well */
} list;

static void tell(list *l, const qc_pool_tx *e)
{
    qc_tx_name name = {.wtxid = l->p->wtxids};
    memcpy(name.hash.b, name.wtxid ? e->tx->rec->wtxid : e->tx->rec->txid, sizeof name.hash.b);
    if (!pays_for(e, l->v->fee_filter))
        return;
    if (!l->again && l->p->known.data &&
        qc_rolling_bloom_has(&l->p->known, qc_span_of(name.hash.b, sizeof name.hash.b)))
        return;
    if (l->v->filter && !qc_peer_filter_match(l->v->filter, e->tx))
        return;
    if (l->out->n_tell == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        qc_tx_name *more = qc_try_realloc(l->out->tell, cap * sizeof *more);
        if (!more)
            return;
        l->out->tell = more;
        l->cap = cap;
    }
    l->out->tell[l->out->n_tell++] = name;
    qc_relay_peer_knows(l->r, l->p, &name.hash);
}

static void take_any(void *to, const qc_pool_tx *e)
{
    tell(to, e);
}

static void tell_all(list *l)
{
    const qc_relay_pool *pool = &l->r->o.pool;
    l->p->wants_all = false;
    l->p->n_to_send = 0;
    l->p->inv_sequence = pool->sequence(pool->arg);
    l->again = true;
    pool->each(pool->arg, take_any, l);
    l->again = false;
}

static void tell_queued(list *l)
{
    const qc_relay_pool *pool = &l->r->o.pool;
    qc_relay_peer *p = l->p;
    qc_pool_tx *v;
    if (!p->n_to_send)
        return;
    size_t n = qc_relay_best(l->r, p->to_send, &p->n_to_send, p->n_to_send, &v);
    for (size_t i = 0; i < n; i++)
        tell(l, &v[i]);
    if (v) /* else they wait */
        p->inv_sequence = pool->sequence(pool->arg);
    qc_free(v);
    if (p->n_to_send == 0 && p->cap > 1024) {
        qc_free(p->to_send);
        p->to_send = NULL;
        p->cap = 0;
    }
}

/* Is it time to tell this peer? */
static bool due(const qc_txrelay *r, qc_relay_peer *p, int64_t now)
{
    if (p->next >= now)
        return p->at_once;
    if (!p->inbound) {
        p->next = now + qc_chance_wait(OUTBOUND_EVERY, qc_relay_random(r));
        return true;
    }
    if (p->timer->next < now)
        p->timer->next = now + qc_chance_wait(INBOUND_EVERY, qc_relay_random(r));
    p->next = p->timer->next;
    return true;
}

void qc_relay_say_due(void *arg, const qc_relay_view *v, int64_t now, qc_relay_say *out)
{
    qc_txrelay *r = arg;
    qc_relay_peer *p = qc_relay_peer_find(r, v->id);
    if (!p)
        return;
    qc_relay_backlog(r, now, false);
    if (due(r, p, now)) {
        list l = {r, p, v, out, 0, false};
        if (!v->wants)
            p->n_to_send = 0;
        if (p->wants_all)
            tell_all(&l);
        tell_queued(&l);
    }
}
