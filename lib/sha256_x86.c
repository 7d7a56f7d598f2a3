/* SHA-256 with the x86 SHA extensions (Intel SDM, SHA256RNDS2/MSG1/MSG2). The instructions keep the
 * eight words as two registers, ABEF and CDGH. One stream leaves the unit idle half of the time, as
 * each round waits for the one before; so the merkle function runs two streams side by side. */
#include "lib/sha256_x86.h"

#ifdef QN_SHA256_X86
#include <cpuid.h>
#include <immintrin.h>

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))
#define INLINE TARGET static inline __attribute__((always_inline))

typedef struct lanes {
    __m128i abef, cdgh;
} lanes;

const uint32_t qn_sha256_x86_k[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* K plus the message schedule of the block that pads a 64-byte message: 0x80, zeros, length 512. */
const uint32_t qn_sha256_x86_kw_pad64[64] __attribute__((aligned(16))) = {
    0xc28a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf374,
    0x649b69c1, 0xf0fe4786, 0x0fe1edc6, 0x240cf254, 0x4fe9346f, 0x6cc984be, 0x61b9411e, 0x16f988fa,
    0xf2c65152, 0xa88e5a6d, 0xb019fc65, 0xb9d99ec7, 0x9a1231c3, 0xe70eeaa0, 0xfdb1232b, 0xc7353eb0,
    0x3069bad5, 0xcb976d5f, 0x5a0f118f, 0xdc1eeefd, 0x0a35b689, 0xde0b7a04, 0x58f4ca9d, 0xe15d5b16,
    0x007f3e86, 0x37088980, 0xa507ea32, 0x6fab9537, 0x17406110, 0x0d8cd6f1, 0xcdaa3b6d, 0xc0bbbe37,
    0x83613bda, 0xdb48a363, 0x0b02e931, 0x6fd15ca7, 0x521afaca, 0x31338431, 0x6ed41a95, 0x6d437890,
    0xc39c91f2, 0x9eccabbd, 0xb5c9a0e6, 0x532fb63c, 0xd2c741c6, 0x07237ea3, 0xa4954b68, 0x4c191d76};

const uint32_t qn_sha256_x86_iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

bool qn_sha256_x86_usable(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3))
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29)) != 0;
}

INLINE __m128i load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

INLINE void store(void *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)p, v);
}

