/* core/sync/txsource.h: where transactions are known from that may be in a new block: the
 * transaction pool, and what was lately refused or left behind. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

/** Takes one transaction (serialized with witness). False: no more are wanted. */
typedef bool qc_tx_taker(void *to, const qc_hash *wtxid, qc_span tx);

/** Thread: chain. */
typedef struct qc_tx_source {
    void *arg;
    /** Show every transaction, in any order, until `take` says enough. The bytes stay where they
     *  are until the chain thread's present job ends. NULL: there are none. */
    void (*each)(void *arg, qc_tx_taker *take, void *to);
} qc_tx_source;
