/* node.control/1: acting on the node. Each way has a parameter of the grant of its own, and each
 * use is logged; the refused ones too, as far as the plugin may log. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

#include "quoin/host.h"
#include "quoin/node_control.h"

#include <stdio.h>

/* What the chain thread and the plugin's side share; whichever is last frees it. */
typedef struct prune_job {
    pthread_mutex_t lock;
    unsigned refs;
    qc_plugin *plugin; /* NULL: the plugin has stopped; under the lock */
    qc_host *host;
    uint32_t height, pruned_to;
    qc_err err;
    bool ended; /* loop */
    qn_pruned_fn *fn;
    void *arg;
} prune_job;

typedef struct control_state {
    bool may_stop, may_prune, may_log, may_plugins;
    prune_job *job; /* the newest one, or NULL */
} control_state;

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    if (!cap->plugin->host->o.node) {
        *why = "the node itself is not at hand";
        return QC_EINVAL;
    }
    control_state *v = qc_alloc(sizeof *v);
    v->may_stop = qc_cap_flag(cap, "stop");
    v->may_prune = qc_cap_flag(cap, "prune");
    v->may_log = qc_cap_flag(cap, "log");
    v->may_plugins = qc_cap_flag(cap, "plugins");
    cap->state = v;
    return QC_OK;
}

static qn_status control_stop(qn_cap *cap)
{
    const control_state *v = cap->state;
    const qc_node *n = cap->plugin->host->o.node;
    qn_status st = qc_cap_act(cap, v->may_stop, "stop the node", "");
    if (st != QN_OK)
        return st;
    if (!n->request_shutdown)
        return QN_E_UNSUPPORTED;
    n->request_shutdown(n->shutdown_arg);
    return QN_OK;
}

/* ---- prune ---- */

static void job_unref(prune_job *j)
{
    pthread_mutex_lock(&j->lock);
    bool last = --j->refs == 0;
    pthread_mutex_unlock(&j->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&j->lock);
    qc_free(j);
}

/* On the plugin's loop. */
static void prune_end(void *arg)
{
    prune_job *j = arg;
    pthread_mutex_lock(&j->lock);
    qc_plugin *p = j->plugin;
    pthread_mutex_unlock(&j->lock);
    j->ended = true;
    if (p && p->callable)
        j->fn(j->arg, j->err == QC_EINVAL ? QN_E_UNSUPPORTED : qc_status_of(j->err), j->pruned_to);
    job_unref(j);
}

/* On the chain thread. */
static void prune(qc_chain *c, void *arg)
{
    prune_job *j = arg;
    j->err = qc_chain_prune(c, j->height, &j->pruned_to);
    pthread_mutex_lock(&j->lock);
    bool wanted = j->plugin != NULL;
    if (wanted)
        qc_loop_post(j->plugin->loop, prune_end, j); /* under the lock: see quiesce */
    pthread_mutex_unlock(&j->lock);
    if (!wanted)
        job_unref(j);
}

static qn_status control_prune(qn_cap *cap, uint32_t height, qn_pruned_fn *fn, void *arg)
{
    control_state *v = cap->state;
    qc_host *h = cap->plugin->host;
    char text[16];
    snprintf(text, sizeof text, "%u", height);
    qn_status st = qc_cap_act(cap, v->may_prune, "prune up to block", text);
    if (st != QN_OK)
        return st;
    if (!fn)
        return QN_E_INVAL;
    if (!qc_chain_is_pruned_mode(h->o.chain, NULL))
        return QN_E_UNSUPPORTED;
    if (v->job && !v->job->ended)
        return QN_E_BUSY;
    if (v->job)
        job_unref(v->job);
    v->job = qc_alloc(sizeof *v->job);
    *v->job = (prune_job){
        .refs = 2, .plugin = cap->plugin, .host = h, .height = height, .fn = fn, .arg = arg};
    pthread_mutex_init(&v->job->lock, NULL);
    qc_host_on_chain(h, prune, v->job);
    return QN_OK;
}

/* ---- the rest ---- */

static qn_status control_log_level(qn_cap *cap, const char *area, uint32_t level)
{
    const control_state *v = cap->state;
    qn_status st = qc_cap_act(cap, v->may_log,
                              level == QN_LOG_DEBUG ? "debug lines on for" : "debug lines off for",
                              area ? area : "");
    if (st != QN_OK)
        return st;
    if (!area || (level != QN_LOG_DEBUG && level != QN_LOG_INFO))
        return QN_E_INVAL;
    return qc_log_area_set(area, level == QN_LOG_DEBUG) ? QN_E_NOTFOUND : QN_OK;
}

static qn_status act(qn_cap *cap, const char *id, qc_action_kind action, const char *what)
{
    const control_state *v = cap->state;
    qn_status st = qc_cap_act(cap, v->may_plugins, what, id ? id : "");
    if (st != QN_OK)
        return st;
    return id ? qc_host_plugin_act(cap->plugin->host, cap->plugin, id, action) : QN_E_INVAL;
}

static qn_status control_start(qn_cap *cap, const char *id)
{
    return act(cap, id, QC_ACTION_START, "start plugin");
}

static qn_status control_stop_plugin(qn_cap *cap, const char *id)
{
    return act(cap, id, QC_ACTION_STOP, "stop plugin");
}

static qn_status control_reload(qn_cap *cap, const char *id)
{
    return act(cap, id, QC_ACTION_RELOAD, "reload plugin");
}

static const qn_node_control_1 TABLE = {
    .h = {sizeof(qn_node_control_1), QN_NODE_CONTROL_1_REVISION},
    .stop = control_stop,
    .prune = control_prune,
    .log_level = control_log_level,
    .plugin_start = control_start,
    .plugin_stop = control_stop_plugin,
    .plugin_reload = control_reload};

/* The chain thread may be at a job, or come to it later: it is not to post to a loop that is gone.
 */
static void adapter_quiesce(qn_cap *cap)
{
    control_state *v = cap->state;
    if (!v->job)
        return;
    pthread_mutex_lock(&v->job->lock);
    v->job->plugin = NULL;
    pthread_mutex_unlock(&v->job->lock);
}

static void adapter_close(qn_cap *cap)
{
    control_state *v = cap->state;
    if (v->job)
        job_unref(v->job);
    qc_free(v);
}

const qc_adapter QC_ADAPTER_NODE_CONTROL = {QN_NODE_CONTROL_1_ID, &TABLE, adapter_open,
                                            adapter_quiesce, adapter_close};
