/* What one plugin may ask to be done to another: the one place where node.control meets the life
 * cycle. */
#include "core/host/internal.h"

static qc_plugin *by_id(const qc_host *h, const char *id)
{
    for (size_t i = 0; i < h->n_plugin; i++)
        if (strcmp(h->plugin[i]->label, id) == 0)
            return h->plugin[i];
    return NULL;
}

qn_status qc_host_plugin_act(qc_host *h, const qc_plugin *by, const char *id,
                             qc_plugin_action action)
{
    qc_plugin *p = by_id(h, id);
    if (!p)
        return QN_E_NOTFOUND;
    if (p == by)
        return QN_E_INVAL; /* it has fail(), and a node that stops it */
    switch (action) {
    case QC_ACTION_STOP: {
        qc_plugin_state s = qc_plugin_get_state(p);
        if (s != QC_PLUGIN_STARTING && s != QC_PLUGIN_RUNNING)
            return QN_E_BUSY;
        qc_plugin_stop(p, NULL);
        return QN_OK;
    }
    case QC_ACTION_START:
    case QC_ACTION_RELOAD:
        return QN_E_UNSUPPORTED; /* there is no supervisor yet: a plugin starts with its node */
    }
    return QN_E_INTERNAL;
}
