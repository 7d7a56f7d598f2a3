#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_counts_all_coins(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 3);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "3 coins, 15000000000 satoshis; the tip moved 0 times"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* The walk is closed in the middle of it, and the chain grows. */
static void test_it_goes_on_where_it_was(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 600);
    qn_mock_steps(m, 2); /* it opens the walk, and has one answer */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    qn_mock_run(m);
    qn_mock_scans_expire(m);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "going on at height 600"));
    assert_non_null(strstr(qn_mock_log(m), "600 coins, 3000000000000 satoshis"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_counts_all_coins),
                                       cmocka_unit_test(test_it_goes_on_where_it_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
