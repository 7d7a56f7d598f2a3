/* quoin/mempool_follow.h: the mempool as a snapshot and then every change of
 * it, in one order with the chain.
 *
 * The stream begins with a snapshot of one moment: an ADDED per transaction
 * with the flag QN_MEMPOOL_EVF_SNAPSHOT, then SYNCED. Every change since that
 * moment follows, none left out and none twice: a set that takes in ADDED and
 * takes out REMOVED equals the mempool. Each event names the tip that the
 * mempool had followed when it happened (chain_seq and hash). What a block does
 * comes after the block's own step of the chain and before the next one's; then
 * comes a TIP.
 *
 * An event is held back until its tip survives a crash of the node, so that
 * whoever follows the chain too never hears of a tip here that chain.follow
 * takes back. Apply an event once you stand on its tip, or chain.follow has
 * given you QN_EVF_TIP with an equal or greater chain_seq; who does not follow
 * the chain applies it at once.
 *
 * The node keeps the newest 32,768 events for all who follow. Who falls behind
 * them gets a GAP: forget everything; a new snapshot follows by itself. The
 * same at a new start: a mempool is not kept, so nothing of a former epoch is
 * of use.
 *
 * Made by api/generate.py from api/interfaces/mempool.follow.toml: change that, then run it. */
#ifndef QUOIN_MEMPOOL_FOLLOW_H
#define QUOIN_MEMPOOL_FOLLOW_H
#include "quoin/types.h"
#include "quoin/mempool.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Types of qn_mempool_event. Treat an unknown type as a failure of yours. */
#define QN_MEMPOOL_EV_ADDED 1u   /* a transaction is in the mempool */
#define QN_MEMPOOL_EV_REMOVED 2u /* it is no longer, for the reason given */
#define QN_MEMPOOL_EV_SYNCED 3u  /* the snapshot is whole; changes follow */
/* the mempool has followed the chain to this tip, and all that came of it has been told */
#define QN_MEMPOOL_EV_TIP 4u
#define QN_MEMPOOL_EV_GAP 5u /* events were lost: forget everything, a snapshot follows */

/** Flags of qn_mempool_event. */
#define QN_MEMPOOL_EVF_SNAPSHOT 1u /* ADDED: it was there when the snapshot was made */
#define QN_MEMPOOL_EVF_REORG 2u    /* ADDED: it was in a block that has left the chain */

/** Why a transaction has left; an unknown one is like any other. */
#define QN_MEMPOOL_GONE_EXPIRY 1u /* it has waited too long */
/* memory was short, or its cluster too large, and it paid least */
#define QN_MEMPOOL_GONE_SIZE 2u
#define QN_MEMPOOL_GONE_REORG 3u    /* a change of the chain has made it invalid */
#define QN_MEMPOOL_GONE_BLOCK 4u    /* it is in the block `by` */
#define QN_MEMPOOL_GONE_CONFLICT 5u /* the block `by` spends what it spends */
#define QN_MEMPOOL_GONE_REPLACED 6u /* the transaction `by`, its txid, came instead */

/** How to follow. */
typedef struct qn_mempool_follow_options {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    /* events that may be unacknowledged, at most the grant's; default the grant's */
    uint32_t window;
    uint32_t reserved; /* 0 */
} qn_mempool_follow_options;
/* Bits of `set`. */
#define QN_SET_MEMPOOL_FOLLOW_OPTIONS_WINDOW 1u

/** One event. What a type does not speak of is 0. Never changes. */
typedef struct qn_mempool_event {
    uint32_t type;      /* QN_MEMPOOL_EV_* */
    uint32_t flags;     /* QN_MEMPOOL_EVF_* */
    uint64_t epoch;     /* changes at every start of the node */
    uint64_t seq;       /* +1 per event of this subscription; what ack() takes */
    uint64_t chain_seq; /* the change of the tip that the mempool had followed last */
    /* ADDED, REMOVED: the mempool's number of the event, the same for all who follow; of
     * a snapshot: of the next event */
    uint64_t sequence;
    qn_hash tip;     /* hash of the tip that belongs to chain_seq */
    qn_hash txid;    /* ADDED, REMOVED */
    qn_hash wtxid;   /* ADDED, REMOVED */
    qn_hash by;      /* REMOVED: see QN_MEMPOOL_GONE_*; else 0 */
    int64_t fee;     /* ADDED, REMOVED: satoshis */
    int64_t vsize;   /* ADDED, REMOVED: virtual bytes, as counted against limits */
    int64_t weight;  /* ADDED, REMOVED: of its bytes */
    int64_t time;    /* ADDED, REMOVED: when it came, seconds since 1970 */
    uint32_t reason; /* REMOVED: QN_MEMPOOL_GONE_* */
    uint32_t height; /* of the tip */
} qn_mempool_event;

/** There is something for next() again, after it answered QN_E_AGAIN. On the
 *  plugin's loop. */
typedef void qn_mempool_ready_fn(void *arg, uint64_t follow);

/** mempool.follow/1, revision 1. Frozen. */
typedef struct qn_mempool_follow_1_r1 {
    qn_head h;

    /** Start following; the snapshot is asked for and on_ready tells when it is
     *  there. QN_E_LIMIT: 16 are open. QN_E_BUSY: one was opened too often in
     *  short time (4 at once, then one per ten seconds). No more than two
     *  subscriptions of a plugin have a snapshot that is not read to its
     *  SYNCED; others wait for their own until then.
     *  options: NULL: all defaults.
     *  on_ready: the edge signal.
     *  follow: the subscription; untouched on failure.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_LIMIT, QN_E_INVAL, QN_E_BUSY,
     *    QN_E_NOMEM. */
    qn_status (*open)(qn_cap *cap, const qn_mempool_follow_options *options,
                      qn_mempool_ready_fn *on_ready, void *arg, uint64_t *follow);

    /** The next events, as many as there are and fit; never waits. QN_E_AGAIN:
     *  nothing now, on_ready will follow. QN_E_LIMIT: the window is full,
     *  acknowledge first.
     *  follow: the subscription.
     *  events: room for at least one; at most 1,024 are given.
     *  Returns: QN_OK, QN_E_AGAIN, QN_E_LIMIT, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*next)(qn_cap *cap, uint64_t follow, qn_mempool_event *events, uint32_t max_events,
                      uint32_t *n_events);

    /** Everything up to seq has been taken in. Cumulative; frees the window.
     *  follow: the subscription.
     *  seq: of an event that was delivered.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*ack)(qn_cap *cap, uint64_t follow, uint64_t seq);

    /** End the subscription. Its on_ready does not run after this returns.
     *  follow: the subscription.
     *  Returns: QN_OK, QN_E_CLOSED. */
    qn_status (*close)(qn_cap *cap, uint64_t follow);
} qn_mempool_follow_1_r1;

/** The newest revision. */
typedef qn_mempool_follow_1_r1 qn_mempool_follow_1;
#define QN_MEMPOOL_FOLLOW_1_ID "mempool.follow/1"
#define QN_MEMPOOL_FOLLOW_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
