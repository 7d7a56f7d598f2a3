/* core/methods/poolrows.h: what the methods say of entries of the mempool. What can change is
 * copied on the chain thread; the text is made elsewhere. */
#pragma once
#include "core/methods/context.h"

/** An entry as it was. */
typedef struct qc_m_row {
    const qc_mempool_entry *e; /* a reference */
    qc_mempool_family f;
    qc_amount modified_fee;
    size_t ids; /* of qc_m_rows.id: its parents, then its children */
    uint32_t n_parents, n_children;
    bool unbroadcast, signals;
} qc_m_row;

/** Owned: qc_m_rows_release(). */
typedef struct qc_m_rows {
    qc_m_row *row;
    size_t n;
    qc_hash *id;
    size_t n_id, cap_id;
} qc_m_rows;

/** Copy. Returns: QC_OK; QC_ENOMEM (then, too, they must be released). Thread: chain. */
QC_MUST_CHECK qc_err qc_m_rows_take(const qc_node *n, const qc_mempool_list *l, qc_m_rows *out);
/** Members of an entry (Core entryToJSON), into an open object. Thread: any. */
void qc_m_row_members(qc_jw *w, const qc_node *n, const qc_m_rows *r, size_t i);
/** An object of all, by txid. Thread: any. */
void qc_m_rows_put(qc_jw *w, const qc_node *n, const qc_m_rows *r);
/** Free. Thread: any but chain; does not wait. */
void qc_m_rows_release(const qc_node *n, qc_m_rows *r);

/** References to entries that are held outside of the chain thread are given back through it.
 *  NULL among them is allowed. Takes `e`, which was allocated. Thread: any; does not wait. */
void qc_m_give_back(const qc_node *n, QC_OWN const qc_mempool_entry **e, size_t count);
