/* The coins cache: an open-addressing table of 8-byte slots (32 bits of a salted SipHash, 32 bits
 * of entry number) over entries that lie in slabs and never move, so that a script may be lent out
 * while the table grows. Meaning of the flags as in Core coins.h CCoinsCacheEntry:
 * DIRTY differs from what is below; FRESH: below there is no unspent coin of that name, so a spent
 * one may simply be forgotten. */
#include "core/chain/coins.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/crypto/siphash.h"
#include "core/os/file.h"

#define DIRTY 1u
#define FRESH 2u
#define SPENT 4u
#define USED 8u /* the entry is not on the free list */

#define INLINE_SCRIPT 40u /* covers every standard output script but bare multisig */
#define SLAB_BITS 12u
#define SLAB_N (1u << SLAB_BITS)
#define MIN_SLOTS 1024u

struct entry {
    qc_outpoint key;
    uint32_t height_cb; /* height * 2 + coinbase */
    int64_t value;
    uint32_t script_len;
    uint32_t flags;
    union {
        uint8_t inl[INLINE_SCRIPT];
        uint8_t *ptr;       /* script_len > INLINE_SCRIPT */
        uint32_t next_free; /* not USED */
    } u;
};

struct slot {
    uint32_t hash;
    uint32_t id; /* entry number + 1; 0: empty */
};

struct qc_coins {
    qc_coinsdb *db;
    qc_coins *base;
    qc_siphash_key salt;
    struct slot *slot;
    uint32_t mask;
    struct entry **slab;
    size_t n_slab;
    uint32_t n_made;     /* entries ever carved from the slabs */
    uint32_t free_head;  /* entry number + 1; 0: none */
    size_t count, dirty; /* entries in the table; those DIRTY */
    size_t heap;         /* bytes of scripts too long to lie inline */
    qc_hash best;
};

static struct entry *entry_at(const qc_coins *c, uint32_t id)
{
    return &c->slab[(id - 1) >> SLAB_BITS][(id - 1) & (SLAB_N - 1)];
}

static uint32_t hash_of(const qc_coins *c, const qc_outpoint *o)
{
    return (uint32_t)qc_siphash_uj_outpoint(&c->salt, &o->txid, o->n);
}

static bool key_eq(const qc_outpoint *a, const qc_outpoint *b)
{
    return a->n == b->n && qc_hash_eq(&a->txid, &b->txid);
}

static const uint8_t *script_of(const struct entry *e)
{
    return e->script_len > INLINE_SCRIPT ? e->u.ptr : e->u.inl;
}

static void lend(const struct entry *e, qc_spent *out)
{
    if (out)
        *out = (qc_spent){e->value, qc_span_of(script_of(e), e->script_len), e->height_cb >> 1,
                          e->height_cb & 1};
}

static qc_err table_new(qc_coins *c)
{
    c->slot = qc_try_calloc(MIN_SLOTS, sizeof *c->slot);
    if (!c->slot)
        return QC_ENOMEM;
    c->mask = MIN_SLOTS - 1;
    return QC_OK;
}

static qc_err cache_new(qc_coins **out, qc_coinsdb *db, qc_coins *base)
{
    *out = NULL;
    qc_coins *c = qc_try_alloc(sizeof *c);
    if (!c)
        return QC_ENOMEM;
    c->db = db;
    c->base = base;
    qc_os_random(&c->salt, sizeof c->salt);
    qc_err err = table_new(c);
    if (!err && db)
        err = qc_coinsdb_best(db, &c->best);
    if (err == QC_ENOENT)
        err = QC_OK;
    if (base)
        c->best = base->best;
    if (err) {
        qc_coins_free(c);
        return err;
    }
    *out = c;
    return QC_OK;
}

qc_err qc_coins_new(qc_coins **out, qc_coinsdb *db)
{
    return cache_new(out, db, NULL);
}

qc_err qc_coins_new_over(qc_coins **out, qc_coins *base)
{
    return cache_new(out, NULL, base);
}

static void entries_free(qc_coins *c)
{
    for (uint32_t id = 1; id <= c->n_made && c->heap; id++) {
        struct entry *e = entry_at(c, id);
        if ((e->flags & USED) && e->script_len > INLINE_SCRIPT)
            qc_free(e->u.ptr);
    }
    for (size_t i = 0; i < c->n_slab; i++)
        qc_free(c->slab[i]);
    qc_free(c->slab);
    c->slab = NULL;
    c->n_slab = c->count = c->dirty = c->heap = 0;
    c->n_made = c->free_head = 0;
}

