/* The mock's node: it tells what the test set, and writes what it is asked to do into the log. */
#include "lib/mock/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- node.read ---- */

static qn_status node_info(qn_cap *cap, qn_node_info *info)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    qn_node_info out = cap->mock->node;
    out.size = info->size < sizeof out ? info->size : (uint32_t)sizeof out;
    out.n_plugins = cap->mock->n_node_plugin;
    memcpy(info, &out, out.size);
    return QN_OK;
}

qn_status qn_mk_warnings(qn_cap *cap, void *text, uint32_t max, uint32_t *used)
{
    const char *have = cap->mock->node_warnings ? cap->mock->node_warnings : "";
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    *used = (uint32_t)strlen(have);
    if (*used > max)
        return QN_E_SPACE;
    if (*used)
        memcpy(text, have, *used);
    return QN_OK;
}

static qn_status node_plugins(qn_cap *cap, qn_node_plugin *out, uint32_t max, uint32_t *n)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    *n = m->n_node_plugin;
    for (uint32_t i = 0; i < *n && i < max; i++)
        out[i] = m->node_plugin[i];
    return *n <= max ? QN_OK : QN_E_SPACE;
}

static qn_status node_metrics(qn_cap *cap, qn_node_metric *out, uint32_t max, uint32_t *n)
{
    const qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    *n = m->n_node_metric;
    for (uint32_t i = 0; i < *n && i < max; i++)
        out[i] = m->node_metric[i];
    return *n <= max ? QN_OK : QN_E_SPACE;
}

const qn_node_read_1 QN_MK_NODE_READ = {.h = {sizeof(qn_node_read_1), QN_NODE_READ_1_REVISION},
                                        .info = node_info,
                                        .warnings = qn_mk_warnings,
                                        .plugins = node_plugins,
                                        .metrics = node_metrics};

void qn_mk_node_init(qn_mock *m)
{
    m->node = (qn_node_info){.flags = QN_NODE_LOADED, .version = 10000, .started = 1700000000};
    snprintf(m->node.network, sizeof m->node.network, "regtest");
    snprintf(m->node.user_agent, sizeof m->node.user_agent, "/Mock:1/");
}

void qn_mock_node(qn_mock *m, const qn_node_info *info, const char *warnings)
{
    m->node = *info;
    m->node_warnings = warnings;
}

void qn_mock_node_plugins(qn_mock *m, const qn_node_plugin *list, uint32_t n)
{
    m->node_plugin = list;
    m->n_node_plugin = n;
}

void qn_mock_node_metrics(qn_mock *m, const qn_node_metric *list, uint32_t n)
{
    m->node_metric = list;
    m->n_node_metric = n;
}

/* ---- node.control ---- */

qn_status qn_mk_control(qn_cap *cap, const char *who, const char *what, const char *on)
{
    qn_status st = qn_mk_enter(cap);
    if (st == QN_OK)
        qn_mk_logf(cap->mock, who, what, on);
    return st;
}

static qn_status note(qn_cap *cap, const char *what, const char *on)
{
    return qn_mk_control(cap, "control", what, on);
}

static qn_status control_stop(qn_cap *cap)
{
    return note(cap, "stop", "");
}

typedef struct prune_end {
    qn_pruned_fn *fn;
    void *arg;
    uint32_t height;
} prune_end;

static void pruned(void *arg)
{
    prune_end e = *(prune_end *)arg;
    free(arg);
    e.fn(e.arg, QN_OK, e.height);
}

static qn_status control_prune(qn_cap *cap, uint32_t height, qn_pruned_fn *fn, void *arg)
{
    char text[16];
    snprintf(text, sizeof text, "%u", height);
    qn_status st = fn ? note(cap, "prune", text) : QN_E_INVAL;
    if (st != QN_OK)
        return st;
    prune_end *e = qn_mk_grow(NULL, sizeof *e);
    *e = (prune_end){fn, arg, height};
    qn_mk_post(cap->mock, 0, 0, pruned, e);
    return QN_OK;
}

static qn_status control_log_level(qn_cap *cap, const char *area, uint32_t level)
{
    return note(cap, level == 4 ? "debug on" : "debug off", area);
}

static qn_status control_start(qn_cap *cap, const char *id)
{
    return note(cap, "start", id);
}

static qn_status control_stop_plugin(qn_cap *cap, const char *id)
{
    return note(cap, "stop plugin", id);
}

static qn_status control_reload(qn_cap *cap, const char *id)
{
    return note(cap, "reload", id);
}

const qn_node_control_1 QN_MK_NODE_CONTROL = {
    .h = {sizeof(qn_node_control_1), QN_NODE_CONTROL_1_REVISION},
    .stop = control_stop,
    .prune = control_prune,
    .log_level = control_log_level,
    .plugin_start = control_start,
    .plugin_stop = control_stop_plugin,
    .plugin_reload = control_reload};
