/* One plugin in many shapes, for tests of the host. Built once per shape with -DSHAPE_<name>: GOOD
 * behaves; each of the others breaks one rule. */
#include "quoin/block_read.h"
#include "quoin/chain_read.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#if defined(SHAPE_OTHER) /* a second plugin beside the others */
#define ID "org.quoin.test.plugin2"
#define SHAPE_SMALL
#endif
#ifndef ID
#define ID "org.quoin.test.plugin"
#endif
#define PLUGIN_VERSION "1.2.3"
#if defined(SHAPE_INITHANG) /* never done with init() */
#define SHAPE_SMALL
#endif
#if defined(SHAPE_SERVICES) /* asks for much and does nothing: the test calls its tables */
#define SHAPE_SMALL
#endif

/* ---- the manifest ---- */

#if defined(SHAPE_INJECT) /* texts that would be orders: to a terminal, in a grant file */
#define SUMMARY "a plugin\\u001b[2J\\u009b2J\\u202e for tests"
#define GREETING "hello\\n[limits]\\nmemory = 64GB"
#else
#define SUMMARY "a plugin for tests"
#define GREETING "hello"
#endif
#define HEAD "\"id\":\"" ID "\",\"version\":\"" PLUGIN_VERSION "\",\"summary\":\"" SUMMARY "\""
#define CONFIG                                                                                     \
    ",\"config\":[{\"name\":\"batch\",\"type\":\"int\",\"min\":1,\"max\":100,\"default\":7},"      \
    "{\"name\":\"greeting\",\"type\":\"text\",\"default\":\"" GREETING "\"}]"
#if defined(SHAPE_NEWER)
#define WANTS ",\"requires\":[\"chain.follow/1.9\",\"no.such/1\"]"
#elif defined(SHAPE_UNSTABLE)
#define WANTS ",\"requires\":[\"chain.follow.unstable/1\"]"
#elif defined(SHAPE_SERVICES)
#define WANTS                                                                                      \
    ",\"requires\":[\"chain.read/1\"],\"optional\":[\"net.listen/1\",\"net.connect/1\","           \
    "\"http.serve/1\",\"node.read/1\",\"node.control/1\",\"peers.read/1\",\"peers.control/1\"]"
#elif defined(SHAPE_SMALL) || defined(SHAPE_GREEDY)
#define WANTS ",\"requires\":[\"chain.read/1\"],\"optional\":[\"store.own/1\"]"
#elif defined(SHAPE_NOSTORE)
#define WANTS ",\"requires\":[\"chain.read/1\",\"chain.follow/1\",\"block.read/1\",\"rpc.serve/1\"]"
#elif defined(SHAPE_NETWORK)
#define WANTS ",\"requires\":[\"chain.read/1\"],\"networks\":[\"main\"]"
#else
#define WANTS                                                                                      \
    ",\"requires\":[\"chain.read/1\",\"chain.follow/1\",\"block.read/1\",\"store.own/1\","         \
    "\"rpc.serve/1\"],\"why\":{\"store.own/1\":\"keeps one row per block\"}"
#endif
#if defined(SHAPE_DUPKEY)
#define TAIL ",\"license\":\"MIT\",\"license\":\"GPL\""
#elif defined(SHAPE_CRITICAL)
#define TAIL ",\"teleport\":true,\"critical\":[\"teleport\"]"
#elif defined(SHAPE_DEEP)
#define TAIL ",\"x\":[[[[[[[[[1]]]]]]]]]"
#else
#define TAIL ",\"license\":\"MIT\",\"teleport\":true"
#endif

#if defined(SHAPE_BADJSON)
QN_PLUGIN_MANIFEST("{\"manifest\":1,");
#elif defined(SHAPE_BIGNOTE)
QN_PLUGIN_MANIFEST_BYTES(17000, '{');
#elif !defined(SHAPE_NONOTE)
QN_PLUGIN_MANIFEST("{\"manifest\":1," HEAD WANTS CONFIG TAIL "}");
#endif
#if defined(SHAPE_TWONOTES)
#define qn_manifest_note_ second_note
QN_PLUGIN_MANIFEST("{\"manifest\":1," HEAD "}");
#endif

