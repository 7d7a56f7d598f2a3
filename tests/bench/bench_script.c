/* What checking an input costs beside its signature, and the signature checks themselves. */
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/crypto/hashes.h"
#include "core/script/sigcache.h"
#include "tests/unit/script_spend.h"

#define FLAGS (QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_TAPROOT | QC_SCRIPT_DERSIG)
#define MANY_INPUTS 500

typedef struct bench {
    spend s;
    qc_txbuf tx;
    qc_sighash_cache hashes;
    qc_script_check check;
    uint8_t sig[QC_DER_MAX + 1], key[33];
    size_t sig_len;
    qc_hash hash;
} bench;

static void ecdsa(void *arg)
{
    bench *x = arg;
    qc_span der = {x->sig, x->sig_len - 1};
    if (!qc_ecdsa_verify(qc_span_of(x->key, 33), der, x->hash.b))
        abort();
}

static void schnorr(void *arg)
{
    bench *x = arg;
    if (!qc_schnorr_verify(x->key, x->sig, qc_span_of(x->hash.b, 32)))
        abort();
}

static void input(void *arg)
{
    bench *x = arg;
    if (qc_script_verify_input(&x->check) != QC_SE_OK)
        abort();
}

/* Finish the transaction and let the check run on it. */
static void ready(bench *x, qc_span script_sig, const testwit *wit)
{
    testtx_with_input(&x->s.tx.tx, x->s.in, script_sig, wit, &x->tx);
    qc_sighash_cache_init(&x->hashes, &x->tx.tx, x->s.spent);
    x->check = (qc_script_check){
        .tx = &x->tx.tx, .in = x->s.in, .spent = x->s.spent, .hashes = &x->hashes, .flags = FLAGS};
}

static void make_p2wpkh(bench *x)
{
    uint8_t program[20];
    spend_init(&x->s);
    memcpy(x->key, x->s.pub[0], 33);
    qc_hash160(qc_span_of(x->key, 33), program);
    spend_coin(&x->s, 0, program_script(0, program, sizeof program));
    qc_bytes code = p2pkh_script(qc_span_of(x->key, 33));
    qc_span c = qc_bytes_span(&code);
    qc_sighash_v0(&x->s.tx.tx, 0, c, x->s.spent[0].value, 1, &x->s.hashes, &x->hash);
    x->sig_len = spend_sign_v0(&x->s, 0, c, 1, x->sig);
    testwit w = {.n = 0};
    testwit_add(&w, qc_span_of(x->sig, x->sig_len));
    testwit_add(&w, qc_span_of(x->key, 33));
    ready(x, (qc_span){NULL, 0}, &w);
    testwit_clear(&w);
    qc_bytes_free(&code);
}

static void make_key_path(bench *x)
{
    uint8_t secret[32];
    bool odd;
    spend_init(&x->s);
    qc_tap_tweak(x->s.pub[0] + 1, NULL, x->key, &odd);
    spend_coin(&x->s, 0, program_script(1, x->key, 32));
    qc_taproot_env e = {.tx = &x->s.tx.tx, .in = 0, .spent = x->s.spent, .hashes = &x->s.hashes};
    qc_sighash_taproot(&e, 0, &x->hash);
    qc_seckey_tap_tweak(x->s.signer, x->s.secret[0], NULL, secret);
    qc_schnorr_sign(x->s.signer, secret, qc_span_of(x->hash.b, 32), NULL, x->sig);
    testwit w = {.n = 0};
    testwit_add(&w, qc_span_of(x->sig, 64));
    ready(x, (qc_span){NULL, 0}, &w);
    testwit_clear(&w);
}

static void finish(bench *x)
{
    qc_txbuf_clear(&x->tx);
    spend_clear(&x->s);
}

/* The second of two runs costs what is left when the signature is in the cache. */
static void run_cached(qc_bench *b, bench *x, const char *name)
{
    static const uint8_t SALT[32] = {1};
    if (qc_sig_cache_new(&x->check.cache, 1 << 20, SALT))
        return;
    x->check.cache_store = true;
    input(x);
    x->check.cache_store = false;
    qc_bench_run(b, name, input, x, 1);
    qc_sig_cache_free(x->check.cache);
    x->check.cache = NULL;
}

/* A transaction of many legacy inputs: each hashes all of it. */
typedef struct big {
    qc_txbuf tx;
    qc_span code;
} big;

static void big_sighash(void *arg)
{
    big *x = arg;
    qc_hash h;
    for (uint32_t i = 0; i < MANY_INPUTS; i++)
        qc_sighash_legacy(&x->tx.tx, i, x->code, 1, &h);
    QC_BENCH_KEEP(h);
}

static void run_big(qc_bench *b)
{
    static const uint8_t TXID[32] = {4}, CODE[25] = {QC_OP_DUP, QC_OP_HASH160, 20};
    big x = {.code = qc_span_of(CODE, sizeof CODE)};
    testtx t = {.version = 1};
    for (uint32_t i = 0; i < MANY_INPUTS; i++)
        testtx_add_input(&t, TXID, i, x.code, i);
    testtx_add_output(&t, 1, x.code);
    qc_bytes raw = testtx_bytes(&t, NULL);
    testtx_parse(qc_bytes_span(&raw), &x.tx);
    qc_bench_run(b, "legacy sighash, one of 500 inputs", big_sighash, &x, MANY_INPUTS);
    qc_txbuf_clear(&x.tx);
    qc_bytes_free(&raw);
    testtx_clear(&t);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "script");
    bench *x = qc_alloc(sizeof *x);
    make_p2wpkh(x);
    qc_bench_run(b, "ECDSA verify", ecdsa, x, 1);
    qc_bench_vs(b, "P2WPKH input", input, x, 1);
    run_cached(b, x, "P2WPKH input, signature cached");
    finish(x);
    make_key_path(x);
    qc_bench_run(b, "Schnorr verify", schnorr, x, 1);
    qc_bench_vs(b, "taproot key path input", input, x, 1);
    run_cached(b, x, "taproot key path input, signature cached");
    finish(x);
    qc_free(x);
    run_big(b);
    return qc_bench_end(b);
}