void qc_coins_free(qc_coins *c)
{
    if (!c)
        return;
    entries_free(c);
    qc_free(c->slot);
    qc_free(c);
}

/* ---- table ---- */

/* Position of the key's slot, or of the empty one where it would go. */
static uint32_t probe(const qc_coins *c, const qc_outpoint *o, uint32_t h)
{
    uint32_t at = h & c->mask;
    for (; c->slot[at].id; at = (at + 1) & c->mask)
        if (c->slot[at].hash == h && key_eq(&entry_at(c, c->slot[at].id)->key, o))
            break;
    return at;
}

static struct entry *find(const qc_coins *c, const qc_outpoint *o)
{
    uint32_t id = c->slot[probe(c, o, hash_of(c, o))].id;
    return id ? entry_at(c, id) : NULL;
}

static qc_err grow(qc_coins *c, uint32_t slots)
{
    struct slot *s = qc_try_calloc(slots, sizeof *s);
    if (!s)
        return QC_ENOMEM;
    for (uint32_t i = 0; i <= c->mask; i++) {
        if (!c->slot[i].id)
            continue;
        uint32_t at = c->slot[i].hash & (slots - 1);
        while (s[at].id)
            at = (at + 1) & (slots - 1);
        s[at] = c->slot[i];
    }
    qc_free(c->slot);
    c->slot = s;
    c->mask = slots - 1;
    return QC_OK;
}

static qc_err slab_add(qc_coins *c)
{
    struct entry **v = qc_try_realloc(c->slab, (c->n_slab + 1) * sizeof(struct entry *));
    if (!v)
        return QC_ENOMEM;
    c->slab = v;
    struct entry *s = qc_try_malloc(SLAB_N * sizeof *s);
    if (!s)
        return QC_ENOMEM;
    c->slab[c->n_slab++] = s;
    return QC_OK;
}

qc_err qc_coins_reserve(qc_coins *c, size_t n)
{
    size_t want = c->count + n;
    if (want > UINT32_MAX / 4)
        return QC_ENOMEM;
    uint64_t slots = (uint64_t)c->mask + 1;
    while (want > slots / 4 * 3)
        slots *= 2;
    if (slots > (uint64_t)c->mask + 1) {
        qc_err err = grow(c, (uint32_t)slots);
        if (err)
            return err;
    }
    while (c->n_slab * SLAB_N < want) {
        qc_err err = slab_add(c);
        if (err)
            return err;
    }
    return QC_OK;
}

static void script_free(qc_coins *c, struct entry *e)
{
    if (e->script_len > INLINE_SCRIPT) {
        qc_free(e->u.ptr);
        c->heap -= e->script_len;
    }
    e->script_len = 0;
}

static qc_err script_set(qc_coins *c, struct entry *e, qc_span script)
{
    uint8_t *p = NULL;
    if (script.len > INLINE_SCRIPT && !(p = qc_try_malloc(script.len)))
        return QC_ENOMEM;
    script_free(c, e);
    if (p) {
        e->u.ptr = p;
        c->heap += script.len;
    } else {
        p = e->u.inl;
    }
    if (script.len)
        memcpy(p, script.data, script.len);
    e->script_len = (uint32_t)script.len;
    return QC_OK;
}

/* Find the entry, or make an empty one (flags USED only). */
static qc_err find_or_make(qc_coins *c, const qc_outpoint *o, struct entry **out, bool *made)
{
    uint32_t h = hash_of(c, o);
    uint32_t at = probe(c, o, h);
    *made = !c->slot[at].id;
    if (!*made) {
        *out = entry_at(c, c->slot[at].id);
        return QC_OK;
    }
    qc_err err = qc_coins_reserve(c, 1);
    if (err)
        return err;
    at = probe(c, o, h); /* the table may have grown */
    uint32_t id = c->free_head;
    if (id)
        c->free_head = entry_at(c, id)->u.next_free;
    else
        id = ++c->n_made;
    struct entry *e = entry_at(c, id);
    *e = (struct entry){.key = *o, .flags = USED};
    c->slot[at] = (struct slot){h, id};
    c->count++;
    *out = e;
    return QC_OK;
}

static void set_flags(qc_coins *c, struct entry *e, uint32_t flags)
{
    c->dirty += (flags & DIRTY ? 1u : 0u);
    c->dirty -= (e->flags & DIRTY ? 1u : 0u);
    e->flags = flags | USED;
}

