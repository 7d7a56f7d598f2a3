/* The text: one family after the other, HELP and TYPE first, as Prometheus reads it. */
#include "plugins/metrics/metrics.h"

#include <inttypes.h>

static void put(mx_text *t, const char *data, size_t len)
{
    if (t->failed)
        return;
    if (t->len + len + 1 > t->cap) {
        size_t cap = t->cap ? t->cap : 8192;
        while (cap < t->len + len + 1)
            cap *= 2;
        char *more = realloc(t->data, cap);
        if (!more) {
            t->failed = 1;
            return;
        }
        t->data = more;
        t->cap = cap;
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = 0;
}

void mx_puts(mx_text *t, const char *text)
{
    put(t, text, strlen(text));
}

/* A backslash, a newline and (in labels) a quote are escaped; other control characters go. */
static void escaped(mx_text *t, const char *text, int quote)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || (quote && *p == '"'))
            put(t, "\\", 1);
        if (*p == '\n')
            mx_puts(t, "\\n");
        else if ((unsigned char)*p >= 32)
            put(t, p, 1);
    }
}

void mx_family(mx_text *t, const char *name, const char *type, const char *help)
{
    mx_puts(t, "# HELP ");
    mx_puts(t, name);
    put(t, " ", 1);
    escaped(t, help, 0);
    mx_puts(t, "\n# TYPE ");
    mx_puts(t, name);
    put(t, " ", 1);
    mx_puts(t, type);
    put(t, "\n", 1);
}

void mx_label(mx_text *t, int first, const char *name, const char *value)
{
    put(t, first ? "{" : ",", 1);
    mx_puts(t, name);
    mx_puts(t, "=\"");
    escaped(t, value, 1);
    put(t, "\"", 1);
}

/* " value * 10^scale\n", exactly. */
static void value(mx_text *t, int64_t v, int scale)
{
    char text[48], digits[24];
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    int n = snprintf(digits, sizeof digits, "%0*" PRIu64, scale < 0 ? 1 - scale : 1, u);
    int whole = scale < 0 ? n + scale : n;
    int len = snprintf(text, sizeof text, " %s%.*s%s%s\n", v < 0 ? "-" : "", whole, digits,
                       scale < 0 ? "." : "", digits + whole);
    put(t, text, (size_t)len);
}

