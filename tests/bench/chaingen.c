/* The generated chain: which coins each block spends, and into what. */
#include "tests/bench/chaingen.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/chain/index.h"
#include "core/consensus/check.h"
#include "core/mining/assemble.h"

#define MUST(x) QC_ASSERT(!(x))
#define MIXED_TXS 4863
#define MIXED_IN 8100 /* at most this many in a model block: its weight stays below the limit */
#define MIXED_OUT 10700
#define FANOUT_OUTPUTS 8000
#define FEE 200
#define DUST 20000 /* coins below are left where they are: they cannot pay for 30 outputs */
#define START_TIME 1700000000u
#define MATURITY 100

struct cg_chain {
    qc_params *params;
    qc_pool *pool;
    qc_signer *signer;
    cg_key *keys;
    uint64_t rng;
    const cg_share *share;
    size_t n_share;
    cg_coin *coin; /* spendable now */
    size_t n_coin, cap_coin;
    cg_coin *coinbase; /* by height - 1 */
    size_t next_coinbase;
    qc_index **index; /* by height */
    uint32_t height, cap_height;
};

/* One transaction of the block that is being made. */
typedef struct plan {
    cg_coin *in;
    size_t n_in;
    qc_bytes outputs;
    cg_coin *made; /* its spendable outputs; txid unknown until it is signed */
    size_t n_made;
    qc_bytes bytes;
    qc_txbuf tx;
} plan;

static uint64_t rnd(cg_chain *g)
{
    uint64_t x = g->rng; /* xorshift64*: fixed for ever, so that chains repeat */
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    g->rng = x;
    return x * 0x2545f4914f6cdd1dull;
}

uint32_t cg_below(cg_chain *g, uint32_t n)
{
    return (uint32_t)((rnd(g) >> 33) % n);
}

/* Of 10,000 inputs of the model block. */
static const cg_share MODEL[] = {
    {CG_P2WPKH, 5486}, {CG_P2TR, 2977}, {CG_P2PKH, 1135}, {CG_P2SH, 309}, {CG_P2WSH, 93}};

cg_kind cg_random_kind(cg_chain *g)
{
    uint32_t x = cg_below(g, 10000);
    size_t i = 0;
    while (i + 1 < g->n_share && x >= g->share[i].weight)
        x -= g->share[i++].weight;
    return g->share[i].kind;
}

void cg_shares(cg_chain *g, const cg_share *share, size_t n)
{
    g->share = share;
    g->n_share = n;
}

static void push_index(cg_chain *g, const qc_header *h)
{
    qc_index *i = qc_alloc(sizeof *i);
    i->header = *h;
    qc_header_hash(h, &i->hash);
    i->height = g->index ? g->height + 1 : 0;
    i->parent = i->skip = i->height ? g->index[g->height] : NULL;
    if (i->height >= g->cap_height) {
        g->cap_height = g->cap_height ? g->cap_height * 2 : 256;
        g->index = qc_try_realloc(g->index, g->cap_height * sizeof *g->index);
        g->coinbase = qc_try_realloc(g->coinbase, g->cap_height * sizeof *g->coinbase);
        QC_ASSERT(g->index && g->coinbase);
    }
    g->height = i->height;
    g->index[g->height] = i;
}

cg_chain *cg_new(uint64_t seed, qc_pool *pool)
{
    cg_chain *g = qc_alloc(sizeof *g);
    g->pool = pool;
    g->rng = seed ? seed : 1;
    cg_shares(g, MODEL, QC_COUNTOF(MODEL));
    MUST(qc_params_new(QC_CHAIN_REGTEST, NULL, &g->params));
    uint8_t blind[32] = {1};
    g->signer = qc_signer_new(blind);
    g->keys = qc_alloc(CG_KEYS * sizeof *g->keys);
    cg_keys_make(g->signer, seed, g->keys);
    qc_header h;
    qc_header_read(qc_params_genesis(g->params).data, &h);
    push_index(g, &h);
    return g;
}

void cg_free(cg_chain *g)
{
    if (!g)
        return;
    for (uint32_t i = 0; i <= g->height; i++)
        qc_free(g->index[i]);
    qc_free(g->index);
    qc_free(g->coinbase);
    qc_free(g->coin);
    qc_free(g->keys);
    qc_signer_free(g->signer);
    qc_params_free(g->params);
    qc_free(g);
}

const qc_params *cg_params(const cg_chain *g)
{
    return g->params;
}

uint32_t cg_height(const cg_chain *g)
{
    return g->height;
}

size_t cg_coins(const cg_chain *g)
{
    return g->n_coin;
}

