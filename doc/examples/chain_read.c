/* chain.read/1: what the node's chain is, now. Says the newest height whenever it is another one. */
#include <quoin/chain_read.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.tip\", \"version\": \"1.0.0\","
                   " \"requires\": [\"chain.read/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_chain_read_1 *chain;
    qn_cap *cap, *chain_cap;
    uint32_t height;
} state;

static void look(void *arg)
{
    state *s = arg;
    uint64_t timer;
    qn_chain_info info;
    QN_INIT(&info); /* structs that cross begin with their size */
    qn_status st = s->chain->info(s->chain_cap, &info);
    if (st == QN_OK && info.tip.height != s->height) {
        s->height = info.tip.height;
        qn_logf(s->host, s->cap, QN_LOG_INFO, "height %u", s->height);
    }
    if (st == QN_OK)
        st = s->host->timer_set(s->cap, 5000, look, s, &timer);
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
    qn_status st = host->get(cap, QN_CHAIN_READ_1_ID, 1, &table, &s->chain_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->chain = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    s->height = UINT32_MAX;
    return s->host->post(s->cap, look, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.tip",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
