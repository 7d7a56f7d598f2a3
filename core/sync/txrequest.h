/* core/sync/txrequest.h: who announced which transaction, and whom to ask for it next. Pure: times
 * are given, chance comes from a key (rules: Core txrequest.h).
 *
 * An announcement is a peer and a hash, txid or wtxid alike. It waits until its time; then it is a
 * candidate. Of the candidates for a hash the best one may be asked: preferred peers come first,
 * which one among equals a keyed hash decides, so that nobody can be sure to be asked. While one is
 * asked no other is. Who was asked and failed stays on record, and is not asked again, as long as
 * there is somebody else to ask or an answer to wait for.
 * Each step costs the logarithm of what is recorded. Thread: one at a time. */
#pragma once
#include "core/crypto/siphash.h"
#include "core/sync/relay.h"

typedef struct qc_txreq qc_txreq;

/** key: random and secret. Out: owned, qc_txreq_free(). */
qc_txreq *qc_txreq_new(const qc_siphash_key *key);
/** NULL is allowed. */
void qc_txreq_free(QC_OWN qc_txreq *t);

/** The peer has it and may be asked for it from `at` on (microseconds). Nothing happens when it is
 *  on record for this peer, by either name. */
void qc_txreq_announced(qc_txreq *t, qc_peer_id peer, const qc_tx_name *name, bool preferred,
                        int64_t at);
/** The peer is gone. */
void qc_txreq_forget_peer(qc_txreq *t, qc_peer_id peer);
/** The transaction is not wanted any more from anybody. */
void qc_txreq_forget(qc_txreq *t, const qc_hash *hash);

/** Told of a request that has not been answered in time. It may call nothing of this header. */
typedef void qc_txreq_late(void *arg, qc_peer_id peer, const qc_tx_name *name);
/** What to ask `peer` for now, in the order in which it announced; what has not been answered by
 *  now, by any peer, is given up first and told to `late` (may be NULL).
 *  Out: *list owned, qc_free() (NULL: nothing); *n. Returns: QC_OK; QC_ENOMEM (nothing is lost). */
QC_MUST_CHECK qc_err qc_txreq_due(qc_txreq *t, qc_peer_id peer, int64_t now, qc_txreq_late *late,
                                  void *arg, qc_tx_name **list, size_t *n);
/** It has been asked and has until `until`. Without effect unless it could have been asked. Any
 *  other request of the same hash counts as answered. */
void qc_txreq_asked(qc_txreq *t, qc_peer_id peer, const qc_hash *hash, int64_t until);
/** Its answer has come, be it the transaction or that there is none. */
void qc_txreq_answered(qc_txreq *t, qc_peer_id peer, const qc_hash *hash);

typedef struct qc_txreq_count {
    size_t all, in_flight, candidates; /* the rest has been answered or was late */
} qc_txreq_count;
/** Of one peer. */
qc_txreq_count qc_txreq_count_of(const qc_txreq *t, qc_peer_id peer);
/** Announcements of all peers. */
size_t qc_txreq_size(const qc_txreq *t);
/** Every peer that could still be asked for it, or is being asked. */
void qc_txreq_each_peer(const qc_txreq *t, const qc_hash *hash,
                        void (*take)(void *arg, qc_peer_id peer), void *arg);
/** Who would come first if both could be asked: the higher one. */
uint64_t qc_txreq_priority(const qc_txreq *t, const qc_hash *hash, qc_peer_id peer, bool preferred);
/** For tests: all that should be so is so, else it ends the program. */
void qc_txreq_check(const qc_txreq *t);
