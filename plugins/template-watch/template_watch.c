/* plugins/template-watch: a line in the log for each new block template. It may read templates and
 * nothing else: with `overreach` it asks for the right to hand blocks in, and is refused. */
#include "quoin/mining_submit.h"
#include "quoin/mining_template.h"
#include "quoin/sdk.h"

#include "plugins/template-watch/manifest.h"

typedef struct watch {
    const qn_host_1 *host;
    const qn_mining_template_1 *mining;
    qn_cap *cap, *mining_cap;
    int overreach;
} watch;

static void on_ready(void *arg, uint64_t subscription, int32_t status)
{
    watch *w = arg;
    qn_template_view v = {.size = sizeof v};
    qn_status st = status;
    while (st == QN_OK && (st = w->mining->next(w->mining_cap, subscription, &v)) == QN_OK) {
        qn_logf(w->host, w->cap, QN_LOG_INFO, "block %u, %s: %u transactions pay %lld sat",
                v.height, v.kind == QN_TEMPLATE_KIND_EMPTY ? "empty" : "full", v.n_tx,
                (long long)v.fees);
        st = w->mining->release(w->mining_cap, v.id);
    }
    if (st != QN_E_AGAIN && st != QN_E_NOTREADY && st != QN_E_REVOKED)
        w->host->fail(w->cap, st, "cannot watch templates", 22);
}

static qn_status start(void *self)
{
    watch *w = self;
    uint64_t subscription;
    const void *table;
    qn_cap *cap;
    if (w->overreach && w->host->get(w->cap, QN_MINING_SUBMIT_1_ID, 1, &table, &cap) != QN_OK)
        qn_logf(w->host, w->cap, QN_LOG_WARN, "may not hand blocks in: mining.submit/1 is refused");
    return w->mining->open(w->mining_cap, NULL, NULL, on_ready, w, &subscription);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    watch *w = calloc(1, sizeof *w);
    if (!w)
        return QN_E_NOMEM;
    const char *overreach = qn_config_text(config, "overreach");
    w->host = host;
    w->cap = cap;
    w->overreach = overreach && (strcmp(overreach, "true") == 0 || strcmp(overreach, "1") == 0);
    qn_status st = host->get(cap, QN_MINING_TEMPLATE_1_ID, 1, &table, &w->mining_cap);
    if (st != QN_OK) {
        free(w);
        return st;
    }
    w->mining = table;
    *self = w;
    return QN_OK;
}

QN_EXPORT const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                               .id = "org.quoin.template-watch",
                                               .version = "0.1.0",
                                               .init = init,
                                               .start = start,
                                               .stop = stop,
                                               .fini = free};
