/* core/mempool/graph_trim.c: making an oversized level fit, by the rule of Core's txgraph (Trim).
 *
 * The orders that the clusters have now are merged into one, the best chunk first, as far as the
 * dependencies between them let it; what is taken is kept as disjoint sets, connected also by
 * standing next to each other in an old order. So the first of a cluster that does not fit ends it:
 * what stands behind it is never reached, though it may not depend on it. */
#include "core/mempool/graph_internal.h"

#include "core/base/alloc.h"

#define LEFT_ALONE UINT64_MAX /* mark of a cluster whose group is within limits */

typedef struct node {
    qc_graph_ref ref;
    uint32_t waits;     /* for so many that are not taken yet */
    uint32_t up, count; /* disjoint sets of what is taken; count and size hold for roots */
    int64_t size;
    qc_feesize chunk;
    uint32_t seen; /* by the node that last met this root */
    bool follows;  /* the node before it, in one cluster */
    bool taken;
} node;

/* Ends of dependencies on the other side, by node: at[start[i]..start[i + 1]) are those of i. */
typedef struct ends {
    uint32_t *start, *at;
} ends;

typedef struct trim {
    qc_graph *g;
    node *nodes;
    size_t n, nodes_cap;
    dep *deps; /* queued ones between nodes */
    size_t ndeps, deps_cap;
    ends parents, children;
    uint32_t *heap;
    size_t nheap;
} trim;

/* ---- what there is ---- */

/* The members of c, which must be ordered; its mark is then the number of the first. */
static void add_cluster(trim *s, cluster *c)
{
    c->mark = s->n;
    GROW(s->nodes, s->nodes_cap, s->n + c->n);
    for (uint32_t i = 0, from = 0, to = 0; i < c->n; i++) {
        uint32_t id = (uint32_t)s->n++;
        qc_feesize sum = i < to ? s->nodes[id - 1].chunk : (qc_feesize){0, 0};
        if (i == to) {
            qc_cluster_chunk(c, i, &from, &to);
            sum = qc_cluster_sum(s->g, c, from, to);
        }
        s->nodes[id] = (node){.ref = members(c)[i],
                              .waits = i > 0,
                              .up = id,
                              .count = 1,
                              .size = own(s->g, members(c)[i]).size,
                              .chunk = sum,
                              .seen = UINT32_MAX,
                              .follows = i > 0};
    }
}

/* The clusters of the groups that are too large. */
static void gather_clusters(trim *s, int lv)
{
    qc_graph *g = s->g;
    groups all;
    qc_graph_group(g, lv, &all);
    for (uint32_t i = 0; i < all.n; i++) {
        uint32_t r = qc_groups_root(&all, i);
        all.c[i]->mark = LEFT_ALONE;
        if (all.count[r] <= g->cfg.max_count && all.size[r] <= g->cfg.max_size)
            continue;
        qc_graph_order_one(g, all.c[i]);
        add_cluster(s, all.c[i]);
    }
    qc_groups_clear(&all);
}

static void gather_deps(trim *s, int lv)
{
    const layer *l = &s->g->lv[lv];
    for (size_t i = 0; i < l->ndeps; i++) {
        uint32_t p = 0, q = 0;
        const cluster *up = find(s->g, lv, l->deps[i].parent, &p);
        const cluster *down = find(s->g, lv, l->deps[i].child, &q);
        if (down->mark == LEFT_ALONE)
            continue;
        dep d = {(uint32_t)up->mark + p, (uint32_t)down->mark + q};
        GROW(s->deps, s->deps_cap, s->ndeps + 1);
        s->deps[s->ndeps++] = d;
        s->nodes[d.child].waits++;
    }
}

static ends sort_ends(const trim *s, bool by_child)
{
    ends e = {qc_alloc((s->n + 2) * sizeof *e.start), qc_alloc((s->ndeps + 1) * sizeof *e.at)};
    /* Counted two places on, so that filling moves each start to where it belongs. */
    for (size_t i = 0; i < s->ndeps; i++)
        e.start[(by_child ? s->deps[i].child : s->deps[i].parent) + 2]++;
    for (size_t i = 2; i < s->n + 2; i++)
        e.start[i] += e.start[i - 1];
    for (size_t i = 0; i < s->ndeps; i++) {
        dep d = s->deps[i];
        e.at[e.start[(by_child ? d.child : d.parent) + 1]++] = by_child ? d.parent : d.child;
    }
    s->g->trim_steps += 2 * s->ndeps + s->n;
    return e;
}

static void ends_clear(ends *e)
{
    qc_free(e->start);
    qc_free(e->at);
}

/* ---- which is next ---- */

static bool before(const trim *s, uint32_t a, uint32_t b)
{
    const node *x = &s->nodes[a], *y = &s->nodes[b];
    int cmp = qc_feesize_cmp(x->chunk, y->chunk);
    s->g->trim_steps++;
    if (cmp)
        return cmp > 0;
    if (x->chunk.size != y->chunk.size)
        return x->chunk.size < y->chunk.size;
    return qc_graph_tie(s->g, x->ref, y->ref) < 0;
}

