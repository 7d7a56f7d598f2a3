#include "core/mempool/linearize.h"
#include "tests/unit/harness.h"

#define ALL(n) (~(uint64_t)0 >> (64 - (n)))
#define BIT(i) ((uint64_t)1 << (i))

static uint32_t below(uint64_t *seed, uint32_t n)
{
    return (uint32_t)(test_rand(seed) % n);
}

static void set_random(qc_lin_graph *g, uint32_t i, uint64_t *seed, uint32_t spread)
{
    g->own[i] = (qc_feesize){below(seed, spread), 1 + (int32_t)below(seed, spread)};
}

/* Every earlier one is a parent with a chance of 1 in `rare`. */
static void gen_random(qc_lin_graph *g, uint32_t n, uint32_t rare, uint32_t spread, uint64_t *seed)
{
    g->n = n;
    for (uint32_t i = 0; i < n; i++) {
        set_random(g, i, seed, spread);
        g->anc[i] = BIT(i);
        for (uint32_t p = 0; p < i; p++)
            if (below(seed, rare) == 0)
                g->anc[i] |= g->anc[p];
    }
}

typedef enum shape { CHAIN, FAN, BIPARTITE, ZIGZAG, RANDOM, DENSE, SHAPES } shape;

static void gen_shape(qc_lin_graph *g, uint32_t n, shape s, uint64_t *seed)
{
    gen_random(g, n, s == DENSE ? 4 : n, 1000, seed);
    for (uint32_t i = 0; i < n && s < RANDOM; i++) {
        uint64_t up = 0;
        if (s == CHAIN)
            up = BIT(i) - 1;
        else if (s == FAN && i)
            up = 1;
        else if (s == BIPARTITE && i >= n / 2)
            up = test_rand(seed) & ALL(n / 2);
        else if (s == ZIGZAG && i >= n / 2)
            up = BIT((i - n / 2) % (n / 2)) | BIT((i - n / 2 + 1) % (n / 2));
        g->anc[i] = up | BIT(i);
    }
}

static qc_lin_order run(const qc_lin_graph *g, bool keep, uint64_t budget, uint64_t seed)
{
    qc_lin_order o;
    qc_lin_task t = {.graph = g, .keep = keep, .budget = budget, .rng = &seed};
    qc_lin_run(&t, &o);
    assert_true(o.cost <= budget + QC_LIN_STEP((uint64_t)g->n) + QC_LIN_BASE((uint64_t)g->n));
    return o;
}

static qc_feesize sum_of(const qc_lin_graph *g, uint64_t set)
{
    qc_feesize s = {0, 0};
    for (uint32_t i = 0; i < g->n; i++)
        if (set & BIT(i))
            s = qc_feesize_add(s, g->own[i]);
    return s;
}

static bool is_connected(const qc_lin_graph *g, uint64_t set)
{
    uint64_t got = set & -set;
    for (uint32_t round = 0; round < g->n; round++)
        for (uint32_t i = 0; i < g->n; i++)
            if ((set & BIT(i)) && (g->anc[i] & got))
                got |= g->anc[i] & set;
    return got == set;
}

/* Each once, parents first, chunks connected and by falling rate. Out: sums; number of chunks. */
static size_t check_order(const qc_lin_graph *g, const qc_lin_order *o, qc_feesize *sums)
{
    uint64_t done = 0, set = 0;
    size_t n = 0;
    for (uint32_t k = 0; k < g->n; k++) {
        uint32_t i = o->at[k];
        assert_true(i < g->n && !(done & BIT(i)));
        done |= BIT(i);
        set |= BIT(i);
        assert_true((g->anc[i] & ~done) == 0);
        if (!(o->ends & BIT(k)))
            continue;
        assert_true(is_connected(g, set));
        sums[n] = sum_of(g, set);
        assert_true(!n || qc_feesize_cmp(sums[n - 1], sums[n]) >= 0);
        n++;
        set = 0;
    }
    assert_true(done == ALL(g->n) && set == 0 && !(o->ends & ~ALL(g->n)));
    return n;
}

