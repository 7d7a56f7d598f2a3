/* quoin/mining_template_unstable.h: what is on trial beside mining.template/1:
 * it may change or go in any release, and a host serves an unstable number
 * exactly or not at all.
 *
 * Made by api/generate.py from api/interfaces/mining.template.toml: change that, then run it. */
#ifndef QUOIN_MINING_TEMPLATE_UNSTABLE_H
#define QUOIN_MINING_TEMPLATE_UNSTABLE_H
#ifndef QN_ALLOW_UNSTABLE
#error "quoin/mining_template_unstable.h is on trial: define QN_ALLOW_UNSTABLE to use it"
#endif
#include "quoin/mining_template.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_mining_change. */
#define QN_MINING_CHANGE_EXCLUDE 1u /* leave it out, and what spends it */
#define QN_MINING_CHANGE_INCLUDE 2u /* take it first, and what it spends */

/** What one template thinks of a transaction. Never changes. */
typedef struct qn_mining_change {
    qn_hash txid;      /* one that is not in the mempool is passed over */
    int64_t delta;     /* satoshis by which it looks dearer, or cheaper if negative */
    uint32_t flags;    /* QN_MINING_CHANGE_* */
    uint32_t reserved; /* 0 */
} qn_mining_change;

/** Policy of one template. */
typedef struct qn_mining_overlay {
    uint32_t size; /* bytes of this struct */
    /* leave out what has been in the mempool for less, and what spends it */
    uint32_t min_age_ms;
    /* weight units of the end of the block that are kept free, beside reserved_weight */
    uint32_t reserved_space;
    uint32_t reserved; /* 0 */
} qn_mining_overlay;

/** What became of one wtxid. Never changes. */
typedef struct qn_mining_found {
    int32_t status; /* QN_OK; QN_E_NOTFOUND: it is not in the mempool, and the rest is 0 */
    uint32_t len;   /* bytes; they follow each other in the buffer in the order asked */
    qn_hash txid;
    int64_t fee; /* satoshis */
    uint32_t weight;
    uint32_t sigops; /* cost */
} qn_mining_found;

/** Where one transaction lies in the bytes of many. Never changes. */
typedef struct qn_mining_part {
    uint32_t off; /* of its first byte */
    uint32_t len; /* bytes */
} qn_mining_part;

/** What is mined at once. Never changes. */
typedef struct qn_mining_chunk {
    int64_t fee;       /* satoshis, modified */
    int64_t weight;    /* weight units, as counted against limits */
    uint32_t first;    /* chunks(): place of its first transaction in the block */
    uint32_t reserved; /* 0 */
} qn_mining_chunk;

/** By how much a transaction looks dearer to this node. Never changes. */
typedef struct qn_mining_delta {
    qn_hash txid;
    int64_t delta; /* satoshis, added to what was set before */
} qn_mining_delta;

/** What this plugin makes the node keep. */
typedef struct qn_mining_usage {
    uint32_t size;        /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t held;        /* templates until release() */
    uint32_t max_held;    /* of the grant */
    uint32_t submittable; /* templates that can be submitted, held ones among them */
    /* of transactions and lists that templates and sets keep alive; each transaction of
     * templates counted once */
    uint64_t bytes;
    uint64_t max_bytes; /* of the grant */
    uint32_t subscriptions;
    uint32_t sets;
} qn_mining_usage;

