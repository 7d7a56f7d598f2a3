#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_remembers_across_a_crash(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "good morning");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_int_equal(qn_mock_store_count(m), 2);
    qn_mock_crash(m); /* what was synced stays */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "the first was good morning"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    m = qn_mock_new();
    qn_mock_config(m, "greeting", "too long for so little");
    qn_mock_quota(m, 10);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_FULL);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_remembers_across_a_crash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
