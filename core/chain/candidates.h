/* core/chain/candidates.h: the two sets that decide what may become the tip. Thread: chain. */
#pragma once
#include "core/chain/tree.h"

/** Entries with all bodies present and at least as much work as the tip, worst first
 *  (Core setBlockIndexCandidates). Sorted by qc_index_worse(); an entry's `sequence` must not
 * change while it is inside. */
typedef struct qc_candidates {
    qc_index **v;
    size_t head, end, cap; /* used: v[head .. end) */
} qc_candidates;

QC_MUST_CHECK qc_err qc_candidates_insert(qc_candidates *s, qc_index *i);
void qc_candidates_erase(qc_candidates *s, const qc_index *i);
bool qc_candidates_has(const qc_candidates *s, const qc_index *i);
/** The best, or NULL. */
qc_index *qc_candidates_best(const qc_candidates *s);
/** Drop all that are worse than `i`. */
void qc_candidates_drop_worse(qc_candidates *s, const qc_index *i);
void qc_candidates_clear(qc_candidates *s);

/** Entries whose body is here but which hang on one that is not (Core m_blocks_unlinked). */
typedef struct qc_unlinked {
    qc_index **v; /* sorted by parent, then entry */
    size_t n, cap;
} qc_unlinked;

/** Adds once. */
QC_MUST_CHECK qc_err qc_unlinked_add(qc_unlinked *u, qc_index *i);
void qc_unlinked_remove(qc_unlinked *u, const qc_index *i);
bool qc_unlinked_has(const qc_unlinked *u, const qc_index *i);
/** Take out one child of `parent`; NULL when there is none left. */
qc_index *qc_unlinked_take_child(qc_unlinked *u, const qc_index *parent);
void qc_unlinked_clear(qc_unlinked *u);