/* ---- what it does ---- */

typedef struct state {
    qn_cap *host_cap, *chain_cap, *read_cap, *store_cap, *rpc_cap;
    const qn_host_1 *host;
    const qn_chain_read_1 *chain;
    const qn_block_read_1 *read;
    const qn_store_own_1 *store;
    const qn_rpc_serve_1 *rpc;
    qn_follower follower;
    qn_batch batch;
    uint64_t connects, disconnects, commits, later;
    char greeting[32];
} state;

#if defined(SHAPE_EXTRA)
QN_EXPORT int an_extra_symbol(void);
QN_EXPORT int an_extra_symbol(void)
{
    return 1;
}
#endif
#if defined(SHAPE_CTOR)
/* Leaves a mark when it is loaded, so that a test can tell that it was not. */
__attribute__((constructor)) static void mark(void)
{
    FILE *f = fopen("hostile-constructor-ran", "w");
    if (f)
        fclose(f);
}
#endif

static void row_key(uint8_t key[5], uint32_t height)
{
    key[0] = 'h';
    for (int i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)(height >> (24 - 8 * i));
}

static qn_status on_connect(void *arg, const qn_follow_event *ev, const qn_block_view *v)
{
    state *s = arg;
    uint8_t key[5];
    if (memcmp(v->hash, ev->ref.hash.b, 32) != 0 || v->tx.count == 0 || !(v->flags & QN_VIEW_SPENT))
        return QN_E_CORRUPT;
    row_key(key, ev->ref.height);
    qn_batch_put(&s->batch, key, sizeof key, v->hash, 32);
    s->connects++;
    s->follower.want_commit = s->batch.n >= 7;
    return QN_OK;
}

static qn_status on_disconnect(void *arg, const qn_follow_event *ev, const qn_block_view *v)
{
    state *s = arg;
    uint8_t key[5];
    if (!v)
        return QN_E_CORRUPT;
    row_key(key, ev->ref.height);
    qn_batch_delete(&s->batch, key, sizeof key);
    s->disconnects++;
    return QN_OK;
}

static qn_status commit(void *arg, const qn_block_ref *at)
{
    state *s = arg;
    qn_batch_put(&s->batch, "tip", 3, at, sizeof *at);
    s->commits++;
    return qn_batch_write(&s->batch, s->store, s->store_cap, QN_STORE_SYNC);
}

/* The newest row, then rows further and further back: all of them are ours. */
static uint32_t make_locator(const state *s, qn_hash *out)
{
    qn_block_ref tip;
    uint32_t n = 0, len, step = 1;
    if (s->store->get(s->store_cap, 0, "tip", 3, &tip, sizeof tip, &len) != QN_OK ||
        tip.height == UINT32_MAX)
        return 0;
    for (uint32_t h = tip.height; n<40; h = h> step ? h - step : 0, step *= n > 10 ? 2 : 1) {
        uint8_t key[5];
        row_key(key, h);
        if (s->store->get(s->store_cap, 0, key, 5, out[n].b, 32, &len) == QN_OK)
            n++;
        if (h == 0)
            break;
    }
    return n;
}

static void reply(state *s, uint64_t request, qn_json *j)
{
    (void)s->rpc->reply(s->rpc_cap, request, j->data, j->len);
    qn_json_free(j);
}

static void rpc_status(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    (void)params;
    (void)len;
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "height",
                s->follower.at.height == UINT32_MAX ? -1 : (int64_t)s->follower.at.height);
    qn_json_hex(&j, "hash", s->follower.at.hash.b, 32, 1);
    qn_json_int(&j, "connects", (int64_t)s->connects);
    qn_json_int(&j, "disconnects", (int64_t)s->disconnects);
    qn_json_bool(&j, "acked", s->follower.acked == s->follower.seq);
    qn_json_text(&j, "greeting", s->greeting);
    qn_json_close(&j, '}');
    reply(s, r->request, &j);
}

