/* core/mempool/graph_query.c: relations, and the mining order. */
#include "core/mempool/graph_internal.h"

static void emit(qc_graph *g, qc_graph_ref t)
{
    GROW(g->out, g->out_cap, g->nout + 1);
    g->out[g->nout++] = t;
    g->named++;
}

static qc_graph_refs lent(const qc_graph *g)
{
    return (qc_graph_refs){g->out, g->nout};
}

/* Where t is on an applied level; NULL if it is not there. */
static cluster *locate(qc_graph *g, int lv, qc_graph_ref t, uint32_t *pos)
{
    QC_ASSERT(t < g->ntxs);
    return g->txs[t].alive ? find(g, lv, t, pos) : NULL;
}

uint64_t qc_graph_named(const qc_graph *g)
{
    return g->named;
}

qc_graph_refs qc_graph_cluster(qc_graph *g, qc_graph_level level, qc_graph_ref t)
{
    uint32_t pos;
    cluster *c = locate(g, qc_graph_level_of(g, level), t, &pos);
    g->nout = 0;
    if (c) {
        qc_graph_order_one(g, c);
        for (uint32_t i = 0; i < c->n; i++)
            emit(g, members(c)[i]);
    }
    return lent(g);
}

qc_graph_sums qc_graph_cluster_chunks(qc_graph *g, qc_graph_level level, qc_graph_ref t,
                                      uint32_t counts[static QC_GRAPH_MAX_COUNT])
{
    uint32_t pos, n = 0;
    cluster *c = locate(g, qc_graph_level_of(g, level), t, &pos);
    if (!c)
        return (qc_graph_sums){NULL, 0};
    qc_graph_order_one(g, c);
    GROW(g->sums[0], g->sums_cap[0], QC_GRAPH_MAX_COUNT);
    for (uint32_t from = 0, first, to; from < c->n; from = to) {
        qc_cluster_chunk(c, from, &first, &to);
        counts[n] = to - from;
        g->sums[0][n++] = qc_cluster_sum(g, c, from, to);
    }
    return (qc_graph_sums){g->sums[0], n};
}

/* Collect the clusters of the n in g->hit, with the places of the n in their marks. */
static void hit(qc_graph *g, int lv, const qc_graph_ref *t, size_t n)
{
    g->epoch++;
    g->nhit = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t pos;
        cluster *c = locate(g, lv, t[i], &pos);
        if (!c)
            continue;
        if (c->epoch != g->epoch) {
            c->epoch = g->epoch;
            c->mark = 0;
            GROW(g->hit, g->hit_cap, g->nhit + 1);
            g->hit[g->nhit++] = c;
        }
        c->mark |= BIT(pos);
    }
}

qc_graph_refs qc_graph_ancestors(qc_graph *g, qc_graph_level level, const qc_graph_ref *t, size_t n)
{
    hit(g, qc_graph_level_of(g, level), t, n);
    g->nout = 0;
    for (size_t k = 0; k < g->nhit; k++) {
        cluster *c = g->hit[k];
        uint64_t all = 0;
        EACH(i, c->mark)
        all |= c->anc[i];
        EACH(i, all)
        emit(g, members(c)[i]);
    }
    return lent(g);
}

qc_graph_refs qc_graph_descendants(qc_graph *g, qc_graph_level level, const qc_graph_ref *t,
                                   size_t n)
{
    hit(g, qc_graph_level_of(g, level), t, n);
    g->nout = 0;
    for (size_t k = 0; k < g->nhit; k++) {
        cluster *c = g->hit[k];
        for (uint32_t i = FIRST(c->mark); i < c->n; i++)
            if (c->anc[i] & c->mark)
                emit(g, members(c)[i]);
    }
    return lent(g);
}

size_t qc_graph_count_clusters(qc_graph *g, qc_graph_level level, const qc_graph_ref *t, size_t n)
{
    hit(g, qc_graph_level_of(g, level), t, n);
    return g->nhit;
}

/* ---- mining order ---- */

