/* core/chain/tree.h: the header tree's own functions. Written by the chain thread; lookups and
 * walks from any thread without a lock, because entries never move and are never freed before
 * qc_tree_free(), and the lookup table is published whole. */
#pragma once
#include "core/chain/index.h"

typedef struct qc_tree qc_tree;

QC_MUST_CHECK qc_err qc_tree_new(qc_tree **out);
void qc_tree_free(QC_OWN qc_tree *t);
/** Thread: any. */
qc_index *qc_tree_find(const qc_tree *t, const qc_hash *hash);
/** Add an entry that is not there yet; its parent, height, work and skip are the caller's to set
 *  before it becomes findable by qc_tree_publish(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_tree_add(qc_tree *t, const qc_hash *hash, const qc_header *h,
                                 qc_index **out);
/** Make room so that qc_tree_publish() cannot fail, then make `i` findable. */
QC_MUST_CHECK qc_err qc_tree_publish(qc_tree *t, qc_index *i);
/** Set parent, height, skip, work and time_max from `parent` (NULL: genesis). */
void qc_tree_link(qc_index *i, qc_index *parent);
/** All published entries in order of arrival. Thread: chain. */
size_t qc_tree_count(const qc_tree *t);
qc_index *qc_tree_at(const qc_tree *t, size_t n);
/** Entries that `want` picks, seen through the lookup table. Out: *list owned, qc_free().
 *  Thread: any. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_tree_collect(const qc_tree *t, bool (*want)(void *arg, const qc_index *i),
                                     void *arg, const qc_index ***list, size_t *n);
qc_index *qc_tree_ancestor(qc_index *i, uint32_t height);

/** Set and clear status bits; the record is dirty then. Thread: chain. */
void qc_tree_mark(qc_tree *t, qc_index *i, uint32_t set, uint32_t clear);
/** Raise to at least `level`, unless it has failed (Core RaiseValidity). Thread: chain. */
void qc_tree_raise(qc_tree *t, qc_index *i, uint32_t level);
/** Records to be written: first of a list by dirty_next. */
qc_index *qc_tree_dirty(const qc_tree *t);
/** They are written. */
void qc_tree_clean(qc_tree *t);

static inline uint32_t qc_index_status(const qc_index *i)
{
    return atomic_load_explicit(&i->status, memory_order_acquire);
}
static inline bool qc_index_has(const qc_index *i, uint32_t bits)
{
    return (qc_index_status(i) & bits) == bits;
}
static inline bool qc_index_failed(const qc_index *i)
{
    return (qc_index_status(i) & QC_BLOCK_FAILED_VALID) != 0;
}
/** All bodies up to here were seen (Core HaveNumChainTxs). */
static inline bool qc_index_linked(const qc_index *i)
{
    return atomic_load_explicit(&i->chain_tx, memory_order_relaxed) != 0;
}
/** Core node/blockstorage.cpp CBlockIndexWorkComparator: is `a` worse than `b`? */
bool qc_index_worse(const qc_index *a, const qc_index *b);