static void add_coin(cg_chain *g, const cg_coin *c)
{
    if (g->n_coin == g->cap_coin) {
        g->cap_coin = g->cap_coin ? g->cap_coin * 2 : 1024;
        g->coin = qc_try_realloc(g->coin, g->cap_coin * sizeof *g->coin);
        QC_ASSERT(g->coin);
    }
    g->coin[g->n_coin++] = *c;
}

/* A random coin leaves the pool. */
cg_coin cg_take_coin(cg_chain *g)
{
    for (;;) {
        QC_ASSERT(g->n_coin > 0);
        size_t at = (size_t)(rnd(g) % g->n_coin);
        cg_coin c = g->coin[at];
        g->coin[at] = g->coin[--g->n_coin];
        if (c.value >= DUST)
            return c;
    }
}

void cg_output(cg_chain *g, cg_kind kind, qc_amount value, uint32_t n, qc_bytes *outputs,
               cg_coin *coin)
{
    uint8_t script[40];
    uint16_t key = (uint16_t)cg_below(g, CG_KEYS);
    size_t len = cg_script(&g->keys[key], kind, script);
    MUST(qc_w_le64(outputs, (uint64_t)value));
    MUST(qc_w_var(outputs, qc_span_of(script, len)));
    *coin = (cg_coin){.n = n, .key = key, .kind = (uint8_t)kind, .value = value};
}

void cg_sign(const cg_chain *g, const cg_coin *in, size_t n_in, qc_span outputs, qc_bytes *out)
{
    cg_sign_tx(g->signer, g->keys, in, n_in, outputs, out);
}

static void add_output(cg_chain *g, plan *p, cg_kind kind, qc_amount value, uint32_t n)
{
    cg_coin made;
    cg_output(g, kind, value, n, &p->outputs, &made);
    if (kind != CG_OP_RETURN)
        p->made[p->n_made++] = made;
}

static void plan_outputs(cg_chain *g, plan *p, uint32_t n_out, bool with_return)
{
    qc_amount total = -FEE;
    for (size_t i = 0; i < p->n_in; i++)
        total += p->in[i].value;
    uint32_t paying = n_out - with_return;
    QC_ASSERT(total > (qc_amount)paying);
    p->made = qc_alloc(n_out * sizeof *p->made);
    MUST(qc_w_compact(&p->outputs, n_out));
    for (uint32_t i = 0; i < paying; i++)
        add_output(g, p, cg_random_kind(g), total / paying, i);
    if (with_return)
        add_output(g, p, CG_OP_RETURN, 0, paying);
}

/* Inputs and outputs of transaction i, after the model's counts: a few large consolidations, then
 * almost always one input and two outputs, one of them data. */
static void shape(cg_chain *g, size_t i, uint32_t *n_in, uint32_t *n_out, bool *with_return)
{
    static const uint16_t big[] = {1009, 500, 120, 120, 100, 100, 100, 100, 100, 100};
    *with_return = false;
    *n_out = 1;
    if (i < QC_COUNTOF(big)) {
        *n_in = big[i];
        return;
    }
    uint32_t x = cg_below(g, 1000);
    *n_in = x < 957 ? 1 : x < 977 ? 2 : x < 984 ? 3 : x < 990 ? 5 : x < 996 ? 10 : 20;
    x = cg_below(g, 1000);
    *n_out = x < 68 ? 1 : x < 945 ? 2 : x < 962 ? 3 : x < 988 ? 4 : x < 995 ? 10 : 30;
    *with_return = *n_out == 2 && cg_below(g, 1000) < 930;
}

static size_t plan_mixed(cg_chain *g, plan *p)
{
    uint32_t spare_in = MIXED_IN - MIXED_TXS, spare_out = MIXED_OUT - MIXED_TXS;
    for (size_t i = 0; i < MIXED_TXS; i++) {
        uint32_t n_in, n_out;
        bool with_return;
        shape(g, i, &n_in, &n_out, &with_return);
        n_in = QC_MIN(n_in, spare_in + 1);
        n_out = QC_MIN(n_out, spare_out + 1);
        with_return = with_return && n_out == 2;
        spare_in -= n_in - 1;
        spare_out -= n_out - 1;
        p[i].n_in = n_in;
        p[i].in = qc_alloc(n_in * sizeof *p[i].in);
        for (uint32_t k = 0; k < n_in; k++)
            p[i].in[k] = cg_take_coin(g);
        plan_outputs(g, &p[i], n_out, with_return);
    }
    return MIXED_TXS;
}

