/* mempool.read/1: what waits. Says how much there is, and what is mined next at which fee rate. */
#include <quoin/mempool_read.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.waiting\", \"version\": \"1.0.0\","
                   " \"requires\": [\"mempool.read/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_mempool_read_1 *pool;
    qn_cap *cap, *pool_cap;
    uint64_t sequence; /* of the last look */
} state;

/* The best of the mempool; it may be gone between the two questions. */
static qn_status say_best(state *s)
{
    qn_hash best;
    qn_mempool_entry e;
    uint32_t n = 0;
    qn_status st = s->pool->txids(s->pool_cap, &best, 1, &n, NULL);
    if ((st != QN_OK && st != QN_E_SPACE) || n == 0) /* more than fit: those are filled in */
        return st;
    st = s->pool->entries(s->pool_cap, &best, 1, 0, &e, NULL);
    if (st == QN_OK && e.status == QN_OK && e.chunk_weight > 0)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "the next pays %lld sat/kvB",
                (long long)(e.chunk_fee * 4000 / e.chunk_weight));
    return st;
}

static qn_status compare(state *s)
{
    qn_mempool_info i;
    QN_INIT(&i);
    qn_status st = s->pool->info(s->pool_cap, &i);
    if (st == QN_E_TIMEOUT) /* the node has other things to do */
        return QN_OK;
    if (st != QN_OK || i.at.sequence == s->sequence)
        return st;
    s->sequence = i.at.sequence;
    qn_logf(s->host, s->cap, QN_LOG_INFO, "%llu transactions wait, %llu vbytes, at height %u",
            (unsigned long long)i.count, (unsigned long long)i.vbytes, i.at.height);
    st = say_best(s);
    return st == QN_E_TIMEOUT || st == QN_E_SPACE ? QN_OK : st;
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
    qn_status st = host->get(cap, QN_MEMPOOL_READ_1_ID, 1, &table, &s->pool_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->pool = table;
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
                                     .id = "org.example.waiting",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
