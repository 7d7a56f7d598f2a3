/* core/mempool/pool.h: the transactions that wait for a block. It follows the chain by itself: a
 * block that connects takes its transactions and what conflicts with them, one that leaves gives
 * them back. Transactions come in through accept.h alone. Facts: Core txmempool, validation.cpp.
 *
 * Thread: chain, all of it. Between `connected` or `disconnected` of a block and `settled` of the
 * chain (qc_chain_events) pool and chain disagree: nothing of this may be called from there. */
#pragma once
#include "core/chain/chain.h"
#include "core/mempool/policy.h"

typedef struct qc_mempool qc_mempool;

#define QC_MEMPOOL_HEIGHT                                                                          \
    0x7fffffffu /* height of a coin that an entry makes (Core MEMPOOL_HEIGHT) */
#define QC_MEMPOOL_MAX_BYTES 300000000u
#define QC_MEMPOOL_EXPIRY (336 * 3600)
#define QC_MEMPOOL_CLUSTER_COUNT 64u
#define QC_MEMPOOL_CLUSTER_VBYTES 101000
#define QC_MEMPOOL_LEAST_CLUSTERS 40 /* of the largest size that a pool must have room for */
#define QC_MEMPOOL_LISTENERS 8

typedef struct qc_mempool_options {
    qc_chain *chain;        /* borrowed for the pool's life */
    qc_policy policy;       /* copied */
    size_t max_bytes;       /* of memory: -maxmempool, times 1,000,000 */
    int64_t expiry;         /* seconds: -mempoolexpiry */
    uint32_t cluster_count; /* -limitclustercount: transactions */
    int64_t cluster_vbytes; /* -limitclustersize, times 1,000 */
    unsigned check_ratio;   /* -checkmempool: one change of the tip of so many is followed by a
                               check of everything; 0: none */
    uint64_t seed;          /* of cluster linearisation; 0: from the system. Fixed in tests */
} qc_mempool_options;
/** Core's defaults; `chain` is set, the policy is qc_policy_default(). */
qc_mempool_options qc_mempool_defaults(qc_chain *chain);

/** Make an empty pool that listens to its chain: before the chain thread runs. Out: owned,
 *  qc_mempool_free(). Returns: QC_OK; QC_ENOMEM; QC_ERANGE (max_bytes is not 0 and less than
 *  QC_MEMPOOL_LEAST_CLUSTERS times cluster_vbytes). */
QC_MUST_CHECK qc_err qc_mempool_new(qc_mempool **out, const qc_mempool_options *o);
/** The chain tells nothing any more: after qc_chain_close(). NULL is allowed. */
void qc_mempool_free(QC_OWN qc_mempool *m);
const qc_policy *qc_mempool_policy(const qc_mempool *m);          /* any thread */
const qc_mempool_options *qc_mempool_limits(const qc_mempool *m); /* as given; any thread */

/* ---- entries ---- */

/** Until when BIP68 locks the transaction, and what that depends on. */
typedef struct qc_lock_points {
    int32_t height;            /* last block that is too early; -1: none */
    int64_t time;              /* last median time that is too early; -1: none */
    const qc_index *max_input; /* highest block with a locked coin: while it is in the active chain,
                                  the others hold. NULL: not locked */
} qc_lock_points;

/** A transaction in the pool. Fixed unless said otherwise. Alive while it is in the pool, and
 * longer for those who hold a reference. Its memory is four lines of the cache, of which filling a
 * block reads the last, and another piece for inputs, outputs and bytes. */
typedef struct qc_mempool_entry {
    qc_tx tx;               /* of this entry's own memory; its record is `rec` */
    qc_amount modified_fee; /* with the operator's delta (changes) */
    uint64_t sequence;      /* of the pool when it came; 0: from a block that left the chain */
    qc_unixtime time;       /* when it came */
    int64_t adjusted_weight;
    int64_t vsize;   /* virtual bytes of adjusted_weight */
    uint32_t height; /* of the tip when it came */
    bool spends_coinbase;
    bool inside, told;    /* the pool's own, as the next four */
    qc_lock_points locks; /* (changes) */
    uint32_t ref;         /* qc_graph_ref */
    uint32_t place;       /* in random order */
    uint64_t mark;        /* of the walk that saw it last */
    size_t usage;
    qn_tx_rec rec; /* its ids are a line */
    /* What filling a block reads: the rest of the record, and this. */
    qc_amount fee;
    uint32_t sigop_cost;
    _Atomic uint32_t refs;
    struct qc_slab *slab; /* that it is of; NULL: of none */
} qc_mempool_entry;
_Static_assert(sizeof(void *) < 8 ||
                   (offsetof(qc_mempool_entry, rec) == 128 && sizeof(qc_mempool_entry) == 256),
               "an entry is four lines");

