/* A shard is an array of entries without holes and an index over it: slots of 8 bytes, open
 * addressing, at most three quarters full, with 32 bits of the hash each, so that what is not there
 * costs one line of memory as a rule. The bytes of what one call adds lie together in a slab. */
#include "core/watch/set.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#include <pthread.h>
#include <stdatomic.h>

#define SHARDS 256u
#define KIND_BIT 0x8000u
#define ENTRY_BYTES 44u /* an entry, its slot, and the room both keep for others */
#define KEY_BYTES 4u    /* before the bytes of a key: how far back its slab begins */
#define SWEPT_EACH 8u   /* things that go into the next sieve for each that is added meanwhile */
#define SWEPT_LEAST 64u /* the same for a call */
#define SWEPT_AT_ONCE 1024u /* under the lock of a shard */

typedef struct slab {
    uint32_t live; /* keys in it that are watched */
    uint32_t size;
} slab;

typedef struct entry {
    const uint8_t *key; /* in a slab */
    uint64_t cookie;
    uint32_t gen;
    uint16_t owner;
    uint16_t len; /* and KIND_BIT: an outpoint */
} entry;

typedef struct slot {
    uint32_t tag; /* low bits of the hash */
    uint32_t at;  /* place of the entry + 1; 0: free */
} slot;

typedef struct shard {
    pthread_mutex_t lock;
    entry *e;
    slot *s;
    uint32_t n, room, slots; /* slots: a power of two, or 0 */
} shard;

struct qc_watchset {
    qc_siphash_key salt[2];  /* by kind */
    pthread_rwlock_t growth; /* held by who adds, alone by who begins or ends a growth */
    qc_sieve *sieve;         /* read under `growth` or `lock`, changed under both */
    qc_sieve *next;          /* what it grows into; NULL: it does not. Under `growth` */
    _Atomic uint64_t sieved; /* things that were put into the newer one */
    pthread_mutex_t sweep;   /* held by who fills `next`; of the two below */
    size_t swept;            /* shards that are in it, */
    uint32_t unswept;        /* and entries of the one after them that are not */
    _Atomic uint64_t version;
    _Atomic uint64_t outpoints; /* that are watched: most nodes can skip looking for them */
    pthread_mutex_t lock;       /* of used, and of the sieve's place */
    uint8_t used[QC_WATCH_OWNERS / 8];
    shard shard[SHARDS];
};

qc_watchset *qc_watchset_new(const qc_siphash_key *salt)
{
    qc_watchset *s = qc_alloc(sizeof *s);
    const uint64_t other = qc_siphash(salt, "outpoints", 9);
    s->salt[QC_WATCH_SCRIPT] = *salt;
    s->salt[QC_WATCH_OUTPOINT] = (qc_siphash_key){salt->k0 ^ other, salt->k1 + other};
    s->used[0] = 1; /* no owner is 0 */
    atomic_store(&s->version, 1);
    s->sieve = qc_sieve_new(salt, 0);
    QC_ASSERT(s->sieve);
    pthread_rwlock_init(&s->growth, NULL);
    pthread_mutex_init(&s->sweep, NULL);
    pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&s->shard[i].lock, NULL);
    return s;
}

/* ---- slabs ---- */

static slab *slab_of(const uint8_t *key)
{
    uint32_t back;
    memcpy(&back, key - KEY_BYTES, sizeof back);
    return (slab *)((uintptr_t)key - back);
}

static size_t slab_size(const qc_watch_key *key, size_t n)
{
    size_t sum = sizeof(slab);
    for (size_t i = 0; i < n; i++)
        sum += KEY_BYTES + key[i].bytes.len;
    return sum;
}

uint64_t qc_watchset_cost(const qc_watch_key *key, size_t n)
{
    return slab_size(key, n) + (uint64_t)n * ENTRY_BYTES;
}

/* Its owner's calls come one at a time: no lock. */
static void slab_let_go(qc_watch_owner *o, slab *b)
{
    if (--b->live)
        return;
    o->bytes -= b->size;
    qc_free(b);
}

/* ---- shards; under their lock ---- */

