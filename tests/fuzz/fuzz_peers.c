/* peers.dat. The sum is put right before reading, so that what is behind it is reached: what loads
 * is consistent, works, and once written stays the same. */
#include "core/base/alloc.h"
#include "core/crypto/sha256.h"
#include "core/net/addrfile.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};
static const qc_netgroups NO_MAP;

static uint64_t next_random(void *arg)
{
    uint64_t *s = arg;
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s ^ *s >> 29;
}

static qc_addrman *manager(uint64_t *seed)
{
    const qc_addrman_options o = {
        .groups = &NO_MAP, .key = {{1}}, .random = next_random, .random_arg = seed};
    return qc_addrman_new(&o);
}

static void use(qc_addrman *m)
{
    qc_peer_addr a;
    qc_unixtime tried;
    if (qc_addrman_select(m, false, 0, 1700000000, &a, &tried)) {
        qc_addrman_good(m, &a, 1700000000);
        qc_addrman_add(m, &a, 1, &a.addr, 0, 1700000000);
    }
    QC_ASSERT(qc_addrman_check(m) == 0);
}

/* Written, read and written: the same. */
static void write_twice(qc_addrman *m)
{
    uint64_t seed = 2;
    qc_peers_fault why;
    qc_addrman *again = manager(&seed);
    qc_bytes one = QC_BYTES_INIT, two = QC_BYTES_INIT;
    QC_ASSERT(qc_peers_encode(m, MAGIC, &one) == QC_OK);
    QC_ASSERT(qc_peers_decode(again, MAGIC, qc_bytes_span(&one), &why) == QC_PEERS_OK);
    QC_ASSERT(qc_peers_encode(again, MAGIC, &two) == QC_OK);
    QC_ASSERT(qc_span_eq(qc_bytes_span(&one), qc_bytes_span(&two)));
    qc_bytes_free(&one);
    qc_bytes_free(&two);
    qc_addrman_free(again);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    uint64_t seed = 1;
    qc_peers_fault why;
    qc_bytes b = QC_BYTES_INIT;
    uint8_t h[QC_SHA256_LEN];
    if (len > 1 << 20)
        return -1;
    QC_ASSERT(qc_bytes_append(&b, data, len) == QC_OK);
    if (len >= sizeof h) {
        qc_sha256d(qc_span_of(data, len - sizeof h), h);
        memcpy(b.data + len - sizeof h, h, sizeof h);
    }
    qc_addrman *m = manager(&seed);
    if (qc_peers_decode(m, MAGIC, qc_bytes_span(&b), &why) == QC_PEERS_OK) {
        write_twice(m);
        use(m);
    }
    qc_addrman_free(m);
    qc_bytes_free(&b);
    return 0;
}
