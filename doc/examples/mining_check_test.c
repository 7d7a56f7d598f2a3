#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_says_what_is_wrong_with_a_block(void **state)
{
    (void)state;
    const qn_mining_result no = {.is = QN_BLOCK_IS_REJECTED, .reason = "bad-cb-height"};
    qn_mock *m = qn_mock_new();
    char hex[401] = "";
    for (int i = 0; i < 100; i++) /* on the tip; the rest does not matter here */
        snprintf(hex + 2 * i, 3, "%02x", i >= 4 && i < 36 ? qn_mock_block(m, 0)->hash[i - 4] : 1);
    qn_mock_config(m, "block", hex);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "info: good"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_blocks_with(m, &no, 1);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "info: bad-cb-height"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_mine(m, 1);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "info: inconclusive-not-best-prevblk"));
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_says_what_is_wrong_with_a_block)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