static uint64_t hash_of(const qc_watchset *s, qc_watch_kind kind, qc_span b)
{
    return qc_siphash(&s->salt[kind], b.data, b.len);
}

static qc_watch_kind kind_of(const entry *e)
{
    return e->len & KIND_BIT ? QC_WATCH_OUTPOINT : QC_WATCH_SCRIPT;
}

static qc_span key_of(const entry *e)
{
    return qc_span_of(e->key, e->len & (KIND_BIT - 1));
}

static bool same(const entry *e, qc_watch_kind kind, qc_span b)
{
    return (size_t)(e->len & (KIND_BIT - 1)) == b.len && kind_of(e) == kind &&
           memcmp(e->key, b.data, b.len) == 0;
}

static void link_slot(slot *s, uint32_t slots, uint32_t tag, uint32_t at)
{
    uint32_t i = tag & (slots - 1);
    while (s[i].at)
        i = (i + 1) & (slots - 1);
    s[i] = (slot){tag, at};
}

/* Room for one more. */
static qc_err reserve(shard *h)
{
    if (h->n == h->room) {
        uint32_t room = h->room + h->room / 2 + 8;
        entry *e = qc_try_realloc(h->e, room * sizeof *e);
        if (!e)
            return QC_ENOMEM;
        h->e = e;
        h->room = room;
    }
    if (h->slots && h->n + 1 <= h->slots - h->slots / 4)
        return QC_OK;
    uint32_t slots = h->slots ? h->slots * 2 : 16;
    slot *s = qc_try_calloc(slots, sizeof *s);
    if (!s)
        return QC_ENOMEM;
    for (uint32_t i = 0; i < h->slots; i++)
        if (h->s[i].at)
            link_slot(s, slots, h->s[i].tag, h->s[i].at);
    qc_free(h->s);
    h->s = s;
    h->slots = slots;
    return QC_OK;
}

/* The slot of this owner's entry; UINT32_MAX: there is none. */
static uint32_t find_slot(const shard *h, uint32_t tag, qc_watch_kind kind, qc_span b,
                          uint16_t owner)
{
    if (!h->slots)
        return UINT32_MAX;
    for (uint32_t i = tag & (h->slots - 1); h->s[i].at; i = (i + 1) & (h->slots - 1)) {
        if (h->s[i].tag != tag)
            continue;
        const entry *e = &h->e[h->s[i].at - 1];
        if (e->owner == owner && same(e, kind, b))
            return i;
    }
    return UINT32_MAX;
}

/* Empty the slot; what was put behind it for want of it moves up. */
static void free_slot(shard *h, uint32_t i)
{
    uint32_t mask = h->slots - 1;
    for (uint32_t k = (i + 1) & mask; h->s[k].at; k = (k + 1) & mask) {
        uint32_t home = h->s[k].tag & mask;
        if (((k - home) & mask) >= ((k - i) & mask)) {
            h->s[i] = h->s[k];
            i = k;
        }
    }
    h->s[i].at = 0;
}

/* Take the entry of slot i out; the last one takes its place. */
static void take_out(qc_watchset *s, shard *h, uint32_t i)
{
    uint32_t at = h->s[i].at, last = h->n;
    if (kind_of(&h->e[at - 1]) == QC_WATCH_OUTPOINT)
        atomic_fetch_sub(&s->outpoints, 1);
    free_slot(h, i);
    if (at != last) {
        const entry *e = &h->e[last - 1];
        uint32_t k = (uint32_t)hash_of(s, kind_of(e), key_of(e)) & (h->slots - 1);
        while (h->s[k].at != last)
            k = (k + 1) & (h->slots - 1);
        h->s[k].at = at;
        h->e[at - 1] = *e;
    }
    h->n--;
}

static shard *shard_of(qc_watchset *s, uint64_t hash)
{
    return &s->shard[hash >> 56];
}

/* ---- owners ---- */

