/* core/mempool/qc_graph_apply.c: applying what was queued: removals first (clusters fall apart),
 * then dependencies (clusters grow together, unless one would be too large: then none is applied).
 */
#include "core/mempool/graph_internal.h"

#include "core/base/alloc.h"

/* Forget dependencies of what is gone. Slots may be used again only after it. */
static void drop_lost(qc_graph *g, int lv)
{
    layer *l = &g->lv[lv];
    size_t kept = 0;
    uint32_t pos;
    for (size_t i = 0; i < l->ndeps; i++)
        if (find(g, lv, l->deps[i].parent, &pos) && find(g, lv, l->deps[i].child, &pos))
            l->deps[kept++] = l->deps[i];
    l->ndeps = kept;
    if (lv == MAIN) {
        for (size_t i = 0; i < l->ngone; i++)
            qc_graph_free_slot(g, l->gone[i]);
        l->ngone = 0;
    }
    l->lost = false;
}

uint32_t qc_groups_root(groups *s, uint32_t i)
{
    while (s->up[i] != i)
        i = s->up[i] = s->up[s->up[i]];
    return i;
}

static uint32_t number(qc_graph *g, groups *s, cluster *c)
{
    if (c->epoch != g->epoch) {
        c->epoch = g->epoch;
        c->mark = s->n;
        s->c[s->n] = c;
        s->up[s->n] = s->n;
        s->count[s->n] = c->n;
        s->size[s->n++] = c->size;
    }
    return (uint32_t)c->mark;
}

static void groups_init(groups *s, size_t ndeps)
{
    bool few = ndeps <= GROUPS_FEW;
    size_t cap = 2 * ndeps;
    s->c = few ? s->c_few : qc_alloc(cap * sizeof *s->c);
    s->up = few ? s->up_few : qc_alloc(cap * sizeof *s->up);
    s->count = few ? s->count_few : qc_alloc(cap * sizeof *s->count);
    s->size = few ? s->size_few : qc_alloc(cap * sizeof *s->size);
    s->n = 0;
}

void qc_groups_clear(groups *s)
{
    if (s->c == s->c_few)
        return;
    qc_free(s->c);
    qc_free(s->up);
    qc_free(s->count);
    qc_free(s->size);
}

bool qc_graph_group(qc_graph *g, int lv, groups *s)
{
    layer *l = &g->lv[lv];
    bool fits = true;
    uint32_t pos;
    groups_init(s, l->ndeps);
    g->epoch++;
    for (size_t i = 0; i < l->ndeps; i++) {
        uint32_t a = qc_groups_root(s, number(g, s, find(g, lv, l->deps[i].parent, &pos)));
        uint32_t b = qc_groups_root(s, number(g, s, find(g, lv, l->deps[i].child, &pos)));
        if (a != b) {
            if (s->count[a] < s->count[b]) {
                uint32_t c = a;
                a = b;
                b = c;
            }
            s->up[b] = a;
            s->count[a] += s->count[b];
            s->size[a] += s->size[b];
        }
        fits &= s->count[a] <= g->cfg.max_count && s->size[a] <= g->cfg.max_size;
    }
    return fits;
}

static void merge_groups(qc_graph *g, int lv, groups *s)
{
    layer *l = &g->lv[lv];
    /* Lists by root: clusters and dependencies, linked by number from the first. */
    uint32_t few[3 * 2 * GROUPS_FEW + GROUPS_FEW];
    bool is_few = l->ndeps <= GROUPS_FEW;
    uint32_t *next_c = is_few ? few : qc_alloc((3 * s->n + l->ndeps) * sizeof *next_c);
    uint32_t *head_c = next_c + s->n, *head_d = head_c + s->n, *next_d = head_d + s->n;
    for (uint32_t i = 0; i < s->n; i++)
        head_c[i] = head_d[i] = UINT32_MAX;
    for (uint32_t i = s->n; i--;) {
        uint32_t r = qc_groups_root(s, i);
        next_c[i] = head_c[r];
        head_c[r] = i;
    }
    for (uint32_t i = (uint32_t)l->ndeps; i--;) {
        uint32_t r = qc_groups_root(s, (uint32_t)g->txs[l->deps[i].child].in[lv]->mark);
        next_d[i] = head_d[r];
        head_d[r] = i;
    }
    for (uint32_t r = 0; r < s->n; r++) {
        cluster *from[QC_GRAPH_MAX_COUNT];
        size_t m = 0;
        for (uint32_t i = head_c[r]; i != UINT32_MAX; i = next_c[i]) {
            QC_ASSERT(m < QC_COUNTOF(from));
            if (lv == MAIN)
                qc_index_drop(g, s->c[i]);
            from[m++] = s->c[i];
        }
        if (m)
            qc_cluster_merge(g, from, m, l->deps, next_d, head_d[r]);
    }
    if (!is_few)
        qc_free(next_c);
}

bool qc_graph_apply(qc_graph *g, int lv)
{
    layer *l = &g->lv[lv];
    if (l->lost)
        drop_lost(g, lv);
    while (l->list[Q_SPLIT].n)
        qc_cluster_split(g, l->list[Q_SPLIT].v[l->list[Q_SPLIT].n - 1]);
    if (l->ndeps && !(l->judged && l->over)) {
        groups s;
        l->over = !qc_graph_group(g, lv, &s);
        if (!l->over) {
            merge_groups(g, lv, &s);
            l->ndeps = 0;
        }
        qc_groups_clear(&s);
    } else if (!l->ndeps) {
        l->over = false;
    }
    l->judged = true;
    return !l->over && !l->big;
}

void qc_graph_order_one(qc_graph *g, cluster *c)
{
    if (c->quality != Q_UNORDERED)
        return;
    qc_cluster_order(g, c, g->cfg.acceptable_cost);
    if (c->level == MAIN)
        qc_index_add(g, c);
}

void qc_graph_order_all(qc_graph *g, int lv)
{
    layer *l = &g->lv[lv];
    while (l->list[Q_UNORDERED].n)
        qc_graph_order_one(g, l->list[Q_UNORDERED].v[l->list[Q_UNORDERED].n - 1]);
}

int qc_graph_level_of(qc_graph *g, qc_graph_level want)
{
    int lv = want == QC_GRAPH_TOP && g->staged ? STAGE : MAIN;
    QC_ASSERT(qc_graph_apply(g, lv));
    return lv;
}

cluster *qc_graph_own(qc_graph *g, cluster *c)
{
    if (!g->staged || c->level == STAGE)
        return c;
    cluster *d = qc_cluster_new(g, STAGE, c->n, c->quality);
    for (uint32_t i = 0; i < c->n; i++) {
        d->anc[i] = c->anc[i];
        members(d)[i] = members(c)[i];
    }
    d->ends = c->ends;
    d->known = c->known;
    d->origin = c;
    qc_cluster_settle_members(g, d);
    c->copied = true;
    GROW(g->copied, g->copied_cap, g->ncopied + 1);
    g->copied[g->ncopied++] = c;
    return d;
}
