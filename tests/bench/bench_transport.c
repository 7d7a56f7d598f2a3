/* Encrypted connections to peers: what a handshake costs, what a byte costs. */
#include "core/base/alloc.h"
#include "core/crypto/bip324.h"
#include "core/crypto/ellswift.h"
#include "core/crypto/sha256.h"
#include "tests/bench/bench.h"

#define BULK (1u << 20)
#define KIB (BULK / 1024)

typedef struct data {
    qc_signer *signer;
    uint8_t key[32], entropy[32], ours[64], theirs[64], out[64];
    qc_bip324 send, recv;
    uint8_t *packet;
    size_t len;
} data;

static void pubkey(void *arg)
{
    data *d = arg;
    uint8_t pub[65];
    QC_ASSERT(qc_seckey_pubkey(d->signer, d->key, true, pub) == 33);
}

static void create(void *arg)
{
    data *d = arg;
    d->entropy[0]++;
    if (d->entropy[0] == 0)
        d->entropy[1]++;
    QC_ASSERT(qc_ellswift_create(d->signer, d->key, d->entropy, d->ours));
}

static void decode(void *arg)
{
    data *d = arg;
    d->theirs[40]++;
    qc_ellswift_decode(d->theirs, d->out);
    QC_BENCH_KEEP(d->out[0]);
}

static void ecdh(void *arg)
{
    data *d = arg;
    d->theirs[40]++;
    QC_ASSERT(qc_ellswift_ecdh(d->key, d->ours, d->theirs, true, d->out));
}

/* All of one side: key, encoding, exchange, session keys. */
static void handshake(void *arg)
{
    static const uint8_t magic[4] = {1, 2, 3, 4};
    data *d = arg;
    create(d);
    ecdh(d);
    qc_bip324_init(&d->send, d->out, magic, true);
    qc_bip324_init(&d->recv, d->out, magic, false);
}

static void checksum(void *arg)
{
    data *d = arg;
    qc_sha256d(qc_span_of(d->packet + QC_BIP324_HEAD, d->len), d->out);
    QC_BENCH_KEEP(d->out[0]);
}

static void seal(void *arg)
{
    data *d = arg;
    qc_bip324_seal(&d->send, d->packet, d->len, qc_span_of(NULL, 0), false);
}

static void seal_and_open(void *arg)
{
    data *d = arg;
    bool decoy;
    seal(d);
    QC_ASSERT(qc_bip324_length(&d->recv, d->packet) == d->len);
    QC_ASSERT(qc_bip324_open(&d->recv, d->packet, d->len, qc_span_of(NULL, 0), &decoy));
}

int main(int argc, char **argv)
{
    static const uint8_t seed[32] = {1};
    qc_bench *b = qc_bench_new(argc, argv, "transport");
    data d = {.signer = qc_signer_new(seed), .key = {1}, .theirs = {9}};
    d.packet = qc_alloc(BULK + QC_BIP324_EXPANSION);
    qc_bench_run(b, "public key", pubkey, &d, 1);
    qc_bench_vs(b, "ellswift decode", decode, &d, 1);
    qc_bench_vs(b, "ellswift create", create, &d, 1);
    qc_bench_vs(b, "ellswift key exchange", ecdh, &d, 1);
    qc_bench_vs(b, "v2 keys of a connection", handshake, &d, 1);
    handshake(&d);
    d.len = 250;
    qc_bench_run(b, "v1 checksum of 250 bytes", checksum, &d, 1);
    qc_bench_vs(b, "v2 packet of 250 bytes, both ways", seal_and_open, &d, 1);
    handshake(&d);
    d.len = BULK;
    qc_bench_run(b, "v1 checksum of 1 MiB, a KiB", checksum, &d, KIB);
    qc_bench_vs(b, "v2 packet of 1 MiB, both ways, a KiB", seal_and_open, &d, KIB);
    qc_bench_vs(b, "v2 packet of 1 MiB, sealed, a KiB", seal, &d, KIB);
    if (qc_bench_last_ns(b) > 0)
        qc_bench_note(b, "v2 encryption", 1e9 / 1024 / qc_bench_last_ns(b), "MiB/s");
    qc_free(d.packet);
    qc_signer_free(d.signer);
    return qc_bench_end(b);
}
