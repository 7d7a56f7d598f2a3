/* core/sync/txpool.h: the pool of core/mempool as the relay of transactions and compact blocks see
 * it. Thread: chain. */
#pragma once
#include "core/mempool/pool.h"
#include "core/sync/txrelay.h"
#include "core/sync/txsource.h"

/** Place for what the calls need; lives as long as they are made. */
typedef struct qc_txpool {
    qc_mempool *m; /* borrowed */
    void (*spare)(void *to, const qc_tx *tx);
    void *spare_to;
} qc_txpool;

/** For qc_txrelay_options.pool; borrows *t and its pool. Set t->m before. */
qc_relay_pool qc_txpool_for_relay(qc_txpool *t);
/** For qc_sync_options.pool; the same. */
qc_tx_source qc_txpool_source(qc_txpool *t);
