/* mempool.follow/1: every change of the mempool. Keeps count of what waits and says what replaces
 * what; with the chain beside it, so that both are always of one moment. */
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.follower\", \"version\": \"1.0.0\","
                   " \"requires\": [\"chain.follow/1\", \"mempool.follow/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap;
    qn_follower chain;
    qn_pool_follower pool;
    uint64_t count, said; /* said: the count that was logged last */
    int64_t fees;
} state;

static qn_status on_added(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    s->count++;
    s->fees += ev->fee;
    return QN_OK;
}

static qn_status on_removed(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    s->count--;
    s->fees -= ev->fee;
    if (ev->reason == QN_MEMPOOL_GONE_REPLACED) /* ev->by is what came instead */
        qn_logf(s->host, s->cap, QN_LOG_INFO, "one that paid %lld sat was replaced",
                (long long)ev->fee);
    return QN_OK;
}

/* The snapshot is whole, or a block and all that came of it have been told. */
static qn_status on_whole(void *arg, const qn_mempool_event *ev)
{
    state *s = arg;
    (void)ev;
    if (s->count != s->said)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "%llu wait and pay %lld sat",
                (unsigned long long)s->count, (long long)s->fees);
    s->said = s->count;
    return QN_OK;
}

/* Too slow: the node has kept no more events for us. It begins anew by itself. */
static qn_status on_forget(void *arg)
{
    state *s = arg;
    s->count = 0;
    s->said = UINT64_MAX;
    s->fees = 0;
    return QN_OK;
}

static qn_status on_block(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    (void)arg;
    (void)ev;
    (void)view;
    return QN_OK;
}

/* The chain stands elsewhere now: events that waited for that may be handled. */
static qn_status commit(void *arg, const qn_block_ref *at)
{
    state *s = arg;
    (void)at;
    qn_pool_follow_run(&s->pool);
    return QN_OK;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = s->chain.host = s->pool.host = host;
    s->cap = s->chain.host_cap = s->pool.host_cap = cap;
    qn_status st = host->get(cap, QN_CHAIN_FOLLOW_1_ID, 1, &table, &s->chain.cap);
    if (st == QN_OK) {
        s->chain.table = table;
        st = host->get(cap, QN_MEMPOOL_FOLLOW_1_ID, 1, &table, &s->pool.cap);
    }
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->pool.table = table;
    s->chain.on = (qn_follow_handlers){on_block, on_block, NULL, commit, s};
    s->pool.on = (qn_pool_handlers){on_added, on_removed, on_whole, on_whole, on_forget, s};
    s->pool.chain = &s->chain;
    s->said = UINT64_MAX;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    qn_follow_options o;
    QN_INIT(&o);
    o.set = QN_SET_FOLLOW_OPTIONS_FLAGS;
    o.flags = QN_FOLLOW_HEADERS_ONLY;
    qn_status st = qn_follow_start(&s->chain, &o, NULL, 0);
    return st == QN_OK ? qn_pool_follow_start(&s->pool, NULL) : st;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
    qn_pool_follow_end(&s->pool);
    qn_follow_end(&s->chain);
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.follower",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
