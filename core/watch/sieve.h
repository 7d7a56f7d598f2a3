/* core/watch/sieve.h: what is surely not in a set, from a few bits of one word. A Bloom filter that
 * keeps the bits of a thing in one word: to look costs a hash and a load, and takes no lock. The
 * hash is a fast one, and good enough: under secret keys nobody can choose what passes, and what
 * passes is looked up in the set in any case. Nothing is ever taken out of one: the set fills a new
 * one beside it when it is full. Internal to core/watch, but for who looks through much.
 * Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/endian.h"
#include "core/crypto/siphash.h"

#include <stdatomic.h>

/** Shared: qc_sieve_unref(). */
typedef struct qc_sieve {
    _Atomic uint32_t refs;
    _Atomic bool any[2]; /* by kind of things */
    uint64_t salt[4];
    uint64_t room; /* things that it is large enough for */
    uint64_t mask;
    _Atomic uint64_t word[];
} qc_sieve;

/** Empty, with room for n things and some more. `salt`: secret. Out: shared; NULL: no memory. */
qc_sieve *qc_sieve_new(const qc_siphash_key *salt, uint64_t n);
qc_sieve *qc_sieve_ref(qc_sieve *f);
/** NULL is allowed. */
void qc_sieve_unref(qc_sieve *f);
/** Of memory. */
uint64_t qc_sieve_bytes(const qc_sieve *f);
/** kind: 0 or 1; whoever looks later finds it. */
void qc_sieve_put(qc_sieve *f, unsigned kind, qc_span thing);

__extension__ typedef unsigned __int128 qc_sieve_wide;

static inline uint64_t qc_sieve_mix(uint64_t a, uint64_t b)
{
    qc_sieve_wide m = (qc_sieve_wide)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/** Of both ends of the thing: of all of it up to 32 bytes, and as a rule of enough of any. */
static inline uint64_t qc_sieve_hash(const qc_sieve *f, unsigned kind, qc_span thing)
{
    const uint8_t *p = thing.data;
    uint8_t few[16] = {0};
    if (thing.len < sizeof few) {
        memcpy(few, p, thing.len);
        p = few;
    }
    const uint8_t *end = thing.len < sizeof few ? few : p + thing.len - sizeof few;
    uint64_t a = qc_sieve_mix(qc_read_le64(p) ^ f->salt[0], qc_read_le64(p + 8) ^ f->salt[1]);
    uint64_t b = qc_sieve_mix(qc_read_le64(end) ^ f->salt[2], qc_read_le64(end + 8) ^ f->salt[3]);
    return qc_sieve_mix(a ^ thing.len ^ (uint64_t)kind << 32, b ^ f->salt[1]);
}

static inline uint64_t qc_sieve_bits(uint64_t hash)
{
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) |
           UINT64_C(1) << (hash >> 12 & 63) | UINT64_C(1) << (hash >> 18 & 63);
}

/** False: it was not put in. `thing` is not empty. */
static inline bool qc_sieve_may(const qc_sieve *f, unsigned kind, qc_span thing)
{
    if (!atomic_load_explicit(&f->any[kind], memory_order_relaxed))
        return false;
    const uint64_t hash = qc_sieve_hash(f, kind, thing), bits = qc_sieve_bits(hash);
    const uint64_t word =
        atomic_load_explicit(&f->word[hash >> 24 & f->mask], memory_order_relaxed);
    return (word & bits) == bits;
}
