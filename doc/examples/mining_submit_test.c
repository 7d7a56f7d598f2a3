#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_finds_a_block(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 200); /* a height that takes two bytes */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "info: found block 201\n"));
    qn_mock_free(m);
}

static void test_it_says_why_a_block_was_refused(void **state)
{
    (void)state;
    const qn_mining_result no = {.is = QN_BLOCK_IS_REJECTED, .reason = "bad-cb-amount"};
    qn_mock *m = qn_mock_new();
    qn_mock_blocks_with(m, &no, 1);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "warn: refused: bad-cb-amount\n"));
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_finds_a_block),
                                       cmocka_unit_test(test_it_says_why_a_block_was_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
