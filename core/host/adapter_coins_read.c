/* coins.read/1: coins by outpoint, and walks over all of them.
 *
 * The chain thread only says what it has in memory and makes a snapshot of the database; the
 * plugin's own thread reads the rest from that. */
#include "core/chain/coins.h"
#include "core/host/ask.h"
#include "core/host/scans.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#include "quoin/coins_read.h"

#define ASKED_MAX 1000u /* outpoints in one call */
#define ROWS_MAX 4096u  /* coins in one */
#define OPEN_MAX 4u     /* walks of one plugin */
#define OPENS_AT_ONCE 2.0
#define SECONDS_PER_OPEN 10.0
#define COINS_PER_US 1u /* that the chain thread looks up in memory, when it is slow */

/* A walk, and the coin that did not fit into the last answer. */
typedef struct walk {
    uint64_t id; /* 0: free */
    qc_scan *scan;
    qn_coins_at at;
    bool pending; /* the coin's script is the iterator's */
    qc_outpoint outpoint;
    qc_coin coin;
} walk;

typedef struct coins_state {
    walk walk[OPEN_MAX];
    uint32_t most;
    uint64_t next_id;
    double opens; /* that it may still make at once */
    qc_mono opened_at;
} coins_state;

static qc_outpoint outpoint_of(const qn_mempool_outpoint *from)
{
    qc_outpoint o = {.n = from->n};
    memcpy(o.txid.b, from->txid.b, 32);
    return o;
}

/* On the chain thread. The tip is that of the coins. */
static qn_coins_at moment(const qc_host *h, qc_chain *c)
{
    const qc_index *tip = qc_chain_find(c, qc_coins_best(qc_chain_coins(c)));
    qn_coins_at at = {.epoch = h->epoch, .chain_seq = qc_chain_seq(c)};
    if (tip) {
        at.height = tip->height;
        memcpy(at.tip.b, tip->hash.b, 32);
    }
    return at;
}

/* ---- by outpoint ---- */

/* One question. What goes in and out is of its own, since who asked may have gone on. */
typedef struct lookup {
    qc_host *host;
    uint32_t n, misses;
    qn_mempool_outpoint *outpoint;
    qc_coin *coin; /* of those that memory knows */
    qn_status *status;
    qc_coins_iter *it; /* for those that it does not */
    qn_coins_at at;
    qc_err err;
} lookup;

static void lookup_free(void *arg)
{
    lookup *l = arg;
    for (uint32_t i = 0; l->coin && i < l->n; i++)
        qc_coin_clear(&l->coin[i]);
    qc_coins_iter_free(l->it);
    qc_free(l->outpoint);
    qc_free(l->coin);
    qc_free(l->status);
    qc_free(l);
}

static lookup *lookup_new(qc_host *h, const qn_mempool_outpoint *outpoints, uint32_t n)
{
    lookup *l = qc_alloc(sizeof *l);
    l->host = h;
    l->n = n;
    l->outpoint = qc_try_calloc((size_t)n + 1, sizeof *l->outpoint);
    l->coin = qc_try_calloc((size_t)n + 1, sizeof *l->coin);
    l->status = qc_try_calloc((size_t)n + 1, sizeof *l->status);
    if (!l->outpoint || !l->coin || !l->status) {
        lookup_free(l);
        return NULL;
    }
    if (n)
        memcpy(l->outpoint, outpoints, n * sizeof *outpoints);
    return l;
}

/* Out: *out owned. */
static qc_err copy_coin(const qc_coin *from, qc_coin *out)
{
    uint8_t *script = qc_try_malloc((size_t)from->script_len + 1);
    if (!script)
        return QC_ENOMEM;
    if (from->script_len)
        memcpy(script, from->script, from->script_len);
    *out = *from;
    out->script = script;
    return QC_OK;
}

