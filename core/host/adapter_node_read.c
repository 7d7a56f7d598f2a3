/* node.read/1: the node in few records. What it tells of comes from counters and snapshots; the
 * chain thread is waited for a moment at most, and what it had no time to tell is as it was. */
#include "core/host/ask.h"
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/methods/peers.h"

#include "quoin/node_read.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define CLIENT_VERSION 10000 /* 0.1.0, as getnetworkinfo tells it */

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    *why = "the node itself is not at hand";
    return cap->plugin->host->o.node ? QC_OK : QC_EINVAL;
}

static void adapter_close(qn_cap *cap)
{
    (void)cap;
}

static qn_status enter(qn_cap *cap, const qc_host **h, const qc_node **n)
{
    *h = cap->plugin->host;
    *n = (*h)->o.node;
    return qc_cap_enter(cap);
}

/* ---- info ---- */

static void count_warning(void *arg, const char *text)
{
    uint32_t *n = arg;
    (void)text;
    ++*n;
}

static void each_warning(const qc_node *n, void (*fn)(void *arg, const char *text), void *arg)
{
    if (n->each_warning)
        n->each_warning(n->warning_arg, fn, arg);
}

static void fill_peers(const qc_node *n, qn_node_info *out)
{
    qc_m_totals p;
    if (qc_m_peer_totals(n, &p) || !p.running)
        return;
    out->flags |= QN_NODE_P2P | (p.active ? QN_NODE_NETWORK_ACTIVE : 0);
    out->bytes_received = p.received;
    out->bytes_sent = p.sent;
    out->connections_in = p.in;
    out->connections_out = p.out;
}

/* ---- the mempool, as of the last moment at which the chain thread had time ---- */

#define HASTY_MS 20

typedef struct pool_look {
    qc_host *host;
} pool_look;

static void look_at_pool(qc_chain *c, void *arg)
{
    qc_host *h = ((pool_look *)arg)->host;
    qc_mempool_info m;
    (void)c;
    qc_mempool_info_of(h->pool, &m);
    atomic_store(&h->pool_tx, m.count);
    atomic_store(&h->pool_vsize, m.vbytes);
    atomic_store(&h->pool_usage, m.usage);
    atomic_store(&h->pool_fees, m.fees);
}

static void fill_pool(qc_host *h, qn_node_info *out)
{
    if (!h->pool)
        return;
    pool_look *l = qc_alloc(sizeof *l);
    l->host = h;
    if (qc_host_ask(h, HASTY_MS, look_at_pool, l, qc_free) == QN_OK)
        qc_free(l);
    out->mempool_tx = atomic_load(&h->pool_tx);
    out->mempool_vsize = atomic_load(&h->pool_vsize);
    out->mempool_usage = atomic_load(&h->pool_usage);
    out->mempool_fees = atomic_load(&h->pool_fees);
    out->mempool_max = qc_mempool_limits(h->pool)->max_bytes;
}

static qn_status node_info(qn_cap *cap, qn_node_info *info)
{
    const qc_host *h;
    const qc_node *n;
    qn_status st = enter(cap, &h, &n);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    qn_node_info out = {.size = sizeof out,
                        .version = CLIENT_VERSION,
                        .protocol_version = QC_NET_PROTOCOL,
                        .started = n->started};
    qc_host *list = cap->plugin->host;
    pthread_mutex_lock(&list->list_lock);
    out.n_plugins = (uint32_t)h->n_plugin;
    pthread_mutex_unlock(&list->list_lock);
    int64_t up = qc_clock_real_us() / 1000000 - n->started;
    out.uptime_s = up > 0 ? (uint64_t)up : 0;
    out.flags = (atomic_load(&n->loaded) ? QN_NODE_LOADED : 0u) |
                (atomic_load(&n->stopping) ? QN_NODE_STOPPING : 0u);
    snprintf(out.user_agent, sizeof out.user_agent, "%s", n->user_agent ? n->user_agent : "");
    snprintf(out.network, sizeof out.network, "%s", h->network);
    each_warning(n, count_warning, &out.n_warnings);
    fill_peers(n, &out);
    fill_pool(cap->plugin->host, &out);
    if (info->size < out.size)
        out.size = info->size;
    memcpy(info, &out, out.size);
    return QN_OK;
}

/* ---- warnings ---- */

typedef struct text_out {
    char *to;
    size_t cap, need;
} text_out;

static void put_warning(void *arg, const char *text)
{
    text_out *t = arg;
    for (const char *p = text;; p++) {
        char c = !*p ? '\n' : (unsigned char)*p < 32 ? ' ' : *p; /* one line each */
        if (t->need < t->cap)
            t->to[t->need] = c;
        t->need++;
        if (!*p)
            return;
    }
}

qn_status qc_host_warnings(qn_cap *cap, void *text, uint32_t max, uint32_t *used)
{
    const qc_host *h;
    const qc_node *n;
    qn_status st = enter(cap, &h, &n);
    if (st != QN_OK)
        return st;
    if (!used || (!text && max))
        return QN_E_INVAL;
    text_out t = {text, max, 0};
    each_warning(n, put_warning, &t);
    *used = (uint32_t)t.need;
    return t.need <= max ? QN_OK : QN_E_SPACE;
}

/* ---- plugins ---- */

static const qc_plugin_usage *usage_of(const qc_plugin_usage *used, size_t n, const qc_plugin *p)
{
    static const qc_plugin_usage none = {.pid = 0};
    int pid = atomic_load(&p->pid);
    for (size_t i = 0; pid && i < n; i++)
        if (used[i].pid == pid)
            return &used[i];
    return &none;
}

