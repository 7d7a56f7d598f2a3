/* core/crypto/siphash.h: SipHash-2-4 (Aumasson, Bernstein) for hash tables and short ids, and
 * Core's SipHash-1-3-UJ (crypto/siphash.h), weaker and faster, for tables alone. Thread: any. */
#pragma once
#include "core/base/endian.h"
#include "core/base/hash.h"

typedef struct qc_siphash_key {
    uint64_t k0, k1;
} qc_siphash_key;

/** SipHash-2-4 of `len` bytes. */
uint64_t qc_siphash(const qc_siphash_key *k, const void *data, size_t len);

typedef struct qc_siphash_state {
    uint64_t v0, v1, v2, v3;
} qc_siphash_state;

static inline qc_siphash_state qc_siphash_start(const qc_siphash_key *k)
{
    return (qc_siphash_state){
        0x736f6d6570736575u ^ k->k0,
        0x646f72616e646f6du ^ k->k1,
        0x6c7967656e657261u ^ k->k0,
        0x7465646279746573u ^ k->k1,
    };
}

static inline uint64_t qc_rotl64(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static inline void qc_siphash_round(qc_siphash_state *s)
{
    s->v0 += s->v1;
    s->v1 = qc_rotl64(s->v1, 13) ^ s->v0;
    s->v0 = qc_rotl64(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = qc_rotl64(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = qc_rotl64(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = qc_rotl64(s->v1, 17) ^ s->v2;
    s->v2 = qc_rotl64(s->v2, 32);
}

/** Take one 8-byte word with `rounds` rounds. */
static inline void qc_siphash_word(qc_siphash_state *s, uint64_t m, int rounds)
{
    s->v3 ^= m;
    for (int i = 0; i < rounds; i++)
        qc_siphash_round(s);
    s->v0 ^= m;
}

static inline uint64_t qc_siphash_finish(qc_siphash_state *s, uint64_t mark, int rounds)
{
    s->v2 ^= mark;
    for (int i = 0; i < rounds; i++)
        qc_siphash_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/** SipHash-2-4 of a hash's 32 bytes. */
static inline uint64_t qc_siphash_hash(const qc_siphash_key *k, const qc_hash *h)
{
    qc_siphash_state s = qc_siphash_start(k);
    for (int i = 0; i < 32; i += 8)
        qc_siphash_word(&s, qc_read_le64(h->b + i), 2);
    qc_siphash_word(&s, (uint64_t)32 << 56, 2);
    return qc_siphash_finish(&s, 0xff, 4);
}

/** SipHash-2-4 of a hash and four more bytes (little-endian): an outpoint. */
static inline uint64_t qc_siphash_hash_u32(const qc_siphash_key *k, const qc_hash *h, uint32_t n)
{
    qc_siphash_state s = qc_siphash_start(k);
    for (int i = 0; i < 32; i += 8)
        qc_siphash_word(&s, qc_read_le64(h->b + i), 2);
    qc_siphash_word(&s, (uint64_t)36 << 56 | n, 2);
    return qc_siphash_finish(&s, 0xff, 4);
}

#define QC_SIPHASH_UJ_MARK 0x6465646461706e75u
/** SipHash-1-3-UJ: a hash as one jumbo block. The hash must be a cryptographic one. */
static inline void qc_siphash_uj_hash(qc_siphash_state *s, const qc_hash *h)
{
    uint64_t d0 = qc_read_le64(h->b), d1 = qc_read_le64(h->b + 8);
    uint64_t d2 = qc_read_le64(h->b + 16), d3 = qc_read_le64(h->b + 24);
    s->v3 ^= d0;
    s->v0 ^= d1;
    s->v1 ^= d2;
    s->v2 ^= d3;
    qc_siphash_round(s);
    s->v0 ^= d0;
    s->v1 ^= d1;
    s->v2 ^= d2;
    s->v3 ^= d3;
}

/** SipHash-1-3-UJ of an outpoint: for hash tables whose values never leave the process. */
static inline uint64_t qc_siphash_uj_outpoint(const qc_siphash_key *k, const qc_hash *h, uint32_t n)
{
    qc_siphash_state s = qc_siphash_start(k);
    qc_siphash_uj_hash(&s, h);
    qc_siphash_word(&s, n, 1);
    return qc_siphash_finish(&s, QC_SIPHASH_UJ_MARK, 3);
}

/** SipHash-1-3-UJ of a hash alone. */
static inline uint64_t qc_siphash_uj(const qc_siphash_key *k, const qc_hash *h)
{
    qc_siphash_state s = qc_siphash_start(k);
    qc_siphash_uj_hash(&s, h);
    return qc_siphash_finish(&s, QC_SIPHASH_UJ_MARK, 3);
}