static int64_t big(uint64_t v)
{
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static void one(mx_text *t, const char *name, const char *type, const char *help, int64_t v)
{
    mx_family(t, name, type, help);
    mx_puts(t, name);
    value(t, v, 0);
}

void mx_value(mx_text *t, uint64_t v)
{
    value(t, big(v), 0);
}

void mx_one(mx_text *t, const char *name, const char *type, const char *help, uint64_t v)
{
    one(t, name, type, help, big(v));
}

/* ---- the node ---- */

static void put_node(mx_text *t, const qn_node_info *i)
{
    char version[32];
    snprintf(version, sizeof version, "%u.%u.%u", i->version / 1000000, i->version / 10000 % 100,
             i->version / 100 % 100);
    mx_family(t, "quoin_build_info", "gauge", "The node's version and network; always 1.");
    mx_puts(t, "quoin_build_info");
    mx_label(t, 1, "version", version);
    mx_label(t, 0, "network", i->network);
    mx_label(t, 0, "user_agent", i->user_agent);
    mx_puts(t, "} 1\n");
    one(t, "quoin_uptime_seconds", "gauge", "Seconds since the node was started.",
        big(i->uptime_s));
    one(t, "quoin_loaded", "gauge", "1 when start-up, import and reindex have ended.",
        (i->flags & QN_NODE_LOADED) != 0);
    one(t, "quoin_warnings", "gauge", "Things the operator is warned of.", i->n_warnings);
    one(t, "quoin_mempool_transactions", "gauge", "Transactions in the mempool.",
        big(i->mempool_tx));
    one(t, "quoin_mempool_virtual_bytes", "gauge", "Virtual size of the mempool's transactions.",
        big(i->mempool_vsize));
    one(t, "quoin_mempool_memory_bytes", "gauge", "Memory that the mempool takes.",
        big(i->mempool_usage));
    one(t, "quoin_mempool_memory_max_bytes", "gauge", "Memory that the mempool may take.",
        big(i->mempool_max));
    one(t, "quoin_mempool_fees_satoshis", "gauge", "Fees of the mempool's transactions.",
        i->mempool_fees);
}

/* Without a grant of peers.read: the little that node.read says. */
static void put_peer_totals(mx_text *t, const qn_node_info *i)
{
    one(t, "quoin_network_active", "gauge", "1 when peers may be talked to.",
        (i->flags & QN_NODE_NETWORK_ACTIVE) != 0);
    mx_family(t, "quoin_peers", "gauge", "Connected peers.");
    mx_puts(t, "quoin_peers{direction=\"inbound\"}");
    value(t, i->connections_in, 0);
    mx_puts(t, "quoin_peers{direction=\"outbound\"}");
    value(t, i->connections_out, 0);
    one(t, "quoin_network_received_bytes_total", "counter", "Bytes received from peers.",
        big(i->bytes_received));
    one(t, "quoin_network_sent_bytes_total", "counter", "Bytes sent to peers.", big(i->bytes_sent));
}

static void put_chain(mx_text *t, const qn_chain_info *c)
{
    one(t, "quoin_chain_height", "gauge", "Height of the newest validated block.", c->tip.height);
    one(t, "quoin_chain_durable_height", "gauge",
        "Height of the newest block that survives a crash.", c->durable.height);
    one(t, "quoin_chain_header_height", "gauge", "Height of the header with the most work.",
        c->best_header.height);
    one(t, "quoin_chain_tip_timestamp_seconds", "gauge", "Time in the tip's header.", c->tip_time);
    one(t, "quoin_chain_initial_download", "gauge", "1 while the node is still catching up.",
        (c->flags & QN_CHAIN_INITIAL_DOWNLOAD) != 0);
    one(t, "quoin_chain_prune_height", "gauge", "Lowest height whose block is here; 0: all.",
        c->prune_height);
    mx_family(t, "quoin_chain_progress_ratio", "gauge",
              "Estimated share of all transactions that is verified.");
    mx_puts(t, "quoin_chain_progress_ratio");
    value(t, c->progress_ppm, -6);
}

static void put_metrics(mx_text *t, const qn_node_metric *m, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char name[64];
        /* What every program has keeps the name that every program gives it. */
        snprintf(name, sizeof name, "%s%.*s", strncmp(m[i].name, "process_", 8) ? "quoin_" : "",
                 (int)sizeof m[i].name, m[i].name);
        mx_family(t, name, m[i].type == QN_METRIC_COUNTER ? "counter" : "gauge", m[i].help);
        mx_puts(t, name);
        value(t, m[i].value, m[i].scale);
    }
}

/* ---- plugins ---- */

static const char *const STATE[] = {
    [QN_PLUGIN_STATE_DISCOVERED] = "discovered",   [QN_PLUGIN_STATE_REJECTED] = "rejected",
    [QN_PLUGIN_STATE_NEEDS_GRANT] = "needs-grant", [QN_PLUGIN_STATE_READY] = "ready",
    [QN_PLUGIN_STATE_STARTING] = "starting",       [QN_PLUGIN_STATE_RUNNING] = "running",
    [QN_PLUGIN_STATE_STOPPING] = "stopping",       [QN_PLUGIN_STATE_STOPPED] = "stopped",
    [QN_PLUGIN_STATE_CRASHED] = "crashed",         [QN_PLUGIN_STATE_WEDGED] = "wedged",
    [QN_PLUGIN_STATE_LAGGING] = "lagging",         [QN_PLUGIN_STATE_BACKOFF] = "backoff",
    [QN_PLUGIN_STATE_QUARANTINED] = "quarantined"};
#define STATES (sizeof STATE / sizeof STATE[0])

/* What was not granted, or is not fit to run, has none: to Prometheus an empty label is no label,
 * and the sample still tells the version. */
static const char *mode_of(const qn_node_plugin *p)
{
    if (p->state == QN_PLUGIN_STATE_DISCOVERED || p->state == QN_PLUGIN_STATE_REJECTED)
        return "";
    return p->trusted ? "trusted" : "isolated";
}

