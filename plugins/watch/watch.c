/* The plugin: its configuration, what it needs, its life. */
#include "plugins/watch/watch.h"

#include "lib/secp/curve.h"
#include "plugins/watch/manifest.h"

#define VERSION "0.1.0"

static qn_status get(wt *x, const char *id, const void **table, qn_cap **cap)
{
    qn_status st = x->host->get(x->cap, id, 1, table, cap);
    if (st != QN_OK)
        qn_logf(x->host, x->cap, QN_LOG_ERROR, "the host does not give %s (status %d)", id, st);
    return st;
}

static qn_status get_tables(wt *x)
{
    const void *t = NULL;
    qn_status st = get(x, QN_CHAIN_READ_1_ID, &t, &x->chain.cap);
    x->chain.t = t;
    if (st == QN_OK)
        st = get(x, QN_WATCH_1_ID, &t, &x->watch.cap);
    x->watch.t = t;
    if (st == QN_OK)
        st = get(x, QN_STORE_OWN_1_ID, &t, &x->store.cap);
    x->store.t = t;
    if (st != QN_OK)
        return st;
    if (x->host->get(x->cap, QN_RPC_SERVE_1_ID, 1, &t, &x->rpc.cap) == QN_OK)
        x->rpc.t = t;
    else
        qn_logf(x->host, x->cap, QN_LOG_WARN,
                "rpc.serve/1 is not granted: wallets are kept, but nobody can ask for them");
    if (x->host->get(x->cap, QN_NET_CONNECT_1_ID, 1, &t, &x->net.cap) == QN_OK)
        x->net.t = t;
    if (x->host->get(x->cap, QN_FEES_ESTIMATE_1_ID, 1, &t, &x->fees.cap) == QN_OK)
        x->fees.t = t;
    if (x->host->get(x->cap, QN_TX_SUBMIT_1_ID, 1, &t, &x->submit.cap) == QN_OK)
        x->submit.t = t;
    return QN_OK;
}

static qn_status open_model(wt *x, const qn_config *config)
{
    uint8_t seed[16];
    qn_chain_params p;
    QN_INIT(&p);
    const qn_curve curve = qn_secp_curve(NULL); /* no secrets here */
    qn_status st = x->chain.t->params(x->chain.cap, &p);
    const qn_chain_text *text = st == QN_OK ? qn_chain_by_name(p.name) : NULL;
    if (st == QN_OK && !text)
        st = QN_E_UNSUPPORTED;
    if (st == QN_OK)
        st = x->host->random(x->cap, seed, sizeof seed);
    if (st != QN_OK)
        return st;
    wt_model_init(&x->m, text, &curve, seed, (uint32_t)qn_config_u64(config, "gap_limit", 20));
    x->open = true;
    return QN_OK;
}

static void fini(void *self)
{
    wt *x = self;
    wt_hook_close(x);
    if (x->rpc.t) {
        wt_wait_end(x);
        wt_later_end(x);
        wt_jobs_end(x);
    }
    wt_stream_close(x);
    wt_rescans_free(x);
    if (x->open)
        wt_model_clear(&x->m);
    qn_batch_free(&x->batch);
    qn_batch_free(&x->events);
    free(x->times.most);
    free(x->url);
    free(x->secret);
    free(x);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    wt *x = calloc(1, sizeof *x);
    if (!x)
        return QN_E_NOMEM;
    x->host = host;
    x->cap = cap;
    const char *url = qn_config_text(config, "webhook");
    const char *secret = qn_config_text(config, "webhook_secret");
    x->events_max = (uint32_t)qn_config_u64(config, "max_events", 100000);
    x->hook_at = UINT64_MAX;
    x->gone_max = (uint32_t)qn_config_u64(config, "max_gone", 1000);
    x->url = strdup(url ? url : "none");
    x->secret = strdup(secret ? secret : "none");
    qn_status st = x->url && x->secret ? get_tables(x) : QN_E_NOMEM;
    if (st == QN_OK)
        st = open_model(x, config);
    if (st != QN_OK) {
        fini(x);
        return st;
    }
    *self = x;
    return QN_OK;
}

static qn_status start(void *self)
{
    wt *x = self;
    qn_hash locator[48];
    uint32_t n;
    qn_status st = wt_store_load(x, locator, &n);
    if (st == QN_OK)
        st = wt_stream_open(x, locator, n);
    if (st == QN_OK)
        st = wt_stream_grow(x);
    if (st == QN_OK)
        st = wt_rescan_resume(x);
    if (st == QN_OK && x->rpc.t)
        st = wt_methods_add(x);
    if (st == QN_OK && strcmp(x->url, "none") != 0)
        st = wt_hook_open(x, x->url, x->secret);
    if (st != QN_OK)
        qn_logf(x->host, x->cap, QN_LOG_ERROR, "cannot start (status %d)", (int)st);
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    wt *x = self;
    qn_status st = QN_OK;
    (void)deadline_ms;
    wt_hook_close(x);
    if (x->rpc.t) {
        wt_wait_end(x);
        wt_later_end(x);
        wt_jobs_end(x);
    }
    if (x->w.watch && !x->inside && !x->within) {
        st = wt_events_tell(x);
        if (st == QN_OK)
            st = wt_store_all(x, true);
    }
    wt_stream_close(x);
    return st;
}

QN_EXPORT const qn_plugin_1 qn_plugin_entry = {
    .h = QN_PLUGIN_HEAD,
    .id = "org.quoin.watch",
    .version = VERSION,
    .init = init,
    .start = start,
    .stop = stop,
    .fini = fini,
};
