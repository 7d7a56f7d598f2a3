#include "core/host/watch_pool.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/mempool/keymap.h"

#include <pthread.h>

#define NEWS_OVERHEAD 512u /* bytes that each is reckoned with beside its transaction */

typedef struct pool_tip {
    uint64_t chain_seq;
    const qc_index *tip;
} pool_tip;

struct qc_watch_pool {
    qc_watchset *set;
    pthread_mutex_t lock;
    uint32_t room, readers;
    size_t bytes, max_bytes;
    qc_watch_news *news;         /* by place % room; NULL: nobody reads */
    uint64_t next, first;        /* places */
    pool_tip tip[QC_WATCH_TIPS]; /* newest last, that are not durable */
    uint32_t n_tip;
    pool_tip durable, now;
    uint64_t followed;
    qc_keymap live; /* qc_watch_tx of the pool by txid, each with a reference; chain thread */
};

/* ---- transactions ---- */

void qc_watch_tx_unref(qc_watch_tx *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    qc_mempool_entry_unref(t->e);
    qc_free(t);
}

qc_watch_tx *qc_watch_tx_ref(qc_watch_tx *t)
{
    atomic_fetch_add(&t->refs, 1);
    return t;
}

/* In one piece of memory: the record, coins, hits, scripts. NULL: no memory. */
static qc_watch_tx *tx_new(const qc_mempool_entry *e, const qc_spent *spent, const qc_watch_hits *h)
{
    uint32_t n_in = e->tx.rec->n_in;
    size_t scripts = 0, fixed = sizeof(qc_watch_tx) + n_in * sizeof(qc_spent);
    for (uint32_t i = 0; i < n_in; i++)
        scripts += spent[i].script.len;
    qc_watch_tx *t = qc_try_malloc(fixed + h->n * sizeof *h->hit + scripts);
    if (!t)
        return NULL;
    qc_spent *coins = (qc_spent *)(t + 1);
    qc_watch_hit *hits = (qc_watch_hit *)(coins + n_in);
    uint8_t *bytes = (uint8_t *)(hits + h->n);
    *t = (qc_watch_tx){.refs = 1,
                       .n_hits = (uint32_t)h->n,
                       .e = qc_mempool_entry_ref(e),
                       .spent = coins,
                       .hit = hits};
    for (uint32_t i = 0; i < n_in; i++) {
        coins[i] = spent[i];
        if (!spent[i].script.len)
            continue;
        memcpy(bytes, spent[i].script.data, spent[i].script.len);
        coins[i].script.data = bytes;
        bytes += spent[i].script.len;
    }
    memcpy(hits, h->hit, h->n * sizeof *hits);
    return t;
}

/* ---- the news; under the lock ---- */

static size_t weight_of(const qc_watch_news *n)
{
    return n->tx->e->tx.rec->len + NEWS_OVERHEAD;
}

static void drop_first(qc_watch_pool *p)
{
    qc_watch_news *n = &p->news[p->first++ % p->room];
    p->bytes -= weight_of(n);
    qc_watch_tx_unref(n->tx);
    n->tx = NULL;
}

static void forget_news(qc_watch_pool *p)
{
    while (p->first < p->next)
        drop_first(p);
}

static void put(qc_watch_pool *p, const qc_watch_news *n)
{
    if (p->next - p->first == p->room)
        drop_first(p);
    qc_watch_news *to = &p->news[p->next++ % p->room];
    *to = *n;
    to->tx = qc_watch_tx_ref(n->tx);
    to->chain_seq = p->now.chain_seq;
    if (p->now.tip) {
        to->tip.height = p->now.tip->height;
        memcpy(to->tip.hash.b, p->now.tip->hash.b, 32);
    }
    p->bytes += weight_of(to);
    while (p->bytes > p->max_bytes && p->first + 1 < p->next)
        drop_first(p);
}

/* What could not be kept: all have to look for themselves. */
static void lose(qc_watch_pool *p)
{
    forget_news(p);
    p->next++;
    p->first = p->next;
}

static void forget_live(qc_watch_pool *p)
{
    size_t at = 0;
    for (qc_watch_tx *t; (t = qc_keymap_next(&p->live, &at));)
        qc_watch_tx_unref(t);
    qc_keymap_clear(&p->live);
    qc_keymap_init(&p->live, 32);
}

