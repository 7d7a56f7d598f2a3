/* core/sync/txsource.h: where transactions are known from that may be in a new block: the
 * transaction pool, and what was lately refused or left behind. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

/** A transaction whose ids have been computed from these very bytes. */
typedef struct qc_known_tx {
    const qc_hash *txid, *wtxid;
    qc_span bytes; /* with witness */
} qc_known_tx;

/** Takes one transaction. False: no more are wanted. */
typedef bool qc_tx_taker(void *to, const qc_known_tx *tx);

/** Thread: chain. */
typedef struct qc_tx_source {
    void *arg;
    /** Show every transaction, in any order, until `take` says enough. Bytes and ids stay where
     *  they are until the chain thread's present job ends. NULL: there are none. */
    void (*each)(void *arg, qc_tx_taker *take, void *to);
} qc_tx_source;