/* No set that mining could start with lies above the diagram. */
static void check_optimal(const qc_lin_graph *g, const qc_feesize *sums, size_t n)
{
    for (uint64_t set = 1; set <= ALL(g->n); set++) {
        bool closed = true;
        for (uint32_t i = 0; i < g->n; i++)
            closed &= !(set & BIT(i)) || !(g->anc[i] & ~set);
        if (!closed)
            continue;
        qc_feesize s = sum_of(g, set), at = {0, 0};
        size_t k = 0;
        while (k < n && at.size + sums[k].size <= s.size)
            at = qc_feesize_add(at, sums[k++]);
        int64_t over = (s.fee - at.fee), width = s.size - at.size;
        assert_true(width == 0 ? over <= 0 : over * sums[k].size <= sums[k].fee * width);
    }
}

/* No chunk has a part of its own rate that could go first. */
static void check_smallest(const qc_lin_graph *g, const qc_lin_order *o)
{
    uint64_t done = 0, chunk = 0;
    for (uint32_t k = 0; k < g->n; k++) {
        chunk |= BIT(o->at[k]);
        if (!(o->ends & BIT(k)))
            continue;
        for (uint64_t part = (chunk - 1) & chunk; part; part = (part - 1) & chunk) {
            bool closed = true;
            for (uint32_t i = 0; i < g->n; i++)
                closed &= !(part & BIT(i)) || !(g->anc[i] & ~part & ~done);
            assert_true(!closed || qc_feesize_cmp(sum_of(g, part), sum_of(g, chunk)) < 0);
        }
        done |= chunk;
        chunk = 0;
    }
}

static void test_run__small_clusters_are_optimal_with_smallest_chunks(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < 3000; round++) {
        qc_lin_graph g;
        qc_feesize sums[QC_LIN_MAX];
        gen_random(&g, 1 + below(&seed, 9), 1 + below(&seed, 6), round % 3 ? 4 : 50, &seed);
        if (round % 7 == 0)
            g.own[below(&seed, g.n)].fee = -20;
        qc_lin_order o = run(&g, round % 2, 1000000, seed);
        assert_true(o.optimal);
        size_t n = check_order(&g, &o, sums);
        check_optimal(&g, sums, n);
        check_smallest(&g, &o);
    }
}

/* Chunks that need each other at the same rate would have no order. */
static void test_run__equal_rates_that_need_each_other_are_joined(void **state)
{
    (void)state;
    uint64_t seed = 10;
    for (unsigned round = 0; round < 6000; round++) {
        qc_lin_graph g;
        qc_feesize sums[QC_LIN_MAX];
        uint32_t half = 2 + round % 4;
        g.n = 2 * half;
        for (uint32_t i = 0; i < g.n; i++) {
            g.own[i] = (qc_feesize){below(&seed, 4), 1 + (int32_t)below(&seed, 2)};
            g.anc[i] = BIT(i) | (i < half ? 0 : test_rand(&seed) & ALL(half));
        }
        qc_lin_order o = run(&g, false, round % 3 ? 1000000 : below(&seed, 300), seed);
        size_t n = check_order(&g, &o, sums);
        if (o.optimal) {
            check_optimal(&g, sums, n);
            check_smallest(&g, &o);
        }
    }
}

static void order_chunks(const qc_lin_graph *g, const uint8_t *order, qc_feesize *sums, size_t *n)
{
    *n = qc_lin_chunks(g, order, sums, NULL);
}

/* The rule as it is said: of all ancestor sets of what is left, the best rate; then what is left.
 */
static void slow_ancestors(const qc_lin_graph *g, uint8_t *order)
{
    uint64_t left = ALL(g->n);
    for (uint32_t k = 0; left;) {
        uint64_t best = 0;
        for (uint32_t i = 0; i < g->n; i++) {
            uint64_t set = g->anc[i] & left;
            if ((left & BIT(i)) && (!best || qc_feesize_cmp(sum_of(g, set), sum_of(g, best)) > 0))
                best = set;
        }
        for (uint32_t i = 0; i < g->n; i++)
            if (best & BIT(i))
                order[k++] = (uint8_t)i;
        left &= ~best;
    }
}

