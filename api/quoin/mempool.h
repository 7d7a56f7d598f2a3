/* quoin/mempool.h: what the interfaces about the mempool share.
 *
 * Made by api/generate.py from api/interfaces/mempool.toml: change that, then run it. */
#ifndef QUOIN_MEMPOOL_H
#define QUOIN_MEMPOOL_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The moment for which an answer is true. Never changes. */
typedef struct qn_mempool_at {
    uint64_t epoch;     /* changes at every start of the node; the numbers below count within one */
    uint64_t chain_seq; /* the change of the tip that the mempool has followed last */
    uint64_t sequence;  /* of the mempool's next event */
    qn_hash tip;        /* hash of that tip */
    uint32_t height;    /* of that tip */
    uint32_t reserved;  /* 0 */
} qn_mempool_at;

/** An output of a transaction. Never changes. */
typedef struct qn_mempool_outpoint {
    qn_hash txid;
    uint32_t n; /* which of its outputs */
} qn_mempool_outpoint;

#ifdef __cplusplus
}
#endif
#endif
