/* quoin/watch.h: events for the scripts and outpoints I named, and nothing
 * else.
 *
 * Name scripts and outpoints; hear of each transaction that pays or spends one
 * of them, in blocks and in the mempool, and how it fares. Nothing of any other
 * transaction is told.
 *
 * The stream is derived from (my cursor, the chain, the mempool, my scripts).
 * For each block that connects: a CONFIRMED for each of its hits, then BLOCK,
 * always; that is the moment to commit, together with the block as the locator
 * of the next open(). For each that leaves: an UNCONFIRMED for each hit, then
 * UNBLOCK. At the tip the mempool comes in: SEEN for each hit, then
 * MEMPOOL_SYNCED; from then on SEEN and GONE as it happens, in one order with
 * the blocks. An UNCONFIRMED is followed by SEEN, CONFIRMED or GONE. A
 * transaction that comes to the mempool while scripts are being added may be
 * SEEN twice in a row.
 *
 * The gap limit. After hits of a block next() gives nothing further of the
 * stream (QN_E_LIMIT) until they are acknowledged. Add what follows from them
 * first, then acknowledge: the same block is then looked through again for what
 * you have added, before its BLOCK comes. So it is with the hits of a rescan,
 * which waits for itself alone: the stream goes on meanwhile, and what you add
 * is afterwards looked for in the blocks that it has passed since. After a SEEN
 * no block connects until it is acknowledged. There is no limit of time; a slow
 * plugin holds up nobody but itself.
 *
 * The hits of a rescan are not told again after a restart once its RESCAN_DONE
 * was handled: commit them then, or rescan anew.
 *
 * The set is not kept by the node. After a restart open with your locator and
 * add your set before the first next(): everything since is told again.
 * Delivery is at least once.
 *
 * A hit is one coin: a transaction that pays two of your scripts is two events
 * in a row, which share their transaction's bytes. chain_seq is as in
 * chain.follow; nothing is told before its tip survives a crash of the node.
 *
 * Made by api/generate.py from api/interfaces/watch.toml: change that, then run it. */
#ifndef QUOIN_WATCH_H
#define QUOIN_WATCH_H
#include "quoin/types.h"
#include "quoin/mempool.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of qn_watch_options. */
#define QN_WATCH_FROM_TIP 1u   /* begin at the tip; with an empty locator only */
#define QN_WATCH_NO_MEMPOOL 2u /* blocks alone: no SEEN, GONE, MEMPOOL_SYNCED */
#define QN_WATCH_NO_TX 4u      /* events carry no bytes of transactions */

/** Flags of add() and its like. */
/* nobody knows of these yet: the mempool of now is not looked through for them */
#define QN_WATCH_ADD_FRESH 1u

/** Types of qn_watch_event. Treat an unknown type as nothing to you. */
#define QN_WATCH_EV_SEEN 1u      /* a hit: the transaction is in the mempool */
#define QN_WATCH_EV_CONFIRMED 2u /* a hit: the transaction is in the block ref */
/* a hit: the block ref, which has it, has left the chain; it may be one that you were not
 * told of */
#define QN_WATCH_EV_UNCONFIRMED 3u
/* a transaction that was SEEN or UNCONFIRMED is not in the mempool any more, for the
 * reason given, and in no block */
#define QN_WATCH_EV_GONE 4u
/* ref is on the chain, on top of prev, and all of its hits have been told: a good moment
 * to commit */
#define QN_WATCH_EV_BLOCK 5u
/* ref has left the chain, and all of its hits have been told; prev is now the newest
 * block */
#define QN_WATCH_EV_UNBLOCK 6u
/* all of the mempool that concerns you has been SEEN since the stream was opened; what
 * you remember from before and was not is gone. Comes again after scripts were added */
#define QN_WATCH_EV_MEMPOOL_SYNCED 7u
#define QN_WATCH_EV_RESCAN_PROGRESS 8u /* the rescan has passed ref */
/* the rescan has ended, for the reason in status, after ref */
#define QN_WATCH_EV_RESCAN_DONE 9u
/* the blocks between prev and ref are pruned and will not come; ref is the next that can */
#define QN_WATCH_EV_GAP 10u

/** Flags of qn_watch_event. */
#define QN_WATCH_EVF_SPENT 1u /* the transaction spends the coin; else it makes it */
/* the coin was named as an outpoint, and cookie is that one's */
#define QN_WATCH_EVF_OUTPOINT 2u
#define QN_WATCH_EVF_COINBASE 4u      /* the transaction is a coinbase */
#define QN_WATCH_EVF_COIN_COINBASE 8u /* with SPENT: the coin is a coinbase's */
/* the block was looked through again for what was added since its hits were told */
#define QN_WATCH_EVF_AGAIN 16u
/* BLOCK, UNBLOCK: nothing further is known of the chain now */
#define QN_WATCH_EVF_TIP 32u
/* RESCAN_DONE: block filters (BIP158) told which blocks to read */
#define QN_WATCH_EVF_FILTERS 64u

