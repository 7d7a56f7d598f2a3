/* Block templates over a large mempool. */
#include "core/mining/miner.h"
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/mempool/accept.h"
#include "lib/gbt.h"
#include "tests/unit/pool_kit.h"

#include <stdlib.h>

#define SPLITS 28u
#define FAMILY 8u /* transactions that come of one coin */

typedef struct data {
    pool_kit p;
    qc_miner *miner;
    qc_template_options o;
    const qc_template *t;
    uint64_t seed;
    size_t coins; /* of each split transaction */
} data;

static uint32_t below(data *d, uint32_t n)
{
    d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((d->seed >> 33) % n);
}

static void offer(data *d, tb_tx *tx)
{
    qc_txbuf b;
    qc_accept_result r;
    const qc_accept_opts o = {.test_only = false};
    tb_tx_parse(tx, &b);
    if (qc_mempool_accept(d->p.m, &b.tx, &o, &r) || r.kind != QC_ACCEPT_VALID)
        abort();
    d->p.n_news = 0;
    qc_accept_result_clear(&r);
    qc_txbuf_clear(&b);
    tb_tx_free(tx);
}

/* A payment with two outputs, and others that spend one of it or of each other. */
static void add_family(data *d, pk_coin root)
{
    pk_coin open[2 * FAMILY];
    size_t n = 1, count = 1 + below(d, FAMILY);
    open[0] = root;
    for (size_t i = 0; i < count && n; i++) {
        size_t at = below(d, (uint32_t)n);
        pk_coin from = open[at];
        open[at] = open[--n];
        tb_tx *tx = pk_spend(&from, 1, 200 + below(d, 20000), 2);
        pk_pad(tx, 20 + below(d, 240)); /* about as large as payments are */
        open[n++] = pk_out(tx, 0);
        open[n++] = pk_out(tx, 1);
        offer(d, tx);
    }
}

static void fill(data *d)
{
    tb_tx *split[SPLITS];
    for (size_t i = 0; i < SPLITS; i++)
        split[i] = pk_spend(&d->p.coin[i], 1, 0, d->coins);
    pk_mine(&d->p, split, SPLITS);
    for (size_t i = 0; i < SPLITS; i++) {
        for (uint32_t o = 0; o < d->coins; o++)
            add_family(d, pk_out(split[i], o));
        tb_tx_free(split[i]);
    }
}

static void make(void *arg)
{
    data *d = arg;
    const qc_template *t;
    if (qc_miner_template(d->miner, &d->o, QC_TEMPLATE_REQUEST, d->p.now, &t))
        abort();
    qc_template_unref(t);
}

static void check(void *arg)
{
    data *d = arg;
    qc_verdict v;
    if (!qc_template_check(d->p.k.c, d->t, &v))
        abort();
}

static void put_tx(const void *arg, uint32_t i, qn_gbt_tx *out)
{
    qc_template_tx tx;
    qc_template_tx_at(arg, i, &tx);
    *out = (qn_gbt_tx){tx.txid,    tx.wtxid,     tx.fee,        tx.weight,   tx.sigops,
                       tx.depends, tx.n_depends, tx.bytes.data, tx.bytes.len};
}

static void print(void *arg)
{
    data *d = arg;
    const qn_gbt_client client = {NULL, 0};
    const qn_gbt_view v = {
        .segwit = true, .n_tx = d->t->n_tx, .tx = put_tx, .arg = d->t, .height = 1};
    size_t n = qn_gbt_json(&v, &client, NULL, 0);
    char *text = qc_alloc(n);
    qn_gbt_json(&v, &client, text, n);
    QC_BENCH_KEEP(text[n - 1]);
    qc_free(text);
}

static void open_all(data *d)
{
    d->o = qc_template_defaults();
    pk_init(&d->p);
    d->p.o.check_ratio = 0;
    const qc_miner_options mo = {.chain = d->p.k.c, .template = d->o};
    if (qc_miner_new(&d->miner, &mo))
        abort();
    pk_open(&d->p);
    qc_miner_use_mempool(d->miner, d->p.m);
}

int main(int argc, char **argv)
{
    data *d = calloc(1, sizeof *d);
    qc_bench *b = qc_bench_new(argc, argv, "template");
    if (!d)
        abort();
    d->coins = qc_bench_is_smoke(b) ? 4 : 700;
    d->seed = 1;
    open_all(d);
    fill(d);
    qc_mempool_info info;
    qc_mempool_info_of(d->p.m, &info);
    if (qc_miner_template(d->miner, NULL, QC_TEMPLATE_REQUEST, d->p.now, &d->t))
        abort();
    qc_bench_note(b, "transactions in the pool", (double)info.count, "");
    qc_bench_note(b, "memory of the pool", (double)info.usage / 1e6, "MB");
    qc_bench_note(b, "transactions in the template", d->t->n_tx, "");
    d->o.no_mempool = true;
    qc_bench_run(b, "EMPTY template", make, d, 1);
    d->o.no_mempool = false;
    qc_bench_run(b, "FULL template", make, d, 1);
    qc_bench_run(b, "FULL template, judged as a block", check, d, 1);
    qc_bench_run(b, "FULL template as JSON", print, d, 1);
    qc_template_unref(d->t);
    pk_end(&d->p);
    qc_miner_free(d->miner);
    free(d);
    return qc_bench_end(b);
}