/* Take an entry out; later entries of the same probe run move back, so no tombstones are left. */
static void drop(qc_coins *c, struct entry *e)
{
    uint32_t hole = probe(c, &e->key, hash_of(c, &e->key));
    uint32_t id = c->slot[hole].id;
    set_flags(c, e, 0);
    script_free(c, e);
    e->flags = 0;
    e->u.next_free = c->free_head;
    c->free_head = id;
    c->count--;
    for (uint32_t at = (hole + 1) & c->mask; c->slot[at].id; at = (at + 1) & c->mask) {
        uint32_t home = c->slot[at].hash & c->mask;
        if (((at - home) & c->mask) >= ((at - hole) & c->mask)) {
            c->slot[hole] = c->slot[at];
            hole = at;
        }
    }
    c->slot[hole].id = 0;
}

/* ---- coins ---- */

qc_coins_hit qc_coins_peek(const qc_coins *c, const qc_outpoint *o, qc_spent *out)
{
    for (; c; c = c->base) {
        const struct entry *e = find(c, o);
        if (!e)
            continue;
        if (e->flags & SPENT)
            return QC_COINS_SPENT;
        lend(e, out);
        return QC_COINS_UNSPENT;
    }
    return QC_COINS_MISS;
}

static qc_err fill(qc_coins *c, struct entry *e, const qc_spent *coin)
{
    qc_err err = script_set(c, e, coin->script);
    if (err)
        return err;
    e->value = coin->value;
    e->height_cb = coin->height * 2 + (coin->coinbase ? 1 : 0);
    return QC_OK;
}

static qc_err fetch_db(qc_coins *c, const qc_outpoint *o, qc_spent *out)
{
    qc_coin coin;
    qc_err err = qc_coinsdb_get(c->db, o, &coin);
    if (err)
        return err;
    const qc_spent s = {coin.value, {coin.script, coin.script_len}, coin.height, coin.coinbase};
    struct entry *e;
    bool made;
    err = find_or_make(c, o, &e, &made);
    if (!err && (err = fill(c, e, &s)))
        drop(c, e);
    qc_coin_clear(&coin);
    if (!err)
        lend(e, out);
    return err;
}

qc_err qc_coins_get(qc_coins *c, const qc_outpoint *o, qc_spent *out)
{
    const struct entry *e = find(c, o);
    if (e) {
        if (e->flags & SPENT)
            return QC_ENOENT;
        lend(e, out);
        return QC_OK;
    }
    if (c->base)
        return qc_coins_get(c->base, o, out);
    return c->db ? fetch_db(c, o, out) : QC_ENOENT;
}

void qc_coins_uncache(qc_coins *c, const qc_outpoint *o)
{
    struct entry *e = find(c, o);
    if (e && c->db && !(e->flags & DIRTY))
        drop(c, e);
}

qc_err qc_coins_spend(qc_coins *c, const qc_outpoint *o, bool known)
{
    struct entry *e = find(c, o);
    if (!e) {
        qc_err err = known ? QC_OK : qc_coins_get(c, o, NULL);
        bool made;
        if (err || (err = find_or_make(c, o, &e, &made)))
            return err;
    } else if (e->flags & SPENT) {
        return QC_ENOENT;
    }
    if (e->flags & FRESH) {
        drop(c, e);
        return QC_OK;
    }
    script_free(c, e);
    set_flags(c, e, DIRTY | SPENT);
    return QC_OK;
}

qc_err qc_coins_add(qc_coins *c, const qc_outpoint *o, const qc_spent *coin, bool overwrite)
{
    struct entry *e;
    bool made;
    qc_err err = find_or_make(c, o, &e, &made);
    if (err)
        return err;
    uint32_t flags = DIRTY;
    if (!overwrite) {
        if (!made && !(e->flags & SPENT))
            return QC_EBUG;
        /* A spent entry that is still DIRTY hides a coin below: calling it FRESH would let a later
         * spend forget it, and the one below would come back (Core coins.cpp AddCoin). */
        if (!(e->flags & DIRTY))
            flags |= FRESH;
    } else {
        flags |= e->flags & FRESH;
    }
    if ((err = fill(c, e, coin))) {
        if (made)
            drop(c, e);
        return err;
    }
    set_flags(c, e, flags);
    return QC_OK;
}

const qc_hash *qc_coins_best(const qc_coins *c)
{
    return &c->best;
}

void qc_coins_set_best(qc_coins *c, const qc_hash *best)
{
    c->best = *best;
}

/* ---- moving changes down ---- */

