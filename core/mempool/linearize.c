/* core/mempool/linearize.c: simple orders, joining two, and writing out what the forest found. */
#include "core/mempool/linearize_internal.h"

void qc_lin_ancestors(const qc_lin_graph *g, uint8_t *order)
{
    qc_feesize sum[QC_LIN_MAX];
    for (uint32_t i = 0; i < g->n; i++) {
        sum[i] = (qc_feesize){0, 0};
        EACH(a, g->anc[i])
        sum[i] = qc_feesize_add(sum[i], g->own[a]);
    }
    uint64_t left = ~(uint64_t)0 >> (QC_LIN_MAX - g->n);
    for (uint32_t k = 0; left;) {
        uint32_t best = FIRST(left);
        EACH(i, left)
        {
            int cmp = qc_feesize_cmp(sum[i], sum[best]);
            if (cmp > 0 || (cmp == 0 && sum[i].size < sum[best].size))
                best = (uint32_t)i;
        }
        uint64_t take = g->anc[best] & left;
        left &= ~take;
        EACH(i, left)
        EACH(a, take & g->anc[i])
        sum[i] = qc_feesize_sub(sum[i], g->own[a]);
        EACH(i, take)
        order[k++] = (uint8_t)i;
    }
}

/* The members of the best prefix of what `order` has in `of`; its sum. The shortest of equals. */
static uint64_t best_prefix(const qc_lin_graph *g, const uint8_t *order, uint64_t of,
                            qc_feesize *sum)
{
    qc_feesize acc = {0, 0}, best = {0, 0};
    uint64_t seen = 0, got = 0;
    for (uint32_t k = 0; seen != of; k++) {
        if (!(of & BIT(order[k])))
            continue;
        seen |= BIT(order[k]);
        acc = qc_feesize_add(acc, g->own[order[k]]);
        if (!got || qc_feesize_cmp(acc, best) > 0) {
            best = acc;
            got = seen;
        }
    }
    *sum = best;
    return got;
}

void qc_lin_merge(const qc_lin_graph *g, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    uint8_t res[QC_LIN_MAX] = {0};
    uint64_t left = ~(uint64_t)0 >> (QC_LIN_MAX - g->n);
    for (uint32_t k = 0; left;) {
        qc_feesize sa, sb, sc;
        uint64_t pa = best_prefix(g, a, left, &sa), pb = best_prefix(g, b, left, &sb);
        bool b_leads = qc_feesize_cmp(sb, sa) > 0;
        /* The better prefix, and of it what the other order would take first of it: the rate of
         * that is not lower, and either order can be had from here without loss. */
        const uint8_t *other = b_leads ? a : b;
        uint64_t take = best_prefix(g, other, b_leads ? pb : pa, &sc);
        for (uint32_t i = 0; i < g->n; i++)
            if (take & BIT(other[i]))
                res[k++] = other[i];
        left &= ~take;
    }
    for (uint32_t i = 0; i < g->n; i++)
        out[i] = res[i];
}

size_t qc_lin_chunks(const qc_lin_graph *g, const uint8_t *order, qc_feesize *sums, uint64_t *ends)
{
    size_t n = 0;
    uint8_t last[QC_LIN_MAX];
    for (uint32_t k = 0; k < g->n; k++) {
        sums[n] = g->own[order[k]];
        last[n++] = (uint8_t)k;
        while (n > 1 && qc_feesize_cmp(sums[n - 1], sums[n - 2]) > 0) {
            n--;
            sums[n - 1] = qc_feesize_add(sums[n - 1], sums[n]);
            last[n - 1] = last[n];
        }
    }
    if (ends) {
        *ends = 0;
        for (size_t i = 0; i < n; i++)
            *ends |= BIT(last[i]);
    }
    return n;
}

/* ---- writing out ---- */

typedef struct piece {
    uint64_t set, needs; /* needs: what must come before */
    qc_feesize sum;
    uint32_t last; /* of the set, by the order of ties */
} piece;

static int tie(const qc_lin_task *t, uint32_t i, uint32_t j)
{
    return t->tie ? t->tie(t->ctx, i, j) : (i > j) - (i < j);
}

static void piece_add(const qc_lin_task *t, piece *out, uint32_t *n, uint64_t set)
{
    piece *p = &out[(*n)++];
    *p = (piece){.set = set, .last = FIRST(set)};
    EACH(i, set)
    {
        p->needs |= t->graph->anc[i];
        p->sum = qc_feesize_add(p->sum, t->graph->own[i]);
        if (tie(t, p->last, (uint32_t)i) < 0)
            p->last = (uint32_t)i;
    }
    p->needs &= ~set;
}

/* Cut an optimal chunk into its smallest parts of the same rate. Seen as a flow, each child hands
 * its surplus over the chunk's rate down the tree to the parents it pays for. A part with that very
 * rate can go first if it needs nothing outside of it, and nobody outside pays for it. So each
 * needs its parents, and a parent needs the child that pays; those who need each other are one. */
