/* core/mempool/pool_internal.h: the pool as its own files see it. All of it `Thread: chain`. */
#pragma once
#include "core/base/arith.h"
#include "core/chain/coins.h"
#include "core/mempool/persist.h"
#include "core/mempool/graph.h"
#include "core/mempool/keymap.h"
#include "core/os/slab.h"

#define QC_RETURNED_MAX_BYTES 20000000u /* Core MAX_DISCONNECTED_TX_POOL_BYTES */

/** What happened and has not been told yet. Holds a reference to its entry. */
typedef struct qc_mempool_news {
    enum { QC_NEWS_ADDED, QC_NEWS_REMOVED, QC_NEWS_BLOCK } kind;
    const qc_mempool_entry *e;
    uint64_t sequence;
    qc_mempool_why why;
    bool has_by, limits_bypassed, in_package, chain_current, no_parents;
    qc_hash by;
    const qc_index *block;
} qc_mempool_news;

/** Transactions of blocks that left, latest first: [head, n). */
typedef struct qc_returned {
    qc_mempool_entry **tx; /* NULL: it is in a block again */
    size_t head, n, cap;
    size_t bytes;
    qc_keymap at; /* txid: place in tx[] + 1 as a pointer */
} qc_returned;

/** Transactions that wait while others are let in: ahead.c. */
typedef struct qc_ahead_line qc_ahead_line;

struct qc_mempool {
    qc_mempool_options o;
    qc_chain *chain;
    qc_coins *coins;
    const qc_index *tip; /* whose state the pool is for; NULL: the chain has none yet */
    qc_graph *graph;
    qc_keymap by_txid, by_wtxid, spent; /* entries */
    qc_keymap deltas;                   /* qc_mempool_delta_rec */
    qc_keymap unbroadcast;              /* entries */
    qc_mempool_entry **all;
    qc_slab *slab; /* of entries */
    size_t n, cap;
    uint64_t vbytes;
    qc_amount fees;
    size_t held; /* bytes of the entries */
    uint64_t sequence;
    _Atomic uint64_t updates;
    qc_unixtime oldest; /* no entry came before */
    uint64_t mark;
    uint64_t dice;
    bool load_tried;

    /* the pool's own minimum */
    double min_rate; /* satoshis per 1,000 virtual bytes */
    qc_unixtime min_rate_at;
    bool block_since_bump;

    qc_returned returned;
    bool reorg; /* a block has left since the chain stood still */

    qc_mempool_events listener[QC_MEMPOOL_LISTENERS];
    unsigned n_listener;
    qc_mempool_news *news;
    size_t n_news, cap_news;
    bool chain_moves; /* news wait until the chain has told its own */
    bool telling;

    qc_ahead_line *ahead;
};

static inline qc_mempool_entry *qc_entry_of(const qc_mempool *m, qc_graph_ref r)
{
    return qc_graph_user(m->graph, r);
}

/** Work on orders after a change, in units of the graph (Core POST_CHANGE_COST). */
#define QC_WORK_AFTER_CHANGE 375000u

/* ---- pool.c ---- */
/** Room for one more with n_in inputs, so that qc_pool_insert() cannot fail. */
QC_MUST_CHECK qc_err qc_pool_reserve(qc_mempool *m, size_t more, size_t inputs);
/** Into the indexes; takes the reference. It is in the graph by now. */
void qc_pool_insert(qc_mempool *m, QC_OWN qc_mempool_entry *e);
/** Out of everything, the graph too, and on the news. */
void qc_pool_remove(qc_mempool *m, qc_mempool_entry *e, qc_mempool_why why, const qc_hash *by);
/** With all descendants. */
void qc_pool_remove_tree(qc_mempool *m, qc_mempool_entry *e, qc_mempool_why why, const qc_hash *by);
/** All entries that spend an output of `tx`, which need not be here, and their descendants. */
void qc_pool_remove_spenders(qc_mempool *m, const qc_tx *tx, qc_mempool_why why);
size_t qc_pool_usage(const qc_mempool *m);
void qc_pool_forget_delta(qc_mempool *m, const qc_hash *txid);
/** Entries named by refs, as a list that stays when the graph changes. Aborts when memory runs
 *  out. */
void qc_pool_list(const qc_mempool *m, qc_graph_refs refs, qc_mempool_list *out);
void qc_list_add(qc_mempool_list *l, const qc_mempool_entry *e);
/** By bytes, the first one first (Core uint256.h): not as text. */
int qc_hash_order(const qc_hash *a, const qc_hash *b);

/** Begin a walk: no entry is marked. It ends where the next one begins. */
static inline void qc_pool_walk(qc_mempool *m)
{
    m->mark++;
}
static inline bool qc_pool_marked(const qc_mempool *m, const qc_mempool_entry *e)
{
    return e->mark == m->mark;
}
/** False: it was marked before. */
static inline bool qc_pool_mark(const qc_mempool *m, const qc_mempool_entry *e)
{
    qc_mempool_entry *mine = (qc_mempool_entry *)(uintptr_t)e; /* only its mark is written */
    bool fresh = mine->mark != m->mark;
    mine->mark = m->mark;
    return fresh;
}
/** Begin a walk with these marked. */
static inline void qc_pool_mark_all(qc_mempool *m, const qc_mempool_list *l)
{
    qc_pool_walk(m);
    for (size_t i = 0; i < l->n; i++)
        qc_pool_mark(m, l->e[i]);
}

/* ---- ahead.c ---- */
/** Out: owned, qc_ahead_line_free(): with nothing in it. NULL is allowed. */
qc_ahead_line *qc_ahead_line_new(const qc_chain *c);
void qc_ahead_line_free(QC_OWN qc_ahead_line *l);

/* ---- pool_limits.c ---- */
void qc_pool_note_evicted(qc_mempool *m, qc_feesize chunk);

/* ---- pool_news.c ---- */
void qc_pool_news_added(qc_mempool *m, qc_mempool_entry *e, bool limits_bypassed, bool in_package,
                        bool no_parents);
void qc_pool_news_removed(qc_mempool *m, const qc_mempool_entry *e, qc_mempool_why why,
                          const qc_hash *by);
void qc_pool_news_block(qc_mempool *m, const qc_index *i);
/** Tell what waits, unless the chain is moving. */
void qc_pool_tell(qc_mempool *m);
void qc_pool_news_clear(qc_mempool *m);

/* ---- pool_chain.c ---- */
void qc_pool_follow(qc_mempool *m);
void qc_pool_returned_clear(qc_mempool *m);

/* ---- locks.c ---- */
/** BIP68 for the block after `tip`. spent: one per input; coins of the pool have
 *  QC_MEMPOOL_HEIGHT. */
qc_lock_points qc_locks_of(const qc_tx *tx, const qc_spent *spent, const qc_index *tip);
bool qc_locks_open(const qc_lock_points *l, const qc_index *tip);
/** What they depend on is still in the branch of `tip`. */
bool qc_locks_hold(const qc_lock_points *l, const qc_index *tip);
bool qc_final_at(const qc_tx *tx, const qc_index *tip);

/* ---- accept.c ---- */
/** Let in what was in a block. True: it is here now. */
bool qc_pool_take_back(qc_mempool *m, const qc_tx *tx);