static bool not_below(const qc_feesize *a, size_t na, const qc_feesize *b, size_t nb)
{
    qc_diagram d = qc_diagram_compare(a, na, b, nb);
    return d == QC_DIAGRAM_BETTER || d == QC_DIAGRAM_EQUAL;
}

/* The same cluster with its transactions in that order. */
static void permute(qc_lin_graph *g, const uint8_t *at)
{
    qc_lin_graph was = *g;
    uint8_t place[QC_LIN_MAX];
    for (uint32_t k = 0; k < g->n; k++)
        place[at[k]] = (uint8_t)k;
    for (uint32_t k = 0; k < g->n; k++) {
        g->own[k] = was.own[at[k]];
        g->anc[k] = 0;
        for (uint32_t i = 0; i < g->n; i++)
            if (was.anc[at[k]] & BIT(i))
                g->anc[k] |= BIT(place[i]);
    }
}

static void test_run__large_clusters_are_never_worse_than_what_was(void **state)
{
    (void)state;
    uint64_t seed = 2;
    unsigned optimal = 0, better = 0;
    for (unsigned round = 0; round < 360; round++) {
        qc_lin_graph g;
        uint8_t greedy[QC_LIN_MAX];
        qc_feesize was[QC_LIN_MAX], is[QC_LIN_MAX];
        size_t nwas, nis;
        gen_shape(&g, 10 + below(&seed, 55), round % SHAPES, &seed);
        qc_lin_order o = run(&g, false, below(&seed, 2) * 300, seed);
        nis = check_order(&g, &o, is);
        slow_ancestors(&g, greedy);
        order_chunks(&g, greedy, was, &nwas);
        assert_true(not_below(is, nis, was, nwas));
        for (unsigned again = 0; again < 6 && !o.optimal; again++) {
            permute(&g, o.at);
            memcpy(was, is, sizeof was);
            nwas = nis;
            o = run(&g, true, again * again * again * 400, seed + again);
            nis = check_order(&g, &o, is);
            assert_true(not_below(is, nis, was, nwas));
            better += qc_diagram_compare(is, nis, was, nwas) == QC_DIAGRAM_BETTER;
        }
        optimal += o.optimal;
    }
    assert_true(optimal > 350 && better > 0);
}

/* A bad order that is kept must not come out below the greedy one, even if nothing may be spent. */
static void test_run__a_kept_order_gets_the_greedy_one_folded_in(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned round = 0; round < 120; round++) {
        qc_lin_graph g;
        uint8_t greedy[QC_LIN_MAX], same[QC_LIN_MAX];
        qc_feesize a[QC_LIN_MAX], b[QC_LIN_MAX], is[QC_LIN_MAX];
        size_t na, nb;
        gen_shape(&g, 2 + below(&seed, 63), round % SHAPES, &seed);
        for (uint32_t i = 0; i < g.n; i++)
            same[i] = (uint8_t)i;
        qc_lin_order o = run(&g, true, 0, seed);
        size_t nis = check_order(&g, &o, is);
        slow_ancestors(&g, greedy);
        order_chunks(&g, greedy, a, &na);
        order_chunks(&g, same, b, &nb);
        assert_true(not_below(is, nis, a, na) && not_below(is, nis, b, nb));
    }
}

