/* chain.follow/1: every block, once, in order, and undone when it leaves. Counts coins, from genesis
 * at each start, since it keeps nothing. */
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.coins\", \"version\": \"1.0.0\","
                   " \"requires\": [\"chain.follow/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    qn_cap *cap;
    qn_follower follower;
    int64_t coins; /* made and not spent */
} state;

static int64_t change(const qn_block_view *view)
{
    int64_t n = 0;
    QN_EACH_TX(view, i, tx)
    {
        n += tx->n_out;
        n -= i ? tx->n_in : 0; /* the first transaction spends nothing */
    }
    return n;
}

static qn_status on_connect(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    state *s = arg;
    (void)ev;
    s->coins += change(view);
    return QN_OK;
}

static qn_status on_disconnect(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    state *s = arg;
    (void)ev;
    s->coins -= change(view);
    return QN_OK;
}

/* Called at the tip and when the window is full: the place to make things durable. */
static qn_status commit(void *arg, const qn_block_ref *at)
{
    state *s = arg;
    qn_logf(s->host, s->cap, QN_LOG_DEBUG, "height %u: %lld coins", at->height, (long long)s->coins);
    return QN_OK;
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
    qn_status st = host->get(cap, QN_CHAIN_FOLLOW_1_ID, 1, &table, &s->follower.cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->follower.table = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    s->follower.host = s->host;
    s->follower.host_cap = s->cap;
    s->follower.on = (qn_follow_handlers){on_connect, on_disconnect, NULL, commit, s};
    return qn_follow_start(&s->follower, NULL, NULL, 0);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    state *s = self;
    (void)deadline_ms;
    qn_follow_end(&s->follower);
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.coins",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
