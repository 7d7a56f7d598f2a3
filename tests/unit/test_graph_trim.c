/* Trimming against the rule read word by word: nothing but lists, walked again for each step. */
#include "core/base/alloc.h"
#include "core/mempool/graph.h"
#include "tests/unit/harness.h"

#define N 72

typedef struct slow {
    uint32_t n;
    uint32_t number[N]; /* order of ties; user points here */
    qc_graph_ref ref[N];
    qc_feesize own[N], chunk[N];
    uint32_t prev[N];  /* in the order of its cluster; N: none */
    bool needs[N][N];  /* needs[i][j]: i waits for j, by a queued dependency */
    uint32_t group[N]; /* by what is queued and the clusters there were */
    bool taken[N], refused[N];
    uint32_t max_count;
    int64_t max_size;
    qc_graph *g;
} slow;

static uint32_t below(uint64_t *seed, uint32_t n)
{
    return (uint32_t)(test_rand(seed) % n);
}

static int by_number(void *ctx, const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    (void)ctx;
    return (*x > *y) - (*x < *y);
}

/* ---- the rule ---- */

static void paint(uint32_t *color, uint32_t n, uint32_t a, uint32_t b)
{
    uint32_t was = color[b];
    for (uint32_t i = 0; i < n; i++)
        if (color[i] == was)
            color[i] = color[a];
}

static bool related(const slow *s, uint32_t i, uint32_t j)
{
    return s->needs[i][j] || s->needs[j][i] || s->prev[i] == j || s->prev[j] == i;
}