qc_err qc_watchset_enter(qc_watchset *s, qc_watch_owner *o)
{
    qc_err err = QC_ERANGE;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 1; err && i < QC_WATCH_OWNERS; i++)
        if (!(s->used[i / 8] >> (i % 8) & 1)) {
            s->used[i / 8] = (uint8_t)(s->used[i / 8] | 1u << (i % 8));
            *o = (qc_watch_owner){.id = (uint16_t)i};
            err = QC_OK;
        }
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->version, 1);
    return err;
}

static void shrink(shard *h)
{
    if (h->n)
        return;
    qc_free(h->e);
    qc_free(h->s);
    h->e = NULL;
    h->s = NULL;
    h->room = h->slots = 0;
}

static bool alone(const shard *h, uint16_t owner)
{
    for (uint32_t i = 0; i < h->n; i++)
        if (h->e[i].owner != owner)
            return false;
    return true;
}

/* All of it is one watcher's. */
static void empty(qc_watchset *s, shard *h, qc_watch_owner *o)
{
    for (uint32_t i = 0; i < h->n; i++) {
        if (kind_of(&h->e[i]) == QC_WATCH_OUTPOINT)
            atomic_fetch_sub(&s->outpoints, 1);
        slab_let_go(o, slab_of(h->e[i].key));
    }
    h->n = 0;
}

void qc_watchset_leave(qc_watchset *s, qc_watch_owner *o)
{
    for (size_t k = 0; k < SHARDS; k++) {
        shard *h = &s->shard[k];
        pthread_mutex_lock(&h->lock);
        if (alone(h, o->id))
            empty(s, h, o);
        for (uint32_t i = h->n; i-- > 0;) {
            const entry e = h->e[i];
            if (e.owner != o->id)
                continue;
            uint32_t tag = (uint32_t)hash_of(s, kind_of(&e), key_of(&e));
            take_out(s, h, find_slot(h, tag, kind_of(&e), key_of(&e), e.owner));
            slab_let_go(o, slab_of(e.key));
        }
        shrink(h);
        pthread_mutex_unlock(&h->lock);
    }
    pthread_mutex_lock(&s->lock);
    s->used[o->id / 8] = (uint8_t)(s->used[o->id / 8] & ~(1u << (o->id % 8)));
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->version, 1);
    *o = (qc_watch_owner){.id = 0};
}

/* ---- adding and removing ---- */

/* Under the shard's lock. Returns: QC_OK and *fresh: it was not watched by this owner before. */
static qc_err add_one(qc_watchset *s, shard *h, uint32_t tag, uint16_t owner, const qc_watch_key *k,
                      const uint8_t *kept, uint32_t gen, bool *fresh)
{
    *fresh = find_slot(h, tag, k->kind, k->bytes, owner) == UINT32_MAX;
    if (!*fresh)
        return QC_OK;
    if (reserve(h))
        return QC_ENOMEM;
    h->e[h->n++] =
        (entry){kept, k->cookie, gen, owner,
                (uint16_t)(k->bytes.len | (k->kind == QC_WATCH_OUTPOINT ? KIND_BIT : 0u))};
    link_slot(h->s, h->slots, tag, h->n);
    if (k->kind == QC_WATCH_OUTPOINT)
        atomic_fetch_add(&s->outpoints, 1);
    return QC_OK;
}

static bool remove_one(qc_watchset *s, qc_watch_owner *o, const qc_watch_key *k, bool by_gen,
                       uint32_t gen)
{
    uint64_t hash = hash_of(s, k->kind, k->bytes);
    shard *h = shard_of(s, hash);
    const uint8_t *key = NULL;
    pthread_mutex_lock(&h->lock);
    uint32_t i = find_slot(h, (uint32_t)hash, k->kind, k->bytes, o->id);
    if (i != UINT32_MAX && (!by_gen || h->e[h->s[i].at - 1].gen == gen)) {
        key = h->e[h->s[i].at - 1].key;
        take_out(s, h, i);
    }
    pthread_mutex_unlock(&h->lock);
    if (!key)
        return false;
    o->count[k->kind]--;
    o->bytes -= ENTRY_BYTES;
    slab_let_go(o, slab_of(key));
    return true;
}

