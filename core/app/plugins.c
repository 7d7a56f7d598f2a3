/* The plugin host inside quoind: made before the chain thread runs, started when the node is ready,
 * stopped before the RPC server. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/host/host.h"
#include "core/os/file.h"

#include <stdio.h>

/* Numbers that neither Debian nor systemd gives to anybody. */
#define UIDS_DEFAULT "60600:500"

static char *find_runner(const qc_app *a)
{
    static const char *const place[] = {"quoin-runner", "../libexec/quoin/quoin-runner", NULL};
    const char *given = qc_settings_str(a->settings, "pluginrunner", NULL);
    return given ? qc_strdup(given) : qc_os_part(place, QC_RUNNER);
}

/* "BASE:COUNT". */
static bool uids_of(const char *text, uint32_t *base, uint32_t *count)
{
    unsigned long b, c;
    int used = 0;
    if (sscanf(text, "%9lu:%9lu%n", &b, &c, &used) != 2 || text[used] || b == 0 || c == 0)
        return false;
    *base = (uint32_t)b;
    *count = (uint32_t)c;
    return true;
}

static void alert(void *arg, const char *text)
{
    qc_app_alert_notify(arg, text);
}

/* "quoin-plugin" with the options that have it find this node's folders, as quoin-plugin itself
 * proposes commands. Owned. */
static char *tool_of(const qc_app *a)
{
    bool elsewhere = qc_settings_on_command_line(a->settings, "datadir");
    return qc_conf_command(a->settings, "quoin-plugin", elsewhere ? a->paths.base : NULL,
                           a->params->name);
}

bool qc_app_plugins_new(qc_app *a)
{
    const char *uids = qc_settings_str(a->settings, "pluginuids", UIDS_DEFAULT);
    uint32_t base, count;
    if (!qc_settings_bool(a->settings, "plugins", true))
        return true;
    if (!uids_of(uids, &base, &count))
        return qc_app_error(a, "-pluginuids: found %s, wanted BASE:COUNT, such as " UIDS_DEFAULT,
                            uids);
    char *runner = find_runner(a);
    char *grants = qc_asprintf("%s/plugins.d", a->net_dir);
    char *data = qc_asprintf("%s/plugins", a->net_dir);
    char *plugins = qc_conf_plugin_dir(a->settings, QC_PLUGINDIR);
    char *tool = tool_of(a);
    qc_host_options o = {
        .chain = a->node.chain,
        .registry = a->node.registry,
        .network = a->params->name,
        .plugin_dir = plugins,
        .grant_dir = qc_settings_str(a->settings, "plugingrants", grants),
        .data_dir = data,
        .tool = tool,
        .runner = runner,
        .uid_base = base,
        .uid_count = count,
        .proxy = &a->proxy,
        .node = &a->node,
        .mounts = a->mounts,
        .alert = alert,
        .alert_arg = a,
    };
    a->host = qc_host_new(&o);
    qc_host_register_rpc(a->host);
    qc_free(tool);
    qc_free(plugins);
    qc_free(data);
    qc_free(grants);
    qc_free(runner);
    return true;
}

void qc_app_plugins_start(qc_app *a)
{
    if (a->host)
        qc_host_start(a->host, a->node.chain_thread);
}

void qc_app_plugins_stop(qc_app *a)
{
    if (a->host)
        a->left_behind = !qc_host_stop(a->host);
}

void qc_app_plugins_free(qc_app *a)
{
    qc_host_free(a->host);
    a->host = NULL;
}
