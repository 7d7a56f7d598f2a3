#include "core/mempool/graph.h"
#include "tests/unit/graph_model.h"
#include "tests/unit/harness.h"

static void test_history__agrees_with_the_model(void **state)
{
    (void)state;
    static uint8_t data[3000];
    uint64_t seed = 1;
    qc_model_met met = {0};
    for (unsigned run = 0; run < 150; run++) {
        size_t len = 200 + test_rand(&seed) % (sizeof data - 200);
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)test_rand(&seed);
        qc_model_run(data, len, &met);
    }
    /* Or the histories are not worth much. */
    assert_true(met.commits > 500 && met.aborts > 500 && met.merges > 5000);
    assert_true(met.trims > 100 && met.trimmed > 300);
    assert_true(met.diagrams > 500 && met.better > 50 && met.crossing > 20);
}

/* ---- the index, large enough to be three levels deep ---- */

#define MANY 5000

static int by_number(void *ctx, const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    (void)ctx;
    return (*x > *y) - (*x < *y);
}

typedef struct many {
    qc_graph *g;
    qc_graph_ref ref[MANY];
    uint32_t number[MANY];
    uint64_t seed;
} many;

static int64_t fee_of(many *m, unsigned pattern, uint32_t i)
{
    switch (pattern) {
    case 0:
        return (int64_t)i;
    case 1:
        return -(int64_t)i;
    case 2:
        return 7;
    case 3:
        return (int64_t)(test_rand(&m->seed) % 50);
    }
    return (int64_t)test_rand(&m->seed) >> (test_rand(&m->seed) % 40); /* over all magnitudes */
}

/* Both ends and all between are in order; what is alone is its own chunk. */
static void check_many(many *m, uint32_t want)
{
    qc_graph_walk w;
    qc_feesize sum, before = {0, 0};
    uint32_t n = 0, last = 0;
    qc_graph_check(m->g);
    for (qc_graph_walk_start(m->g, &w);; qc_graph_walk_next(&w, false)) {
        qc_graph_refs r = qc_graph_walk_chunk(&w, &sum);
        if (!r.n)
            break;
        qc_feesize own = qc_graph_feesize(m->g, r.ref[0]);
        uint32_t number = *(uint32_t *)qc_graph_user(m->g, r.ref[0]);
        assert_true(r.n == 1 && own.fee == sum.fee && own.size == sum.size);
        int cmp = n ? qc_feesize_cmp(before, sum) : 1;
        assert_true(cmp >= 0);
        if (cmp == 0)
            assert_true(before.size < sum.size || (before.size == sum.size && last < number));
        before = sum;
        last = number;
        n++;
    }
    assert_int_equal(n, want);
    qc_graph_refs r = qc_graph_worst(m->g, &sum);
    assert_int_equal(r.n, want ? 1 : 0);
    assert_true(sum.fee == before.fee && sum.size == before.size);
}

static void drain(many *m, unsigned pattern)
{
    qc_feesize sum;
    qc_graph_walk w;
    for (uint32_t left = MANY; left; left--) {
        if (left % 1000 == 0)
            check_many(m, left);
        qc_graph_ref t = qc_graph_worst(m->g, &sum).ref[0];
        if (pattern % 3 == 1) {
            qc_graph_walk_start(m->g, &w);
            t = qc_graph_walk_chunk(&w, &sum).ref[0];
        } else if (pattern % 3 == 2) {
            uint32_t k = (uint32_t)(test_rand(&m->seed) % left);
            t = m->ref[k];
            m->ref[k] = m->ref[left - 1];
        }
        qc_graph_remove(m->g, t);
    }
}

static void test_index__keeps_thousands_in_order(void **state)
{
    (void)state;
    static many m;
    m.seed = 1;
    for (unsigned pattern = 0; pattern < 15; pattern++) {
        qc_graph_config cfg = {.order = by_number, .seed = pattern};
        m.g = qc_graph_new(&cfg);
        for (uint32_t i = 0; i < MANY; i++) {
            m.number[i] = i * 2654435761u;
            m.ref[i] = qc_graph_add(m.g, fee_of(&m, pattern % 5, i),
                                    1 + (int32_t)(test_rand(&m.seed) % 20), &m.number[i]);
        }
        drain(&m, pattern);
        check_many(&m, 0);
        assert_int_equal(qc_graph_memory(m.g), 0);
        qc_graph_free(m.g);
    }
}