/* ---- the sieve ----
 * One that is full grows into the next, which is larger, while nobody waits for it. As long as
 * there are two, what is added goes into both, and each call that adds takes a part of what was
 * there before into the next one; who looks asks the old one, which lets pass a little more than it
 * should. When all is in the next one, it is the sieve. */

static uint64_t count_all(qc_watchset *s)
{
    uint64_t n = 0;
    for (size_t k = 0; k < SHARDS; k++) {
        pthread_mutex_lock(&s->shard[k].lock);
        n += s->shard[k].n;
        pthread_mutex_unlock(&s->shard[k].lock);
    }
    return n;
}

/* Nobody adds meanwhile: what was added before is in the shards, and goes into the next one from
 * there; what is added later finds it. Where somebody does add, or there is no memory, the old one
 * serves on, and the next call tries again. */
static void begin_growth(qc_watchset *s, size_t n)
{
    if (pthread_rwlock_trywrlock(&s->growth))
        return;
    if (!s->next) {
        const uint64_t all = count_all(s);
        s->next = qc_sieve_new(&s->salt[QC_WATCH_SCRIPT], all + n);
        if (s->next)
            atomic_store(&s->sieved, all);
        s->swept = 0;
        s->unswept = UINT32_MAX;
    }
    pthread_rwlock_unlock(&s->growth);
}

/* For who is about to add n; `growth` is held then. What was removed, or was there before, counts
 * until the next growth. */
static void enter_growth(qc_watchset *s, size_t n)
{
    pthread_rwlock_rdlock(&s->growth);
    if (!s->next && atomic_load(&s->sieved) + n > s->sieve->room) {
        pthread_rwlock_unlock(&s->growth);
        begin_growth(s, n);
        pthread_rwlock_rdlock(&s->growth);
    }
    atomic_fetch_add(&s->sieved, n);
}

static void put_all(qc_sieve *f, const qc_watch_key *key, size_t n)
{
    for (size_t i = 0; i < n; i++)
        qc_sieve_put(f, key[i].kind, key[i].bytes);
}

/* From the end of the shard to its begin: who takes an entry out puts the last one, which is in the
 * next sieve already or stands before `unswept` as well, in its place. Returns how many. */
static uint32_t sweep_part(qc_watchset *s, shard *h, uint32_t most)
{
    pthread_mutex_lock(&h->lock);
    const uint32_t from = QC_MIN(s->unswept, h->n), to = from - QC_MIN(from, most);
    for (uint32_t i = to; i < from; i++)
        qc_sieve_put(s->next, kind_of(&h->e[i]), key_of(&h->e[i]));
    pthread_mutex_unlock(&h->lock);
    s->unswept = to ? to : UINT32_MAX;
    s->swept += !to;
    return from - to;
}

/* By who has added n; while one does, another one need not. True: all is in the next one. */
static bool sweep(qc_watchset *s, size_t n)
{
    uint64_t work = SWEPT_LEAST + (uint64_t)n * SWEPT_EACH;
    if (pthread_mutex_trylock(&s->sweep))
        return false;
    while (work && s->swept < SHARDS) {
        const uint32_t most = (uint32_t)QC_MIN(work, (uint64_t)SWEPT_AT_ONCE);
        const uint64_t done = 1 + (uint64_t)sweep_part(s, &s->shard[s->swept], most);
        work -= QC_MIN(work, done);
    }
    const bool all = s->swept == SHARDS;
    pthread_mutex_unlock(&s->sweep);
    return all;
}

static void end_growth(qc_watchset *s)
{
    qc_sieve *old = NULL;
    if (pthread_rwlock_trywrlock(&s->growth))
        return; /* who adds meanwhile does it */
    if (s->next && s->swept == SHARDS) {
        old = s->sieve;
        pthread_mutex_lock(&s->lock);
        s->sieve = s->next;
        pthread_mutex_unlock(&s->lock);
        s->next = NULL;
    }
    pthread_rwlock_unlock(&s->growth);
    qc_sieve_unref(old);
}

qc_sieve *qc_watchset_sieve(qc_watchset *s)
{
    pthread_mutex_lock(&s->lock);
    qc_sieve *f = qc_sieve_ref(s->sieve);
    pthread_mutex_unlock(&s->lock);
    return f;
}

