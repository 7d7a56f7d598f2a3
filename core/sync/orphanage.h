/* core/sync/orphanage.h: transactions that spend what is not known yet, until it comes. Pure. Rules
 * (Core node/txorphanage): every peer that announced one of them is on record for it. There are two
 * limits, and a peer's fair share of each is its own: memory (weight, 404,000 for every peer with
 * any) and work (3,000 in all: 1 for each pair of transaction and peer, 1 for every 10 inputs of a
 * transaction). Beyond a limit the peer that uses the largest multiple of its share loses its
 * oldest, until all is well; a transaction goes with its last peer. Thread: one at a time. */
#pragma once
#include "core/btc/block.h"
#include "core/crypto/siphash.h"
#include "core/net/net.h"

#define QC_ORPHAN_WEIGHT_MAX 400000u /* a heavier one is standard nowhere */

/** What is kept of one. Counted references: it outlives its place here. */
typedef struct qc_orphan {
    qc_txbuf buf;
    uint32_t refs;
} qc_orphan;
const qc_orphan *qc_orphan_ref(const qc_orphan *o);
/** NULL is allowed. */
void qc_orphan_unref(const qc_orphan *o);
static inline const qc_hash *qc_orphan_wtxid(const qc_orphan *o)
{
    return (const qc_hash *)o->buf.tx.rec->wtxid;
}

typedef struct qc_orphanage qc_orphanage;

typedef struct qc_orphanage_options {
    qc_siphash_key key; /* random and secret */
    uint32_t score;     /* in all; 0: 3,000 */
    int64_t weight;     /* for each peer; 0: 404,000 */
    uint64_t (*random)(void *arg);
    void *random_arg;
} qc_orphanage_options;
/** Out: owned, qc_orphanage_free(). */
qc_orphanage *qc_orphanage_new(const qc_orphanage_options *o);
/** NULL is allowed. */
void qc_orphanage_free(QC_OWN qc_orphanage *o);

/** Keep a copy, `peer` having announced it; one that is here gets the peer added. True: it is new,
 *  which does not say that it is still here. False too when it is too heavy or memory runs out. */
bool qc_orphanage_add(qc_orphanage *o, const qc_tx *tx, qc_peer_id peer);
/** One more who announced it. False: it is not here, or that is on record. */
bool qc_orphanage_add_peer(qc_orphanage *o, const qc_hash *wtxid, qc_peer_id peer);
/** NULL: not here. Borrowed until the orphanage changes. */
const qc_orphan *qc_orphanage_find(const qc_orphanage *o, const qc_hash *wtxid);
bool qc_orphanage_has_from(const qc_orphanage *o, const qc_hash *wtxid, qc_peer_id peer);
/** False: it was not here. */
bool qc_orphanage_erase(qc_orphanage *o, const qc_hash *wtxid);
/** What was its work becomes that of others who announced the same. */
void qc_orphanage_forget_peer(qc_orphanage *o, qc_peer_id peer);
/** Erase what the block holds, or has made impossible. Returns how many. */
size_t qc_orphanage_forget_block(qc_orphanage *o, const qc_block *b);

/** This transaction is known now: each orphan that spends its outputs becomes work of one of its
 *  peers, by chance, unless it is somebody's work already. Whoever loses its place for an orphan
 *  passes the work on. Returns how many. */
size_t qc_orphanage_parent_came(qc_orphanage *o, const qc_tx *parent);
/** Has this peer work; has anybody? */
bool qc_orphanage_has_work(const qc_orphanage *o, qc_peer_id peer);
bool qc_orphanage_any_work(const qc_orphanage *o);
/** The oldest work of a peer, which it then is no longer; it stays here. Out: a reference,
 *  qc_orphan_unref(). NULL: none. */
const qc_orphan *qc_orphanage_take_work(qc_orphanage *o, qc_peer_id peer);
/** What spends outputs of `txid` and was announced by `peer`: what is work first, then the newest
 *  first. Out: *list owned, qc_free(); borrowed entries. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_orphanage_children(const qc_orphanage *o, const qc_hash *txid,
                                           qc_peer_id peer, const qc_orphan ***list, size_t *n);

typedef struct qc_orphanage_usage {
    size_t orphans, announcements; /* of one peer: the same */
    uint32_t score;
    int64_t weight;
} qc_orphanage_usage;
/** Of all, every transaction once; the limits are fixed, the weight's by how many peers there are.
 */
qc_orphanage_usage qc_orphanage_used(const qc_orphanage *o);
qc_orphanage_usage qc_orphanage_used_by(const qc_orphanage *o, qc_peer_id peer);
qc_orphanage_usage qc_orphanage_limit(const qc_orphanage *o);
/** How many links have been followed so far, as a measure of work. */
uint64_t qc_orphanage_steps(const qc_orphanage *o);
/** Show each with its peers, in ascending order; *peers is borrowed for the call. */
void qc_orphanage_each(const qc_orphanage *o,
                       void (*take)(void *arg, const qc_orphan *x, const qc_peer_id *peers,
                                    size_t n),
                       void *arg);
/** For tests: all that should be so is so, else it ends the program. */
void qc_orphanage_check(const qc_orphanage *o);
