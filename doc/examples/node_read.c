/* node.read/1: the node itself. Logs what the operator is warned of, when that changes. */
#include <quoin/node_read.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.watchman\", \"version\": \"1.0.0\","
                   " \"requires\": [\"node.read/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_node_read_1 *node;
    qn_cap *cap, *node_cap;
    char known[2000]; /* the warnings of the last look */
} state;

static qn_status compare(state *s)
{
    char text[sizeof s->known];
    uint32_t n = 0;
    qn_node_info info;
    QN_INIT(&info); /* structs that are filled in begin with their size */
    qn_status st = s->node->info(s->node_cap, &info);
    if (st == QN_OK)
        st = s->node->warnings(s->node_cap, text, (uint32_t)sizeof text - 1, &n);
    if (st != QN_OK)
        return st == QN_E_SPACE ? QN_OK : st; /* n says how much room they need */
    text[n] = 0;
    if (strcmp(text, s->known) != 0)
        qn_logf(s->host, s->cap, QN_LOG_WARN, "after %llu s: %s", (unsigned long long)info.uptime_s,
                n ? text : "all is well again");
    memcpy(s->known, text, n + 1);
    return QN_OK;
}

static void look(void *arg)
{
    state *s = arg;
    uint64_t timer;
    qn_status st = compare(s);
    if (st == QN_OK)
        st = s->host->timer_set(s->cap, 10000, look, s, &timer);
    if (st != QN_OK)
        s->host->fail(s->cap, st, "cannot look", 11);
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
    qn_status st = host->get(cap, QN_NODE_READ_1_ID, 1, &table, &s->node_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->node = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->host->post(s->cap, look, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.watchman",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