static void heap_push(trim *s, uint32_t id)
{
    size_t i = s->nheap++;
    for (; i && before(s, id, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = id;
}

static uint32_t heap_pop(trim *s)
{
    uint32_t best = s->heap[0], id = s->heap[--s->nheap];
    size_t i = 0;
    for (size_t k = 1; k < s->nheap; k = 2 * i + 1) {
        if (k + 1 < s->nheap && before(s, s->heap[k + 1], s->heap[k]))
            k++;
        if (!before(s, s->heap[k], id))
            break;
        s->heap[i] = s->heap[k];
        i = k;
    }
    s->heap[i] = id;
    return best;
}

/* ---- taking ---- */

static uint32_t root_of(trim *s, uint32_t i)
{
    for (; s->nodes[i].up != i; s->g->trim_steps++)
        i = s->nodes[i].up = s->nodes[s->nodes[i].up].up;
    return i;
}

/* The k-th that id waited for, the one before it in its cluster first; UINT32_MAX: no more. */
static uint32_t parent_of(trim *s, uint32_t id, size_t k)
{
    if (s->nodes[id].follows && k-- == 0)
        return id - 1;
    size_t at = s->parents.start[id] + k;
    return at < s->parents.start[id + 1] ? s->parents.at[at] : UINT32_MAX;
}

/* Take node id with the sets of all that it waited for, if that is within limits. */
static bool take(trim *s, uint32_t id)
{
    node *x = &s->nodes[id];
    uint64_t count = 1;
    int64_t size = x->size;
    uint32_t p;
    for (size_t k = 0; (p = parent_of(s, id, k)) != UINT32_MAX; k++) {
        node *r = &s->nodes[root_of(s, p)];
        s->g->trim_steps++;
        if (r->seen == id)
            continue;
        r->seen = id;
        count += r->count;
        size += r->size;
    }
    if (count > s->g->cfg.max_count || size > s->g->cfg.max_size)
        return false;
    for (size_t k = 0; (p = parent_of(s, id, k)) != UINT32_MAX; k++)
        s->nodes[root_of(s, p)].up = id;
    x->count = (uint32_t)count;
    x->size = size;
    return x->taken = true;
}

static void met(trim *s, uint32_t id)
{
    s->g->trim_steps++;
    if (--s->nodes[id].waits == 0)
        heap_push(s, id);
}

static void run(trim *s)
{
    s->heap = qc_alloc((s->n + 1) * sizeof *s->heap);
    s->parents = sort_ends(s, true);
    s->children = sort_ends(s, false);
    for (uint32_t i = 0; i < s->n; i++)
        if (!s->nodes[i].waits)
            heap_push(s, i);
    while (s->nheap) {
        uint32_t id = heap_pop(s);
        if (!take(s, id))
            continue;
        if (id + 1 < s->n && s->nodes[id + 1].follows)
            met(s, id + 1);
        for (uint32_t k = s->children.start[id]; k < s->children.start[id + 1]; k++)
            met(s, s->children.at[k]);
    }
    ends_clear(&s->parents);
    ends_clear(&s->children);
    qc_free(s->heap);
}

/* ---- leaving out ---- */

static void name(qc_graph *g, qc_graph_ref t)
{
    GROW(g->out, g->out_cap, g->nout + 1);
    g->out[g->nout++] = t;
}

/* What is over the limit alone, and in no group. */
static void name_big(qc_graph *g, int lv)
{
    const layer *l = &g->lv[lv];
    for (int q = Q_UNORDERED; l->big && q <= Q_BEST; q++)
        for (size_t i = 0; i < l->list[q].n; i++) {
            cluster *c = l->list[q].v[i];
            if (c->size > g->cfg.max_size && c->epoch != g->epoch)
                name(g, members(c)[0]);
        }
}

qc_graph_refs qc_graph_trim(qc_graph *g)
{
    int lv = g->staged ? STAGE : MAIN;
    g->nout = 0;
    if (qc_graph_apply(g, lv))
        return (qc_graph_refs){g->out, 0};
    trim s = {.g = g};
    gather_clusters(&s, lv);
    gather_deps(&s, lv);
    run(&s);
    for (size_t i = 0; i < s.n; i++)
        if (!s.nodes[i].taken)
            name(g, s.nodes[i].ref);
    name_big(g, lv);
    for (size_t i = 0; i < g->nout; i++)
        qc_graph_remove(g, g->out[i]);
    qc_free(s.nodes);
    qc_free(s.deps);
    return (qc_graph_refs){g->out, g->nout};
}

uint64_t qc_graph_trim_steps(const qc_graph *g)
{
    return g->trim_steps;
}
