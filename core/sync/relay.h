/* core/sync/relay.h: what a pool of transactions is told of peers, and what it is asked on their
 * behalf. Before it is told, limits and manners of the protocol have been seen to: who may send
 * transactions at all, BIP339, sizes, the initial download. Nothing here keeps a transaction. */
#pragma once
#include "core/btc/block.h"
#include "core/net/net.h"
#include "core/sync/extra.h"
#include "core/sync/peerfilter.h"

/** A transaction by one of its two names. */
typedef struct qc_tx_name {
    qc_hash hash;
    bool wtxid; /* else txid */
} qc_tx_name;

/** What a peer wants to hear of. */
typedef struct qc_relay_view {
    qc_peer_id id;
    bool wants;             /* any transactions at all */
    int64_t fee_filter;     /* satoshis per 1,000 virtual bytes: none that pay less */
    qc_peer_filter *filter; /* only what matches; NULL: all */
} qc_relay_view;

/** What is to be said to a peer: what it is told of, and what it is asked for. Both lists owned:
 *  qc_free(). */
typedef struct qc_relay_say {
    qc_tx_name *tell, *ask;
    size_t n_tell, n_ask;
} qc_relay_say;

/** For getpeerinfo. */
typedef struct qc_relay_stats {
    uint64_t inv_sequence; /* of the pool, when the peer was last told of transactions */
    size_t inv_to_send;    /* transactions it is to be told of */
    qc_unixtime last_tx;   /* when it last sent one that was taken; 0: never */
} qc_relay_stats;

#define QC_RELAY_ANYBODY ((qc_peer_id)-1)

/** Any member may be NULL. Thread: chain. */
typedef struct qc_relay_hooks {
    void *arg;
    /** Before all others: where to leave what is in no pool but may well be in the next block.
     *  Borrowed until the conversations end. */
    void (*begin)(void *arg, qc_extra *extra);
    /** A peer whose handshake is over, and its end. preferred: asked before others. */
    void (*opened)(void *arg, const qc_peer_info *p, bool preferred);
    void (*closed)(void *arg, qc_peer_id id);
    /** The peer has it. The same may be told any number of times. Returns: is there no need to ask
     *  for it? */
    bool (*announced)(void *arg, qc_peer_id id, const qc_tx_name *name);
    /** It came, asked for or not; well-formed, nothing else is known of it. Borrowed for the call.
     */
    void (*received)(void *arg, qc_peer_id id, const qc_tx *tx);
    /** It is in line to be `received`. May begin on it; true: it has, borrows the transaction, and
     *  is told of the end: after `received`, or when there will be none. */
    bool (*ahead)(void *arg, const qc_tx *tx);
    void (*ahead_over)(void *arg, const qc_tx *tx);
    /** The peer has not got it after all. */
    void (*missing)(void *arg, qc_peer_id id, const qc_tx_name *name);
    /** The peer wants to hear of all there is (BIP35), and may. */
    void (*wants_all)(void *arg, qc_peer_id id);
    /** May the peer have it, and what is it? Appends the transaction, with its witness or without.
     *  False: no, and nothing is appended that counts. */
    bool (*give)(void *arg, qc_peer_id id, const qc_tx_name *name, bool witness, qc_bytes *out);
    /** What a peer is due to be told of. now: microseconds. Out: out->tell and its number, zeroed
     *  before. */
    void (*say)(void *arg, const qc_relay_view *v, int64_t now, qc_relay_say *out);
    /** What a peer is due to be asked for, which it then counts as; of every peer whose
     *  announcements are told, whatever it wants itself: what it has announced keeps others from
     *  being asked. Out: out->ask and its number, zeroed before. */
    void (*ask)(void *arg, qc_peer_id id, int64_t now, qc_relay_say *out);
    /** Is there work to do for a peer (or for anybody) before its next message? */
    bool (*has_work)(void *arg, qc_peer_id id);
    /** Do a piece of it. */
    void (*work)(void *arg, qc_peer_id id);
    /** Fee rate, in satoshis per 1,000 virtual bytes, below which a peer need not announce
     *  anything. */
    int64_t (*fee_floor)(void *arg);
    /** The same, rounded so that it does not tell what is in the pool. NULL: as it is. */
    int64_t (*fee_round)(void *arg, int64_t fee);
    /** Of a peer; untouched when there is no such. */
    void (*stats)(void *arg, qc_peer_id id, qc_relay_stats *out);
    /** Every now and then. now: microseconds. */
    void (*tick)(void *arg, int64_t now);
    /** Of the chain, but not during the initial download: a block has connected, one has left, all
     *  of a change has been told. The first two may ask no pool that follows the chain. */
    void (*connected)(void *arg, const qc_block *b);
    void (*disconnected)(void *arg);
    void (*tip)(void *arg);
} qc_relay_hooks;

/** Told to a peer that need not announce anything: the largest rate that Core rounds to. */
#define QC_RELAY_NOTHING 9936506
