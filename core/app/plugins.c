/* The plugin host inside quoind: made before the chain thread runs, started when the node is ready,
 * stopped before the RPC server. */
#include "core/app/app.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/host/host.h"

void qc_app_plugins_new(qc_app *a)
{
    if (!qc_settings_bool(a->settings, "plugins", true))
        return;
    char *grants = qc_asprintf("%s/plugins.d", a->net_dir);
    char *data = qc_asprintf("%s/plugins", a->net_dir);
    qc_host_options o = {
        .chain = a->node.chain,
        .registry = a->node.registry,
        .network = a->params->name,
        .plugin_dir = qc_settings_str(a->settings, "plugindir", QC_PLUGINDIR),
        .grant_dir = qc_settings_str(a->settings, "plugingrants", grants),
        .data_dir = data,
    };
    a->host = qc_host_new(&o);
    qc_host_register_rpc(a->host);
    qc_free(data);
    qc_free(grants);
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
