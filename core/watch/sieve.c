#include "core/watch/sieve.h"

#include "core/base/alloc.h"

#define LEAST 4096u /* things */
#define GROWTH 4u
#define BITS_EACH 16u /* at least: of 500 things that are not there one passes when it is full */

/* A quarter is left for what comes, so that one is not soon followed by the next. */
static uint64_t room_for(uint64_t n)
{
    uint64_t room = LEAST;
    while (room - room / 4 < n)
        room *= GROWTH;
    return room;
}

qc_sieve *qc_sieve_new(const qc_siphash_key *salt, uint64_t n)
{
    const uint64_t room = room_for(n), words = room * BITS_EACH / 64;
    qc_sieve *f = qc_try_alloc(sizeof *f + (size_t)words * sizeof f->word[0]);
    if (!f)
        return NULL;
    atomic_init(&f->refs, 1);
    f->room = room;
    f->mask = words - 1;
    for (uint8_t i = 0; i < sizeof f->salt / sizeof f->salt[0]; i++)
        f->salt[i] = qc_siphash(salt, (const uint8_t[]){'s', 'i', 'e', 'v', 'e', i}, 6);
    return f;
}

qc_sieve *qc_sieve_ref(qc_sieve *f)
{
    atomic_fetch_add(&f->refs, 1);
    return f;
}

void qc_sieve_unref(qc_sieve *f)
{
    if (f && atomic_fetch_sub(&f->refs, 1) == 1)
        qc_free(f);
}

uint64_t qc_sieve_bytes(const qc_sieve *f)
{
    return sizeof *f + (f->mask + 1) * sizeof f->word[0];
}

void qc_sieve_put(qc_sieve *f, unsigned kind, qc_span thing)
{
    const uint64_t hash = qc_sieve_hash(f, kind, thing);
    atomic_fetch_or_explicit(&f->word[hash >> 24 & f->mask], qc_sieve_bits(hash),
                             memory_order_relaxed);
    if (!atomic_load_explicit(&f->any[kind], memory_order_relaxed))
        atomic_store_explicit(&f->any[kind], true, memory_order_relaxed);
}
