/* A plugin that behaves: keeps a copy of the mempool in step with the chain, and asks what it is
 * told to ask. Every answer is JSON, so that both modes can be compared. */
#define QN_ALLOW_UNSTABLE
#include "quoin/fees_estimate.h"
#include "quoin/mempool_follow_unstable.h"
#include "quoin/mempool_read.h"
#include "quoin/node_read.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"
#include "quoin/tx_submit.h"

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"org.quoin.test.plugin\",\"version\":\"1.0.0\","
                   "\"requires\":[\"chain.follow/1\",\"mempool.follow/1\",\"mempool.read/1\","
                   "\"rpc.serve/1\"],\"optional\":[\"mempool.follow.unstable/1\",\"tx.submit/1\","
                   "\"fees.estimate/1\",\"node.read/1\"]}");

#define TXS 4096

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap;
    const qn_mempool_read_1 *read;
    const qn_mempool_follow_unstable_1 *trial;
    const qn_tx_submit_1 *submit;
    const qn_fees_estimate_1 *fees;
    const qn_rpc_serve_1 *rpc;
    const qn_node_read_1 *node;
    qn_cap *node_cap, *read_cap, *trial_cap, *submit_cap, *fees_cap, *rpc_cap;
    qn_follower chain;
    qn_pool_follower pool;
    qn_hash tx[TXS];
    uint32_t n, synced, gaps;
    uint64_t next; /* number of the mempool's event that comes next */
    uint64_t added, removed[8], tips, wrong;
    qn_hash tip;
} state;

/* ---- the copy ---- */

static uint32_t find(const state *s, const qn_hash *txid)
{
    uint32_t i = 0;
    while (i < s->n && memcmp(&s->tx[i], txid, 32) != 0)
        i++;
    return i;
}

static void number(state *s, const qn_mempool_event *ev)
{
    if (ev->flags & QN_MEMPOOL_EVF_SNAPSHOT)
        return;
    s->wrong += !s->synced || ev->sequence < s->next;
    s->next = ev->sequence + 1;
}

static qn_status on_added(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    if (s->n == TXS || find(s, &ev->txid) < s->n)
        return QN_E_CORRUPT;
    s->tx[s->n++] = ev->txid;
    s->added++;
    number(s, ev);
    return QN_OK;
}

static qn_status on_removed(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    uint32_t i = find(s, &ev->txid);
    if (i == s->n)
        return QN_E_CORRUPT;
    s->tx[i] = s->tx[--s->n];
    s->removed[ev->reason & 7]++;
    number(s, ev);
    return QN_OK;
}

static qn_status on_synced(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    s->synced = 1;
    s->next = ev->sequence;
    return QN_OK;
}

static qn_status on_tip(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    s->tips++;
    s->tip = ev->tip;
    return QN_OK;
}

static qn_status on_forget(void *arg)
{
    state *s = arg;
    s->n = s->synced = 0;
    s->gaps++;
    return QN_OK;
}

static qn_status on_step(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    (void)arg;
    (void)ev;
    (void)view;
    return QN_OK;
}

static qn_status commit(void *arg, const qn_block_ref *at)
{
    state *s = arg;
    (void)at;
    qn_pool_follow_run(&s->pool);
    return QN_OK;
}

/* ---- questions ---- */

