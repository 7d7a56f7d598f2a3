/* host/1: a timer, and the log. Says once a second how often it has done so. */
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.beat\", \"version\": \"1.0.0\"}");

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap;
    unsigned beats;
} state;

/* A timer rings once; who wants more sets it again. */
static void beat(void *arg)
{
    state *s = arg;
    uint64_t timer;
    qn_logf(s->host, s->cap, QN_LOG_INFO, "beat %u", ++s->beats);
    qn_status st = s->host->timer_set(s->cap, 1000, beat, s, &timer);
    if (st != QN_OK)
        s->host->fail(s->cap, st, "no timer", 8);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->host->post(s->cap, beat, s); /* runs on my loop, after start() has returned */
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.beat",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
