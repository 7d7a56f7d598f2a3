/* A plugin that behaves, and holds watch and a store alone: keeps the coins of the scripts that it
 * is told to watch, through whatever happens to the chain, the mempool, the node and itself. Script
 * i pays to anybody: 01 i 75 51, and script 0 is 51. Its cookie is i + 1. */
#define QN_ALLOW_UNSTABLE
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"
#include "quoin/watch_unstable.h"

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"org.quoin.test.plugin\",\"version\":\"1.0.0\","
                   "\"requires\":[\"watch/1\",\"store.own/1\",\"rpc.serve/1\"],"
                   "\"optional\":[\"watch.unstable/1\"]}");

#define ROWS 8192
#define SCRIPTS 256
#define LOCATOR 64

enum { IN_POOL = 1, IN_BLOCK, LOOSE };

typedef struct row {
    qn_hash txid;
    uint32_t io, spent, cookie, status, height, run;
} row;

/* What is kept. */
typedef struct kept {
    uint32_t n, n_locator;
    uint8_t set[SCRIPTS];
    qn_hash locator[LOCATOR]; /* oldest first */
    row rows[ROWS];
} kept;

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap, *store_cap, *rpc_cap, *trial_cap;
    const qn_store_own_1 *store;
    const qn_rpc_serve_1 *rpc;
    const qn_watch_unstable_1 *trial;
    qn_watcher w;
    kept k;
    uint32_t synced, gap, scans;
    uint64_t seq, wrong, events[16], gone[8], by, again, unknown, deep, filtered, pruned;
    char what[128]; /* went wrong first */
} state;

static void wrong(state *s, const char *what)
{
    if (!s->wrong++)
        snprintf(s->what, sizeof s->what, "%s", what);
}

static uint32_t script_of(uint32_t i, uint8_t *out)
{
    const uint8_t s[4] = {1, (uint8_t)i, 0x75, 0x51};
    if (i == 0) {
        out[0] = 0x51;
        return 1;
    }
    memcpy(out, s, 4);
    return 4;
}

/* ---- the set ---- */

static qn_status watch(state *s, uint32_t i, int add)
{
    uint8_t bytes[4];
    qn_watch_script one = {.cookie = i + 1, .len = script_of(i, bytes)};
    uint64_t armed = 0;
    if (!add)
        return s->w.table->remove(s->w.cap, s->w.watch, &one, 1, bytes, one.len);
    qn_status st = s->w.table->add(s->w.cap, s->w.watch, &one, 1, bytes, one.len, 0, &armed);
    if (st == QN_OK && armed <= s->seq)
        wrong(s, "armed at an event that was handled");
    return st;
}

static qn_status watch_all(state *s)
{
    for (uint32_t i = 0; i < SCRIPTS; i++)
        if (s->k.set[i]) {
            qn_status st = watch(s, i, 1);
            if (st != QN_OK)
                return st;
        }
    return QN_OK;
}

/* ---- rows ---- */

static row *find(state *s, const qn_watch_event *ev)
{
    for (uint32_t i = 0; i < s->k.n; i++) {
        row *r = &s->k.rows[i];
        if (r->io == ev->io && r->spent == (ev->flags & QN_WATCH_EVF_SPENT) &&
            memcmp(&r->txid, &ev->txid, 32) == 0)
            return r;
    }
    return NULL;
}

static void number(state *s, const qn_watch_event *ev)
{
    if (ev->seq != s->seq + 1)
        wrong(s, "seq");
    s->seq = ev->seq;
    s->events[ev->type & 15]++;
    s->again += (ev->flags & QN_WATCH_EVF_AGAIN) != 0;
}

static void check_hit(state *s, const qn_watch_event *ev, const uint8_t *tx, const uint8_t *script)
{
    uint8_t want[4];
    uint32_t len = script_of((uint32_t)ev->cookie - 1, want);
    if (len != ev->script_len || memcmp(script, want, len) != 0)
        wrong(s, "script");
    if (ev->hit >= ev->n_hits)
        wrong(s, "hits");
    if (ev->tx_len < 60 || (tx[0] != 1 && tx[0] != 2))
        wrong(s, "transaction");
    if (!s->k.set[ev->cookie - 1])
        wrong(s, "not watched");
    if (ev->type == QN_WATCH_EV_SEEN && !ev->chain_seq)
        wrong(s, "chain_seq");
}

