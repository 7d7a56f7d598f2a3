/* core/methods/pool_view.h: what the methods ask of a mempool. The pool's owner fills it in before
 * the methods are served; without a pool it is not there. Thread: chain. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

typedef struct qc_pool_view {
    void *arg;
    /** The pooled transaction of this id. Out: *raw with witness data, borrowed until the chain
     *  thread goes on; *vsize adjusted by sigops. False: it is not pooled. */
    bool (*tx)(void *arg, const qc_hash *txid, qc_span *raw, uint32_t *vsize);
    /** The pooled transaction that spends `o`. Out: *txid; *raw as above. False: none does. */
    bool (*spender)(void *arg, const qc_outpoint *o, qc_hash *txid, qc_span *raw);
} qc_pool_view;
