/* core/host/feed.h: the rules of mempool.follow. The newest events of the pool, kept once for all
 * who follow; each reader has a snapshot of its own, a place in the feed, and what it may take now.
 * Nothing here knows of plugins or threads but the lock. Internal to core/host. */
#pragma once
#include "core/chain/index.h"
#include "core/base/err.h"
#include "quoin/mempool_follow.h"

#define QC_FEED_EVENTS 32768u
#define QC_FEED_GIVEN 1024u /* events that a reader takes at once */
#define QC_FEED_TIPS                                                                               \
    1024u /* changes of the tip that are not durable yet; older ones are as the                    \
             oldest of these */

typedef struct qc_feed qc_feed;

/** room: how many events are kept (0: QC_FEED_EVENTS). Owned: qc_feed_free(), NULL is allowed. */
qc_feed *qc_feed_new(uint32_t room, uint64_t epoch);
void qc_feed_free(QC_OWN qc_feed *f);
/** One more reads it, or one less. Events are kept only while somebody does. Returns: QC_OK;
 *  QC_ENOMEM. Thread: any. */
QC_MUST_CHECK qc_err qc_feed_enter(qc_feed *f);
void qc_feed_leave(qc_feed *f);
/** Does anybody read? Thread: any. */
bool qc_feed_read(const qc_feed *f);

/* ---- what the pool's owner tells; Thread: chain ---- */

/** The tip is another one: what comes next happens under it. Nothing if it is the same. */
void qc_feed_at(qc_feed *f, uint64_t chain_seq, const qc_index *tip);
/** An event under that tip; its epoch, chain_seq, tip and height are filled in. */
void qc_feed_tell(qc_feed *f, const qn_mempool_event *e);
/** The pool has followed to the tip: a TIP, once for each. */
void qc_feed_followed(qc_feed *f);
/** Everything up to this block survives a crash. */
void qc_feed_durable(qc_feed *f, const qc_index *durable);

/* ---- readers ---- */

/** An entry of a snapshot. */
typedef struct qc_feed_entry {
    qn_hash txid, wtxid;
    int64_t fee, vsize, weight, time;
} qc_feed_entry;

/** What the pool holds at one moment, and where the feed goes on from there. */
typedef struct qc_snapshot {
    qc_feed_entry *entry; /* owned: qc_free() */
    size_t n;
    uint64_t from; /* place in the feed of the first event that it has not taken in */
    uint64_t chain_seq, sequence;
    qn_hash tip;
    uint32_t height;
} qc_snapshot;
/** Fill in all but the entries, which are the pool's of this very moment. Thread: chain. */
void qc_feed_mark(qc_feed *f, uint64_t sequence, qc_snapshot *s);

typedef struct qc_feed_reader {
    qc_feed *feed;
    enum { QC_READER_WANTS, QC_READER_SNAPSHOT, QC_READER_LIVE } state;
    qc_snapshot snap;
    size_t at;      /* entries of it that were given */
    uint64_t place; /* in the feed */
    uint64_t seq, acked;
    uint32_t window;
} qc_feed_reader;

/** Out: *r; qc_feed_reader_close(). Returns: as qc_feed_enter(). */
QC_MUST_CHECK qc_err qc_feed_reader_open(qc_feed_reader *r, qc_feed *f, uint32_t window);
void qc_feed_reader_close(qc_feed_reader *r);
/** It wants a snapshot (state QC_READER_WANTS): here it is. Takes its entries. */
void qc_feed_reader_start(qc_feed_reader *r, QC_OWN qc_snapshot *s);
/** The next events, at most `max` (>= 1). Out: *n. Returns: QN_OK (*n >= 1); QN_E_AGAIN;
 *  QN_E_LIMIT: too many are unacknowledged. */
qn_status qc_feed_reader_next(qc_feed_reader *r, qn_mempool_event *out, uint32_t max, uint32_t *n);
/** QN_E_INVAL: never given. */
qn_status qc_feed_reader_ack(qc_feed_reader *r, uint64_t seq);