static void test_merge__is_nowhere_below_either(void **state)
{
    (void)state;
    uint64_t seed = 4;
    unsigned crossing = 0;
    for (unsigned round = 0; round < 2000; round++) {
        qc_lin_graph g;
        uint8_t order[3][QC_LIN_MAX];
        qc_feesize sums[3][QC_LIN_MAX];
        size_t n[3];
        gen_random(&g, 1 + below(&seed, 24), 2 + below(&seed, 8), 30, &seed);
        for (int k = 0; k < 2; k++) { /* any two orders that respect dependencies */
            uint64_t done = 0;
            for (uint32_t at = 0; at < g.n;) {
                uint32_t i = below(&seed, g.n);
                if ((done & BIT(i)) || (g.anc[i] & ~done & ~BIT(i)))
                    continue;
                order[k][at++] = (uint8_t)i;
                done |= BIT(i);
            }
        }
        qc_lin_merge(&g, order[0], order[1], order[2]);
        for (int k = 0; k < 3; k++)
            order_chunks(&g, order[k], sums[k], &n[k]);
        assert_true(not_below(sums[2], n[2], sums[0], n[0]));
        assert_true(not_below(sums[2], n[2], sums[1], n[1]));
        crossing += qc_diagram_compare(sums[0], n[0], sums[1], n[1]) == QC_DIAGRAM_CROSSING;
    }
    assert_true(crossing > 500);
}

static void test_ancestors__is_what_the_rule_says(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (unsigned round = 0; round < 300; round++) {
        qc_lin_graph g;
        uint8_t a[QC_LIN_MAX], b[QC_LIN_MAX];
        gen_random(&g, 1 + below(&seed, 64), 2 + below(&seed, 30), 100000, &seed);
        qc_lin_ancestors(&g, a);
        slow_ancestors(&g, b);
        assert_memory_equal(a, b, g.n); /* rates that are hardly ever equal: no ties */
    }
}

static void test_chunks__each_is_the_best_prefix_of_what_is_left(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (unsigned round = 0; round < 500; round++) {
        qc_lin_graph g;
        uint8_t order[QC_LIN_MAX];
        qc_feesize sums[QC_LIN_MAX];
        uint64_t ends;
        gen_random(&g, 1 + below(&seed, 64), 64, 20, &seed);
        for (uint32_t i = 0; i < g.n; i++)
            order[i] = (uint8_t)i;
        size_t n = qc_lin_chunks(&g, order, sums, &ends);
        uint32_t from = 0;
        for (size_t k = 0; k < n; k++) {
            uint32_t to = from;
            qc_feesize acc = {0, 0}, best = {0, 0};
            for (uint32_t i = from; i < g.n; i++) {
                acc = qc_feesize_add(acc, g.own[i]);
                if (i == from || qc_feesize_cmp(acc, best) > 0) {
                    best = acc;
                    to = i + 1;
                }
            }
            assert_true(best.fee == sums[k].fee && best.size == sums[k].size);
            assert_true(ends & BIT(to - 1));
            from = to;
        }
        assert_int_equal(from, g.n);
    }
}

static void test_run__is_decided_by_the_seed(void **state)
{
    (void)state;
    uint64_t seed = 7;
    qc_lin_graph g;
    gen_shape(&g, 64, DENSE, &seed);
    qc_lin_order a = run(&g, false, 3000, 9), b = run(&g, false, 3000, 9);
    assert_true(!memcmp(a.at, b.at, sizeof a.at) && a.ends == b.ends && a.cost == b.cost);
}

static int backwards(void *ctx, uint32_t i, uint32_t j)
{
    (*(unsigned *)ctx)++;
    return (i < j) - (i > j);
}

/* Equal in all: the smaller chunk first, then as ties say; in a chunk the better rate first. */
static void test_run__ties_are_broken_as_told(void **state)
{
    (void)state;
    unsigned calls = 0;
    uint64_t rng = 1;
    qc_lin_graph g = {
        .n = 5, .own = {{10, 10}, {20, 10}, {20, 10}, {40, 20}, {60, 10}}, .anc = {1, 3, 5, 9, 17}};
    qc_lin_order o;
    qc_lin_task t = {&g, false, 100000, &rng, backwards, &calls};
    qc_lin_run(&t, &o);
    assert_true(o.optimal && calls > 0);
    /* 0 and 4 pay 70 for 20; 1, 2 and 3 pay 2 each, 3 is larger, 2 goes before 1. */
    static const uint8_t want[] = {0, 4, 2, 1, 3};
    assert_memory_equal(o.at, want, sizeof want);
    assert_int_equal(o.ends, 0x1e);
}