static qn_status follow_gap(state *s, uint32_t from)
{
    for (uint32_t i = from; i <= from + s->gap && i < SCRIPTS; i++)
        if (!s->k.set[i]) {
            s->k.set[i] = 1;
            qn_status st = watch(s, i, 1);
            if (st != QN_OK)
                return st;
        }
    return QN_OK;
}

static qn_status on_hit(void *arg, const qn_watch_event *ev, const uint8_t *tx,
                        const uint8_t *script)
{
    state *s = arg;
    number(s, ev);
    check_hit(s, ev, tx, script);
    row *r = find(s, ev);
    if (ev->type == QN_WATCH_EV_UNCONFIRMED) {
        if (r && r->status == IN_BLOCK && r->height == ev->ref.height)
            r->status = LOOSE;
        return QN_OK;
    }
    if (!r && s->k.n == ROWS)
        return QN_E_FULL;
    r = r ? r : &s->k.rows[s->k.n++];
    *r = (row){.txid = ev->txid,
               .io = ev->io,
               .spent = ev->flags & QN_WATCH_EVF_SPENT,
               .cookie = (uint32_t)ev->cookie,
               .status = ev->type == QN_WATCH_EV_SEEN ? IN_POOL : IN_BLOCK,
               .height = ev->type == QN_WATCH_EV_SEEN ? 0 : ev->ref.height,
               .run = 1};
    return s->gap ? follow_gap(s, (uint32_t)ev->cookie - 1) : QN_OK;
}

static void drop(state *s, uint32_t i)
{
    s->k.rows[i] = s->k.rows[--s->k.n];
}

static qn_status on_gone(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    static const qn_hash none;
    number(s, ev);
    s->gone[ev->reason & 7]++;
    s->by += ev->reason == QN_WATCH_GONE_CONFLICT && memcmp(&ev->by, &none, 32) != 0;
    for (uint32_t i = s->k.n; i-- > 0;) {
        if (memcmp(&s->k.rows[i].txid, &ev->txid, 32) != 0)
            continue;
        if (s->k.rows[i].status == IN_BLOCK)
            wrong(s, "gone from a block");
        drop(s, i);
    }
    if (ev->reason == QN_WATCH_GONE_REPLACED && memcmp(&ev->by, &none, 32) == 0)
        wrong(s, "replaced by nobody");
    return QN_OK;
}

static qn_status save(state *s)
{
    qn_batch b = {0};
    qn_batch_put(&b, "k", 1, &s->k,
                 (uint32_t)(offsetof(kept, rows) + s->k.n * sizeof s->k.rows[0]));
    qn_status st = qn_batch_write(&b, s->store, s->store_cap, QN_STORE_SYNC);
    qn_batch_free(&b);
    return st;
}

static qn_status on_block(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    kept *k = &s->k;
    const qn_hash *at = k->n_locator ? &k->locator[k->n_locator - 1] : NULL;
    number(s, ev);
    if (ev->type == QN_WATCH_EV_UNBLOCK) {
        if (!at || memcmp(at, &ev->ref.hash, 32) != 0)
            wrong(s, "unblock of another");
        if (k->n_locator)
            k->n_locator--;
    } else {
        if (ev->type == QN_WATCH_EV_BLOCK && at && memcmp(at, &ev->prev.hash, 32) != 0)
            wrong(s, "block on another");
        if (k->n_locator == LOCATOR)
            memmove(k->locator, k->locator + 1, --k->n_locator * sizeof k->locator[0]);
        k->locator[k->n_locator++] =
            *(ev->type == QN_WATCH_EV_BLOCK ? &ev->ref.hash : &ev->prev.hash);
    }
    return save(s);
}

static qn_status on_synced(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    number(s, ev);
    for (uint32_t i = s->k.n; i-- > 0;)
        if (s->k.rows[i].status != IN_BLOCK && !s->k.rows[i].run)
            drop(s, i);
    s->synced = 1;
    return QN_OK;
}