/* The chunk of t in main; NULL if it is not there. */
static const chunk *chunk_of(qc_graph *g, qc_graph_ref t)
{
    uint32_t pos;
    cluster *c = locate(g, qc_graph_level_of(g, QC_GRAPH_MAIN), t, &pos);
    if (!c)
        return NULL;
    qc_graph_order_one(g, c);
    return &g->chunks[g->txs[t].chunk];
}

qc_feesize qc_graph_chunk(qc_graph *g, qc_graph_ref t)
{
    const chunk *x = chunk_of(g, t);
    return x ? (qc_feesize){x->fee, x->size} : (qc_feesize){0, 0};
}

int qc_graph_compare(qc_graph *g, qc_graph_ref a, qc_graph_ref b)
{
    QC_ASSERT(chunk_of(g, a) && chunk_of(g, b));
    if (g->txs[a].chunk == g->txs[b].chunk) /* not by address: the array may have moved */
        return g->txs[a].pos[MAIN] - g->txs[b].pos[MAIN];
    return qc_index_compare(g, &g->chunks[g->txs[a].chunk], &g->chunks[g->txs[b].chunk]);
}

qc_graph_refs qc_graph_worst(qc_graph *g, qc_feesize *sum)
{
    qc_graph_order_all(g, qc_graph_level_of(g, QC_GRAPH_MAIN));
    g->nout = 0;
    *sum = (qc_feesize){0, 0};
    uint32_t id = qc_index_worst(g);
    if (id) {
        const chunk *x = &g->chunks[id];
        *sum = (qc_feesize){x->fee, x->size};
        for (uint32_t i = x->n; i--;)
            emit(g, members(x->c)[x->first + i]);
    }
    return lent(g);
}

void qc_graph_walk_start(qc_graph *g, qc_graph_walk *w)
{
    qc_graph_order_all(g, qc_graph_level_of(g, QC_GRAPH_MAIN));
    *w = (qc_graph_walk){.graph = g, .id = ++g->epoch};
    qc_index_start(g, w);
}

qc_graph_refs qc_graph_walk_chunk(const qc_graph_walk *w, qc_feesize *sum)
{
    qc_graph *g = w->graph;
    *sum = (qc_feesize){0, 0};
    if (!w->chunk)
        return (qc_graph_refs){g->walk_out, 0};
    const chunk *x = &g->chunks[w->chunk];
    *sum = (qc_feesize){x->fee, x->size};
    g->walk_out[0] = x->last; /* one alone: its cluster, most likely a cache miss, is not needed */
    for (uint32_t i = 0; x->n > 1 && i < x->n; i++)
        g->walk_out[i] = members(x->c)[x->first + i];
    return (qc_graph_refs){g->walk_out, x->n};
}

size_t qc_graph_walk_users(const qc_graph_walk *w, void *const **user, qc_feesize *sum)
{
    qc_graph *g = w->graph;
    *user = g->walk_user;
    *sum = (qc_feesize){0, 0};
    if (!w->chunk)
        return 0;
    const chunk *x = &g->chunks[w->chunk];
    *sum = (qc_feesize){x->fee, x->size};
    if (x->n <= CHUNK_FEW)
        *user = x->user;
    for (uint32_t i = 0; x->n > CHUNK_FEW && i < x->n; i++)
        g->walk_user[i] = g->txs[members(x->c)[x->first + i]].user;
    return x->n;
}

/* Only what is not the first of its cluster can have been left out by an earlier one. */
static bool is_skipped(const qc_graph_walk *w)
{
    const chunk *x = &w->graph->chunks[w->chunk];
    return w->skipped && w->chunk && x->first && x->c->skip == w->id;
}

void qc_graph_walk_next(qc_graph_walk *w, bool skip)
{
    qc_graph *g = w->graph;
    if (!w->chunk)
        return;
    if (skip && g->chunks[w->chunk].more) {
        g->chunks[w->chunk].c->skip = w->id;
        w->skipped = true;
    }
    do {
        qc_index_next(g, w, skip);
    } while (is_skipped(w));
}
