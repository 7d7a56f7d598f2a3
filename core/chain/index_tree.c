/* The header tree: entries in slabs, one open-addressing table from hash to entry. Readers follow
 * one atomic pointer to the table and atomic slots inside it; a table that grows is replaced as a
 * whole and the old one kept until the end, so that a reader never looks at freed memory. */
#include "core/chain/tree.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/crypto/siphash.h"
#include "core/os/file.h"

#define SLAB_BITS 10u
#define SLAB_N (1u << SLAB_BITS)
#define MIN_SLOTS 1024u

struct table {
    size_t mask;
    struct table *older;
    _Atomic(qc_index *) slot[];
};

struct qc_tree {
    qc_siphash_key salt;
    _Atomic(struct table *) table;
    qc_index **slab;
    size_t n_slab, n_made; /* entries carved */
    size_t n;              /* entries published */
    qc_index **all;        /* published entries, by arrival */
    size_t cap_all;
    qc_index *dirty;
};

static struct table *table_new(size_t slots)
{
    struct table *t = qc_try_alloc(sizeof *t + slots * sizeof t->slot[0]);
    if (!t)
        return NULL;
    t->mask = slots - 1;
    for (size_t i = 0; i < slots; i++)
        atomic_init(&t->slot[i], NULL);
    return t;
}

qc_err qc_tree_new(qc_tree **out)
{
    *out = NULL;
    qc_tree *t = qc_try_alloc(sizeof *t);
    if (!t)
        return QC_ENOMEM;
    qc_os_random(&t->salt, sizeof t->salt);
    struct table *tab = table_new(MIN_SLOTS);
    if (!tab) {
        qc_free(t);
        return QC_ENOMEM;
    }
    atomic_init(&t->table, tab);
    *out = t;
    return QC_OK;
}

void qc_tree_free(qc_tree *t)
{
    if (!t)
        return;
    struct table *tab = atomic_load(&t->table);
    while (tab) {
        struct table *older = tab->older;
        qc_free(tab);
        tab = older;
    }
    for (size_t i = 0; i < t->n_slab; i++)
        qc_free(t->slab[i]);
    qc_free(t->slab);
    qc_free(t->all);
    qc_free(t);
}

static size_t home_of(const qc_tree *t, const qc_hash *h)
{
    return (size_t)qc_siphash_hash(&t->salt, h);
}

qc_index *qc_tree_find(const qc_tree *t, const qc_hash *hash)
{
    const struct table *tab = atomic_load_explicit(&t->table, memory_order_acquire);
    for (size_t at = home_of(t, hash) & tab->mask;; at = (at + 1) & tab->mask) {
        qc_index *i = atomic_load_explicit(&tab->slot[at], memory_order_acquire);
        if (!i || qc_hash_eq(&i->hash, hash))
            return i;
    }
}

static void put(const qc_tree *t, struct table *tab, qc_index *i)
{
    size_t at = home_of(t, &i->hash) & tab->mask;
    while (atomic_load_explicit(&tab->slot[at], memory_order_relaxed))
        at = (at + 1) & tab->mask;
    atomic_store_explicit(&tab->slot[at], i, memory_order_release);
}

static qc_err table_room(qc_tree *t)
{
    struct table *old = atomic_load_explicit(&t->table, memory_order_relaxed);
    if ((t->n + 1) * 2 <= old->mask + 1)
        return QC_OK;
    struct table *tab = table_new((old->mask + 1) * 2);
    if (!tab)
        return QC_ENOMEM;
    for (size_t k = 0; k < t->n; k++)
        put(t, tab, t->all[k]);
    tab->older = old;
    atomic_store_explicit(&t->table, tab, memory_order_release);
    return QC_OK;
}

static qc_err list_room(qc_tree *t)
{
    if (t->n < t->cap_all)
        return QC_OK;
    size_t cap = t->cap_all ? t->cap_all * 2 : MIN_SLOTS;
    qc_index **v = qc_try_realloc(t->all, cap * sizeof(qc_index *));
    if (!v)
        return QC_ENOMEM;
    t->all = v;
    t->cap_all = cap;
    return QC_OK;
}

qc_err qc_tree_add(qc_tree *t, const qc_hash *hash, const qc_header *h, qc_index **out)
{
    if (t->n_made == t->n_slab * SLAB_N) {
        qc_index **v = qc_try_realloc(t->slab, (t->n_slab + 1) * sizeof(qc_index *));
        if (!v)
            return QC_ENOMEM;
        t->slab = v;
        if (!(t->slab[t->n_slab] = qc_try_calloc(SLAB_N, sizeof(qc_index))))
            return QC_ENOMEM;
        t->n_slab++;
    }
    qc_index *i = &t->slab[t->n_made >> SLAB_BITS][t->n_made & (SLAB_N - 1)];
    t->n_made++;
    i->hash = *hash;
    i->header = *h;
    atomic_init(&i->file, -1);
    i->sequence = QC_SEQ_FROM_DISK;
    *out = i;
    return QC_OK;
}

qc_err qc_tree_publish(qc_tree *t, qc_index *i)
{
    qc_err err = table_room(t);
    if (err || (err = list_room(t)))
        return err;
    i->order = (uint32_t)t->n;
    t->all[t->n++] = i;
    put(t, atomic_load_explicit(&t->table, memory_order_relaxed), i);
    return QC_OK;
}

size_t qc_tree_count(const qc_tree *t)
{
    return t->n;
}

