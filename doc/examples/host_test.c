#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_beats_once_a_second(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK); /* runs a minute of its time */
    assert_non_null(strstr(qn_mock_log(m), "info: beat 1\n"));
    assert_non_null(strstr(qn_mock_log(m), "info: beat 60\n"));
    assert_null(strstr(qn_mock_log(m), "info: beat 63\n"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_beats_once_a_second)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
