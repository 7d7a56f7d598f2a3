/* What interfaces that act on the node have in common: a way that is granted by itself, and a line
 * in the log for each use. */
#include "core/host/internal.h"

#include "core/base/log.h"

qn_status qc_cap_act(qn_cap *cap, bool may, const char *what, const char *on)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    const char *id = cap->adapter->id;
    /* What it may not do it could try for ever: that fills the log no faster than its own lines. */
    if (may || qc_plugin_may_log(cap->plugin))
        qc_log(may ? QC_LOG_INFO : QC_LOG_WARN, "plugin", "%s: %.*s: %s%s%s%s", cap->plugin->label,
               (int)strcspn(id, "/"), id, what, *on ? " " : "", qc_printable(on),
               may ? "" : ": refused, the grant does not allow it");
    return may ? QN_OK : QN_E_DENIED;
}
