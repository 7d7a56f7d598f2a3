/* A plugin that behaves and watches very many: made-up scripts, half of 22 and half of 34 bytes and
 * outpoints, and those it is given. It keeps no rows, only how many hits it was
 * told and a sum over them, which does not depend on their order. */
#define _POSIX_C_SOURCE 200809L
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"
#include "quoin/sdk_watch.h"
#include "quoin/watch.h"

#include <time.h>

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"org.quoin.test.plugin\",\"version\":\"1.0.0\","
                   "\"requires\":[\"watch/1\",\"rpc.serve/1\"]}");

#define CALL 65536u /* things in one call */
#define MADE_UP UINT64_C(0x100000000)

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap, *rpc_cap;
    const qn_rpc_serve_1 *rpc;
    qn_watcher w;
    uint64_t named, hits, sum, scanned, scanned_sum, strange, scans, scan_us;
    struct timespec scan_began;
    uint32_t height, lowest;
    int32_t scan_status;
} state;

static uint64_t since_us(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec - t->tv_sec) * 1000000 + (uint64_t)(now.tv_nsec / 1000) -
           (uint64_t)(t->tv_nsec / 1000);
}

/* ---- scripts ---- */

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void fill(uint64_t i, uint8_t *out, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        out[k] = (uint8_t)(mix(i * 4 + k / 8) >> (k % 8 * 8));
}

static uint32_t made_up(uint64_t i, uint8_t *out)
{
    const uint32_t n = i % 2 ? 32 : 20;
    out[0] = i % 2 ? 0x51 : 0;
    out[1] = (uint8_t)n;
    fill(i, out + 2, n);
    return n + 2;
}

typedef struct call {
    qn_watch_script *script;
    qn_watch_outpoint *coin;
    uint8_t *bytes;
    uint32_t n, len, n_coins;
} call;

/* every: an outpoint for so many scripts; 0: none. */
static qn_status make(call *c, uint64_t from, uint32_t n, uint64_t every)
{
    c->script = calloc(n, sizeof *c->script);
    c->coin = calloc(n + 1, sizeof *c->coin);
    c->bytes = malloc((size_t)n * 34);
    if (!c->script || !c->coin || !c->bytes)
        return QN_E_NOMEM;
    for (c->n = 0; c->n < n; c->n++) {
        uint64_t i = from + c->n;
        uint32_t len = made_up(i, c->bytes + c->len);
        c->script[c->n] = (qn_watch_script){.cookie = MADE_UP + i, .len = len};
        c->len += len;
        if (!every || i % every)
            continue;
        c->coin[c->n_coins].cookie = MADE_UP + i;
        fill(~i, c->coin[c->n_coins++].txid.b, 32);
    }
    return QN_OK;
}

/* Out: *us grows by what the node's calls took. */
static qn_status add_some(state *s, uint64_t from, uint32_t n, uint64_t every, uint64_t *us)
{
    call c = {0};
    struct timespec began;
    qn_status st = make(&c, from, n, every);
    clock_gettime(CLOCK_MONOTONIC, &began);
    if (st == QN_OK)
        st = s->w.table->add(s->w.cap, s->w.watch, c.script, c.n, c.bytes, c.len,
                             QN_WATCH_ADD_FRESH, NULL);
    if (st == QN_OK && c.n_coins)
        st = s->w.table->add_outpoints(s->w.cap, s->w.watch, c.coin, c.n_coins, QN_WATCH_ADD_FRESH,
                                       NULL);
    *us += since_us(&began);
    free(c.script);
    free(c.coin);
    free(c.bytes);
    return st;
}

/* ---- events ---- */

static uint64_t value_of(const qn_watch_event *ev)
{
    uint64_t h;
    memcpy(&h, ev->txid.b, sizeof h);
    return mix(h + ev->io * 2 + (ev->flags & QN_WATCH_EVF_SPENT));
}

static qn_status on_hit(void *arg, const qn_watch_event *ev, const uint8_t *tx,
                        const uint8_t *script)
{
    state *s = arg;
    (void)tx;
    (void)script;
    s->strange += ev->cookie >= MADE_UP || ev->cookie > s->named;
    if (ev->type == QN_WATCH_EV_CONFIRMED && ev->rescan) {
        s->scanned++;
        s->scanned_sum += value_of(ev);
    } else if (ev->type == QN_WATCH_EV_CONFIRMED) {
        s->hits++;
        s->sum += value_of(ev);
    } else if (ev->type == QN_WATCH_EV_UNCONFIRMED) {
        s->hits--;
        s->sum -= value_of(ev);
    }
    return QN_OK;
}

static qn_status on_block(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    s->height = qn_watch_at(ev)->height;
    return QN_OK;
}

static qn_status on_rescan(void *arg, const qn_watch_event *ev)
{
    state *s = arg;
    if (ev->type != QN_WATCH_EV_RESCAN_DONE)
        return QN_OK;
    s->scan_us = since_us(&s->scan_began);
    s->scan_status = ev->status;
    s->scans--;
    return QN_OK;
}

/* ---- questions ---- */