/* What one call adds, ordered by shards: each is then in the processor's cache while it is filled,
 * and locked once. */
typedef struct batch {
    const qc_watch_key *key;
    uint64_t *hash;
    uint32_t *at;    /* of the key's bytes in the slab */
    uint32_t *order; /* of the keys; as given within a shard */
    uint32_t first[SHARDS + 1];
    size_t n_old; /* that were watched already, or come twice */
    slab *b;
} batch;

static void batch_clear(batch *t)
{
    qc_free(t->hash);
    qc_free(t->at);
    qc_free(t->order);
}

static qc_err batch_make(const qc_watchset *s, const qc_watch_key *key, size_t n, batch *t)
{
    size_t size = slab_size(key, n), at = sizeof(slab);
    *t = (batch){.key = key,
                 .hash = qc_try_calloc(n, sizeof *t->hash),
                 .at = qc_try_calloc(n, sizeof *t->at),
                 .order = qc_try_calloc(n, sizeof *t->order)};
    t->b = t->hash && t->at && t->order ? qc_try_malloc(size) : NULL;
    if (!t->b) {
        batch_clear(t);
        return QC_ENOMEM;
    }
    *t->b = (slab){1, (uint32_t)size}; /* one for this call */
    for (size_t i = 0; i < n; i++) {
        const uint32_t back = (uint32_t)(at + KEY_BYTES);
        memcpy((uint8_t *)t->b + at, &back, KEY_BYTES);
        memcpy((uint8_t *)t->b + back, key[i].bytes.data, key[i].bytes.len);
        t->at[i] = back;
        at = back + key[i].bytes.len;
        t->hash[i] = hash_of(s, key[i].kind, key[i].bytes);
        t->first[(t->hash[i] >> 56) + 1]++;
    }
    for (size_t k = 0; k < SHARDS; k++)
        t->first[k + 1] += t->first[k];
    uint32_t next[SHARDS];
    memcpy(next, t->first, sizeof next);
    for (size_t i = 0; i < n; i++)
        t->order[next[t->hash[i] >> 56]++] = (uint32_t)i;
    return QC_OK;
}

static qc_err fill_shard(qc_watchset *s, qc_watch_owner *o, batch *t, size_t k, uint32_t gen)
{
    shard *h = &s->shard[k];
    qc_err err = QC_OK;
    pthread_mutex_lock(&h->lock);
    for (uint32_t i = t->first[k]; !err && i < t->first[k + 1]; i++) {
        uint32_t at = t->order[i];
        bool fresh;
        err = add_one(s, h, (uint32_t)t->hash[at], o->id, &t->key[at],
                      (const uint8_t *)t->b + t->at[at], gen, &fresh);
        t->n_old += !fresh;
        if (err || !fresh)
            continue;
        t->b->live++;
        o->count[t->key[at].kind]++;
        o->bytes += ENTRY_BYTES;
    }
    pthread_mutex_unlock(&h->lock);
    return err;
}

/* What was there takes the new cookie, when nothing can fail any more: by another one it is to be
 * looked for anew. */
static void renew_shard(qc_watchset *s, const qc_watch_owner *o, const batch *t, size_t k,
                        uint32_t gen)
{
    shard *h = &s->shard[k];
    pthread_mutex_lock(&h->lock);
    for (uint32_t i = t->first[k]; i < t->first[k + 1]; i++) {
        const uint32_t at = t->order[i];
        const qc_watch_key *key = &t->key[at];
        entry *e =
            &h->e[h->s[find_slot(h, (uint32_t)t->hash[at], key->kind, key->bytes, o->id)].at - 1];
        if (e->cookie != key->cookie)
            e->gen = gen;
        e->cookie = key->cookie;
    }
    pthread_mutex_unlock(&h->lock);
}

