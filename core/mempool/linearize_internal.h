/* core/mempool/linearize_internal.h: the spanning forest, shared by the linearize_*.c. */
#pragma once
#include "core/mempool/linearize.h"

#define BIT(i) ((uint64_t)1 << (i))
#define FIRST(set) ((uint32_t)__builtin_ctzll(set))
#define COUNT(set) ((uint32_t)__builtin_popcountll(set))
/** For each member i of a set. */
#define EACH(i, set)                                                                               \
    for (uint64_t each_##i = (set), i = 0; each_##i && (i = FIRST(each_##i), true);                \
         each_##i &= each_##i - 1)

/** Some dependencies are active; they never form a cycle, even undirected, so what they connect is
 *  a tree: a chunk. A chunk is named by one of its members. */
typedef struct qc_forest {
    const qc_lin_graph *g;
    uint64_t par[QC_LIN_MAX], chi[QC_LIN_MAX];   /* direct dependencies */
    uint64_t apar[QC_LIN_MAX], achi[QC_LIN_MAX]; /* the active ones */
    uint8_t chunk_of[QC_LIN_MAX];
    uint64_t set[QC_LIN_MAX];   /* by chunk: members */
    qc_feesize sum[QC_LIN_MAX]; /* by chunk */
    uint64_t chunks;            /* names in use */
    uint64_t unsure;            /* chunks that may have an edge worth cutting */
    uint32_t cursor;            /* chunks take turns */
    uint64_t *rng;
    uint64_t cost;
} qc_forest;

/** What hangs on each edge of a chunk's tree: node v below its link (towards the root). */
typedef struct qc_forest_tree {
    uint32_t n;
    uint8_t node[QC_LIN_MAX];   /* root first */
    uint8_t link[QC_LIN_MAX];   /* by node: next towards the root */
    qc_feesize sub[QC_LIN_MAX]; /* by node: sum of it and all beyond */
} qc_forest_tree;

/** Direct dependencies of the graph; no chunks yet. */
void qc_forest_init(qc_forest *f, const qc_lin_graph *g, uint64_t *rng);
/** Start from an order that respects dependencies: the diagram is then nowhere below it. */
void qc_forest_load(qc_forest *f, const uint8_t *order);
/** Improve until nothing is left (true: optimal) or `budget` units are spent on it. */
bool qc_forest_improve(qc_forest *f, uint64_t budget);
/** Walk the tree of chunk c. */
void qc_forest_walk(qc_forest *f, uint32_t c, qc_forest_tree *t);
/** The sum on the child's side of the edge between v and its link; *top: the other side. */
qc_feesize qc_forest_bottom(const qc_forest *f, const qc_forest_tree *t, uint32_t v, uint32_t c,
                            qc_feesize *top);
