/* core/mempool/graph.h: the mempool as a pure graph. A transaction here is a fee, a size and its
 * dependencies; what is connected by them is a cluster. The graph keeps each cluster in an order
 * that pays miners best (its linearisation), cut into chunks: what would be mined together. It
 * answers who is related, what a replacement does to the fees, what to mine next and what to evict.
 *
 * Two levels: MAIN, and while a staging is open TOP, a tentative copy of it that costs only what is
 * changed in it. Changes go to the staging if one is open, else to main.
 *
 * Cost. Changes are queued in O(1) and applied, cluster by cluster, when a question needs them.
 * With n the count of a cluster (at most 64): applying is O(n^2) word operations for each cluster
 * changed; ordering it costs at most `acceptable_cost` units (about 5 ns each) over a
 * base of O(n^2). Entering or leaving the index of chunks is O(log of all chunks).
 *
 * Memory: about 220 bytes for a transaction alone (48 for itself, 88 for its cluster, 64 for its
 * chunk, 20 for its place in the index); in a cluster 60 each, 72 for the cluster, 84 for each
 * chunk.
 *
 * Memory that is lent (qc_graph_refs and the like) lasts until the next call that takes the graph
 * without const. No allocation fails: exhaustion aborts. Thread: chain, as all of it. */
#pragma once
#include "core/base/err.h"
#include "core/mempool/feesize.h"

/** Names one transaction in one graph. Valid from qc_graph_add() until it is gone from both levels:
 *  with a staging open, what is removed there lives until commit, what is added until abort (or
 *  commit, if it was removed again). A dead ref may be given to another; using it is a bug. */
typedef uint32_t qc_graph_ref;
#define QC_GRAPH_NONE UINT32_MAX
#define QC_GRAPH_MAX_COUNT 64 /* transactions in a cluster, at most */
/** Fees are clamped to +-this, so that sums in a cluster cannot overflow (all money is 2^51). */
#define QC_GRAPH_MAX_FEE ((int64_t)1 << 56)

typedef enum qc_graph_level {
    QC_GRAPH_MAIN,
    QC_GRAPH_TOP, /* the staging if one is open, else main */
} qc_graph_level;

/** Ties between equal rates and sizes: < 0 when the transaction of `a` comes first. A strict total
 *  order that never changes over `user` pointers; called often. Core orders by txid. */
typedef int (*qc_graph_order)(void *ctx, const void *a, const void *b);

typedef struct qc_graph_config {
    uint32_t max_count;       /* transactions in a cluster: 1..64; 0: 64 */
    int64_t max_size;         /* weight of a cluster: 1..INT32_MAX; 0: 404,000 */
    uint64_t acceptable_cost; /* ordering work spent on a cluster at once; 0: 25,000 */
    uint64_t seed;            /* of the random choices; same seed, same history: same results */
    qc_graph_order order;     /* NULL: older refs first */
    void *ctx;                /* for order */
    /* What who walks reads of a user object: asked of memory ahead of the walk. 0 bytes: nothing */
    uint16_t read_at, read_bytes;
} qc_graph_config;

typedef struct qc_graph qc_graph;
/** Borrowed list of transactions. */
typedef struct qc_graph_refs {
    const qc_graph_ref *ref;
    size_t n;
} qc_graph_refs;
/** Borrowed list of chunks. */
typedef struct qc_graph_sums {
    const qc_feesize *chunk;
    size_t n;
} qc_graph_sums;

/** `config` is copied; NULL: defaults. Owned: qc_graph_free() (NULL allowed). */
qc_graph *qc_graph_new(const qc_graph_config *config);
void qc_graph_free(QC_OWN qc_graph *g);

/* ---- changes: to the staging if open, else to main ---- */

/** A new transaction without relations. size > 0. `user` is handed back by qc_graph_user() and to
 *  the order callback. It may be over max_size by itself; the level is then oversized. */
qc_graph_ref qc_graph_add(qc_graph *g, int64_t fee, int32_t size, void *user);
/** Take one transaction out. Its children lose it; grandparents stay related to grandchildren if
 *  it is applied after a question was asked in between, and are not if they were only related
 *  through a dependency still queued. Callers who remove all descendants (or all ancestors) with it
 *  meet neither case. No effect if it is not on the level. In main the ref dies at once. */
void qc_graph_remove(qc_graph *g, qc_graph_ref t);
/** `child` spends `parent`. No effect if either is not on the level, or the relation is there
 *  already. A cycle is a bug. */
void qc_graph_depend(qc_graph *g, qc_graph_ref parent, qc_graph_ref child);
/** Change the fee, on both levels. */
void qc_graph_set_fee(qc_graph *g, qc_graph_ref t, int64_t fee);
/** The owner's object has moved: it must compare as the old one did. */
void qc_graph_set_user(qc_graph *g, qc_graph_ref t, void *user);

/* ---- staging ---- */

/** Open the staging: none may be open, and main may not be oversized. O(1). */
void qc_graph_stage(qc_graph *g);
bool qc_graph_staged(const qc_graph *g);
/** Make the staging main, or forget it. Refs die as said above. Committing an oversized staging is
 *  allowed (main is then oversized). O(changed clusters). */
void qc_graph_commit(qc_graph *g);
void qc_graph_abort(qc_graph *g);
/** Chunks by falling rate of all clusters that differ between the levels: as they are in main, and
 *  as they would be. A staging is open and not oversized. For rules that look at more than
 *  qc_graph_replacement(). */
void qc_graph_diagrams(qc_graph *g, qc_graph_sums *before, qc_graph_sums *after);
/** How the staging's diagram lies to main's. Same conditions. */
qc_diagram qc_graph_replacement(qc_graph *g);

