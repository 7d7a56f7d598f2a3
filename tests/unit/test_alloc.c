/* Memory that is kept. */
#include "core/base/alloc.h"
#include "tests/unit/harness.h"

#include <sys/resource.h>

#define SIZE ((size_t)8 << 20)

/* Pages that the system had to supply. */
static long faults(void)
{
    struct rusage u;
    assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
    return u.ru_minflt;
}

static long one_block(void)
{
    long before = faults();
    uint8_t *p = qc_try_malloc(SIZE);
    assert_non_null(p);
    memset(p, 1, SIZE);
    qc_free(p);
    return faults() - before;
}

static void test_keep__freed_memory_is_used_again(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* another allocator */
#endif
    qc_alloc_keep(QC_KEEP_BLOCKS);
    (void)one_block();
    assert_true(one_block() < 64); /* of 2,048 pages */
}

QC_TEST_MAIN(cmocka_unit_test(test_keep__freed_memory_is_used_again))
