/* The arena: what is lent lies there once, however many read it, and stays until the last has given
 * it back. */
#include "core/host/arena.h"

#include "tests/unit/harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define KIB64 ((size_t)64 << 10)

/* A view of `total` bytes whose hash and contents come from `n`. Owned: free(). */
static qn_block_view *view_of(uint32_t n, size_t total, uint32_t flags)
{
    qn_block_view *v = calloc(1, total);
    uint8_t *p = (uint8_t *)v;
    for (size_t i = sizeof *v; i < total; i++)
        p[i] = (uint8_t)(n * 31 + i);
    memcpy(v->hash, &n, sizeof n);
    v->hash[31] = 1;
    v->total = total;
    v->flags = flags;
    return v;
}

static bool lend(qc_arena *a, uint32_t n, size_t total, uint32_t flags, qc_arena_ref *ref)
{
    qn_block_view *v = view_of(n, total, flags);
    bool ok = qc_arena_lend(a, v, ref);
    free(v);
    return ok;
}

static qc_arena *arena(size_t bytes)
{
    qc_arena *a;
    assert_int_equal(qc_arena_new(bytes, &a), QC_OK);
    return a;
}

/* As a runner maps it. */
static const uint8_t *map(const qc_arena *a)
{
    void *p = mmap(NULL, qc_arena_size(a), PROT_READ, MAP_SHARED, qc_arena_fd(a), 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static void unmap(const qc_arena *a, const uint8_t *p)
{
    munmap((void *)(uintptr_t)p, qc_arena_size(a));
}

static void test_lend__the_reader_finds_the_view_with_its_generation(void **state)
{
    (void)state;
    qc_arena *a = arena(4 * MIB);
    const uint8_t *p = map(a);
    qc_arena_ref ref;
    qn_block_view *v = view_of(7, MIB + 13, QN_VIEW_SPENT);
    assert_true(qc_arena_lend(a, v, &ref));
    assert_int_equal(ref.total, MIB + 13);
    assert_true(ref.off + ref.total <= qc_arena_size(a));
    assert_int_not_equal(ref.generation, 0); /* 0: outside an arena */
    v->generation = ref.generation;
    assert_memory_equal(p + ref.off, v, MIB + 13);
    qc_arena_return(a, ref.slot);
    free(v);
    unmap(a, p);
    qc_arena_free(a);
}

static void test_lend__one_copy_serves_all_that_ask_for_no_more_than_it_has(void **state)
{
    (void)state;
    qc_arena *a = arena(8 * MIB);
    qc_arena_ref plain, with, again, other;
    assert_true(lend(a, 1, MIB, 0, &plain));
    assert_int_equal(qc_arena_lent(a), MIB);
    assert_true(lend(a, 1, MIB, 0, &again));
    assert_int_equal(again.slot, plain.slot);
    assert_int_equal(again.generation, plain.generation);
    assert_int_equal(qc_arena_lent(a), MIB);
    /* Part B is missing there: another copy. That one then serves both. */
    assert_true(lend(a, 1, 2 * MIB, QN_VIEW_SPENT, &with));
    assert_int_not_equal(with.slot, plain.slot);
    assert_int_equal(qc_arena_lent(a), 3 * MIB);
    qc_arena_return(a, plain.slot);
    qc_arena_return(a, again.slot);
    assert_int_equal(qc_arena_lent(a), 2 * MIB);
    assert_true(lend(a, 1, 2 * MIB, QN_VIEW_SPENT, &again));
    assert_int_equal(again.slot, with.slot);
    assert_true(lend(a, 2, MIB, 0, &other));
    assert_int_not_equal(other.slot, with.slot);
    qc_arena_return(a, with.slot);
    qc_arena_return(a, again.slot);
    qc_arena_return(a, other.slot);
    assert_int_equal(qc_arena_lent(a), 0);
    qc_arena_free(a);
}

static void test_return__what_nobody_holds_stays_for_the_next_but_gives_way(void **state)
{
    (void)state;
    qc_arena *a = arena(4 * MIB);
    const uint8_t *p = map(a);
    qc_arena_ref first, again, big;
    assert_true(lend(a, 1, MIB, 0, &first));
    qc_arena_return(a, first.slot);
    assert_int_equal(qc_arena_lent(a), 0);
    assert_true(lend(a, 1, MIB, 0, &again));
    assert_int_equal(again.generation, first.generation); /* it was still there */
    qc_arena_return(a, again.slot);
    assert_true(lend(a, 2, 4 * MIB, 0, &big)); /* all of it */
    assert_int_equal(((const qn_block_view *)(p + big.off))->hash[0], 2);
    assert_false(lend(a, 1, MIB, 0, &again)); /* lent: it gives way to nobody */
    qc_arena_return(a, big.slot);
    assert_true(lend(a, 1, MIB, 0, &again));
    if (again.slot == first.slot)
        assert_int_not_equal(again.generation, first.generation);
    qc_arena_return(a, again.slot);
    unmap(a, p);
    qc_arena_free(a);
}

static void test_return__the_one_let_go_first_is_the_first_to_give_way(void **state)
{
    (void)state;
    qc_arena *a = arena(4 * MIB);
    qc_arena_ref r[4], now;
    for (uint32_t i = 0; i < 4; i++)
        assert_true(lend(a, i, MIB, 0, &r[i]));
    const uint32_t order[] = {2, 0, 3, 1};
    for (size_t i = 0; i < 4; i++)
        qc_arena_return(a, r[order[i]].slot);
    assert_true(lend(a, 9, MIB, 0, &now));
    assert_int_equal(now.off, r[2].off);
    assert_true(lend(a, 0, MIB, 0, &r[0])); /* the other three are still there */
    assert_true(lend(a, 3, MIB, 0, &r[3]));
    assert_true(lend(a, 1, MIB, 0, &r[1]));
    assert_int_equal(qc_arena_lent(a), 4 * MIB);
    assert_false(lend(a, 2, MIB, 0, &r[2]));
    qc_arena_free(a);
}

static void test_return__no_more_stays_than_is_worth_its_pages(void **state)
{
    (void)state;
    qc_arena *a = arena(64 * MIB);
    qc_arena_ref r[40], again;
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(lend(a, i, MIB, 0, &r[i]));
        assert_int_equal(r[i].off, i * MIB); /* the lowest place */
    }
    for (uint32_t i = 0; i < 40; i++)
        qc_arena_return(a, r[i].slot);
    assert_true(lend(a, 39, MIB, 0, &again));
    assert_int_equal(again.off, r[39].off); /* the last is kept */
    qc_arena_return(a, again.slot);
    assert_true(lend(a, 0, MIB, 0, &again));
    assert_int_equal(again.off, 0); /* the first was not: it is made anew, at the lowest place */
    assert_true(again.generation > r[0].generation || again.slot != r[0].slot);
    qc_arena_return(a, again.slot);
    struct stat st;
    assert_int_equal(fstat(qc_arena_fd(a), &st), 0);
    assert_int_equal(st.st_size, 64 * MIB);
    qc_arena_free(a);
}

static void test_lend__a_hole_between_what_is_lent_is_no_room_for_more_than_it_holds(void **state)
{
    (void)state;
    qc_arena *a = arena(4 * MIB);
    qc_arena_ref r[4], now;
    for (uint32_t i = 0; i < 4; i++)
        assert_true(lend(a, i, MIB, 0, &r[i]));
    qc_arena_return(a, r[0].slot);
    qc_arena_return(a, r[2].slot);
    assert_false(lend(a, 5, 2 * MIB, 0, &now)); /* enough in all, nowhere in one piece */
    assert_int_equal(qc_arena_lent(a), 2 * MIB);
    assert_true(lend(a, 6, MIB, 0, &now));
    qc_arena_return(a, now.slot);
    qc_arena_return(a, r[1].slot);
    assert_true(lend(a, 5, 3 * MIB, 0, &now));
    assert_int_equal(now.off, 0);
    qc_arena_free(a);
}

static void test_lend__refuses_what_is_too_large_and_more_than_it_has_slots(void **state)
{
    (void)state;
    qc_arena *a = arena(128 * MIB);
    qc_arena_ref r;
    assert_false(lend(a, 1, 128 * MIB + 1, 0, &r));
    assert_int_equal(qc_arena_lent(a), 0);
    uint32_t n = 0, last = 0;
    while (n < 3000 && lend(a, n, 300, 0, &r)) {
        last = r.slot;
        n++;
    }
    assert_int_equal(n, 1024);
    qc_arena_return(a, last);
    assert_true(lend(a, 5000, 300, 0, &r)); /* in the slot of the one that is only kept */
    assert_int_equal(r.slot, last);
    assert_false(lend(a, 5001, 300, 0, &r));
    qc_arena_free(a);
    assert_int_equal(qc_arena_new(KIB64 - 1, &a), QC_EIO); /* nothing fits in that */
}

static void test_lend__a_slot_that_is_used_again_has_another_generation(void **state)
{
    (void)state;
    qc_arena *a = arena(MIB);
    const uint8_t *p = map(a);
    qc_arena_ref before, now;
    assert_true(lend(a, 1, MIB, 0, &before));
    uint32_t seen;
    memcpy(&seen, p + before.off + offsetof(qn_block_view, generation), sizeof seen);
    assert_int_equal(seen, before.generation);
    qc_arena_return(a, before.slot);
    assert_true(lend(a, 2, MIB, 0, &now));
    assert_int_equal(now.slot, before.slot);
    memcpy(&seen, p + before.off + offsetof(qn_block_view, generation), sizeof seen);
    assert_int_not_equal(seen, before.generation); /* a late reader can tell */
    qc_arena_return(a, now.slot);
    unmap(a, p);
    qc_arena_free(a);
}

/* Through whatever a process can do with the descriptor that it is given. */
static void test_arena__nobody_else_can_write_or_resize_it(void **state)
{
    (void)state;
    qc_arena *a = arena(MIB);
    char path[64], byte = 1;
    int fd = qc_arena_fd(a);
    assert_true(mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    assert_true(mmap(NULL, MIB, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    void *p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    assert_int_equal(mprotect(p, MIB, PROT_READ | PROT_WRITE), -1);
    munmap(p, MIB);
    assert_int_equal(pwrite(fd, &byte, 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 2 * (off_t)MIB), -1);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, MIB), -1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDWR | O_CLOEXEC);
    if (again >= 0) {
        assert_true(mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
        assert_int_equal(pwrite(again, &byte, 1, 0), -1);
        close(again);
    }
    assert_int_equal(fcntl(fd, F_ADD_SEALS, 0), -1); /* for good */
    qc_arena_free(a);
}

/* ---- a long random life against a plain model ---- */

#define HELD 40

static void test_arena__what_is_lent_never_overlaps_and_never_changes(void **state)
{
    (void)state;
    qc_arena *a = arena(16 * MIB);
    const uint8_t *p = map(a);
    struct {
        qc_arena_ref ref;
        uint32_t n, count;
    } held[HELD] = {0};
    uint64_t seed = 5;
    for (int step = 0; step < 4000; step++) {
        uint32_t i = (uint32_t)(test_rand(&seed) % HELD), n = (uint32_t)(test_rand(&seed) % 60);
        size_t total = 300 + (n * 7919u) % (3 * MIB / 2);
        if (held[i].count) {
            qn_block_view *v = view_of(held[i].n, held[i].ref.total, 0);
            v->generation = held[i].ref.generation;
            assert_memory_equal(p + held[i].ref.off, v, held[i].ref.total);
            free(v);
            qc_arena_return(a, held[i].ref.slot);
            held[i].count = 0;
        } else if (lend(a, n, total, 0, &held[i].ref)) {
            held[i].n = n;
            held[i].count = 1;
        }
    }
    for (int i = 0; i < HELD; i++)
        if (held[i].count)
            qc_arena_return(a, held[i].ref.slot);
    assert_int_equal(qc_arena_lent(a), 0);
    unmap(a, p);
    qc_arena_free(a);
}

typedef struct borrower {
    qc_arena *a;
    const uint8_t *p;
    uint64_t seed;
    unsigned wrong, lent;
} borrower;

static void *borrow(void *arg)
{
    borrower *b = arg;
    for (int i = 0; i < 2000; i++) {
        uint32_t n = (uint32_t)(test_rand(&b->seed) % 8), seen;
        qc_arena_ref r;
        if (!lend(b->a, n, KIB64 * (n + 1), 0, &r))
            continue;
        b->lent++;
        memcpy(&seen, b->p + r.off + offsetof(qn_block_view, hash), sizeof seen);
        b->wrong += seen != n;
        memcpy(&seen, b->p + r.off + offsetof(qn_block_view, generation), sizeof seen);
        b->wrong += seen != r.generation;
        qc_arena_return(b->a, r.slot);
    }
    return NULL;
}

static void test_arena__many_threads_lend_the_same_blocks(void **state)
{
    (void)state;
    qc_arena *a = arena(2 * MIB);
    const uint8_t *p = map(a);
    pthread_t t[3];
    borrower b[3];
    for (unsigned i = 0; i < 3; i++) {
        b[i] = (borrower){a, p, i + 1, 0, 0};
        assert_int_equal(pthread_create(&t[i], NULL, borrow, &b[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(b[i].wrong, 0);
        assert_true(b[i].lent > 0);
    }
    assert_int_equal(qc_arena_lent(a), 0);
    unmap(a, p);
    qc_arena_free(a);
}

static void test_arena_new__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_arena *a = NULL;
        qc_err err = qc_arena_new(MIB, &a);
        assert_int_equal(err == QC_OK, !fault_was_hit());
        qc_arena_free(a);
    }
    assert_true(runs > 2);
}

QC_TEST_MAIN(
    cmocka_unit_test(test_lend__the_reader_finds_the_view_with_its_generation),
    cmocka_unit_test(test_lend__one_copy_serves_all_that_ask_for_no_more_than_it_has),
    cmocka_unit_test(test_return__what_nobody_holds_stays_for_the_next_but_gives_way),
    cmocka_unit_test(test_return__the_one_let_go_first_is_the_first_to_give_way),
    cmocka_unit_test(test_return__no_more_stays_than_is_worth_its_pages),
    cmocka_unit_test(test_lend__a_hole_between_what_is_lent_is_no_room_for_more_than_it_holds),
    cmocka_unit_test(test_lend__refuses_what_is_too_large_and_more_than_it_has_slots),
    cmocka_unit_test(test_lend__a_slot_that_is_used_again_has_another_generation),
    cmocka_unit_test(test_arena__nobody_else_can_write_or_resize_it),
    cmocka_unit_test(test_arena__what_is_lent_never_overlaps_and_never_changes),
    cmocka_unit_test(test_arena__many_threads_lend_the_same_blocks),
    cmocka_unit_test(test_arena_new__survives_each_single_fault))
