/* core/mempool/ahead.h: scripts of transactions that are about to be let in, run on the chain's
 * pool of threads while the chain thread is at those before them. What is found out is only used by
 * qc_mempool_accept(), whose every answer is the same without it: whether a script holds depends on
 * the transaction alone, which names what it spends. Thread: chain. */
#pragma once
#include "core/mempool/pool.h"

/** So many at once. */
#define QC_AHEAD_MAX 32u
/** Longer ones wait for their turn. */
#define QC_AHEAD_BYTES 100000u

/** `tx` will be tried soon. Begins on its scripts if nothing cheaper speaks against it by now: it
 * is final, its inputs are there and unspent, it pays enough. Borrowed until
 * qc_mempool_ahead_over(), which must follow if this returns true. */
bool qc_mempool_ahead(qc_mempool *m, const qc_tx *tx);
/** Its turn is over, or will not come. */
void qc_mempool_ahead_over(qc_mempool *m, const qc_tx *tx);
