/* quoin/chain_follow.h: the chain as a stream of connects and disconnects, from
 * my position.
 *
 * The stream is derived from (my cursor, the active chain) and never queued.
 * next() answers DISCONNECT(cursor) when the cursor has left the active chain,
 * else CONNECT(child of the cursor). An event is delivered only when its block
 * survives a crash of the node (body, undo and index record are synced). The
 * plugin's position wins: open with the locator that you committed in the same
 * batch as your rows. Delivery is at least once: after a restart the events
 * behind your committed position come again. ack(seq) means that everything up
 * to seq is durable with you.
 *
 * Made by api/generate.py from api/interfaces/chain.follow.toml: change that, then run it. */
#ifndef QUOIN_CHAIN_FOLLOW_H
#define QUOIN_CHAIN_FOLLOW_H
#include "quoin/types.h"
#include "quoin/block.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_follow_options. */
#define QN_FOLLOW_SPENT 1u        /* views carry part B: the spent coins and fees */
#define QN_FOLLOW_HEADERS_ONLY 2u /* events carry no view */
/* hold blocks that I have not acknowledged against pruning, as far as the grant allows */
#define QN_FOLLOW_PIN 4u

/** Types of qn_follow_event. Treat an unknown type as a failure of yours. */
#define QN_EV_CONNECT 1u    /* ref joined the chain on top of prev */
#define QN_EV_DISCONNECT 2u /* ref left the chain; prev is now the newest block */
/* blocks between prev and ref are pruned and will not come; ref is the next that can */
#define QN_EV_GAP 3u

/** Flags of qn_follow_event. */
#define QN_EVF_TIP 1u /* nothing further is known now: a good moment to commit */

/** How to follow. */
typedef struct qn_follow_options {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    uint32_t flags; /* QN_FOLLOW_*; default 0 */
    /* events that may be unacknowledged, at most the grant's; default the grant's */
    uint32_t window;
    uint32_t from_height; /* with an empty locator: first height to connect; default 0 */
    uint32_t reserved;    /* 0 */
} qn_follow_options;
/* Bits of `set`. */
#define QN_SET_FOLLOW_OPTIONS_FLAGS 1u
#define QN_SET_FOLLOW_OPTIONS_WINDOW 2u
#define QN_SET_FOLLOW_OPTIONS_FROM_HEIGHT 4u

/** One step of the chain. */
typedef struct qn_follow_event {
    uint32_t size;      /* bytes filled in */
    uint32_t type;      /* QN_EV_* */
    uint32_t flags;     /* QN_EVF_* */
    uint32_t lag;       /* blocks still to come up to the durable tip */
    uint64_t epoch;     /* changes at every start of the node */
    uint64_t seq;       /* +1 per event of this subscription; what ack() takes */
    uint64_t chain_seq; /* with QN_EVF_TIP: the change of the tip it equals; else 0 */
    qn_block_ref ref;   /* the block concerned */
    /* CONNECT, DISCONNECT: its parent; GAP: the last block that was delivered */
    qn_block_ref prev;
} qn_follow_event;

/** There is something for next() again, after it answered QN_E_AGAIN. On the
 *  plugin's loop. */
typedef void qn_follow_ready_fn(void *arg, uint64_t follow);

/** chain.follow/1, revision 1. Frozen. */
typedef struct qn_chain_follow_1_r1 {
    qn_head h;

    /** Start following. With a locator whose first hash is known, the stream
     *  starts at that block, also when it is off the active chain (disconnects
     *  come first). With an empty locator it starts before from_height (0:
     *  before genesis, which is then the first CONNECT). QN_E_UNKNOWN_TIP:
     *  nothing was opened and *start is the newest block of the locator that is
     *  on the active chain; roll back to it yourself (or clear your rows) and
     *  open again.
     *  options: NULL: all defaults.
     *  locator: newest first, at most 101.
     *  on_ready: the edge signal.
     *  follow: the subscription; untouched on failure.
     *  start: where the cursor stands; height 0xffffffff: before genesis.
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_UNKNOWN_TIP, QN_E_LIMIT, QN_E_INVAL,
     *    QN_E_BUSY. */
    qn_status (*open)(qn_cap *cap, const qn_follow_options *options, const qn_hash *locator,
                      uint32_t n_locator, qn_follow_ready_fn *on_ready, void *arg, uint64_t *follow,
                      qn_block_ref *start);

    /** The next step; never blocks on validation (it may read a block from
     *  disk). Event and view are valid until the following next() or close() on
     *  this subscription, unless the view is retained. QN_E_AGAIN: nothing
     *  durable to deliver now, on_ready will follow. QN_E_LIMIT: the window is
     *  full, acknowledge first. QN_E_PRUNED, QN_E_IO, QN_E_CORRUPT: the body
     *  could not be read; the cursor has not moved.
     *  follow: the subscription.
     *  event: the step.
     *  view: its block; NULL with HEADERS_ONLY and for GAP.
     *  Returns: QN_OK, QN_E_AGAIN, QN_E_LIMIT, QN_E_CLOSED, QN_E_REVOKED,
     *    QN_E_PRUNED, QN_E_IO, QN_E_CORRUPT, QN_E_NOMEM. */
    qn_status (*next)(qn_cap *cap, uint64_t follow, const qn_follow_event **event,
                      const qn_block_view **view);

    /** Everything up to seq is durable with me. Cumulative; frees the window
     *  and moves the pin.
     *  follow: the subscription.
     *  seq: of an event that was delivered.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_REVOKED, QN_E_INVAL. */
    qn_status (*ack)(qn_cap *cap, uint64_t follow, uint64_t seq);

    /** End the subscription. Its on_ready does not run after this returns.
     *  follow: the subscription.
     *  Returns: QN_OK, QN_E_CLOSED. */
    qn_status (*close)(qn_cap *cap, uint64_t follow);

    /** Keep the view of the current event beyond the following next(). Counts
     *  against the window.
     *  view: as given by next().
     *  Returns: QN_OK, QN_E_REVOKED, QN_E_LIMIT, QN_E_INVAL. */
    qn_status (*retain)(qn_cap *cap, const qn_block_view *view);

    /** Give a retained view back, once per retain().
     *  view: a retained view.
     *  Returns: QN_OK, QN_E_INVAL.
     *  Thread: any. */
    qn_status (*release)(qn_cap *cap, const qn_block_view *view);
} qn_chain_follow_1_r1;

/** The newest revision. */
typedef qn_chain_follow_1_r1 qn_chain_follow_1;
#define QN_CHAIN_FOLLOW_1_ID "chain.follow/1"
#define QN_CHAIN_FOLLOW_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
