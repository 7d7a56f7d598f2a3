#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_says_what_is_new(void **state)
{
    (void)state;
    qn_node_info info = {.size = sizeof info, .uptime_s = 77, .n_warnings = 1};
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_string_equal(qn_mock_log(m), "");
    qn_mock_node(m, &info, "the disk is nearly full\n");
    qn_mock_run(m);
    const char *said = strstr(qn_mock_log(m), "after 77 s: the disk is nearly full");
    assert_non_null(said);
    assert_null(strstr(said + 20, "the disk is nearly full")); /* once, in a minute of looks */
    info.n_warnings = 0;
    qn_mock_node(m, &info, NULL);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "all is well again"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_says_what_is_new)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
