/* core/mempool/linearize.h: the order in which a cluster's transactions are mined best, and its
 * chunks. Pure functions over at most 64 transactions. Thread: any. */
#pragma once
#include "core/base/err.h"
#include "core/mempool/feesize.h"

#define QC_LIN_MAX 64

/** A cluster. Sets of transactions are bits of 64. */
typedef struct qc_lin_graph {
    uint32_t n;                 /* 1..64 */
    qc_feesize own[QC_LIN_MAX]; /* |fee| <= 2^56, size > 0, all sizes together <= INT32_MAX */
    uint64_t anc[QC_LIN_MAX];   /* all ancestors of i, and i; none is above i */
} qc_lin_graph;

/** < 0 when i comes before j where nothing else decides. A strict total order. */
typedef int (*qc_lin_tie)(void *ctx, uint32_t i, uint32_t j);

typedef struct qc_lin_order {
    uint8_t at[QC_LIN_MAX]; /* the k-th to be mined */
    uint64_t ends;          /* bit k: a chunk ends with the k-th */
    uint64_t cost;          /* units spent, base included */
    bool optimal;           /* no order can have a better diagram; chunks are the smallest */
} qc_lin_order;

typedef struct qc_lin_task {
    const qc_lin_graph *graph;
    bool keep;       /* 0, 1, ... n-1 is an earlier result, to be at least equalled */
    uint64_t budget; /* units for improving */
    uint64_t *rng;   /* state of the random choices: in and out */
    qc_lin_tie tie;  /* NULL: by index */
    void *ctx;
} qc_lin_task;

/** Units, at most, that one step of improving takes in a cluster of n, and that all else takes. */
#define QC_LIN_STEP(n) (8 * (uint64_t)(n) * (n) + 16)
#define QC_LIN_BASE(n) (25 * (uint64_t)(n) * (n) + 32 * (uint64_t)(n))

/** Order a cluster. The result respects the dependencies; its chunks are connected and sorted by
 *  falling rate; its diagram is nowhere below that of repeatedly taking the ancestor set with the
 *  best rate, nor, with `keep`, below that of the earlier order. Cost: at most budget +
 *  QC_LIN_STEP(n) + QC_LIN_BASE(n). Same task, same result. An optimal order is the one that Core
 *  has for the cluster: the smallest chunks, of equal rates the smaller one first, then the one
 *  whose last member by `tie` is earlier; within a chunk by rate, size and `tie`, then polished. */
void qc_lin_run(const qc_lin_task *task, qc_lin_order *out);

/** Take the ancestor set of the best rate, again and again. Out: order[0..n-1]. */
void qc_lin_ancestors(const qc_lin_graph *g, uint8_t *order);
/** From two orders that respect dependencies one that is nowhere below either. out may be `a`. */
void qc_lin_merge(const qc_lin_graph *g, const uint8_t *a, const uint8_t *b, uint8_t *out);
/** Improve an order that respects dependencies, so that its diagram is nowhere below what it was
 * and its chunks are connected (Core cluster_linearize: PostLinearize). Of an optimal order only
 * the places within each chunk change. At most n^2 comparisons of two groups. */
void qc_lin_polish(const qc_lin_graph *g, uint8_t *order);
/** Cut an order into its chunks: each the best prefix of what is left. Out: sums[0..]; *ends
 *  unless NULL. Returns how many. */
size_t qc_lin_chunks(const qc_lin_graph *g, const uint8_t *order, qc_feesize *sums, uint64_t *ends);
