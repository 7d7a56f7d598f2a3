#include "core/base/chance.h"
#include "tests/unit/harness.h"

static void test_chance_wait__is_exponential(void **state)
{
    const int64_t mean = INT64_C(86400000000);
    uint64_t seed = 1;
    int64_t sum = 0;
    unsigned below = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        int64_t w = qc_chance_wait(mean, test_rand(&seed));
        assert_true(w >= 0 && w < 34 * mean);
        sum += w / 100000;
        below += w < mean;
    }
    assert_true(sum > mean / 100 * 99 && sum < mean / 100 * 101);
    assert_in_range(below, 62500, 63900); /* 1 - 1/e = 63.2 % */
    assert_int_equal(qc_chance_wait(0, 7), 0);
    assert_int_equal(qc_chance_wait(1000000, UINT64_MAX), 0);
    assert_int_equal(qc_chance_wait(1000000000, UINT64_C(1) << 63), 693147182); /* ln 2 */
    assert_int_equal(qc_chance_wait(1000000000, 0) / 1000, 33271064);           /* 48 ln 2 */
}

QC_TEST_MAIN(cmocka_unit_test(test_chance_wait__is_exponential))
