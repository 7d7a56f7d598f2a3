/* core/sync/private.h: -privatebroadcast: each transaction goes to a few peers over connections of
 * its own, which are asked for here and tell nothing else: inv, the transaction when it is asked
 * for, a ping whose answer says that it came. When it comes back from the network it is done; when
 * it does not, it is sent again while the pool would take it (rules: Core net_processing.cpp).
 * Thread: one at a time; chain in the node. */
#pragma once
#include "core/sync/privatequeue.h"

typedef struct qc_private qc_private;

/** Every member is set. */
typedef struct qc_private_options {
    void *arg;
    qc_siphash_key key; /* random and secret */
    uint64_t (*random)(void *arg);
    int64_t (*now)(void *arg); /* microseconds */
    /** So many connections more, or fewer. */
    void (*want)(void *arg, int64_t more);
    void (*send)(void *arg, qc_peer_id id, const char *name, qc_bytes *payload);
    void (*ping)(void *arg, qc_peer_id id);
    void (*drop)(void *arg, qc_peer_id id, const char *why);
    /** Would the pool take it now? Out: why not, for the log. */
    bool (*is_welcome)(void *arg, const qc_tx *tx, char *why, size_t cap);
} qc_private_options;

/** Out: owned, qc_private_free(). */
qc_private *qc_private_new(const qc_private_options *o);
/** NULL is allowed. */
void qc_private_free(QC_OWN qc_private *p);

/** Send it. It is valid, as far as is known. */
qc_privq_added qc_private_add(qc_private *p, const qc_tx *tx);
/** Stop sending all with this txid or wtxid; each is shown before it goes. Returns how many. */
size_t qc_private_abort(qc_private *p, const qc_hash *id, void (*gone)(void *arg, const qc_tx *tx),
                        void *arg);
/** All there are; borrowed until the next call. */
const qc_privq *qc_private_queue(const qc_private *p);

/** Of connections of type QC_CONN_PRIVATE: the handshake is over; a getdata came; a ping was
 *  answered; it is gone. */
void qc_private_opened(qc_private *p, const qc_peer_info *info);
void qc_private_getdata(qc_private *p, qc_peer_id id, qc_span payload);
void qc_private_pong(qc_private *p, qc_peer_id id);
void qc_private_closed(qc_private *p, qc_peer_id id);

/** A transaction came from another peer. */
void qc_private_heard(qc_private *p, qc_peer_id from, const qc_tx *tx);
/** Now and then: send again what should have come back. */
void qc_private_tick(qc_private *p);
/** ... so much sooner (mockscheduler). */
void qc_private_hurry(qc_private *p, int64_t us);
