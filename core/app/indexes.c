/* The built-in indexes of quoind: -blockfilterindex. */
#include "core/app/app.h"
#include "core/base/alloc.h"

#define FILTER_CACHE ((size_t)8 << 20)

/* The values Core takes: nothing, 1 and basic turn it on, 0 off. */
static bool wanted(qc_app *a, bool *on)
{
    const char **list = qc_settings_list(a->settings, "blockfilterindex", NULL);
    bool ok = true;
    *on = false;
    for (size_t i = 0; list[i] && ok; i++) {
        bool yes = list[i][0] == 0 || strcmp(list[i], "1") == 0 || strcmp(list[i], "basic") == 0;
        *on |= yes;
        if (!yes && strcmp(list[i], "0") != 0)
            ok = qc_app_error(a, "Unknown -blockfilterindex value %s.", list[i]);
    }
    qc_free(list);
    return ok;
}

bool qc_app_indexes_check(qc_app *a)
{
    bool on;
    if (!wanted(a, &on))
        return false;
    return on || !qc_settings_bool(a->settings, "peerblockfilters", false) ||
           qc_app_error(a, "Cannot set -peerblockfilters without -blockfilterindex.");
}

bool qc_app_indexes_start(qc_app *a)
{
    bool on;
    char detail[512] = "";
    if (!wanted(a, &on))
        return false;
    if (!on)
        return true;
    /* A -reindex that goes on after a stop keeps what it has built so far. */
    bool wipe = qc_settings_bool(a->settings, "reindex", false);
    qc_err err = qc_filterindex_start(&a->node.filters, a->node.chain, a->net_dir, FILTER_CACHE,
                                      wipe, detail, sizeof detail);
    return !err || qc_app_error(a, "Cannot open the block filter index: %s",
                                detail[0] ? detail : qc_err_text(err));
}

void qc_app_indexes_stop(qc_app *a)
{
    qc_filterindex_stop(a->node.filters);
}

void qc_app_indexes_free(qc_app *a)
{
    qc_filterindex_free(a->node.filters);
    a->node.filters = NULL;
}
