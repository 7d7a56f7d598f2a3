#include "lib/search.h"

#include "lib/hash.h"
#include "lib/sha256_x86.h"

#include <nettle/sha2.h>

#include <string.h>

static void put_le32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

bool qn_nonce_search_plain(const uint8_t header[QN_HEADER_LEN], const uint8_t target[32],
                           uint32_t first, uint32_t count, uint32_t *nonce)
{
    struct sha256_ctx mid, c;
    uint8_t tail[16], hash[32];
    sha256_init(&mid);
    sha256_update(&mid, 64, header);
    memcpy(tail, header + 64, sizeof tail);
    for (uint32_t i = 0; i < count; i++) {
        put_le32(tail + 12, first + i);
        c = mid;
        sha256_update(&c, sizeof tail, tail);
        sha256_digest(&c, sizeof hash, hash);
        qn_sha256(hash, sizeof hash, hash);
        if (qn_hash_meets(hash, target)) {
            *nonce = first + i;
            return true;
        }
    }
    return false;
}

#ifdef QN_SHA256_X86
static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What the scan lets through is looked at in full: it compares only the highest four bytes. */
static bool full_check(const uint8_t header[QN_HEADER_LEN], const uint8_t target[32], uint32_t n)
{
    uint8_t h[QN_HEADER_LEN], hash[32];
    memcpy(h, header, sizeof h);
    put_le32(h + 76, n);
    qn_sha256d(h, sizeof h, hash);
    return qn_hash_meets(hash, target);
}

static bool search_x86(const uint8_t header[QN_HEADER_LEN], const uint8_t target[32],
                       uint32_t first, uint32_t count, uint32_t *nonce)
{
    uint32_t mid[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const uint32_t tail[3] = {be32(header + 64), be32(header + 68), be32(header + 72)};
    const uint32_t top = __builtin_bswap32(be32(target + 28));
    qn_sha256_x86_compress(mid, header, 1);
    while (count >= 2) {
        uint32_t n = qn_sha256_x86_scan80(mid, tail, first, count / 2, top);
        if (n < (count & ~1u) && full_check(header, target, first + n)) {
            *nonce = first + n;
            return true;
        }
        n += n < (count & ~1u);
        first += n;
        count -= n;
    }
    return count && qn_nonce_search_plain(header, target, first, count, nonce);
}
#endif

bool qn_nonce_search(const uint8_t header[QN_HEADER_LEN], const uint8_t target[32], uint32_t first,
                     uint32_t count, uint32_t *nonce)
{
#ifdef QN_SHA256_X86
    if (qn_sha256_x86_usable())
        return search_x86(header, target, first, count, nonce);
#endif
    return qn_nonce_search_plain(header, target, first, count, nonce);
}

const char *qn_nonce_search_impl(void)
{
#ifdef QN_SHA256_X86
    if (qn_sha256_x86_usable())
        return "x86_shani(2way)";
#endif
    return "nettle";
}
