#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_sees_the_chain_grow(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "height 0\n"));
    qn_mock_mine(m, 7);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "height 7\n"));
    qn_mock_fail_call(m, 1, QN_E_IO);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_failure(m), "cannot look"));
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_sees_the_chain_grow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