/* Rows as they lie in the store: heights must run from 0 without a hole. */
static void rpc_rows(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    uint64_t it, n = 0;
    const uint8_t *key, *value;
    uint32_t n_key, n_value;
    qn_json j = {0};
    (void)params;
    (void)len;
    if (s->store->iter_open(s->store_cap, 0, "h", 1, "i", 1, 0, &it) != QN_OK)
        return;
    qn_json_open(&j, NULL, '[');
    while (s->store->iter_next(s->store_cap, it, &key, &n_key, &value, &n_value) == QN_OK) {
        uint8_t want[5];
        row_key(want, (uint32_t)n++);
        if (memcmp(key, want, 5) == 0)
            qn_json_hex(&j, NULL, value, 32, 1);
    }
    (void)s->store->iter_close(s->store_cap, it);
    qn_json_close(&j, ']');
    reply(s, r->request, &j);
}

static void rpc_echo(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    (void)s->rpc->reply(s->rpc_cap, r->request, params, len);
}

static void now(void *arg)
{
    state *s = arg;
    (void)s->rpc->reply(s->rpc_cap, s->later, "\"later\"", 7);
}

static void rpc_later(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    uint64_t timer;
    (void)params;
    (void)len;
    s->later = r->request;
    (void)s->host->timer_set(s->host_cap, 20, now, s, &timer);
}

static void rpc_never(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    (void)arg;
    (void)r;
    (void)params;
    (void)len;
}

#define REFUSED                                                                                    \
    "refused\x1b[2J\r\n\xc2\x9b"                                                                   \
    "2J, \xc3\xa9"

static void rpc_bad(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    (void)params;
    (void)len;
    if (s->rpc->reply(s->rpc_cap, r->request, "{\"a\":1", 6) == QN_E_INVAL &&
        s->rpc->reply(s->rpc_cap, r->request, "1 2", 3) == QN_E_INVAL)
        (void)s->rpc->reply_error(s->rpc_cap, r->request, -8, REFUSED, sizeof REFUSED - 1);
    if (s->rpc->reply(s->rpc_cap, r->request, "1", 1) != QN_E_CLOSED)
        s->host->fail(s->host_cap, QN_E_INTERNAL, "two replies", 11);
}

static void rpc_fail(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    (void)r;
    (void)params;
    (void)len;
    s->host->fail(s->host_cap, QN_E_IO, "as asked", 8);
}

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            return #x;                                                                             \
    } while (0)

static const char *check_chain(const state *s)
{
    qn_chain_info info;
    qn_chain_params params;
    qn_header_rec rec[8];
    qn_hash loc[64];
    qn_block_ref fork;
    uint32_t n, n_loc;
    QN_INIT(&info);
    QN_INIT(&params);
    CHECK(s->chain->info(s->chain_cap, &info) == QN_OK && info.size == sizeof info);
    CHECK(info.epoch && info.progress_ppm <= 1000000);
    CHECK(s->chain->params(s->chain_cap, &params) == QN_OK);
    CHECK(strcmp(params.name, "regtest") == 0 && strcmp(params.bech32_hrp, "bcrt") == 0);
    CHECK(s->chain->headers(s->chain_cap, 0, rec, 8, &n) == QN_OK && n >= 1 && n <= 8);
    CHECK(memcmp(rec[0].ref.hash.b, params.genesis.b, 32) == 0);
    CHECK(rec[0].flags == (QN_HEADER_KNOWN | QN_HEADER_ACTIVE | QN_HEADER_BODY));
    CHECK(s->chain->headers(s->chain_cap, info.tip.height + 1, rec, 8, &n) == QN_E_NOTFOUND);
    CHECK(s->chain->locator(s->chain_cap, NULL, loc, 64, &n_loc) == QN_OK && n_loc >= 1);
    CHECK(memcmp(&loc[0], &info.tip.hash, 32) == 0);
    CHECK(memcmp(&loc[n_loc - 1], &params.genesis, 32) == 0);
    CHECK(s->chain->find_fork(s->chain_cap, loc, n_loc, &fork) == QN_OK);
    CHECK(fork.height == info.tip.height);
    memset(loc[0].b, 0xee, 32);
    CHECK(s->chain->headers_by_hash(s->chain_cap, loc, 1, rec) == QN_OK && rec[0].flags == 0);
    CHECK(s->chain->headers_by_hash(s->chain_cap, loc, 2001, rec) == QN_E_INVAL);
    return NULL;
}

