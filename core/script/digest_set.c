/* A cuckoo table: every digest has two buckets of four places. Each bucket is guarded by a bit in
 * its own state word, held for a few compares, never two at a time; while an entry is moved it is
 * in neither bucket, and a lookup then misses, which a cache may do. */
#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/script/sigcache.h"

#include <sched.h>
#include <stdatomic.h>

#define PLACES 4u
#define MAX_MOVES 32u
#define LOCKED (1u << 31)
#define USED(i) (1u << (i))
#define SPENT(i) (1u << (PLACES + (i)))
#define SPINS 200

typedef struct bucket {
    qc_hash place[PLACES];
} bucket;

struct qc_digest_set {
    size_t n; /* buckets, < 2^32 */
    bucket *buckets;
    _Atomic uint32_t *state; /* per bucket: LOCKED, USED, SPENT */
};

qc_err qc_digest_set_new(qc_digest_set **out, size_t bytes)
{
    *out = NULL;
    size_t n = bytes / (sizeof(bucket) + sizeof(uint32_t));
    n = n < 1 ? 1 : n > UINT32_MAX ? UINT32_MAX : n;
    qc_digest_set *s = qc_try_alloc(sizeof *s);
    if (!s)
        return QC_ENOMEM;
    s->n = n;
    s->buckets = qc_try_calloc(n, sizeof *s->buckets);
    s->state = qc_try_calloc(n, sizeof *s->state);
    if (!s->buckets || !s->state) {
        qc_digest_set_free(s);
        return QC_ENOMEM;
    }
    *out = s;
    return QC_OK;
}

void qc_digest_set_free(qc_digest_set *s)
{
    if (!s)
        return;
    qc_free(s->buckets);
    qc_free(s->state);
    qc_free(s);
}

size_t qc_digest_set_capacity(const qc_digest_set *s)
{
    return s->n * PLACES;
}

/* The two buckets, from bits that are uniform and secret. They may coincide. */
static size_t bucket_of(const qc_digest_set *s, const qc_hash *d, unsigned which)
{
    return (size_t)(((uint64_t)qc_read_le32(d->b + 4 * which) * s->n) >> 32);
}

/* Returns the state word without the lock bit. */
static uint32_t lock(qc_digest_set *s, size_t b)
{
    for (unsigned spins = 0;; spins++) {
        uint32_t st = atomic_load_explicit(&s->state[b], memory_order_relaxed);
        if (!(st & LOCKED) &&
            atomic_compare_exchange_weak_explicit(&s->state[b], &st, st | LOCKED,
                                                  memory_order_acquire, memory_order_relaxed))
            return st;
        if (spins >= SPINS)
            sched_yield(); /* the holder lost its CPU */
    }
}

static void unlock(qc_digest_set *s, size_t b, uint32_t state)
{
    atomic_store_explicit(&s->state[b], state, memory_order_release);
}

/* Place of `d` in a locked bucket, or PLACES. */
static unsigned find(const bucket *bk, uint32_t state, const qc_hash *d)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if ((state & USED(i)) && qc_hash_eq(&bk->place[i], d))
            return i;
    }
    return PLACES;
}

bool qc_digest_set_has(qc_digest_set *s, const qc_hash *digest, bool spent)
{
    for (unsigned which = 0; which < 2; which++) {
        size_t b = bucket_of(s, digest, which);
        uint32_t state = lock(s, b);
        unsigned i = find(&s->buckets[b], state, digest);
        if (i < PLACES && spent)
            state |= SPENT(i);
        unlock(s, b, state);
        if (i < PLACES)
            return true;
    }
    return false;
}

/* If `d` is in this bucket it is as good as new. */
static bool refresh(qc_digest_set *s, size_t b, const qc_hash *d)
{
    uint32_t state = lock(s, b);
    unsigned i = find(&s->buckets[b], state, d);
    unlock(s, b, i < PLACES ? state & ~SPENT(i) : state);
    return i < PLACES;
}

/* Put `d` into a free or spent place. */
static bool try_put(qc_digest_set *s, size_t b, const qc_hash *d)
{
    uint32_t state = lock(s, b);
    unsigned i = PLACES;
    for (unsigned k = 0; i == PLACES && k < PLACES; k++) {
        if (!(state & USED(k)))
            i = k;
    }
    for (unsigned k = 0; i == PLACES && k < PLACES; k++) {
        if (state & SPENT(k))
            i = k;
    }
    if (i < PLACES) {
        s->buckets[b].place[i] = *d;
        state = (state | USED(i)) & ~SPENT(i);
    }
    unlock(s, b, state);
    return i < PLACES;
}

/* Both buckets of `d` are full: give it a place in `b`. Which one is drawn from the digest, so that
 * nobody can aim. Returns false if the place was free by now; else *d is who had it. */
static bool displace(qc_digest_set *s, size_t b, qc_hash *d, unsigned draw)
{
    unsigned i = d->b[8 + draw % 24] % PLACES;
    uint32_t state = lock(s, b);
    qc_hash evicted = s->buckets[b].place[i];
    s->buckets[b].place[i] = *d;
    unlock(s, b, (state | USED(i)) & ~SPENT(i));
    *d = evicted;
    return state & USED(i);
}

void qc_digest_set_add(qc_digest_set *s, const qc_hash *digest)
{
    qc_hash d = *digest;
    size_t b = bucket_of(s, &d, 0), other = bucket_of(s, &d, 1);
    if (refresh(s, b, &d) || refresh(s, other, &d) || try_put(s, b, &d))
        return;
    b = other;
    for (unsigned move = 0; move < MAX_MOVES; move++) {
        if (try_put(s, b, &d) || !displace(s, b, &d, move))
            return;
        b = bucket_of(s, &d, 0) == b ? bucket_of(s, &d, 1) : bucket_of(s, &d, 0);
    }
    /* The last one displaced is forgotten. */
}