static qn_status on_rescan(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    number(s, ev);
    if (ev->type != QN_WATCH_EV_RESCAN_DONE)
        return QN_OK;
    s->scans--;
    s->filtered += (ev->flags & QN_WATCH_EVF_FILTERS) != 0;
    s->pruned += ev->status == QN_E_PRUNED;
    return save(s);
}

static qn_status on_other(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    number(s, ev);
    s->deep += ev->type == QN_WATCH_TRIAL_DEEP;
    return QN_OK;
}

/* ---- questions ---- */

static void reply(state *s, const qn_rpc_request *r, qn_json *j)
{
    (void)s->rpc->reply(s->rpc_cap, r->request, j->data, j->len);
    qn_json_free(j);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void on_rows(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    static char text[ROWS][112];
    state *s = arg;
    qn_json j = {0};
    uint32_t n = 0, loose = 0;
    (void)params;
    (void)len;
    for (uint32_t i = 0; i < s->k.n; i++) {
        const row *w = &s->k.rows[i];
        for (int k = 0; k < 32; k++)
            snprintf(text[n] + 2 * k, 3, "%02x", w->txid.b[31 - k]);
        snprintf(text[n] + 64, 48, ":%u:%u:%u:%d", w->io, w->spent, w->cookie,
                 w->status == IN_BLOCK ? (int)w->height : -1);
        n++;
        loose += w->status == LOOSE;
    }
    qsort(text, n, sizeof text[0], by_text);
    qn_json_open(&j, NULL, '{');
    qn_json_open(&j, "rows", '[');
    for (uint32_t i = 0; i < n; i++)
        qn_json_text(&j, NULL, text[i]);
    qn_json_close(&j, ']');
    qn_json_int(&j, "wrong", (int64_t)s->wrong);
    qn_json_bool(&j, "synced", (int)s->synced);
    qn_json_int(&j, "scans", s->scans);
    qn_json_int(&j, "loose", loose);
    if (s->k.n_locator)
        qn_json_hex(&j, "at", &s->k.locator[s->k.n_locator - 1], 32, 1);
    qn_json_text(&j, "what", s->what);
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

/* [i, ...]: numbers. */
static uint32_t numbers(const char *params, uint32_t len, uint32_t *out, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < len && n < max; i++)
        if (params[i] >= '0' && params[i] <= '9') {
            uint32_t v = 0;
            for (; i < len && params[i] >= '0' && params[i] <= '9'; i++)
                v = v * 10 + (uint32_t)(params[i] - '0');
            out[n++] = v;
        }
    return n;
}

static void answer(state *s, const qn_rpc_request *r, qn_status st, uint64_t value)
{
    qn_json j = {0};
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "status", st);
    qn_json_int(&j, "value", (int64_t)value);
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

/* Watch, and look through what was. */
static void on_watch(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    uint32_t list[SCRIPTS] = {0}, n = numbers(params, len, list, SCRIPTS), lowest = 0;
    qn_watch_rescan o;
    uint64_t id = 0;
    qn_status st = QN_OK;
    for (uint32_t i = 0; i < n && st == QN_OK; i++) {
        s->k.set[list[i]] = 1;
        st = watch(s, list[i], 1);
    }
    QN_INIT(&o);
    o.set = QN_SET_WATCH_RESCAN_FIRST_COOKIE | QN_SET_WATCH_RESCAN_LAST_COOKIE;
    o.first_cookie = list[0] + 1;
    o.last_cookie = list[n - 1] + 1;
    if (st == QN_OK)
        st = s->w.table->rescan(s->w.cap, s->w.watch, &o, &id, &lowest);
    s->scans += st == QN_OK;
    if (st == QN_OK)
        st = save(s);
    answer(s, r, st, lowest);
}

static void on_unwatch(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    uint32_t list[SCRIPTS], n = numbers(params, len, list, SCRIPTS);
    qn_status st = QN_OK;
    for (uint32_t i = 0; i < n; i++) {
        s->k.set[list[i]] = 0;
        st = watch(s, list[i], 0);
        for (uint32_t k = s->k.n; k-- > 0;)
            if (s->k.rows[k].cookie == list[i] + 1)
                drop(s, k);
    }
    if (st == QN_OK)
        st = save(s);
    answer(s, r, st, 0);
}

static void on_gap(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    (void)numbers(params, len, &s->gap, 1);
    answer(s, r, QN_OK, 0);
}

static void on_counts(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    static const char *const NAME[] = {"none",     "seen",  "confirmed", "unconfirmed",
                                       "gone",     "block", "unblock",   "synced",
                                       "progress", "done",  "gap"};
    static const char *const WHY[8] = {NULL, "expiry",   "size",     "reorg",
                                       NULL, "conflict", "replaced", "lost"};
    state *s = arg;
    qn_json j = {0};
    qn_watch_usage u;
    (void)params;
    (void)len;
    QN_INIT(&u);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "usage", s->w.table->usage(s->w.cap, &u));
    qn_json_int(&j, "scripts", (int64_t)u.scripts);
    qn_json_int(&j, "streams", u.streams);
    for (unsigned i = 1; i < sizeof NAME / sizeof NAME[0]; i++)
        qn_json_int(&j, NAME[i], (int64_t)s->events[i]);
    for (unsigned i = 1; i < 8; i++)
        if (WHY[i])
            qn_json_int(&j, WHY[i], (int64_t)s->gone[i]);
    qn_json_int(&j, "by", (int64_t)s->by);
    qn_json_int(&j, "again", (int64_t)s->again);
    qn_json_int(&j, "unknown", (int64_t)s->unknown);
    qn_json_int(&j, "deep", (int64_t)s->deep);
    qn_json_int(&j, "filtered", (int64_t)s->filtered);
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

/* ---- life ---- */

static qn_status open(state *s)
{
    qn_hash newest_first[LOCATOR];
    qn_block_ref start;
    for (uint32_t i = 0; i < s->k.n_locator; i++)
        newest_first[i] = s->k.locator[s->k.n_locator - 1 - i];
    for (uint32_t i = 0; i < s->k.n; i++)
        s->k.rows[i].run = 0;
    qn_status st = qn_watch_start(&s->w, NULL, newest_first, s->k.n_locator, &start);
    if (st == QN_E_UNKNOWN_TIP) {
        s->unknown++;
        s->k.n = s->k.n_locator = 0;
        st = qn_watch_start(&s->w, NULL, NULL, 0, &start);
    }
    return st == QN_OK ? watch_all(s) : st;
}

static qn_status get(state *s, const char *id, const void **table, qn_cap **cap)
{
    return s->host->get(s->cap, id, 1, table, cap);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = s->w.host = host;
    s->cap = s->w.host_cap = cap;
    qn_status st = get(s, QN_WATCH_1_ID, &table, &s->w.cap);
    s->w.table = st == QN_OK ? table : NULL;
    if (st == QN_OK && (st = get(s, QN_STORE_OWN_1_ID, &table, &s->store_cap)) == QN_OK) {
        s->store = table;
        st = get(s, QN_RPC_SERVE_1_ID, &table, &s->rpc_cap);
    }
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->rpc = table;
    if (host->get(cap, QN_WATCH_UNSTABLE_1_ID, 1, &table, &s->trial_cap) == QN_OK)
        s->trial = table;
    s->w.on = (qn_watch_handlers){on_hit, on_gone, on_block, on_synced, on_rescan, on_other, s};
    *self = s;
    return QN_OK;
}

static qn_status serve(state *s, const char *name, qn_rpc_handler_fn *fn)
{
    return s->rpc->add(s->rpc_cap, NULL, name, "a b c d e f", "good\n", fn, s);
}

static qn_status start(void *self)
{
    state *s = self;
    uint32_t len = 0;
    qn_status st = s->store->get(s->store_cap, 0, "k", 1, &s->k, sizeof s->k, &len);
    if (st != QN_OK && st != QN_E_NOTFOUND)
        return st;
    st = open(s);
    if (st == QN_OK)
        st = serve(s, "good.rows", on_rows);
    if (st == QN_OK)
        st = serve(s, "good.watch", on_watch);
    if (st == QN_OK)
        st = serve(s, "good.unwatch", on_unwatch);
    if (st == QN_OK)
        st = serve(s, "good.gap", on_gap);
    return st == QN_OK ? serve(s, "good.counts", on_counts) : st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
    qn_watch_end(&s->w);
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.quoin.test.plugin",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