static const char *check_blocks(const state *s)
{
    const qn_block_view *view[4];
    qn_read_range want[3] = {
        {.height = 0, .off = 0, .len = 80}, {.height = 9999999}, {.len = 4000000}};
    qn_read_result got[3];
    uint8_t bytes[80];
    uint32_t n, used;
    CHECK(s->read->views_at(s->read_cap, 0, QN_READ_SPENT, view, 4, &n) == QN_OK && n >= 1);
    CHECK(view[0]->height == 0 && view[0]->tx.count == 1);
    for (uint32_t i = 0; i < n; i++)
        CHECK(s->read->release(s->read_cap, view[i]) == QN_OK);
    CHECK(s->read->release(s->read_cap, view[0]) == QN_E_INVAL);
    CHECK(s->read->release(s->read_cap, NULL) == QN_E_INVAL);
    CHECK(s->read->views_at(s->read_cap, 9999999, 0, view, 4, &n) == QN_E_NOTFOUND && n == 0);
    CHECK(s->read->views_at(s->read_cap, 0, 64, view, 4, &n) == QN_E_INVAL);
    CHECK(s->read->ranges(s->read_cap, want, 1, got, bytes, 80, &used) == QN_OK && used == 80);
    CHECK(got[0].status == QN_OK && bytes[0] == 1 && bytes[4] == 0);
    CHECK(s->read->ranges(s->read_cap, want, 1, got, bytes, 79, &used) == QN_E_SPACE && used == 80);
    CHECK(s->read->ranges(s->read_cap, want + 1, 1, got, bytes, 80, &used) == QN_OK && used == 0);
    CHECK(got[0].status == QN_E_NOTFOUND);
    CHECK(s->read->ranges(s->read_cap, want + 2, 1, got, bytes, 80, &used) == QN_E_SPACE);
    return NULL;
}