/* Colors of what is in `of`, connected through what is in it. */
static void color(const slow *s, const bool *of, uint32_t *out)
{
    for (uint32_t i = 0; i < s->n; i++)
        out[i] = i;
    for (uint32_t i = 0; i < s->n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (of[i] && of[j] && related(s, i, j))
                paint(out, s->n, i, j);
}

/* All in `of` that has i's color is within limits. */
static bool fits(const slow *s, const bool *of, const uint32_t *colors, uint32_t i)
{
    uint32_t count = 0;
    int64_t size = 0;
    for (uint32_t j = 0; j < s->n; j++)
        if (of[j] && colors[j] == colors[i]) {
            count++;
            size += s->own[j].size;
        }
    return count <= s->max_count && size <= s->max_size;
}

static bool ready(const slow *s, uint32_t i)
{
    bool ok = !s->taken[i] && !s->refused[i] && (s->prev[i] == N || s->taken[s->prev[i]]);
    for (uint32_t j = 0; j < s->n; j++)
        ok &= !s->needs[i][j] || s->taken[j];
    return ok;
}

static bool better(const slow *s, uint32_t a, uint32_t b)
{
    int cmp = qc_feesize_cmp(s->chunk[a], s->chunk[b]);
    if (cmp)
        return cmp > 0;
    if (s->chunk[a].size != s->chunk[b].size)
        return s->chunk[a].size < s->chunk[b].size;
    return s->number[a] < s->number[b];
}

/* Out: s->taken. Returns: some group was too large. */
static bool trim_slowly(slow *s)
{
    bool all[N], over = false;
    uint32_t colors[N];
    for (uint32_t i = 0; i < s->n; i++)
        all[i] = true;
    color(s, all, s->group);
    for (uint32_t i = 0; i < s->n; i++) {
        s->refused[i] = false;
        s->taken[i] = fits(s, all, s->group, i); /* left alone */
        over |= !s->taken[i];
    }
    for (;;) {
        uint32_t best = N;
        for (uint32_t i = 0; i < s->n; i++)
            if (ready(s, i) && (best == N || better(s, i, best)))
                best = i;
        if (best == N)
            return over;
        s->taken[best] = true;
        color(s, s->taken, colors);
        s->taken[best] = fits(s, s->taken, colors, best);
        s->refused[best] = !s->taken[best];
    }
}

/* ---- what is trimmed ---- */

static uint32_t name_of(const slow *s, qc_graph_ref t)
{
    const uint32_t *user = qc_graph_user(s->g, t);
    return (uint32_t)(user - s->number);
}

/* One more, which may depend on some of from..n-1 as long as they fit together. */
static void add(slow *s, uint32_t from, uint64_t *seed)
{
    uint32_t i = s->n++;
    s->own[i] = (qc_feesize){below(seed, 40) * 3, 1 + (int32_t)below(seed, 4)};
    s->number[i] = i * 29 % N;
    s->ref[i] = qc_graph_add(s->g, s->own[i].fee, s->own[i].size, &s->number[i]);
    for (uint32_t k = 0; k < 3 && from < i; k++) {
        uint32_t p = from + below(seed, i - from);
        const qc_graph_ref both[] = {s->ref[p], s->ref[i]};
        qc_graph_refs c = qc_graph_cluster(s->g, QC_GRAPH_TOP, both[0]);
        size_t n = c.n;
        int64_t size = 0;
        for (size_t j = 0; j < n; j++)
            size += s->own[name_of(s, c.ref[j])].size;
        if (qc_graph_count_clusters(s->g, QC_GRAPH_TOP, both, 2) == 2) {
            c = qc_graph_cluster(s->g, QC_GRAPH_TOP, both[1]);
            n += c.n;
            for (size_t j = 0; j < c.n; j++)
                size += s->own[name_of(s, c.ref[j])].size;
        }
        if (n <= s->max_count && size <= s->max_size)
            qc_graph_depend(s->g, s->ref[p], s->ref[i]);
    }
}

static void read_orders(slow *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t counts[QC_GRAPH_MAX_COUNT], last = N;
        qc_graph_sums sums = qc_graph_cluster_chunks(s->g, QC_GRAPH_TOP, s->ref[i], counts);
        qc_feesize chunk[QC_GRAPH_MAX_COUNT];
        size_t n = sums.n, at = 0;
        memcpy(chunk, sums.chunk, n * sizeof *chunk);
        qc_graph_refs c = qc_graph_cluster(s->g, QC_GRAPH_TOP, s->ref[i]);
        for (size_t k = 0; k < n; k++)
            for (uint32_t j = 0; j < counts[k]; j++) {
                uint32_t x = name_of(s, c.ref[at++]);
                s->prev[x] = last;
                s->chunk[x] = chunk[k];
                last = x;
            }
    }
}

/* As after a reorganisation: what came back (from `old` up) has children among what was there.
 * `wild`: also the other way round, so that some wait for each other and none is ever taken. */
static void relate(slow *s, uint32_t old, bool wild, uint64_t *seed)
{
    for (uint32_t k = 2 + below(seed, N); k--;) {
        uint32_t child = below(seed, old), parent = old + below(seed, s->n - old);
        if (wild && below(seed, 8) == 0) {
            parent = below(seed, old);
            if (parent >= child) /* no cycle of dependencies: names fall from child to parent */
                continue;
        }
        if (s->needs[child][parent])
            continue;
        s->needs[child][parent] = true;
        qc_graph_depend(s->g, s->ref[parent], s->ref[child]);
    }
}

static void make(slow *s, uint64_t *seed, uint32_t *old)
{
    memset(s, 0, sizeof *s);
    s->max_count = 2 + below(seed, 14);
    s->max_size = 6 + below(seed, 40);
    qc_graph_config cfg = {
        .max_count = s->max_count, .max_size = s->max_size, .seed = *seed, .order = by_number};
    s->g = qc_graph_new(&cfg);
    for (uint32_t i = 0; i < N; i++)
        s->prev[i] = N;
    for (*old = 4 + below(seed, N / 2); s->n < *old;)
        add(s, 0, seed);
    while (s->n < *old + 2 || (s->n < N && below(seed, 20)))
        add(s, *old, seed);
}

