#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_counts_through_a_reorganisation_and_a_crash(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    qn_mock_mine(m, 10);
    qn_mock_run(m);
    qn_mock_crash(m);
    qn_mock_reorg(m, 3, 5); /* while it is down */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    char *reply = qn_mock_rpc(m, "count.status", "[]");
    assert_string_equal(reply, "{\"blocks\":13,\"transactions\":13}");
    free(reply);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_counts_through_a_reorganisation_and_a_crash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
