#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_keeps_count_in_step_with_the_chain(void **state)
{
    (void)state;
    const qn_mock_tx a = {.txid = {{1}}, .fee = 1000, .vsize = 200},
                     b = {.txid = {{2}}, .fee = 5000, .vsize = 100},
                     c = {.txid = {{3}}, .fee = 7000, .vsize = 100};
    qn_hash block;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 2);
    qn_mock_pool_add(m, &a);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "1 wait and pay 1000 sat"));
    qn_mock_pool_add(m, &b);
    qn_mock_run(m);
    assert_int_equal(qn_mock_pool_remove(m, &b.txid, QN_MEMPOOL_GONE_REPLACED, &c.txid), QN_OK);
    qn_mock_pool_add(m, &c);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "one that paid 5000 sat was replaced"));
    qn_mock_mine(m, 1);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "2 wait and pay 8000 sat"));
    memcpy(block.b, qn_mock_block(m, 3)->hash, 32);
    assert_int_equal(qn_mock_pool_remove(m, &c.txid, QN_MEMPOOL_GONE_BLOCK, &block), QN_OK);
    qn_mock_pool_gap(m);
    qn_mock_run(m);
    const char *again = strstr(qn_mock_log(m), "2 wait and pay 8000 sat");
    assert_non_null(strstr(again, "1 wait and pay 1000 sat"));
    assert_null(qn_mock_failure(m));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_keeps_count_in_step_with_the_chain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
