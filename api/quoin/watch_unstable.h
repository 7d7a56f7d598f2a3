/* quoin/watch_unstable.h: what is on trial beside watch/1: it may change or go
 * in any release, and a host serves an unstable number exactly or not at all.
 *
 * Made by api/generate.py from api/interfaces/watch.toml: change that, then run it. */
#ifndef QUOIN_WATCH_UNSTABLE_H
#define QUOIN_WATCH_UNSTABLE_H
#ifndef QN_ALLOW_UNSTABLE
#error "quoin/watch_unstable.h is on trial: define QN_ALLOW_UNSTABLE to use it"
#endif
#include "quoin/watch.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Types of qn_watch_event that only this table brings about. */
/* the transaction txid, named to deep(), has reached its depth; ref is the newest block.
 * Comes after the hits of ref and before its BLOCK */
#define QN_WATCH_TRIAL_DEEP 64u

/** A transaction that is waited for until it is deep in the chain. Never
 *  changes. */
typedef struct qn_watch_deep {
    uint64_t cookie;    /* what the event carries */
    qn_hash txid;       /* of one that is in the block */
    qn_block_ref block; /* as CONFIRMED told it */
    uint32_t depth;     /* 1: the block is the newest */
} qn_watch_deep;

/** Scripts of a descriptor. Never changes. */
typedef struct qn_watch_range {
    uint64_t cookie;   /* of the first script */
    uint32_t from;     /* first index */
    uint32_t n;        /* how many, at most 1,000; without a range 1 */
    uint32_t flags;    /* QN_WATCH_ADD_* */
    uint32_t reserved; /* 0 */
} qn_watch_range;

/** watch.unstable/1: watch/1 as it was at revision 1, and what is on trial. */
typedef struct qn_watch_unstable_1 {
    qn_watch_1_r1 stable;
    qn_head u; /* of what follows */

    /** Say when transactions are deep in the chain: a QN_WATCH_TRIAL_DEEP each,
     *  at once where it is so already. When the block leaves the chain the wish
     *  is forgotten. QN_E_LIMIT: 65,536 are waited for. QN_E_NOTFOUND: a block
     *  is none that the stream stands on.
     *  watch: the stream.
     *  list: at most 65,536.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_LIMIT, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*deep)(qn_cap *cap, uint64_t watch, const qn_watch_deep *list, uint32_t n_list);

    /** Watch scripts of an output descriptor (BIP380 and its like), derived by
     *  the node: those of a range of indexes, for each of its branches
     *  (BIP389). The cookie of index i of branch b is cookie + 2 * (i - from) +
     *  b; a descriptor of more than two branches is refused. As add().
     *  QN_E_INVAL: it is no descriptor, has secret keys or hardened steps, or
     *  an index is too high.
     *  watch: the stream.
     *  descriptor: at most 16,384 bytes; a checksum is verified if there is
     *    one.
     *  armed: number of the next event; may be NULL.
     *  Returns: QN_OK, QN_E_LIMIT, QN_E_INVAL, QN_E_NOMEM, QN_E_CLOSED,
     *    QN_E_REVOKED. */
    qn_status (*add_descriptor)(qn_cap *cap, uint64_t watch, const char *descriptor,
                                uint32_t descriptor_len, const qn_watch_range *range,
                                uint64_t *armed);
} qn_watch_unstable_1;
#define QN_WATCH_UNSTABLE_1_ID "watch.unstable/1"
/* Growing the stable part cuts unstable/2. */
QN_SAME_SIZE(qn_watch_1, sizeof(qn_head) + 11 * sizeof(void (*)(void)));

#ifdef __cplusplus
}
#endif
#endif
