/* core/sync/privatequeue.h: transactions of our own that are not to be known as such: each goes to
 * a few peers, over a connection of its own to each, until it comes back from the network (rules:
 * Core private_broadcast). Which one next, to whom it went, who has it. Pure: times are given.
 * Thread: one at a time. */
#pragma once
#include "core/btc/block.h"
#include "core/crypto/siphash.h"
#include "core/net/net.h"

#define QC_PRIVATE_PEERS 3u    /* that a transaction is to go to at first */
#define QC_PRIVATE_MAX 10000u  /* transactions */
#define QC_PRIVATE_SENDS 1000u /* of one transaction: then it rests until it is added again */

typedef struct qc_privq qc_privq;

/** key: random and secret. most, sends: 0: as above. Out: owned, qc_privq_free(). */
qc_privq *qc_privq_new(const qc_siphash_key *key, size_t most, size_t sends);
/** NULL is allowed. */
void qc_privq_free(QC_OWN qc_privq *q);

typedef enum qc_privq_added {
    QC_PRIVQ_ADDED, /* it is new, or was at rest and begins again: it needs QC_PRIVATE_PEERS peers
                     */
    QC_PRIVQ_THERE, /* it is on its way */
    QC_PRIVQ_FULL   /* there are as many as may be, or there is no memory */
} qc_privq_added;
/** Keeps a copy. now: microseconds. */
qc_privq_added qc_privq_add(qc_privq *q, const qc_tx *tx, int64_t now);
/** Returns how many peers have received it; -1: it is not here. */
int64_t qc_privq_remove(qc_privq *q, const qc_hash *wtxid);

/** What to send to this peer, who is at `at`: the one that went to the fewest, of those the one
 *  that the fewest have received, then the one that has waited longest. A peer gets no second one.
 *  Borrowed until it is removed. NULL: nothing is to be sent. */
const qc_tx *qc_privq_pick(qc_privq *q, qc_peer_id peer, const char *at, int64_t now);
/** What was picked for it; NULL: nothing, or it is not here any more. */
const qc_tx *qc_privq_of(const qc_privq *q, qc_peer_id peer);
/** The peer asks for what was picked for it. False: it has asked before, or nothing was picked. */
bool qc_privq_ask(qc_privq *q, qc_peer_id peer);
/** The peer has got it. */
void qc_privq_received(qc_privq *q, qc_peer_id peer, int64_t now);
bool qc_privq_has_received(const qc_privq *q, qc_peer_id peer);
/** Is there anything that can be picked? */
bool qc_privq_pending(const qc_privq *q);

/** One that went to a peer. */
typedef struct qc_privq_send {
    struct qc_privq_send *next; /* that went after it */
    char at[QC_PEER_ADDR_TEXT];
    int64_t sent, received; /* microseconds; received 0: not yet */
} qc_privq_send;
typedef struct qc_privq_info {
    const qc_tx *tx; /* borrowed as from qc_privq_pick() */
    int64_t added;
    size_t sends_left;
    bool stale; /* it should have come back by now: 5 minutes after it was added, while no peer has
                   received it, then a minute after the last one has */
    const qc_privq_send *first; /* in order; borrowed until the queue is changed; NULL: none */
} qc_privq_info;
/** One of them, as it is now. False: it is not here. */
bool qc_privq_get(const qc_privq *q, const qc_hash *wtxid, int64_t now, qc_privq_info *out);
/** Show each; `take` may not change the queue. now: microseconds. */
void qc_privq_each(const qc_privq *q, int64_t now,
                   void (*take)(void *arg, const qc_privq_info *info), void *arg);