static const char *check_store(state *s)
{
    static const uint8_t half[] = {1, 0, 0, 0, 3, 0, 0, 0, 200, 0, 0, 0, 'a'};
    const uint8_t *k, *v;
    uint64_t snap, it, size;
    uint32_t n, nk;
    char value[4];
    qn_batch b = {0};
    qn_store_info info;
    QN_INIT(&info);
    qn_batch_put(&b, "x1", 2, "one", 3);
    qn_batch_put(&b, "x2", 2, "two", 3);
    qn_batch_put(&b, "x3", 2, "", 0);
    CHECK(qn_batch_write(&b, s->store, s->store_cap, QN_STORE_SYNC) == QN_OK);
    CHECK(s->store->snapshot_open(s->store_cap, &snap) == QN_OK && snap);
    qn_batch_delete(&b, "x1", 2);
    qn_batch_put(&b, "x2", 2, "zwei", 4);
    CHECK(qn_batch_write(&b, s->store, s->store_cap, 0) == QN_OK);
    CHECK(s->store->get(s->store_cap, 0, "x1", 2, value, 4, &n) == QN_E_NOTFOUND);
    CHECK(s->store->get(s->store_cap, snap, "x1", 2, value, 4, &n) == QN_OK && n == 3);
    CHECK(s->store->get(s->store_cap, 0, "x2", 2, value, 3, &n) == QN_E_SPACE && n == 4);
    CHECK(s->store->get(s->store_cap, 0, "x3", 2, value, 3, &n) == QN_OK && n == 0);
    CHECK(s->store->get(s->store_cap, 77, "x2", 2, value, 4, &n) == QN_E_CLOSED);
    CHECK(s->store->get(s->store_cap, 0, "", 0, value, 4, &n) == QN_E_INVAL);
    CHECK(s->store->write(s->store_cap, half, sizeof half, 0) == QN_E_INVAL);
    CHECK(s->store->write(s->store_cap, half, 5, 0) == QN_E_INVAL);
    CHECK(s->store->iter_open(s->store_cap, snap, "x", 1, "y", 1, QN_ITER_REVERSE, &it) == QN_OK);
    CHECK(s->store->iter_next(s->store_cap, it, &k, &nk, &v, &n) == QN_OK && k[1] == '3');
    CHECK(s->store->iter_next(s->store_cap, it, &k, &nk, &v, &n) == QN_OK && k[1] == '2');
    CHECK(n == 3 && memcmp(v, "two", 3) == 0);
    CHECK(s->store->snapshot_close(s->store_cap, snap) == QN_E_BUSY);
    CHECK(s->store->wipe(s->store_cap) == QN_E_BUSY);
    CHECK(s->store->iter_next(s->store_cap, it, &k, &nk, &v, &n) == QN_OK && k[1] == '1');
    CHECK(s->store->iter_next(s->store_cap, it, &k, &nk, &v, &n) == QN_E_END);
    CHECK(s->store->iter_next(s->store_cap, it, &k, &nk, &v, &n) == QN_E_END);
    CHECK(s->store->iter_close(s->store_cap, it) == QN_OK);
    CHECK(s->store->iter_close(s->store_cap, it) == QN_E_CLOSED);
    CHECK(s->store->snapshot_close(s->store_cap, snap) == QN_OK);
    CHECK(s->store->info(s->store_cap, &info) == QN_OK && info.bytes > 0);
    CHECK(s->store->size_of(s->store_cap, "", 0, "", 0, &size) == QN_OK);
    qn_batch_delete(&b, "x2", 2);
    qn_batch_delete(&b, "x3", 2);
    CHECK(qn_batch_write(&b, s->store, s->store_cap, 0) == QN_OK);
    qn_batch_free(&b);
    return NULL;
}

static const char *check_host(state *s)
{
    const void *t;
    qn_cap *c;
    uint8_t r[16] = {0}, zero[16] = {0};
    uint64_t timer;
    CHECK(s->host->get(s->host_cap, "chain.follow/1", 99, &t, &c) == QN_E_OLDHOST);
    CHECK(s->host->get(s->host_cap, "no.such/1", 1, &t, &c) == QN_E_NOSUCH);
    CHECK(s->host->get(s->host_cap, "host/1", 1, &t, &c) == QN_OK && t == s->host);
    CHECK(s->host->random(s->host_cap, r, 16) == QN_OK && memcmp(r, zero, 16) != 0);
    CHECK(s->host->now_ms(s->host_cap) > 0 && s->host->time(s->host_cap) > 0);
    CHECK(s->host->timer_set(s->host_cap, 1000000, now, s, &timer) == QN_OK);
    CHECK(s->host->timer_cancel(s->host_cap, timer) == QN_OK);
    CHECK(s->host->timer_cancel(s->host_cap, timer) == QN_E_NOTFOUND);
    CHECK(s->follower.table->ack(s->follower.cap, s->follower.follow, 1u << 30) == QN_E_INVAL);
    CHECK(s->follower.table->ack(s->follower.cap, 12345, 1) == QN_E_CLOSED);
    CHECK(s->rpc->add(s->rpc_cap, NULL, "getblock", "", "", rpc_echo, s) == QN_E_DENIED);
    CHECK(s->rpc->add(s->rpc_cap, NULL, "good.echo", "", "", rpc_echo, s) == QN_E_EXISTS);
    CHECK(s->rpc->add(s->rpc_cap, NULL, "good.Echo", "", "", rpc_echo, s) == QN_E_INVAL);
    CHECK(s->rpc->remove(s->rpc_cap, "good.none") == QN_E_NOTFOUND);
    return NULL;
}

