/* The indexer: follows the chain, keeps rows of 13 bytes, answers from the blocks themselves. */
#include "plugins/indexer/indexer.h"

#include "plugins/indexer/manifest.h"

#include <stdlib.h>

#define VERSION "0.1.0"

static qn_status get(ix *x, const char *id, const void **table, qn_cap **cap)
{
    qn_status st = x->host->get(x->cap, id, 1, table, cap);
    if (st != QN_OK)
        qn_logf(x->host, x->cap, QN_LOG_ERROR, "the host does not give %s (status %d)", id, st);
    return st;
}

static qn_status get_tables(ix *x)
{
    const void *t;
    qn_status st = get(x, QN_CHAIN_READ_1_ID, &t, &x->chain.cap);
    if (st != QN_OK)
        return st;
    x->chain.t = t;
    if ((st = get(x, QN_CHAIN_FOLLOW_1_ID, &t, &x->follow.cap)) != QN_OK)
        return st;
    x->follow.t = t;
    if ((st = get(x, QN_BLOCK_READ_1_ID, &t, &x->blocks.cap)) != QN_OK)
        return st;
    x->blocks.t = t;
    if ((st = get(x, QN_STORE_OWN_1_ID, &t, &x->store.cap)) != QN_OK)
        return st;
    x->store.t = t;
    if (x->host->get(x->cap, QN_RPC_SERVE_1_ID, 1, &t, &x->rpc.cap) == QN_OK)
        x->rpc.t = t;
    else
        qn_logf(x->host, x->cap, QN_LOG_WARN,
                "rpc.serve/1 is not granted: the index is kept, but nobody can ask it");
    return QN_OK;
}

static qn_status chain_name(ix *x)
{
    qn_chain_params p;
    QN_INIT(&p);
    qn_status st = x->chain.t->params(x->chain.cap, &p);
    if (st == QN_OK && !(x->text = qn_chain_by_name(p.name)))
        st = QN_E_UNSUPPORTED;
    return st;
}

static void fini(void *self)
{
    ix *x = self;
    ix_catalogue_clear(x);
    qn_batch_free(&x->batch);
    free(x);
}

static bool config_flag(const qn_config *c, const char *name)
{
    const char *v = qn_config_text(c, name);
    return !v || strcmp(v, "true") == 0 || strcmp(v, "1") == 0 || strcmp(v, "yes") == 0;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    ix *x = calloc(1, sizeof *x);
    if (!x)
        return QN_E_NOMEM;
    x->host = host;
    x->cap = cap;
    x->batch_limit = (size_t)qn_config_u64(config, "batch_mb", 32) << 20;
    x->max_results = (uint32_t)qn_config_u64(config, "max_results", 1000);
    x->data_outputs = config_flag(config, "data_outputs");
    qn_status st = get_tables(x);
    if (st == QN_OK)
        st = chain_name(x);
    if (st != QN_OK) {
        fini(x);
        return st;
    }
    *self = x;
    return QN_OK;
}

static qn_status on_gap(void *arg, const qn_follow_event *ev)
{
    const ix *x = arg;
    qn_logf(x->host, x->cap, QN_LOG_ERROR,
            "blocks %u to %u are pruned: the index cannot be complete on this node; run it on one "
            "without -prune, or with a larger pin in the grant",
            ev->prev.height == IX_NO_HEIGHT ? 0 : ev->prev.height + 1, ev->ref.height - 1);
    return QN_E_PRUNED;
}

static qn_status follow(ix *x)
{
    qn_hash locator[48];
    uint32_t n;
    qn_follow_options o;
    qn_status st = ix_catalogue_load(x, locator, &n);
    if (st != QN_OK)
        return st;
    QN_INIT(&o);
    o.set = QN_SET_FOLLOW_OPTIONS_FLAGS;
    o.flags = QN_FOLLOW_SPENT | QN_FOLLOW_PIN;
    x->f = (qn_follower){.host = x->host, .host_cap = x->cap, .table = x->follow.t};
    x->f.cap = x->follow.cap;
    x->f.on = (qn_follow_handlers){ix_on_connect, ix_on_disconnect, on_gap, ix_commit, x};
    st = qn_follow_start(&x->f, &o, locator, n);
    if (st != QN_E_UNKNOWN_TIP)
        return st;
    st = ix_catalogue_cut(x, &x->f.at);
    if (st == QN_OK)
        st = ix_catalogue_load(x, locator, &n);
    return st == QN_OK ? qn_follow_start(&x->f, &o, locator, n) : st;
}

static qn_status start(void *self)
{
    ix *x = self;
    qn_status st = follow(x);
    if (st == QN_OK && x->rpc.t)
        st = ix_methods_add(x);
    if (st != QN_OK)
        qn_logf(x->host, x->cap, QN_LOG_ERROR, "cannot start (status %d)", st);
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    ix *x = self;
    (void)deadline_ms;
    if (x->rpc.t)
        ix_jobs_cancel(x);
    qn_status st = x->f.follow ? qn_follow_commit(&x->f) : QN_OK;
    qn_follow_end(&x->f);
    return st;
}

QN_EXPORT const qn_plugin_1 qn_plugin_entry = {
    .h = QN_PLUGIN_HEAD,
    .id = "org.quoin.indexer",
    .version = VERSION,
    .init = init,
    .start = start,
    .stop = stop,
    .fini = fini,
};