static void test_memory__of_one_alone_is_what_the_header_says(void **state)
{
    (void)state;
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref ref[10000];
    for (uint32_t i = 0; i < 10000; i++)
        ref[i] = qc_graph_add(g, i * 7919 % 10007, 400, NULL);
    assert_in_range(qc_graph_memory(g) / 10000, 205, 230);
    for (uint32_t i = 0; i < 10000; i++)
        if (i % 10)
            qc_graph_remove(g, ref[i]);
    assert_in_range(qc_graph_memory(g) / 1000, 205, 265); /* the index shrinks, too */
    qc_graph_check(g);
    qc_graph_free(g);
}

/* ---- single behaviours ---- */

static qc_graph_ref add(qc_graph *g, int64_t fee, int32_t size)
{
    return qc_graph_add(g, fee, size, NULL);
}

static void test_chunk__a_child_pays_for_its_parent(void **state)
{
    (void)state;
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref p = add(g, 100, 400), c = add(g, 5000, 400), other = add(g, 2000, 400);
    qc_graph_depend(g, p, c);
    qc_feesize sum = qc_graph_chunk(g, p);
    assert_true(sum.fee == 5100 && sum.size == 800);
    assert_true(qc_graph_compare(g, p, c) < 0 && qc_graph_compare(g, c, other) < 0);
    assert_true(qc_graph_compare(g, p, p) == 0);
    qc_graph_set_fee(g, c, 1000);
    assert_true(qc_graph_compare(g, other, p) < 0);
    qc_graph_refs r = qc_graph_worst(g, &sum);
    assert_true(r.n == 2 && r.ref[0] == c && r.ref[1] == p && sum.fee == 1100);
    qc_graph_set_fee(g, c, 50); /* a chunk each now */
    r = qc_graph_worst(g, &sum);
    assert_true(r.n == 1 && r.ref[0] == c);
    qc_graph_remove(g, c);
    assert_true(!qc_graph_exists(g, QC_GRAPH_MAIN, c));
    assert_int_equal(qc_graph_chunk(g, c).size, 0);
    qc_graph_free(g);
}

static qc_graph_ref chain(qc_graph *g, qc_graph_ref *ref, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        ref[i] = add(g, 1000 + i, 400);
        if (i)
            qc_graph_depend(g, ref[i - 1], ref[i]);
    }
    return ref[0];
}

