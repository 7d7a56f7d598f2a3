/* core/os/slab.h: much memory that is walked through out of order. The system is asked to map it by
 * pages of 2 MiB: with small ones nearly every step waits for the look-up of a page first. */
#pragma once
#include "core/base/err.h"

#define QC_CACHE_LINE 64u /* bytes that memory sends at once */

/** An array that becomes large: zeroed, from the beginning of a cache line on. Aborts when memory
 *  runs out. Owned: qc_large_free(). Thread: any. */
void *qc_large_alloc(size_t bytes);
/** `bytes` as they were asked for. NULL is allowed. Thread: any. */
void qc_large_free(QC_OWN void *p, size_t bytes);

/** Pieces of one size, side by side. */
typedef struct qc_slab qc_slab;

/** `piece` bytes, at most 64 KiB, rounded up to whole lines. Out: owned, qc_slab_close(). Aborts
 *  when memory runs out. Thread: any. */
qc_slab *qc_slab_new(size_t piece);
/** No piece is taken any more; those that are out may still be given back. NULL is allowed. */
void qc_slab_close(QC_OWN qc_slab *s);
/** A piece from the beginning of a cache line on; where lines go in pairs, of a pair. What is in it
 *  is not said. Owned: qc_slab_give(). NULL: no memory. Thread: any. */
void *qc_slab_take(qc_slab *s);
/** Thread: any. */
void qc_slab_give(qc_slab *s, QC_OWN void *piece);