static void put_states(mx_text *t, const qn_node_plugin *p, uint32_t n)
{
    mx_family(t, "quoin_plugin_info", "gauge",
              "A plugin's version and mode (empty: no grant); always 1.");
    for (uint32_t i = 0; i < n; i++) {
        mx_puts(t, "quoin_plugin_info");
        mx_label(t, 1, "plugin", p[i].id);
        mx_label(t, 0, "version", p[i].version);
        mx_label(t, 0, "mode", mode_of(&p[i]));
        mx_puts(t, "} 1\n");
    }
    mx_family(t, "quoin_plugin_state", "gauge", "1 for the state that a plugin is in, else 0.");
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t s = 1; s < STATES; s++) {
            mx_puts(t, "quoin_plugin_state");
            mx_label(t, 1, "plugin", p[i].id);
            mx_label(t, 0, "state", STATE[s]);
            mx_puts(t, p[i].state == s ? "} 1\n" : "} 0\n");
        }
}

static void put_plugins(mx_text *t, const qn_node_plugin *p, uint32_t n)
{
    static const struct {
        const char *name, *type, *help;
        size_t at;
        int scale;
    } row[] = {{"quoin_plugin_state_seconds", "gauge", "Seconds that a plugin is in its state.",
                offsetof(qn_node_plugin, state_s), 0},
               {"quoin_plugin_restarts_total", "counter", "Times the node started a plugin again.",
                offsetof(qn_node_plugin, restarts), 0},
               {"quoin_plugin_calls_total", "counter",
                "Calls that a plugin made of its interfaces.", offsetof(qn_node_plugin, calls), 0},
               {"quoin_plugin_log_lines_total", "counter", "Lines that a plugin logged.",
                offsetof(qn_node_plugin, log_lines), 0},
               {"quoin_plugin_log_dropped_lines_total", "counter",
                "Lines of a plugin that were beyond its rate.",
                offsetof(qn_node_plugin, log_dropped), 0},
               {"quoin_plugin_cpu_seconds_total", "counter",
                "Processor time of a plugin's process; 0 when it runs inside the node.",
                offsetof(qn_node_plugin, cpu_us), -6},
               {"quoin_plugin_resident_memory_bytes", "gauge",
                "Memory of a plugin's process; 0 when it runs inside the node.",
                offsetof(qn_node_plugin, memory), 0}};
    for (size_t r = 0; r < sizeof row / sizeof row[0]; r++) {
        mx_family(t, row[r].name, row[r].type, row[r].help);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t v;
            memcpy(&v, (const char *)&p[i] + row[r].at, sizeof v);
            mx_puts(t, row[r].name);
            mx_label(t, 1, "plugin", p[i].id);
            put(t, "}", 1);
            value(t, big(v), row[r].scale);
        }
    }
}

qn_status mx_collect(mx *x, mx_text *out)
{
    qn_node_info info;
    qn_chain_info chain;
    uint32_t n_plugin = 0, n_metric = 0;
    QN_INIT(&info);
    QN_INIT(&chain);
    qn_status st = x->node->info(x->node_cap, &info);
    if (st == QN_OK)
        st = x->node->plugins(x->node_cap, x->plugin, 256, &n_plugin);
    if (st == QN_OK)
        st = x->node->metrics(x->node_cap, x->metric, 128, &n_metric);
    if (st != QN_OK)
        return st;
    *out = (mx_text){0};
    put_node(out, &info);
    if (!x->peers)
        put_peer_totals(out, &info);
    else if ((st = mx_put_peers(x, out)) != QN_OK)
        out->failed = 1;
    if (x->chain->info(x->chain_cap, &chain) == QN_OK) /* QN_E_BUSY: there is no chain yet */
        put_chain(out, &chain);
    put_metrics(out, x->metric, n_metric);
    put_states(out, x->plugin, n_plugin);
    put_plugins(out, x->plugin, n_plugin);
    if (!out->failed)
        return QN_OK;
    free(out->data);
    *out = (mx_text){0};
    return st == QN_OK ? QN_E_NOMEM : st;
}
