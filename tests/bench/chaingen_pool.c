/* Transactions for a mempool, on top of a generated chain. */
#include "tests/bench/chaingen.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#define MUST(x) QC_ASSERT(!(x))
#define OPEN 4096u        /* unspent outputs of the pool that the next ones may build on */
#define CLUSTER 20u       /* transactions */
#define LEAST_VALUE 20000 /* satoshis of an output worth building on */
#define LEAST_OUTPUT 2000 /* satoshis */
#define MAX_IN 5u
#define MAX_OUT 16u

const cg_share CG_POOL_SHARES[4] = {
    {CG_P2WPKH, 4500}, {CG_P2TR, 2500}, {CG_P2PKH, 2000}, {CG_MULTISIG, 1000}};

typedef struct open_coin {
    cg_coin coin;
    uint32_t cluster;
} open_coin;

struct cg_pool {
    cg_chain *g;
    open_coin open[OPEN];
    size_t n_open;
    uint8_t *size; /* of each cluster */
    uint32_t n_cluster, cap_cluster;
};

cg_pool *cg_pool_new(cg_chain *g)
{
    cg_pool *p = qc_alloc(sizeof *p);
    p->g = g;
    return p;
}

void cg_pool_free(cg_pool *p)
{
    if (p)
        qc_free(p->size);
    qc_free(p);
}

static uint32_t new_cluster(cg_pool *p)
{
    if (p->n_cluster == p->cap_cluster) {
        p->cap_cluster = p->cap_cluster ? p->cap_cluster * 2 : 1024;
        p->size = qc_try_realloc(p->size, p->cap_cluster);
        QC_ASSERT(p->size);
    }
    p->size[p->n_cluster] = 0;
    return p->n_cluster++;
}

/* An output of the pool to build on leaves the list. False: none, or its cluster is full. */
static bool take_open(cg_pool *p, open_coin *out)
{
    if (!p->n_open)
        return false;
    size_t at = cg_below(p->g, (uint32_t)p->n_open);
    *out = p->open[at];
    p->open[at] = p->open[--p->n_open];
    return p->size[out->cluster] < CLUSTER;
}

static void put_open(cg_pool *p, const cg_coin *c, uint32_t cluster)
{
    size_t at = p->n_open < OPEN ? p->n_open++ : cg_below(p->g, OPEN);
    p->open[at] = (open_coin){*c, cluster};
}

/* Virtual bytes that an input adds, at most. */
static uint32_t input_size(cg_kind kind)
{
    switch (kind) {
    case CG_P2WPKH:
        return 69;
    case CG_P2TR:
        return 58;
    case CG_P2PKH:
        return 149;
    case CG_P2SH:
        return 92;
    case CG_P2WSH:
        return 70;
    case CG_MULTISIG:
        return 299;
    case CG_OP_RETURN:
        break;
    }
    return 0;
}

static size_t choose_inputs(cg_pool *p, cg_coin in[static MAX_IN], uint32_t *cluster)
{
    open_coin o;
    size_t n = 0;
    uint32_t x = cg_below(p->g, 100);
    if (x < 40 && take_open(p, &o)) {
        in[n++] = o.coin;
        *cluster = o.cluster;
    } else {
        *cluster = new_cluster(p);
    }
    uint32_t more = x % 10 < 8 ? 0 : x % 10 == 8 ? 1 : MAX_IN - 1;
    for (uint32_t want = (uint32_t)QC_MAX(n, 1u) + more; n < QC_MIN(want, MAX_IN);)
        in[n++] = cg_take_coin(p->g);
    p->size[*cluster]++;
    return n;
}

static uint32_t choose_outputs(cg_pool *p)
{
    uint32_t x = cg_below(p->g, 100);
    return x < 25 ? 1 : x < 90 ? 2 : x < 96 ? 3 : 8 + cg_below(p->g, MAX_OUT - 7);
}

/* 1 to 60 sat/vB, more often little; half of the coins at most. */
static qc_amount choose_fee(cg_pool *p, const cg_coin *in, size_t n_in, qc_amount total,
                            uint32_t n_out)
{
    uint32_t vsize = 12 + 43 * n_out;
    for (size_t i = 0; i < n_in; i++)
        vsize += input_size((cg_kind)in[i].kind);
    uint32_t rate = 1000 + (cg_below(p->g, 59000) >> cg_below(p->g, 6));
    return QC_MIN(((qc_amount)vsize * rate + 999) / 1000, total / 2);
}

void cg_pool_next(cg_pool *p, qc_bytes *out)
{
    cg_coin in[MAX_IN], made[MAX_OUT];
    uint32_t cluster;
    size_t n_in = choose_inputs(p, in, &cluster);
    qc_amount total = 0;
    for (size_t i = 0; i < n_in; i++)
        total += in[i].value;
    uint32_t n_out = choose_outputs(p);
    qc_amount fee = choose_fee(p, in, n_in, total, n_out);
    n_out = (uint32_t)QC_MIN((qc_amount)n_out, (total - fee) / LEAST_OUTPUT);
    qc_bytes outputs = QC_BYTES_INIT;
    MUST(qc_w_compact(&outputs, n_out));
    for (uint32_t i = 0; i < n_out; i++)
        cg_output(p->g, cg_random_kind(p->g), (total - fee) / n_out, i, &outputs, &made[i]);
    *out = (qc_bytes)QC_BYTES_INIT;
    cg_sign(p->g, in, n_in, qc_bytes_span(&outputs), out);
    qc_bytes_free(&outputs);
    qc_txbuf tx;
    QC_ASSERT(qc_tx_parse(qc_bytes_span(out), true, &tx) == QC_WIRE_OK);
    for (uint32_t i = 0; i < n_out && made[i].value >= LEAST_VALUE; i++) {
        memcpy(made[i].txid.b, tx.tx.rec->txid, 32);
        put_open(p, &made[i], cluster);
    }
    qc_txbuf_clear(&tx);
}