/* On the chain thread: no disk but for the snapshot. */
static void look_in_memory(qc_chain *c, void *arg)
{
    lookup *l = arg;
    l->at = moment(l->host, c);
    for (uint32_t i = 0; i < l->n && !l->err; i++) {
        qc_spent s;
        qc_outpoint o = outpoint_of(&l->outpoint[i]);
        qc_coins_hit hit = qc_coins_peek(qc_chain_coins(c), &o, &s);
        l->status[i] = hit == QC_COINS_UNSPENT ? QN_OK
                       : hit == QC_COINS_SPENT ? QN_E_NOTFOUND
                                               : QN_E_AGAIN;
        l->misses += hit == QC_COINS_MISS;
        if (hit != QC_COINS_UNSPENT)
            continue;
        const qc_coin borrowed = {s.value, s.height, s.coinbase, (uint32_t)s.script.len,
                                  (uint8_t *)(uintptr_t)s.script.data};
        l->err = copy_coin(&borrowed, &l->coin[i]);
    }
    if (!l->err && l->misses)
        l->err = qc_coins_iter_new(qc_chain_coinsdb(c), &l->it);
}

static bool same(const qc_outpoint *a, const qc_outpoint *b)
{
    return a->n == b->n && qc_hash_eq(&a->txid, &b->txid);
}

static qc_err look_in_snapshot(lookup *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        qc_outpoint o = outpoint_of(&l->outpoint[i]), found;
        qc_coin coin;
        if (l->status[i] != QN_E_AGAIN)
            continue;
        l->status[i] = QN_E_NOTFOUND;
        qc_coins_iter_seek(l->it, &o);
        qc_err err = qc_coins_iter_next(l->it, &found, &coin);
        if (err == QC_ENOENT || (!err && !same(&o, &found)))
            continue;
        if (!err)
            err = copy_coin(&coin, &l->coin[i]);
        if (err)
            return err;
        l->status[i] = QN_OK;
    }
    return QC_OK;
}

static qn_status give(const lookup *l, qn_coin *out, uint8_t *scripts, uint32_t max, uint32_t *n)
{
    uint64_t need = 0;
    for (uint32_t i = 0; i < l->n; i++)
        need += l->coin[i].script_len;
    *n = (uint32_t)QC_MIN(need, (uint64_t)UINT32_MAX);
    if (need > max)
        return QN_E_SPACE;
    for (uint32_t i = 0; i < l->n; i++) {
        const qc_coin *c = &l->coin[i];
        out[i] = (qn_coin){.status = l->status[i],
                           .flags = c->coinbase ? QN_COIN_COINBASE : 0u,
                           .value = c->value,
                           .height = c->height,
                           .script_len = c->script_len};
        if (c->script_len)
            memcpy(scripts, c->script, c->script_len);
        scripts += c->script_len;
    }
    return QN_OK;
}

/* While the database stays open. */
static qn_status look_up(qn_cap *cap, const qn_mempool_outpoint *outpoints, uint32_t n,
                         lookup **out)
{
    lookup *l = lookup_new(cap->plugin->host, outpoints, n);
    if (!l)
        return QN_E_NOMEM;
    qn_status st = qc_host_ask(l->host, 0, look_in_memory, l, lookup_free);
    if (st != QN_OK)
        return st;
    qc_cap_worked(cap, n / COINS_PER_US);
    qc_err err = l->err ? l->err : look_in_snapshot(l);
    qc_coins_iter_free(l->it);
    l->it = NULL;
    *out = l;
    return err ? qc_status_of(err) : QN_OK;
}

static qn_status read_coins(qn_cap *cap, const qn_mempool_outpoint *outpoints, uint32_t n,
                            qn_coin *coins, void *scripts, uint32_t max, uint32_t *n_scripts,
                            qn_coins_at *at)
{
    qc_scans *scans = cap->plugin->host->scans;
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (n > ASKED_MAX || (n && (!outpoints || !coins)) || !n_scripts || (!scripts && max))
        return QN_E_INVAL;
    if (!qc_scans_enter(scans))
        return QN_E_REVOKED;
    lookup *l = NULL;
    st = look_up(cap, outpoints, n, &l);
    qc_scans_leave(scans);
    if (st == QN_OK)
        st = give(l, coins, scripts, max, n_scripts);
    if (st == QN_OK && at)
        *at = l->at;
    if (l)
        lookup_free(l);
    return st;
}

/* ---- all of them ---- */

static walk *by_id(const qn_cap *cap, uint64_t id)
{
    coins_state *s = cap->state;
    for (uint32_t i = 0; id && i < OPEN_MAX; i++)
        if (s->walk[i].id == id)
            return &s->walk[i];
    return NULL;
}

static void close_walk(walk *w)
{
    qc_scan_close(w->scan);
    *w = (walk){.id = 0};
}

