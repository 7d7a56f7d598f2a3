#include "core/crypto/sha256.h"

#include "core/base/arith.h"
#include "core/base/endian.h"
#include "lib/sha256_x86.h"

#include <nettle/sha2.h>

#include <stdatomic.h>

static const uint32_t IV[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* State after one block that holds SHA256(tag) twice. */
static const uint32_t TAG_STATE[QC_TAG_COUNT][8] = {
    [QC_TAG_BIP340_AUX] = {0x24dd3219, 0x4eba7e70, 0xca0fabb9, 0x0fa3166d, 0x3afbe4b1, 0x4c44df97,
                           0x4aac2739, 0x249e850a},
    [QC_TAG_BIP340_NONCE] = {0x46615b35, 0xf4bfbff7, 0x9f8dc671, 0x83627ab3, 0x60217180, 0x57358661,
                             0x21a29e54, 0x68b07b4c},
    [QC_TAG_BIP340_CHALLENGE] = {0x9cecba11, 0x23925381, 0x11679112, 0xd1627e0f, 0x97c87550,
                                 0x003cc765, 0x90f61164, 0x33e9b66a},
    [QC_TAG_TAPLEAF] = {0x9ce0e4e6, 0x7c116c39, 0x38b3caf2, 0xc30f5089, 0xd3f3936c, 0x47636e60,
                        0x7db33eea, 0xddc6f0c9},
    [QC_TAG_TAPBRANCH] = {0x23a865a9, 0xb8a40da7, 0x977c1e04, 0xc49e246f, 0xb5be1376, 0x9d24c9b7,
                          0xb583b5d4, 0xa8d226d2},
    [QC_TAG_TAPTWEAK] = {0xd129a2f3, 0x701c655d, 0x6583b6c3, 0xb9419727, 0x95f4e232, 0x94fd54f4,
                         0xa2ae8d85, 0x47ca590b},
    [QC_TAG_TAPSIGHASH] = {0xf504a425, 0xd7f8783b, 0x1363868a, 0xe3e55658, 0x6eee945d, 0xbc7888dd,
                           0x02a6e2c3, 0x1873fe9f},
};

/* Which code runs. A cache of what the processor says: every writer stores the same value, except
 * for tests that force nettle. */
enum { IMPL_UNKNOWN, IMPL_NETTLE, IMPL_X86, IMPL_X86_WIDE };
static atomic_int impl_cache;

static int impl_detect(void)
{
#ifdef QN_SHA256_X86
    int impl = !qn_sha256_x86_usable() ? IMPL_NETTLE
               : qn_sha256_x86_wide()  ? IMPL_X86_WIDE
                                       : IMPL_X86;
#else
    int impl = IMPL_NETTLE;
#endif
    atomic_store_explicit(&impl_cache, impl, memory_order_relaxed);
    return impl;
}

static inline int impl_now(void)
{
    int impl = atomic_load_explicit(&impl_cache, memory_order_relaxed);
    return impl == IMPL_UNKNOWN ? impl_detect() : impl;
}

static inline bool impl_is_x86(void)
{
    return impl_now() >= IMPL_X86;
}

const char *qc_sha256_impl(void)
{
    int impl = impl_now();
    return impl == IMPL_X86_WIDE ? "x86_shani(1way,2way),avx512(16way)"
           : impl == IMPL_X86    ? "x86_shani(1way,2way)"
                                 : "nettle";
}

void qc_sha256_force_nettle(bool on)
{
    atomic_store_explicit(&impl_cache, on ? IMPL_NETTLE : IMPL_UNKNOWN, memory_order_relaxed);
}

/* nettle's block function is not public; its context is, and whole blocks pass straight through. */
static void compress_nettle(uint32_t state[8], const uint8_t *data, size_t n)
{
    struct sha256_ctx c = {.count = 0};
    memcpy(c.state, state, sizeof c.state);
    nettle_sha256_update(&c, n * 64, data);
    memcpy(state, c.state, sizeof c.state);
}

static inline void compress(uint32_t state[8], const uint8_t *data, size_t n)
{
#ifdef QN_SHA256_X86
    if (impl_is_x86()) {
        qn_sha256_x86_compress(state, data, n);
        return;
    }
#endif
    compress_nettle(state, data, n);
}

static inline void state_write(const uint32_t s[8], uint8_t out[32])
{
    for (int i = 0; i < 8; i++)
        qc_write_be32(out + 4 * i, s[i]);
}

/* The last `len` (< 64) bytes of a message of `total` bytes: pad, and take the one or two blocks.
 */
static void finish(uint32_t state[8], const uint8_t *tail, size_t len, uint64_t total)
{
    uint8_t pad[128];
    size_t blocks = len < 56 ? 1 : 2;
    if (len)
        memcpy(pad, tail, len);
    pad[len] = 0x80;
    memset(pad + len + 1, 0, blocks * 64 - 8 - (len + 1));
    qc_write_be64(pad + blocks * 64 - 8, total * 8);
    compress(state, pad, blocks);
}

void qc_sha256_init(qc_sha256_ctx *c)
{
    memcpy(c->state, IV, sizeof IV);
    c->count = 0;
}

void qc_sha256_init_tag(qc_sha256_ctx *c, qc_sha256_tag tag)
{
    QC_ASSERT((unsigned)tag < QC_TAG_COUNT);
    memcpy(c->state, TAG_STATE[tag], sizeof c->state);
    c->count = 64;
}

void qc_sha256_init_tag_str(qc_sha256_ctx *c, const char *tag)
{
    uint8_t h[64];
    qc_sha256(qc_span_str(tag), h);
    memcpy(h + 32, h, 32);
    qc_sha256_init(c);
    qc_sha256_update(c, h, sizeof h);
}

void qc_sha256_update(qc_sha256_ctx *c, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t have = c->count % 64;
    c->count += len;
    if (have) {
        size_t take = QC_MIN(len, 64 - have);
        if (take)
            memcpy(c->buf + have, p, take);
        if (have + take < 64)
            return;
        compress(c->state, c->buf, 1);
        p += take;
        len -= take;
    }
    if (len >= 64) {
        compress(c->state, p, len / 64);
        p += len & ~(size_t)63;
        len %= 64;
    }
    if (len)
        memcpy(c->buf, p, len);
}

void qc_sha256_final(qc_sha256_ctx *c, uint8_t out[static QC_SHA256_LEN])
{
    finish(c->state, c->buf, c->count % 64, c->count);
    state_write(c->state, out);
}

/* SHA-256 of the digest in `state`: one block whose padding is fixed. */
static void second_hash(const uint32_t state[8], uint8_t out[static QC_SHA256_LEN])
{
    uint8_t block[64] = {[32] = 0x80, [62] = 0x01}; /* 256 bits */
    uint32_t s[8];
    state_write(state, block);
    memcpy(s, IV, sizeof s);
    compress(s, block, 1);
    state_write(s, out);
}

void qc_sha256d_final(qc_sha256_ctx *c, uint8_t out[static QC_SHA256_LEN])
{
    finish(c->state, c->buf, c->count % 64, c->count);
    second_hash(c->state, out);
}

static void hash_to_state(qc_span data, uint32_t state[8])
{
    memcpy(state, IV, sizeof IV);
    size_t whole = data.len / 64;
    if (whole)
        compress(state, data.data, whole);
    size_t rest = data.len % 64;
    finish(state, rest ? data.data + whole * 64 : NULL, rest, data.len);
}

void qc_sha256(qc_span data, uint8_t out[static QC_SHA256_LEN])
{
    uint32_t state[8];
    hash_to_state(data, state);
    state_write(state, out);
}

void qc_sha256d(qc_span data, uint8_t out[static QC_SHA256_LEN])
{
    uint32_t state[8];
    hash_to_state(data, state);
    second_hash(state, out);
}

void qc_sha256d64_many(uint8_t *out, const uint8_t *in, size_t n)
{
    size_t i = 0;
#ifdef QN_SHA256_X86
    int impl = impl_now();
    if (impl == IMPL_X86_WIDE)
        for (; i + 16 <= n; i += 16)
            qn_sha256_x86_d64_16way(out + 32 * i, in + 64 * i);
    if (impl >= IMPL_X86)
        for (; i + 2 <= n; i += 2)
            qn_sha256_x86_d64_2way(out + 32 * i, in + 64 * i);
#endif
    for (; i < n; i++)
        qc_sha256d(qc_span_of(in + 64 * i, 64), out + 32 * i);
}