static void split_equal(const qc_lin_task *t, qc_forest *f, uint32_t c, piece *out, uint32_t *n)
{
    uint64_t set = f->set[c], reach[QC_LIN_MAX];
    if (!(set & (set - 1))) {
        piece_add(t, out, n, set);
        return;
    }
    qc_forest_tree tree;
    qc_forest_walk(f, c, &tree);
    EACH(i, set)
    reach[i] = t->graph->anc[i] & set;
    for (uint32_t k = 1; k < tree.n; k++) {
        uint32_t v = tree.node[k], u = tree.link[v];
        qc_feesize top, bottom = qc_forest_bottom(f, &tree, v, c, &top);
        if (qc_feesize_cmp(bottom, top) <= 0)
            continue;
        if (f->apar[v] & BIT(u))
            reach[u] |= BIT(v);
        else
            reach[v] |= BIT(u);
    }
    EACH(k, set)
    EACH(i, set)
    if (reach[i] & BIT(k))
        reach[i] |= reach[k];
    f->cost += (uint64_t)tree.n * tree.n + tree.n;
    while (set) {
        uint32_t i = FIRST(set);
        uint64_t part = 0;
        EACH(j, reach[i])
        if (reach[j] & BIT(i))
            part |= BIT(j);
        piece_add(t, out, n, part);
        set &= ~part;
    }
}

/* Is piece a to come before b? Rate, then size, then the order of ties. */
static bool piece_first(const qc_lin_task *t, const piece *a, const piece *b)
{
    int cmp = qc_feesize_cmp(a->sum, b->sum);
    if (cmp)
        return cmp > 0;
    if (a->sum.size != b->sum.size)
        return a->sum.size < b->sum.size;
    return tie(t, a->last, b->last) < 0;
}

static bool tx_first(const qc_lin_task *t, uint32_t i, uint32_t j)
{
    const qc_feesize *own = t->graph->own;
    int cmp = qc_feesize_cmp(own[i], own[j]);
    if (cmp)
        return cmp > 0;
    if (own[i].size != own[j].size)
        return own[i].size < own[j].size;
    return tie(t, i, j) < 0;
}

static uint32_t put_piece(const qc_lin_task *t, const piece *p, uint64_t done, uint32_t k,
                          qc_lin_order *out)
{
    for (uint64_t left = p->set; left;) {
        uint32_t best = QC_LIN_MAX;
        EACH(i, left)
        if (!(t->graph->anc[i] & ~done & ~BIT(i)) &&
            (best == QC_LIN_MAX || tx_first(t, (uint32_t)i, best)))
            best = (uint32_t)i;
        QC_ASSERT(best != QC_LIN_MAX);
        out->at[k++] = (uint8_t)best;
        done |= BIT(best);
        left &= ~BIT(best);
    }
    out->ends |= BIT(k - 1);
    return k;
}

/* Chunks from the best rate down. None needs one of a lower rate; of those with the same rate that
 * have what they need, the smallest goes first. */
static void put_all(const qc_lin_task *t, qc_forest *f, qc_lin_order *out)
{
    piece p[QC_LIN_MAX];
    uint32_t n = 0, k = 0;
    EACH(c, f->chunks)
    if (out->optimal)
        split_equal(t, f, (uint32_t)c, p, &n);
    else
        piece_add(t, p, &n, f->set[c]);
    out->ends = 0;
    f->cost += (uint64_t)n * n + t->graph->n;
    for (uint64_t done = 0; n;) {
        uint32_t best = QC_LIN_MAX;
        for (uint32_t i = 0; i < n; i++)
            if (!(p[i].needs & ~done) && (best == QC_LIN_MAX || piece_first(t, &p[i], &p[best])))
                best = i;
        QC_ASSERT(best != QC_LIN_MAX);
        k = put_piece(t, &p[best], done, k, out);
        done |= p[best].set;
        p[best] = p[--n];
    }
}

void qc_lin_run(const qc_lin_task *t, qc_lin_order *out)
{
    const qc_lin_graph *g = t->graph;
    QC_ASSERT(g->n >= 1 && g->n <= QC_LIN_MAX);
    if (g->n == 1) {
        *out = (qc_lin_order){.ends = 1, .cost = 1, .optimal = true};
        return;
    }
    uint8_t start[QC_LIN_MAX];
    if (t->keep)
        for (uint32_t i = 0; i < g->n; i++)
            start[i] = (uint8_t)i;
    else
        qc_lin_ancestors(g, start);
    qc_forest f;
    qc_forest_init(&f, g, t->rng);
    qc_forest_load(&f, start);
    out->optimal = qc_forest_improve(&f, t->budget);
    if (!out->optimal && t->keep) { /* what is optimal needs no comparing with the simple order */
        put_all(t, &f, out);
        qc_lin_ancestors(g, start);
        qc_lin_merge(g, out->at, start, start);
        qc_forest_load(&f, start);
        f.cost += 2 * (uint64_t)g->n * g->n;
    }
    put_all(t, &f, out);
    qc_lin_polish(g, out->at);
    if (!out->optimal) {
        qc_feesize sums[QC_LIN_MAX];
        qc_lin_chunks(g, out->at, sums, &out->ends);
    }
    out->cost = f.cost + (uint64_t)g->n * g->n;
}
