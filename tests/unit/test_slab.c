#include "core/os/slab.h"
#include "tests/unit/harness.h"

#include "core/base/alloc.h"
#include "core/os/privs.h"
#include "core/os/thread.h"

#define PIECE 256u
#define MANY 20000u /* more than two blocks hold */
#define LARGE ((size_t)2 << 20)

/* Bytes of addresses that the process has. */
static size_t mapped(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    return pages * 4096;
}

static uint8_t **take_many(qc_slab *s)
{
    uint8_t **p = qc_alloc(MANY * sizeof *p);
    for (size_t i = 0; i < MANY; i++) {
        p[i] = qc_slab_take(s);
        assert_non_null(p[i]);
        memset(p[i], (int)(i % 251), PIECE);
    }
    return p;
}

static void give_many(qc_slab *s, uint8_t **p)
{
    for (size_t i = 0; i < MANY; i++)
        qc_slab_give(s, p[i]);
    qc_free(p);
}

static void test_take__pieces_are_apart_and_begin_lines(void **state)
{
    (void)state;
    uint8_t all[PIECE];
    qc_slab *s = qc_slab_new(PIECE);
    uint8_t **p = take_many(s);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal((uintptr_t)p[i] % QC_CACHE_LINE, 0);
        memset(all, (int)(i % 251), sizeof all);
        assert_memory_equal(p[i], all, PIECE);
    }
    give_many(s, p);
    qc_slab_close(s);
}

/* Every third goes and comes again: room is found again in blocks that were full. */
static void test_give__its_room_is_used_again(void **state)
{
    (void)state;
    if (QC_PRIVS_SANITIZED)
        skip(); /* each is by itself */
    qc_slab *s = qc_slab_new(PIECE);
    uint8_t **p = take_many(s);
    size_t before = mapped();
    for (size_t i = 0; i < MANY; i += 3)
        qc_slab_give(s, p[i]);
    for (size_t i = 0; i < MANY; i += 3) {
        p[i] = qc_slab_take(s);
        memset(p[i], 255, PIECE);
    }
    for (size_t i = 1; i < MANY; i += 3)
        assert_int_equal(p[i][PIECE - 1], i % 251);
    assert_int_equal(mapped(), before);
    give_many(s, p);
    qc_slab_close(s);
}

static void test_give__of_empty_blocks_one_stays(void **state)
{
    (void)state;
    if (QC_PRIVS_SANITIZED)
        skip();
    qc_slab *s = qc_slab_new(PIECE);
    size_t before = mapped();
    uint8_t **p = take_many(s);
    assert_in_range(mapped() - before, 3 * LARGE, 4 * LARGE);
    give_many(s, p);
    assert_in_range(mapped() - before, LARGE, LARGE + LARGE / 2);
    qc_slab_close(s);
    assert_in_range(mapped() - before, 0, LARGE / 2);
}

static void test_close__what_is_out_lives_until_it_is_given_back(void **state)
{
    (void)state;
    size_t before = mapped();
    qc_slab *s = qc_slab_new(PIECE);
    uint8_t **p = take_many(s);
    qc_slab_close(s);
    assert_int_equal(p[MANY - 1][0], (MANY - 1) % 251);
    give_many(s, p); /* and now it is gone, as a sanitizer would say if it were not */
    assert_true(QC_PRIVS_SANITIZED || mapped() < before + LARGE);
    qc_slab_close(NULL);
}

static void test_take__says_when_there_is_no_memory(void **state)
{
    (void)state;
    qc_slab *s = qc_slab_new(PIECE);
    qc_fault_arm(1);
    assert_null(qc_slab_take(s));
    void *p = qc_slab_take(s);
    assert_non_null(p);
    qc_slab_give(s, p);
    qc_slab_close(s);
}

static bool take_and_give(void *arg, size_t i)
{
    uint8_t *p[50];
    for (unsigned k = 0; k < 50; k++) {
        p[k] = qc_slab_take(arg);
        memset(p[k], (int)(i % 251), PIECE);
    }
    for (unsigned k = 0; k < 50; k++) {
        if (p[k][0] != i % 251 || p[k][PIECE - 1] != i % 251)
            return false;
        qc_slab_give(arg, p[k]);
    }
    return true;
}

static void test_slab__is_for_several_threads(void **state)
{
    (void)state;
    qc_pool *pool;
    qc_slab *s = qc_slab_new(PIECE);
    assert_int_equal(qc_pool_new(&pool, 3, "slab"), QC_OK);
    assert_true(qc_pool_run(pool, take_and_give, s, 2000, 1));
    qc_pool_free(pool);
    qc_slab_close(s);
}

static void check_array(size_t bytes, size_t align)
{
    uint8_t *p = qc_large_alloc(bytes);
    assert_int_equal((uintptr_t)p % align, 0);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(p[i], 0);
    memset(p, 255, bytes);
    qc_large_free(p, bytes);
}

static void test_large__is_zeroed_and_begins_a_line_or_a_page(void **state)
{
    (void)state;
    size_t before = mapped();
    for (unsigned twice = 0; twice < 2; twice++) {
        check_array(0, QC_CACHE_LINE);
        check_array(1, QC_CACHE_LINE);
        check_array(LARGE - 1, QC_CACHE_LINE);
        check_array(LARGE, LARGE);
        check_array(3 * LARGE + 1, LARGE);
    }
    assert_true(QC_PRIVS_SANITIZED || mapped() < before + 2 * LARGE);
    qc_large_free(NULL, 0);
    qc_large_free(NULL, LARGE);
}

QC_TEST_MAIN(cmocka_unit_test(test_take__pieces_are_apart_and_begin_lines),
             cmocka_unit_test(test_give__its_room_is_used_again),
             cmocka_unit_test(test_give__of_empty_blocks_one_stays),
             cmocka_unit_test(test_close__what_is_out_lives_until_it_is_given_back),
             cmocka_unit_test(test_take__says_when_there_is_no_memory),
             cmocka_unit_test(test_slab__is_for_several_threads),
             cmocka_unit_test(test_large__is_zeroed_and_begins_a_line_or_a_page))
