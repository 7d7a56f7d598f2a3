#include "core/host/resolve.h"

#include "config.h"
#include "core/base/nearest.h"

#include <stdio.h>

#define STEP "resolve"
#define MEMORY_DEFAULT UINT64_C(2000000000)
#define MEMORY_LEAST UINT64_C(256000000)
#define MEANT(near)                                                                                \
    (near).best ? " (did you mean " : "", (near).best ? (near).best : "", (near).best ? "?)" : ""

const char *qc_answer_text(qc_answer a)
{
    static const char *const text[] = {
        "granted",        "not granted",          "no such interface here", "host too old",
        "another number", "unstable not allowed", "bad grant parameters"};
    return text[a];
}

static qc_answer judge(const qc_want *w, const qc_grant *g, qc_resolved *r)
{
    r->iface = qc_interface_find(w->id);
    r->params = qc_grant_get(g, w->id);
    if (!r->iface) {
        char numbers[64];
        qc_interface_numbers(w->id, numbers, sizeof numbers);
        bool others = w->unstable && strcmp(numbers, "none") != 0;
        return others ? QC_ANSWER_OTHER_NUMBER : QC_ANSWER_NO_SUCH;
    }
    if (r->iface->revision < w->revision)
        return QC_ANSWER_OLD_HOST;
    if (w->unstable && !g->unstable)
        return QC_ANSWER_UNSTABLE;
    if (strcmp(w->id, "host/1") == 0) /* everybody has it */
        return QC_ANSWER_GRANTED;
    if (!r->params)
        return QC_ANSWER_NOT_GRANTED;
    return qc_interface_misfit(r->iface, r->params) ? QC_ANSWER_BAD_PARAMS : QC_ANSWER_GRANTED;
}

const char *qc_resolved_warning(const qc_resolved *r)
{
    static _Thread_local char text[256];
    const qc_unstable *u = r->answer == QC_ANSWER_GRANTED ? qc_interface_unstable(r->iface) : NULL;
    if (!u || !*u->last)
        return NULL;
    snprintf(text, sizeof text,
             "%s is served for the last time by release %s (this is quoin " PACKAGE_VERSION
             "); its methods are now in %s",
             r->iface->id, u->last, u->instead);
    return text;
}

static void tell(const qc_resolved *r, qc_problems *p)
{
    char numbers[64];
    const qc_want *w = r->want;
    switch (r->answer) {
    case QC_ANSWER_GRANTED:
        break;
    case QC_ANSWER_NOT_GRANTED:
        qc_problem(p, STEP, "%s: found no grant, wanted a line '%s = ...' below [grant]%s%s%s",
                   w->text, w->id, w->why ? " (" : "", w->why ? qc_printable(w->why) : "",
                   w->why ? ")" : "");
        break;
    case QC_ANSWER_NO_SUCH:
        qc_problem(p, STEP, "%s: found no such interface in quoin " PACKAGE_VERSION ", wanted it",
                   w->text);
        break;
    case QC_ANSWER_OLD_HOST:
        qc_problem(p, STEP,
                   "%s: found revision %u in quoin " PACKAGE_VERSION ", wanted %u or newer",
                   w->text, r->iface->revision, w->revision);
        break;
    case QC_ANSWER_OTHER_NUMBER:
        qc_interface_numbers(w->id, numbers, sizeof numbers);
        qc_problem(p, STEP,
                   "%s: found number %s in quoin " PACKAGE_VERSION
                   ", wanted exactly %u: what is unstable is matched by its number",
                   w->text, numbers, w->major);
        break;
    case QC_ANSWER_UNSTABLE:
        qc_problem(p, STEP, "%s: found unstable = no, wanted unstable = yes below [grant]",
                   w->text);
        break;
    case QC_ANSWER_BAD_PARAMS:
        qc_problem(p, STEP, "grant of %s: %s", w->id, qc_interface_misfit(r->iface, r->params));
        break;
    }
}

/* A line that grants what the plugin does not ask for is most likely a typing mistake. */
static void check_lines(const qc_manifest *m, const qc_grant *g, qc_problems *p)
{
    for (size_t i = 0; i < g->n_iface; i++) {
        bool asked = false;
        qc_nearest near;
        qc_nearest_init(&near, g->iface[i].key);
        for (size_t k = 0; k < m->n_want; k++) {
            asked |= strcmp(m->want[k].id, g->iface[i].key) == 0;
            qc_nearest_try(&near, m->want[k].id);
        }
        if (!asked)
            qc_problem(p, STEP, "grant: found %s, wanted only what the manifest asks for%s%s%s",
                       qc_printable(g->iface[i].key), MEANT(near));
    }
}

