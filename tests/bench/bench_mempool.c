/* tests/bench/bench_mempool.c: the graph of a full mempool. */
#include "core/base/alloc.h"
#include "core/mempool/graph.h"
#include "core/mempool/linearize.h"
#include "tests/bench/bench.h"

#include <stdlib.h>
#include <string.h>

static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static uint32_t below(uint64_t *s, uint32_t n)
{
    return (uint32_t)((next(s) >> 32) * n >> 32);
}

typedef struct pool {
    qc_graph *g;
    uint32_t n;
    qc_graph_ref *ref;
    uint64_t seed;
} pool;

static qc_graph_ref add_one(pool *p)
{
    return qc_graph_add(p->g, 200 + below(&p->seed, 100000), 400 + (int32_t)below(&p->seed, 3000),
                        NULL);
}

static int cmp_fee(const void *a, const void *b)
{
    const qc_feesize *x = a, *y = b;
    return qc_feesize_cmp(*y, *x);
}

/* The floor: an array of as many rates, sorted. */
static void sort_rates(void *arg)
{
    pool *p = arg;
    qc_feesize *v = qc_alloc(p->n * sizeof *v);
    for (uint32_t i = 0; i < p->n; i++)
        v[i] = (qc_feesize){200 + below(&p->seed, 100000), 400 + (int32_t)below(&p->seed, 3000)};
    qsort(v, p->n, sizeof *v, cmp_fee);
    QC_BENCH_KEEP(v[p->n / 2].fee);
    qc_free(v);
}

static void fill(pool *p, uint32_t in_clusters)
{
    qc_feesize sum;
    for (uint32_t i = 0; i < p->n; i++) {
        p->ref[i] = add_one(p);
        if (i % in_clusters)
            qc_graph_depend(p->g, p->ref[i - 1 - below(&p->seed, i % in_clusters)], p->ref[i]);
    }
    qc_graph_worst(p->g, &sum); /* applies all, and orders */
    QC_BENCH_KEEP(sum.fee);
}

static void fill_alone(void *arg)
{
    pool *p = arg;
    p->g = qc_graph_new(NULL);
    fill(p, 1);
    qc_graph_free(p->g);
}

static void fill_five(void *arg)
{
    pool *p = arg;
    p->g = qc_graph_new(NULL);
    fill(p, 5);
    qc_graph_free(p->g);
}

/* Into the full one: come, be indexed; the worst goes. */
static void add_and_evict(void *arg)
{
    pool *p = arg;
    qc_feesize sum;
    for (uint32_t i = 0; i < 1000; i++) {
        add_one(p);
        qc_graph_remove(p->g, qc_graph_worst(p->g, &sum).ref[0]);
    }
}

/* The life of an ordinary replacement: 1 of main goes, 1 comes, diagrams, commit. */
static void replace(void *arg)
{
    pool *p = arg;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t k = below(&p->seed, p->n);
        qc_feesize was = qc_graph_feesize(p->g, p->ref[k]);
        qc_graph_stage(p->g);
        qc_graph_remove(p->g, p->ref[k]);
        qc_graph_ref t = qc_graph_add(p->g, was.fee + 1, was.size, NULL);
        QC_ASSERT(!qc_graph_oversized(p->g, QC_GRAPH_TOP));
        QC_ASSERT(qc_graph_replacement(p->g) == QC_DIAGRAM_BETTER);
        qc_graph_commit(p->g);
        p->ref[k] = t;
    }
}

/* A block's worth of chunks from the best down. */
static void walk(void *arg)
{
    pool *p = arg;
    qc_graph_walk w;
    qc_feesize sum;
    int64_t left = 4000000;
    for (qc_graph_walk_start(p->g, &w); left > 0; qc_graph_walk_next(&w, false)) {
        if (!qc_graph_walk_chunk(&w, &sum).n)
            break;
        left -= sum.size;
    }
}

static void bench_full(qc_bench *b)
{
    pool p = {.n = qc_bench_is_smoke(b) ? 1000 : 300000, .seed = 1};
    p.ref = qc_alloc(p.n * sizeof *p.ref);
    qc_bench_run(b, "sort as many rates, per rate", sort_rates, &p, p.n);
    qc_bench_vs(b, "fill with transactions alone", fill_alone, &p, p.n);
    qc_bench_vs(b, "fill with clusters of 5, per transaction", fill_five, &p, p.n);
    p.g = qc_graph_new(NULL);
    fill(&p, 1);
    qc_bench_note(b, "memory of one alone", (double)qc_graph_memory(p.g) / p.n, "bytes");
    qc_bench_vs(b, "replace one, with diagrams", replace, &p, 1000);
    qc_bench_vs(b, "a block's walk", walk, &p, 1);
    qc_bench_vs(b, "one comes, the worst goes", add_and_evict, &p, 1000);
    qc_graph_free(p.g);
    qc_free(p.ref);
}

/* ---- ordering ---- */

typedef enum shape { CHAIN, FAN, BIPARTITE, RANDOM } shape;

typedef struct order {
    qc_lin_graph g[16];
    uint64_t rng;
} order;

static void gen(order *o, shape s)
{
    for (size_t k = 0; k < QC_COUNTOF(o->g); k++) {
        qc_lin_graph *g = &o->g[k];
        g->n = QC_LIN_MAX;
        for (uint32_t i = 0; i < g->n; i++) {
            uint64_t up = 0;
            if (s == CHAIN)
                up = ((uint64_t)1 << i) - 1;
            else if (s == FAN)
                up = i > 0;
            else if (s == BIPARTITE)
                up = i >= 32 ? next(&o->rng) & 0xffffffff : 0;
            else if (i)
                up = g->anc[below(&o->rng, i)] | g->anc[below(&o->rng, i)];
            g->anc[i] = up | (uint64_t)1 << i;
            g->own[i] = (qc_feesize){below(&o->rng, 100000), 400 + (int32_t)below(&o->rng, 3000)};
        }
    }
}

static void run_ancestors(void *arg)
{
    const order *o = arg;
    uint8_t at[QC_LIN_MAX];
    for (size_t k = 0; k < QC_COUNTOF(o->g); k++)
        qc_lin_ancestors(&o->g[k], at);
    QC_BENCH_KEEP(at[0]);
}

static void run_optimal(void *arg)
{
    order *o = arg;
    for (size_t k = 0; k < QC_COUNTOF(o->g); k++) {
        qc_lin_order out;
        qc_lin_task t = {.graph = &o->g[k], .budget = 25000, .rng = &o->rng};
        qc_lin_run(&t, &out);
        QC_BENCH_KEEP(out.ends);
    }
}

static void bench_order(qc_bench *b)
{
    static const char *const name[] = {"order 64: chain", "order 64: one parent",
                                       "order 64: 32 by 32", "order 64: random"};
    order *o = qc_alloc(sizeof *o);
    o->rng = 7;
    for (int s = CHAIN; s <= RANDOM; s++) {
        gen(o, (shape)s);
        if (s == CHAIN)
            qc_bench_run(b, "order 64: best ancestor sets of a chain", run_ancestors, o,
                         QC_COUNTOF(o->g));
        qc_bench_vs(b, name[s], run_optimal, o, QC_COUNTOF(o->g));
    }
    qc_free(o);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "graph");
    bench_full(b);
    bench_order(b);
    return qc_bench_end(b);
}