qc_err qc_watchset_add(qc_watchset *s, qc_watch_owner *o, const qc_watch_key *key, size_t n,
                       uint32_t gen)
{
    batch t;
    qc_err err = batch_make(s, key, n, &t);
    if (err)
        return err;
    enter_growth(s, n);
    put_all(s->sieve, key, n);
    if (s->next)
        put_all(s->next, key, n);
    o->bytes += t.b->size;
    for (size_t k = 0; !err && k < SHARDS; k++)
        if (t.first[k] < t.first[k + 1])
            err = fill_shard(s, o, &t, k, gen);
    for (size_t k = 0; !err && t.n_old && k < SHARDS; k++)
        if (t.first[k] < t.first[k + 1])
            renew_shard(s, o, &t, k, gen);
    for (size_t i = 0; err && i < n; i++)
        (void)remove_one(s, o, &key[i], true, gen);
    const bool grown = s->next && sweep(s, n);
    pthread_rwlock_unlock(&s->growth);
    if (grown)
        end_growth(s);
    slab_let_go(o, t.b);
    batch_clear(&t);
    atomic_fetch_add(&s->version, 1);
    return err;
}

bool qc_watchset_remove(qc_watchset *s, qc_watch_owner *o, const qc_watch_key *key)
{
    bool was = remove_one(s, o, key, false, 0);
    atomic_fetch_add(&s->version, 1);
    return was;
}

/* ---- looking ---- */

uint64_t qc_watchset_version(const qc_watchset *s)
{
    return atomic_load(&s->version);
}

size_t qc_watchset_find(qc_watchset *s, qc_watch_kind kind, qc_span bytes,
                        void (*fn)(void *arg, const qc_watch_found *f), void *arg)
{
    if (kind == QC_WATCH_OUTPOINT && !atomic_load(&s->outpoints))
        return 0;
    uint64_t hash = hash_of(s, kind, bytes);
    uint32_t tag = (uint32_t)hash;
    shard *h = shard_of(s, hash);
    size_t n = 0;
    pthread_mutex_lock(&h->lock);
    if (h->slots)
        for (uint32_t i = tag & (h->slots - 1); h->s[i].at; i = (i + 1) & (h->slots - 1)) {
            if (h->s[i].tag != tag)
                continue;
            const entry *e = &h->e[h->s[i].at - 1];
            if (!same(e, kind, bytes))
                continue;
            const qc_watch_found f = {e->cookie, e->gen, e->owner};
            fn(arg, &f);
            n++;
        }
    pthread_mutex_unlock(&h->lock);
    return n;
}

void qc_watchset_each(qc_watchset *s, const qc_watch_owner *o,
                      void (*fn)(void *arg, const qc_watch_key *key, uint32_t gen), void *arg)
{
    for (size_t k = 0; k < SHARDS; k++) {
        shard *h = &s->shard[k];
        pthread_mutex_lock(&h->lock);
        for (uint32_t i = 0; i < h->n; i++) {
            const entry *e = &h->e[i];
            const qc_watch_key key = {kind_of(e), key_of(e), e->cookie};
            if (e->owner == o->id)
                fn(arg, &key, e->gen);
        }
        pthread_mutex_unlock(&h->lock);
    }
}

uint64_t qc_watchset_bytes(qc_watchset *s)
{
    qc_sieve *f = qc_watchset_sieve(s);
    uint64_t sum = sizeof *s + qc_sieve_bytes(f);
    qc_sieve_unref(f);
    pthread_rwlock_rdlock(&s->growth);
    if (s->next)
        sum += qc_sieve_bytes(s->next);
    pthread_rwlock_unlock(&s->growth);
    for (size_t k = 0; k < SHARDS; k++) {
        shard *h = &s->shard[k];
        pthread_mutex_lock(&h->lock);
        sum += h->room * sizeof(entry) + h->slots * sizeof(slot);
        pthread_mutex_unlock(&h->lock);
    }
    return sum;
}

void qc_watchset_free(qc_watchset *s)
{
    if (!s)
        return;
    for (size_t k = 0; k < SHARDS; k++) {
        qc_free(s->shard[k].e);
        qc_free(s->shard[k].s);
        pthread_mutex_destroy(&s->shard[k].lock);
    }
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->sweep);
    pthread_rwlock_destroy(&s->growth);
    qc_sieve_unref(s->sieve);
    qc_sieve_unref(s->next);
    qc_free(s);
}
