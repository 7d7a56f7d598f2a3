/* store.own/1: an ordered key-value store of my own. Remembers the first greeting that it was given. */
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.memory\", \"version\": \"1.0.0\","
                   " \"requires\": [\"store.own/1\"],"
                   " \"config\": [{\"name\": \"greeting\", \"type\": \"text\", \"max\": 40,"
                   " \"default\": \"hello\"}]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_store_own_1 *store;
    qn_cap *cap, *store_cap;
    char greeting[41];
} state;

/* Both keys or none: a batch is applied whole. Durable when write() has returned. */
static qn_status remember(state *s)
{
    qn_batch b = {0};
    qn_batch_put(&b, "first", 5, s->greeting, (uint32_t)strlen(s->greeting));
    qn_batch_put(&b, "format", 6, "1", 1);
    qn_status st = qn_batch_write(&b, s->store, s->store_cap, QN_STORE_SYNC);
    qn_batch_free(&b);
    return st;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    snprintf(s->greeting, sizeof s->greeting, "%s", qn_config_text(config, "greeting"));
    qn_status st = host->get(cap, QN_STORE_OWN_1_ID, 1, &table, &s->store_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->store = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    char first[40];
    uint32_t n = 0;
    qn_status st = s->store->get(s->store_cap, 0, "first", 5, first, sizeof first, &n);
    if (st == QN_E_NOTFOUND)
        return remember(s);
    if (st == QN_OK)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "%s; the first was %.*s", s->greeting, (int)n, first);
    return st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.memory",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