static void test_run__in_a_chunk_the_smaller_of_equal_rates_goes_first(void **state)
{
    (void)state;
    const qc_lin_graph g = {.n = 3, .own = {{20, 20}, {10, 10}, {100, 10}}, .anc = {1, 2, 7}};
    qc_lin_order o = run(&g, false, 100000, 1);
    static const uint8_t want[] = {1, 0, 2};
    assert_memory_equal(o.at, want, sizeof want);
    assert_int_equal(o.ends, 4);
}

static void test_run__a_tight_budget_is_kept_by_hard_clusters(void **state)
{
    (void)state;
    uint64_t seed = 8;
    bool stopped = false;
    for (unsigned round = 0; round < 60; round++) {
        qc_lin_graph g;
        gen_shape(&g, 64, round % SHAPES, &seed);
        for (uint64_t budget = 0; budget < 20000; budget += 1777) {
            qc_lin_order o = run(&g, round & 1, budget, seed); /* asserts the bound */
            stopped |= !o.optimal;
        }
    }
    assert_true(stopped);
}

static void test_run__fees_at_the_limit_do_not_overflow(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (unsigned round = 0; round < 40; round++) {
        qc_lin_graph g;
        qc_feesize sums[QC_LIN_MAX];
        gen_shape(&g, 64, round % SHAPES, &seed);
        for (uint32_t i = 0; i < g.n; i++) {
            g.own[i].fee = (below(&seed, 2) ? 1 : -1) * ((int64_t)1 << 56);
            g.own[i].size = INT32_MAX / 64;
        }
        qc_lin_order o = run(&g, false, 100000, seed);
        check_order(&g, &o, sums);
    }
}

/* ---- polishing, by its rule alone: lists that are copied about ---- */

typedef struct slow_group {
    uint32_t n, at[QC_LIN_MAX];
} slow_group;

static qc_feesize slow_sum(const qc_lin_graph *g, const slow_group *s)
{
    qc_feesize sum = {0, 0};
    for (uint32_t k = 0; k < s->n; k++)
        sum = qc_feesize_add(sum, g->own[s->at[k]]);
    return sum;
}

static bool slow_needs(const qc_lin_graph *g, const slow_group *c, const slow_group *p)
{
    for (uint32_t i = 0; i < c->n; i++)
        for (uint32_t k = 0; k < p->n; k++)
            if (g->anc[c->at[i]] & BIT(p->at[k]))
                return true;
    return false;
}

static void slow_forward(const qc_lin_graph *g, uint8_t *order)
{
    static slow_group l[QC_LIN_MAX];
    uint32_t n = 0, at = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t c = n++;
        l[c] = (slow_group){1, {order[i]}};
        while (c && qc_feesize_cmp(slow_sum(g, &l[c]), slow_sum(g, &l[c - 1])) > 0) {
            slow_group was = l[c - 1];
            if (slow_needs(g, &l[c], &was)) {
                for (uint32_t k = 0; k < l[c].n; k++)
                    l[c - 1].at[l[c - 1].n++] = l[c].at[k];
                memmove(&l[c], &l[c + 1], (n - c - 1) * sizeof *l);
                n--;
            } else {
                l[c - 1] = l[c];
                l[c] = was;
            }
            c--;
        }
    }
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < l[k].n; i++)
            order[at++] = (uint8_t)l[k].at[i];
}

static void reverse(uint8_t *order, uint32_t n)
{
    for (uint32_t k = 0; k < n / 2; k++) {
        uint8_t swap = order[k];
        order[k] = order[n - 1 - k];
        order[n - 1 - k] = swap;
    }
}

static void slow_polish(const qc_lin_graph *g, uint8_t *order)
{
    qc_lin_graph upside_down = {.n = g->n};
    for (uint32_t i = 0; i < g->n; i++) {
        upside_down.own[i] = (qc_feesize){-g->own[i].fee, g->own[i].size};
        for (uint32_t k = 0; k < g->n; k++)
            if (g->anc[k] & BIT(i))
                upside_down.anc[i] |= BIT(k);
    }
    reverse(order, g->n);
    slow_forward(&upside_down, order);
    reverse(order, g->n);
    slow_forward(g, order);
}

