/* core/sync/relay.h: what a pool of transactions is told of peers, and what it is asked on their
 * behalf. Before it is told, limits and manners of the protocol have been seen to: who may send
 * transactions at all, BIP339, sizes, the initial download. Nothing here keeps a transaction. */
#pragma once
#include "core/btc/block.h"
#include "core/net/net.h"

/** A transaction by one of its two names. */
typedef struct qc_tx_name {
    qc_hash hash;
    bool wtxid; /* else txid */
} qc_tx_name;

/** Any member may be NULL. Thread: chain. */
typedef struct qc_relay_hooks {
    void *arg;
    /** A peer whose handshake is over, and its end. */
    void (*opened)(void *arg, const qc_peer_info *p);
    void (*closed)(void *arg, qc_peer_id id);
    /** The peer has it. The same may be told any number of times. */
    void (*announced)(void *arg, qc_peer_id id, const qc_tx_name *name);
    /** It came, asked for or not; well-formed, nothing else is known of it. Borrowed for the call.
     */
    void (*received)(void *arg, qc_peer_id id, const qc_tx *tx);
    /** The peer has not got it after all. */
    void (*missing)(void *arg, qc_peer_id id, const qc_tx_name *name);
    /** May the peer have it, and what is it? Appends the transaction, with its witness or without.
     *  False: no, and nothing is appended that counts. */
    bool (*give)(void *arg, qc_peer_id id, const qc_tx_name *name, bool witness, qc_bytes *out);
    /** Fee rate, in satoshis per 1,000 virtual bytes, below which a peer need not announce
     *  anything; rounded so that it does not tell what is in the pool. */
    int64_t (*fee_floor)(void *arg);
} qc_relay_hooks;

/** Told to a peer that need not announce anything: the largest rate that Core rounds to. */
#define QC_RELAY_NOTHING 9936506
