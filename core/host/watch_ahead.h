/* core/host/watch_ahead.h: what rescans will want of the next blocks, sought by the pool of workers
 * while what was found in those before is told. Each is for one reader, who comes for it in any
 * order: what nobody has begun it does itself, and what was done before something was added it does
 * again. Without workers, or room, nothing is done ahead.
 * Thread: any; a reader is one thread at a time. */
#pragma once
#include "core/chain/chain.h"
#include "core/watch/set.h"

typedef struct qc_watch_ahead qc_watch_ahead;

/** Out: owned, qc_watch_ahead_free(). */
qc_watch_ahead *qc_watch_ahead_new(qc_chain *c);
/** Waits for what is being read. NULL is allowed. */
void qc_watch_ahead_free(QC_OWN qc_watch_ahead *a);
/** Have a block looked through for this reader, who watches as `owner` of the set. */
void qc_watch_ahead_ask(qc_watch_ahead *a, const void *reader, const qc_index *at, qc_watchset *set,
                        uint16_t owner);
/** What is the reader's of the block, asked for or not: all that the owner watched at version
 *  `since` of the set, and has since. May block on disk. Returns as qc_chain_read_block_bare().
 *  Out: *out: at least the transactions with such coins, as of qc_chain_pick_coins();
 *  qc_block_unref(), nobody else has it; NULL: there is none. */
QC_MUST_CHECK qc_err qc_watch_ahead_take(qc_watch_ahead *a, const void *reader, const qc_index *at,
                                         qc_watchset *set, uint16_t owner, uint64_t since,
                                         qc_block **out);
/** The reader wants nothing more of what it asked for. NULL is allowed. */
void qc_watch_ahead_drop(qc_watch_ahead *a, const void *reader);
