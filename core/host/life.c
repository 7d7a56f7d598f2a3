/* What one plugin may have done to another (node.control): asked of the supervisor, like what an
 * operator asks for. */
#include "core/host/internal.h"

#include "core/base/alloc.h"

static bool is_up(qc_plugin_state s)
{
    return s == QC_PLUGIN_STARTING || s == QC_PLUGIN_RUNNING || s == QC_PLUGIN_LAGGING ||
           s == QC_PLUGIN_STOPPING;
}

static qn_status judge(const qc_plugin *by, qc_plugin *p, qc_action_kind kind)
{
    if (!p)
        return kind == QC_ACTION_START ? QN_OK : QN_E_NOTFOUND; /* start: perhaps newly granted */
    if (p == by)
        return QN_E_INVAL; /* it has fail(), and a node that stops it */
    qc_plugin_state s = qc_plugin_get_state(p);
    bool up = is_up(s) || s == QC_PLUGIN_BACKOFF;
    if (kind == QC_ACTION_STOP && !up)
        return QN_E_BUSY;
    if (kind == QC_ACTION_START && (is_up(s) || s == QC_PLUGIN_QUARANTINED))
        return QN_E_BUSY; /* a quarantine is for an operator to lift */
    return p->grant.trusted && kind != QC_ACTION_STOP && p->library ? QN_E_UNSUPPORTED : QN_OK;
}

qn_status qc_host_plugin_act(qc_host *h, const qc_plugin *by, const char *id, qc_action_kind kind)
{
    pthread_mutex_lock(&h->list_lock);
    qc_plugin *p = qc_host_by_name(h, id);
    qn_status st = judge(by, p, kind);
    pthread_mutex_unlock(&h->list_lock);
    if (st == QN_OK && !p) {
        char *grant = qc_host_grant_of(h, id);
        st = grant ? QN_OK : QN_E_NOTFOUND;
        qc_free(grant);
    }
    if (st != QN_OK)
        return st;
    if (!h->supervisor)
        return QN_E_UNSUPPORTED;
    qc_action *a = qc_action_new(h, kind, id, NULL);
    qc_action_run(a);
    qc_action_unref(a);
    return QN_OK;
}
