/* The heap and the table of links, against arrays. */
#include "core/base/heap.h"
#include "core/base/table.h"
#include "tests/unit/harness.h"

#define MANY 300

typedef struct thing {
    qc_heap_node node;
    qc_table_link link;
    uint64_t rank;
    bool in;
} thing;

static thing *of(const qc_heap_node *n)
{
    return QC_HOLDER(thing, node, n);
}

static bool before(const qc_heap_node *a, const qc_heap_node *b)
{
    return of(a)->rank < of(b)->rank;
}

static thing *least(thing *all)
{
    thing *best = NULL;
    for (size_t i = 0; i < MANY; i++)
        if (all[i].in && (!best || all[i].rank < best->rank))
            best = &all[i];
    return best;
}

static void test_heap__top_is_the_first_after_any_history(void **state)
{
    static thing all[MANY];
    qc_heap h = {NULL, before};
    uint64_t seed = 1;
    (void)state;
    for (int step = 0; step < 20000; step++) {
        uint64_t r = test_rand(&seed);
        thing *t = &all[r % MANY];
        if (!t->in) {
            t->rank = (r >> 20) * MANY + r % MANY; /* all differ */
            qc_heap_push(&h, &t->node);
            t->in = true;
        } else if (r >> 60 < 8) {
            qc_heap_remove(&h, &t->node);
            t->in = false;
        } else {
            of(qc_heap_pop(&h))->in = false;
        }
        thing *want = least(all);
        assert_ptr_equal(h.top, want ? &want->node : NULL);
    }
    for (uint64_t last = 0; h.top;) {
        thing *t = of(qc_heap_pop(&h));
        assert_true(t->in && t->rank >= last);
        t->in = false;
        last = t->rank;
    }
    assert_null(least(all));
    assert_null(qc_heap_pop(&h));
}

static size_t count(const qc_table *t, uint64_t key)
{
    size_t n = 0;
    for (qc_table_link *l = qc_table_find(t, key); l; l = qc_table_next(l), n++)
        assert_true(l->key == key && QC_HOLDER(thing, link, l)->in);
    return n;
}

static void test_table__finds_all_of_a_key_after_any_history(void **state)
{
    static thing all[MANY];
    qc_table t = {.n = 0};
    uint64_t seed = 2;
    size_t n = 0;
    (void)state;
    assert_null(qc_table_find(&t, 0));
    assert_null(qc_table_any(&t));
    for (int step = 0; step < 20000; step++) {
        uint64_t r = test_rand(&seed), key = r >> 40 & 63;
        bool grow = step / 2000 % 2 == 0;
        thing *x = &all[r % MANY];
        if (!x->in && (grow || (r >> 32 & 7) == 0)) {
            qc_table_add(&t, &x->link, x->rank = key << 20);
            x->in = true;
            n++;
            assert_ptr_equal(qc_table_find(&t, key << 20), &x->link);
        } else if (x->in && (!grow || (r >> 32 & 7) == 0)) {
            qc_table_remove(&t, &x->link);
            x->in = false;
            n--;
        }
        size_t want = 0;
        for (size_t i = 0; i < MANY; i++)
            want += all[i].in && all[i].rank == key << 20;
        assert_int_equal(count(&t, key << 20), want);
        assert_int_equal(t.n, n);
    }
    while (qc_table_any(&t))
        qc_table_remove(&t, qc_table_any(&t));
    assert_int_equal(t.n, 0);
    assert_true(t.n_slots < 64);
    qc_table_clear(&t);
}

static void test_table__without_memory_it_only_gets_slower(void **state)
{
    static thing all[MANY];
    qc_table t = {.n = 0};
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        if (t.n)
            fault_arm(1);
        qc_table_add(&t, &all[i].link, i);
        fault_arm(0);
    }
    assert_int_equal(t.n_slots, 16);
    for (size_t i = 0; i < MANY; i++)
        assert_ptr_equal(qc_table_find(&t, i), &all[i].link);
    qc_table_clear(&t);
}

QC_TEST_MAIN(cmocka_unit_test(test_heap__top_is_the_first_after_any_history),
             cmocka_unit_test(test_table__finds_all_of_a_key_after_any_history),
             cmocka_unit_test(test_table__without_memory_it_only_gets_slower))