static void test_oversized__the_65th_of_a_chain_is_too_much(void **state)
{
    (void)state;
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref ref[66];
    chain(g, ref, 64);
    assert_false(qc_graph_oversized(g, QC_GRAPH_MAIN));
    assert_int_equal(qc_graph_ancestors(g, QC_GRAPH_MAIN, &ref[63], 1).n, 64);
    assert_int_equal(qc_graph_descendants(g, QC_GRAPH_MAIN, ref, 1).n, 64);
    ref[64] = add(g, 1, 400);
    ref[65] = add(g, 1, 400);
    assert_false(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_depend(g, ref[63], ref[64]);
    qc_graph_depend(g, ref[64], ref[65]);
    assert_true(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_refs r = qc_graph_trim(g);
    assert_true(r.n == 2 && r.ref[0] + r.ref[1] == ref[64] + ref[65]);
    assert_false(qc_graph_oversized(g, QC_GRAPH_MAIN));
    assert_int_equal(qc_graph_count(g, QC_GRAPH_MAIN), 64);
    assert_int_equal(qc_graph_trim(g).n, 0);
    qc_graph_free(g);
}

static void test_oversized__weight_counts_too(void **state)
{
    (void)state;
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref a = add(g, 10, 202000), b = add(g, 10, 202000);
    qc_graph_depend(g, a, b);
    assert_false(qc_graph_oversized(g, QC_GRAPH_MAIN)); /* 404,000 of 404,000 */
    qc_graph_ref c = add(g, 10, 1), big = add(g, 10, 404001);
    assert_true(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_remove(g, big);
    assert_false(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_depend(g, b, c);
    assert_true(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_free(g);
}

static void test_trim__keeps_the_best_of_a_fan(void **state)
{
    (void)state;
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref ref[100];
    for (uint32_t i = 0; i < 100; i++) {
        ref[i] = add(g, i ? 1000 + (int64_t)i * 37 % 101 : 1, 400);
        if (i)
            qc_graph_depend(g, ref[0], ref[i]);
    }
    qc_graph_refs r = qc_graph_trim(g);
    assert_int_equal(r.n, 36);
    for (size_t k = 0; k < r.n; k++)
        for (uint32_t i = 1; i < 100; i++)
            if (qc_graph_exists(g, QC_GRAPH_MAIN, ref[i]))
                assert_true(qc_graph_feesize(g, r.ref[k]).fee < qc_graph_feesize(g, ref[i]).fee);
    assert_true(qc_graph_exists(g, QC_GRAPH_MAIN, ref[0]));
    qc_graph_check(g);
    qc_graph_free(g);
}

static void test_set_user__is_what_the_order_sees_from_then_on(void **state)
{
    (void)state;
    uint32_t one[] = {1, 2}, moved[] = {1, 2};
    qc_graph_config cfg = {.order = by_number};
    qc_graph *g = qc_graph_new(&cfg);
    qc_graph_ref b = qc_graph_add(g, 5, 5, &one[1]), a = qc_graph_add(g, 5, 5, &one[0]);
    assert_true(qc_graph_compare(g, a, b) < 0);
    qc_graph_set_user(g, a, &moved[0]);
    qc_graph_set_user(g, b, &moved[1]);
    one[0] = 3;
    assert_true(qc_graph_compare(g, a, b) < 0 && qc_graph_user(g, a) == &moved[0]);
    qc_graph_check(g);
    qc_graph_free(g);
}

/* Two chunks of the same rate and size: the last member of each decides. */
static void test_compare__equal_chunks_go_by_their_last_members(void **state)
{
    (void)state;
    uint32_t number[] = {1, 9, 2, 5};
    qc_graph_config cfg = {.order = by_number};
    for (uint32_t swap = 0; swap < 2; swap++) {
        qc_graph *g = qc_graph_new(&cfg);
        qc_graph_ref t[4];
        for (uint32_t i = 0; i < 4; i++)
            t[i] = qc_graph_add(g, i & 1 ? 100 : 1, 10, &number[swap ? i ^ 1 : i]);
        qc_graph_depend(g, t[0], t[1]);
        qc_graph_depend(g, t[2], t[3]);
        for (uint32_t i = 0; i < 2; i++)
            assert_true(qc_graph_compare(g, t[2], t[i]) < 0 && qc_graph_compare(g, t[i], t[3]) > 0);
        qc_graph_free(g);
    }
}

/* What was taken out of main comes back with an abort, and what was put in is gone. */
static void test_stage__is_forgotten_by_abort(void **state)
{
    (void)state;
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref ref[5];
    chain(g, ref, 5);
    size_t bytes = qc_graph_memory(g);
    qc_graph_stage(g);
    qc_graph_remove(g, ref[3]);
    qc_graph_remove(g, ref[4]);
    qc_graph_ref t = add(g, 9000, 300);
    qc_graph_depend(g, ref[2], t);
    assert_int_equal(qc_graph_count(g, QC_GRAPH_TOP), 4);
    assert_int_equal(qc_graph_count(g, QC_GRAPH_MAIN), 5);
    assert_int_equal(qc_graph_cluster(g, QC_GRAPH_TOP, t).n, 4);
    assert_int_equal(qc_graph_cluster(g, QC_GRAPH_MAIN, t).n, 0);
    assert_int_equal(qc_graph_cluster(g, QC_GRAPH_MAIN, ref[0]).n, 5);
    assert_int_equal(qc_graph_replacement(g), QC_DIAGRAM_BETTER);
    assert_int_equal(qc_graph_memory(g), bytes);
    qc_graph_abort(g);
    assert_false(qc_graph_exists(g, QC_GRAPH_TOP, t));
    assert_true(qc_graph_exists(g, QC_GRAPH_TOP, ref[4]));
    assert_int_equal(qc_graph_memory(g), bytes);
    qc_graph_check(g);
    assert_int_equal(add(g, 1, 1), t); /* the slot of a dead ref is used again */
    qc_graph_free(g);
}

static void test_commit__of_an_oversized_staging_can_be_trimmed_after(void **state)
{
    (void)state;
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref ref[65];
    chain(g, ref, 64);
    qc_graph_stage(g);
    ref[64] = add(g, 5000, 400);
    qc_graph_depend(g, ref[63], ref[64]);
    assert_true(qc_graph_oversized(g, QC_GRAPH_TOP));
    assert_false(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_commit(g);
    assert_true(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_refs r = qc_graph_trim(g);
    assert_true(r.n == 1 && r.ref[0] == ref[64]);
    qc_graph_check(g);
    qc_graph_free(g);
}

static void test_replacement__is_judged_by_the_changed_clusters_alone(void **state)
{
    (void)state;
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref a = add(g, 1000, 100), b = add(g, 1000, 1000);
    add(g, 777777, 100);
    static const struct {
        int64_t fee;
        int32_t size;
        qc_diagram want;
    } with[] = {{2000, 1100, QC_DIAGRAM_WORSE},    /* as much in all, but later */
                {2001, 1100, QC_DIAGRAM_CROSSING}, /* more in all, but later */
                {2001, 200, QC_DIAGRAM_BETTER},
                {2000, 200, QC_DIAGRAM_BETTER},
                {1000, 100, QC_DIAGRAM_WORSE}};
    for (size_t i = 0; i < QC_COUNTOF(with); i++) {
        qc_graph_sums was, is;
        qc_graph_stage(g);
        qc_graph_remove(g, a);
        qc_graph_remove(g, b);
        add(g, with[i].fee, with[i].size);
        qc_graph_diagrams(g, &was, &is);
        assert_true(was.n == 2 && is.n == 1);
        qc_diagram d = qc_diagram_compare(is.chunk, is.n, was.chunk, was.n);
        assert_int_equal(qc_graph_replacement(g), d);
        assert_int_equal(d, with[i].want);
        qc_graph_abort(g);
    }
    qc_graph_free(g);
}

/* ---- background work ---- */

static void hard_cluster(qc_graph *g, uint64_t *seed)
{
    qc_graph_ref ref[64];
    for (uint32_t i = 0; i < 64; i++) {
        ref[i] =
            add(g, (int64_t)(test_rand(seed) % 100000), 400 + (int32_t)(test_rand(seed) % 3000));
        for (uint32_t p = 0; i >= 32 && p < 32; p++)
            if (p == i - 32 || test_rand(seed) % 2)
                qc_graph_depend(g, ref[p], ref[i]);
    }
}

static void test_work__improves_in_rounds_within_its_budget(void **state)
{
    (void)state;
    uint64_t seed = 1;
    qc_graph_config cfg = {.acceptable_cost = 1};
    qc_graph *g = qc_graph_new(&cfg);
    assert_true(qc_graph_work(g, 0));
    for (int i = 0; i < 10; i++)
        hard_cluster(g, &seed);
    assert_false(qc_graph_work(g, 0));
    assert_int_equal(qc_graph_spent(g), 0);
    unsigned rounds = 0;
    const uint64_t base = 24 * 64 * 64 + 32 * 64 + 8 * 64 * 64 + 16; /* linearize.h */
    qc_graph_memory(g);                                              /* orders all, badly */
    for (bool done = false; !done && rounds < 1000; rounds++) {
        uint64_t before = qc_graph_spent(g);
        done = qc_graph_work(g, 3000 + 50 * rounds);
        assert_true(qc_graph_spent(g) - before <= 3000 + 50 * rounds + 10 * base);
    }
    assert_true(rounds > 5 && rounds < 1000);
    assert_true(qc_graph_work(g, 0));
    qc_graph_check(g);
    qc_graph_free(g);
}

static uint64_t outcome(uint64_t seed)
{
    uint64_t make = 7, hash = 0;
    qc_graph_config cfg = {.acceptable_cost = 2000, .seed = seed};
    qc_graph *g = qc_graph_new(&cfg);
    qc_graph_walk w;
    qc_feesize sum;
    for (int i = 0; i < 3; i++)
        hard_cluster(g, &make);
    for (qc_graph_walk_start(g, &w);; qc_graph_walk_next(&w, false)) {
        qc_graph_refs r = qc_graph_walk_chunk(&w, &sum);
        if (!r.n)
            break;
        for (size_t k = 0; k < r.n; k++)
            hash = hash * 1000003 + r.ref[k];
    }
    hash = hash * 1000003 + qc_graph_spent(g);
    qc_graph_free(g);
    return hash;
}

static void test_seed__decides_all(void **state)
{
    (void)state;
    assert_true(outcome(1) == outcome(1));
    assert_true(outcome(1) != outcome(2));
}

QC_TEST_MAIN(cmocka_unit_test(test_history__agrees_with_the_model),
             cmocka_unit_test(test_index__keeps_thousands_in_order),
             cmocka_unit_test(test_memory__of_one_alone_is_what_the_header_says),
             cmocka_unit_test(test_chunk__a_child_pays_for_its_parent),
             cmocka_unit_test(test_oversized__the_65th_of_a_chain_is_too_much),
             cmocka_unit_test(test_oversized__weight_counts_too),
             cmocka_unit_test(test_trim__keeps_the_best_of_a_fan),
             cmocka_unit_test(test_set_user__is_what_the_order_sees_from_then_on),
             cmocka_unit_test(test_compare__equal_chunks_go_by_their_last_members),
             cmocka_unit_test(test_stage__is_forgotten_by_abort),
             cmocka_unit_test(test_commit__of_an_oversized_staging_can_be_trimmed_after),
             cmocka_unit_test(test_replacement__is_judged_by_the_changed_clusters_alone),
             cmocka_unit_test(test_work__improves_in_rounds_within_its_budget),
             cmocka_unit_test(test_seed__decides_all))
