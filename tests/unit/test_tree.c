/* The header tree, the candidate sets and the published chain, against plain models. */
#include "core/chain/tree.h"

#include "core/chain/active.h"
#include "core/chain/candidates.h"
#include "core/os/thread.h"
#include "tests/unit/harness.h"

static qc_hash hash_of(uint32_t n)
{
    qc_hash h = {{0}};
    memcpy(h.b, &n, sizeof n);
    h.b[31] = 1;
    return h;
}

static qc_index *grow(qc_tree *t, qc_index *parent, uint32_t n, uint32_t time)
{
    qc_index *i;
    qc_hash h = hash_of(n);
    qc_header hdr = {.bits = 0x207fffff, .time = time};
    if (parent)
        hdr.prev = parent->hash;
    assert_int_equal(qc_tree_add(t, &h, &hdr, &i), QC_OK);
    qc_tree_link(i, parent);
    qc_tree_raise(t, i, QC_BLOCK_VALID_TREE);
    assert_int_equal(qc_tree_publish(t, i), QC_OK);
    return i;
}

/* `n` entries, each on a random one of the last few. */
static qc_tree *random_tree(uint32_t n, uint64_t seed)
{
    qc_tree *t;
    assert_int_equal(qc_tree_new(&t), QC_OK);
    for (uint32_t k = 0; k < n; k++) {
        uint64_t r = test_rand(&seed);
        uint32_t back = (r & 15) ? 1 : (uint32_t)(r >> 8) % 40 + 1;
        qc_index *parent = k ? qc_tree_at(t, back > k ? 0 : k - back) : NULL;
        grow(t, parent, k, (uint32_t)(r >> 40));
    }
    return t;
}

static const qc_index *plain_ancestor(const qc_index *i, uint32_t height)
{
    while (i->height > height)
        i = i->parent;
    return i;
}

static const qc_index *plain_fork(const qc_index *a, const qc_index *b)
{
    while (a != b) {
        if (a->height >= b->height)
            a = a->parent;
        else
            b = b->parent;
    }
    return a;
}

static void test_index__walks_agree_with_plain_ones(void **state)
{
    (void)state;
    uint64_t seed = 3;
    qc_tree *t = random_tree(5000, 11);
    for (unsigned k = 0; k < 20000; k++) {
        const qc_index *a = qc_tree_at(t, test_rand(&seed) % qc_tree_count(t));
        const qc_index *b = qc_tree_at(t, test_rand(&seed) % qc_tree_count(t));
        uint32_t h = (uint32_t)(test_rand(&seed) % (a->height + 1));
        assert_ptr_equal(qc_index_ancestor(a, h), plain_ancestor(a, h));
        assert_null(qc_index_ancestor(a, a->height + 1));
        assert_ptr_equal(qc_index_fork(a, b), plain_fork(a, b));
    }
    qc_tree_free(t);
}

static void test_tree_find__finds_all_and_nothing_else(void **state)
{
    (void)state;
    qc_tree *t = random_tree(5000, 12);
    for (uint32_t n = 0; n < 6000; n++) {
        qc_hash h = hash_of(n);
        const qc_index *i = qc_tree_find(t, &h);
        assert_int_equal(i != NULL, n < 5000);
        if (i)
            assert_true(qc_hash_eq(&i->hash, &h));
    }
    qc_tree_free(t);
}

static void test_index_mtp__is_the_median_of_eleven(void **state)
{
    (void)state;
    static const uint32_t time[] = {5, 1, 9, 3, 3, 8, 2, 7, 6, 4, 10, 0, 11};
    static const uint32_t want[] = {5, 5, 5, 5, 3, 5, 3, 5, 5, 5, 5, 4, 6};
    qc_tree *t;
    qc_index *i = NULL;
    assert_int_equal(qc_tree_new(&t), QC_OK);
    for (uint32_t k = 0; k < QC_COUNTOF(time); k++) {
        i = grow(t, i, k, time[k]);
        assert_int_equal(qc_index_mtp(i), want[k]);
    }
    assert_int_equal(i->time_max, 11);
    qc_tree_free(t);
}

static bool is_odd(void *arg, const qc_index *i)
{
    (void)arg;
    return i->height & 1;
}

