#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_reads_all_blocks_and_gives_them_back(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 20);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "21 blocks paid 105000000000\n"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_prune(m, 5); /* now the bodies of the first blocks are gone */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_failure(m), "cannot read blocks"));
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_reads_all_blocks_and_gives_them_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
