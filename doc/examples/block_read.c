/* block.read/1: blocks by height or hash, at any time. Adds up what the coinbases of the chain pay. */
#include <quoin/block_read.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.subsidy\", \"version\": \"1.0.0\","
                   " \"requires\": [\"block.read/1\"]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_block_read_1 *blocks;
    qn_cap *cap, *blocks_cap;
    uint32_t next; /* height */
    int64_t paid;
} state;

static void add_block(state *s, const qn_block_view *view)
{
    const qn_tx_rec *coinbase = qn_view_tx(view, 0);
    QN_EACH_OUT(view, coinbase, k, out)
    {
        s->paid += out->value;
    }
    s->next++;
}

/* A few blocks, then the loop again: who works for long lets others have their turn. */
static void read_some(void *arg)
{
    state *s = arg;
    const qn_block_view *view[8];
    uint32_t n = 0;
    qn_status st = s->blocks->views_at(s->blocks_cap, s->next, 0, view, 8, &n);
    for (uint32_t i = 0; st == QN_OK && i < n; i++) {
        add_block(s, view[i]);
        (void)s->blocks->release(s->blocks_cap, view[i]); /* each view that was lent */
    }
    if (st == QN_OK)
        st = s->host->post(s->cap, read_some, s);
    if (st == QN_E_NOTFOUND) /* above the tip */
        qn_logf(s->host, s->cap, QN_LOG_INFO, "%u blocks paid %lld", s->next, (long long)s->paid);
    else if (st != QN_OK)
        s->host->fail(s->cap, st, "cannot read blocks", 18);
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
    qn_status st = host->get(cap, QN_BLOCK_READ_1_ID, 1, &table, &s->blocks_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->blocks = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->host->post(s->cap, read_some, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.subsidy",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