qc_watch_pool *qc_watch_pool_new(qc_watchset *set, uint32_t room, size_t bytes)
{
    qc_watch_pool *p = qc_alloc(sizeof *p);
    p->set = set;
    p->room = room ? room : QC_WATCH_NEWS;
    p->max_bytes = bytes ? bytes : QC_WATCH_NEWS_BYTES;
    qc_keymap_init(&p->live, 32);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void qc_watch_pool_free(qc_watch_pool *p)
{
    if (!p)
        return;
    forget_live(p);
    qc_keymap_clear(&p->live);
    pthread_mutex_destroy(&p->lock);
    qc_free(p->news);
    qc_free(p);
}

qc_err qc_watch_pool_enter(qc_watch_pool *p)
{
    qc_err err = QC_OK;
    pthread_mutex_lock(&p->lock);
    if (!p->news && !(p->news = qc_try_calloc(p->room, sizeof *p->news)))
        err = QC_ENOMEM;
    else
        p->readers++;
    pthread_mutex_unlock(&p->lock);
    return err;
}

void qc_watch_pool_leave(qc_watch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    if (--p->readers == 0) {
        forget_news(p);
        forget_live(p);
        qc_free(p->news);
        p->news = NULL;
        /* Nobody keeps count of tips any more: whoever comes next begins anew. */
        p->durable = p->now = (pool_tip){0, NULL};
        p->n_tip = 0;
        p->followed = 0;
    }
    pthread_mutex_unlock(&p->lock);
}

bool qc_watch_pool_read(qc_watch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool read = p->readers > 0;
    pthread_mutex_unlock(&p->lock);
    return read;
}

/* ---- the pool's owner ---- */

void qc_watch_pool_lose(qc_watch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    if (p->readers)
        lose(p);
    pthread_mutex_unlock(&p->lock);
}

void qc_watch_pool_at(qc_watch_pool *p, uint64_t chain_seq, const qc_index *tip)
{
    pthread_mutex_lock(&p->lock);
    if (p->readers && tip && (p->now.tip != tip || p->now.chain_seq != chain_seq)) {
        p->now = (pool_tip){chain_seq, tip};
        /* Of too many the newer stands for the older: what is held back is so for longer. */
        if (p->n_tip == QC_WATCH_TIPS)
            memmove(p->tip, p->tip + 1, --p->n_tip * sizeof *p->tip);
        p->tip[p->n_tip++] = p->now;
    }
    pthread_mutex_unlock(&p->lock);
}

/* Under the lock. Takes t's reference. False: no memory. */
static bool make_live(qc_watch_pool *p, qc_watch_tx *t)
{
    qc_watch_tx_unref(qc_keymap_take(&p->live, t->e->tx.rec->txid));
    if (qc_keymap_reserve(&p->live, 1)) {
        qc_watch_tx_unref(t);
        return false;
    }
    qc_keymap_put(&p->live, t->e->tx.rec->txid, t);
    return true;
}

bool qc_watch_pool_added(qc_watch_pool *p, const qc_mempool_entry *e, const qc_spent *spent)
{
    qc_watch_hits hits = QC_WATCH_HITS_INIT;
    qc_watch_tx *t = NULL;
    qc_err err = qc_watch_match_tx(p->set, &e->tx, spent, 0, &hits);
    bool hit = hits.n > 0;
    if (!err && hit)
        err = (t = tx_new(e, spent, &hits)) ? QC_OK : QC_ENOMEM;
    qc_watch_hits_clear(&hits);
    pthread_mutex_lock(&p->lock);
    if (p->readers && t && !err) {
        const qc_watch_news n = {.type = QC_NEWS_SEEN, .tx = t};
        put(p, &n);
        err = make_live(p, qc_watch_tx_ref(t)) ? QC_OK : QC_ENOMEM;
    }
    if (p->readers && err)
        lose(p);
    pthread_mutex_unlock(&p->lock);
    qc_watch_tx_unref(t);
    return hit || err;
}

bool qc_watch_pool_removed(qc_watch_pool *p, const qc_mempool_removed *r)
{
    pthread_mutex_lock(&p->lock);
    qc_watch_tx *t = qc_keymap_take(&p->live, r->e->tx.rec->txid);
    if (t && p->readers) {
        qc_watch_news n = {.type = QC_NEWS_GONE, .why = r->why, .tx = t};
        if (r->by)
            n.by = *r->by;
        put(p, &n);
    }
    pthread_mutex_unlock(&p->lock);
    qc_watch_tx_unref(t);
    return t != NULL;
}

void qc_watch_pool_followed(qc_watch_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->followed = p->now.chain_seq;
    pthread_mutex_unlock(&p->lock);
}

static bool below(const qc_index *i, const qc_index *top)
{
    return i->height <= top->height && qc_index_ancestor(top, i->height) == i;
}

void qc_watch_pool_durable(qc_watch_pool *p, const qc_index *durable)
{
    if (!durable)
        return;
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = p->n_tip; i-- > 0;)
        if (below(p->tip[i].tip, durable)) {
            p->durable = p->tip[i];
            p->n_tip -= i + 1;
            memmove(p->tip, p->tip + i + 1, p->n_tip * sizeof *p->tip);
            break;
        }
    pthread_mutex_unlock(&p->lock);
}