static void test_tree_collect__gives_what_was_asked_for(void **state)
{
    (void)state;
    qc_tree *t = random_tree(3000, 13);
    const qc_index **v;
    size_t n, want = 0;
    for (size_t k = 0; k < qc_tree_count(t); k++)
        want += qc_tree_at(t, k)->height & 1;
    assert_int_equal(qc_tree_collect(t, is_odd, NULL, &v, &n), QC_OK);
    assert_int_equal(n, want);
    qc_free(v);
    qc_tree_free(t);
}

static void test_tree_mark__lists_each_changed_record_once(void **state)
{
    (void)state;
    qc_tree *t = random_tree(10, 14);
    size_t n = 0;
    qc_tree_clean(t);
    qc_index *i = qc_tree_at(t, 4);
    qc_tree_mark(t, i, QC_BLOCK_HAVE_DATA, 0);
    qc_tree_mark(t, i, 0, QC_BLOCK_HAVE_DATA);
    qc_tree_raise(t, qc_tree_at(t, 5), QC_BLOCK_VALID_SCRIPTS);
    qc_tree_raise(t, qc_tree_at(t, 6), QC_BLOCK_VALID_TREE); /* is that already */
    for (const qc_index *d = qc_tree_dirty(t); d; d = d->dirty_next)
        n++;
    assert_int_equal(n, 2);
    assert_int_equal(qc_tree_at(t, 5)->status & QC_BLOCK_VALID_MASK, QC_BLOCK_VALID_SCRIPTS);
    qc_tree_clean(t);
    assert_null(qc_tree_dirty(t));
    qc_tree_mark(t, i, QC_BLOCK_FAILED_VALID, 0);
    qc_tree_raise(t, i, QC_BLOCK_VALID_SCRIPTS); /* a failed one is not raised */
    assert_int_equal(i->status & QC_BLOCK_VALID_MASK, QC_BLOCK_VALID_TREE);
    qc_tree_free(t);
}

/* Core node/blockstorage.cpp CBlockIndexWorkComparator. */
static void test_index_worse__work_then_arrival_then_order(void **state)
{
    (void)state;
    qc_tree *t;
    assert_int_equal(qc_tree_new(&t), QC_OK);
    qc_index *g = grow(t, NULL, 0, 0);
    qc_index *a = grow(t, g, 1, 1), *b = grow(t, g, 2, 2), *a2 = grow(t, a, 3, 3);
    assert_true(qc_index_worse(a, a2));
    assert_false(qc_index_worse(a2, a));
    assert_true(qc_index_worse(b, a)); /* same sequence: known later */
    a->sequence = 7;
    b->sequence = 5;
    assert_true(qc_index_worse(a, b)); /* its body came later */
    a->sequence = -1;
    assert_true(qc_index_worse(b, a)); /* precious */
    assert_false(qc_index_worse(a, a));
    qc_tree_free(t);
}

static void test_candidates__best_and_worse_agree_with_a_plain_list(void **state)
{
    (void)state;
    uint64_t seed = 5;
    qc_tree *t = random_tree(400, 15);
    qc_candidates s = {0};
    bool in[400] = {false};
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t k = (uint32_t)(test_rand(&seed) % 400);
        qc_index *i = qc_tree_at(t, k);
        if (round % 500 == 499) {
            qc_candidates_drop_worse(&s, i);
            for (uint32_t n = 0; n < 400; n++)
                in[n] = in[n] && !qc_index_worse(qc_tree_at(t, n), i);
        } else if (test_rand(&seed) & 1) {
            assert_int_equal(qc_candidates_insert(&s, i), QC_OK);
            in[k] = true;
        } else {
            qc_candidates_erase(&s, i);
            in[k] = false;
        }
        qc_index *best = NULL;
        for (uint32_t n = 0; n < 400; n++) {
            assert_int_equal(qc_candidates_has(&s, qc_tree_at(t, n)), in[n]);
            if (in[n] && (!best || qc_index_worse(best, qc_tree_at(t, n))))
                best = qc_tree_at(t, n);
        }
        assert_ptr_equal(qc_candidates_best(&s), best);
    }
    qc_candidates_clear(&s);
    qc_tree_free(t);
}

