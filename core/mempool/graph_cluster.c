/* core/mempool/graph_cluster.c: one cluster: memory, lists, taking apart, joining, ordering. */
#include "core/mempool/graph_internal.h"

#include "core/base/alloc.h"

static size_t cluster_bytes(uint32_t n)
{
    return sizeof(cluster) + n * (sizeof(uint64_t) + sizeof(uint32_t));
}

size_t qc_cluster_footprint(uint32_t n)
{
    /* The allocator keeps 8 bytes with each block, and rounds up to 16; one pointer on a list. */
    return ((cluster_bytes(n) + 8 + 15) & ~(size_t)15) + sizeof(cluster *);
}

static void list_add(qc_graph *g, cluster *c, int lv, int q)
{
    layer *l = &g->lv[lv];
    GROW(l->list[q].v, l->list[q].cap, l->list[q].n + 1);
    c->level = (uint8_t)lv;
    c->quality = (uint8_t)q;
    c->at = (uint32_t)l->list[q].n;
    l->list[q].v[l->list[q].n++] = c;
}

static void list_drop(qc_graph *g, cluster *c)
{
    layer *l = &g->lv[c->level];
    cluster *last = l->list[c->quality].v[--l->list[c->quality].n];
    l->list[c->quality].v[c->at] = last;
    last->at = c->at;
}

cluster *qc_cluster_new(qc_graph *g, int lv, uint32_t n, int q)
{
    QC_ASSERT(n >= 1 && n <= QC_GRAPH_MAX_COUNT);
    cluster *c = qc_alloc(cluster_bytes(n));
    c->n = (uint8_t)n;
    list_add(g, c, lv, q);
    g->lv[lv].bytes += qc_cluster_footprint(n);
    return c;
}

void qc_cluster_free(qc_graph *g, cluster *c)
{
    list_drop(g, c);
    g->lv[c->level].bytes -= qc_cluster_footprint(c->n);
    qc_free(c);
}

void qc_cluster_move(qc_graph *g, cluster *c, int q)
{
    if (c->quality == q)
        return;
    list_drop(g, c);
    list_add(g, c, c->level, q);
}

void qc_cluster_relevel(qc_graph *g, cluster *c, int lv)
{
    size_t bytes = qc_cluster_footprint(c->n);
    g->lv[c->level].bytes -= bytes;
    list_drop(g, c);
    list_add(g, c, lv, c->quality);
    g->lv[lv].bytes += bytes;
}

void qc_cluster_settle_members(qc_graph *g, cluster *c)
{
    const uint32_t *m = members(c);
    int64_t size = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        tx *x = &g->txs[m[i]];
        x->in[c->level] = c;
        x->pos[c->level] = (uint8_t)i;
        size += x->size;
    }
    QC_ASSERT(size <= INT32_MAX);
    c->size = (int32_t)size;
}

/* The members of `set` that are in `of`, closed up: the i-th of `of` becomes bit i. */
static uint64_t squeeze(uint64_t set, uint64_t of)
{
    uint64_t res = 0;
    EACH(i, set & of)
    res |= BIT(COUNT(of & (BIT(i) - 1)));
    return res;
}

static void extract(qc_graph *g, cluster *c, uint64_t part)
{
    cluster *d = qc_cluster_new(g, c->level, COUNT(part), Q_UNORDERED);
    uint32_t k = 0;
    EACH(i, part)
    {
        d->anc[k] = squeeze(c->anc[i], part);
        members(d)[k++] = members(c)[i];
    }
    d->known = c->known;
    qc_cluster_settle_members(g, d);
}

void qc_cluster_split(qc_graph *g, cluster *c)
{
    uint64_t part[QC_GRAPH_MAX_COUNT], left = all_of(c) & ~c->removed;
    uint32_t n = 0;
    EACH(i, left)
    {
        uint64_t joined = c->anc[i] & left;
        for (uint32_t k = n; k--;)
            if (part[k] & joined) {
                joined |= part[k];
                part[k] = part[--n];
            }
        part[n++] = joined;
    }
    for (uint32_t k = 0; k < n; k++)
        extract(g, c, part[k]);
    qc_cluster_free(g, c);
}

/* Place after place in `c`, those with fewer ancestors first: parents come before children. */
static void sort_places(cluster *c, uint64_t *anc, uint32_t *ref)
{
    uint8_t order[QC_GRAPH_MAX_COUNT], place[QC_GRAPH_MAX_COUNT];
    uint32_t start[QC_GRAPH_MAX_COUNT + 2] = {0};
    for (uint32_t i = 0; i < c->n; i++)
        start[COUNT(anc[i]) + 1]++;
    for (uint32_t k = 1; k < QC_COUNTOF(start); k++)
        start[k] += start[k - 1];
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t k = start[COUNT(anc[i])]++;
        order[k] = (uint8_t)i;
        place[i] = (uint8_t)k;
    }
    for (uint32_t k = 0; k < c->n; k++) {
        members(c)[k] = ref[order[k]];
        c->anc[k] = 0;
        EACH(i, anc[order[k]])
        c->anc[k] |= BIT(place[i]);
    }
}

