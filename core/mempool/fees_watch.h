/* core/mempool/fees_watch.h: the transactions of the pool that the fee estimator watches, by txid.
 * Internal. */
#pragma once
#include "core/crypto/siphash.h"

typedef struct qc_fees_watched_tx {
    qc_hash txid;
    uint32_t height; /* of the tip when it entered */
    uint32_t bucket;
    int64_t rate; /* sat/kvB */
} qc_fees_watched_tx;

/** Open addressing; a slot is free when its mark is false. */
typedef struct qc_fees_watch {
    qc_siphash_key key;
    qc_fees_watched_tx *slot;
    bool *used;
    size_t n, cap; /* cap: a power of two, or 0 */
} qc_fees_watch;

void qc_fees_watch_clear(qc_fees_watch *w);
/** Returns false, and changes nothing: it is there already, or memory has run out. */
bool qc_fees_watch_add(qc_fees_watch *w, const qc_fees_watched_tx *tx);
/** Remove. Out: *tx. Returns: was it there? */
bool qc_fees_watch_take(qc_fees_watch *w, const qc_hash *txid, qc_fees_watched_tx *tx);