static void test_unlinked__gives_each_child_once(void **state)
{
    (void)state;
    qc_tree *t = random_tree(300, 16);
    qc_unlinked u = {0};
    for (uint32_t k = 1; k < 300; k++) {
        assert_int_equal(qc_unlinked_add(&u, qc_tree_at(t, k)), QC_OK);
        assert_int_equal(qc_unlinked_add(&u, qc_tree_at(t, 300 - k)), QC_OK);
    }
    assert_int_equal(u.n, 299);
    qc_unlinked_remove(&u, qc_tree_at(t, 77));
    assert_false(qc_unlinked_has(&u, qc_tree_at(t, 77)));
    size_t taken = 0;
    for (uint32_t k = 0; k < 300; k++)
        for (qc_index *i; (i = qc_unlinked_take_child(&u, qc_tree_at(t, k))); taken++)
            assert_ptr_equal(i->parent, qc_tree_at(t, k));
    assert_int_equal(taken, 298);
    assert_int_equal(u.n, 0);
    qc_unlinked_clear(&u);
    qc_tree_free(t);
}

/* ---- the published chain ---- */

struct shared {
    qc_published *p;
    atomic_bool stop;
    atomic_uint wrong;
};

static void reader(void *arg)
{
    struct shared *s = arg;
    uint64_t seed = 9;
    while (!atomic_load(&s->stop)) {
        const qc_index *tip = atomic_load(&s->p->tip);
        uint32_t h = (uint32_t)(test_rand(&seed) % (tip->height + 1));
        const qc_index *i = qc_published_at(s->p, h);
        if (i && i->height != h)
            atomic_fetch_add(&s->wrong, 1);
    }
}

/* A two-branch chain flips from one tip to the other while others read it. */
static void test_published__readers_see_whole_chains(void **state)
{
    (void)state;
    struct shared s = {.p = qc_alloc(sizeof(qc_published))};
    qc_tree *t;
    qc_active a = {0};
    qc_thread *th[2];
    assert_int_equal(qc_tree_new(&t), QC_OK);
    qc_index *g = grow(t, NULL, 0, 0), *tip[2] = {g, g};
    for (uint32_t k = 1; k < 12000; k++)
        tip[k & 1] = grow(t, tip[k & 1], k, k);
    assert_int_equal(qc_active_reserve(&a, 7000), QC_OK);
    assert_int_equal(qc_published_reserve(s.p, 7000), QC_OK);
    qc_active_set(&a, tip[0]);
    qc_published_set(s.p, &a);
    for (int k = 0; k < 2; k++)
        assert_int_equal(qc_thread_start(&th[k], "reader", reader, &s), QC_OK);
    for (unsigned round = 0; round < 200; round++) {
        qc_index *to = round & 1 ? tip[0] : round & 2 ? tip[1] : tip[1]->parent->parent;
        qc_active_set(&a, to);
        qc_published_set(s.p, &a);
        for (uint32_t h = 0; h <= to->height; h += 97)
            assert_ptr_equal(qc_published_at(s.p, h), qc_index_ancestor(to, h));
        assert_null(qc_published_at(s.p, to->height + 1));
    }
    atomic_store(&s.stop, true);
    for (int k = 0; k < 2; k++)
        qc_thread_join(th[k]);
    assert_int_equal(atomic_load(&s.wrong), 0);
    assert_int_equal(atomic_load(&s.p->seq), 201);
    qc_published_clear(s.p);
    qc_free(s.p);
    qc_active_clear(&a);
    qc_tree_free(t);
}

QC_TEST_MAIN(cmocka_unit_test(test_index__walks_agree_with_plain_ones),
             cmocka_unit_test(test_tree_find__finds_all_and_nothing_else),
             cmocka_unit_test(test_index_mtp__is_the_median_of_eleven),
             cmocka_unit_test(test_tree_collect__gives_what_was_asked_for),
             cmocka_unit_test(test_tree_mark__lists_each_changed_record_once),
             cmocka_unit_test(test_index_worse__work_then_arrival_then_order),
             cmocka_unit_test(test_candidates__best_and_worse_agree_with_a_plain_list),
             cmocka_unit_test(test_unlinked__gives_each_child_once),
             cmocka_unit_test(test_published__readers_see_whole_chains))
