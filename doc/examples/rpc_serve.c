/* rpc.serve/1: JSON-RPC methods of my own, answered at once or later. */
#include <quoin/rpc_serve.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.hello\", \"version\": \"1.0.0\","
                   " \"requires\": [\"rpc.serve/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_rpc_serve_1 *rpc;
    qn_cap *cap, *rpc_cap;
    uint64_t waiting; /* request; 0: none */
} state;

static void hello(void *arg, const qn_rpc_request *request, const char *params, uint32_t len)
{
    state *s = arg;
    qn_json j = {0};
    (void)params; /* [], for there are no arg_names: else the host has refused */
    (void)len;
    qn_json_open(&j, NULL, '{');
    qn_json_text(&j, "greeting", "hello");
    qn_json_int(&j, "time", s->host->time(s->cap));
    qn_json_close(&j, '}');
    (void)s->rpc->reply(s->rpc_cap, request->request, j.data, j.len);
    qn_json_free(&j);
}

static void answer(void *arg)
{
    state *s = arg;
    (void)s->rpc->reply(s->rpc_cap, s->waiting, "\"sorry, I was asleep\"", 21);
    s->waiting = 0;
}

/* The request's number is all that must be kept; the host answers if we never do. */
static void later(void *arg, const qn_rpc_request *request, const char *params, uint32_t len)
{
    state *s = arg;
    uint64_t timer;
    (void)params;
    (void)len;
    if (s->waiting || s->host->timer_set(s->cap, 500, answer, s, &timer) != QN_OK)
        (void)s->rpc->reply_error(s->rpc_cap, request->request, -1, "one at a time", 13);
    else
        s->waiting = request->request;
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
    qn_status st = host->get(cap, QN_RPC_SERVE_1_ID, 1, &table, &s->rpc_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->rpc = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    qn_status st =
        s->rpc->add(s->rpc_cap, NULL, "hello.now", "", "hello.now\nA greeting.", hello, s);
    if (st == QN_OK)
        st = s->rpc->add(s->rpc_cap, NULL, "hello.later", "", "hello.later\nThe same, slowly.",
                         later, s);
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.hello",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