/* Swap the bytes of each 32-bit word. */
INLINE __m128i swap32(__m128i v)
{
    return _mm_shuffle_epi8(v, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

INLINE lanes state_in(const uint32_t s[8])
{
    __m128i cdab = _mm_shuffle_epi32(load(s), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(load(s + 4), 0x1b);
    return (lanes){_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

/* Out: words a b c d in *lo, e f g h in *hi. */
INLINE void words_out(lanes v, __m128i *lo, __m128i *hi)
{
    __m128i feba = _mm_shuffle_epi32(v.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(v.cdgh, 0xb1);
    *lo = _mm_blend_epi16(feba, dchg, 0xf0);
    *hi = _mm_alignr_epi8(dchg, feba, 8);
}

INLINE lanes lanes_add(lanes a, lanes b)
{
    return (lanes){_mm_add_epi32(a.abef, b.abef), _mm_add_epi32(a.cdgh, b.cdgh)};
}

/* Four rounds with the sums K + W of four words. */
INLINE void rounds4(lanes *v, __m128i kw)
{
    v->cdgh = _mm_sha256rnds2_epu32(v->cdgh, v->abef, kw);
    v->abef = _mm_sha256rnds2_epu32(v->abef, v->cdgh, _mm_shuffle_epi32(kw, 0x0e));
}

/* The next four schedule words from the last sixteen, w0 the oldest. */
INLINE __m128i schedule(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i t = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(t, w3);
}

/* clang-format off */
#define ROUNDS(v, i, w) rounds4(&(v), _mm_add_epi32((w), load(qn_sha256_x86_k + 4 * (i))))
#define FIRST16(R)  R(0, w0) R(1, w1) R(2, w2) R(3, w3)
#define NEXT16(S, i) \
    S(i, w0, w1, w2, w3) S((i) + 1, w1, w2, w3, w0) S((i) + 2, w2, w3, w0, w1) S((i) + 3, w3, w0, w1, w2)
/* clang-format on */

#define ONE(i, w) ROUNDS(v, i, w);
#define ONE_S(i, a, b, c, d)                                                                       \
    a = schedule(a, b, c, d);                                                                      \
    ROUNDS(v, i, a);
/* All 64 rounds over one block given as sixteen words in host order. */
INLINE lanes block1(lanes in, __m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    lanes v = in;
    FIRST16(ONE)
    NEXT16(ONE_S, 4)
    NEXT16(ONE_S, 8)
    NEXT16(ONE_S, 12)
    return lanes_add(v, in);
}

TARGET void qn_sha256_x86_compress(uint32_t state[8], const uint8_t *data, size_t n)
{
    lanes v = state_in(state);
    for (; n > 0; n--, data += 64)
        v = block1(v, swap32(load(data)), swap32(load(data + 16)), swap32(load(data + 32)),
                   swap32(load(data + 48)));
    __m128i lo, hi;
    words_out(v, &lo, &hi);
    store(state, lo);
    store(state + 4, hi);
}

typedef struct pair {
    lanes a, b;
} pair;
typedef struct words4 {
    __m128i w[4];
} words4;

#define TWO(i, n)                                                                                  \
    ROUNDS(v.a, i, a##n);                                                                          \
    ROUNDS(v.b, i, b##n);
#define TWO_S(i, n0, n1, n2, n3)                                                                   \
    a##n0 = schedule(a##n0, a##n1, a##n2, a##n3);                                                  \
    b##n0 = schedule(b##n0, b##n1, b##n2, b##n3);                                                  \
    TWO(i, n0)
#define TWO_S4(i)                                                                                  \
    TWO_S(i, 0, 1, 2, 3)                                                                           \
    TWO_S((i) + 1, 1, 2, 3, 0)                                                                     \
    TWO_S((i) + 2, 2, 3, 0, 1)                                                                     \
    TWO_S((i) + 3, 3, 0, 1, 2)
/* One block each for two streams, instruction by instruction in turn. */
INLINE pair block2(pair in, const words4 *a, const words4 *b)
{
    pair v = in;
    __m128i a0 = a->w[0], a1 = a->w[1], a2 = a->w[2], a3 = a->w[3];
    __m128i b0 = b->w[0], b1 = b->w[1], b2 = b->w[2], b3 = b->w[3];
    TWO(0, 0)
    TWO(1, 1)
    TWO(2, 2)
    TWO(3, 3)
    TWO_S4(4)
    TWO_S4(8)
    TWO_S4(12)
    return (pair){lanes_add(v.a, in.a), lanes_add(v.b, in.b)};
}

/* The padding block of a 64-byte message for two streams: its schedule is a constant. */
INLINE pair pad2(pair in)
{
    pair v = in;
    for (int i = 0; i < 64; i += 4) {
        __m128i kw = load(qn_sha256_x86_kw_pad64 + i);
        rounds4(&v.a, kw);
        rounds4(&v.b, kw);
    }
    return (pair){lanes_add(v.a, in.a), lanes_add(v.b, in.b)};
}

INLINE words4 block_words(const uint8_t *p)
{
    return (words4){
        {swap32(load(p)), swap32(load(p + 16)), swap32(load(p + 32)), swap32(load(p + 48))}};
}

/* A digest and its padding (0x80, zeros, length 256) as the block of the second hash. */
INLINE words4 digest_words(lanes v)
{
    words4 w;
    words_out(v, &w.w[0], &w.w[1]);
    w.w[2] = _mm_set_epi32(0, 0, 0, (int)0x80000000u);
    w.w[3] = _mm_set_epi32(256, 0, 0, 0);
    return w;
}

INLINE void digest_store(uint8_t *out, lanes v)
{
    __m128i lo, hi;
    words_out(v, &lo, &hi);
    store(out, swap32(lo));
    store(out + 16, swap32(hi));
}

TARGET void qn_sha256_x86_d64_2way(uint8_t *out, const uint8_t *in)
{
    lanes iv = state_in(qn_sha256_x86_iv);
    words4 a = block_words(in), b = block_words(in + 64);
    pair v = pad2(block2((pair){iv, iv}, &a, &b));
    a = digest_words(v.a);
    b = digest_words(v.b);
    v = block2((pair){iv, iv}, &a, &b);
    digest_store(out, v.a);
    digest_store(out + 32, v.b);
}

/* The second block of an 80-byte message: 16 bytes of it, 0x80, zeros, length 640. */
INLINE words4 tail_words(const uint32_t tail[3], uint32_t nonce)
{
    words4 w;
    w.w[0] = _mm_set_epi32((int)__builtin_bswap32(nonce), (int)tail[2], (int)tail[1], (int)tail[0]);
    w.w[1] = _mm_set_epi32(0, 0, 0, (int)0x80000000u);
    w.w[2] = _mm_setzero_si128();
    w.w[3] = _mm_set_epi32(640, 0, 0, 0);
    return w;
}

/* Word h of a digest, read as the little-endian number that its bytes are. */
INLINE uint32_t last_word(lanes v)
{
    __m128i lo, hi;
    words_out(v, &lo, &hi);
    return __builtin_bswap32((uint32_t)_mm_extract_epi32(hi, 3));
}

TARGET uint32_t qn_sha256_x86_scan80(const uint32_t mid[8], const uint32_t tail[3], uint32_t first,
                                     uint32_t pairs, uint32_t top)
{
    const lanes iv = state_in(qn_sha256_x86_iv), m = state_in(mid);
    for (uint32_t i = 0; i < pairs; i++) {
        words4 a = tail_words(tail, first + 2 * i), b = tail_words(tail, first + 2 * i + 1);
        pair v = block2((pair){m, m}, &a, &b);
        a = digest_words(v.a);
        b = digest_words(v.b);
        v = block2((pair){iv, iv}, &a, &b);
        if (last_word(v.a) <= top)
            return 2 * i;
        if (last_word(v.b) <= top)
            return 2 * i + 1;
    }
    return 2 * pairs;
}
#endif
