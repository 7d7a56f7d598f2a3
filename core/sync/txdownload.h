/* core/sync/txdownload.h: which transactions to ask of whom, and what to do with those that come:
 * ask for parents that are missing, try an orphan again when one has come, try a parent that pays
 * too little together with a child, and remember what is not worth asking for (rules: Core
 * node/txdownloadman_impl). It has no clock, no network and no pool; the pool is behind a few
 * calls. Thread: one at a time. */
#pragma once
#include "core/consensus/verdict.h"
#include "core/sync/orphanage.h"
#include "core/sync/relay.h"
#include "core/sync/txrequest.h"

#define QC_TXDL_IN_FLIGHT 100u      /* beyond that a peer's announcements wait longer */
#define QC_TXDL_ANNOUNCEMENTS 5000u /* of one peer */
#define QC_TXDL_DELAY INT64_C(2000000)
#define QC_TXDL_PATIENCE INT64_C(60000000) /* for an answer */

/** What the pool says to a transaction. */
typedef struct qc_tx_answer {
    enum { QC_TX_UNJUDGED, QC_TX_IN, QC_TX_REFUSED } kind;
    qc_verdict v; /* REFUSED */
} qc_tx_answer;

/** The pool, as far as it matters here. */
typedef struct qc_txdl_pool {
    void *arg;
    /** Is it there? */
    bool (*has)(void *arg, const qc_tx_name *name);
    /** Try to take it in. */
    void (*take)(void *arg, const qc_tx *tx, qc_tx_answer *out);
    /** Try a parent and its child together. True: the package is in. Out: of each. */
    bool (*take_pair)(void *arg, const qc_tx *parent, const qc_tx *child, qc_tx_answer out[2]);
    /** It is in; it came from this peer. */
    void (*taken)(void *arg, qc_peer_id from, const qc_tx *tx);
    /** It was refused or is an orphan, but may well be in a block soon. */
    void (*spare)(void *arg, const qc_tx *tx);
    /** The peer must have this parent of what it sent. */
    void (*knows)(void *arg, qc_peer_id peer, const qc_hash *txid);
} qc_txdl_pool;

typedef struct qc_txdl qc_txdl;
typedef struct qc_txdl_options {
    qc_txdl_pool pool;  /* every member is set */
    qc_siphash_key key; /* random and secret */
    uint64_t (*random)(void *arg);
    void *random_arg;
    const qc_orphanage_options *orphans; /* limits; NULL: the usual ones */
    uint32_t rejects;                    /* remembered, of each kind; 0: the usual numbers */
} qc_txdl_options;
/** Out: owned, qc_txdl_free(). */
qc_txdl *qc_txdl_new(const qc_txdl_options *o);
/** NULL is allowed. */
void qc_txdl_free(QC_OWN qc_txdl *d);

typedef struct qc_txdl_peer {
    qc_peer_id id;
    bool preferred; /* asked before others */
    bool trusted;   /* permission relay: no limits */
    bool wtxids;    /* BIP339 */
} qc_txdl_peer;
void qc_txdl_opened(qc_txdl *d, const qc_txdl_peer *p);
void qc_txdl_closed(qc_txdl *d, qc_peer_id id);

/** A peer announced it. True: nothing of it is wanted. now: microseconds. */
bool qc_txdl_announced(qc_txdl *d, qc_peer_id peer, const qc_tx_name *name, int64_t now);
/** What to ask `peer` for now; it counts as asked. Out: *list owned, qc_free(). Returns: QC_OK;
 *  QC_ENOMEM (nothing is lost). */
QC_MUST_CHECK qc_err qc_txdl_ask(qc_txdl *d, qc_peer_id peer, int64_t now, qc_tx_name **list,
                                 size_t *n);
/** The peer has not got it. */
void qc_txdl_missing(qc_txdl *d, qc_peer_id peer, const qc_hash *hash);

typedef enum qc_txdl_fate {
    QC_TXDL_KNOWN, /* not tried: it is here, was refused lately, or only does with a child */
    QC_TXDL_TAKEN,
    QC_TXDL_NOT_TAKEN
} qc_txdl_fate;
/** A transaction came. All that follows from it has been done when this returns, but for work. */
qc_txdl_fate qc_txdl_received(qc_txdl *d, qc_peer_id peer, const qc_tx *tx, int64_t now);

/** Orphans of this peer (of anybody) that can be tried again. */
bool qc_txdl_has_work(const qc_txdl *d, qc_peer_id peer);
bool qc_txdl_any_work(const qc_txdl *d);
/** Try one of them, before the peer's next message. False: there is none. */
bool qc_txdl_work(qc_txdl *d, qc_peer_id peer, int64_t now);

/** Told of the chain. They ask the pool nothing. */
void qc_txdl_connected(qc_txdl *d, const qc_block *b);
void qc_txdl_disconnected(qc_txdl *d);
void qc_txdl_tip(qc_txdl *d);

/** What is here or was refused, so that it need not be asked for. alone: what was refused by itself
 *  only counts as refused. */
bool qc_txdl_knows(const qc_txdl *d, const qc_tx_name *name, bool alone);
const qc_orphanage *qc_txdl_orphans(const qc_txdl *d);
const qc_txreq *qc_txdl_requests(const qc_txdl *d);