/* Any order that respects dependencies. */
static void random_order(const qc_lin_graph *g, uint8_t *order, uint64_t *seed)
{
    uint64_t done = 0;
    for (uint32_t k = 0; k < g->n;) {
        uint32_t i = below(seed, g->n);
        if ((done & BIT(i)) || (g->anc[i] & ~done & ~BIT(i)))
            continue;
        done |= BIT(i);
        order[k++] = (uint8_t)i;
    }
}

static void test_polish__joins_and_swaps_as_the_rule_says(void **state)
{
    (void)state;
    uint64_t seed = 11;
    unsigned moved = 0;
    for (unsigned round = 0; round < 3000; round++) {
        qc_lin_graph g;
        uint8_t a[QC_LIN_MAX], b[QC_LIN_MAX], was[QC_LIN_MAX];
        qc_feesize sums[QC_LIN_MAX], old[QC_LIN_MAX];
        if (round % 3)
            gen_random(&g, 1 + below(&seed, 64), 1 + below(&seed, 30), round % 2 ? 4 : 10000,
                       &seed);
        else
            gen_shape(&g, 2 + below(&seed, 63), round % SHAPES, &seed);
        random_order(&g, was, &seed);
        memcpy(a, was, sizeof a);
        memcpy(b, was, sizeof b);
        qc_lin_polish(&g, a);
        slow_polish(&g, b);
        assert_memory_equal(a, b, g.n);
        moved += memcmp(a, was, g.n) != 0;
        qc_lin_order o = {.optimal = false};
        memcpy(o.at, a, sizeof a);
        size_t n = qc_lin_chunks(&g, a, sums, &o.ends), m = qc_lin_chunks(&g, was, old, NULL);
        check_order(&g, &o, sums);
        qc_diagram d = qc_diagram_compare(sums, n, old, m);
        assert_true(d == QC_DIAGRAM_BETTER || d == QC_DIAGRAM_EQUAL);
    }
    assert_true(moved > 1000);
}

/* 0 pays 3; 1 and 2 pay 2 and 60 together; 3, which needs all, pays most. By rates alone 0 would
 * go first. */
static void test_run__in_a_chunk_a_group_goes_before_one_of_a_lower_rate(void **state)
{
    (void)state;
    const qc_lin_graph g = {
        .n = 4, .own = {{3, 1}, {2, 1}, {60, 1}, {9000, 1}}, .anc = {1, 2, 6, 15}};
    qc_lin_order o = run(&g, false, 100000, 1);
    static const uint8_t want[] = {1, 2, 0, 3};
    assert_memory_equal(o.at, want, sizeof want);
    assert_int_equal(o.ends, 8);
}

QC_TEST_MAIN(cmocka_unit_test(test_run__small_clusters_are_optimal_with_smallest_chunks),
             cmocka_unit_test(test_run__equal_rates_that_need_each_other_are_joined),
             cmocka_unit_test(test_run__in_a_chunk_the_smaller_of_equal_rates_goes_first),
             cmocka_unit_test(test_run__large_clusters_are_never_worse_than_what_was),
             cmocka_unit_test(test_run__a_kept_order_gets_the_greedy_one_folded_in),
             cmocka_unit_test(test_merge__is_nowhere_below_either),
             cmocka_unit_test(test_ancestors__is_what_the_rule_says),
             cmocka_unit_test(test_chunks__each_is_the_best_prefix_of_what_is_left),
             cmocka_unit_test(test_polish__joins_and_swaps_as_the_rule_says),
             cmocka_unit_test(test_run__in_a_chunk_a_group_goes_before_one_of_a_lower_rate),
             cmocka_unit_test(test_run__is_decided_by_the_seed),
             cmocka_unit_test(test_run__ties_are_broken_as_told),
             cmocka_unit_test(test_run__a_tight_budget_is_kept_by_hard_clusters),
             cmocka_unit_test(test_run__fees_at_the_limit_do_not_overflow))