cluster *qc_cluster_merge(qc_graph *g, cluster **from, size_t m, const dep *deps,
                          const uint32_t *next, uint32_t first)
{
    uint64_t anc[QC_GRAPH_MAX_COUNT] = {0};
    uint32_t ref[QC_GRAPH_MAX_COUNT] = {0}, n = 0;
    int lv = from[0]->level;
    for (size_t k = 0; k < m; k++) {
        cluster *c = from[k];
        QC_ASSERT(n + c->n <= QC_GRAPH_MAX_COUNT && c->level == lv);
        for (uint32_t i = 0; i < c->n; i++) {
            anc[n + i] = c->anc[i] << n;
            ref[n + i] = members(c)[i];
            g->txs[ref[n + i]].pos[lv] = (uint8_t)(n + i); /* until it is sorted, below */
        }
        n += c->n;
    }
    for (uint32_t d = first; d != UINT32_MAX; d = next[d]) {
        uint32_t p = g->txs[deps[d].parent].pos[lv], q = g->txs[deps[d].child].pos[lv];
        QC_ASSERT(!(anc[p] & BIT(q))); /* a cycle */
        if (anc[q] & BIT(p))
            continue;
        for (uint32_t i = 0; i < n; i++)
            if (anc[i] & BIT(q))
                anc[i] |= anc[p];
    }
    for (size_t k = 0; k < m; k++)
        qc_cluster_free(g, from[k]);
    cluster *c = qc_cluster_new(g, lv, n, Q_UNORDERED);
    sort_places(c, anc, ref);
    qc_cluster_settle_members(g, c);
    return c;
}

/* ---- order ---- */

typedef struct tie_ctx {
    const qc_graph *g;
    const uint32_t *ref;
} tie_ctx;

int qc_graph_tie(const qc_graph *g, qc_graph_ref a, qc_graph_ref b)
{
    int cmp = 0;
    if (g->cfg.order && a != b)
        cmp = g->cfg.order(g->cfg.ctx, g->txs[a].user, g->txs[b].user);
    return cmp ? cmp : (a > b) - (a < b);
}

static int tie_cmp(void *ctx, uint32_t i, uint32_t j)
{
    const tie_ctx *t = ctx;
    return qc_graph_tie(t->g, t->ref[i], t->ref[j]);
}

static void rearrange(qc_graph *g, cluster *c, const qc_lin_order *o)
{
    uint64_t anc[QC_GRAPH_MAX_COUNT];
    uint32_t ref[QC_GRAPH_MAX_COUNT];
    uint8_t place[QC_GRAPH_MAX_COUNT];
    bool same = true;
    for (uint32_t k = 0; k < c->n; k++) {
        anc[k] = c->anc[k];
        ref[k] = members(c)[k];
        place[o->at[k]] = (uint8_t)k;
        same &= o->at[k] == k;
    }
    if (same)
        return;
    for (uint32_t k = 0; k < c->n; k++) {
        members(c)[k] = ref[o->at[k]];
        g->txs[members(c)[k]].pos[c->level] = (uint8_t)k;
        c->anc[k] = 0;
        EACH(i, anc[o->at[k]])
        c->anc[k] |= BIT(place[i]);
    }
}

void qc_cluster_order(qc_graph *g, cluster *c, uint64_t budget)
{
    if (c->n == 1) {
        c->ends = 1;
        c->known = true;
        qc_cluster_move(g, c, Q_BEST);
        return;
    }
    qc_lin_graph lin;
    tie_ctx ctx = {g, members(c)};
    lin.n = c->n;
    for (uint32_t i = 0; i < c->n; i++) {
        lin.own[i] = own(g, members(c)[i]);
        lin.anc[i] = c->anc[i];
    }
    qc_lin_task task = {&lin, c->known, budget, &g->rng, tie_cmp, &ctx};
    qc_lin_order o;
    qc_lin_run(&task, &o);
    rearrange(g, c, &o);
    g->spent += o.cost;
    c->ends = o.ends;
    c->known = true;
    qc_cluster_move(g, c, o.optimal ? Q_BEST : Q_GOOD);
}

void qc_cluster_chunk(const cluster *c, uint32_t p, uint32_t *from, uint32_t *to)
{
    uint64_t before = c->ends & (BIT(p) - 1);
    *from = before ? 64 - (uint32_t)__builtin_clzll(before) : 0;
    *to = FIRST(c->ends >> p) + p + 1;
}

qc_feesize qc_cluster_sum(const qc_graph *g, cluster *c, uint32_t from, uint32_t to)
{
    qc_feesize sum = {0, 0};
    for (uint32_t i = from; i < to; i++)
        sum = qc_feesize_add(sum, own(g, members(c)[i]));
    return sum;
}