static void rpc_api(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    const char *bad = check_host(s);
    (void)params;
    (void)len;
    bad = bad ? bad : check_chain(s);
    bad = bad ? bad : check_blocks(s);
    bad = bad ? bad : check_store(s);
    qn_json_text(&j, NULL, bad ? bad : "ok");
    reply(s, r->request, &j);
}

/* ---- life ---- */

static state the_state; /* a plugin may be loaded once */

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    state *s = &the_state;
    const void *t;
    memset(s, 0, sizeof *s);
    s->host = host;
    s->host_cap = cap;
    *self = s;
#if defined(SHAPE_INITFAIL)
    return QN_E_UNSUPPORTED;
#endif
#if defined(SHAPE_INITHANG) /* and says all the time that it gets on */
    for (;;)
        host->progress(cap, 1, "on", 2);
#endif
#if defined(SHAPE_GREEDY)
    /* Asked for, but not granted; and never asked for. */
    if (host->get(cap, "store.own/1", 1, &t, &s->store_cap) == QN_E_DENIED &&
        host->get(cap, "rpc.serve/1", 1, &t, &s->rpc_cap) == QN_E_DENIED && !s->store_cap)
        return QN_OK;
    return QN_E_INTERNAL;
#endif
    snprintf(s->greeting, sizeof s->greeting, "%s", qn_config_text(config, "greeting"));
    if (qn_config_u64(config, "batch", 0) != 7)
        return QN_E_INVAL;
#if defined(SHAPE_SMALL) || defined(SHAPE_NOSTORE)
    (void)t;
#else
    if (host->get(cap, "chain.read/1", 1, &t, &s->chain_cap) != QN_OK)
        return QN_E_DENIED;
    s->chain = t;
    if (host->get(cap, "block.read/1", 1, &t, &s->read_cap) != QN_OK)
        return QN_E_DENIED;
    s->read = t;
    if (host->get(cap, "store.own/1", 1, &t, &s->store_cap) != QN_OK)
        return QN_E_DENIED;
    s->store = t;
    if (host->get(cap, "rpc.serve/1", 1, &t, &s->rpc_cap) != QN_OK)
        return QN_E_DENIED;
    s->rpc = t;
    if (host->get(cap, "chain.follow/1", 1, &t, &s->follower.cap) != QN_OK)
        return QN_E_DENIED;
    s->follower.table = t;
#endif
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    (void)s;
#if defined(SHAPE_FAILER)
    s->host->fail(s->host_cap, QN_E_IO, "on purpose", 10);
#endif
#if !defined(SHAPE_SMALL) && !defined(SHAPE_GREEDY) && !defined(SHAPE_NOSTORE)
    static const struct {
        const char *name, *args, *help;
        qn_rpc_handler_fn *fn;
        uint32_t timeout;
    } method[] = {{"good.status", "", "for tests", rpc_status, 5000},
                  {"good.rows", "", "for tests", rpc_rows, 5000},
                  {"good.echo", "first second|zweites",
                   "good.echo \"first\" ( second )\nWhat it got.", rpc_echo, 60000},
                  {"good.later", "", "for tests", rpc_later, 5000},
                  {"good.never", "", "for tests", rpc_never, 50},
                  {"good.bad", "", "for tests", rpc_bad, 5000},
                  {"good.fail", "", "for tests", rpc_fail, 5000},
                  {"good.api", "", "for tests", rpc_api, 5000}};
    for (size_t i = 0; i < sizeof method / sizeof method[0]; i++) {
        qn_rpc_method m = {
            .size = sizeof m, .set = QN_SET_RPC_METHOD_TIMEOUT_MS, .timeout_ms = method[i].timeout};
        qn_status st = s->rpc->add(s->rpc_cap, &m, method[i].name, method[i].args, method[i].help,
                                   method[i].fn, s);
        if (st != QN_OK)
            return st;
    }
    qn_hash locator[40];
    qn_follow_options o = {
        .size = sizeof o, .set = QN_SET_FOLLOW_OPTIONS_FLAGS, .flags = QN_FOLLOW_SPENT};
    s->follower.host = s->host;
    s->follower.host_cap = s->host_cap;
    s->follower.on = (qn_follow_handlers){on_connect, on_disconnect, NULL, commit, s};
    return qn_follow_start(&s->follower, &o, locator, make_locator(s, locator));
