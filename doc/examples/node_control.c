/* node.control/1: acting on the node. Logs an area closely for the first ten minutes. */
#include <quoin/node_control.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.closely\", \"version\": \"1.0.0\","
                   " \"requires\": [\"node.control/1\"],"
                   " \"why\": {\"node.control/1\": \"turns debug lines on and off (log=yes)\"},"
                   " \"config\": [{\"name\": \"area\", \"type\": \"text\", \"max\": 20,"
                   " \"default\": \"validation\"}]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_node_control_1 *control;
    qn_cap *cap, *control_cap;
    char area[21];
} state;

/* Each way to act is granted by itself: a refused one is an answer to live with. */
static void set(state *s, uint32_t level)
{
    qn_status st = s->control->log_level(s->control_cap, s->area, level);
    if (st == QN_E_DENIED)
        qn_logf(s->host, s->cap, QN_LOG_WARN, "not granted: log=yes");
    else if (st != QN_OK)
        qn_logf(s->host, s->cap, QN_LOG_WARN, "%s: status %d", s->area, (int)st);
}

static void enough(void *arg)
{
    set(arg, QN_LOG_INFO);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    snprintf(s->area, sizeof s->area, "%s", qn_config_text(config, "area"));
    qn_status st = host->get(cap, QN_NODE_CONTROL_1_ID, 1, &table, &s->control_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->control = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    uint64_t timer;
    set(s, QN_LOG_DEBUG);
    return s->host->timer_set(s->cap, 600000, enough, s, &timer);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.closely",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