static void answer(state *s, const qn_rpc_request *r, qn_status st, uint64_t us)
{
    qn_json j = {0};
    qn_watch_usage u;
    QN_INIT(&u);
    (void)s->w.table->usage(s->w.cap, &u);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "status", st);
    qn_json_int(&j, "us", (int64_t)us);
    qn_json_int(&j, "scripts", (int64_t)u.scripts);
    qn_json_int(&j, "outpoints", (int64_t)u.outpoints);
    qn_json_int(&j, "bytes", (int64_t)u.bytes);
    qn_json_int(&j, "height", s->height);
    qn_json_int(&j, "hits", (int64_t)s->hits);
    qn_json_hex(&j, "sum", &s->sum, sizeof s->sum, 1);
    qn_json_int(&j, "scans", (int64_t)s->scans);
    qn_json_int(&j, "scan_us", (int64_t)s->scan_us);
    qn_json_int(&j, "scan_status", s->scan_status);
    qn_json_int(&j, "lowest", s->lowest);
    qn_json_int(&j, "scanned", (int64_t)s->scanned);
    qn_json_hex(&j, "scanned_sum", &s->scanned_sum, sizeof s->scanned_sum, 1);
    qn_json_int(&j, "strange", (int64_t)s->strange);
    qn_json_close(&j, '}');
    (void)s->rpc->reply(s->rpc_cap, r->request, j.data, j.len);
    qn_json_free(&j);
}

/* [n, every]: that many made-up scripts, in large calls, and an outpoint for every so many. */
static void on_crowd(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    char *end = NULL;
    uint64_t n = len > 2 ? strtoull(params + 1, &end, 10) : 0, us = 0;
    uint64_t every = end && *end == ',' ? strtoull(end + 1, NULL, 10) : 0;
    qn_status st = QN_OK;
    for (uint64_t i = 0; i < n && st == QN_OK; i += CALL)
        st = add_some(s, i, n - i < CALL ? (uint32_t)(n - i) : CALL, every, &us);
    answer(s, r, st, us);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* [["hex", ...]]: these. */
static void on_named(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_watch_script *list = calloc(len / 4 + 1, sizeof *list);
    uint8_t *bytes = malloc(len / 2 + 1);
    uint32_t n = 0, n_bytes = 0;
    qn_status st = list && bytes ? QN_OK : QN_E_NOMEM;
    for (uint32_t i = 0; st == QN_OK && i < len; i++) {
        if (digit(params[i]) < 0)
            continue;
        list[n].cookie = ++s->named;
        for (; i + 1 < len && digit(params[i]) >= 0; i += 2, list[n].len++)
            bytes[n_bytes++] = (uint8_t)(digit(params[i]) << 4 | digit(params[i + 1]));
        n++;
    }
    if (st == QN_OK)
        st = s->w.table->add(s->w.cap, s->w.watch, list, n, bytes, n_bytes, 0, NULL);
    free(list);
    free(bytes);
    answer(s, r, st, 0);
}

/* [from, flags] */
static void on_rescan_method(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    char *end = NULL;
    qn_watch_rescan o;
    uint64_t id;
    QN_INIT(&o);
    o.set = QN_SET_WATCH_RESCAN_FROM | QN_SET_WATCH_RESCAN_FLAGS;
    o.from = len > 2 ? (uint32_t)strtoul(params + 1, &end, 10) : 0;
    o.flags = end && *end == ',' ? (uint32_t)strtoul(end + 1, NULL, 10) : 0;
    s->scanned = s->scanned_sum = 0;
    clock_gettime(CLOCK_MONOTONIC, &s->scan_began);
    qn_status st = s->w.table->rescan(s->w.cap, s->w.watch, &o, &id, &s->lowest);
    s->scans += st == QN_OK;
    answer(s, r, st, 0);
}

static void on_counts(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    (void)params;
    (void)len;
    answer(arg, r, QN_OK, 0);
}

/* ---- life ---- */

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = s->w.host = host;
    s->cap = s->w.host_cap = cap;
    s->height = UINT32_MAX;
    qn_status st = host->get(cap, QN_WATCH_1_ID, 1, &table, &s->w.cap);
    s->w.table = st == QN_OK ? table : NULL;
    if (st == QN_OK)
        st = host->get(cap, QN_RPC_SERVE_1_ID, 1, &table, &s->rpc_cap);
    s->rpc = st == QN_OK ? table : NULL;
    s->w.on = (qn_watch_handlers){
        .on_hit = on_hit, .on_block = on_block, .on_rescan = on_rescan, .arg = s};
    *self = s;
    if (st != QN_OK)
        free(s);
    return st;
}

static qn_status start(void *self)
{
    state *s = self;
    static const struct {
        const char *name;
        qn_rpc_handler_fn *fn;
    } METHOD[] = {{"good.crowd", on_crowd},
                  {"good.named", on_named},
                  {"good.rescan", on_rescan_method},
                  {"good.counts", on_counts}};
    qn_block_ref at;
    qn_status st = qn_watch_start(&s->w, NULL, NULL, 0, &at);
    for (size_t i = 0; st == QN_OK && i < sizeof METHOD / sizeof METHOD[0]; i++)
        st =
            s->rpc->add(s->rpc_cap, NULL, METHOD[i].name, "a b c d e f", "good\n", METHOD[i].fn, s);
    return st;
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
