/* -checkblockindex: everything that must be true of the header tree between two calls (Core
 * validation.cpp CheckBlockIndex). An entry is judged with what its parent told it, in order of
 * height, so that one pass is enough. */
#include "core/chain/internal.h"

#include "core/base/alloc.h"

#include <stdlib.h>

/* Which of these holds for the entry or any of its ancestors. */
#define F_INVALID 1u      /* failed */
#define F_MISSING 2u      /* no body here */
#define F_NEVER 4u        /* body never seen */
#define F_NOT_TXS 8u      /* below VALID_TRANSACTIONS */
#define F_NOT_CHAIN 16u   /* below VALID_CHAIN */
#define F_NOT_SCRIPTS 32u /* below VALID_SCRIPTS */

static uint32_t facts_of(const qc_index *i, uint32_t inherited)
{
    uint32_t level = qc_index_status(i) & QC_BLOCK_VALID_MASK, f = inherited;
    f |= qc_index_failed(i) ? F_INVALID : 0;
    f |= qc_index_has(i, QC_BLOCK_HAVE_DATA) ? 0 : F_MISSING;
    f |= atomic_load(&i->n_tx) ? 0 : F_NEVER;
    if (!i->parent)
        return f;
    f |= level < QC_BLOCK_VALID_TRANSACTIONS ? F_NOT_TXS : 0;
    f |= level < QC_BLOCK_VALID_CHAIN ? F_NOT_CHAIN : 0;
    f |= level < QC_BLOCK_VALID_SCRIPTS ? F_NOT_SCRIPTS : 0;
    return f;
}

static void check_status(const qc_chain *c, const qc_index *i, uint32_t f)
{
    uint32_t level = qc_index_status(i) & QC_BLOCK_VALID_MASK;
    bool data = qc_index_has(i, QC_BLOCK_HAVE_DATA);
    uint32_t n_tx = atomic_load(&i->n_tx);
    QC_ASSERT(qc_index_linked(i) || i->sequence <= QC_SEQ_FROM_DISK);
    if (!c->have_pruned)
        QC_ASSERT(data == (n_tx > 0));
    else
        QC_ASSERT(!data || n_tx > 0);
    QC_ASSERT(!qc_index_has(i, QC_BLOCK_HAVE_UNDO) || data);
    QC_ASSERT((level >= QC_BLOCK_VALID_TRANSACTIONS) == (n_tx > 0));
    QC_ASSERT(!(f & F_NEVER) == qc_index_linked(i));
    QC_ASSERT(!(f & F_NOT_TXS) == qc_index_linked(i));
    QC_ASSERT(level >= QC_BLOCK_VALID_TREE);
    QC_ASSERT(level < QC_BLOCK_VALID_CHAIN || !(f & F_NOT_CHAIN));
    QC_ASSERT(level < QC_BLOCK_VALID_SCRIPTS || !(f & F_NOT_SCRIPTS));
    QC_ASSERT(!(f & F_INVALID) == !qc_index_failed(i));
}

static void check_place(const qc_chain *c, const qc_index *i)
{
    uint64_t txs = atomic_load(&i->chain_tx), n_tx = atomic_load(&i->n_tx);
    const qc_index *p = i->parent;
    if (!p) {
        QC_ASSERT(qc_hash_eq(&i->hash, &c->params->genesis_hash) && i->height == 0);
        QC_ASSERT(txs == n_tx);
        QC_ASSERT(!c->active.n || c->active.at[0] == i);
        return;
    }
    QC_ASSERT(i->height == p->height + 1);
    QC_ASSERT(qc_u256_cmp(&i->chain_work, &p->chain_work) >= 0);
    QC_ASSERT(i->height < 2 || (i->skip && i->skip->height < i->height));
    if (atomic_load(&p->chain_tx) && n_tx)
        QC_ASSERT(txs == atomic_load(&p->chain_tx) + n_tx);
    else
        QC_ASSERT(txs == 0);
}

static void check_sets(const qc_chain *c, const qc_index *i, uint32_t f)
{
    const qc_index *tip = qc_active_tip(&c->active);
    bool waits = qc_unlinked_has(&c->unlinked, i), data = qc_index_has(i, QC_BLOCK_HAVE_DATA);
    bool candidate = qc_candidates_has(&c->candidates, i);
    if (qc_index_worse(i, tip) || (f & F_NEVER))
        QC_ASSERT(!candidate);
    else if (!(f & F_INVALID) && (!(f & F_MISSING) || i == tip))
        QC_ASSERT(candidate);
    if (i->parent && data && (f & F_NEVER) && !(f & F_INVALID))
        QC_ASSERT(waits);
    QC_ASSERT(!waits || (data && (f & F_MISSING)));
    if (i->parent && data && !(f & F_NEVER) && (f & F_MISSING)) {
        QC_ASSERT(c->have_pruned);
        if (!qc_index_worse(i, tip) && !candidate && !(f & F_INVALID))
            QC_ASSERT(waits);
    }
}

static int by_height(const void *a, const void *b)
{
    const qc_index *x = *(qc_index *const *)a, *y = *(qc_index *const *)b;
    return x->height < y->height ? -1 : x->height > y->height;
}

void qc_check_index(const qc_chain *c)
{
    size_t n = qc_tree_count(c->tree);
    if (!c->active.n) { /* a reindex begins with genesis alone */
        QC_ASSERT(n <= 1);
        return;
    }
    QC_ASSERT(c->best_header && !qc_index_failed(c->best_header));
    const qc_index **v = qc_alloc((n + 1) * sizeof *v);
    uint32_t *fact = qc_alloc((n + 1) * sizeof *fact); /* by order of arrival */
    for (size_t k = 0; k < n; k++)
        v[k] = qc_tree_at(c->tree, k);
    qsort(v, n, sizeof *v, by_height);
    for (size_t k = 0; k < n; k++) {
        const qc_index *i = v[k];
        uint32_t f = facts_of(i, i->parent ? fact[i->parent->order] : 0);
        fact[i->order] = f;
        check_place(c, i);
        check_status(c, i, f);
        check_sets(c, i, f);
        QC_ASSERT(qc_index_failed(i) ||
                  qc_u256_cmp(&i->chain_work, &c->best_header->chain_work) <= 0);
    }
    qc_free(v);
    qc_free(fact);
}
