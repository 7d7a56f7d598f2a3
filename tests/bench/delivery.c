/* A plugin to measure with: how long after it was made each template of a new tip is in the
 * plugin's hands, with the span of all its transactions. Built once per way to run it, as plugin.c;
 * its one method tells what it has seen, kind by kind, and forgets it. */
#define _POSIX_C_SOURCE 200809L
#include "quoin/mining_template.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#include <stdlib.h>
#include <time.h>

#define ID "org.quoin.bench." WAY
#define MOST 1000u

QN_PLUGIN_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"1.0.0\",\"license\":\"MIT\","
                   "\"requires\":[\"mining.template/1\",\"rpc.serve/1\"]}");

static struct {
    const qn_host_1 *host;
    const qn_mining_template_1 *mining;
    const qn_rpc_serve_1 *rpc;
    qn_cap *host_cap, *mining_cap, *rpc_cap;
    long long lag[2][MOST]; /* nanoseconds: EMPTY, FULL */
    uint32_t n[2];
} g;

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void on_ready(void *arg, uint64_t subscription, int32_t status)
{
    qn_template_view v = {.size = sizeof v};
    (void)arg;
    while (status == QN_OK && g.mining->next(g.mining_cap, subscription, &v) == QN_OK) {
        unsigned full = v.kind == QN_TEMPLATE_KIND_FULL;
        if (v.why == QN_TEMPLATE_WHY_TIP && g.n[full] < MOST)
            g.lag[full][g.n[full]++] = now() - (long long)v.t_built_ns;
        (void)g.mining->release(g.mining_cap, v.id);
    }
}

static int put(char *to, size_t cap, unsigned full)
{
    int at = 0;
    for (uint32_t i = 0; i < g.n[full]; i++)
        at += snprintf(to + at, cap - (size_t)at, "%s%lld", i ? "," : "", g.lag[full][i]);
    g.n[full] = 0;
    return at;
}

static void rpc_lags(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    static char text[2 * MOST * 21 + 16];
    int at = snprintf(text, sizeof text, "[[");
    (void)arg;
    (void)params;
    (void)len;
    at += put(text + at, sizeof text - (size_t)at, 0);
    at += snprintf(text + at, sizeof text - (size_t)at, "],[");
    at += put(text + at, sizeof text - (size_t)at, 1);
    at += snprintf(text + at, sizeof text - (size_t)at, "]]");
    (void)g.rpc->reply(g.rpc_cap, r->request, text, (uint64_t)at);
}

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
    if (!get("mining.template/1", (const void **)&g.mining, &g.mining_cap) ||
        !get("rpc.serve/1", (const void **)&g.rpc, &g.rpc_cap))
        return QN_E_DENIED;
    return QN_OK;
}

static qn_status start(void *self)
{
    uint64_t subscription;
    (void)self;
    qn_status st = g.rpc->add(g.rpc_cap, NULL, WAY ".lags", "", "to measure", rpc_lags, NULL);
    return st == QN_OK ? g.mining->open(g.mining_cap, NULL, NULL, on_ready, NULL, &subscription)
                       : st;
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
