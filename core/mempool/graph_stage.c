/* core/mempool/graph_stage.c: the tentative level. It owns copies of the clusters that change in
 * it; all others are main's. */
#include "core/mempool/graph_internal.h"

#include "core/base/alloc.h"

#include <stdlib.h>

void qc_graph_stage(qc_graph *g)
{
    QC_ASSERT(!g->staged && qc_graph_apply(g, MAIN));
    layer *l = &g->lv[STAGE];
    l->count = g->lv[MAIN].count;
    l->big = 0;
    l->ndeps = l->ngone = 0;
    l->lost = l->over = l->judged = false;
    g->ncopied = 0;
    g->staged = true;
}

bool qc_graph_staged(const qc_graph *g)
{
    return g->staged;
}

static cluster *any_staged(qc_graph *g)
{
    for (int q = 0; q < Q_COUNT; q++)
        if (g->lv[STAGE].list[q].n)
            return g->lv[STAGE].list[q].v[g->lv[STAGE].list[q].n - 1];
    return NULL;
}

void qc_graph_abort(qc_graph *g)
{
    QC_ASSERT(g->staged);
    layer *l = &g->lv[STAGE];
    for (size_t i = 0; i < l->ngone; i++) {
        tx *x = &g->txs[l->gone[i]];
        x->in[STAGE] = NULL;
        if (!x->in[MAIN])
            qc_graph_free_slot(g, l->gone[i]);
    }
    for (cluster *c; (c = any_staged(g));) {
        EACH(i, all_of(c) & ~c->removed)
        {
            tx *x = &g->txs[members(c)[i]];
            x->in[STAGE] = NULL;
            if (!x->in[MAIN])
                qc_graph_free_slot(g, members(c)[i]);
        }
        qc_cluster_free(g, c);
    }
    for (size_t i = 0; i < g->ncopied; i++)
        g->copied[i]->copied = false;
    g->staged = false;
}

static void drop_copied(qc_graph *g)
{
    for (size_t i = 0; i < g->ncopied; i++) {
        cluster *c = g->copied[i];
        qc_index_drop(g, c);
        for (uint32_t k = 0; k < c->n; k++)
            g->txs[members(c)[k]].in[MAIN] = NULL;
        qc_cluster_free(g, c);
    }
}

static void adopt(qc_graph *g, cluster *c)
{
    qc_cluster_relevel(g, c, MAIN);
    for (uint32_t k = 0; k < c->n; k++) {
        tx *x = &g->txs[members(c)[k]];
        x->in[MAIN] = c;
        x->pos[MAIN] = x->pos[STAGE];
        x->in[STAGE] = NULL;
    }
    c->skip = 0;
    if (c->quality >= Q_GOOD)
        qc_index_add(g, c);
}

void qc_graph_commit(qc_graph *g)
{
    QC_ASSERT(g->staged);
    qc_graph_apply(g, STAGE);
    layer *l = &g->lv[STAGE], *m = &g->lv[MAIN];
    drop_copied(g);
    for (size_t i = 0; i < l->ngone; i++) {
        g->txs[l->gone[i]].in[STAGE] = NULL;
        qc_graph_free_slot(g, l->gone[i]);
    }
    for (cluster *c; (c = any_staged(g));)
        adopt(g, c);
    GROW(m->deps, m->deps_cap, l->ndeps);
    for (size_t i = 0; i < l->ndeps; i++)
        m->deps[i] = l->deps[i];
    m->ndeps = l->ndeps;
    m->count = l->count;
    m->big = l->big;
    m->over = l->over;
    m->judged = l->judged;
    g->staged = false;
}

/* ---- diagrams ---- */

static void put_sums(qc_graph *g, int lv, cluster *c)
{
    for (uint32_t from = 0, first, to; from < c->n; from = to) {
        qc_cluster_chunk(c, from, &first, &to);
        GROW(g->sums[lv], g->sums_cap[lv], g->nsums[lv] + 1);
        g->sums[lv][g->nsums[lv]++] = qc_cluster_sum(g, c, from, to);
    }
}

static int by_rate(const void *a, const void *b)
{
    return qc_feesize_cmp(*(const qc_feesize *)b, *(const qc_feesize *)a);
}

void qc_graph_diagrams(qc_graph *g, qc_graph_sums *before, qc_graph_sums *after)
{
    QC_ASSERT(g->staged && qc_graph_apply(g, STAGE));
    qc_graph_order_all(g, STAGE);
    g->nsums[MAIN] = g->nsums[STAGE] = 0;
    g->epoch++;
    for (int q = Q_GOOD; q <= Q_BEST; q++)
        for (size_t i = 0; i < g->lv[STAGE].list[q].n; i++) {
            cluster *c = g->lv[STAGE].list[q].v[i];
            if (c->origin)
                c->origin->epoch = g->epoch; /* copied, but nothing came of it */
            else
                put_sums(g, STAGE, c);
        }
    for (size_t i = 0; i < g->ncopied; i++) {
        qc_graph_order_one(g, g->copied[i]);
        if (g->copied[i]->epoch != g->epoch)
            put_sums(g, MAIN, g->copied[i]);
    }
    for (int lv = MAIN; lv <= STAGE; lv++)
        if (g->nsums[lv] > 1)
            qsort(g->sums[lv], g->nsums[lv], sizeof(qc_feesize), by_rate);
    *before = (qc_graph_sums){g->sums[MAIN], g->nsums[MAIN]};
    *after = (qc_graph_sums){g->sums[STAGE], g->nsums[STAGE]};
}

qc_diagram qc_graph_replacement(qc_graph *g)
{
    qc_graph_sums was, is;
    qc_graph_diagrams(g, &was, &is);
    return qc_diagram_compare(is.chunk, is.n, was.chunk, was.n);
}
