/* SHA-256 of sixteen messages at once, one in each 32-bit lane of AVX-512 registers. Where the
 * registers are as wide as they say this takes less than half of what the SHA instructions do. */
#include "lib/sha256_x86.h"

#ifdef QN_SHA256_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))
#define INLINE TARGET static inline __attribute__((always_inline))

typedef __m512i vec;

bool qn_sha256_x86_wide(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

INLINE vec add(vec a, vec b)
{
    return _mm512_add_epi32(a, b);
}

INLINE vec all(uint32_t x)
{
    return _mm512_set1_epi32((int)x);
}

#define XOR3(a, b, c) _mm512_ternarylogic_epi32((a), (b), (c), 0x96)
#define CHOOSE(a, b, c) _mm512_ternarylogic_epi32((a), (b), (c), 0xca)
#define MAJORITY(a, b, c) _mm512_ternarylogic_epi32((a), (b), (c), 0xe8)
#define ROR(x, n) _mm512_ror_epi32((x), (n))
#define SHR(x, n) _mm512_srli_epi32((x), (n))

/* Here the compiler must not put sums together in another order. */
#define AS_IT_IS(x) __asm__("" : "+v"(x))
#define ADD_TO(x, y)                                                                               \
    do {                                                                                           \
        x = add(x, (y));                                                                           \
        AS_IT_IS(x);                                                                               \
    } while (0)

/* One round; the names of the words move on by one for the next. What the round before has just
 * made is added last, and the sum for d apart from that for h though most of it is the same: it is
 * how long the next round waits that counts, and not how many steps there are. */
#define ROUND(a, b, c, d, e, f, g, h, kw)                                                          \
    do {                                                                                           \
        vec choice = CHOOSE(e, f, g), e3 = XOR3(ROR(e, 6), ROR(e, 11), ROR(e, 25));                \
        vec most = MAJORITY(a, b, c), a3 = XOR3(ROR(a, 2), ROR(a, 13), ROR(a, 22));                \
        ADD_TO(h, (kw));                                                                           \
        ADD_TO(d, h);                                                                              \
        ADD_TO(d, choice);                                                                         \
        ADD_TO(d, e3);                                                                             \
        ADD_TO(h, choice);                                                                         \
        ADD_TO(h, e3);                                                                             \
        ADD_TO(h, most);                                                                           \
        ADD_TO(h, a3);                                                                             \
    } while (0)

/* Eight rounds: the names are back where they were. */
#define ROUNDS8(KW, i)                                                                             \
    ROUND(a, b, c, d, e, f, g, h, KW((i)));                                                        \
    ROUND(h, a, b, c, d, e, f, g, KW((i) + 1));                                                    \
    ROUND(g, h, a, b, c, d, e, f, KW((i) + 2));                                                    \
    ROUND(f, g, h, a, b, c, d, e, KW((i) + 3));                                                    \
    ROUND(e, f, g, h, a, b, c, d, KW((i) + 4));                                                    \
    ROUND(d, e, f, g, h, a, b, c, KW((i) + 5));                                                    \
    ROUND(c, d, e, f, g, h, a, b, KW((i) + 6));                                                    \
    ROUND(b, c, d, e, f, g, h, a, KW((i) + 7));

#define WORDS(s)                                                                                   \
    vec a = (s)[0], b = (s)[1], c = (s)[2], d = (s)[3], e = (s)[4], f = (s)[5], g = (s)[6],        \
        h = (s)[7]
#define ADD_WORDS(s)                                                                               \
    do {                                                                                           \
        (s)[0] = add((s)[0], a), (s)[1] = add((s)[1], b), (s)[2] = add((s)[2], c);                 \
        (s)[3] = add((s)[3], d), (s)[4] = add((s)[4], e), (s)[5] = add((s)[5], f);                 \
        (s)[6] = add((s)[6], g), (s)[7] = add((s)[7], h);                                          \
    } while (0)

/* The word of the schedule sixteen on, in the oldest one's place. */
#define LATER(i)                                                                                   \
    w[i] = add(add(w[i], w[((i) + 9) & 15]),                                                       \
               add(XOR3(ROR(w[((i) + 1) & 15], 7), ROR(w[((i) + 1) & 15], 18),                     \
                        SHR(w[((i) + 1) & 15], 3)),                                                \
                   XOR3(ROR(w[((i) + 14) & 15], 17), ROR(w[((i) + 14) & 15], 19),                  \
                        SHR(w[((i) + 14) & 15], 10))))
#define KW(i) add(w[i], all(k[i]))
#define KW_PAD(i) all(k[i])

/* A block of which w has the words; w is spent. */
INLINE void block(vec s[8], vec w[16])
{
    const uint32_t *k = qn_sha256_x86_k;
    WORDS(s);
    ROUNDS8(KW, 0)
    ROUNDS8(KW, 8)
    for (k += 16; k < qn_sha256_x86_k + 64; k += 16) {
        LATER(0), LATER(1), LATER(2), LATER(3), LATER(4), LATER(5), LATER(6), LATER(7);
        ROUNDS8(KW, 0)
        LATER(8), LATER(9), LATER(10), LATER(11), LATER(12), LATER(13), LATER(14), LATER(15);
        ROUNDS8(KW, 8)
    }
    ADD_WORDS(s);
}

/* The block that pads a message of 64 bytes. */
INLINE void block_pad64(vec s[8])
{
    WORDS(s);
    for (const uint32_t *k = qn_sha256_x86_kw_pad64; k < qn_sha256_x86_kw_pad64 + 64; k += 8) {
        ROUNDS8(KW_PAD, 0)
    }
    ADD_WORDS(s);
}

/* Loops would keep what they count through in memory. */
#define EACH2(X, i) X(i) X((i) + 1)
#define EACH4(X, i) EACH2(X, i) EACH2(X, (i) + 2)
#define EACH8(X, i) EACH4(X, i) EACH4(X, (i) + 4)
#define EACH16(X, i) EACH8(X, i) EACH8(X, (i) + 8)

#define BEGIN(i) s[i] = all(qn_sha256_x86_iv[i]);
INLINE void begin(vec s[8])
{
    EACH8(BEGIN, 0)
}

/* Pairs of rows, word by word; pairs of pairs; then by quarters of registers. */
#define BY_WORD(i)                                                                                 \
    t[2 * (i)] = _mm512_unpacklo_epi32(r[2 * (i)], r[2 * (i) + 1]);                                \
    t[2 * (i) + 1] = _mm512_unpackhi_epi32(r[2 * (i)], r[2 * (i) + 1]);
#define BY_TWO(i)                                                                                  \
    r[4 * (i)] = _mm512_unpacklo_epi64(t[4 * (i)], t[4 * (i) + 2]);                                \
    r[4 * (i) + 1] = _mm512_unpackhi_epi64(t[4 * (i)], t[4 * (i) + 2]);                            \
    r[4 * (i) + 2] = _mm512_unpacklo_epi64(t[4 * (i) + 1], t[4 * (i) + 3]);                        \
    r[4 * (i) + 3] = _mm512_unpackhi_epi64(t[4 * (i) + 1], t[4 * (i) + 3]);
#define BY_FOUR(i)                                                                                 \
    t[i] = _mm512_shuffle_i32x4(r[i], r[(i) + 4], 0x88);                                           \
    t[(i) + 4] = _mm512_shuffle_i32x4(r[i], r[(i) + 4], 0xdd);                                     \
    t[(i) + 8] = _mm512_shuffle_i32x4(r[(i) + 8], r[(i) + 12], 0x88);                              \
    t[(i) + 12] = _mm512_shuffle_i32x4(r[(i) + 8], r[(i) + 12], 0xdd);
#define BY_EIGHT(i)                                                                                \
    r[i] = _mm512_shuffle_i32x4(t[i], t[(i) + 8], 0x88);                                           \
    r[(i) + 8] = _mm512_shuffle_i32x4(t[i], t[(i) + 8], 0xdd);

/* Rows are columns after it: sixteen times sixteen words. */
INLINE void turn(vec r[16])
{
    vec t[16];
    EACH8(BY_WORD, 0)
    EACH4(BY_TWO, 0)
    EACH4(BY_FOUR, 0)
    EACH8(BY_EIGHT, 0)
}

/* Swap the bytes of each word. */
INLINE vec swapped(vec v)
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(order));
}

#define TAKE(i) w[i] = swapped(_mm512_loadu_si512(in + 64 * (i)));
#define AGAIN(i) w[i] = s[i], w[(i) + 8] = all(0);
#define DIGEST(i) w[i] = w[(i) + 8] = swapped(s[i]);
#define GIVE(i) _mm256_storeu_si256((__m256i *)(out + 32 * (i)), _mm512_castsi512_si256(w[i]));
TARGET void qn_sha256_x86_d64_16way(uint8_t *out, const uint8_t *in)
{
    vec s[8], w[16];
    EACH16(TAKE, 0)
    turn(w);
    begin(s);
    block(s, w);
    block_pad64(s);
    EACH8(AGAIN, 0)
    w[8] = all(0x80000000u); /* what pads a message of 32 bytes */
    w[15] = all(256);
    begin(s);
    block(s, w);
    EACH8(DIGEST, 0)
    turn(w);
    EACH16(GIVE, 0)
}
#endif
