/* core/chain/active.h: the active chain by height, twice: as the chain thread works on it, and as
 * last published to everybody else. */
#pragma once
#include "core/chain/tree.h"

/** The chain thread's own list. Thread: chain. */
typedef struct qc_active {
    qc_index **at; /* by height */
    size_t n, cap; /* n = tip height + 1; 0: empty */
} qc_active;

/** Room for `n` heights, so that qc_active_set() cannot fail. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_active_reserve(qc_active *a, size_t n);
/** Make `tip` the tip (Core CChain::SetTip); room must be there. NULL: empty. */
void qc_active_set(qc_active *a, qc_index *tip);
static inline qc_index *qc_active_tip(const qc_active *a)
{
    return a->n ? a->at[a->n - 1] : NULL;
}
static inline bool qc_active_has(const qc_active *a, const qc_index *i)
{
    return i->height < a->n && a->at[i->height] == i;
}
/** Last entry of i's branch that is active, or NULL. */
qc_index *qc_active_fork(const qc_active *a, const qc_index *i);
void qc_active_clear(qc_active *a);

#define QC_PUB_CHUNK_BITS 12u
#define QC_PUB_CHUNK (1u << QC_PUB_CHUNK_BITS)
#define QC_PUB_CHUNKS 4096u /* 16.7 million heights */

typedef struct qc_pub_chunk {
    _Atomic(const qc_index *) at[QC_PUB_CHUNK];
} qc_pub_chunk;

/** The published list. One writer (chain thread); readers take no lock: a sequence counter is odd
 *  while the list is being changed, and a reader that met a change looks again. */
typedef struct qc_published {
    _Atomic uint64_t version;
    _Atomic uint64_t seq; /* tip changes since start */
    _Atomic(const qc_index *) tip, best_header, durable;
    _Atomic(qc_pub_chunk *) chunk[QC_PUB_CHUNKS];
} qc_published;

/** Room up to `height`. Returns: QC_OK; QC_ENOMEM; QC_ERANGE. Thread: chain. */
QC_MUST_CHECK qc_err qc_published_reserve(qc_published *p, uint32_t height);
/** Show `a`; `seq` goes up when the tip is another one. Room must be there. Thread: chain. */
void qc_published_set(qc_published *p, const qc_active *a);
void qc_published_clear(qc_published *p);
/** Thread: any. */
const qc_index *qc_published_at(const qc_published *p, uint32_t height);