static void reply(state *s, const qn_rpc_request *r, qn_json *j)
{
    (void)s->rpc->reply(s->rpc_cap, r->request, j->data, j->len);
    qn_json_free(j);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static void on_pool(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    (void)params;
    (void)len;
    qsort(s->tx, s->n, sizeof s->tx[0], by_bytes);
    qn_json_open(&j, NULL, '{');
    qn_json_open(&j, "txids", '[');
    for (uint32_t i = 0; i < s->n; i++)
        qn_json_hex(&j, NULL, &s->tx[i], 32, 1);
    qn_json_close(&j, ']');
    qn_json_bool(&j, "synced", (int)s->synced);
    qn_json_int(&j, "wrong", (int64_t)s->wrong);
    qn_json_hex(&j, "at", &s->chain.at.hash, 32, 1);
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

static void on_counts(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    static const char *const WHY[] = {"?",     "expiry",   "size",     "reorg",
                                      "block", "conflict", "replaced", "?"};
    state *s = arg;
    qn_json j = {0};
    (void)params;
    (void)len;
    qn_json_open(&j, NULL, '{');
    for (int i = 1; i < 7; i++)
        qn_json_int(&j, WHY[i], (int64_t)s->removed[i]);
    qn_json_int(&j, "added", (int64_t)s->added);
    qn_json_int(&j, "tips", (int64_t)s->tips);
    qn_json_int(&j, "gaps", (int64_t)s->gaps);
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

/* The first text of the parameters as bytes. Returns how many. */
static uint32_t bytes_of(const char *params, uint8_t *out, uint32_t max)
{
    const char *p = strchr(params, '"');
    uint32_t n = 0;
    unsigned x;
    for (p = p ? p + 1 : ""; n < max && sscanf(p, "%2x", &x) == 1 && *p != '"'; p += 2)
        out[n++] = (uint8_t)x;
    return n;
}

static void say_moment(qn_json *j, const qn_mempool_at *at)
{
    qn_json_int(j, "chain_seq", (int64_t)at->chain_seq);
    qn_json_int(j, "height", at->height);
    qn_json_hex(j, "tip", &at->tip, 32, 1);
}

static void on_info(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    qn_mempool_info i;
    qn_hash ids[64];
    qn_mempool_at at;
    qn_node_info node;
    uint32_t n = 0;
    (void)params;
    (void)len;
    QN_INIT(&i);
    QN_INIT(&node);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "status", s->read->info(s->read_cap, &i));
    qn_json_int(&j, "count", (int64_t)i.count);
    qn_json_int(&j, "vbytes", (int64_t)i.vbytes);
    qn_json_int(&j, "fees", i.fees);
    qn_json_int(&j, "min_fee", i.min_fee);
    qn_json_int(&j, "max", (int64_t)i.max_usage);
    say_moment(&j, &i.at);
    qn_json_int(&j, "txids_status", s->read->txids(s->read_cap, ids, 64, &n, &at));
    qn_json_open(&j, "txids", '[');
    for (uint32_t k = 0; k < n && k < 64; k++)
        qn_json_hex(&j, NULL, &ids[k], 32, 1);
    qn_json_close(&j, ']');
    qn_json_int(&j, "no_room", n ? s->read->txids(s->read_cap, ids, n - 1, &n, NULL) : 0);
    if (s->node) {
        qn_json_int(&j, "node", s->node->info(s->node_cap, &node));
        qn_json_int(&j, "node_tx", (int64_t)node.mempool_tx);
        qn_json_int(&j, "node_vsize", (int64_t)node.mempool_vsize);
        qn_json_int(&j, "node_fees", node.mempool_fees);
        qn_json_int(&j, "node_max", (int64_t)node.mempool_max);
        qn_json_bool(&j, "node_usage", node.mempool_usage > 0);
    }
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

static void say_entry(qn_json *j, const qn_mempool_entry *e)
{
    qn_json_int(j, "entry", e->status);
    qn_json_hex(j, "wtxid", &e->wtxid, 32, 1);
    qn_json_int(j, "fee", e->fee);
    qn_json_int(j, "vsize", e->vsize);
    qn_json_int(j, "weight", e->weight);
    qn_json_int(j, "chunk_fee", e->chunk_fee);
    qn_json_int(j, "chunk_weight", e->chunk_weight);
    qn_json_int(j, "ancestors", e->ancestors);
    qn_json_int(j, "descendants", e->descendants);
    qn_json_int(j, "cluster", e->cluster);
    qn_json_int(j, "flags", e->flags);
}

/* One transaction by its txid, as bytes in hex: entry, spender of its output 0, bytes, cluster. */
static void on_entry(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    qn_hash id[1] = {{{0}}};
    qn_mempool_entry e[1] = {{0}};
    qn_mempool_spender by[1] = {{0}};
    qn_mempool_bytes b[1] = {{0}};
    qn_mempool_member m[64];
    uint8_t raw[4000];
    uint32_t n = 0, members = 0;
    (void)len;
    bytes_of(params, id[0].b, 32);
    qn_mempool_outpoint o = {id[0], 0};
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "status", s->read->entries(s->read_cap, id, 1, 0, e, NULL));
    say_entry(&j, e);
    qn_json_int(&j, "spenders", s->read->spenders(s->read_cap, &o, 1, by, NULL));
    qn_json_int(&j, "spender", by[0].status);
    qn_json_hex(&j, "by", &by[0].txid, 32, 1);
    qn_json_int(&j, "transactions",
                s->read->transactions(s->read_cap, id, 1, 0, b, raw, sizeof raw, &n));
    qn_json_int(&j, "small", s->read->transactions(s->read_cap, id, 1, 0, b, raw, 10, &n));
    qn_json_hex(&j, "raw", raw, n <= sizeof raw ? n : 0, 0);
    if (s->trial) {
        qn_json_int(&j, "cluster_status",
                    s->trial->cluster(s->trial_cap, id, m, 64, &members, NULL));
        qn_json_open(&j, "members", '[');
        for (uint32_t i = 0; i < members; i++) {
            qn_json_hex(&j, NULL, &m[i].txid, 32, 1);
            qn_json_int(&j, NULL, m[i].chunk);
        }
        qn_json_close(&j, ']');
    }
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

static void say_result(qn_json *j, const qn_submit_result *x)
{
    qn_json_int(j, "is", x->is);
    qn_json_int(j, "code", x->code);
    qn_json_int(j, "fee", x->fee);
    qn_json_int(j, "vsize", x->vsize);
    qn_json_int(j, "replaced", x->replaced);
    qn_json_text(j, "reason", x->reason);
    qn_json_hex(j, "txid", &x->txid, 32, 1);
}

/* ["HEX"] or ["HEX", "test"]; a package has its parts' lengths behind the hex: ["HEX",100,120]. */
static void on_submit(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    uint8_t raw[8000];
    qn_submit_part part[25];
    qn_submit_result x[25];
    qn_submit_package whole;
    uint32_t n = bytes_of(params, raw, sizeof raw), parts = 0, off = 0;
    uint32_t flags = strstr(params, "test") ? QN_SUBMIT_TEST : 0;
    (void)len;
    const char *p = strchr(params, ',');
    for (; p && parts < 25 && p[1] >= '0' && p[1] <= '9'; p = strchr(p + 1, ',')) {
        part[parts] = (qn_submit_part){off, (uint32_t)strtoul(p + 1, NULL, 10)};
        off += part[parts++].len;
    }
    memset(x, 0, sizeof x);
    QN_INIT(&whole);
    qn_json_open(&j, NULL, '{');
    if (parts) {
        qn_json_int(&j, "status",
                    s->submit->package(s->submit_cap, raw, n, part, parts, flags, x, &whole));
        qn_json_int(&j, "package", whole.code);
        qn_json_text(&j, "package_reason", whole.reason);
    } else {
        qn_json_int(&j, "status", s->submit->submit(s->submit_cap, raw, n, flags, x));
        parts = 1;
    }
    qn_json_open(&j, "results", '[');
    for (uint32_t i = 0; i < parts; i++) {
        qn_json_open(&j, NULL, '{');
        say_result(&j, &x[i]);
        qn_json_close(&j, '}');
    }
    qn_json_close(&j, ']');
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

static void on_fees(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    qn_fees_floors f;
    qn_fees_estimate e, c;
    qn_fees_step step[256];
    qn_mempool_point point[256];
    uint32_t n = 0, points = 0;
    (void)params;
    (void)len;
    QN_INIT(&f);
    QN_INIT(&e);
    QN_INIT(&c);
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "floors", s->fees->floors(s->fees_cap, &f));
    qn_json_int(&j, "min_relay", f.min_relay);
    qn_json_int(&j, "dust", f.dust_relay);
    qn_json_int(&j, "estimate", s->fees->estimate(s->fees_cap, 6, 0, &e));
    qn_json_int(&j, "feerate", e.feerate);
    qn_json_int(&j, "by", e.by);
    qn_json_int(&j, "confident", s->fees->confident(s->fees_cap, 6, 900, &c));
    qn_json_int(&j, "bad_target", s->fees->estimate(s->fees_cap, 0, 0, &e));
    qn_json_int(&j, "histogram", s->fees->histogram(s->fees_cap, step, 256, &n, NULL));
    qn_json_open(&j, "steps", '[');
    for (uint32_t i = 0; i < n && i < 256; i++) {
        qn_json_int(&j, NULL, step[i].from);
        qn_json_int(&j, NULL, (int64_t)step[i].vsize);
        qn_json_int(&j, NULL, step[i].fees);
    }
    qn_json_close(&j, ']');
    if (s->trial) {
        qn_json_int(&j, "diagram", s->trial->diagram(s->trial_cap, point, 256, &points, NULL));
        qn_json_int(&j, "points", points);
        qn_json_int(&j, "last", points && points <= 256 ? point[points - 1].fee : 0);
    }
    qn_json_close(&j, '}');
    reply(s, r, &j);
}

/* ---- life ---- */

static void optional(state *s, const char *id, const void **table, qn_cap **cap)
{
    if (s->host->get(s->cap, id, 1, table, cap) != QN_OK)
        *table = NULL;
}

static qn_status tables(state *s)
{
    const void *t;
    qn_status st = s->host->get(s->cap, QN_CHAIN_FOLLOW_1_ID, 1, &t, &s->chain.cap);
    s->chain.table = t;
    if (st == QN_OK)
        st = s->host->get(s->cap, QN_MEMPOOL_FOLLOW_1_ID, 1, &t, &s->pool.cap);
    s->pool.table = t;
    if (st == QN_OK)
        st = s->host->get(s->cap, QN_MEMPOOL_READ_1_ID, 1, &t, &s->read_cap);
    s->read = t;
    if (st == QN_OK)
        st = s->host->get(s->cap, QN_RPC_SERVE_1_ID, 1, &t, &s->rpc_cap);
    s->rpc = t;
    if (st != QN_OK)
        return st;
    optional(s, QN_MEMPOOL_FOLLOW_UNSTABLE_1_ID, &t, &s->trial_cap);
    s->trial = t;
    optional(s, QN_NODE_READ_1_ID, &t, &s->node_cap);
    s->node = t;
    optional(s, QN_TX_SUBMIT_1_ID, &t, &s->submit_cap);
    s->submit = t;
    optional(s, QN_FEES_ESTIMATE_1_ID, &t, &s->fees_cap);
    s->fees = t;
    return QN_OK;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = s->chain.host = s->pool.host = host;
    s->cap = s->chain.host_cap = s->pool.host_cap = cap;
    qn_status st = tables(s);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->chain.on = (qn_follow_handlers){on_step, on_step, NULL, commit, s};
    s->pool.on = (qn_pool_handlers){on_added, on_removed, on_synced, on_tip, on_forget, s};
    s->pool.chain = &s->chain;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    static const struct {
        const char *name;
        qn_rpc_handler_fn *fn;
    } METHOD[] = {{"good.pool", on_pool},   {"good.counts", on_counts}, {"good.info", on_info},
                  {"good.entry", on_entry}, {"good.submit", on_submit}, {"good.fees", on_fees}};
    state *s = self;
    qn_follow_options o;
    qn_status st = QN_OK;
    QN_INIT(&o);
    o.set = QN_SET_FOLLOW_OPTIONS_FLAGS;
    o.flags = QN_FOLLOW_HEADERS_ONLY;
    for (size_t i = 0; i < sizeof METHOD / sizeof METHOD[0] && st == QN_OK; i++)
        st = s->rpc->add(s->rpc_cap, NULL, METHOD[i].name, "a b c", "good\n", METHOD[i].fn, s);
    if (st == QN_OK)
        st = qn_follow_start(&s->chain, &o, NULL, 0);
    if (st == QN_OK)
        st = qn_pool_follow_start(&s->pool, NULL);
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
    qn_pool_follow_end(&s->pool);
    qn_follow_end(&s->chain);
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.quoin.test.plugin",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