/* Too large by itself, with or without relations. */
static void add_big(slow *s, uint64_t *seed)
{
    if (s->n == N || below(seed, 4))
        return;
    uint32_t i = s->n++;
    s->own[i] = s->chunk[i] = (qc_feesize){below(seed, 9000), (int32_t)s->max_size + 1};
    s->number[i] = i * 29 % N;
    s->ref[i] = qc_graph_add(s->g, s->own[i].fee, s->own[i].size, &s->number[i]);
}

static void check_outcome(slow *s, qc_graph_refs r)
{
    bool gone[N] = {false};
    for (size_t k = 0; k < r.n; k++) {
        assert_false(gone[name_of(s, r.ref[k])]);
        gone[name_of(s, r.ref[k])] = true;
    }
    for (uint32_t i = 0; i < s->n; i++)
        assert_int_equal(gone[i], !s->taken[i]);
}

static unsigned histories(bool wild, unsigned rounds, uint64_t seed)
{
    static slow s;
    unsigned trimmed = 0;
    for (unsigned round = 0; round < rounds; round++) {
        uint32_t old;
        make(&s, &seed, &old);
        bool staged = below(&seed, 2);
        if (staged)
            qc_graph_stage(s.g);
        read_orders(&s);
        add_big(&s, &seed);
        relate(&s, old, wild, &seed);
        bool over = trim_slowly(&s);
        assert_int_equal(qc_graph_oversized(s.g, QC_GRAPH_TOP), over);
        qc_graph_refs r = qc_graph_trim(s.g);
        check_outcome(&s, r);
        trimmed += r.n > 0;
        assert_false(qc_graph_oversized(s.g, QC_GRAPH_TOP));
        if (staged)
            qc_graph_commit(s.g);
        qc_graph_check(s.g);
        qc_graph_free(s.g);
    }
    return trimmed;
}

static void test_trim__is_what_the_rule_says(void **state)
{
    (void)state;
    assert_in_range(histories(false, 1500, 5), 900, 1500);
}

static void test_trim__of_what_waits_for_each_other_takes_nothing(void **state)
{
    (void)state;
    assert_in_range(histories(true, 1500, 6), 900, 1500);
}

/* ---- by hand ---- */

static qc_graph_ref put(qc_graph *g, int64_t fee, qc_graph_ref parent)
{
    qc_graph_ref t = qc_graph_add(g, fee, 10, NULL);
    if (parent != QC_GRAPH_NONE)
        qc_graph_depend(g, parent, t);
    return t;
}

/* Of a fan, the child after the one that does not fit pays less and is not its child; it goes too,
 * though there would be room for it. */
