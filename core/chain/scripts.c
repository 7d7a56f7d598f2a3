/* Running a block's scripts on the pool: first the hashes that the inputs of a transaction share,
 * one job per transaction, then one job per input. */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/chain/testblock.h"
#include "core/script/verify.h"

struct run {
    const qc_block *b;
    const qc_inputs *in;
    qc_sighash_cache *hashes; /* one per transaction */
    qc_tx *tx;
    uint8_t *known; /* per transaction: found valid before under these flags */
    uint32_t flags;
    uint32_t first; /* first input that is not the coinbase's */
    qc_sig_cache *cache;
    qc_script_cache *txs;
    bool store;
    qc_mono until;        /* 0: whenever */
    _Atomic bool late;    /* some were not begun */
    _Atomic uint32_t bad; /* lowest input that failed */
};

static bool hash_tx(void *arg, size_t n)
{
    struct run *r = arg;
    uint32_t t = (uint32_t)n + 1;
    r->tx[t] = qc_block_tx(r->b, t);
    r->known[t] =
        qc_script_cache_has(r->txs, (const qc_hash *)r->tx[t].rec->wtxid, r->flags, !r->store);
    if (!r->known[t])
        qc_sighash_cache_init(&r->hashes[t], &r->tx[t], r->in->spent + r->tx[t].rec->in0);
    return true;
}

static qc_script_err check_input(const struct run *r, uint32_t k)
{
    const qc_tx *tx = &r->tx[r->in->tx_of[k]];
    const qc_script_check check = {
        .tx = tx,
        .in = k - tx->rec->in0,
        .spent = r->in->spent + tx->rec->in0,
        .hashes = &r->hashes[r->in->tx_of[k]],
        .flags = r->flags,
        .cache = r->cache,
        .cache_store = r->store,
    };
    return qc_script_verify_input(&check);
}

static bool run_input(void *arg, size_t n)
{
    struct run *r = arg;
    uint32_t k = r->first + (uint32_t)n;
    if (r->until && qc_clock_mono() >= r->until) {
        atomic_store(&r->late, true);
        return false;
    }
    if (r->known[r->in->tx_of[k]] || check_input(r, k) == QC_SE_OK)
        return true;
    uint32_t bad = atomic_load(&r->bad);
    while (k < bad && !atomic_compare_exchange_weak(&r->bad, &bad, k))
        ;
    return false;
}

/* Core's words for a script that failed (validation.cpp CheckInputScripts, CScriptCheck). */
static void say_why(const struct run *r, uint32_t k, qc_verdict *v)
{
    const qc_tx *tx = &r->tx[r->in->tx_of[k]];
    uint32_t n = k - tx->rec->in0;
    qc_outpoint o = qc_tx_prevout(tx, n);
    char txid[QC_HASH_HEX_LEN + 1], wtxid[QC_HASH_HEX_LEN + 1], prev[QC_HASH_HEX_LEN + 1];
    char debug[QC_VERDICT_TEXT_LEN];
    qc_hash_hex((const qc_hash *)tx->rec->txid, txid);
    qc_hash_hex((const qc_hash *)tx->rec->wtxid, wtxid);
    qc_hash_hex(&o.txid, prev);
    snprintf(debug, sizeof debug, "input %u of %s (wtxid %s), spending %s:%u", n, txid, wtxid, prev,
             o.n);
    qc_verdict_failf(v, QC_V_CONSENSUS, debug, "block-script-verify-flag-failed (%s)",
                     qc_script_err_text(check_input(r, k)));
}

static void log_run(const struct run *r)
{
    uint32_t ran = 0;
    char hex[QC_HASH_HEX_LEN + 1];
    if (!qc_log_enabled(QC_LOG_DEBUG, "bench"))
        return;
    for (uint32_t t = 1; t < r->in->n_tx; t++)
        ran += r->known[t] ? 0 : r->tx[t].rec->n_in;
    qc_hash_hex(qc_block_hash(r->b), hex);
    qc_log(QC_LOG_DEBUG, "bench", "Scripts of block %s: %u inputs, %u run", hex,
           r->in->n_in - r->first, ran);
}

qc_err qc_check_scripts(qc_chain *c, const qc_block *b, const qc_inputs *in, uint32_t flags,
                        bool store, qc_mono until, qc_verdict *v)
{
    if (in->n_tx < 2)
        return QC_OK;
    struct run r = {.b = b,
                    .in = in,
                    .flags = flags,
                    .cache = c->sig_cache,
                    .txs = c->script_cache,
                    .store = store,
                    .until = until};
    atomic_init(&r.bad, UINT32_MAX);
    r.first = qn_view_tx(qc_block_view(b), 0)->n_in;
    r.hashes = qc_try_calloc(in->n_tx, sizeof *r.hashes);
    r.tx = qc_try_calloc(in->n_tx, sizeof *r.tx);
    r.known = qc_try_calloc(in->n_tx, 1);
    qc_err err = r.hashes && r.tx && r.known ? QC_OK : QC_ENOMEM;
    if (!err) {
        qc_pool_run(c->pool, hash_tx, &r, in->n_tx - 1, 0);
        qc_pool_run(c->pool, run_input, &r, in->n_in - r.first, 0);
        log_run(&r);
        uint32_t bad = atomic_load(&r.bad);
        if (bad != UINT32_MAX)
            say_why(&r, bad, v);
        else if (atomic_load(&r.late))
            qc_verdict_fail(v, QC_V_CONSENSUS, QC_TEST_TOO_LONG, NULL);
        for (uint32_t t = 1; store && qc_verdict_ok(v) && t < in->n_tx; t++)
            qc_script_cache_add(c->script_cache, (const qc_hash *)r.tx[t].rec->wtxid, flags);
    }
    qc_free(r.known);
    qc_free(r.hashes);
    qc_free(r.tx);
    return err;
}
