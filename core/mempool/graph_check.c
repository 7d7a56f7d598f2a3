/* core/mempool/graph_check.c: every invariant of the graph. */
#include "core/mempool/graph_internal.h"

/* Relations and order of one cluster without removals. */
static void check_inside(qc_graph *g, cluster *c)
{
    uint64_t joined = c->anc[0];
    QC_ASSERT(c->n <= g->cfg.max_count && (c->n == 1 || c->size <= g->cfg.max_size));
    for (uint32_t i = 0; i < c->n; i++) {
        QC_ASSERT((c->anc[i] & BIT(i)) && c->anc[i] >> i == 1);
        EACH(a, c->anc[i])
        QC_ASSERT(!(c->anc[a] & ~c->anc[i]));
    }
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < c->n; i++)
            if ((c->anc[i] & joined) && (c->anc[i] & ~joined)) {
                joined |= c->anc[i];
                more = true;
            }
    }
    QC_ASSERT(joined == all_of(c)); /* connected */
    if (c->quality < Q_GOOD)
        return;
    QC_ASSERT(c->ends <= all_of(c) && (c->ends & BIT(c->n - 1)));
    qc_feesize last = {0, 0};
    for (uint32_t from = 0, first, to; from < c->n; from = to) {
        qc_cluster_chunk(c, from, &first, &to);
        qc_feesize sum = qc_cluster_sum(g, c, from, to);
        QC_ASSERT(first == from && (!from || qc_feesize_cmp(last, sum) >= 0));
        last = sum;
        uint64_t part = (all_of(c) >> from << from) & (to == 64 ? ~(uint64_t)0 : BIT(to) - 1);
        uint64_t got = BIT(from);
        for (uint32_t k = from; k < to; k++) /* at most that many rounds to reach all */
            for (uint32_t i = from; i < to; i++)
                if ((c->anc[i] & part) & got)
                    got |= c->anc[i] & part;
        QC_ASSERT(got == part); /* chunks are connected */
    }
}

static void check_cluster(qc_graph *g, cluster *c, int lv, int q, size_t at)
{
    QC_ASSERT(c->level == lv && c->quality == q && c->at == at && c->n);
    QC_ASSERT((c->removed == 0) == (q != Q_SPLIT));
    int64_t size = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        const tx *x = &g->txs[members(c)[i]];
        size += x->size;
        if (c->removed & BIT(i))
            continue;
        QC_ASSERT(x->alive && x->in[lv] == c && x->pos[lv] == i);
        if (lv == MAIN) {
            QC_ASSERT((x->chunk != 0) == (q >= Q_GOOD));
            QC_ASSERT(!x->chunk || g->chunks[x->chunk].c == c);
            QC_ASSERT(g->staged || !x->in[STAGE]);
            QC_ASSERT(!c->copied || x->in[STAGE]);
        }
    }
    QC_ASSERT(size == c->size);
    if (q != Q_SPLIT)
        check_inside(g, c);
}

void qc_graph_check(qc_graph *g)
{
    uint32_t total[2] = {0, 0};
    for (int lv = MAIN; lv <= STAGE; lv++) {
        size_t bytes = 0;
        QC_ASSERT(lv == MAIN || g->staged || !g->lv[lv].bytes);
        for (int q = 0; q < Q_COUNT; q++)
            for (size_t i = 0; i < g->lv[lv].list[q].n; i++) {
                cluster *c = g->lv[lv].list[q].v[i];
                check_cluster(g, c, lv, q, i);
                total[lv] += COUNT(all_of(c) & ~c->removed);
                if (g->staged && lv == MAIN && !c->copied)
                    total[STAGE] += c->n;
                bytes += qc_cluster_footprint(c->n);
            }
        QC_ASSERT(bytes == g->lv[lv].bytes);
    }
    QC_ASSERT(total[MAIN] == g->lv[MAIN].count);
    QC_ASSERT(!g->staged || total[STAGE] == g->lv[STAGE].count);
    uint32_t big[2] = {0, 0}, pos;
    for (uint32_t t = 0; t < g->ntxs; t++)
        for (int lv = MAIN; lv <= STAGE; lv++)
            if (g->txs[t].alive && g->txs[t].size > g->cfg.max_size && find(g, lv, t, &pos))
                big[lv]++;
    QC_ASSERT(big[MAIN] == g->lv[MAIN].big && (!g->staged || big[STAGE] == g->lv[STAGE].big));
    qc_index_check(g);
}
