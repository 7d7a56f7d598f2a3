/* Hashes, MuHash and signatures: ours beside nettle where we have code of our own. */
#include "core/base/alloc.h"
#include "core/crypto/hashes.h"
#include "core/crypto/muhash.h"
#include "core/crypto/secp.h"
#include "core/crypto/sha256.h"
#include "core/crypto/siphash.h"
#include "tests/bench/bench.h"

#define MANY 4096
#define BULK (1u << 20)

typedef struct data {
    uint8_t *in, *out;
    size_t len;
    qc_muhash muhash;
    uint8_t pub[65], der[QC_DER_MAX], schnorr[64], msg[32];
    size_t der_len;
} data;

static void sha256d(void *arg)
{
    data *d = arg;
    qc_sha256d(qc_span_of(d->in, d->len), d->out);
    QC_BENCH_KEEP(d->out[0]);
}

static void sha256(void *arg)
{
    data *d = arg;
    qc_sha256(qc_span_of(d->in, d->len), d->out);
    QC_BENCH_KEEP(d->out[0]);
}

static void sha256d64(void *arg)
{
    data *d = arg;
    qc_sha256d64_many(d->out, d->in, MANY);
    QC_BENCH_KEEP(d->out[0]);
}

/* A tree of 4,864 ids, level by level in place, as core/btc makes it. */
static void merkle(void *arg)
{
    data *d = arg;
    memcpy(d->out, d->in, 4864 * 32);
    for (size_t n = 4864; n > 1; n /= 2) {
        if (n % 2) {
            memcpy(d->out + 32 * n, d->out + 32 * (n - 1), 32);
            n++;
        }
        qc_sha256d64_many(d->out, d->out, n / 2);
    }
    QC_BENCH_KEEP(d->out[0]);
}

static void hash160(void *arg)
{
    data *d = arg;
    qc_hash160(qc_span_of(d->in, 33), d->out);
}

static void siphash(void *arg)
{
    data *d = arg;
    static const qc_siphash_key key = {1, 2};
    qc_hash h;
    memcpy(h.b, d->in, 32);
    uint64_t v = qc_siphash_hash_u32(&key, &h, 7);
    QC_BENCH_KEEP(v);
}

static void muhash_add(void *arg)
{
    data *d = arg;
    qc_muhash_add(&d->muhash, qc_span_of(d->in, 80));
}

static void muhash_end(void *arg)
{
    data *d = arg;
    qc_muhash m = d->muhash; /* finalizing leaves the denominator at one */
    qc_muhash_finalize(&m, d->out);
}

static void ecdsa(void *arg)
{
    data *d = arg;
    QC_ASSERT(qc_ecdsa_verify(qc_span_of(d->pub, 33), qc_span_of(d->der, d->der_len), d->msg));
}

static void schnorr(void *arg)
{
    data *d = arg;
    QC_ASSERT(qc_schnorr_verify(d->pub + 1, d->schnorr, qc_span_of(d->msg, 32)));
}

static void make_signatures(data *d)
{
    static const uint8_t key[32] = {[31] = 5};
    qc_signer *s = qc_signer_new(key);
    QC_ASSERT(qc_seckey_pubkey(s, key, true, d->pub) == 33);
    d->der_len = qc_ecdsa_sign(s, key, d->msg, d->der);
    QC_ASSERT(qc_schnorr_sign(s, key, qc_span_of(d->msg, 32), NULL, d->schnorr));
    qc_signer_free(s);
}

/* The same work with nettle alone, then with what this machine offers. */
static void both(qc_bench *b, const char *nettle, const char *ours, void (*fn)(void *), data *d,
                 uint64_t units)
{
    qc_sha256_force_nettle(true);
    qc_bench_run(b, nettle, fn, d, units);
    qc_sha256_force_nettle(false);
    qc_bench_vs(b, ours, fn, d, units);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "crypto");
    data d = {.in = qc_alloc(BULK), .out = qc_alloc(BULK)};
    for (size_t i = 0; i < BULK; i++)
        d.in[i] = (uint8_t)(i * 131 + i / 256);
    make_signatures(&d);
    qc_muhash_init(&d.muhash);
    qc_muhash_remove(&d.muhash, qc_span_of(d.in, 40));

    d.len = 80;
    both(b, "sha256d 80 bytes, nettle", "sha256d 80 bytes", sha256d, &d, 1);
    d.len = 250;
    both(b, "sha256d 250 bytes, nettle", "sha256d 250 bytes", sha256d, &d, 1);
    d.len = BULK;
    both(b, "sha256 1 MiB, nettle, a KiB", "sha256 1 MiB, a KiB", sha256, &d, BULK / 1024);
    both(b, "sha256d of 64-byte blocks, nettle", "sha256d of 64-byte blocks", sha256d64, &d, MANY);
    both(b, "merkle root of 4,864 ids, nettle", "merkle root of 4,864 ids", merkle, &d, 1);
    qc_bench_run(b, "hash160 33 bytes", hash160, &d, 1);
    qc_bench_run(b, "siphash of an outpoint", siphash, &d, 1);
    qc_bench_run(b, "muhash add 80 bytes", muhash_add, &d, 1);
    qc_bench_run(b, "muhash finalize", muhash_end, &d, 1);
    qc_bench_run(b, "ecdsa verify", ecdsa, &d, 1);
    qc_bench_run(b, "schnorr verify", schnorr, &d, 1);
    qc_free(d.in);
    qc_free(d.out);
    return qc_bench_end(b);
}