/** mining.template.unstable/1: mining.template/1 as it was at revision 1, and what is on trial. */
typedef struct qn_mining_template_unstable_1 {
    qn_mining_template_1_r1 stable;
    qn_head u; /* of what follows */

    /** Transactions of the mempool by wtxid, all of one moment. QN_E_SPACE:
     *  *n_bytes says how much all of them need; found is filled in only with
     *  QN_OK.
     *  wtxids: at most 16,384.
     *  found: one per wtxid.
     *  bytes: the bytes of all that are there; at most 64 MiB; room 0 and
     *    QN_E_SPACE: how much it would be.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*lookup)(qn_cap *cap, const qn_hash *wtxids, uint32_t n_wtxids,
                        qn_mining_found *found, void *bytes, uint32_t max_bytes, uint32_t *n_bytes);

    /** Declare the transactions of a block, in its order and without the
     *  coinbase. Those that the mempool has are taken from there and kept, at
     *  the cost of the grant's memory, until prev is not the tip any more.
     *  QN_E_LIMIT: 16 sets are there, it is more than a block may weigh, or too
     *  much is kept. QN_E_STALE: prev is not the tip.
     *  prev: parent of the block.
     *  wtxids: at most 16,384.
     *  set: untouched on failure.
     *  missing: how many are missing.
     *  Returns: QN_OK, QN_E_STALE, QN_E_LIMIT, QN_E_NOTREADY, QN_E_TIMEOUT,
     *    QN_E_BUSY, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*set_new)(qn_cap *cap, const qn_hash *prev, const qn_hash *wtxids, uint32_t n_wtxids,
                         uint64_t *set, uint32_t *missing);

    /** Places of those that are missing, the first transaction is 1.
     *  QN_E_SPACE: *n_places says how many there are; what fits is filled in.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_CLOSED, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*set_missing)(qn_cap *cap, uint64_t set, qn_template_place *places,
                             uint32_t max_places, uint32_t *n_places);

    /** Give what is missing. QN_E_INVAL: one is no transaction, and none was
     *  taken; one that is not missing is passed over. QN_E_LIMIT: more than
     *  4,000,000 bytes, or than the grant's memory.
     *  txs: their serializations, at most 4,000,000 bytes.
     *  parts: one per transaction, together no longer than txs.
     *  missing: how many are missing still.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_LIMIT, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*set_add)(qn_cap *cap, uint64_t set, const void *txs, uint32_t txs_len,
                         const qn_mining_part *parts, uint32_t n_parts, uint32_t *missing);

    /** Make a template of a whole set, on the tip, and check it. QN_OK: see
     *  *result; only when it is ACCEPTED there is a template, held until
     *  release(). One that could not be judged in 3 s is REJECTED as
     *  "inconclusive-takes-too-long". QN_E_NOTFOUND: some are missing.
     *  QN_E_STALE: its prev is not the tip.
     *  options: limits; NULL: all defaults.
     *  result: size must be set.
     *  view: size must be set.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_STALE, QN_E_CLOSED, QN_E_LIMIT,
     *    QN_E_NOTREADY, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_REVOKED. */
    qn_status (*set_template)(qn_cap *cap, uint64_t set, const qn_mining_options *options,
                              qn_mining_result *result, qn_template_view *view);

    /** Forget a set. Templates made of it stay.
     *  Returns: QN_OK, QN_E_CLOSED. */
    qn_status (*set_free)(qn_cap *cap, uint64_t set);

    /** A template of a policy of its own; the mempool and other templates know
     *  nothing of it. As create().
     *  options: NULL: all defaults.
     *  overlay: NULL: all 0.
     *  changes: at most 4,096.
     *  view: size must be set; held until release().
     *  Returns: QN_OK, QN_E_NOTREADY, QN_E_LIMIT, QN_E_TIMEOUT, QN_E_BUSY,
     *    QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*create_with)(qn_cap *cap, const qn_mining_options *options,
                             const qn_mining_overlay *overlay, const qn_mining_change *changes,
                             uint32_t n_changes, qn_template_view *view);

    /** A template on a block that is not found yet: on the one that `parent`, a
     *  template that is held, will become. Its prev is 0 (QN_TEMPLATE_FUTURE):
     *  the plugin puts in the hash of the block that it found of the parent,
     *  and submits the solution as always; mining.submit knows that hash when a
     *  solution of the parent was accepted, whether its answer came in time or
     *  not. It takes no transaction that the parent's time could keep out. When
     *  the parent's block is the tip it can be read for as long as that is.
     *  QN_E_STALE: the parent is not on the tip. QN_E_UNSUPPORTED: the parent
     *  is such a template itself, or the block is the first of a new
     *  difficulty, which depends on the parent's time.
     *  parent: id of a template.
     *  options: NULL: all defaults.
     *  view: size must be set; held until release().
     *  Returns: QN_OK, QN_E_STALE, QN_E_CLOSED, QN_E_UNSUPPORTED,
     *    QN_E_NOTREADY, QN_E_LIMIT, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*create_on)(qn_cap *cap, uint64_t parent, const qn_mining_options *options,
                           qn_template_view *view);

    /** What a template is made of, the best fee rate first. QN_E_SPACE:
     *  *n_chunks says how many there are; what fits is filled in.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_STALE, QN_E_CLOSED, QN_E_INVAL,
     *    QN_E_REVOKED. */
    qn_status (*chunks)(qn_cap *cap, uint64_t id, qn_mining_chunk *chunks, uint32_t max_chunks,
                        uint32_t *n_chunks);

    /** All chunks of the mempool, the best first, up to as many as fit: first
     *  is 0 in all. *n_chunks says how many there are, with QN_E_SPACE when
     *  that is more.
     *  Returns: QN_OK, QN_E_SPACE, QN_E_TIMEOUT, QN_E_BUSY, QN_E_INVAL,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*diagram)(qn_cap *cap, qn_mining_chunk *chunks, uint32_t max_chunks,
                         uint32_t *n_chunks);

    /** Have transactions look dearer or cheaper to this node, as
     *  prioritisetransaction does: in the mempool, or when they come.
     *  QN_E_DENIED: the grant has no prioritise=yes. Each is a line in the
     *  node's log, and a turn: 50 in a second. QN_E_LIMIT: 10,000 of this
     *  plugin's are for transactions that have not come.
     *  deltas: at most 100.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_LIMIT, QN_E_TIMEOUT, QN_E_BUSY,
     *    QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*prioritise)(qn_cap *cap, const qn_mining_delta *deltas, uint32_t n_deltas);

    /** What this plugin makes the node keep.
     *  usage: size must be set.
     *  Returns: QN_OK, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*usage)(qn_cap *cap, qn_mining_usage *usage);
} qn_mining_template_unstable_1;
#define QN_MINING_TEMPLATE_UNSTABLE_1_ID "mining.template.unstable/1"
/* Growing the stable part cuts unstable/2. */
QN_SAME_SIZE(qn_mining_template_1, sizeof(qn_head) + 16 * sizeof(void (*)(void)));

#ifdef __cplusplus
}
#endif
#endif
