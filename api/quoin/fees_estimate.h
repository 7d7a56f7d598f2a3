/* quoin/fees_estimate.h: what fee rate gets a transaction mined in time, the
 * floors of the mempool, its histogram.
 *
 * All fee rates are satoshis per 1,000 virtual bytes. Estimates are learned
 * from what became of transactions that this node has seen; after a start
 * without history there are none for hours. QN_E_BUSY: the plugin has asked for
 * too much of the node's time lately.
 *
 * Made by api/generate.py from api/interfaces/fees.estimate.toml: change that, then run it. */
#ifndef QUOIN_FEES_ESTIMATE_H
#define QUOIN_FEES_ESTIMATE_H
#include "quoin/types.h"
#include "quoin/mempool.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of estimate(). */
/* look at longer times too: higher, and less often wrong when fees rise */
#define QN_FEES_CONSERVATIVE 1u

/** What decided an estimate; an unknown one is like any other. */
#define QN_FEES_BY_NOTHING 0u      /* too little is known */
#define QN_FEES_BY_HALF 1u         /* 60 % were mined within half the target */
#define QN_FEES_BY_FULL 2u         /* 85 % within the target */
#define QN_FEES_BY_DOUBLE 3u       /* 95 % within twice the target */
#define QN_FEES_BY_CONSERVATIVE 4u /* 95 % within twice the target over a longer time */
#define QN_FEES_BY_ASKED 5u        /* the confidence that was asked for */
/* the estimate is below what the mempool lets in: that is given */
#define QN_FEES_BY_FLOOR 6u

/** An estimate. */
typedef struct qn_fees_estimate {
    uint32_t size;     /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t target;   /* blocks, for which it is: may be other than asked for */
    int64_t feerate;   /* what to pay: never below what the mempool lets in */
    int64_t estimated; /* the same before the floor; 0: too little is known */
    uint32_t by;       /* QN_FEES_BY_* */
    uint32_t height;   /* of the last block that was counted */
} qn_fees_estimate;

/** Below these a transaction is not taken. */
typedef struct qn_fees_floors {
    uint32_t size;       /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t max_target; /* highest target that estimate() knows */
    qn_mempool_at at;
    int64_t mempool_min; /* the mempool's own minimum, 0 while it has room */
    int64_t min_relay;   /* -minrelaytxfee */
    int64_t incremental; /* -incrementalrelayfee: what a replacement pays more */
    int64_t dust_relay;  /* -dustrelayfee: decides which outputs are too small */
} qn_fees_floors;

/** All that waits and is mined at a fee rate of at least `from`, and below the
 *  next higher step's. Never changes. */
typedef struct qn_fees_step {
    int64_t from;      /* satoshis per 1,000 virtual bytes */
    uint64_t vsize;    /* virtual bytes, as counted against limits */
    int64_t fees;      /* satoshis, modified */
    uint32_t count;    /* transactions */
    uint32_t reserved; /* 0 */
} qn_fees_step;

/** fees.estimate/1, revision 1. Frozen. */
typedef struct qn_fees_estimate_1_r1 {
    qn_head h;

    /** What gets a transaction into one of the next `target` blocks, as
     *  estimatesmartfee answers. QN_E_NOTFOUND: too little is known; *estimate
     *  still says the floor as its fee rate. QN_E_UNSUPPORTED: this node makes
     *  no estimates (-blocksonly).
     *  target: blocks, 1 to 1,008.
     *  flags: QN_FEES_*.
     *  estimate: size must be set.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED, QN_E_UNSUPPORTED. */
    qn_status (*estimate)(qn_cap *cap, uint32_t target, uint32_t flags, qn_fees_estimate *estimate);

    /** The lowest fee rate of which more than a share was mined within `target`
     *  blocks, by the shortest memory that reaches that far. Otherwise as
     *  estimate().
     *  target: blocks, 1 to 1,008.
     *  permille: the share, 1 to 1,000.
     *  estimate: size must be set.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED, QN_E_UNSUPPORTED. */
    qn_status (*confident)(qn_cap *cap, uint32_t target, uint32_t permille,
                           qn_fees_estimate *estimate);

    /** What the mempool asks for at this moment.
     *  floors: size must be set.
     *  Returns: QN_OK, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*floors)(qn_cap *cap, qn_fees_floors *floors);

    /** How much waits at which fee rate, the best first, by the rate at which
     *  each is mined. Steps begin at 100 and are a tenth apart; those without
     *  transactions are left out. QN_E_SPACE: *n_steps says how many there are;
     *  what fits is filled in.
     *  steps: 256 are always enough.
     *  at: the moment; may be NULL.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*histogram)(qn_cap *cap, qn_fees_step *steps, uint32_t max_steps, uint32_t *n_steps,
                           qn_mempool_at *at);
} qn_fees_estimate_1_r1;

/** The newest revision. */
typedef qn_fees_estimate_1_r1 qn_fees_estimate_1;
#define QN_FEES_ESTIMATE_1_ID "fees.estimate/1"
#define QN_FEES_ESTIMATE_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
