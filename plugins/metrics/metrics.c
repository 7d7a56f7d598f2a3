/* The plugin: what it needs, its route, its life. */
#include "plugins/metrics/metrics.h"

#include "plugins/metrics/manifest.h"

#define VERSION "0.1.0"

static void on_metrics(void *arg, const qn_http_request *r, const void *data, uint32_t len)
{
    mx *x = arg;
    mx_text t = {0};
    (void)data;
    (void)len;
    qn_status st = mx_collect(x, &t);
    if (st == QN_OK)
        (void)x->http->reply(x->http_cap, r->request, 200, MX_TYPE, t.data, t.len);
    else
        (void)x->http->reply(x->http_cap, r->request, 503, "text/plain", "", 0);
    free(t.data);
}

static const char FRONT[] =
    "<!doctype html><title>Quoin metrics</title><p><a href=\"metrics\">metrics</a></p>\n";

static qn_status add_routes(mx *x)
{
    qn_status st = x->http->add(x->http_cap, NULL, "/metrics", on_metrics, x);
    return st == QN_OK ? x->http->add_static(x->http_cap, "/", "text/html; charset=utf-8", FRONT,
                                             sizeof FRONT - 1)
                       : st;
}

static qn_status get_tables(mx *x)
{
    const void *t;
    qn_status st = x->host->get(x->cap, QN_CHAIN_READ_1_ID, 1, &t, &x->chain_cap);
    if (st != QN_OK)
        return st;
    x->chain = t;
    st = x->host->get(x->cap, QN_NODE_READ_1_ID, 1, &t, &x->node_cap);
    if (st != QN_OK)
        return st;
    x->node = t;
    if (x->host->get(x->cap, QN_PEERS_READ_1_ID, 1, &t, &x->peers_cap) == QN_OK)
        x->peers = t;
    if (x->host->get(x->cap, QN_HTTP_SERVE_1_ID, 1, &t, &x->http_cap) == QN_OK)
        x->http = t;
    if (x->host->get(x->cap, QN_NET_LISTEN_1_ID, 1, &t, &x->listen_cap) == QN_OK)
        x->listen = t;
    return QN_OK;
}

static void fini(void *self)
{
    mx *x = self;
    free(x);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    mx *x = calloc(1, sizeof *x);
    if (!x)
        return QN_E_NOMEM;
    x->host = host;
    x->cap = cap;
    for (int i = 0; i < MX_CONNS; i++)
        x->conn[i].fd = -1;
    const char *address = qn_config_text(config, "listen");
    if (address && *address && strcmp(address, "off") != 0) {
        snprintf(x->address_text, sizeof x->address_text, "%s", address);
        x->address = x->address_text;
    }
    qn_status st = get_tables(x);
    if (st != QN_OK) {
        fini(x);
        return st;
    }
    *self = x;
    return QN_OK;
}

static qn_status start(void *self)
{
    mx *x = self;
    qn_status st = QN_OK;
    if (x->address && !x->listen) {
        qn_logf(x->host, x->cap, QN_LOG_ERROR,
                "listen is set to %s, but net.listen/1 is not granted", x->address);
        return QN_E_DENIED;
    }
    if (!x->http && !x->address)
        qn_logf(x->host, x->cap, QN_LOG_WARN,
                "neither http.serve/1 nor net.listen/1 is granted: nobody can scrape");
    if (x->http)
        st = add_routes(x);
    if (st == QN_OK && x->address)
        st = mx_port_open(x);
    if (st != QN_OK)
        qn_logf(x->host, x->cap, QN_LOG_ERROR, "cannot start (status %d)", st);
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)deadline_ms;
    mx_port_close(self);
    return QN_OK;
}

QN_EXPORT const qn_plugin_1 qn_plugin_entry = {
    .h = QN_PLUGIN_HEAD,
    .id = "org.quoin.metrics",
    .version = VERSION,
    .init = init,
    .start = start,
    .stop = stop,
    .fini = fini,
};
