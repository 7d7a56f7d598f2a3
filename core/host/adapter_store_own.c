/* store.own/1 in trusted mode: the folder <datadir>/<chain>/plugins/<id>/store, in the node. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/os/file.h"

static void complain(void *arg, const char *text)
{
    const qn_cap *cap = arg;
    qc_log(QC_LOG_ERROR, "plugin", "%s: store.own: %s", cap->plugin->label, text);
}

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    static _Thread_local char detail[256];
    const qc_plugin *p = cap->plugin;
    char *parent = qc_asprintf("%s/%s", p->host->data_dir, p->image.manifest.id);
    char *dir = qc_asprintf("%s/store", parent);
    const qc_ownstore_options o = {.dir = dir,
                                   .quota = qc_cap_number(cap, "quota", 0),
                                   .floor = QC_OWNSTORE_FLOOR,
                                   .complain = complain,
                                   .arg = cap};
    qc_ownstore *store;
    detail[0] = 0;
    qc_err err = qc_os_mkdirs_synced(parent);
    if (!err)
        err = qc_ownstore_open(&o, &store, detail, sizeof detail);
    if (err)
        *why = detail;
    else
        cap->state = store;
    qc_free(dir);
    qc_free(parent);
    return err;
}

static void adapter_close(qn_cap *cap)
{
    qc_ownstore_close(cap->state);
}

const qc_adapter QC_ADAPTER_STORE_OWN = {QN_STORE_OWN_1_ID, &QC_OWNSTORE_TABLE, adapter_open, NULL,
                                         adapter_close};
