/* core/host/watch_ahead.h: blocks that rescans will want next, read by the pool of workers while
 * the hits of those before are sought. Each is for one reader, who comes for it in any order: what
 * nobody has begun to read it reads itself. Without workers, or room, nothing is read ahead.
 * Thread: any; a reader is one thread at a time. */
#pragma once
#include "core/chain/chain.h"
#include "core/watch/set.h"

typedef struct qc_watch_ahead qc_watch_ahead;

/** Out: owned, qc_watch_ahead_free(). */
qc_watch_ahead *qc_watch_ahead_new(qc_chain *c);
/** Waits for what is being read. NULL is allowed. */
void qc_watch_ahead_free(QC_OWN qc_watch_ahead *a);
/** Have a block looked at for this reader, who watches as `owner` of the set, and read when there
 * is something for it. */
void qc_watch_ahead_ask(qc_watch_ahead *a, const void *reader, const qc_index *at, qc_watchset *set,
                        uint16_t owner);
/** The block, asked for or not. May block on disk. Returns as qc_chain_read_block_bare(). Out:
 *  qc_block_unref(), nobody else has it; NULL (not whenever it might be): nothing is in it that the
 * owner watched at version `since` of the set, nor was since. */
QC_MUST_CHECK qc_err qc_watch_ahead_take(qc_watch_ahead *a, const void *reader, const qc_index *at,
                                         qc_watchset *set, uint16_t owner, uint64_t since,
                                         qc_block **out);
/** The reader wants nothing more of what it asked for. NULL is allowed. */
void qc_watch_ahead_drop(qc_watch_ahead *a, const void *reader);