/* ---- questions allowed at any time ---- */

/** The ref is alive and on that level. */
bool qc_graph_exists(const qc_graph *g, qc_graph_level level, qc_graph_ref t);
void *qc_graph_user(const qc_graph *g, qc_graph_ref t);
/** Fee and size of the transaction alone. */
qc_feesize qc_graph_feesize(const qc_graph *g, qc_graph_ref t);
uint32_t qc_graph_count(const qc_graph *g, qc_graph_level level);
/** A cluster is above the limits, queued dependencies counted in. While it is, the questions of the
 *  next two groups may not be asked of that level. */
bool qc_graph_oversized(qc_graph *g, qc_graph_level level);
/** Remove transactions from the top level, with all their descendants, until it is within limits,
 * as Core does after a reorganisation (txgraph: Trim). Where queued dependencies would make a group
 * of clusters too large, its transactions are taken anew one by one: of those whose parents (by
 * queued dependencies) and whose predecessor in the order of their cluster were taken, the one
 * whose chunk there has the best rate; of equals that of the smaller chunk, then by the order
 * callback (where Core has no rule). One that would be connected to too many, or to too much, is
 * left out, and so is all that waits for it. Groups within limits are not touched. What was removed
 * is lent; their refs die with the next change or question, so use `user` first (it can still be
 * asked). Empty when the level was not oversized. Cost: with n transactions in such groups and d
 * queued dependencies O((n + d) log n) steps and as much memory, beside ordering the clusters in
 * question. */
qc_graph_refs qc_graph_trim(qc_graph *g);
/** Comparisons made and links followed by it so far, for tests. */
uint64_t qc_graph_trim_steps(const qc_graph *g);
/** Bytes for main alone (a staging is not counted in). */
size_t qc_graph_memory(qc_graph *g);

/* ---- questions about relations: the level may not be oversized ---- */

/** How many transactions all answers so far have named, each time they did: what questions have
 *  cost, for tests to watch. */
uint64_t qc_graph_named(const qc_graph *g);

/** All with the transaction in its cluster, in mining order of the cluster. Empty if it is not on
 *  the level, as the next ones. */
qc_graph_refs qc_graph_cluster(qc_graph *g, qc_graph_level level, qc_graph_ref t);
/** The chunks of that cluster in order, with the number of transactions in each in counts (room for
 *  64): first counts[0] of qc_graph_cluster() are chunk 0, and so on. */
qc_graph_sums qc_graph_cluster_chunks(qc_graph *g, qc_graph_level level, qc_graph_ref t,
                                      uint32_t counts[static QC_GRAPH_MAX_COUNT]);
/** All ancestors (or descendants) of any of the n, themselves included, each once; ancestors come
 *  before their descendants. Those of the n that are not on the level are ignored. */
qc_graph_refs qc_graph_ancestors(qc_graph *g, qc_graph_level level, const qc_graph_ref *t,
                                 size_t n);
qc_graph_refs qc_graph_descendants(qc_graph *g, qc_graph_level level, const qc_graph_ref *t,
                                   size_t n);
/** Distinct clusters that the n belong to. */
size_t qc_graph_count_clusters(qc_graph *g, qc_graph_level level, const qc_graph_ref *t, size_t n);

/* ---- mining order: main, which may not be oversized ---- */

/** Sum of the chunk that a transaction of main is mined with; {0, 0} if it is not in main. */
qc_feesize qc_graph_chunk(qc_graph *g, qc_graph_ref t);
/** < 0 when a is mined before b. Both are in main. 0 only if they are the same. The order: rate of
 *  the chunk; sum of sizes of the cluster's chunks of that rate up to it; the last of the chunk by
 *  the order callback; place in the cluster (Core txgraph: CompareMainTransactions). */
int qc_graph_compare(qc_graph *g, qc_graph_ref a, qc_graph_ref b);
/** The chunk mined last, for eviction: its members each after all its descendants. Out: *sum.
 *  Empty, and {0, 0}, when main is. */
qc_graph_refs qc_graph_worst(qc_graph *g, qc_feesize *sum);

/** A walk over main's chunks from the best down; one at a time in a graph. No change to main, nor
 *  qc_graph_work(), until it is given up (there is nothing to free). Questions are allowed. */
typedef struct qc_graph_walk {
    qc_graph *graph;
    uint64_t id;
    const struct leaf *leaf; /* where the chunk in hand is in the index */
    uint32_t chunk, place;
    bool skipped; /* something, so far */
} qc_graph_walk;

void qc_graph_walk_start(qc_graph *g, qc_graph_walk *w);
/** The chunk in hand, ancestors first. Out: *sum. Lent until the next walk call. n is 0 at the
 *  end. Asking again gives the same. */
qc_graph_refs qc_graph_walk_chunk(const qc_graph_walk *w, qc_feesize *sum);
/** The same as user pointers. Returns how many. */
size_t qc_graph_walk_users(const qc_graph_walk *w, void *const **user, qc_feesize *sum);
/** Go on; `skip`: the chunk in hand was left out, so what is left of its cluster is too. */
void qc_graph_walk_next(qc_graph_walk *w, bool skip);

/* ---- background ---- */

/** Improve orders, at most `budget` units over the base costs (none for 0). Returns: true when
 *  every cluster of main is known to be ordered optimally (and of the staging if open). Oversized
 *  levels are passed over, and count as not optimal. Nothing becomes worse by it. */
bool qc_graph_work(qc_graph *g, uint64_t budget);
/** Units spent so far on orders, for tests and metrics. */
uint64_t qc_graph_spent(const qc_graph *g);
/** Check every invariant; aborts when one is broken. Slow: for tests and -checkmempool. */
void qc_graph_check(qc_graph *g);
