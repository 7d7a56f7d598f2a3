/* listplugins and getplugininfo. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/os/file.h"

static void write_caps(qc_jw *w, const qc_plugin *p)
{
    qc_jw_karr(w, "interfaces");
    for (size_t i = 0; i < p->resolution.n; i++) {
        const qc_resolved *r = &p->resolution.item[i];
        qc_jw_obj(w);
        qc_jw_kstr(w, "id", r->want->text);
        qc_jw_kbool(w, "optional", r->want->optional);
        qc_jw_kstr(w, "answer", qc_answer_text(r->answer));
        if (r->params)
            qc_jw_kstr(w, "parameters", r->params);
        if (r->want->why)
            qc_jw_kstr(w, "why", r->want->why);
        for (size_t k = 0; k < p->n_cap; k++)
            if (strcmp(p->cap[k].adapter->id, r->want->id) == 0)
                qc_jw_kuint(w, "calls", atomic_load(&p->cap[k].calls));
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

/* CPU and memory as the kernel counts them for its process. */
static void write_process(qc_jw *w, qc_plugin *p, const qc_plugin_usage *used)
{
    int pid = atomic_load(&p->pid);
    if (!pid)
        return;
    qc_jw_kint(w, "pid", pid);
    if (p->sandbox_missing)
        qc_jw_kstr(w, "sandbox_missing", p->sandbox_missing);
    qc_jw_kuint(w, "messages", atomic_load(&p->messages));
    qc_jw_kuint(w, "message_bytes", atomic_load(&p->bytes));
    qc_jw_kuint(w, "own_view_bytes", atomic_load(&p->own_view_bytes));
    if (used->known && used->pid == pid) {
        qc_jw_kuint(w, "cpu_ms", used->cpu_ms);
        qc_jw_kuint(w, "rss_bytes", used->rss);
    }
}

/* `used` NULL: the short form. */
static void write_plugin(qc_jw *w, qc_plugin *p, const qc_plugin_usage *used)
{
    pthread_mutex_lock(&p->lock);
    qc_jw_obj(w);
    qc_jw_kstr(w, "id", p->label);
    if (p->image.manifest.version)
        qc_jw_kstr(w, "version", p->image.manifest.version);
    qc_jw_kstr(w, "state", qc_plugin_state_name(p->state));
    if (p->grant_path && p->state != QC_PLUGIN_REJECTED)
        qc_jw_kstr(w, "mode", p->grant.trusted ? "trusted" : "isolated");
    if (p->grant_path && !qc_os_exists(p->grant_path))
        qc_jw_kbool(w, "grant_removed", true);
    if (p->reason)
        qc_jw_kstr(w, "reason", p->reason);
    if (p->state == QC_PLUGIN_STARTING &&
        qc_clock_mono() - p->progress_at > (qc_mono)p->grant.start_s * 1000000000)
        qc_jw_kbool(w, "late", true);
    if (*p->progress) {
        qc_jw_kstr(w, "progress", p->progress);
        qc_jw_kuint(w, "permille", p->progress_permille);
    }
    if (used) {
        if (p->file)
            qc_jw_kstr(w, "file", p->file);
        if (p->grant_path)
            qc_jw_kstr(w, "grant", p->grant_path);
        if (*p->image.sha256)
            qc_jw_kstr(w, "sha256", p->image.sha256);
        if (p->image.manifest.summary)
            qc_jw_kstr(w, "summary", p->image.manifest.summary);
        if (p->state_since)
            qc_jw_kint(w, "state_seconds", (qc_clock_mono() - p->state_since) / 1000000000);
        write_caps(w, p);
        qc_jw_karr(w, "problems");
        for (size_t i = 0; i < p->problems.n; i++)
            qc_jw_str(w, p->problems.line[i]);
        qc_jw_arr_end(w);
        qc_jw_kuint(w, "restarts", p->restarts);
        qc_jw_kuint(w, "lag_blocks", qc_plugin_lag(p));
        qc_jw_kuint(w, "awaited", atomic_load(&p->awaited));
        write_process(w, p, used);
        qc_jw_kuint(w, "log_lines", p->log_lines);
        qc_jw_kuint(w, "log_dropped", p->log_dropped);
    }
    qc_jw_obj_end(w);
    pthread_mutex_unlock(&p->lock);
}

static void rpc_listplugins(qc_rpc_req *r, void *arg)
{
    qc_host *h = arg;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    pthread_mutex_lock(&h->list_lock);
    for (size_t i = 0; i < h->n_plugin; i++)
        write_plugin(w, h->plugin[i], NULL);
    pthread_mutex_unlock(&h->list_lock);
    qc_jw_arr_end(w);
}

static void rpc_getplugininfo(qc_rpc_req *r, void *arg)
{
    qc_host *h = arg;
    const char *name = "";
    if (!qc_rpc_str(r, 0, &name))
        return;
    /* Not under the lock: the kernel may take its time, and the supervisor waits for it. */
    pthread_mutex_lock(&h->list_lock);
    qc_plugin *p = qc_host_by_name(h, name);
    qc_plugin_usage used = {.pid = p ? atomic_load(&p->pid) : 0};
    pthread_mutex_unlock(&h->list_lock);
    qc_plugin_usage_read(&used, 1);
    pthread_mutex_lock(&h->list_lock);
    p = qc_host_by_name(h, name);
    if (p) {
        write_plugin(qc_rpc_out(r), p, &used);
    } else {
        char *hint = qc_host_did_you_mean(h, name);
        (void)qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Plugin not found%s", hint);
        qc_free(hint);
    }
    pthread_mutex_unlock(&h->list_lock);
}

static const qc_rpc_param PARAMS_INFO[] = {
    {.names = "id",
     .type = QC_T_STR,
     .required = true,
     .help = "The plugin's id, or its last part where that is unique"},
    {.names = NULL}};

static const qc_rpc_method METHODS[] = {
    {.category = "control",
     .name = "listplugins",
     .summary =
         "Lists the plugins that this node knows, with the state of each. grant_removed: it goes "
         "on with what it was granted once, until it is stopped.",
     .result = "[ { \"id\": \"str\", \"version\": \"str\", \"state\": \"str\", ... }, ... ]",
     .examples = "listplugins",
     .fn = rpc_listplugins},
    {.category = "control",
     .name = "getplugininfo",
     .summary = "Says what a plugin asked for, what it was granted, and how it is.",
     .params = PARAMS_INFO,
     .result = "{ \"id\": \"str\", \"state\": \"str\", \"interfaces\": [ ... ], ... }",
     .examples = "getplugininfo \"org.quoin.indexer\"",
     .fn = rpc_getplugininfo},
    {.name = NULL}};

void qc_host_register_rpc(qc_host *h)
{
    qc_rpc_set_absent(h->o.registry, qc_host_ask_absent, h);
    qc_rpc_register_all(h->o.registry, METHODS, h);
    qc_rpc_register_all(h->o.registry, QC_HOST_ACTIONS, h);
    h->rpc_registered = true;
}
