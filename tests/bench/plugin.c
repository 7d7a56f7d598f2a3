/* A plugin to measure with: what costs how much, seen from its side. Built once per way to run it;
 * its id ends in that way, and its methods begin with it. */
#define _POSIX_C_SOURCE 200809L
#include "quoin/block_read.h"
#include "quoin/chain_follow.h"
#include "quoin/chain_read.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#include <stdlib.h>
#include <time.h>

#define ID "org.quoin.bench." WAY
#if defined(STORE)
#define MORE ",\"store.own/1\""
#else
#define MORE ""
#endif

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"1.0.0\",\"license\":\"MIT\","
                   "\"requires\":[\"chain.read/1\",\"chain.follow/1\",\"block.read/1\","
                   "\"rpc.serve/1\"" MORE "]}");

static struct {
    const qn_host_1 *host;
    const qn_chain_read_1 *chain;
    const qn_chain_follow_1 *follow;
    const qn_block_read_1 *read;
    const qn_rpc_serve_1 *rpc;
    qn_cap *host_cap, *chain_cap, *follow_cap, *read_cap, *rpc_cap;
    uint64_t id, request, bytes;
} g;

static void answer(uint64_t request, uint64_t n)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    (void)g.rpc->reply(g.rpc_cap, request, text, (uint64_t)len);
}

static uint32_t number(const char *params)
{
    return (uint32_t)strtoul(params + 1, NULL, 10);
}

/* As many calls that do nothing. */
static void rpc_calls(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    uint32_t n = number(params);
    qn_block_ref fork;
    (void)arg;
    (void)len;
    for (uint32_t i = 0; i < n; i++)
        (void)g.chain->find_fork(g.chain_cap, NULL, 0, &fork);
    answer(r->request, n);
}

static uint64_t touch(const qn_block_view *v)
{
    const volatile uint8_t *p = (const volatile uint8_t *)v;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < v->total; i += 64)
        sum += p[i];
    return sum;
}

/* [height, count, last]: the blocks from that height to the last in turn, every cache line of each,
 * so many in all. Every second round asks for what they spent too, so that there are two copies. */
static void rpc_touch(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    char *at;
    uint32_t from = (uint32_t)strtoul(params + 1, &at, 10);
    uint32_t n = (uint32_t)strtoul(at + 1, &at, 10), to = (uint32_t)strtoul(at + 1, &at, 10);
    uint64_t bytes = 0;
    (void)arg;
    (void)len;
    for (uint32_t i = 0; i < n; i++) {
        const qn_block_view *v;
        uint32_t got = 0, span = to - from + 1;
        uint32_t flags = span > 1 && i / span % 2 ? QN_READ_SPENT : 0;
        if (g.read->views_at(g.read_cap, from + i % span, flags, &v, 1, &got) != QN_OK || !got)
            break;
        bytes += v->total + (touch(v) & 0);
        (void)g.read->release(g.read_cap, v);
    }
    answer(r->request, bytes);
}

/* ---- from genesis to the tip ---- */

static void on_ready(void *arg, uint64_t id)
{
    const qn_follow_event *ev;
    const qn_block_view *view;
    qn_status st;
    (void)arg;
    while ((st = g.follow->next(g.follow_cap, id, &ev, &view)) == QN_OK) {
        g.bytes += view ? view->raw.len : 0;
        (void)g.follow->ack(g.follow_cap, id, ev->seq);
    }
    if (st == QN_E_AGAIN && g.request) {
        (void)g.follow->close(g.follow_cap, id);
        answer(g.request, g.bytes);
        g.request = 0;
    }
}

static void begin(void *arg)
{
    on_ready(arg, g.id);
}

static void rpc_follow(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    qn_block_ref at;
    (void)arg;
    (void)params;
    (void)len;
    g.request = r->request;
    g.bytes = 0;
    if (g.follow->open(g.follow_cap, NULL, NULL, 0, on_ready, NULL, &g.id, &at) != QN_OK ||
        g.host->post(g.host_cap, begin, NULL) != QN_OK)
        answer(r->request, 0);
}

/* ---- life ---- */

static int get(const char *id, const void **table, qn_cap **cap)
{
    return g.host->get(g.host_cap, id, 1, table, cap) == QN_OK;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    (void)config;
    g.host = host;
    g.host_cap = cap;
    *self = &g;
    if (!get("chain.read/1", (const void **)&g.chain, &g.chain_cap) ||
        !get("chain.follow/1", (const void **)&g.follow, &g.follow_cap) ||
        !get("block.read/1", (const void **)&g.read, &g.read_cap) ||
        !get("rpc.serve/1", (const void **)&g.rpc, &g.rpc_cap))
        return QN_E_DENIED;
    return QN_OK;
}

static qn_status start(void *self)
{
    static const struct {
        const char *name, *args;
        qn_rpc_handler_fn *fn;
    } method[] = {{WAY ".calls", "count", rpc_calls},
                  {WAY ".touch", "height count last", rpc_touch},
                  {WAY ".follow", "", rpc_follow}};
    (void)self;
    for (size_t i = 0; i < sizeof method / sizeof method[0]; i++) {
        qn_status st = g.rpc->add(g.rpc_cap, NULL, method[i].name, method[i].args, "to measure",
                                  method[i].fn, NULL);
        if (st != QN_OK)
            return st;
    }
    return QN_OK;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

static void fini(void *self)
{
    (void)self;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = ID,
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = fini};
