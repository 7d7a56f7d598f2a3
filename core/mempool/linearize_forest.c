/* core/mempool/linearize_forest.c: a good order by a spanning forest (the idea: P. Wuille and
 * others, "spanning-forest linearization", delvingbitcoin.org; Core cluster_linearize). It is the
 * simplex method for the maximum-ratio closure problem. A state is a forest of active dependencies.
 * When none of its chunks depends on one of the same or a lower rate, sorting chunks by rate is an
 * order. When besides no active dependency has a better rate above it than below, it is optimal.
 * A step cuts one that has, and joins each half with whom it then must; the diagram never falls.
 *
 * Everything is bits of 64 and loops over members: a step costs O(n), with no lists to maintain. */
#include "core/mempool/linearize_internal.h"

static uint64_t rng_next(uint64_t *s) /* splitmix64 (Steele, Lea, Flood) */
{
    uint64_t z = (*s += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint32_t rng_below(uint64_t *s, uint32_t n)
{
    return (uint32_t)(((rng_next(s) >> 32) * n) >> 32);
}

void qc_forest_init(qc_forest *f, const qc_lin_graph *g, uint64_t *rng)
{
    f->g = g;
    f->rng = rng;
    f->cost = 0;
    f->cursor = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        uint64_t up = g->anc[i] & ~BIT(i), direct = 0;
        /* From the nearest down: who was not reached through another is a direct parent. */
        while (up) {
            uint32_t p = 63 - (uint32_t)__builtin_clzll(up);
            direct |= BIT(p);
            up &= ~g->anc[p];
            f->cost++;
        }
        f->par[i] = direct;
        f->chi[i] = 0;
        EACH(p, direct)
        f->chi[p] |= BIT(i);
    }
}

/* Join chunk b into a by a random one of the dependencies with a parent in `upper`. */
static uint32_t join(qc_forest *f, uint32_t a, uint32_t b, uint64_t upper, uint64_t lower)
{
    uint32_t n = 0;
    EACH(q, lower)
    n += COUNT(f->par[q] & upper);
    uint32_t pick = rng_below(f->rng, n);
    EACH(q, lower)
    {
        uint64_t deps = f->par[q] & upper;
        if (pick >= COUNT(deps)) {
            pick -= COUNT(deps);
            continue;
        }
        while (pick--)
            deps &= deps - 1;
        f->apar[q] |= deps & -deps;
        f->achi[FIRST(deps)] |= BIT(q);
        break;
    }
    EACH(i, f->set[b])
    f->chunk_of[i] = (uint8_t)a;
    f->cost += 2 * COUNT(lower) + COUNT(f->set[b]) + 1;
    f->set[a] |= f->set[b];
    f->sum[a] = qc_feesize_add(f->sum[a], f->sum[b]);
    f->chunks &= ~BIT(b);
    f->unsure &= ~BIT(b);
    f->unsure |= BIT(a);
    return a;
}

/* Join chunk c, as long as there is one, with the chunk of the lowest rate that it depends on,
 * if that is not above its own (`up`); or with that of the highest rate among its dependants, if
 * that is not below. Among equals by chance. Returns the name of what it became. */
static uint32_t join_all(qc_forest *f, uint32_t c, bool up)
{
    for (;;) {
        uint64_t near = 0;
        EACH(i, f->set[c])
        near |= up ? f->par[i] : f->chi[i];
        f->cost += COUNT(f->set[c]);
        near &= ~f->set[c];
        uint32_t best = QC_LIN_MAX, ties = 0;
        while (near) {
            uint32_t d = f->chunk_of[FIRST(near)];
            near &= ~f->set[d];
            f->cost++;
            qc_feesize limit = f->sum[best == QC_LIN_MAX ? c : best];
            int cmp = qc_feesize_cmp(f->sum[d], limit);
            if (!up)
                cmp = -cmp;
            if (cmp > 0)
                continue;
            if (cmp < 0 || best == QC_LIN_MAX)
                ties = 0;
            if (rng_below(f->rng, ++ties) == 0)
                best = d;
        }
        if (best == QC_LIN_MAX)
            return c;
        c = up ? join(f, c, best, f->set[best], f->set[c])
               : join(f, c, best, f->set[c], f->set[best]);
    }
}

void qc_forest_load(qc_forest *f, const uint8_t *order)
{
    f->chunks = f->unsure = 0;
    for (uint32_t i = 0; i < f->g->n; i++)
        f->apar[i] = f->achi[i] = 0;
    /* Parents come first, so those of the next are in chunks already. */
    uint64_t loaded = 0;
    for (uint32_t k = 0; k < f->g->n; k++) {
        uint32_t i = order[k];
        QC_ASSERT((f->par[i] & ~loaded) == 0);
        loaded |= BIT(i);
        f->chunk_of[i] = (uint8_t)i;
        f->set[i] = BIT(i);
        f->sum[i] = f->g->own[i];
        f->chunks |= BIT(i);
        f->unsure |= BIT(i);
        join_all(f, i, true);
    }
}

void qc_forest_walk(qc_forest *f, uint32_t c, qc_forest_tree *t)
{
    t->n = 1;
    t->node[0] = t->link[c] = (uint8_t)c;
    for (uint32_t k = 0; k < t->n; k++) {
        uint32_t v = t->node[k];
        t->sub[v] = f->g->own[v];
        uint64_t near = f->apar[v] | f->achi[v];
        if (k)
            near &= ~BIT(t->link[v]);
        EACH(w, near)
        {
            t->link[w] = (uint8_t)v;
            t->node[t->n++] = (uint8_t)w;
        }
    }
    for (uint32_t k = t->n; --k;) {
        uint32_t v = t->node[k], u = t->link[v];
        t->sub[u] = qc_feesize_add(t->sub[u], t->sub[v]);
    }
    f->cost += 3 * t->n;
}

qc_feesize qc_forest_bottom(const qc_forest *f, const qc_forest_tree *t, uint32_t v, uint32_t c,
                            qc_feesize *top)
{
    qc_feesize rest = qc_feesize_sub(f->sum[c], t->sub[v]);
    if (f->apar[v] & BIT(t->link[v])) {
        *top = rest;
        return t->sub[v];
    }
    *top = t->sub[v];
    return rest;
}

/* All that active dependencies still connect with `from`. */
static uint64_t connected(const qc_forest *f, uint32_t from)
{
    uint64_t got = BIT(from), todo = got;
    while (todo) {
        uint32_t v = FIRST(todo);
        uint64_t more = (f->apar[v] | f->achi[v]) & ~got;
        got |= more;
        todo = (todo & (todo - 1)) | more;
    }
    return got;
}

static void relabel(qc_forest *f, uint64_t set, uint32_t name)
{
    qc_feesize sum = {0, 0};
    EACH(i, set)
    {
        f->chunk_of[i] = (uint8_t)name;
        sum = qc_feesize_add(sum, f->g->own[i]);
    }
    f->set[name] = set;
    f->sum[name] = sum;
    f->chunks |= BIT(name);
    f->unsure |= BIT(name);
    f->cost += COUNT(set);
}

/* Cut chunk c between parent p and child q, and make the state one with an order again. */
static void cut(qc_forest *f, uint32_t c, uint32_t p, uint32_t q)
{
    f->apar[q] &= ~BIT(p);
    f->achi[p] &= ~BIT(q);
    uint64_t top = connected(f, p), bottom = f->set[c] & ~top;
    uint64_t needs = 0;
    EACH(i, top)
    needs |= f->par[i];
    f->cost += 2 * COUNT(top);
    relabel(f, top, top & BIT(c) ? c : FIRST(top));
    relabel(f, bottom, bottom & BIT(c) ? c : FIRST(bottom));
    uint32_t t = f->chunk_of[p], b = f->chunk_of[q];
    if (needs & bottom) { /* it needs the lower half anyway, by another way: try with that edge */
        join(f, t, b, bottom, top);
        return;
    }
    join_all(f, t, true);
    join_all(f, f->chunk_of[q], false);
}

/* One step in chunk c: cut one of the edges that have a better rate above than below. */
static void step(qc_forest *f, uint32_t c)
{
    qc_forest_tree t;
    qc_forest_walk(f, c, &t);
    uint32_t found = 0, v = 0;
    for (uint32_t k = 1; k < t.n; k++) {
        qc_feesize top, bottom = qc_forest_bottom(f, &t, t.node[k], c, &top);
        if (qc_feesize_cmp(top, bottom) > 0 && rng_below(f->rng, ++found) == 0)
            v = t.node[k];
    }
    f->cost += 2 * t.n;
    if (!found) {
        f->unsure &= ~BIT(c);
        return;
    }
    uint32_t u = t.link[v];
    if (f->apar[v] & BIT(u))
        cut(f, c, u, v);
    else
        cut(f, c, v, u);
}

bool qc_forest_improve(qc_forest *f, uint64_t budget)
{
    uint64_t start = f->cost;
    while (f->unsure && f->cost - start < budget) {
        uint64_t later = f->unsure & ~(BIT(f->cursor) - 1);
        uint32_t c = FIRST(later ? later : f->unsure);
        f->cursor = (c + 1) % QC_LIN_MAX;
        step(f, c);
    }
    return !f->unsure;
}