/* False: it has begun too many lately. */
static bool may_open(coins_state *s)
{
    qc_mono now = qc_clock_mono();
    s->opens += (double)(now - s->opened_at) * 1e-9 / SECONDS_PER_OPEN;
    s->opens = QC_MIN(s->opens, OPENS_AT_ONCE);
    s->opened_at = now;
    if (s->opens < 1)
        return false;
    s->opens -= 1;
    return true;
}

typedef struct opening {
    qc_host *host;
    qc_coins_iter *it;
    qn_coins_at at;
    qc_err err;
} opening;

static void opening_free(void *arg)
{
    qc_free(arg);
}

/* On the chain thread: the database is made equal to the tip, and stays so for this walk. */
static void take_snapshot(qc_chain *c, void *arg)
{
    opening *o = arg;
    o->err = qc_chain_flush(c);
    if (!o->err)
        o->err = qc_coins_iter_new(qc_chain_coinsdb(c), &o->it);
    o->at = moment(o->host, c);
}

/* The first coin behind `after`: it waits for the first answer. */
static qc_err go_behind(walk *w, qc_coins_iter *it, const qc_outpoint *after)
{
    qc_coins_iter_seek(it, after);
    qc_err err = qc_coins_iter_next(it, &w->outpoint, &w->coin);
    if (err)
        return err == QC_ENOENT ? QC_OK : err;
    w->pending = !same(&w->outpoint, after);
    return QC_OK;
}

/* While the database stays open. */
static qn_status begin_walk(qn_cap *cap, walk *w, const qn_mempool_outpoint *after, qn_coins_at *at)
{
    opening *o = qc_alloc(sizeof *o);
    o->host = cap->plugin->host;
    qn_status st = qc_host_ask(o->host, 0, take_snapshot, o, opening_free);
    if (st != QN_OK)
        return st;
    const opening got = *o;
    qc_free(o);
    qc_err err = got.err;
    if (!err && after) {
        qc_outpoint behind = outpoint_of(after);
        err = go_behind(w, got.it, &behind);
    }
    if (err) {
        qc_coins_iter_free(got.it);
        return qc_status_of(err);
    }
    w->at = got.at;
    qc_scan_begin(w->scan, got.it, qc_clock_mono());
    if (at)
        *at = got.at;
    return QN_OK;
}

static qn_status scan_open(qn_cap *cap, const qn_mempool_outpoint *after, uint64_t *scan,
                           qn_coins_at *at)
{
    coins_state *s = cap->state;
    qc_host *h = cap->plugin->host;
    qn_status st = qc_cap_ask(cap);
    if (st != QN_OK)
        return st;
    if (!scan)
        return QN_E_INVAL;
    if (!qc_chain_tip(h->o.chain) || qc_chain_initial_download(h->o.chain))
        return QN_E_NOTREADY;
    walk *w = s->walk;
    while (w < s->walk + s->most && w->id)
        w++;
    if (w == s->walk + s->most)
        return QN_E_LIMIT;
    if (!may_open(s) || !(w->scan = qc_scans_take(h->scans)))
        return QN_E_BUSY;
    st = QN_E_REVOKED;
    if (qc_scans_enter(h->scans)) {
        st = begin_walk(cap, w, after, at);
        qc_scans_leave(h->scans);
    }
    if (st != QN_OK) {
        close_walk(w);
        return st;
    }
    *scan = w->id = ++s->next_id;
    return QN_OK;
}

typedef struct page {
    qn_coin_row *row;
    uint8_t *script;
    uint32_t rows, max_rows, bytes, max_bytes;
} page;

static void put_row(page *p, const qc_outpoint *o, const qc_coin *c)
{
    qn_coin_row *row = &p->row[p->rows++];
    *row = (qn_coin_row){.outpoint = {.n = o->n},
                         .flags = c->coinbase ? QN_COIN_COINBASE : 0u,
                         .value = c->value,
                         .height = c->height,
                         .script_len = c->script_len};
    memcpy(row->outpoint.txid.b, o->txid.b, 32);
    if (c->script_len)
        memcpy(p->script + p->bytes, c->script, c->script_len);
    p->bytes += c->script_len;
}

