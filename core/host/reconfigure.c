/* New values for a plugin that runs: what its schema marks live, and nothing else, has changed. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/host/isolated.h"

/* Everything but [config]. */
static bool same_grant(const qc_grant *a, const qc_grant *b)
{
    bool same = qc_grant_same_text(a->file, b->file) && qc_grant_same_text(a->sha256, b->sha256) &&
                qc_grant_same_text(a->cpu, b->cpu) && a->trusted == b->trusted &&
                a->best_effort == b->best_effort && a->unstable == b->unstable &&
                a->n_iface == b->n_iface && a->memory == b->memory && a->threads == b->threads &&
                a->calls_per_s == b->calls_per_s && a->log_per_s == b->log_per_s &&
                a->restarts == b->restarts && a->restart_window_s == b->restart_window_s &&
                a->start_s == b->start_s && a->stop_s == b->stop_s && a->ping_s == b->ping_s &&
                a->ping_dead_s == b->ping_dead_s;
    for (size_t i = 0; same && i < a->n_iface; i++)
        same = qc_grant_same_text(a->iface[i].key, b->iface[i].key) &&
               qc_grant_same_text(a->iface[i].value, b->iface[i].value);
    return same;
}

static bool within(uint64_t a, uint64_t bound)
{
    return !bound || (a && a <= bound);
}

bool qc_plugin_may_still(const qc_plugin *p, const qc_grant *g)
{
    const qc_grant *had = &p->grant;
    return (!g->sha256 || qc_grant_same_text(g->sha256, p->image.sha256)) &&
           qc_grant_covers(g, had) && within(had->memory, g->memory) &&
           within(had->threads, g->threads) && had->calls_per_s <= g->calls_per_s &&
           had->log_per_s <= g->log_per_s;
}

bool qc_plugin_only_live(const qc_plugin *p, const qc_plugin *next)
{
    const qc_manifest *m = &p->image.manifest;
    bool changed = false;
    if (strcmp(p->image.sha256, next->image.sha256) != 0 || !same_grant(&p->grant, &next->grant))
        return false;
    for (size_t i = 0; i < m->n_config; i++) {
        if (qc_grant_same_text(p->resolution.config[i], next->resolution.config[i]))
            continue;
        if (!m->config[i].live)
            return false;
        changed = true;
    }
    return changed;
}

/* The values of `next` become p's and p's those of `next`: the same again undoes it. What the
 * grants do not give are defaults of each one's own manifest, which are the same. */
static void swap_config(qc_plugin *p, qc_plugin *next)
{
    const qc_manifest *m = &p->image.manifest, *n = &next->image.manifest;
    for (size_t i = 0; i < QC_GRANT_ITEMS_MAX; i++) {
        qc_grant_item item = p->grant.config[i];
        p->grant.config[i] = next->grant.config[i];
        next->grant.config[i] = item;
    }
    size_t count = p->grant.n_config;
    p->grant.n_config = next->grant.n_config;
    next->grant.n_config = count;
    for (size_t i = 0; i < m->n_config; i++) {
        const char *mine = p->resolution.config[i], *its = next->resolution.config[i];
        p->resolution.config[i] = its == n->config[i].dflt ? m->config[i].dflt : its;
        next->resolution.config[i] = mine == m->config[i].dflt ? n->config[i].dflt : mine;
    }
}

void qc_plugin_reconfigured(qc_plugin *p, qn_status st)
{
    if (st != QN_OK)
        swap_config(p, p->next_config);
    qc_supervise_reconfigured(p->host->supervisor, p, st);
}

static void reconfigure_here(void *arg)
{
    qc_plugin *p = arg;
    if (p->ended)
        return;
    swap_config(p, p->next_config);
    if (p->iso) {
        qc_isolated_reconfigure(p->iso);
        return;
    }
    qn_config_item item[QC_MANIFEST_LIST_MAX];
    qn_config config = qc_plugin_config(p, item);
    qc_plugin_reconfigured(p, p->entry->reconfigure ? p->entry->reconfigure(p->self, &config)
                                                    : QN_E_UNSUPPORTED);
}

void qc_plugin_reconfigure(qc_plugin *p, qc_plugin *next)
{
    p->next_config = next;
    qc_loop_post(p->loop, reconfigure_here, p);
}
