/* core/mempool/graph.c: making a graph, changing it, and background work. Changes are queued. */
#include "core/mempool/graph_internal.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"

#include <string.h>

#define ACCEPTABLE_COST                                                                            \
    25000 /* units: all but the hardest clusters of 64 are done with half of it */
#define CLUSTER_WEIGHT (101000 * 4) /* Core policy: DEFAULT_CLUSTER_SIZE_LIMIT_KVB */

static size_t grown_bytes(size_t cap, size_t need, size_t elem, size_t *want)
{
    size_t bytes;
    *want = QC_MAX(need, QC_MAX((size_t)16, cap + cap / 2));
    QC_ASSERT(QC_MUL_OK(*want, elem, &bytes));
    return bytes;
}

void *qc_graph_grow(void *v, size_t *cap, size_t need, size_t elem)
{
    size_t want;
    void *grown = qc_alloc(grown_bytes(*cap, need, elem, &want));
    if (*cap)
        memcpy(grown, v, *cap * elem);
    qc_free(v);
    *cap = want;
    return grown;
}

void *qc_graph_grow_large(void *v, size_t *cap, size_t need, size_t elem)
{
    size_t want;
    void *grown = qc_large_alloc(grown_bytes(*cap, need, elem, &want));
    if (*cap)
        memcpy(grown, v, *cap * elem);
    qc_large_free(v, *cap * elem);
    *cap = want;
    return grown;
}

qc_graph *qc_graph_new(const qc_graph_config *config)
{
    qc_graph *g = qc_alloc(sizeof *g);
    if (config)
        g->cfg = *config;
    if (!g->cfg.max_count)
        g->cfg.max_count = QC_GRAPH_MAX_COUNT;
    if (!g->cfg.max_size)
        g->cfg.max_size = CLUSTER_WEIGHT;
    if (!g->cfg.acceptable_cost)
        g->cfg.acceptable_cost = ACCEPTABLE_COST;
    QC_ASSERT(g->cfg.max_count <= QC_GRAPH_MAX_COUNT);
    QC_ASSERT(g->cfg.max_size > 0 && g->cfg.max_size <= INT32_MAX);
    g->rng = g->cfg.seed;
    g->gone = qc_alloc(sizeof *g->gone);
    g->free_tx = QC_GRAPH_NONE;
    return g;
}

void qc_graph_free(qc_graph *g)
{
    if (!g)
        return;
    for (int lv = MAIN; lv <= STAGE; lv++) {
        layer *l = &g->lv[lv];
        for (int q = 0; q < Q_COUNT; q++) {
            for (size_t i = 0; i < l->list[q].n; i++)
                qc_free(l->list[q].v[i]);
            qc_free(l->list[q].v);
        }
        qc_free(l->deps);
        qc_free(l->gone);
        qc_free(g->sums[lv]);
    }
    qc_index_free(g);
    qc_large_free(g->txs, g->txs_cap * sizeof(tx));
    qc_large_free(g->chunks, g->chunks_cap * sizeof(chunk));
    qc_free(g->gone);
    qc_free(g->copied);
    qc_free(g->hit);
    qc_free(g->out);
    qc_free(g);
}

void qc_graph_free_slot(qc_graph *g, qc_graph_ref t)
{
    tx *x = &g->txs[t];
    QC_ASSERT(x->alive && !x->in[MAIN] && !x->in[STAGE] && !x->chunk);
    x->alive = false;
    x->chunk = g->free_tx; /* user, fee and size can still be asked until it is used again */
    g->free_tx = t;
}

static int64_t clamp_fee(int64_t fee)
{
    return QC_MAX(-QC_GRAPH_MAX_FEE, QC_MIN(QC_GRAPH_MAX_FEE, fee));
}

static tx *live(const qc_graph *g, qc_graph_ref t)
{
    QC_ASSERT(t < g->ntxs && g->txs[t].alive);
    return &g->txs[t];
}

qc_graph_ref qc_graph_add(qc_graph *g, int64_t fee, int32_t size, void *user)
{
    QC_ASSERT(size > 0);
    layer *l = top(g);
    qc_graph_ref t = g->free_tx;
    if (t != QC_GRAPH_NONE) {
        g->free_tx = g->txs[t].chunk;
    } else {
        GROW_LARGE(g->txs, g->txs_cap, (size_t)g->ntxs + 1);
        t = g->ntxs++;
        QC_ASSERT(t != QC_GRAPH_NONE);
    }
    g->txs[t] = (tx){.user = user, .fee = clamp_fee(fee), .size = size, .alive = true};
    cluster *c = qc_cluster_new(g, g->staged ? STAGE : MAIN, 1, Q_UNORDERED);
    c->anc[0] = 1;
    members(c)[0] = t;
    qc_cluster_settle_members(g, c);
    l->count++;
    if (size > g->cfg.max_size)
        l->big++;
    return t;
}

void qc_graph_remove(qc_graph *g, qc_graph_ref t)
{
    tx *x = live(g, t);
    int lv = g->staged ? STAGE : MAIN;
    layer *l = &g->lv[lv];
    uint32_t pos;
    cluster *c = find(g, lv, t, &pos);
    if (!c)
        return;
    c = qc_graph_own(g, c);
    if (lv == MAIN)
        qc_index_drop(g, c);
    c->removed |= BIT(x->pos[lv]);
    x->in[lv] = lv == STAGE ? g->gone : NULL;
    if (c->removed == all_of(c))
        qc_cluster_free(g, c);
    else
        qc_cluster_move(g, c, Q_SPLIT);
    GROW(l->gone, l->gone_cap, l->ngone + 1);
    l->gone[l->ngone++] = t;
    l->lost = true;
    l->judged = false;
    l->count--;
    if (x->size > g->cfg.max_size)
        l->big--;
}

