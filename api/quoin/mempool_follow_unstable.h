/* quoin/mempool_follow_unstable.h: what is on trial beside mempool.follow/1: it
 * may change or go in any release, and a host serves an unstable number exactly
 * or not at all.
 *
 * Made by api/generate.py from api/interfaces/mempool.follow.toml: change that, then run it. */
#ifndef QUOIN_MEMPOOL_FOLLOW_UNSTABLE_H
#define QUOIN_MEMPOOL_FOLLOW_UNSTABLE_H
#ifndef QN_ALLOW_UNSTABLE
#error "quoin/mempool_follow_unstable.h is on trial: define QN_ALLOW_UNSTABLE to use it"
#endif
#include "quoin/mempool_follow.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One transaction of a cluster. Never changes. */
typedef struct qn_mempool_member {
    qn_hash txid;
    int64_t fee;       /* satoshis, modified */
    int64_t weight;    /* weight units, as counted against limits */
    uint32_t chunk;    /* which chunk of the cluster it is mined with, from 0 */
    uint32_t reserved; /* 0 */
} qn_mempool_member;

/** A point of the diagram: sums from the best chunk down to this one. Never
 *  changes. */
typedef struct qn_mempool_point {
    int64_t fee;    /* satoshis, modified */
    int64_t weight; /* weight units, as counted against limits */
} qn_mempool_point;

/** mempool.follow.unstable/1: mempool.follow/1 as it was at revision 1, and what is on trial. */
typedef struct qn_mempool_follow_unstable_1 {
    qn_mempool_follow_1_r1 stable;
    qn_head u; /* of what follows */

    /** All that are related to a transaction, itself included, in mining order,
     *  and the chunks they are mined in. QN_E_SPACE: *n_members says how many
     *  there are; what fits is filled in.
     *  members: 64 are always enough.
     *  at: the moment; may be NULL.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_SPACE, QN_E_TIMEOUT, QN_E_BUSY,
     *    QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*cluster)(qn_cap *cap, const qn_hash *txid, qn_mempool_member *members,
                         uint32_t max_members, uint32_t *n_members, qn_mempool_at *at);

    /** Fees against weight of the whole mempool, chunk by chunk from the best,
     *  beginning with (0, 0). QN_E_SPACE: *n_points says how many there are;
     *  what fits is filled in.
     *  at: the moment; may be NULL.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*diagram)(qn_cap *cap, qn_mempool_point *points, uint32_t max_points,
                         uint32_t *n_points, qn_mempool_at *at);
} qn_mempool_follow_unstable_1;
#define QN_MEMPOOL_FOLLOW_UNSTABLE_1_ID "mempool.follow.unstable/1"
/* Growing the stable part cuts unstable/2. */
QN_SAME_SIZE(qn_mempool_follow_1, sizeof(qn_head) + 4 * sizeof(void (*)(void)));

#ifdef __cplusplus
}
#endif
#endif
