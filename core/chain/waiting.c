#include "core/base/alloc.h"
#include "core/chain/internal.h"

#define BUCKETS 65536u

struct qc_waiting {
    qc_siphash_key salt;
    qc_waiting_block *v;
    uint32_t n, cap, free_head; /* place + 1 */
    uint32_t bucket[BUCKETS];   /* place + 1 */
};

qc_err qc_waiting_new(qc_waiting **out)
{
    *out = qc_try_alloc(sizeof **out);
    return *out ? QC_OK : QC_ENOMEM;
}

void qc_waiting_free(qc_waiting *w)
{
    if (w)
        qc_free(w->v);
    qc_free(w);
}

static uint32_t *bucket_of(qc_waiting *w, const qc_hash *parent)
{
    return &w->bucket[qc_siphash_hash(&w->salt, parent) % BUCKETS];
}

qc_err qc_waiting_add(qc_waiting *w, const qc_waiting_block *b)
{
    uint32_t at = w->free_head;
    if (at) {
        w->free_head = w->v[at - 1].next;
    } else {
        if (w->n == w->cap) {
            uint32_t cap = w->cap ? w->cap * 2 : 256;
            qc_waiting_block *v = qc_try_realloc(w->v, cap * sizeof *v);
            if (!v)
                return QC_ENOMEM;
            w->v = v;
            w->cap = cap;
        }
        at = ++w->n;
    }
    uint32_t *head = bucket_of(w, &b->parent);
    w->v[at - 1] = *b;
    w->v[at - 1].next = *head;
    *head = at;
    return QC_OK;
}

bool qc_waiting_take(qc_waiting *w, const qc_hash *parent, qc_waiting_block *out)
{
    for (uint32_t *link = bucket_of(w, parent); *link; link = &w->v[*link - 1].next) {
        uint32_t at = *link;
        qc_waiting_block *b = &w->v[at - 1];
        if (!qc_hash_eq(&b->parent, parent))
            continue;
        *out = *b;
        *link = b->next;
        b->next = w->free_head;
        w->free_head = at;
        return true;
    }
    return false;
}