static void test_trim__the_rest_of_an_order_goes_with_the_first_that_does_not_fit(void **state)
{
    (void)state;
    const qc_graph_config cfg = {.max_count = 10, .max_size = 62};
    qc_graph *g = qc_graph_new(&cfg);
    qc_graph_ref top = put(g, 90, QC_GRAPH_NONE), next = put(g, 50, top);
    qc_graph_ref large = qc_graph_add(g, 100, 30, NULL), small = put(g, 10, top);
    qc_graph_depend(g, top, large);
    assert_int_equal(qc_graph_count_clusters(g, QC_GRAPH_MAIN, &top, 1), 1);
    qc_graph_ref back = qc_graph_add(g, 1, 20, NULL);
    qc_graph_ref mate = put(g, 1, back);
    assert_false(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_depend(g, back, top);
    qc_graph_refs r = qc_graph_trim(g);
    assert_int_equal(r.n, 2);
    assert_true(qc_graph_exists(g, QC_GRAPH_MAIN, next) && qc_graph_exists(g, QC_GRAPH_MAIN, mate));
    assert_false(qc_graph_exists(g, QC_GRAPH_MAIN, large));
    assert_false(qc_graph_exists(g, QC_GRAPH_MAIN, small));
    qc_graph_free(g);
}

/* Two clusters that are small together with one parent each, beside a group that is too large. */
static void test_trim__leaves_groups_within_limits_alone(void **state)
{
    (void)state;
    const qc_graph_config cfg = {.max_count = 3};
    qc_graph *g = qc_graph_new(&cfg);
    qc_graph_ref few[3], many[4], big;
    for (uint32_t i = 0; i < 4; i++)
        many[i] = put(g, 10 * i, QC_GRAPH_NONE);
    for (uint32_t i = 0; i < 3; i++)
        few[i] = put(g, 0, QC_GRAPH_NONE);
    big = qc_graph_add(g, 1, 404001, NULL);
    assert_true(qc_graph_oversized(g, QC_GRAPH_MAIN));
    for (uint32_t i = 1; i < 4; i++)
        qc_graph_depend(g, many[0], many[i]);
    qc_graph_depend(g, few[0], few[1]);
    qc_graph_depend(g, few[0], few[2]);
    qc_graph_refs r = qc_graph_trim(g);
    assert_int_equal(r.n, 2);
    assert_true(r.ref[0] + r.ref[1] == many[1] + big);
    qc_graph_check(g);
    qc_graph_free(g);
}

/* Equal in all that the rule looks at: the order callback decides, whatever the history was. */
static void test_trim__what_the_rule_leaves_open_goes_by_the_order(void **state)
{
    (void)state;
    uint32_t number[] = {9, 3, 5, 1, 7, 4};
    const qc_graph_config cfg = {.max_count = 4, .order = by_number};
    qc_graph *g = qc_graph_new(&cfg);
    qc_graph_ref t[6];
    for (uint32_t i = 0; i < 6; i++)
        t[i] = qc_graph_add(g, 10, 10, &number[i]);
    for (uint32_t i = 1; i < 6; i++)
        qc_graph_depend(g, t[0], t[6 - i]);
    assert_int_equal(qc_graph_trim(g).n, 2);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(qc_graph_exists(g, QC_GRAPH_MAIN, t[i]), i == 0 || number[i] < 5);
    qc_graph_free(g);
}

/* One parent comes back under `n` clusters of 64. */
static uint64_t steps_for(uint32_t n)
{
    qc_graph *g = qc_graph_new(NULL);
    qc_graph_ref *first = qc_alloc(n * sizeof *first), last = QC_GRAPH_NONE;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < 64; k++) {
            last = put(g, 1000 + (i * 37 + k * 11) % 997, k ? last : QC_GRAPH_NONE);
            if (!k)
                first[i] = last;
        }
    assert_false(qc_graph_oversized(g, QC_GRAPH_MAIN));
    qc_graph_ref back = put(g, 1000, QC_GRAPH_NONE);
    for (uint32_t i = 0; i < n; i++)
        qc_graph_depend(g, back, first[i]);
    assert_int_equal(qc_graph_trim(g).n, n * 64 + 1 - 64);
    uint64_t steps = qc_graph_trim_steps(g);
    qc_free(first);
    qc_graph_free(g);
    return steps;
}

static void test_trim__work_grows_with_what_is_there(void **state)
{
    (void)state;
    uint64_t few = steps_for(30), many = steps_for(480);
    assert_in_range(few, 1, 30 * 64 * 16);
    assert_in_range(many, 1, 16 * few * 2);
}

QC_TEST_MAIN(
    cmocka_unit_test(test_trim__is_what_the_rule_says),
    cmocka_unit_test(test_trim__of_what_waits_for_each_other_takes_nothing),
    cmocka_unit_test(test_trim__the_rest_of_an_order_goes_with_the_first_that_does_not_fit),
    cmocka_unit_test(test_trim__leaves_groups_within_limits_alone),
    cmocka_unit_test(test_trim__what_the_rule_leaves_open_goes_by_the_order),
    cmocka_unit_test(test_trim__work_grows_with_what_is_there))
