#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_says_what_waits(void **state)
{
    (void)state;
    const qn_mock_tx a = {.txid = {{1}}, .fee = 1000, .vsize = 200},
                     b = {.txid = {{2}}, .fee = 5000, .vsize = 100};
    qn_mock *m = qn_mock_new();
    qn_mock_pool_add(m, &a);
    qn_mock_pool_add(m, &b);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "2 transactions wait, 300 vbytes, at height 0"));
    const char *said = strstr(qn_mock_log(m), "the next pays 50000 sat/kvB");
    assert_non_null(said);
    qn_mock_run(m);
    assert_null(strstr(said, "transactions wait")); /* nothing is new */
    assert_int_equal(qn_mock_pool_remove(m, &b.txid, QN_MEMPOOL_GONE_EXPIRY, NULL), QN_OK);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "1 transactions wait, 200 vbytes"));
    assert_non_null(strstr(qn_mock_log(m), "the next pays 5000 sat/kvB"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_says_what_waits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
