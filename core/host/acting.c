/* What interfaces that act on the node have in common: a way that is granted by itself, and a line
 * in the log for each use. */
#include "core/host/internal.h"

#include "core/base/arith.h"
#include "core/base/clock.h"
#include "core/base/log.h"

#define TURNS_PER_S 50.0

bool qc_cap_turn(qn_cap *cap)
{
    qc_mono now = qc_clock_mono();
    cap->act_tokens += (double)(now - cap->act_at) * 1e-9 * TURNS_PER_S;
    cap->act_at = now;
    cap->act_tokens = QC_MIN(cap->act_tokens, TURNS_PER_S);
    if (cap->act_tokens < 1)
        return false;
    cap->act_tokens -= 1;
    return true;
}

qn_status qc_cap_act(qn_cap *cap, bool may, const char *what, const char *on)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    /* Each use is a line in the log, and these are not of those that its grant limits. */
    if (may && !qc_cap_turn(cap))
        return QN_E_BUSY;
    const char *id = cap->adapter->id;
    /* What it may not do it could try for ever: that fills the log no faster than its own lines. */
    if (may || qc_plugin_may_log(cap->plugin))
        qc_log(may ? QC_LOG_INFO : QC_LOG_WARN, "plugin", "%s: %.*s: %s%s%s%s", cap->plugin->label,
               (int)strcspn(id, "/"), id, what, *on ? " " : "", qc_printable(on),
               may ? "" : ": refused, the grant does not allow it");
    return may ? QN_OK : QN_E_DENIED;
}
