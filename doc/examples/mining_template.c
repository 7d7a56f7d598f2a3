/* mining.template/1: what this node would mine next. Says what each new template pays, and what its
 * dearest transaction is. */
#include <quoin/mining_template.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.fees\", \"version\": \"1.0.0\","
                   " \"requires\": [\"mining.template/1\"],"
                   " \"why\": {\"mining.template/1\": \"says what the next block would pay\"}}");

typedef struct state {
    const qn_host_1 *host;
    const qn_mining_template_1 *mining;
    qn_cap *cap, *mining_cap;
    qn_template_tx tx[16384];
} state;

/* The list is that of the template, however late it is asked for. */
static void say(state *s, const qn_template_view *v)
{
    uint32_t n = 0;
    int64_t most = 0;
    qn_status st = s->mining->transactions(s->mining_cap, v->id, s->tx, 16384, &n);
    for (uint32_t i = 0; st == QN_OK && i < n; i++)
        most = s->tx[i].fee > most ? s->tx[i].fee : most;
    qn_logf(s->host, s->cap, QN_LOG_INFO, "block %u, %s: %u transactions pay %lld sat, one %lld",
            v->height, v->kind == QN_TEMPLATE_KIND_EMPTY ? "empty" : "full", v->n_tx,
            (long long)v->fees, (long long)most);
}

/* All that has come; what is held is given back, or the node makes no more. */
static void on_ready(void *arg, uint64_t subscription, int32_t status)
{
    state *s = arg;
    qn_template_view v = {.size = sizeof v};
    qn_status st = status;
    while (st == QN_OK && (st = s->mining->next(s->mining_cap, subscription, &v)) == QN_OK) {
        say(s, &v);
        st = s->mining->release(s->mining_cap, v.id);
    }
    if (st != QN_E_AGAIN && st != QN_E_NOTREADY) /* the node will call again */
        s->host->fail(s->cap, st, "cannot watch templates", 22);
}

static qn_status start(void *self)
{
    state *s = self;
    uint64_t subscription;
    qn_mining_throttle t = {.size = sizeof t,
                            .set = QN_SET_MINING_THROTTLE_MIN_INTERVAL_MS |
                                   QN_SET_MINING_THROTTLE_FEE_DELTA,
                            .min_interval_ms = 10000, /* a new tip is told at once all the same */
                            .fee_delta = 1000};
    return s->mining->open(s->mining_cap, NULL, &t, on_ready, s, &subscription);
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
    qn_status st = host->get(cap, QN_MINING_TEMPLATE_1_ID, 1, &table, &s->mining_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->mining = table;
    *self = s;
    return QN_OK;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.fees",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
