/* Block templates over a large mempool. */
#include "core/mining/choose.h"
#include "core/mining/miner.h"
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/mempool/accept.h"
#include "core/mining/assemble.h"
#include "lib/gbt.h"
#include "tests/unit/pool_kit.h"

#include <stdio.h>
#include <stdlib.h>

#define SPLITS 28u
#define FAMILY 8u /* transactions that come of one coin */

#define TIPS 50u

/* Nanoseconds, one per tip. */
typedef struct lags {
    qc_mono at[TIPS];
    size_t n;
} lags;

typedef struct data {
    pool_kit p;
    qc_push *push;
    qc_mono settled; /* when the pool had followed */
    lags empty, full;
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
        tb_tx *tx = pk_spend(&from, 1, 200 + below(d, 5000), 2);
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
    for (size_t i = 0; i < SPLITS; i++) /* one in a block: all would not fit */
        pk_mine(&d->p, &split[i], 1);
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

/* Who asks for the list is told who spends whom. */
static void depends(void *arg)
{
    data *d = arg;
    const qc_template *t;
    if (qc_miner_template(d->miner, &d->o, QC_TEMPLATE_REQUEST, d->p.now, &t))
        abort();
    QC_BENCH_KEEP(qc_template_depends_of(t)->n);
    qc_template_unref(t);
}

static void sum(void *arg)
{
    data *d = arg;
    const qc_index *tip = qc_chain_tip(d->p.k.c);
    QC_BENCH_KEEP(qc_choose_fees(d->p.m, &d->o, tip->height + 1, qc_index_mtp(tip)));
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

/* ---- from a new tip to its templates ---- */

static void on_settled(void *arg, const qc_index *tip, bool give_back)
{
    data *d = arg;
    (void)tip;
    (void)give_back;
    d->settled = qc_clock_mono();
}

static void on_deliver(void *arg, const qc_template *t)
{
    data *d = arg;
    qc_mono now = qc_clock_mono();
    bool empty = t->kind == QC_TEMPLATE_EMPTY;
    lags *l = empty ? &d->empty : &d->full;
    if (t->why == QC_TEMPLATE_TIP && l->n < TIPS)
        l->at[l->n++] = now - (empty ? t->t_tip : d->settled);
    qc_template_unref(t);
}

static void on_later(void *arg, qc_mono at)
{
    (void)arg;
    (void)at;
}

/* Somebody finds a block of what the pool has. */
static void find_block(data *d)
{
    const qc_template *t;
    qc_bytes bytes;
    qc_block *b;
    qc_verdict v;
    bool is_new;
    uint64_t tries = 1000000;
    d->p.n_news = 0;
    if (qc_miner_template(d->miner, NULL, QC_TEMPLATE_REQUEST, d->p.now, &t) ||
        qc_template_simple(t, pk_script(), &bytes) ||
        qc_mining_solve(d->p.k.params, bytes.data, &tries, NULL) != QC_SOLVE_FOUND ||
        qc_block_parse(qc_bytes_span(&bytes), &b) ||
        qc_chain_process_block(d->p.k.c, b, true, true, &is_new, &v) || !is_new)
        abort();
    qc_block_unref(b);
    qc_bytes_free(&bytes);
    qc_template_unref(t);
}

static int by_size(const void *a, const void *b)
{
    const qc_mono *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void note_lags(qc_bench *b, const char *name, lags *l)
{
    char text[100];
    qsort(l->at, l->n, sizeof l->at[0], by_size);
    snprintf(text, sizeof text, "%s, half of them within", name);
    qc_bench_note(b, text, (double)l->at[l->n / 2] / 1000, "us");
    snprintf(text, sizeof text, "%s, all but one within", name);
    qc_bench_note(b, text, (double)l->at[l->n > 1 ? l->n - 2 : 0] / 1000, "us");
}

static void tips(qc_bench *b, data *d)
{
    const qc_push_to to = {d, on_deliver, on_later, NULL};
    const qc_push_options o = {.template = qc_template_defaults(), .tip_only = true};
    if (qc_push_open(d->miner, &o, &to, &d->push))
        abort();
    for (unsigned i = 0; i < (qc_bench_is_smoke(b) ? 2 : TIPS); i++)
        find_block(d);
    note_lags(b, "EMPTY template after the tip", &d->empty);
    note_lags(b, "FULL template after the pool's clean-up", &d->full);
}

static void open_all(data *d)
{
    d->o = qc_template_defaults();
    pk_init(&d->p);
    d->p.o.check_ratio = 0;
    d->p.o.max_bytes = 400000000; /* room above what is put in */
    const qc_miner_options mo = {.chain = d->p.k.c, .template = d->o};
    if (qc_miner_new(&d->miner, &mo))
        abort();
    pk_open(&d->p);
    const qc_chain_events ev = {.arg = d, .settled = on_settled};
    qc_chain_listen(d->p.k.c, &ev);
    qc_miner_use_mempool(d->miner, d->p.m);
}

int main(int argc, char **argv)
{
    data *d = calloc(1, sizeof *d);
    qc_bench *b = qc_bench_new(argc, argv, "template");
    if (!d)
        abort();
    d->coins = qc_bench_is_smoke(b) ? 4 : 2560; /* some 300 MB */
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
    qc_bench_run(b, "its fees alone, as looked at while the tip stays", sum, d, 1);
    qc_bench_run(b, "FULL template and who spends whom", depends, d, 1);
    qc_bench_run(b, "FULL template, judged as a block", check, d, 1);
    qc_bench_run(b, "FULL template as JSON", print, d, 1);
    qc_template_unref(d->t);
    tips(b, d);
    qc_push_close(d->push);
    pk_end(&d->p);
    qc_miner_free(d->miner);
    free(d);
    return qc_bench_end(b);
}
