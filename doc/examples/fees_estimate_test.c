#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_says_what_to_pay_when_that_changes(void **state)
{
    (void)state;
    const qn_mock_tx a = {.txid = {{1}}, .fee = 1000, .vsize = 200},
                     b = {.txid = {{2}}, .fee = 5000, .vsize = 100};
    qn_mock *m = qn_mock_new();
    qn_mock_pool_add(m, &a);
    qn_mock_pool_add(m, &b);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(
        strstr(qn_mock_log(m), "six blocks: 100 sat/kvB at least, 300 vbytes pay more"));
    qn_mock_fees(m, 100, 20000);
    qn_mock_run(m);
    const char *said = strstr(qn_mock_log(m), "six blocks: 20000 sat/kvB, 100 vbytes pay more");
    assert_non_null(said);
    qn_mock_run(m);
    assert_null(strstr(said + 1, "six blocks"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_says_what_to_pay_when_that_changes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