void qc_graph_depend(qc_graph *g, qc_graph_ref parent, qc_graph_ref child)
{
    live(g, parent);
    live(g, child);
    QC_ASSERT(parent != child);
    int lv = g->staged ? STAGE : MAIN;
    layer *l = &g->lv[lv];
    uint32_t p, q;
    cluster *cp = find(g, lv, parent, &p), *cq = find(g, lv, child, &q);
    if (!cp || !cq || (cp == cq && (cq->anc[q] & BIT(p))))
        return;
    qc_graph_own(g, cp);
    if (cp != cq)
        qc_graph_own(g, cq);
    GROW(l->deps, l->deps_cap, l->ndeps + 1);
    l->deps[l->ndeps++] = (dep){parent, child};
    l->judged = false;
}

void qc_graph_set_fee(qc_graph *g, qc_graph_ref t, int64_t fee)
{
    tx *x = live(g, t);
    if (x->fee == clamp_fee(fee))
        return;
    x->fee = clamp_fee(fee);
    for (int lv = MAIN; lv <= STAGE; lv++) {
        cluster *c = x->in[lv];
        if (!c || c == g->gone || c->quality < Q_GOOD)
            continue;
        if (lv == MAIN)
            qc_index_drop(g, c);
        qc_cluster_move(g, c, Q_UNORDERED);
    }
}

void qc_graph_set_user(qc_graph *g, qc_graph_ref t, void *user)
{
    tx *x = live(g, t);
    x->user = user;
    if (x->chunk && g->chunks[x->chunk].n <= CHUNK_FEW)
        g->chunks[x->chunk].user[x->pos[MAIN] - g->chunks[x->chunk].first] = user;
}

/* ---- questions about one transaction, and about all ---- */

bool qc_graph_exists(const qc_graph *g, qc_graph_level level, qc_graph_ref t)
{
    uint32_t pos;
    int lv = level == QC_GRAPH_TOP && g->staged ? STAGE : MAIN;
    return t < g->ntxs && g->txs[t].alive && find(g, lv, t, &pos);
}

void *qc_graph_user(const qc_graph *g, qc_graph_ref t)
{
    QC_ASSERT(t < g->ntxs);
    return g->txs[t].user;
}

qc_feesize qc_graph_feesize(const qc_graph *g, qc_graph_ref t)
{
    QC_ASSERT(t < g->ntxs);
    return own(g, t);
}

uint32_t qc_graph_count(const qc_graph *g, qc_graph_level level)
{
    return g->lv[level == QC_GRAPH_TOP && g->staged ? STAGE : MAIN].count;
}

bool qc_graph_oversized(qc_graph *g, qc_graph_level level)
{
    return !qc_graph_apply(g, level == QC_GRAPH_TOP && g->staged ? STAGE : MAIN);
}

size_t qc_graph_memory(qc_graph *g)
{
    if (qc_graph_apply(g, MAIN))
        qc_graph_order_all(g, MAIN);
    return g->lv[MAIN].bytes + g->lv[MAIN].count * sizeof(tx) + g->live_chunks * sizeof(chunk) +
           g->index_bytes;
}

/* ---- background ---- */

/* One cluster, for at most *left units. Returns: it is known to be optimal. */
static bool work_on(qc_graph *g, cluster *c, uint64_t budget, uint64_t *left)
{
    uint64_t before = g->spent;
    if (c->level == MAIN)
        qc_index_drop(g, c);
    qc_cluster_order(g, c, budget);
    if (c->level == MAIN)
        qc_index_add(g, c);
    *left -= QC_MIN(*left, g->spent - before);
    return c->quality == Q_BEST;
}

static bool work_level(qc_graph *g, int lv, uint64_t *left)
{
    layer *l = &g->lv[lv];
    if (!qc_graph_apply(g, lv))
        return false;
    while (l->list[Q_UNORDERED].n) {
        cluster *c = l->list[Q_UNORDERED].v[l->list[Q_UNORDERED].n - 1];
        if (c->n > 1 && *left < g->cfg.acceptable_cost)
            return false;
        work_on(g, c, g->cfg.acceptable_cost, left);
    }
    while (l->list[Q_GOOD].n && *left) {
        size_t last = l->list[Q_GOOD].n - 1;
        cluster *c = l->list[Q_GOOD].v[last];
        if (!work_on(g, c, *left, left) && last) {
            /* Nothing is left for the others now; they have their turns before it has again. */
            memmove(l->list[Q_GOOD].v + 1, l->list[Q_GOOD].v, last * sizeof(cluster *));
            l->list[Q_GOOD].v[0] = c;
            for (size_t i = 0; i <= last; i++)
                l->list[Q_GOOD].v[i]->at = (uint32_t)i;
        }
    }
    return l->list[Q_GOOD].n == 0;
}

bool qc_graph_work(qc_graph *g, uint64_t budget)
{
    bool best = work_level(g, MAIN, &budget);
    if (g->staged)
        best &= work_level(g, STAGE, &budget);
    return best;
}

uint64_t qc_graph_spent(const qc_graph *g)
{
    return g->spent;
}