static qn_status node_plugins(qn_cap *cap, qn_node_plugin *out, uint32_t max, uint32_t *n_out)
{
    const qc_host *h;
    const qc_node *n;
    qn_status st = enter(cap, &h, &n);
    if (st != QN_OK)
        return st;
    if (!n_out || (!out && max))
        return QN_E_INVAL;
    qc_plugin_usage used[QC_HOST_PLUGINS];
    size_t n_used = 0;
    qc_host *list = cap->plugin->host;
    pthread_mutex_lock(&list->list_lock);
    for (; n_used < h->n_plugin && n_used < max; n_used++)
        used[n_used] = (qc_plugin_usage){.pid = atomic_load(&h->plugin[n_used]->pid)};
    pthread_mutex_unlock(&list->list_lock);
    qc_plugin_usage_read(used, n_used);
    pthread_mutex_lock(&list->list_lock); /* the list may be another by now */
    for (size_t i = 0; i < h->n_plugin && i < max; i++)
        qc_plugin_record(h->plugin[i], usage_of(used, n_used, h->plugin[i]), &out[i]);
    *n_out = (uint32_t)h->n_plugin;
    pthread_mutex_unlock(&list->list_lock);
    return *n_out <= max ? QN_OK : QN_E_SPACE;
}

/* ---- metrics ---- */

typedef struct sink {
    qn_node_metric *out;
    uint32_t max, n;
} sink;

static void add(sink *s, uint32_t type, const char *name, uint64_t value, const char *help)
{
    if (s->n < s->max) {
        qn_node_metric *m = &s->out[s->n];
        *m =
            (qn_node_metric){.value = value < INT64_MAX ? (int64_t)value : INT64_MAX, .type = type};
        snprintf(m->name, sizeof m->name, "%s", name);
        snprintf(m->help, sizeof m->help, "%s", help);
    }
    s->n++;
}

/* A number behind `key` in /proc/self/status; 0 when it is not there. */
static uint64_t proc_status(const char *key)
{
    char line[128];
    unsigned long long v = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), ": %llu", &v) == 1)
            break;
    if (f)
        fclose(f);
    return v;
}

static uint64_t open_fds(void)
{
    uint64_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", "..", and the folder itself */
}

static void add_process(sink *s, const qc_node *n)
{
    struct rusage u;
    uint32_t at = s->n;
    uint64_t us = 0;
    if (!getrusage(RUSAGE_SELF, &u))
        us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
             (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    add(s, QN_METRIC_COUNTER, "process_cpu_seconds_total", us, "Processor time of the node.");
    if (at < s->max)
        s->out[at].scale = -6;
    add(s, QN_METRIC_GAUGE, "process_start_time_seconds", (uint64_t)n->started,
        "When the node was started, since 1970.");
    add(s, QN_METRIC_GAUGE, "process_resident_memory_bytes", proc_status("VmRSS") * 1024,
        "Memory of the node, trusted plugins included.");
    add(s, QN_METRIC_GAUGE, "process_threads", proc_status("Threads"), "Threads of the node.");
    add(s, QN_METRIC_GAUGE, "process_open_fds", open_fds(), "Open descriptors of the node.");
}

static void add_node(sink *s, const qc_host *h, const qc_node *n)
{
    uint64_t finished, failed, active;
    qc_rpc_counts(h->o.registry, &finished, &failed, &active);
    add(s, QN_METRIC_COUNTER, "rpc_requests_total", finished, "RPC calls answered.");
    add(s, QN_METRIC_COUNTER, "rpc_errors_total", failed, "RPC calls answered with an error.");
    add(s, QN_METRIC_GAUGE, "rpc_active_requests", active, "RPC calls running or waiting.");
    add(s, QN_METRIC_COUNTER, "chain_tip_changes_total", qc_chain_seq(h->o.chain),
        "Changes of the tip since the start.");
    add(s, QN_METRIC_GAUGE, "chain_disk_bytes", qc_chain_disk_usage(h->o.chain),
        "Block and undo files on disk.");
    add(s, QN_METRIC_GAUGE, "coins_cache_coins", atomic_load(&h->coins_cached),
        "Coins in the coins cache at the last change of the tip.");
    add(s, QN_METRIC_GAUGE, "coins_cache_bytes", atomic_load(&h->coins_bytes),
        "Memory of the coins cache at the last change of the tip.");
    add(s, QN_METRIC_GAUGE, "coins_cache_max_bytes", n->coinstip_cache,
        "Memory that the coins cache may take.");
    add(s, QN_METRIC_GAUGE, "coins_db_cache_max_bytes", n->coinsdb_cache,
        "Memory that the coins database may take for its cache.");
}

static qn_status node_metrics(qn_cap *cap, qn_node_metric *out, uint32_t max, uint32_t *n_out)
{
    const qc_host *h;
    const qc_node *n;
    qn_status st = enter(cap, &h, &n);
    if (st != QN_OK)
        return st;
    if (!n_out || (!out && max))
        return QN_E_INVAL;
    sink s = {out, max, 0};
    add_process(&s, n);
    add_node(&s, h, n);
    *n_out = s.n;
    return s.n <= max ? QN_OK : QN_E_SPACE;
}

static const qn_node_read_1 TABLE = {.h = {sizeof(qn_node_read_1), QN_NODE_READ_1_REVISION},
                                     .info = node_info,
                                     .warnings = qc_host_warnings,
                                     .plugins = node_plugins,
                                     .metrics = node_metrics};

const qc_adapter QC_ADAPTER_NODE_READ = {QN_NODE_READ_1_ID, &TABLE, adapter_open, NULL,
                                         adapter_close};
