/* What interfaces that act on the node have in common: a way that is granted by itself, and a line
 * in the log for each use. */
#include "core/host/internal.h"

#include "core/base/arith.h"
#include "core/base/clock.h"
#include "core/base/log.h"

#define TURNS_PER_S 50.0
#define ASKS_PER_S 500.0
#define US_PER_TURN 1000.0 /* of the chain thread's time */

static bool take(qn_cap *cap, double turns)
{
    qc_mono now = qc_clock_mono();
    cap->act_tokens += (double)(now - cap->act_at) * 1e-9 * TURNS_PER_S;
    cap->act_at = now;
    cap->act_tokens = QC_MIN(cap->act_tokens, TURNS_PER_S);
    if (cap->act_tokens < turns)
        return false;
    cap->act_tokens -= turns;
    return true;
}

bool qc_cap_turn(qn_cap *cap)
{
    return take(cap, 1);
}

qn_status qc_cap_ask(qn_cap *cap)
{
    qn_status st = qc_cap_enter(cap);
    return st == QN_OK && !take(cap, TURNS_PER_S / ASKS_PER_S) ? QN_E_BUSY : st;
}

void qc_cap_worked(qn_cap *cap, uint64_t us)
{
    cap->act_tokens -= (double)us / US_PER_TURN; /* may fall below zero */
}

static void log_line(const qn_cap *cap, bool may, const char *what, const char *on)
{
    const char *id = cap->adapter->id;
    qc_log(may ? QC_LOG_INFO : QC_LOG_WARN, "plugin", "%s: %.*s: %s%s%s%s", cap->plugin->label,
           (int)strcspn(id, "/"), id, what, *on ? " " : "", qc_printable(on),
           may ? "" : ": refused, the grant does not allow it");
}

qn_status qc_cap_may_act(qn_cap *cap, bool may, const char *what, const char *on)
{
    qn_status st = qc_cap_enter(cap);
    if (st != QN_OK)
        return st;
    if (may) /* each use is a line in the log, and these are not of those that its grant limits */
        return qc_cap_turn(cap) ? QN_OK : QN_E_BUSY;
    /* What it may not do it could try for ever: that fills the log no faster than its own lines. */
    if (qc_plugin_may_log(cap->plugin))
        log_line(cap, false, what, on);
    return QN_E_DENIED;
}

void qc_cap_acted(const qn_cap *cap, const char *what, const char *on)
{
    log_line(cap, true, what, on);
}

qn_status qc_cap_act(qn_cap *cap, bool may, const char *what, const char *on)
{
    qn_status st = qc_cap_may_act(cap, may, what, on);
    if (st == QN_OK)
        qc_cap_acted(cap, what, on);
    return st;
}