/** Why a transaction is gone; an unknown one is like any other. */
#define QN_WATCH_GONE_EXPIRY 1u /* it has waited too long */
/* memory was short, or its cluster too large, and it paid least */
#define QN_WATCH_GONE_SIZE 2u
#define QN_WATCH_GONE_REORG 3u /* a change of the chain has made it invalid */
/* the transaction `by`, which is in a block, spends what it spends */
#define QN_WATCH_GONE_CONFLICT 5u
#define QN_WATCH_GONE_REPLACED 6u /* the transaction `by` came instead */
#define QN_WATCH_GONE_UNKNOWN 7u  /* it left while you did not listen */

/** Flags of qn_watch_rescan. */
#define QN_WATCH_RESCAN_NO_FILTERS 1u /* read every block, also when block filters are there */

/** How to watch. */
typedef struct qn_watch_options {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    uint32_t flags; /* QN_WATCH_*; default 0 */
    /* events that may be unacknowledged, at most the grant's; default the grant's */
    uint32_t window;
    /* with an empty locator: height of the first block to look through, the birthday;
     * default 0 */
    uint32_t from_height;
    uint32_t reserved; /* 0 */
} qn_watch_options;
/* Bits of `set`. */
#define QN_SET_WATCH_OPTIONS_FLAGS 1u
#define QN_SET_WATCH_OPTIONS_WINDOW 2u
#define QN_SET_WATCH_OPTIONS_FROM_HEIGHT 4u

/** A script to be watched; its bytes stand apart. Never changes. */
typedef struct qn_watch_script {
    uint64_t cookie; /* what its events carry; yours to choose */
    /* bytes, at most 10,000; they follow each other in the order of the scripts */
    uint32_t len;
    uint32_t reserved; /* 0 */
} qn_watch_script;

/** A coin whose spending is to be watched. Never changes. */
typedef struct qn_watch_outpoint {
    uint64_t cookie; /* what its events carry */
    qn_hash txid;
    uint32_t n;        /* which output */
    uint32_t reserved; /* 0 */
} qn_watch_outpoint;

/** Which blocks to look through, and for which scripts. */
typedef struct qn_watch_rescan {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    uint32_t flags;        /* QN_WATCH_RESCAN_*; default 0 */
    uint32_t from;         /* first height; default 0 */
    uint32_t to;           /* last height, at most where my stream stands; default: see rescan() */
    uint32_t reserved;     /* 0 */
    uint64_t first_cookie; /* only what has a cookie of at least this; default 0 */
    uint64_t last_cookie;  /* and of at most this; default all */
} qn_watch_rescan;
/* Bits of `set`. */
#define QN_SET_WATCH_RESCAN_FLAGS 1u
#define QN_SET_WATCH_RESCAN_FROM 2u
#define QN_SET_WATCH_RESCAN_TO 4u
#define QN_SET_WATCH_RESCAN_FIRST_COOKIE 8u
#define QN_SET_WATCH_RESCAN_LAST_COOKIE 16u

/** One event. What a type does not speak of is 0. A hit is SEEN, CONFIRMED or
 *  UNCONFIRMED. Never changes. */
typedef struct qn_watch_event {
    uint32_t type;  /* QN_WATCH_EV_* */
    uint32_t flags; /* QN_WATCH_EVF_* */
    uint64_t epoch; /* changes at every start of the node */
    uint64_t seq;   /* +1 per event of this stream; what ack() takes */
    /* SEEN, GONE, MEMPOOL_SYNCED: the change of the tip that the mempool had followed
     * last; BLOCK and UNBLOCK with TIP: the one it equals; else 0 */
    uint64_t chain_seq;
    uint64_t cookie; /* a hit: of the script or outpoint */
    /* CONFIRMED, RESCAN_*: the rescan that tells it; 0: the stream itself */
    uint64_t rescan;
    int64_t value; /* a hit: satoshis of the coin */
    int64_t fee;   /* a hit: satoshis that the transaction pays; -1: not known */
    /* CONFIRMED, UNCONFIRMED, BLOCK, UNBLOCK: time of the block's header; SEEN: when the
     * transaction came; seconds since 1970 */
    int64_t time;
    /* RESCAN_DONE: QN_OK; QN_E_CANCELED; QN_E_PRUNED (ref is the next that is there);
     * QN_E_IO; QN_E_CORRUPT; QN_E_NOMEM */
    int32_t status;
    uint32_t reason;   /* GONE: QN_WATCH_GONE_* */
    uint32_t tx_index; /* CONFIRMED, UNCONFIRMED: place of the transaction in the block */
    uint32_t io;       /* a hit: which output makes, or which input spends the coin */
    /* with SPENT: height of the block that made the coin; 0xffffffff: none yet */
    uint32_t coin_height;
    uint32_t hit;    /* a hit: which of this transaction's it is in this telling, from 0 */
    uint32_t n_hits; /* of how many */
    /* a hit: where the transaction's bytes, witnesses included, begin in the data of this
     * call */
    uint32_t tx_off;
    uint32_t tx_len;     /* how many; 0 with QN_WATCH_NO_TX */
    uint32_t script_off; /* a hit: where the coin's script begins in the data of this call */
    uint32_t script_len; /* how many */
    uint32_t reserved;   /* 0 */
    /* the block concerned; SEEN, GONE, MEMPOOL_SYNCED: the tip that the mempool had
     * followed last */
    qn_block_ref ref;
    /* BLOCK, UNBLOCK: its parent; GAP: the last block that was delivered */
    qn_block_ref prev;
    qn_hash txid;             /* a hit, GONE */
    qn_hash wtxid;            /* a hit, GONE */
    qn_mempool_outpoint coin; /* a hit: the coin */
    qn_hash by;               /* GONE: see QN_WATCH_GONE_*; else 0 */
    uint32_t reserved2;       /* 0 */
} qn_watch_event;

