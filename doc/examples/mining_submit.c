/* mining.submit/1: a solution of a template. A miner for regtest, where every second hash will do:
 * it finds one block and says what became of it. Needs mining.template/1 for what to mine. */
#include <quoin/mining_submit.h>
#include <quoin/mining_template.h>
#include <quoin/sdk.h>

QN_PLUGIN_MANIFEST("{\"manifest\": 1, \"id\": \"org.example.digger\", \"version\": \"1.0.0\","
                   " \"requires\": [\"mining.template/1\", \"mining.submit/1\"],"
                   " \"why\": {\"mining.template/1\": \"takes what to mine\","
                   " \"mining.submit/1\": \"hands in the block that it finds\"},"
                   " \"networks\": [\"regtest\"]}");

typedef struct state {
    const qn_host_1 *host;
    const qn_mining_template_1 *mining;
    const qn_mining_submit_1 *submit;
    qn_cap *cap, *mining_cap, *submit_cap;
    uint8_t coinbase[512];
    uint32_t len;
} state;

static void put(state *s, const void *bytes, uint32_t len)
{
    memcpy(s->coinbase + s->len, bytes, len);
    s->len += len;
}

static void put_number(state *s, uint64_t v, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++, v >>= 8)
        put(s, (uint8_t[]){(uint8_t)v}, 1);
}

/* All the reward to a script that anybody can spend (OP_TRUE), then what must come last. */
static void make_coinbase(state *s, const qn_template_view *v)
{
    static const uint8_t no_output[36] = {[32] = 0xff, 0xff, 0xff, 0xff};
    const int witness = v->flags & QN_TEMPLATE_WITNESS;
    s->len = 0;
    put_number(s, v->coinbase_version, 4);
    if (witness)
        put(s, "\x00\x01", 2);
    put_number(s, 1, 1);
    put(s, no_output, 36);
    put_number(s, v->coinbase_prefix_len + 1, 1); /* a byte of our own: two at least */
    put(s, v->coinbase_prefix, v->coinbase_prefix_len);
    put_number(s, 0, 1);
    put_number(s, v->coinbase_sequence, 4);
    put_number(s, v->n_coinbase_outputs + 1, 1);
    put_number(s, (uint64_t)v->reward, 8);
    put(s, "\x01\x51", 2);
    put(s, v->coinbase_outputs, v->coinbase_outputs_len);
    if (witness) {
        put(s, "\x01\x20", 2);
        put(s, v->coinbase_witness, 32);
    }
    put_number(s, v->coinbase_locktime, 4);
}

/* The node says high-hash until one will do; a real miner hashes by itself. */
static qn_status dig(state *s, const qn_template_view *v, qn_mining_result *r)
{
    qn_mining_solution x = {.size = sizeof x, .version = v->version, .time = v->cur_time};
    qn_status st = QN_OK;
    do {
        *r = (qn_mining_result){.size = sizeof *r};
        st = s->submit->solution(s->submit_cap, v->id, &x, s->coinbase, s->len, r);
    } while (st == QN_OK && strcmp(r->reason, "high-hash") == 0 && ++x.nonce < 100);
    return st;
}

static void mine(void *arg)
{
    state *s = arg;
    qn_template_view v = {.size = sizeof v};
    qn_mining_result r = {.size = sizeof r};
    qn_status st = s->mining->create(s->mining_cap, NULL, &v);
    if (st == QN_OK) {
        make_coinbase(s, &v);
        st = dig(s, &v, &r);
        s->mining->release(s->mining_cap, v.id);
    }
    if (st != QN_OK)
        qn_logf(s->host, s->cap, QN_LOG_WARN, "nothing was mined: status %d", (int)st);
    else if (r.is == QN_BLOCK_IS_ACCEPTED)
        qn_logf(s->host, s->cap, QN_LOG_INFO, "found block %u", v.height);
    else /* an answer, not a failure: the call succeeded */
        qn_logf(s->host, s->cap, QN_LOG_WARN, "refused: %s", r.reason);
}

static qn_status init(qn_cap *cap, const qn_host_1 *host, const qn_config *config, void **self)
{
    const void *mining, *submit;
    state *s = calloc(1, sizeof *s);
    (void)config;
    if (!s)
        return QN_E_NOMEM;
    s->host = host;
    s->cap = cap;
    qn_status st = host->get(cap, QN_MINING_TEMPLATE_1_ID, 1, &mining, &s->mining_cap);
    if (st == QN_OK)
        st = host->get(cap, QN_MINING_SUBMIT_1_ID, 1, &submit, &s->submit_cap);
    if (st != QN_OK) {
        free(s);
        return st;
    }
    s->mining = mining;
    s->submit = submit;
    *self = s;
    return QN_OK;
}

static qn_status start(void *self)
{
    state *s = self;
    return s->host->post(s->cap, mine, s);
}

static qn_status stop(void *self, uint32_t deadline_ms)
{
    (void)self;
    (void)deadline_ms;
    return QN_OK;
}

const qn_plugin_1 qn_plugin_entry = {.h = QN_PLUGIN_HEAD,
                                     .id = "org.example.digger",
                                     .version = "1.0.0",
                                     .init = init,
                                     .start = start,
                                     .stop = stop,
                                     .fini = free};