/* ---- sweeps ---- */

qc_watch_sweep *qc_watch_sweep_new(uint16_t owner)
{
    qc_watch_sweep *s = qc_alloc(sizeof *s);
    s->holders = 2;
    s->owner = owner;
    return s;
}

void qc_watch_sweep_let_go(qc_watch_sweep *s)
{
    if (!s || atomic_fetch_sub(&s->holders, 1) != 1)
        return;
    for (size_t i = 0; i < s->n; i++)
        qc_watch_tx_unref(s->tx[i]);
    qc_free(s->tx);
    qc_free(s);
}

void qc_watch_sweep_begin(qc_watch_pool *p, qc_watch_sweep *s)
{
    pthread_mutex_lock(&p->lock);
    s->started = true;
    s->place = p->next;
    s->chain_seq = p->now.chain_seq;
    if (p->now.tip) {
        s->tip.height = p->now.tip->height;
        memcpy(s->tip.hash.b, p->now.tip->hash.b, 32);
    }
    pthread_mutex_unlock(&p->lock);
}

static void keep(qc_watch_sweep *s, qc_watch_tx *t)
{
    if (s->n == s->cap) {
        size_t cap = s->cap * 2 + 64;
        qc_watch_tx **more = qc_try_realloc(s->tx, cap * sizeof *more);
        if (!more) {
            s->failed = true;
            return;
        }
        s->tx = more;
        s->cap = cap;
    }
    s->tx[s->n++] = qc_watch_tx_ref(t);
}

void qc_watch_sweep_entry(qc_watch_pool *p, qc_watch_sweep *s, const qc_mempool_entry *e,
                          const qc_spent *spent)
{
    qc_watch_hits hits = QC_WATCH_HITS_INIT;
    bool mine = false;
    s->failed |= qc_watch_match_tx(p->set, &e->tx, spent, 0, &hits) != QC_OK;
    for (size_t i = 0; i < hits.n; i++)
        mine |= hits.hit[i].owner == s->owner;
    qc_watch_tx *t = mine && !s->failed ? tx_new(e, spent, &hits) : NULL;
    qc_watch_hits_clear(&hits);
    if (!mine)
        return;
    pthread_mutex_lock(&p->lock);
    if (!t || !p->readers || !make_live(p, qc_watch_tx_ref(t)))
        s->failed = true;
    else
        keep(s, t);
    pthread_mutex_unlock(&p->lock);
    qc_watch_tx_unref(t);
}

void qc_watch_sweep_end(qc_watch_pool *p, qc_watch_sweep *s)
{
    pthread_mutex_lock(&p->lock);
    s->done = true;
    pthread_mutex_unlock(&p->lock);
}

bool qc_watch_sweep_state(qc_watch_pool *p, const qc_watch_sweep *s, bool *began,
                          uint64_t *chain_seq)
{
    pthread_mutex_lock(&p->lock);
    bool done = s->done;
    if (began)
        *began = s->started;
    if (chain_seq)
        *chain_seq = s->chain_seq;
    pthread_mutex_unlock(&p->lock);
    return done;
}

/* ---- readers ---- */

void qc_watch_pool_next(qc_watch_pool *p, uint64_t *place, uint64_t upto,
                        const qc_watch_sweep *until, qc_watch_news *n)
{
    *n = (qc_watch_news){.type = QC_NEWS_NONE};
    pthread_mutex_lock(&p->lock);
    uint64_t end = until && until->started ? QC_MIN(until->place, p->next) : p->next;
    if (*place < p->first) {
        n->type = QC_NEWS_LOST;
    } else if (*place < end && p->news[*place % p->room].chain_seq <= upto) {
        *n = p->news[(*place)++ % p->room];
        n->tx = qc_watch_tx_ref(n->tx);
    }
    pthread_mutex_unlock(&p->lock);
}

const qc_index *qc_watch_pool_tip(qc_watch_pool *p, uint64_t *chain_seq, bool *followed)
{
    pthread_mutex_lock(&p->lock);
    const qc_index *tip = p->durable.tip;
    *chain_seq = p->durable.chain_seq;
    if (followed)
        *followed = p->followed >= p->durable.chain_seq;
    pthread_mutex_unlock(&p->lock);
    return tip;
}
