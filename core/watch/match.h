/* core/watch/match.h: which coins of a block or a transaction are watched, and by whom. One pass
 * for all watchers. Thread: any. */
#pragma once
#include "core/btc/block.h"
#include "core/watch/set.h"

/** Flags of a hit. */
#define QC_HIT_SPENT 1u    /* the coin is spent; else made */
#define QC_HIT_OUTPOINT 2u /* it was named as an outpoint */

/** A coin that somebody watches. */
typedef struct qc_watch_hit {
    uint64_t cookie;
    uint32_t gen; /* of the call that added what was hit */
    uint32_t tx;  /* place of the transaction in its block */
    uint32_t io;  /* which input or output of the transaction */
    uint16_t owner;
    uint16_t flags;
} qc_watch_hit;

/** In the order of the block: a transaction's inputs, then its outputs. */
typedef struct qc_watch_hits {
    qc_watch_hit *hit; /* owned: qc_watch_hits_clear() */
    size_t n, cap;
    uint64_t version; /* of the set before the pass */
} qc_watch_hits;
#define QC_WATCH_HITS_INIT ((qc_watch_hits){0})
void qc_watch_hits_clear(qc_watch_hits *h);

/** Hits of a block that carries its spent coins; owner 0: of all. Out: *h as it was is cleared.
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_watch_match_block(qc_watchset *s, const qc_block *b, uint16_t owner,
                                          qc_watch_hits *h);
/** The same of one transaction, whose inputs spend these; a coin that is not known has no script
 *  (data NULL), and can be found as an outpoint only. */
QC_MUST_CHECK qc_err qc_watch_match_tx(qc_watchset *s, const qc_tx *tx, const qc_spent *spent,
                                       uint16_t owner, qc_watch_hits *h);