static qn_status fill_page(walk *w, qc_coins_iter *it, page *p)
{
    while (p->rows < p->max_rows) {
        qc_err err = w->pending ? QC_OK : qc_coins_iter_next(it, &w->outpoint, &w->coin);
        if (err == QC_ENOENT)
            return p->rows ? QN_OK : QN_E_END;
        if (err)
            return qc_status_of(err);
        w->pending = w->coin.script_len > p->max_bytes - p->bytes;
        if (w->pending && !p->rows) {
            p->bytes = w->coin.script_len;
            return QN_E_SPACE;
        }
        if (w->pending)
            break;
        put_row(p, &w->outpoint, &w->coin);
    }
    return QN_OK;
}

/* The walk's iterator, locked, while the database stays open; else QN_E_CLOSED, and the walk is
 * forgotten. Ends with leave_walk(). */
static qn_status enter_walk(qn_cap *cap, uint64_t id, walk **w, qc_coins_iter **it)
{
    qc_scans *scans = cap->plugin->host->scans;
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    *w = by_id(cap, id);
    if (!*w)
        return QN_E_CLOSED;
    if (qc_scans_enter(scans)) {
        *it = qc_scan_lock((*w)->scan, qc_clock_mono());
        if (*it)
            return QN_OK;
        qc_scans_leave(scans);
    }
    close_walk(*w);
    return QN_E_CLOSED;
}

static void leave_walk(const qn_cap *cap, const walk *w)
{
    qc_scan_unlock(w->scan);
    qc_scans_leave(cap->plugin->host->scans);
}

static qn_status scan_next(qn_cap *cap, uint64_t id, qn_coin_row *rows, uint32_t max_rows,
                           uint32_t *n_rows, void *scripts, uint32_t max_scripts,
                           uint32_t *n_scripts)
{
    walk *w;
    qc_coins_iter *it;
    qn_status st = enter_walk(cap, id, &w, &it);
    if (st != QN_OK)
        return st;
    page p = {.row = rows,
              .script = scripts,
              .max_rows = QC_MIN(max_rows, ROWS_MAX),
              .max_bytes = max_scripts};
    bool bad = !rows || !max_rows || !n_rows || !n_scripts || (!scripts && max_scripts);
    st = bad ? QN_E_INVAL : fill_page(w, it, &p);
    leave_walk(cap, w);
    if (bad)
        return st;
    *n_rows = p.rows;
    *n_scripts = p.bytes;
    return st;
}

static qn_status scan_tip(qn_cap *cap, uint64_t id, qn_coins_at *at, uint64_t *moved)
{
    walk *w;
    qc_coins_iter *it;
    qn_status st = enter_walk(cap, id, &w, &it);
    if (st != QN_OK)
        return st;
    leave_walk(cap, w);
    if (!moved)
        return QN_E_INVAL;
    if (at)
        *at = w->at;
    *moved = qc_chain_seq(cap->plugin->host->o.chain) - w->at.chain_seq;
    return QN_OK;
}

static qn_status scan_close(qn_cap *cap, uint64_t id)
{
    if (qc_plugin_here != cap->plugin)
        return QN_E_THREAD;
    walk *w = by_id(cap, id);
    if (!w)
        return QN_E_CLOSED;
    close_walk(w);
    return QN_OK;
}

static const qn_coins_read_1 TABLE = {.h = {sizeof(qn_coins_read_1), QN_COINS_READ_1_REVISION},
                                      .coins = read_coins,
                                      .scan_open = scan_open,
                                      .scan_next = scan_next,
                                      .scan_tip = scan_tip,
                                      .scan_close = scan_close};

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    (void)why;
    coins_state *s = qc_alloc(sizeof *s);
    uint64_t most = qc_cap_number(cap, "scans", 1);
    s->most = (uint32_t)QC_MIN(most, (uint64_t)OPEN_MAX);
    s->opens = OPENS_AT_ONCE;
    s->opened_at = qc_clock_mono();
    cap->state = s;
    return QC_OK;
}

static void adapter_quiesce(qn_cap *cap)
{
    coins_state *s = cap->state;
    for (uint32_t i = 0; i < OPEN_MAX; i++)
        if (s->walk[i].id)
            close_walk(&s->walk[i]);
}

static void adapter_close(qn_cap *cap)
{
    adapter_quiesce(cap);
    qc_free(cap->state);
    cap->state = NULL;
}

const qc_adapter QC_ADAPTER_COINS_READ = {QN_COINS_READ_1_ID, &TABLE, adapter_open, adapter_quiesce,
                                          adapter_close};
