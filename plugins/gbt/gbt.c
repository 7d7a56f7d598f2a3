/* The plugin: what it needs, its methods, its life. */
#include "plugins/gbt/gbt.h"

#include "plugins/gbt/manifest.h"

#define VERSION "0.1.0"

void gb_fail(const gb *g, uint64_t request, int32_t code, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    uint32_t len = n < (int)sizeof text ? (uint32_t)n : (uint32_t)sizeof text - 1;
    if (g->rpc->reply_error(g->rpc_cap, request, code, text, len) == QN_E_INVAL)
        (void)g->rpc->reply_error(g->rpc_cap, request, code, "Invalid parameter", 17);
}

void gb_fail_status(const gb *g, uint64_t request, qn_status st, const char *what)
{
    switch (st) {
    case QN_E_NOTREADY:
        gb_fail(g, request, GB_DOWNLOADING, "Quoin is in initial sync and waiting for blocks...");
        return;
    case QN_E_NOMEM:
        gb_fail(g, request, GB_NOMEM, "Out of memory");
        return;
    case QN_E_BUSY:
        gb_fail(g, request, GB_MISC, "%s: the node is busy, try again in a second", what);
        return;
    case QN_E_LIMIT:
        gb_fail(g, request, GB_MISC, "%s: too much at once", what);
        return;
    default:
        gb_fail(g, request, GB_MISC, "%s (status %d)", what, (int)st);
    }
}

void gb_send(const gb *g, uint64_t request, qn_json *j)
{
    if (j->failed)
        gb_fail(g, request, GB_NOMEM, "Out of memory");
    else
        (void)g->rpc->reply(g->rpc_cap, request, j->data, j->len);
    qn_json_free(j);
}

/* ---- methods ---- */

typedef struct method {
    const char *name, *args, *help;
    qn_rpc_handler_fn *handler;
    uint32_t timeout_ms;
    bool of_the_node; /* a name that the node has itself: only where the operator grants it */
} method;

#define TEMPLATE_HELP                                                                              \
    " {\"mode\":\"str\",\"capabilities\":[\"str\",...],\"rules\":[\"segwit\",\"str\",...],"        \
    "\"longpollid\":\"str\",\"data\":\"hex\"}\n"                                                   \
    "What is needed to make a block, or a judgement on a proposed one (BIP 22, 23, 9, 145)."
#define BLOCK_HELP                                                                                 \
    " \"hexdata\" ( \"dummy\" )\nHand in a block (BIP22): null, or the reason why not."

static const method METHODS[] = {
    {"getblocktemplate", "template_request", "getblocktemplate" TEMPLATE_HELP, gb_on_template,
     3600000, true},
    {"submitblock", "hexdata dummy", "submitblock" BLOCK_HELP, gb_on_block, 600000, true},
    {"gbt.getblocktemplate", "template_request", "gbt.getblocktemplate" TEMPLATE_HELP,
     gb_on_template, 3600000, false},
    {"gbt.submitblock", "hexdata dummy", "gbt.submitblock" BLOCK_HELP, gb_on_block, 600000, false},
    {"gbt.light", "template_request",
     "gbt.light {\"rules\":[\"segwit\",\"str\",...],\"longpollid\":\"str\"}\n"
     "A template without its transactions: an id, and the merkle path of the coinbase.",
     gb_on_template_light, 3600000, false},
    {"gbt.solve", "solution",
     "gbt.solve {\"template\":\"id\",\"version\":n,\"time\":n,\"nonce\":n,\"coinbase\":\"hex\"}\n"
     "Hand in a solution of a template of gbt.light: null, or the reason why not (BIP22).",
     gb_on_solution, 600000, false},
};

static qn_status add_methods(gb *g)
{
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; i++) {
        const method *m = &METHODS[i];
        const qn_rpc_method limits = {.size = sizeof limits,
                                      .set = QN_SET_RPC_METHOD_TIMEOUT_MS |
                                             QN_SET_RPC_METHOD_MAX_PENDING,
                                      .timeout_ms = m->timeout_ms,
                                      .max_pending = 512};
        qn_status st = g->rpc->add(g->rpc_cap, &limits, m->name, m->args, m->help, m->handler, g);
        if (st == QN_E_DENIED && m->of_the_node)
            continue;
        if (st != QN_OK) {
            qn_logf(g->host, g->cap, QN_LOG_ERROR, "cannot offer %s (status %d)", m->name, (int)st);
            return st;
        }
    }
    return QN_OK;
}

/* ---- life ---- */

static qn_status get(gb *g, const char *id, const void **table, qn_cap **cap)
{
    return g->host->get(g->cap, id, 1, table, cap);
}

static qn_status get_tables(gb *g)
{
    const void *mining = NULL, *submit = NULL, *check = NULL, *rpc = NULL;
    qn_status st = get(g, QN_MINING_TEMPLATE_1_ID, &mining, &g->mining_cap);
    if (st == QN_OK)
        st = get(g, QN_MINING_SUBMIT_1_ID, &submit, &g->submit_cap);
    if (st == QN_OK)
        st = get(g, QN_MINING_CHECK_1_ID, &check, &g->check_cap);
    if (st == QN_OK)
        st = get(g, QN_RPC_SERVE_1_ID, &rpc, &g->rpc_cap);
    g->mining = mining;
    g->submit = submit;
    g->check = check;
    g->rpc = rpc;
    return st;
}

/* What stop() has left, where it was called. */
static void fini(void *self)
{
    gb_late_end(self);
    gb_poll_end(self);
    gb_template_clear(self);
    free(self);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    gb *g = calloc(1, sizeof *g);
    if (!g)
        return QN_E_NOMEM;
    g->host = host;
    g->cap = cap;
    g->reuse_s = (uint32_t)qn_config_u64(config, "reuse_seconds", 5);
    qn_status st = get_tables(g);
    if (st != QN_OK) {
        free(g);
        return st;
    }
    *self = g;
    return QN_OK;
}

static qn_status start(void *self)
{
    gb *g = self;
    qn_status st =
        g->mining->challenge(g->mining_cap, g->challenge, sizeof g->challenge, &g->challenge_len);
    g->signet = st == QN_OK;
    if (st != QN_OK && st != QN_E_NOTFOUND)
        return st;
    return add_methods(g);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    gb *g = self;
    (void)deadline_ms;
    gb_late_end(g);
    gb_poll_end(g);
    gb_template_clear(g);
    return QN_OK;
}

QN_EXPORT const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                               .id = "org.quoin.gbt",
                                               .version = VERSION,
                                               .init = init,
                                               .start = start,
                                               .stop = stop,
                                               .fini = fini};
