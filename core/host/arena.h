/* core/host/arena.h: the memory that plugins in processes of their own read block views from. The
 * host writes a view into it once, however many plugins read it; they map it read-only, and its
 * file is sealed against any other mapping. Thread: any. */
#pragma once
#include "core/base/err.h"
#include "quoin/block.h"

typedef struct qc_arena qc_arena;

/** A view in the arena. */
typedef struct qc_arena_ref {
    uint32_t slot;
    uint32_t generation; /* of the slot; stands in the view's head too */
    uint64_t off, total; /* bytes */
} qc_arena_ref;

/** `bytes` of address space; memory is taken as views come. Out: owned, qc_arena_free().
 *  Returns: QC_OK; QC_ENOMEM; QC_EIO. */
QC_MUST_CHECK qc_err qc_arena_new(size_t bytes, qc_arena **out);
/** Nothing may be lent any more. NULL is allowed. */
void qc_arena_free(QC_OWN qc_arena *a);
/** Its file, to be handed to runners. Borrowed. */
int qc_arena_fd(const qc_arena *a);
size_t qc_arena_size(const qc_arena *a);
/** Have the view lie in the arena. Out: *out, held until qc_arena_return().
 *  False: there is no room (it is too large, or too much is lent). */
bool qc_arena_lend(qc_arena *a, const qn_block_view *v, qc_arena_ref *out);
void qc_arena_return(qc_arena *a, uint32_t slot);
/** Bytes lent now, for limits and tests. */
size_t qc_arena_lent(qc_arena *a);
