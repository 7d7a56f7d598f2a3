/* core/host/watch_pool.h: what the mempool does that somebody watches, kept once for all watchers:
 * the newest news, and the watched transactions that are there now. Others leave no trace. Beside
 * it, which change of the tip is durable. Nothing here knows of plugins or threads but the lock.
 * Internal to core/host. */
#pragma once
#include "core/chain/index.h"
#include "core/mempool/pool.h"
#include "core/watch/match.h"
#include "quoin/types.h"

#define QC_WATCH_NEWS 32768u /* that are kept */
#define QC_WATCH_NEWS_BYTES ((size_t)64 << 20)
#define QC_WATCH_TIPS 1024u

/** A transaction of the mempool with the coins it spends and who watches it. Shared. */
typedef struct qc_watch_tx {
    _Atomic uint32_t refs;
    uint32_t n_hits;
    const qc_mempool_entry *e;
    qc_spent *spent; /* per input; a coin that was not known has no script */
    qc_watch_hit *hit;
} qc_watch_tx;
qc_watch_tx *qc_watch_tx_ref(qc_watch_tx *t);
/** NULL is allowed. Thread: any. */
void qc_watch_tx_unref(qc_watch_tx *t);

typedef struct qc_watch_pool qc_watch_pool;

/** room, bytes: of news that are kept; 0: the defaults. The set is borrowed. Owned:
 *  qc_watch_pool_free(), when nobody is in it any more; NULL is allowed. */
qc_watch_pool *qc_watch_pool_new(qc_watchset *set, uint32_t room, size_t bytes);
void qc_watch_pool_free(QC_OWN qc_watch_pool *p);
/** One more reads it, or one less. Nothing is kept while nobody does. Returns: QC_OK; QC_ENOMEM.
 *  Thread: any. */
QC_MUST_CHECK qc_err qc_watch_pool_enter(qc_watch_pool *p);
void qc_watch_pool_leave(qc_watch_pool *p);
/** Does anybody read? Thread: any. */
bool qc_watch_pool_read(qc_watch_pool *p);

/* ---- what the pool's owner tells; Thread: chain ---- */

/** The tip is another one: what comes next happens under it. Nothing if it is the same. */
void qc_watch_pool_at(qc_watch_pool *p, uint64_t chain_seq, const qc_index *tip);
/** Something could not be kept: whoever reads has to look through all of the pool. */
void qc_watch_pool_lose(qc_watch_pool *p);
/** Returns: whether somebody watches it. */
bool qc_watch_pool_added(qc_watch_pool *p, const qc_mempool_entry *e, const qc_spent *spent);
bool qc_watch_pool_removed(qc_watch_pool *p, const qc_mempool_removed *r);
/** The pool has followed to the tip, and told all that came of it. */
void qc_watch_pool_followed(qc_watch_pool *p);
/** Everything up to this block survives a crash. */
void qc_watch_pool_durable(qc_watch_pool *p, const qc_index *durable);

/* ---- looking through all of the pool for one watcher ---- */

/** One such look. The watcher and the chain thread hold it. */
typedef struct qc_watch_sweep {
    _Atomic uint32_t holders;
    _Atomic bool given_up; /* nobody waits for it */
    _Atomic uint64_t took; /* ns of the chain thread, so far */
    uint16_t owner;
    /* Under the pool's lock until done: */
    bool started, done, failed; /* failed: no memory */
    uint64_t place;             /* of the news: what came before it is in the look, the rest not */
    uint64_t chain_seq;
    qn_block_ref tip;
    qc_watch_tx **tx; /* found; each with a reference */
    size_t n, cap;
} qc_watch_sweep;
/** With two holders. */
qc_watch_sweep *qc_watch_sweep_new(uint16_t owner);
void qc_watch_sweep_let_go(qc_watch_sweep *s);
/** At one moment of the pool. */
void qc_watch_sweep_begin(qc_watch_pool *p, qc_watch_sweep *s);
/** An entry that was there at that moment, and is there now. */
void qc_watch_sweep_entry(qc_watch_pool *p, qc_watch_sweep *s, const qc_mempool_entry *e,
                          const qc_spent *spent);
void qc_watch_sweep_end(qc_watch_pool *p, qc_watch_sweep *s);
/** Out: *began (may be NULL): it has begun, under the change of the tip *chain_seq. Returns: it is
 *  done. Thread: any. */
bool qc_watch_sweep_state(qc_watch_pool *p, const qc_watch_sweep *s, bool *began,
                          uint64_t *chain_seq);

/* ---- readers; Thread: any ---- */

typedef enum qc_watch_news_type {
    QC_NEWS_NONE, /* nothing now */
    QC_NEWS_SEEN,
    QC_NEWS_GONE,
    QC_NEWS_LOST /* there was more than is kept: only a look through all of it helps */
} qc_watch_news_type;

typedef struct qc_watch_news {
    qc_watch_news_type type;
    qc_mempool_why why; /* GONE */
    qc_watch_tx *tx;
    uint64_t chain_seq;
    qn_block_ref tip;
    qc_hash by; /* GONE: as qc_mempool_removed */
} qc_watch_news;

/** The news at *place, of changes of the tip up to `upto`, but none that `until` (may be NULL) has
 *  not taken in. Out: *n, n->tx with a reference; *place is behind it. */
void qc_watch_pool_next(qc_watch_pool *p, uint64_t *place, uint64_t upto,
                        const qc_watch_sweep *until, qc_watch_news *n);
/** Newest durable tip, NULL while it is not known, the change of the tip that it equals, and
 * whether the pool has followed that far. */
const qc_index *qc_watch_pool_tip(qc_watch_pool *p, uint64_t *chain_seq, bool *followed);