static inline const qc_hash *qc_entry_txid(const qc_mempool_entry *e)
{
    return (const qc_hash *)e->rec.txid;
}
static inline const qc_hash *qc_entry_wtxid(const qc_mempool_entry *e)
{
    return (const qc_hash *)e->rec.wtxid;
}
/** Keep it for longer. Thread: chain, or any that has a reference. */
const qc_mempool_entry *qc_mempool_entry_ref(const qc_mempool_entry *e);
/** NULL is allowed. Thread: any. */
void qc_mempool_entry_unref(const qc_mempool_entry *e);

/** A copy of `tx` as an entry that is in no pool, with nothing else set and one reference. Its
 * memory is of `slab` (sizeof(qc_mempool_entry)), which may be NULL. NULL: no memory. Thread: any.
 */
qc_mempool_entry *qc_entry_new(struct qc_slab *slab, const qc_tx *tx);

/* Lookups return what is borrowed until the pool changes; NULL: not here. */
const qc_mempool_entry *qc_mempool_find(const qc_mempool *m, const qc_hash *txid);
const qc_mempool_entry *qc_mempool_find_wtxid(const qc_mempool *m, const qc_hash *wtxid);
/** The entry that spends this output, whoever made it. */
const qc_mempool_entry *qc_mempool_spender(const qc_mempool *m, const qc_outpoint *o);
size_t qc_mempool_count(const qc_mempool *m);
/** Entry i < count, in an order that says nothing and that every removal changes. */
const qc_mempool_entry *qc_mempool_at(const qc_mempool *m, size_t i);
/** A coin of the chain with the pool on top: what entries make is there (height
 *  QC_MEMPOOL_HEIGHT), what they spend is there too: see qc_mempool_spender(). Out: *out (NULL:
 *  only ask), its script borrowed until the pool or the chain changes. Returns: QC_OK; QC_ENOENT;
 *  as qc_chain_coin(). */
QC_MUST_CHECK qc_err qc_mempool_coin(const qc_mempool *m, const qc_outpoint *o, qc_spent *out);

/** Some entries. Owned: qc_mempool_list_clear(). */
typedef struct qc_mempool_list {
    const qc_mempool_entry **e; /* borrowed until the pool changes */
    size_t n;
} qc_mempool_list;
void qc_mempool_list_clear(qc_mempool_list *l);
/** By the bytes of txids, as Core sorts them (uint256.h). */
void qc_mempool_list_sort(qc_mempool_list *l);
/* Each fills *out, which it overwrites. Aborts when memory runs out. Parents and children are the
 * direct ones: parents sorted by txid as text, children by its bytes; ancestors and descendants
 * leave the entry itself out, the cluster has it, and is in mining order. */
void qc_mempool_parents(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out);
void qc_mempool_children(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out);
void qc_mempool_ancestors(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out);
void qc_mempool_descendants(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out);
void qc_mempool_cluster(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out);
/** Everything, in mining order: the best chunk first, parents before children. */
void qc_mempool_sorted(const qc_mempool *m, qc_mempool_list *out);
/** < 0: `a` comes before `b` in mining order. */
int qc_mempool_compare(const qc_mempool *m, const qc_mempool_entry *a, const qc_mempool_entry *b);

/** Sums over relatives, the entry itself among them; fees as modified. */
typedef struct qc_mempool_family {
    size_t ancestors, descendants, cluster; /* transactions */
    int64_t ancestor_vsize, descendant_vsize;
    qc_amount ancestor_fees, descendant_fees;
    qc_amount chunk_fee; /* of its chunk */
    int64_t chunk_weight;
} qc_mempool_family;
void qc_mempool_family_of(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_family *out);
/** Does it or an unconfirmed ancestor signal replaceability (BIP125)? */
bool qc_mempool_signals(const qc_mempool *m, const qc_mempool_entry *e);

/* ---- the whole ---- */

typedef struct qc_mempool_info {
    size_t count;
    uint64_t vbytes;
    qc_amount fees;     /* not modified */
    size_t usage;       /* bytes of memory */
    size_t unbroadcast; /* count */
    uint64_t sequence;  /* of the next event */
    uint64_t updates;   /* goes up with every change, also of a fee (Core GetTransactionsUpdated) */
    qc_feerate min_fee; /* the pool's own minimum; 0 while there is room (changes with time) */
    bool optimal;       /* all clusters are known to be in their best order */
    bool load_tried;    /* see persist.h */
} qc_mempool_info;
void qc_mempool_info_of(qc_mempool *m, qc_mempool_info *out);
/** The pool's own minimum: after an eviction what was evicted paid and the incremental fee, halved
 *  every 12 hours once a block has come, more often when there is much room. */
qc_feerate qc_mempool_min_fee(qc_mempool *m);
uint64_t qc_mempool_sequence(const qc_mempool *m);
/** qc_mempool_info.updates. Thread: any. */
uint64_t qc_mempool_updates(const qc_mempool *m);

