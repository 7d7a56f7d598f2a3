/* http.serve/1: a page below /p/NAME/ of the node, and the data that it shows. */
#include <quoin/http_serve.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.clock\", \"version\": \"1.0.0\","
                   " \"requires\": [\"http.serve/1\"]}");

static const char PAGE[] =
    "<!doctype html><title>Clock</title><p>The node's <a href=\"time\">time</a>.";

typedef struct state {
    const qn_host_1 *host;
    const qn_http_serve_1 *http;
    qn_cap *cap, *http_cap;
} state;

/* A request is spans of data, which end with no NUL: offsets and lengths. */
static void on_time(void *arg, const qn_http_request *r, const void *data, uint32_t data_len)
{
    state *s = arg;
    const char *query = (const char *)data + r->query.off;
    qn_json j = {0};
    (void)data_len;
    if (r->query.len && (r->query.len != 7 || memcmp(query, "unit=ms", 7) != 0)) {
        (void)s->http->reply(s->http_cap, r->request, 400, "text/plain", "unit=ms, or nothing\n",
                             20);
        return;
    }
    qn_json_open(&j, NULL, '{');
    qn_json_int(&j, "time", s->host->time(s->cap) * (r->query.len ? 1000 : 1));
    qn_json_close(&j, '}');
    (void)s->http->reply(s->http_cap, r->request, 200, "application/json", j.data, j.len);
    qn_json_free(&j);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    qn_status st = host->get(cap, QN_HTTP_SERVE_1_ID, 1, &table, &s->http_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->http = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    qn_status st = s->http->add_static(s->http_cap, "/", "text/html; charset=utf-8", PAGE,
                                       (uint32_t)sizeof PAGE - 1);
    return st == QN_OK ? s->http->add(s->http_cap, NULL, "/time", on_time, s) : st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.clock",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
