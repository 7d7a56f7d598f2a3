/* tx.submit/1: transactions into the network. Sends the one that its configuration names, and says
 * what became of it. */
#include <quoin/sdk.h>
#include <quoin/tx_submit.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.sender\", \"version\": \"1.0.0\","
                   " \"requires\": [\"tx.submit/1\"],"
                   " \"why\": {\"tx.submit/1\": \"sends the transaction of its configuration\"},"
                   " \"config\": [{\"name\": \"tx\", \"type\": \"text\", \"min\": 0, \"max\": 4000,"
                   " \"default\": \"\", \"help\": \"hex\"}]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_tx_submit_1 *submit;
    qn_cap *cap, *submit_cap;
    uint8_t tx[2000];
    uint32_t len;
} state;

/* A refusal is an answer: the call succeeds and the result says why. */
static void say(state *s, const qn_submit_result *r)
{
    if (r->is == QN_SUBMIT_IS_ACCEPTED)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "sent: it pays %lld sat for %lld vbytes",
                (long long)r->fee, (long long)r->vsize);
    else if (r->is == QN_SUBMIT_IS_THERE)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "it was there already");
    else
        qn_logf(s->host, s->cap, QN_LOG_WARN, "refused: %s%s%s", r->reason, r->debug[0] ? ", " : "",
                r->debug);
}

static void send(void *arg)
{
    state *s = arg;
    uint64_t timer;
    qn_submit_result r;
    qn_status st = s->submit->submit(s->submit_cap, s->tx, s->len, 0, &r);
    if (st == QN_E_DENIED) /* test_only=yes: an answer to live with */
        qn_logf(s->host, s->cap, QN_LOG_WARN, "not granted: submitting");
    else if (st == QN_E_TIMEOUT || st == QN_E_LIMIT || st == QN_E_BUSY) /* not judged: again */
        st = s->host->timer_set(s->cap, 10000, send, s, &timer);
    else if (st == QN_OK)
        say(s, &r);
    if (st != QN_OK && st != QN_E_DENIED)
        s->host->fail(s->cap, st, "cannot send", 11);
}

static uint32_t bytes_of_hex(const char *hex, uint8_t *out, uint32_t max)
{
    uint32_t n = 0;
    unsigned x;
    for (; n < max && sscanf(hex, "%2x", &x) == 1 && hex[1]; hex += 2)
        out[n++] = (uint8_t)x;
    return n;
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *table;
    state *s = calloc(1, sizeof *s);
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    s->len = bytes_of_hex(qn_config_text(config, "tx"), s->tx, sizeof s->tx);
    qn_status st = host->get(cap, QN_TX_SUBMIT_1_ID, 1, &table, &s->submit_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->submit = table;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->len ? s->host->post(s->cap, send, s) : QN_OK;
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.sender",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
