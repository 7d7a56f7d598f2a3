/* core/mempool/graph_trim.c: making an oversized level fit. Transactions of the clusters that would
 * grow together are taken again one by one, parents first, the best chunk (as it was before) first.
 * One that would join to more than the limit is left out, and so are its descendants. The idea:
 * Core txgraph: Trim. Here only real dependencies keep one waiting for another. */
#include "core/mempool/graph_internal.h"

#include "core/base/alloc.h"

typedef struct node {
    qc_graph_ref ref;
    uint32_t waits;     /* dependencies not taken yet */
    uint32_t up, count; /* disjoint sets of what is taken; count and size hold for roots */
    int64_t size;
    qc_feesize chunk;
    uint32_t seen; /* by the node that last met this root */
    bool taken;
} node;

typedef struct trim {
    qc_graph *g;
    node *nodes;
    size_t n, nodes_cap;
    dep *deps; /* between numbers of nodes */
    size_t ndeps, deps_cap;
    uint32_t *start,
        *with; /* dependencies by child, then by parent: with[start[i]..start[i + 1]) */
    uint32_t *heap;
    size_t nheap;
} trim;

static void add_dep(trim *s, uint32_t parent, uint32_t child)
{
    GROW(s->deps, s->deps_cap, s->ndeps + 1);
    s->deps[s->ndeps++] = (dep){parent, child};
    s->nodes[child].waits++;
}

/* The members of c; its mark is then the number of the first. Once each. */
static void add_cluster(trim *s, cluster *c)
{
    qc_graph *g = s->g;
    if (c->epoch == g->epoch)
        return;
    qc_graph_order_one(g, c);
    c->epoch = g->epoch;
    c->mark = s->n;
    GROW(s->nodes, s->nodes_cap, s->n + c->n);
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t from, to, id = (uint32_t)s->n++;
        qc_cluster_chunk(c, i, &from, &to);
        s->nodes[id] = (node){.ref = members(c)[i],
                              .up = id,
                              .count = 1,
                              .size = own(g, members(c)[i]).size,
                              .chunk = qc_cluster_sum(g, c, from, to),
                              .seen = UINT32_MAX};
    }
    for (uint32_t i = 0; i < c->n; i++)
        for (uint64_t up = c->anc[i] & ~BIT(i); up;) {
            uint32_t p = 63 - (uint32_t)__builtin_clzll(up);
            up &= ~c->anc[p];
            add_dep(s, (uint32_t)c->mark + p, (uint32_t)c->mark + i);
        }
}

static uint32_t number(const trim *s, int lv, qc_graph_ref t)
{
    uint32_t pos = 0;
    const cluster *c = find(s->g, lv, t, &pos);
    QC_ASSERT(c && c->epoch == s->g->epoch);
    return (uint32_t)c->mark + pos;
}

static void gather(trim *s, int lv)
{
    layer *l = &s->g->lv[lv];
    uint32_t pos;
    s->g->epoch++;
    for (size_t i = 0; i < l->ndeps; i++) {
        add_cluster(s, find(s->g, lv, l->deps[i].parent, &pos));
        add_cluster(s, find(s->g, lv, l->deps[i].child, &pos));
    }
    qc_graph_order_all(s->g, lv);
    for (int q = Q_GOOD; l->big && q <= Q_BEST; q++)
        for (size_t i = 0; i < l->list[q].n; i++)
            if (l->list[q].v[i]->size > s->g->cfg.max_size)
                add_cluster(s, l->list[q].v[i]);
    for (size_t i = 0; i < l->ndeps; i++)
        add_dep(s, number(s, lv, l->deps[i].parent), number(s, lv, l->deps[i].child));
}

/* List the other ends by child (parents), or by parent (children). */
static void by_end(trim *s, bool child)
{
    for (size_t i = 0; i <= s->n + 1; i++)
        s->start[i] = 0;
    for (size_t i = 0; i < s->ndeps; i++)
        s->start[(child ? s->deps[i].child : s->deps[i].parent) + 2]++;
    for (size_t i = 2; i <= s->n + 1; i++)
        s->start[i] += s->start[i - 1];
    for (size_t i = 0; i < s->ndeps; i++) {
        dep d = s->deps[i];
        s->with[s->start[(child ? d.child : d.parent) + 1]++] = child ? d.parent : d.child;
    }
}

static bool before(const trim *s, uint32_t a, uint32_t b)
{
    const node *x = &s->nodes[a], *y = &s->nodes[b];
    int cmp = qc_feesize_cmp(x->chunk, y->chunk);
    if (cmp)
        return cmp > 0;
    if (x->chunk.size != y->chunk.size)
        return x->chunk.size < y->chunk.size;
    return a < b;
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

static uint32_t root_of(trim *s, uint32_t i)
{
    while (s->nodes[i].up != i)
        i = s->nodes[i].up = s->nodes[s->nodes[i].up].up;
    return i;
}

/* Take node id with the sets of its parents, if that is within limits. */
static bool take(trim *s, uint32_t id, const uint32_t *parent, size_t n)
{
    node *x = &s->nodes[id];
    uint64_t count = 1;
    int64_t size = x->size;
    for (size_t k = 0; k < n; k++) {
        node *r = &s->nodes[root_of(s, parent[k])];
        if (r->seen == id)
            continue;
        r->seen = id;
        count += r->count;
        size += r->size;
    }
    if (count > s->g->cfg.max_count || size > s->g->cfg.max_size)
        return false;
    for (size_t k = 0; k < n; k++)
        s->nodes[root_of(s, parent[k])].up = id;
    x->count = (uint32_t)count;
    x->size = size;
    x->taken = true;
    return true;
}

static void run(trim *s)
{
    size_t n = s->n;
    s->heap = qc_alloc((n + 1) * sizeof *s->heap);
    uint32_t *children = qc_alloc((n + 2) * sizeof *children);
    uint32_t *child = qc_alloc((s->ndeps + 1) * sizeof *child);
    uint32_t *parents = qc_alloc((n + 2) * sizeof *parents);
    uint32_t *parent = qc_alloc((s->ndeps + 1) * sizeof *parent);
    s->start = children;
    s->with = child;
    by_end(s, false);
    s->start = parents;
    s->with = parent;
    by_end(s, true);
    for (uint32_t i = 0; i < n; i++)
        if (!s->nodes[i].waits)
            heap_push(s, i);
    while (s->nheap) {
        uint32_t id = heap_pop(s);
        if (!take(s, id, parent + parents[id], parents[id + 1] - parents[id]))
            continue;
        for (uint32_t k = children[id]; k < children[id + 1]; k++)
            if (--s->nodes[child[k]].waits == 0)
                heap_push(s, child[k]);
    }
    qc_free(children);
    qc_free(child);
    qc_free(parents);
    qc_free(parent);
}

qc_graph_refs qc_graph_trim(qc_graph *g)
{
    int lv = g->staged ? STAGE : MAIN;
    g->nout = 0;
    if (qc_graph_apply(g, lv))
        return (qc_graph_refs){g->out, 0};
    trim s = {.g = g};
    gather(&s, lv);
    run(&s);
    for (size_t i = 0; i < s.n; i++)
        if (!s.nodes[i].taken) {
            GROW(g->out, g->out_cap, g->nout + 1);
            g->out[g->nout++] = s.nodes[i].ref;
            qc_graph_remove(g, s.nodes[i].ref);
        }
    qc_free(s.nodes);
    qc_free(s.deps);
    qc_free(s.heap);
    return (qc_graph_refs){g->out, g->nout};
}
