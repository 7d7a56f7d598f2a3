/* core/sync/txrelay.h: transactions between peers and a pool: behind relay.h, over txdownload.h.
 * Whom to tell of what, and when: at moments that chance decides, together for all inbound peers
 * of a network, in the order in which a miner would take them, no more than a rate allows, and only
 * what the peer wants and does not have (BIP133, BIP37, BIP35; Core net_processing.cpp). What a
 * peer has not been told of it does not get. Thread: chain, unless said otherwise. */
#pragma once
#include "core/btc/amount.h"
#include "core/sync/invbucket.h"
#include "core/sync/txdownload.h"

/** A transaction of the pool; borrowed until the pool changes. */
typedef struct qc_pool_tx {
    const void *entry;
    const qc_tx *tx;
    uint64_t sequence; /* of the pool when it came */
    qc_amount fee;
    int64_t vsize;
} qc_pool_tx;

/** The pool. Every member is set. */
typedef struct qc_relay_pool {
    void *arg;
    /** Out: *out; untouched when it is not there (false). */
    bool (*find)(void *arg, const qc_tx_name *name, qc_pool_tx *out);
    /** < 0: a comes before b in mining order. */
    int (*compare)(void *arg, const qc_pool_tx *a, const qc_pool_tx *b);
    /** Show all of it, in mining order: any other would tell when things came. */
    void (*each)(void *arg, void (*take)(void *to, const qc_pool_tx *tx), void *to);
    /** Try to take them in, as in qc_txdl_pool. What is replaced goes to `spare`. */
    void (*take)(void *arg, const qc_tx *tx, qc_tx_answer *out);
    bool (*take_pair)(void *arg, const qc_tx *parent, const qc_tx *child, qc_tx_answer out[2]);
    /** As in qc_relay_hooks, for what is not known here. */
    bool (*ahead)(void *arg, const qc_tx *tx);
    void (*ahead_over)(void *arg, const qc_tx *tx);
    void (*spare_to)(void *arg, void (*spare)(void *to, const qc_tx *tx), void *to);
    /** Of the next change. */
    uint64_t (*sequence)(void *arg);
    /** Satoshis per 1,000 virtual bytes: what it asks for now, and never less than. */
    int64_t (*min_fee)(void *arg);
    int64_t min_relay;
    /** Our own that nobody has asked for yet. Out: *txid owned, qc_free(). Returns how many. */
    size_t (*unasked)(void *arg, qc_hash **txid);
    /** Somebody has, or it is gone. */
    void (*asked)(void *arg, const qc_hash *txid);
} qc_relay_pool;

typedef struct qc_txrelay qc_txrelay;
typedef struct qc_txrelay_options {
    qc_relay_pool pool;
    qc_siphash_key key; /* random and secret */
    uint64_t (*random)(void *arg);
    void *random_arg;
    int64_t (*now)(void *arg); /* microseconds */
    void *now_arg;
    uint32_t send_rate; /* transactions a second (-txsendrate), up to QC_INV_RATE_MAX */
    /** The peer has sent one that was taken; told once in a second. May be NULL. */
    void (*taken)(void *arg, qc_peer_id id);
    void *taken_arg;
} qc_txrelay_options;

/** Out: owned, qc_txrelay_free(). */
qc_txrelay *qc_txrelay_new(const qc_txrelay_options *o);
/** NULL is allowed. */
void qc_txrelay_free(QC_OWN qc_txrelay *r);
/** For qc_sync_options.relay; borrows `r`. */
qc_relay_hooks qc_txrelay_hooks(qc_txrelay *r);

/** Tell all peers of a transaction of the pool, soon. */
void qc_txrelay_announce(qc_txrelay *r, const qc_hash *wtxid);
/** Our own transactions that nobody asked for are told again every 10 to 15 minutes: so many
 *  microseconds sooner (mockscheduler). */
void qc_txrelay_hurry(qc_txrelay *r, int64_t us);
/** For getorphantxs. */
const qc_orphanage *qc_txrelay_orphans(const qc_txrelay *r);

/** For getnetworkinfo: of inbound peers, and of outbound ones. Tokens in millionths. */
typedef struct qc_txrelay_bucket {
    int64_t backlog, count_tokens, size_tokens;
} qc_txrelay_bucket;
typedef struct qc_txrelay_info {
    uint32_t send_rate;
    qc_txrelay_bucket inbound, outbound;
} qc_txrelay_info;
/** As it was lately. Thread: any. */
void qc_txrelay_info_of(const qc_txrelay *r, qc_txrelay_info *out);
