/* A plugin that behaves: walks over all coins and looks some up as it is told. Every answer is
 * JSON, so that both modes can be compared. */
#include "quoin/coins_read.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"org.quoin.test.plugin\",\"version\":\"1.0.0\","
                   "\"requires\":[\"coins.read/1\",\"rpc.serve/1\"]}");

#define ROWS 5000
#define BYTES 200000

typedef struct state {
    const qn_host_1 *host;
    const qn_coins_read_1 *coins;
    const qn_rpc_serve_1 *rpc;
    qn_cap *cap, *coins_cap, *rpc_cap;
    uint64_t scan;
    qn_coin_row row[ROWS];
    uint8_t script[BYTES];
    qn_mempool_outpoint last, asked[1100];
    qn_coin coin[1100];
} state;

static void reply(state *s, const qn_rpc_request *r, qn_json *j)
{
    (void)s->rpc->reply(s->rpc_cap, r->request, j->data, j->len);
    qn_json_free(j);
}

/* Numbers of the parameters, in order. */
static uint32_t numbers(const char *p, uint32_t *out, uint32_t max)
{
    uint32_t n = 0;
    while (n < max && *(p += strcspn(p, "0123456789")))
        out[n++] = (uint32_t)strtoul(p, (char **)&p, 10);
    return n;
}

static void say_tip(qn_json *j, const qn_coins_at *at)
{
    qn_json_hex(j, "tip", &at->tip, 32, 1);
    qn_json_int(j, "height", at->height);
    qn_json_bool(j, "epoch", at->epoch != 0);
}

/* [behind the last coin given? 0 or 1] */
static void on_open(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    qn_coins_at at = {0};
    uint32_t behind = 0;
    (void)len;
    numbers(params, &behind, 1);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "status",
                s->coins->scan_open(s->coins_cap, behind ? &s->last : NULL, &s->scan, &at));
    qn_json_int(&j, "scan", (int64_t)s->scan);
    say_tip(&j, &at);
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

/* [scan, rows, bytes, calls]: what so many answers hold together. */
static void on_next(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    uint32_t a[4] = {0}, rows = 0, bytes = 0, unordered = 0;
    uint64_t count = 0, value = 0, scripts = 0, coinbases = 0, moved = 0, sum = 0;
    qn_status st = QN_OK;
    (void)len;
    numbers(params, a, 4);
    for (; st == QN_OK && a[3]; a[3]--) {
        st = s->coins->scan_next(s->coins_cap, a[0], s->row, a[1], &rows, s->script, a[2], &bytes);
        for (uint32_t i = 0; st == QN_OK && i < rows; i++) {
            unordered += memcmp(&s->row[i].outpoint.txid, &s->last.txid, 32) < 0;
            s->last = s->row[i].outpoint;
            value += (uint64_t)s->row[i].value;
            coinbases += s->row[i].flags & QN_COIN_COINBASE;
            sum += s->row[i].height;
        }
        count += st == QN_OK ? rows : 0;
        scripts += st == QN_OK ? bytes : 0;
    }
    qn_coins_at at = {0};
    qn_status tip = s->coins->scan_tip(s->coins_cap, a[0], &at, &moved);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "status", st);
    qn_json_int(&j, "count", (int64_t)count);
    qn_json_int(&j, "value", (int64_t)value);
    qn_json_int(&j, "scripts", (int64_t)scripts);
    qn_json_int(&j, "coinbases", (int64_t)coinbases);
    qn_json_int(&j, "heights", (int64_t)sum);
    qn_json_int(&j, "unordered", unordered);
    qn_json_int(&j, "moved", (int64_t)moved);
    qn_json_int(&j, "bytes", bytes);
    qn_json_int(&j, "tip_status", tip);
    say_tip(&j, &at);
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

static void on_close(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    uint32_t scan = 0;
    (void)len;
    numbers(params, &scan, 1);
    memset(&s->last, 0, sizeof s->last);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "status", s->coins->scan_close(s->coins_cap, scan));
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

/* ["outpoints as bytes in hex", room, times: the list so often] */
static void on_coins(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    qn_coins_at at = {0};
    uint8_t b[36 * 16];
    uint32_t n = 0, a[2] = {BYTES, 1}, used = 0;
    unsigned x;
    (void)len;
    const char *p = strchr(params, '"');
    for (p = p ? p + 1 : ""; n < sizeof b && sscanf(p, "%2x", &x) == 1 && *p != '"'; p += 2)
        b[n++] = (uint8_t)x;
    numbers(strchr(p, '"') ? strchr(p, '"') : "", a, 2);
    uint32_t one = n / 36, all = one * a[1];
    for (uint32_t i = 0; i < all && i < 1100; i++)
        memcpy(&s->asked[i], b + 36 * (i % one), 36);
    memset(s->coin, 0xee, sizeof s->coin);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "status",
                s->coins->coins(s->coins_cap, s->asked, all, s->coin, s->script, a[0], &used, &at));
    say_tip(&j, &at);
    qn_json_int(&j, "used", used);
    qn_json_open(&j, "coins", '[');
    for (uint32_t i = 0; i < all && i < one; i++) {
        qn_json_int(&j, NULL, s->coin[i].status);
        qn_json_int(&j, NULL, s->coin[i].value);
        qn_json_int(&j, NULL, s->coin[i].height);
        qn_json_int(&j, NULL, s->coin[i].flags);
        qn_json_int(&j, NULL, s->coin[i].script_len);
    }
    qn_json_close(&j, ']');
    qn_json_hex(&j, "script", s->script, used < 40 ? used : 40, 0);
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *t = NULL;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    qn_status st = host->get(cap, QN_COINS_READ_1_ID, 1, &t, &s->coins_cap);
    s->coins = t;
    if (st == QN_OK)
        st = host->get(cap, QN_RPC_SERVE_1_ID, 1, &t, &s->rpc_cap);
    s->rpc = t;
    if (st != QN_OK) {
        free(s);
        return st;
    }
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    static const struct {
        const char *name;
        qn_rpc_handler_fn *fn;
    } METHOD[] = {{"good.open", on_open},
                  {"good.next", on_next},
                  {"good.close", on_close},
                  {"good.coins", on_coins}};
    state *s = self;
    qn_status st = QN_OK;
    for (size_t i = 0; i < sizeof METHOD / sizeof METHOD[0] && st == QN_OK; i++)
        st = s->rpc->add(s->rpc_cap, NULL, METHOD[i].name, "a b c d", "good\n", METHOD[i].fn, s);
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.quoin.test.plugin",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