static qc_err merge_one(qc_coins *b, const struct entry *from)
{
    struct entry *e;
    bool made;
    qc_err err = find_or_make(b, &from->key, &e, &made);
    if (err)
        return err;
    if (from->flags & SPENT) {
        if (e->flags & FRESH) {
            drop(b, e);
        } else {
            script_free(b, e);
            set_flags(b, e, DIRTY | SPENT);
        }
        return QC_OK;
    }
    if ((from->flags & FRESH) && !made && !(e->flags & SPENT))
        return QC_EBUG;
    qc_spent coin;
    lend(from, &coin);
    if ((err = fill(b, e, &coin)))
        return err;
    /* FRESH passes down only when nothing was known here: a spent entry hides a coin below. */
    set_flags(b, e, DIRTY | (made ? from->flags & FRESH : e->flags & FRESH));
    return QC_OK;
}

qc_err qc_coins_merge(qc_coins *over)
{
    QC_ASSERT(over->base);
    qc_err err = qc_coins_reserve(over->base, over->dirty);
    for (uint32_t id = 1; id <= over->n_made && !err; id++)
        if (entry_at(over, id)->flags & DIRTY)
            err = merge_one(over->base, entry_at(over, id));
    if (err)
        return err;
    over->base->best = over->best;
    entries_free(over);
    memset(over->slot, 0, ((size_t)over->mask + 1) * sizeof *over->slot);
    return QC_OK;
}

static qc_err write_entries(const qc_coins *c, qc_coinsdb_flush *f)
{
    qc_err err = QC_OK;
    for (uint32_t id = 1; id <= c->n_made && !err; id++) {
        const struct entry *e = entry_at(c, id);
        if (!(e->flags & DIRTY))
            continue;
        if (e->flags & SPENT)
            err = qc_coinsdb_flush_delete(f, &e->key);
        else
            err =
                qc_coinsdb_flush_put(f, &e->key, e->value, qc_span_of(script_of(e), e->script_len),
                                     e->height_cb >> 1, e->height_cb & 1);
    }
    return err;
}

static void forget_all(qc_coins *c)
{
    struct slot *s = qc_try_calloc(MIN_SLOTS, sizeof *s);
    entries_free(c);
    if (!s) { /* keep the large table, emptied */
        memset(c->slot, 0, ((size_t)c->mask + 1) * sizeof *c->slot);
        return;
    }
    qc_free(c->slot);
    c->slot = s;
    c->mask = MIN_SLOTS - 1;
}

static void make_clean(qc_coins *c)
{
    for (uint32_t id = 1; id <= c->n_made; id++) {
        struct entry *e = entry_at(c, id);
        if (!(e->flags & DIRTY))
            continue;
        if (e->flags & SPENT)
            drop(c, e);
        else
            set_flags(c, e, 0);
    }
}

qc_err qc_coins_write(qc_coins *c, size_t batch_bytes, bool empty)
{
    QC_ASSERT(c->db);
    qc_coinsdb_flush *f;
    qc_err err = qc_coinsdb_flush_begin(c->db, &c->best, batch_bytes, &f);
    if (err)
        return err;
    if ((err = write_entries(c, f))) {
        qc_coinsdb_flush_abort(f);
        return err;
    }
    if ((err = qc_coinsdb_flush_end(f)))
        return err;
    if (empty)
        forget_all(c);
    else
        make_clean(c);
    return QC_OK;
}

/* ---- measures ---- */

size_t qc_coins_count(const qc_coins *c)
{
    return c->count;
}

size_t qc_coins_dirty(const qc_coins *c)
{
    return c->dirty;
}

size_t qc_coins_usage(const qc_coins *c)
{
    return ((size_t)c->mask + 1) * sizeof(struct slot) +
           c->n_slab * (SLAB_N * sizeof(struct entry) + sizeof(struct entry *)) + c->heap;
}

bool qc_coins_sane(const qc_coins *c)
{
    size_t count = 0, dirty = 0, heap = 0;
    for (uint32_t id = 1; id <= c->n_made; id++) {
        struct entry *e = entry_at(c, id);
        if (!(e->flags & USED))
            continue;
        count++;
        dirty += e->flags & DIRTY ? 1 : 0;
        heap += e->script_len > INLINE_SCRIPT ? e->script_len : 0;
        bool spent_ok = !(e->flags & SPENT) || ((e->flags & DIRTY) && !(e->flags & FRESH));
        bool fresh_ok = !(e->flags & FRESH) || (e->flags & DIRTY);
        if (!spent_ok || !fresh_ok || find(c, &e->key) != e)
            return false;
    }
    return count == c->count && dirty == c->dirty && heap == c->heap;
}