/** What this plugin makes the node keep, all its streams together. */
typedef struct qn_watch_usage {
    uint32_t size;        /* in: bytes the caller has room for; out: bytes filled in */
    uint32_t streams;     /* that are open */
    uint64_t scripts;     /* watched now */
    uint64_t outpoints;   /* watched now */
    uint64_t max_scripts; /* of the grant, outpoints among them */
    uint64_t bytes;       /* of memory that they take */
    uint64_t max_bytes;   /* of the grant */
} qn_watch_usage;

/** There is something for next() again, after it answered QN_E_AGAIN. On the
 *  plugin's loop. */
typedef void qn_watch_ready_fn(void *arg, uint64_t watch);

/** watch/1, revision 1. Frozen. */
typedef struct qn_watch_1_r1 {
    qn_head h;

    /** Begin a stream, which watches nothing yet. With a locator whose first
     *  hash is known it begins at that block, also when it is off the chain
     *  (UNCONFIRMED and UNBLOCK come first). With an empty locator it begins
     *  before from_height, or at the tip with QN_WATCH_FROM_TIP.
     *  QN_E_UNKNOWN_TIP: nothing was opened and *start is the newest block of
     *  the locator that is on the chain; roll back to it yourself and open
     *  again. QN_E_LIMIT: 16 are open.
     *  options: NULL: all defaults.
     *  locator: newest first, at most 101.
     *  on_ready: the edge signal.
     *  watch: the stream; untouched on failure.
     *  start: where it stands; height 0xffffffff: before genesis.
     *  Returns: QN_OK, QN_E_UNKNOWN_TIP, QN_E_LIMIT, QN_E_INVAL, QN_E_BUSY,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*open)(qn_cap *cap, const qn_watch_options *options, const qn_hash *locator,
                      uint32_t n_locator, qn_watch_ready_fn *on_ready, void *arg, uint64_t *watch,
                      qn_block_ref *start);

    /** Watch scripts, many in one call. From the event *armed on nothing of
     *  them is missed; what was before is for rescan(). One that is watched
     *  already takes the new cookie; if that is another one it counts as added
     *  now, and its hits in what is being told or looked through may come
     *  again. All or nothing. QN_E_LIMIT: more than the grant allows.
     *  QN_E_INVAL: the lengths do not fit the bytes, or one is 0 or above
     *  10,000.
     *  watch: the stream.
     *  scripts: at most 65,536.
     *  bytes: of all of them, one after the other; at most 64 MiB.
     *  flags: QN_WATCH_ADD_*.
     *  armed: number of the next event; may be NULL.
     *  Returns: QN_OK, QN_E_LIMIT, QN_E_INVAL, QN_E_NOMEM, QN_E_CLOSED,
     *    QN_E_REVOKED. */
    qn_status (*add)(qn_cap *cap, uint64_t watch, const qn_watch_script *scripts,
                     uint32_t n_scripts, const void *bytes, uint32_t bytes_len, uint32_t flags,
                     uint64_t *armed);

    /** Watch scripts no more; those that are not watched are passed over,
     *  cookies do not matter. No event that comes from now on is about them.
     *  watch: the stream.
     *  scripts: at most 65,536.
     *  bytes: as in add().
     *  Returns: QN_OK, QN_E_INVAL, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*remove)(qn_cap *cap, uint64_t watch, const qn_watch_script *scripts,
                        uint32_t n_scripts, const void *bytes, uint32_t bytes_len);

    /** Watch coins, whatever their scripts: what spends one is a hit with
     *  QN_WATCH_EVF_OUTPOINT. As add(). Coins of watched scripts need not be
     *  named: they are found by their script.
     *  watch: the stream.
     *  outpoints: at most 65,536.
     *  flags: QN_WATCH_ADD_*.
     *  armed: number of the next event; may be NULL.
     *  Returns: QN_OK, QN_E_LIMIT, QN_E_INVAL, QN_E_NOMEM, QN_E_CLOSED,
     *    QN_E_REVOKED. */
    qn_status (*add_outpoints)(qn_cap *cap, uint64_t watch, const qn_watch_outpoint *outpoints,
                               uint32_t n_outpoints, uint32_t flags, uint64_t *armed);

    /** As remove().
     *  watch: the stream.
     *  outpoints: at most 65,536.
     *  Returns: QN_OK, QN_E_INVAL, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*remove_outpoints)(qn_cap *cap, uint64_t watch, const qn_watch_outpoint *outpoints,
                                  uint32_t n_outpoints);

    /** The next events, as many as there are and fit, with their bytes; it
     *  reads blocks, but never waits for validation and ends soon. QN_E_AGAIN:
     *  nothing now, on_ready will follow. QN_E_LIMIT: acknowledge what you have
     *  first. QN_E_SPACE: the first event needs *n_data bytes, offer more;
     *  nothing was taken. A transaction and a script are 4,010,000 bytes at
     *  most. QN_E_IO, QN_E_CORRUPT, QN_E_PRUNED: a block could not be read;
     *  nothing was taken. QN_E_NOMEM: close, and open anew.
     *  watch: the stream.
     *  events: room for at least one; at most 1,024 are given.
     *  data: bytes of transactions and scripts; 65,536 are a good size to begin
     *    with.
     *  Returns: QN_OK, QN_E_AGAIN, QN_E_LIMIT, QN_E_SPACE, QN_E_PRUNED,
     *    QN_E_IO, QN_E_CORRUPT, QN_E_INVAL, QN_E_NOMEM, QN_E_CLOSED,
     *    QN_E_REVOKED. */
    qn_status (*next)(qn_cap *cap, uint64_t watch, qn_watch_event *events, uint32_t max_events,
                      uint32_t *n_events, void *data, uint32_t max_data, uint32_t *n_data);

    /** Everything up to seq has been taken in, and what follows from it has
     *  been added. Cumulative; frees the window and lets the stream go on after
     *  hits.
     *  watch: the stream.
     *  seq: of an event that was delivered.
     *  Returns: QN_OK, QN_E_INVAL, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*ack)(qn_cap *cap, uint64_t watch, uint64_t seq);

    /** Look through blocks that the stream has passed for what is watched now,
     *  and for what is added while it goes on. The hits come as CONFIRMED with
     *  the number of the rescan, among the stream's other events, in the order
     *  of the chain; then a RESCAN_DONE. next() is what drives it. One without
     *  a last height goes on, for what is added while it is under way, to where
     *  the stream stands in the end. Where block filters are there and at most
     *  50,000 scripts and no outpoints are meant they tell which blocks need
     *  not be read. QN_E_PRUNED: nothing was begun, *lowest is the lowest
     *  height that is there. QN_E_LIMIT: 4 are under way. QN_E_INVAL: from is
     *  above to.
     *  watch: the stream.
     *  what: NULL: all defaults.
     *  rescan: its number; untouched on failure.
     *  lowest: lowest height that can be looked through; may be NULL.
     *  Returns: QN_OK, QN_E_PRUNED, QN_E_LIMIT, QN_E_INVAL, QN_E_NOMEM,
     *    QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*rescan)(qn_cap *cap, uint64_t watch, const qn_watch_rescan *what, uint64_t *rescan,
                        uint32_t *lowest);

    /** End a rescan: its RESCAN_DONE comes next, with QN_E_CANCELED.
     *  QN_E_NOTFOUND: it is not under way.
     *  watch: the stream.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*cancel)(qn_cap *cap, uint64_t watch, uint64_t rescan);

    /** What this plugin makes the node keep.
     *  usage: size must be set.
     *  Returns: QN_OK, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*usage)(qn_cap *cap, qn_watch_usage *usage);

    /** End the stream and forget its set. Its on_ready does not run after this
     *  returns.
     *  watch: the stream.
     *  Returns: QN_OK, QN_E_CLOSED. */
    qn_status (*close)(qn_cap *cap, uint64_t watch);
} qn_watch_1_r1;

/** The newest revision. */
typedef qn_watch_1_r1 qn_watch_1;
#define QN_WATCH_1_ID "watch/1"
#define QN_WATCH_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
