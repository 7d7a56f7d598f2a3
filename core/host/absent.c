/* Methods that are not there. Whoever calls a method of a plugin that is down, was refused its
 * names or was never enabled hears which plugin that is, how it is, and what to do. */
#include "core/host/granted_names.h"
#include "core/host/internal.h"

#include <stdio.h>

#define SERVES "rpc.serve/"

typedef enum claim {
    NONE,
    GRANTED,   /* the operator lets it have the name */
    NOT_ASKED, /* it would be given the name: it has a grant, but not for this */
    UNKNOWN,   /* it may be: what it asks for could not be read */
    FOUND      /* it would be, if it were enabled */
} claim;

static const char *params_of(const qc_plugin *p)
{
    for (size_t i = 0; i < p->grant.n_iface; i++)
        if (strncmp(p->grant.iface[i].key, SERVES, sizeof SERVES - 1) == 0)
            return p->grant.iface[i].value;
    return NULL;
}

static bool asks_for_names(const qc_plugin *p)
{
    const qc_manifest *m = &p->image.manifest;
    for (size_t i = 0; i < m->n_want; i++)
        if (strncmp(m->want[i].id, SERVES, sizeof SERVES - 1) == 0)
            return true;
    return false;
}

/* What stands before the first dot of the plugin's methods, if the operator names nothing else. */
static const char *usual_prefix(const qc_plugin *p)
{
    const char *last = strrchr(p->label, '.');
    return last ? last + 1 : p->label;
}

static claim claim_of(const qc_plugin *p, const char *name)
{
    const char *params = params_of(p), *prefix = usual_prefix(p);
    qc_granted_names g;
    if (params) {
        qc_granted_names_read(&g, params);
        return qc_granted_names_have(&g, name) ? GRANTED : NONE;
    }
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0 || name[n] != '.' || !name[n + 1])
        return NONE;
    if (asks_for_names(p))
        return p->grant_path ? NOT_ASKED : FOUND;
    return p->grant_path && !p->image.manifest.id ? UNKNOWN : NONE;
}

/* What an operator can do; "%s" is the plugin. NULL: nothing but wait. */
static const char *advice(qc_plugin_state s)
{
    switch (s) {
    case QC_PLUGIN_REJECTED:
        return "mend what is named, then 'plugin start %s'";
    case QC_PLUGIN_NEEDS_GRANT:
        return "grant what is named, then 'plugin start %s'";
    case QC_PLUGIN_STOPPED:
    case QC_PLUGIN_CRASHED:
        return "'plugin start %s' starts it";
    case QC_PLUGIN_QUARANTINED:
        return "'plugin quarantine-clear %s' starts it again";
    case QC_PLUGIN_WEDGED:
        return "%s comes back with the node's next start";
    case QC_PLUGIN_DISCOVERED:
    case QC_PLUGIN_READY:
    case QC_PLUGIN_STARTING:
    case QC_PLUGIN_RUNNING:
    case QC_PLUGIN_STOPPING:
    case QC_PLUGIN_BACKOFF:
    case QC_PLUGIN_LAGGING:
        break;
    }
    return NULL;
}

static void tell_state(const qc_plugin *p, bool sure, char *why, size_t cap)
{
    char what_to_do[160] = "";
    const char *how = advice(p->state), *reason = p->reason ? p->reason : "";
    const char *mark = how ? strchr(how, '%') : NULL;
    if (mark)
        snprintf(what_to_do, sizeof what_to_do, " (%.*s%s%s)", (int)(mark - how), how, p->label,
                 mark + 2);
    snprintf(why, cap, "%s, which %s the name, is %s%s%s%s", p->label, sure ? "has" : "may have",
             qc_plugin_state_name(p->state), what_to_do, *reason ? ": " : "", reason);
}

static qc_rpc_absent judge(qc_plugin *p, claim c, char *why, size_t cap)
{
    pthread_mutex_lock(&p->lock);
    qc_plugin_state s = p->state;
    if (c == FOUND)
        snprintf(why, cap,
                 "%s, which would have the name, is not enabled: '%s enable %s', then "
                 "'plugin start %s'",
                 p->label, p->host->tool, p->label, p->label);
    else if (c == NOT_ASKED)
        snprintf(why, cap,
                 "%s, which would have the name, is %s without rpc.serve/1: put the line "
                 "'rpc.serve/1 = prefix=%s.' below [grant] in %s, then 'plugin reload %s'",
                 p->label, qc_plugin_state_name(s), usual_prefix(p), p->grant_path, p->label);
    else
        tell_state(p, c == GRANTED, why, cap);
    pthread_mutex_unlock(&p->lock);
    if (c != GRANTED)
        return QC_RPC_AWAY;
    if (s == QC_PLUGIN_READY || s == QC_PLUGIN_STARTING)
        return QC_RPC_COMES;
    return s == QC_PLUGIN_RUNNING || s == QC_PLUGIN_LAGGING ? QC_RPC_NOBODYS : QC_RPC_AWAY;
}

/* Right after the node's start too a name says more than that it is unknown. Who is granted it
 * comes before who might be. */
qc_rpc_absent qc_host_ask_absent(void *arg, const char *name, char *why, size_t cap)
{
    qc_host *h = arg;
    qc_rpc_absent is = QC_RPC_NOBODYS;
    bool granted = false;
    pthread_mutex_lock(&h->list_lock);
    for (size_t i = 0; i < h->n_plugin && is == QC_RPC_NOBODYS; i++)
        if (claim_of(h->plugin[i], name) == GRANTED) {
            granted = true;
            is = judge(h->plugin[i], GRANTED, why, cap);
        }
    for (size_t i = 0; i < h->n_plugin && is == QC_RPC_NOBODYS && !granted; i++) {
        claim c = claim_of(h->plugin[i], name);
        if (c != NONE)
            is = judge(h->plugin[i], c, why, cap);
    }
    pthread_mutex_unlock(&h->list_lock);
    return is;
}