static void check_mode(const qc_manifest *m, const qc_grant *g, qc_problems *p)
{
    if (!g->trusted && !m->may_isolated)
        qc_problem(p, STEP,
                   "mode: found isolated, wanted trusted (the manifest allows nothing else)");
    else if (g->trusted && !g->sha256)
        qc_problem(p, STEP,
                   "sha256: found none, wanted one: a trusted plugin must be pinned "
                   "(quoin-plugin pin)");
    if (g->trusted && !m->may_trusted)
        qc_problem(p, STEP,
                   "mode: found trusted, wanted isolated (the manifest allows nothing else)");
}

/* On main it is most likely that an option was forgotten. */
bool qc_resolve_network(const qc_manifest *m, const char *network, qc_problems *p)
{
    bool fits = m->n_network == 0, regtest = false, forgotten = strcmp(network, "main") == 0;
    char all[128] = "";
    for (size_t i = 0; i < m->n_network; i++) {
        size_t used = strlen(all);
        fits |= strcmp(m->network[i], network) == 0;
        regtest |= strcmp(m->network[i], "regtest") == 0;
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", m->network[i]);
    }
    if (!fits)
        qc_problem(p, STEP, "network: found %s, wanted one that the manifest names (%s)%s%s%s",
                   network, all, forgotten ? ": this is main, was -chain=" : "",
                   forgotten ? (regtest ? "regtest" : m->network[0]) : "",
                   forgotten ? " meant?" : "");
    return fits;
}

static void check_config(const qc_manifest *m, const qc_grant *g, qc_resolution *out,
                         qc_problems *p)
{
    for (size_t i = 0; i < m->n_config; i++) {
        const qc_config_def *d = &m->config[i];
        const char *value = d->dflt;
        for (size_t k = 0; k < g->n_config; k++)
            if (strcmp(g->config[k].key, d->name) == 0)
                value = g->config[k].value;
        out->config[i] = value;
        const char *want = value ? qc_config_misfit(d, value) : "a value";
        if (want)
            qc_problem(p, STEP, "config %s: found %s, wanted %s", d->name,
                       value ? qc_printable(value) : "nothing", want);
    }
    for (size_t k = 0; k < g->n_config; k++) {
        bool known = false;
        qc_nearest near;
        qc_nearest_init(&near, g->config[k].key);
        for (size_t i = 0; i < m->n_config; i++) {
            known |= strcmp(g->config[k].key, m->config[i].name) == 0;
            qc_nearest_try(&near, m->config[i].name);
        }
        if (!known)
            qc_problem(p, STEP, "config: found %s, wanted a member of the plugin's schema%s%s%s",
                       qc_printable(g->config[k].key), MEANT(near));
    }
}

bool qc_resolve(const qc_manifest *m, const qc_grant *g, const char *network, qc_resolution *out,
                qc_problems *p)
{
    size_t before = p->n, missing = 0;
    *out = (qc_resolution){.n = m->n_want};
    for (size_t i = 0; i < m->n_want; i++) {
        qc_resolved *r = &out->item[i];
        r->want = &m->want[i];
        r->answer = judge(r->want, g, r);
        bool fatal = !r->want->optional || r->answer == QC_ANSWER_BAD_PARAMS;
        if (fatal)
            tell(r, p);
        missing += fatal && r->answer == QC_ANSWER_NOT_GRANTED;
    }
    check_lines(m, g, p);
    check_mode(m, g, p);
    (void)qc_resolve_network(m, network, p);
    check_config(m, g, out, p);
    out->needs_grant = missing && p->n - before == missing;
    return p->n == before;
}

/* What the operator says; else twice what the plugin says that it needs, since the loader, the
 * stacks of threads and the store's engine count too; else more than any should need. */
uint64_t qc_resolve_memory(const qc_manifest *m, const qc_grant *g)
{
    uint64_t says = (uint64_t)m->memory_mb * 1000000;
    if (g->memory)
        return g->memory;
    if (says == 0)
        return MEMORY_DEFAULT;
    return 2 * says > MEMORY_LEAST ? 2 * says : MEMORY_LEAST;
}

uint32_t qc_resolve_threads(const qc_grant *g)
{
    return g->threads ? (uint32_t)g->threads : 1;
}