#else
    return QN_OK;
#endif
}

#if defined(SHAPE_WEDGE)
/* Never comes back, and uses all it was given, whatever it is told. */
static void hammer(state *s)
{
    static qn_header_rec rec[2000];
    static qn_hash hash[2000];
    const qn_block_view *view[8];
    qn_chain_info info;
    uint64_t timer;
    uint32_t n;
    char value[32];
    QN_INIT(&info);
    s->host->log(s->host_cap, QN_LOG_DEBUG, "still here", 10);
    (void)s->chain->info(s->chain_cap, &info);
    (void)s->chain->headers(s->chain_cap, 0, rec, 2000, &n);
    (void)s->chain->headers_by_hash(s->chain_cap, hash, 2000, rec);
    (void)s->chain->locator(s->chain_cap, NULL, hash, 2000, &n);
    n = 0;
    if (s->read->views_at(s->read_cap, 0, QN_READ_SPENT, view, 8, &n) == QN_OK)
        for (uint32_t i = 0; i < n; i++)
            (void)s->read->release(s->read_cap, view[i]);
    qn_batch_put(&s->batch, "wedged", 6, "still", 5);
    (void)qn_batch_write(&s->batch, s->store, s->store_cap, QN_STORE_SYNC);
    (void)s->store->get(s->store_cap, 0, "wedged", 6, value, sizeof value, &n);
    (void)s->rpc->reply(s->rpc_cap, 1, "1", 1);
    (void)s->rpc->add(s->rpc_cap, NULL, "good.wedged", "", "", rpc_echo, s);
    (void)s->rpc->remove(s->rpc_cap, "good.wedged");
    if (s->host->timer_set(s->host_cap, 1000, now, s, &timer) == QN_OK)
        (void)s->host->timer_cancel(s->host_cap, timer);
    (void)s->follower.table->ack(s->follower.cap, s->follower.follow, s->follower.seq);
    s->host->fail(s->host_cap, QN_E_IO, "never mind", 10);
}
#endif

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
#if defined(SHAPE_WEDGE)
    for (;;)
        hammer(s);
#endif
    qn_status st = s->follower.follow ? qn_follow_commit(&s->follower) : QN_OK;
    if (s->follower.follow)
        qn_follow_end(&s->follower);
    return st;
}

static void fini(void *self)
{
    state *s = self;
    qn_batch_free(&s->batch);
}

#if defined(SHAPE_WRONGVER)
#define ENTRY_VERSION "1.2.4"
#else
#define ENTRY_VERSION PLUGIN_VERSION
#endif
#if defined(SHAPE_WRONGID)
#define ENTRY_ID "org.quoin.test.other"
#else
#define ENTRY_ID ID
#endif

#if defined(SHAPE_NOENTRY)
static const qn_plugin_1 hidden_entry __attribute__((used))
#else
const qn_plugin_1 qn_plugin_entry
#endif
= {
#if !defined(SHAPE_OLDENTRY)
    .h = QN_PLUGIN_HEAD,
#endif
    .id = ENTRY_ID,
    .version = ENTRY_VERSION,
    .init = init,
    .start = start,
    .stop = stop,
    .fini = fini};