qc_index *qc_tree_at(const qc_tree *t, size_t n)
{
    return t->all[n];
}

qc_err qc_tree_collect(const qc_tree *t, bool (*want)(void *arg, const qc_index *i), void *arg,
                       const qc_index ***list, size_t *n)
{
    const struct table *tab = atomic_load_explicit(&t->table, memory_order_acquire);
    const qc_index **v = NULL;
    size_t used = 0, cap = 0;
    for (size_t at = 0; at <= tab->mask; at++) {
        const qc_index *i = atomic_load_explicit(&tab->slot[at], memory_order_acquire);
        if (!i || !want(arg, i))
            continue;
        if (used == cap) {
            cap = cap ? cap * 2 : 16;
            const qc_index **w = qc_try_realloc(v, cap * sizeof(const qc_index *));
            if (!w) {
                qc_free(v);
                return QC_ENOMEM;
            }
            v = w;
        }
        v[used++] = i;
    }
    *list = v;
    *n = used;
    return QC_OK;
}

/* ---- walks ---- */

static uint32_t drop_lowest_bit(uint32_t n)
{
    return n & (n - 1);
}

/* Core chain.cpp GetSkipHeight: any lower height would do; this one gives walks of ~2 log n. */
static uint32_t skip_height(uint32_t h)
{
    if (h < 2)
        return 0;
    return h & 1 ? drop_lowest_bit(drop_lowest_bit(h - 1)) + 1 : drop_lowest_bit(h);
}

/* Is it better to take this entry's skip pointer than to go to the parent first? */
static bool take_skip(uint32_t at, uint32_t want)
{
    uint32_t s = skip_height(at), s_parent = skip_height(at - 1);
    if (s == want)
        return true;
    return s > want && !(s_parent + 2 < s && s_parent >= want);
}

qc_index *qc_tree_ancestor(qc_index *i, uint32_t height)
{
    if (!i || height > i->height)
        return NULL;
    while (i->height > height)
        i = i->skip && take_skip(i->height, height) ? i->skip : i->parent;
    return i;
}

const qc_index *qc_index_ancestor(const qc_index *i, uint32_t height)
{
    if (!i || height > i->height)
        return NULL;
    while (i->height > height)
        i = i->skip && take_skip(i->height, height) ? i->skip : i->parent;
    return i;
}

const qc_index *qc_index_fork(const qc_index *a, const qc_index *b)
{
    if (!a || !b)
        return NULL;
    a = qc_index_ancestor(a, QC_MIN(a->height, b->height));
    b = qc_index_ancestor(b, a->height);
    while (a != b) {
        /* Entries of one height skip to one height: jump while the targets differ. */
        while (a->skip != b->skip) {
            a = a->skip;
            b = b->skip;
        }
        a = a->parent;
        b = b->parent;
    }
    return a;
}

uint32_t qc_index_mtp(const qc_index *i)
{
    uint32_t t[11]; /* latest first: as they mostly come */
    unsigned n = 0;
    for (; i && n < QC_COUNTOF(t); i = i->parent) {
        unsigned at = n++;
        for (; at > 0 && t[at - 1] < i->header.time; at--)
            t[at] = t[at - 1];
        t[at] = i->header.time;
    }
    return t[(n - 1) / 2];
}

void qc_tree_link(qc_index *i, qc_index *parent)
{
    i->parent = parent;
    i->height = parent ? parent->height + 1 : 0;
    i->skip = parent ? qc_tree_ancestor(parent, skip_height(i->height)) : NULL;
    i->time_max = parent ? QC_MAX(parent->time_max, i->header.time) : i->header.time;
    qc_header_work(i->header.bits, &i->chain_work);
    if (parent)
        qc_u256_add(&i->chain_work, &parent->chain_work);
}

/* ---- status ---- */

bool qc_index_valid(const qc_index *i, uint32_t level)
{
    uint32_t s = qc_index_status(i);
    return !(s & QC_BLOCK_FAILED_VALID) && (s & QC_BLOCK_VALID_MASK) >= level;
}

void qc_tree_mark(qc_tree *t, qc_index *i, uint32_t set, uint32_t clear)
{
    uint32_t s = (qc_index_status(i) & ~clear) | set;
    atomic_store_explicit(&i->status, s, memory_order_release);
    if (i->dirty)
        return;
    i->dirty = true;
    i->dirty_next = t->dirty;
    t->dirty = i;
}

void qc_tree_raise(qc_tree *t, qc_index *i, uint32_t level)
{
    uint32_t s = qc_index_status(i);
    if (!(s & QC_BLOCK_FAILED_VALID) && (s & QC_BLOCK_VALID_MASK) < level)
        qc_tree_mark(t, i, level, QC_BLOCK_VALID_MASK & ~level);
}

qc_index *qc_tree_dirty(const qc_tree *t)
{
    return t->dirty;
}

void qc_tree_clean(qc_tree *t)
{
    for (qc_index *i = t->dirty, *next; i; i = next) {
        next = i->dirty_next;
        i->dirty_next = NULL;
        i->dirty = false;
    }
    t->dirty = NULL;
}

bool qc_index_worse(const qc_index *a, const qc_index *b)
{
    int w = qc_u256_cmp(&a->chain_work, &b->chain_work);
    if (w)
        return w < 0;
    if (a->sequence != b->sequence)
        return a->sequence > b->sequence;
    return a->order > b->order;
}
