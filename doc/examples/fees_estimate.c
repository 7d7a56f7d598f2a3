/* fees.estimate/1: what to pay. Says when the fee for six blocks changes, and how much waits above
 * it. */
#include <quoin/fees_estimate.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.fees\", \"version\": \"1.0.0\","
                   " \"requires\": [\"fees.estimate/1\"]}");

#define STEPS 256

typedef struct state {
    const qn_host_1 *host;
    const qn_fees_estimate_1 *fees;
    qn_cap *cap, *fees_cap;
    int64_t known; /* the rate of the last look */
} state;

/* Virtual bytes that pay more: they are mined first. */
static qn_status ahead_of(state *s, int64_t rate, uint64_t *vsize)
{
    qn_fees_step step[STEPS];
    uint32_t n = 0;
    qn_status st = s->fees->histogram(s->fees_cap, step, STEPS, &n, NULL);
    *vsize = 0;
    for (uint32_t i = 0; st == QN_OK && i < n && step[i].from >= rate; i++)
        *vsize += step[i].vsize;
    return st;
}

static qn_status compare(state *s)
{
    qn_fees_estimate e;
    uint64_t ahead;
    QN_INIT(&e);
    qn_status st = s->fees->estimate(s->fees_cap, 6, 0, &e);
    if (st == QN_E_UNSUPPORTED || st == QN_E_TIMEOUT) /* no estimates here, or no time for one */
        return QN_OK;
    if (st != QN_OK && st != QN_E_NOTFOUND) /* too little is known: then it is the floor */
        return st;
    if (e.feerate == s->known)
        return QN_OK;
    s->known = e.feerate;
    st = ahead_of(s, e.feerate, &ahead);
    if (st == QN_OK)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "six blocks: %lld sat/kvB%s, %llu vbytes pay more",
                (long long)e.feerate, e.by == QN_FEES_BY_NOTHING ? " at least" : "",
                (unsigned long long)ahead);
    return st == QN_E_TIMEOUT ? QN_OK : st;
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
    qn_status st = host->get(cap, QN_FEES_ESTIMATE_1_ID, 1, &table, &s->fees_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->fees = table;
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
                                     .id = "org.example.fees",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