static size_t plan_fanout(cg_chain *g, plan *p)
{
    QC_ASSERT(g->next_coinbase + MATURITY <= g->height);
    p->n_in = 1;
    p->in = qc_alloc(sizeof *p->in);
    p->in[0] = g->coinbase[g->next_coinbase++];
    plan_outputs(g, p, FANOUT_OUTPUTS, false);
    return 1;
}

typedef struct sign_job {
    cg_chain *g;
    plan *p;
} sign_job;

static bool sign_one(void *arg, size_t i)
{
    sign_job *j = arg;
    plan *p = &j->p[i];
    cg_sign(j->g, p->in, p->n_in, qc_bytes_span(&p->outputs), &p->bytes);
    QC_ASSERT(qc_tx_parse(qc_bytes_span(&p->bytes), true, &p->tx) == QC_WIRE_OK);
    for (size_t k = 0; k < p->n_made; k++)
        memcpy(p->made[k].txid.b, p->tx.tx.rec->txid, 32);
    return true;
}

static void assemble(cg_chain *g, const plan *p, size_t n, qc_bytes *out)
{
    uint8_t script[40];
    size_t len = cg_script(&g->keys[0], CG_P2WPKH, script);
    qc_tx *tx = qc_alloc((n + 1) * sizeof *tx);
    for (size_t i = 0; i < n; i++)
        tx[i] = p[i].tx.tx;
    qc_assemble req = {.coinbase_script = qc_span_of(script, len), .tx = tx, .n_tx = n};
    req.now = START_TIME + (int64_t)g->height * 60;
    uint64_t tries = UINT64_MAX;
    MUST(qc_mining_assemble(g->params, g->index[g->height], &req, out));
    QC_ASSERT(qc_mining_solve(g->params, out->data, &tries, NULL) == QC_SOLVE_FOUND);
    qc_free(tx);
}

/* The new tip, its coinbase, and the coins that its transactions made. */
static void adopt(cg_chain *g, plan *p, size_t n, qc_span block)
{
    qc_header h;
    qc_block *b;
    qc_header_read(block.data, &h);
    QC_ASSERT(qc_block_parse(block, &b) == QC_WIRE_OK);
    QC_ASSERT(qc_block_weight(b) <= QC_MAX_BLOCK_WEIGHT);
    qc_tx cb = qc_block_tx(b, 0);
    cg_coin c = {.kind = CG_P2WPKH, .value = cb.out[0].value};
    memcpy(c.txid.b, cb.rec->txid, 32);
    push_index(g, &h);
    g->coinbase[g->height - 1] = c;
    qc_block_unref(b);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < p[i].n_made; k++)
            add_coin(g, &p[i].made[k]);
}

void cg_next(cg_chain *g, cg_block what, qc_bytes *out, uint64_t *inputs)
{
    plan *p = qc_alloc(MIXED_TXS * sizeof *p);
    size_t n = 0;
    if (what == CG_MIXED)
        n = plan_mixed(g, p);
    else if (what == CG_FANOUT)
        n = plan_fanout(g, p);
    sign_job j = {g, p};
    qc_pool_run(g->pool, sign_one, &j, n, 0);
    assemble(g, p, n, out);
    adopt(g, p, n, qc_bytes_span(out));
    *inputs = 0;
    for (size_t i = 0; i < n; i++) {
        *inputs += p[i].n_in;
        qc_free(p[i].in);
        qc_free(p[i].made);
        qc_bytes_free(&p[i].outputs);
        qc_bytes_free(&p[i].bytes);
        qc_txbuf_clear(&p[i].tx);
    }
    qc_free(p);
}

uint64_t cg_write(cg_chain *g, unsigned mixed, void (*sink)(void *arg, qc_span framed), void *arg)
{
    /* A model block spends some 1,800 coins more than it makes, and picks among many. */
    unsigned fanouts = 3 + mixed / 4;
    uint64_t total = 0;
    for (unsigned i = 0; i < MATURITY + 2 * fanouts + mixed; i++) {
        unsigned past = i < MATURITY + fanouts ? 0 : i - MATURITY - fanouts;
        cg_block what = i < MATURITY + fanouts ? CG_EMPTY : past < fanouts ? CG_FANOUT : CG_MIXED;
        qc_bytes block, framed = QC_BYTES_INIT;
        uint64_t inputs;
        cg_next(g, what, &block, &inputs);
        MUST(qc_bytes_append(&framed, g->params->magic, 4));
        MUST(qc_w_le32(&framed, (uint32_t)block.len));
        MUST(qc_bytes_append(&framed, block.data, block.len));
        sink(arg, qc_bytes_span(&framed));
        qc_bytes_free(&framed);
        qc_bytes_free(&block);
        total += inputs;
    }
    return total;
}