/** Fees against weight, chunk by chunk from the best: sums, starting with (0, 0). */
typedef struct qc_mempool_point {
    qc_amount fee;
    int64_t weight;
} qc_mempool_point;
/** Out: *out owned qc_free(). Aborts when memory runs out. */
size_t qc_mempool_diagram(const qc_mempool *m, qc_mempool_point **out);

/** Filling a block: chunks from the best, each taken or left; when one is left, the rest of its
 *  cluster is too. While it lives the pool must not change. Owned: qc_mempool_build_end(). */
typedef struct qc_mempool_build qc_mempool_build;
qc_mempool_build *qc_mempool_build_start(const qc_mempool *m);
/** The chunk that comes next, parents before children. Out: *e borrowed until the next call on the
 *  builder; the chunk's modified fee and adjusted weight. Returns how many; 0: no more. */
size_t qc_mempool_build_chunk(qc_mempool_build *b, const qc_mempool_entry *const **e,
                              qc_mempool_point *sum);
void qc_mempool_build_take(qc_mempool_build *b);
void qc_mempool_build_skip(qc_mempool_build *b);
/** NULL is allowed. */
void qc_mempool_build_end(QC_OWN qc_mempool_build *b);

/* ---- the operator's say ---- */

/** Add to what the transaction seems to pay, whether it is here or not yet; saturates. A sum of 0
 *  is forgotten. */
void qc_mempool_prioritise(qc_mempool *m, const qc_hash *txid, qc_amount delta);
/** The sum so far; 0: none. */
qc_amount qc_mempool_delta(const qc_mempool *m, const qc_hash *txid);
typedef struct qc_mempool_delta_rec {
    qc_hash txid;
    qc_amount delta;
} qc_mempool_delta_rec;
/** All sums, sorted by the bytes of txids. Out: *out owned qc_free(). Aborts when memory runs
 *  out. */
size_t qc_mempool_deltas(const qc_mempool *m, qc_mempool_delta_rec **out);

/** Transactions of our own that no peer has asked for yet. One that is not here is not noted. */
void qc_mempool_unbroadcast_add(qc_mempool *m, const qc_hash *txid);
/** A peer has it. */
void qc_mempool_unbroadcast_done(qc_mempool *m, const qc_hash *txid);
bool qc_mempool_unbroadcast(const qc_mempool *m, const qc_hash *txid);
/** Out: *out owned qc_free(), sorted by the bytes of txids. Aborts when memory runs out. */
size_t qc_mempool_unbroadcast_all(const qc_mempool *m, qc_hash **out);

/** Remove what is older than the expiry and, while memory is short, the worst chunks. accept.h and
 *  blocks do this by themselves; a timer may too. */
void qc_mempool_trim(qc_mempool *m);
/** Every invariant; aborts when one does not hold. Slow. */
void qc_mempool_check(qc_mempool *m);

/* ---- what happens ---- */

typedef enum qc_mempool_why {
    QC_GONE_EXPIRY,    /* "expiry" */
    QC_GONE_SIZELIMIT, /* "sizelimit" */
    QC_GONE_REORG,     /* "reorg" */
    QC_GONE_BLOCK,     /* "block" */
    QC_GONE_CONFLICT,  /* "conflict" */
    QC_GONE_REPLACED   /* "replaced" */
} qc_mempool_why;
const char *qc_mempool_why_text(qc_mempool_why why);

/** Entries are borrowed for the call; take a reference to keep one. */
typedef struct qc_mempool_added {
    const qc_mempool_entry *e;
    uint64_t sequence;    /* number of this event */
    bool limits_bypassed; /* it was in a block */
    bool in_package;
    bool chain_current; /* the chain is up to date, as far as fee estimates go */
    bool no_parents;    /* none of its inputs was unconfirmed */
} qc_mempool_added;
typedef struct qc_mempool_removed {
    const qc_mempool_entry *e; /* no longer in the pool */
    uint64_t sequence;         /* number of this event */
    qc_mempool_why why;
    const qc_hash *by; /* REPLACED: txid of what came instead (of a package: of its first); BLOCK
                          and CONFLICT: hash of the block; else NULL */
} qc_mempool_removed;

/** Told in the order in which it happened, numbers going up by one each; a number is left out only
 *  when a transaction was evicted by its own arrival. What a block does is told after the chain's
 *  `tip` for it. Listeners must not change the pool. Any member may be NULL. */
typedef struct qc_mempool_events {
    void *arg;
    void (*added)(void *arg, const qc_mempool_added *a);
    void (*removed)(void *arg, const qc_mempool_removed *r);
    /** A block has connected; its removals (BLOCK, CONFLICT) came just before. */
    void (*block)(void *arg, const qc_index *i);
    /** Its file has been read, or is not wanted: once, and never when the node stops before. */
    void (*loaded)(void *arg);
} qc_mempool_events;
/** Add a listener. Before the chain thread runs. */
void qc_mempool_listen(qc_mempool *m, const qc_mempool_events *ev);
