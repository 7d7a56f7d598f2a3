/* core/mempool/graph_internal.h: what the graph_*.c share.
 *
 * A cluster is one block of memory with its transactions in their order: place k is bit k of its
 * sets. It is on the list of its level that says what it waits for. Staging: a cluster of main that
 * is to be changed is copied first; transactions know their cluster on either level. */
#pragma once
#include "core/mempool/graph.h"
#include "core/mempool/linearize.h"
#include "core/os/slab.h"

#define BIT(i) ((uint64_t)1 << (i))
#define FIRST(set) ((uint32_t)__builtin_ctzll(set))
#define COUNT(set) ((uint32_t)__builtin_popcountll(set))
#define EACH(i, set)                                                                               \
    for (uint64_t each_##i = (set), i = 0; each_##i && (i = FIRST(each_##i), true);                \
         each_##i &= each_##i - 1)

enum { MAIN, STAGE };
/** What a cluster waits for, in order. */
enum { Q_SPLIT, Q_UNORDERED, Q_GOOD, Q_BEST, Q_COUNT };

typedef struct cluster {
    uint64_t removed; /* places to be taken out; only in Q_SPLIT */
    uint64_t ends;    /* places that end a chunk; in Q_GOOD and Q_BEST */
    uint64_t mark;    /* scratch of one question ... */
    uint64_t epoch;   /* ... this one */
    union {
        uint64_t skip;          /* main: the walk that leaves it out */
        struct cluster *origin; /* staging: what it is a copy of, still the same relations */
    };
    uint32_t at;  /* on its list */
    int32_t size; /* of all */
    uint8_t level, quality;
    uint8_t n;
    bool copied;    /* main: the staging has its own; staging: unused */
    bool known;     /* the order was computed, and is to be at least equalled */
    uint64_t anc[]; /* by place: ancestors and itself, no place above its own; then the refs */
} cluster;

typedef struct tx {
    void *user;
    cluster *in[2]; /* by level; STAGE: NULL as in main, g->gone: removed there */
    int64_t fee;
    int32_t size;
    uint32_t chunk; /* main, when its cluster is in the index, else 0; dead: next of the free */
    uint8_t pos[2]; /* place in its cluster, by level */
    bool alive;
} tx;

#define CHUNK_FEW 3

/** A chunk of main: an entry of the index. Number 0 is none. One line of the cache, with all that a
 *  walk has to know of most. */
typedef struct chunk {
    int64_t fee;
    cluster *c;
    struct leaf *leaf; /* where in the index; free: NULL */
    int32_t size;
    int32_t prefix;        /* size of this and the cluster's earlier chunks of the same rate */
    qc_graph_ref last;     /* of the members, by the order of ties; free: the next free one */
    uint8_t first, n;      /* places */
    bool more;             /* its cluster has later ones */
    void *user[CHUNK_FEW]; /* of its members in order, when they are so few */
} chunk;
_Static_assert(sizeof(void *) < 8 || sizeof(chunk) == QC_CACHE_LINE, "a chunk is one line");

typedef struct dep {
    qc_graph_ref parent, child;
} dep;

typedef struct layer {
    struct {
        cluster **v;
        size_t n, cap;
    } list[Q_COUNT];
    dep *deps; /* queued dependencies */
    size_t ndeps, deps_cap;
    qc_graph_ref *gone; /* main: slots to be freed; staging: removed there */
    size_t ngone, gone_cap;
    uint32_t count; /* transactions */
    uint32_t big;   /* of them over the limit by themselves */
    bool lost;      /* something was removed since deps were last looked at */
    bool over;      /* the deps, as they are, make a cluster too large */
    bool judged;    /* `over` holds for the deps as they are */
    size_t bytes;   /* of clusters */
} layer;

struct qc_graph {
    qc_graph_config cfg;
    uint64_t rng, epoch, spent;
    tx *txs;
    size_t txs_cap, chunks_cap;
    uint32_t ntxs, free_tx;
    chunk *chunks;
    uint32_t nchunks, free_chunk, live_chunks;
    struct leaf *root, *best, *worst; /* the index: top node, first and last leaf */
    size_t index_bytes;
    layer lv[2];
    bool staged;
    cluster *gone;    /* only its address counts */
    cluster **copied; /* main's clusters that the staging has its own of */
    size_t ncopied, copied_cap;
    cluster **hit; /* scratch of one question */
    size_t nhit, hit_cap;
    qc_graph_ref *out; /* lent */
    size_t nout, out_cap;
    uint64_t named; /* members of all answers so far */
    uint64_t trim_steps;
    qc_graph_ref walk_out[QC_GRAPH_MAX_COUNT];
    void *walk_user[QC_GRAPH_MAX_COUNT];
    qc_feesize *sums[2]; /* lent */
    size_t nsums[2], sums_cap[2];
};

static inline uint32_t *members(cluster *c)
{
    return (uint32_t *)(c->anc + c->n);
}
static inline uint64_t all_of(const cluster *c)
{
    return ~(uint64_t)0 >> (64 - c->n);
}
static inline layer *top(qc_graph *g)
{
    return &g->lv[g->staged ? STAGE : MAIN];
}
static inline qc_feesize own(const qc_graph *g, qc_graph_ref t)
{
    return (qc_feesize){g->txs[t].fee, g->txs[t].size};
}
/** The cluster of a live t on that level, *pos its place; NULL if it is not there. */
static inline cluster *find(const qc_graph *g, int lv, qc_graph_ref t, uint32_t *pos)
{
    const tx *x = &g->txs[t];
    cluster *c = lv == STAGE && x->in[STAGE] ? x->in[STAGE] : x->in[MAIN];
    if (!c || c == g->gone)
        return NULL;
    *pos = x->pos[c->level];
    return c;
}

/** Room for `need` elements: a new array if there is none yet. Aborts on exhaustion. */
void *qc_graph_grow(void *v, size_t *cap, size_t need, size_t elem);
#define GROW(v, cap, need)                                                                         \
    do {                                                                                           \
        if ((need) > (cap))                                                                        \
            (v) = qc_graph_grow((v), &(cap), (need), sizeof *(v));                                 \
    } while (0)
/** Of what grows with the pool. `v` is of qc_large_alloc(). */
void *qc_graph_grow_large(void *v, size_t *cap, size_t need, size_t elem);
#define GROW_LARGE(v, cap, need)                                                                   \
    do {                                                                                           \
        if ((need) > (cap))                                                                        \
            (v) = qc_graph_grow_large((v), &(cap), (need), sizeof *(v));                           \
    } while (0)
/** The slot may be used again. */
void qc_graph_free_slot(qc_graph *g, qc_graph_ref t);

/* graph_cluster.c */
/** Of the heap, with what the allocator adds. */
size_t qc_cluster_footprint(uint32_t n);
/** A cluster with room for n on that level, in list q; anc and members are the caller's to fill. */
cluster *qc_cluster_new(qc_graph *g, int lv, uint32_t n, int q);
/** Off its list and freed. Of main: must be off the index. */
void qc_cluster_free(qc_graph *g, cluster *c);
void qc_cluster_move(qc_graph *g, cluster *c, int q);
/** Same cluster, main's list or staging's: for commit. */
void qc_cluster_relevel(qc_graph *g, cluster *c, int lv);
/** Members know where they are. */
void qc_cluster_settle_members(qc_graph *g, cluster *c);
/** Make one of each connected part of what is not removed; the old one is freed. */
void qc_cluster_split(qc_graph *g, cluster *c);
/** One out of m >= 1 (freed), which with the deps is connected and within limits. */
cluster *qc_cluster_merge(qc_graph *g, cluster **from, size_t m, const dep *deps,
                          const uint32_t *next, uint32_t first);
/** Order it, spending at most budget over the base; Q_GOOD or Q_BEST after it. */
void qc_cluster_order(qc_graph *g, cluster *c, uint64_t budget);
/** The chunk that place p is in: its first place, and the one after its last. */
void qc_cluster_chunk(const cluster *c, uint32_t p, uint32_t *from, uint32_t *to);
qc_feesize qc_cluster_sum(const qc_graph *g, cluster *c, uint32_t from, uint32_t to);

/** < 0 when a comes before b where nothing else decides. */
int qc_graph_tie(const qc_graph *g, qc_graph_ref a, qc_graph_ref b);

/* qc_graph_apply.c */
#define GROUPS_FEW 16 /* dependencies: one transaction has seldom more */

/** Clusters that queued dependencies name, as disjoint sets: what is to grow together. */
typedef struct groups {
    cluster **c;
    uint32_t *up; /* itself: a root */
    uint32_t *count;
    int64_t *size;
    uint32_t n;
    cluster *c_few[2 * GROUPS_FEW]; /* room enough, most often */
    uint32_t up_few[2 * GROUPS_FEW], count_few[2 * GROUPS_FEW];
    int64_t size_few[2 * GROUPS_FEW];
} groups;

/** The groups of what is queued; removals are applied already. The mark of each of their clusters
 *  is its number. Out: *s, which qc_groups_clear() gives up. Returns: all are within limits. */
bool qc_graph_group(qc_graph *g, int lv, groups *s);
/** The first of i's group: its count and size are the group's. */
uint32_t qc_groups_root(groups *s, uint32_t i);
void qc_groups_clear(groups *s);
/** Apply what is queued. Returns: false, with dependencies left, when the level is oversized. */
bool qc_graph_apply(qc_graph *g, int lv);
/** After qc_graph_apply(): all clusters of the level are ordered acceptably, main's in the index.
 */
void qc_graph_order_all(qc_graph *g, int lv);
/** The same for one cluster. */
void qc_graph_order_one(qc_graph *g, cluster *c);
/** The level that is meant, applied and not oversized: asserts it. */
int qc_graph_level_of(qc_graph *g, qc_graph_level level);
/** The level's own copy of c, which may be c. For staging. */
cluster *qc_graph_own(qc_graph *g, cluster *c);

/* graph_index.c */
void qc_index_add(qc_graph *g, cluster *c);
/** No effect if it is not in. */
void qc_index_drop(qc_graph *g, cluster *c);
int qc_index_compare(const qc_graph *g, const chunk *a, const chunk *b);
uint32_t qc_index_worst(const qc_graph *g);
/** The best one in hand: w->chunk, 0 when there is none. */
void qc_index_start(const qc_graph *g, qc_graph_walk *w);
/** The next worse. skipping: those now at hand are left out, so that less is asked of memory
 *  ahead. */
void qc_index_next(const qc_graph *g, qc_graph_walk *w, bool skipping);
void qc_index_check(const qc_graph *g);
void qc_index_free(qc_graph *g);
