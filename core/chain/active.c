#include "core/chain/active.h"

#include "core/base/alloc.h"

#include <sched.h>

qc_err qc_active_reserve(qc_active *a, size_t n)
{
    if (n <= a->cap)
        return QC_OK;
    size_t cap = a->cap ? a->cap : 1024;
    while (cap < n)
        cap *= 2;
    qc_index **v = qc_try_realloc(a->at, cap * sizeof(qc_index *));
    if (!v)
        return QC_ENOMEM;
    a->at = v;
    a->cap = cap;
    return QC_OK;
}

void qc_active_set(qc_active *a, qc_index *tip)
{
    size_t had = a->n;
    a->n = tip ? (size_t)tip->height + 1 : 0;
    QC_ASSERT(a->n <= a->cap);
    for (qc_index *i = tip; i && !(i->height < had && a->at[i->height] == i); i = i->parent)
        a->at[i->height] = i;
}

qc_index *qc_active_fork(const qc_active *a, const qc_index *i)
{
    if (!a->n)
        return NULL;
    if (i->height >= a->n)
        i = qc_index_ancestor(i, (uint32_t)(a->n - 1));
    while (i && !qc_active_has(a, i))
        i = i->parent;
    return i ? a->at[i->height] : NULL;
}

void qc_active_clear(qc_active *a)
{
    qc_free(a->at);
    *a = (qc_active){NULL, 0, 0};
}

/* ---- published ---- */

qc_err qc_published_reserve(qc_published *p, uint32_t height)
{
    uint32_t last = height >> QC_PUB_CHUNK_BITS;
    if (last >= QC_PUB_CHUNKS)
        return QC_ERANGE;
    if (atomic_load_explicit(&p->chunk[last], memory_order_relaxed))
        return QC_OK; /* chunks are made in order: the lower ones are there too */
    for (uint32_t k = 0; k <= last; k++) {
        if (atomic_load_explicit(&p->chunk[k], memory_order_relaxed))
            continue;
        qc_pub_chunk *ch = qc_try_calloc(1, sizeof *ch);
        if (!ch)
            return QC_ENOMEM;
        atomic_store_explicit(&p->chunk[k], ch, memory_order_release);
    }
    return QC_OK;
}

static void put(qc_published *p, const qc_index *i)
{
    qc_pub_chunk *ch =
        atomic_load_explicit(&p->chunk[i->height >> QC_PUB_CHUNK_BITS], memory_order_relaxed);
    QC_ASSERT(ch);
    atomic_store_explicit(&ch->at[i->height & (QC_PUB_CHUNK - 1)], i, memory_order_release);
}

static const qc_index *slot_at(const qc_published *p, uint32_t height)
{
    if (height >> QC_PUB_CHUNK_BITS >= QC_PUB_CHUNKS)
        return NULL;
    qc_pub_chunk *ch =
        atomic_load_explicit(&p->chunk[height >> QC_PUB_CHUNK_BITS], memory_order_acquire);
    if (!ch)
        return NULL;
    return atomic_load_explicit(&ch->at[height & (QC_PUB_CHUNK - 1)], memory_order_acquire);
}

void qc_published_set(qc_published *p, const qc_active *a)
{
    const qc_index *tip = qc_active_tip(a);
    const qc_index *old = atomic_load_explicit(&p->tip, memory_order_relaxed);
    if (tip == old)
        return;
    uint64_t had = old ? (uint64_t)old->height + 1 : 0;
    uint64_t v = atomic_load_explicit(&p->version, memory_order_relaxed);
    atomic_store(&p->version, v + 1);
    /* Places above the old tip may hold what an earlier tip left there: never trust those. */
    for (const qc_index *i = tip; i && !(i->height < had && slot_at(p, i->height) == i);
         i = i->parent)
        put(p, i);
    atomic_store(&p->tip, tip);
    atomic_fetch_add(&p->seq, 1);
    atomic_store(&p->version, v + 2);
}

const qc_index *qc_published_at(const qc_published *p, uint32_t height)
{
    for (;;) {
        uint64_t v = atomic_load(&p->version);
        if (!(v & 1)) {
            const qc_index *tip = atomic_load(&p->tip);
            const qc_index *i = tip && height <= tip->height ? slot_at(p, height) : NULL;
            if (atomic_load(&p->version) == v)
                return i;
        }
        sched_yield();
    }
}

void qc_published_clear(qc_published *p)
{
    for (size_t k = 0; k < QC_PUB_CHUNKS; k++)
        qc_free(atomic_load_explicit(&p->chunk[k], memory_order_relaxed));
}
