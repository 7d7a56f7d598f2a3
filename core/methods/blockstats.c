/* Per-block statistics (Core rpc/blockchain.cpp getblockstats). */
#include "core/methods/blockstats.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/script/pattern.h"

#include <stdlib.h>

#define MAX_BLOCK_SIZE 4000000
/* What a coin weighs beside its output: outpoint (36) and height with the coinbase bit (4). */
#define COIN_OVERHEAD 40

typedef struct feerate {
    int64_t rate, weight;
} feerate;

typedef struct scratch {
    int64_t *fee, *size;
    feerate *rate;
    size_t n;
} scratch;

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int by_rate(const void *a, const void *b)
{
    const feerate *x = a, *y = b;
    if (x->rate != y->rate)
        return x->rate > y->rate ? 1 : -1;
    return (x->weight > y->weight) - (x->weight < y->weight);
}

static int64_t median(int64_t *v, size_t n)
{
    if (n == 0)
        return 0;
    qsort(v, n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Weight thresholds are compared as weight * 20 against total * (2, 5, 10, 15, 18), so that no
 * rounding decides. */
static void percentiles(feerate *v, size_t n, int64_t total, int64_t out[QC_FEERATE_PERCENTILES])
{
    static const int64_t share[QC_FEERATE_PERCENTILES] = {2, 5, 10, 15, 18};
    if (n == 0)
        return;
    qsort(v, n, sizeof *v, by_rate);
    int next = 0;
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i].weight;
        while (next < QC_FEERATE_PERCENTILES && sum * 20 >= total * share[next])
            out[next++] = v[i].rate;
    }
    while (next < QC_FEERATE_PERCENTILES)
        out[next++] = v[n - 1].rate;
}

static int64_t coin_size(size_t script_len)
{
    return (int64_t)(8 + qc_compact_size(script_len) + script_len + COIN_OVERHEAD);
}

static int64_t add_outputs(const qc_tx *tx, bool no_coins, qc_blockstats *s)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < tx->rec->n_out; i++) {
        qc_span script = qc_tx_script(tx, i);
        int64_t size = coin_size(script.len);
        total += tx->out[i].value;
        s->utxo_size_inc += size;
        if (no_coins || qc_script_is_unspendable(script))
            continue;
        s->utxo_increase_actual++;
        s->utxo_size_inc_actual += size;
    }
    s->outs += tx->rec->n_out;
    return total;
}

static void add_sizes(const qc_tx *tx, qc_blockstats *s, scratch *w)
{
    int64_t size = tx->rec->len, weight = tx->rec->weight;
    w->size[w->n] = size;
    s->maxtxsize = QC_MAX(s->maxtxsize, size);
    s->mintxsize = QC_MIN(s->mintxsize, size);
    s->total_size += size;
    s->total_weight += weight;
    if (qc_tx_has_witness(tx)) {
        s->swtxs++;
        s->swtotal_size += size;
        s->swtotal_weight += weight;
    }
}

static void add_inputs(const qn_block_view *v, const qc_tx *tx, int64_t out_total, qc_blockstats *s,
                       scratch *w)
{
    int64_t in_total = 0;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        const qn_spent_rec *coin = qn_view_spent(v, tx->rec->in0 + i);
        int64_t size = coin_size(coin->script_len);
        in_total += coin->value;
        s->utxo_size_inc -= size;
        s->utxo_size_inc_actual -= size;
    }
    int64_t fee = in_total - out_total, weight = tx->rec->weight;
    int64_t rate = weight ? fee * 4 / weight : 0;
    w->fee[w->n] = fee;
    w->rate[w->n] = (feerate){rate, weight};
    s->maxfee = QC_MAX(s->maxfee, fee);
    s->minfee = QC_MIN(s->minfee, fee);
    s->totalfee += fee;
    s->maxfeerate = QC_MAX(s->maxfeerate, rate);
    s->minfeerate = QC_MIN(s->minfeerate, rate);
    s->ins += tx->rec->n_in;
}

static void finish(qc_blockstats *s, scratch *w)
{
    int64_t n = s->txs - 1;
    s->avgfee = n > 0 ? s->totalfee / n : 0;
    s->avgtxsize = n > 0 ? s->total_size / n : 0;
    s->avgfeerate = s->total_weight ? s->totalfee * 4 / s->total_weight : 0;
    percentiles(w->rate, w->n, s->total_weight, s->feerate_percentiles);
    s->medianfee = median(w->fee, w->n);
    s->mediantxsize = median(w->size, w->n);
    if (s->minfee == QC_MAX_MONEY)
        s->minfee = 0;
    if (s->minfeerate == QC_MAX_MONEY)
        s->minfeerate = 0;
    if (s->mintxsize == MAX_BLOCK_SIZE)
        s->mintxsize = 0;
    s->utxo_increase = s->outs - s->ins;
    s->utxo_increase_actual -= s->ins;
}

qc_err qc_blockstats_compute(const qc_block *b, bool genesis, bool bip30_repeat, qc_blockstats *out)
{
    const qn_block_view *v = qc_block_view(b);
    uint32_t n_tx = qc_block_n_tx(b);
    scratch w = {qc_try_calloc(n_tx, sizeof *w.fee), qc_try_calloc(n_tx, sizeof *w.size),
                 qc_try_calloc(n_tx, sizeof *w.rate), 0};
    qc_err err = w.fee && w.size && w.rate ? QC_OK : QC_ENOMEM;
    if (!err) {
        qc_blockstats s = {.minfee = QC_MAX_MONEY, .minfeerate = QC_MAX_MONEY};
        s.mintxsize = MAX_BLOCK_SIZE;
        s.txs = n_tx;
        for (uint32_t i = 0; i < n_tx; i++) {
            qc_tx tx = qc_block_tx(b, i);
            int64_t total = add_outputs(&tx, genesis || (bip30_repeat && i == 0), &s);
            if (i == 0)
                continue;
            s.total_out += total;
            add_sizes(&tx, &s, &w);
            add_inputs(v, &tx, total, &s, &w);
            w.n++;
        }
        finish(&s, &w);
        *out = s;
    }
    qc_free(w.fee);
    qc_free(w.size);
    qc_free(w.rate);
    return err;
}
