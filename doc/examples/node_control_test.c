#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_logs_closely_for_ten_minutes(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "area", "net");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "control: debug on net"));
    assert_null(strstr(qn_mock_log(m), "control: debug off net"));
    qn_mock_sleep(m, 600000);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "control: debug off net"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_fail_call(m, 2, QN_E_DENIED); /* get() is the first */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "not granted: log=yes"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_logs_closely_for_ten_minutes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
