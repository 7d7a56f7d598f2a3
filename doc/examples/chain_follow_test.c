#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_counts_and_undoes(void **state)
{
    (void)state;
    static const uint8_t script[] = {0x51};
    qn_mock *m = qn_mock_new();
    qn_hash coin;
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    qn_mock_mine(m, 3);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "height 3: 4 coins"));
    /* A block with one more transaction: spends the first coin, makes two. */
    memcpy(coin.b, qn_view_tx(qn_mock_block(m, 1), 0)->txid, 32);
    qn_mock_spend(m, &coin, 0);
    qn_mock_pay(m, script, sizeof script, 1000);
    qn_mock_pay(m, script, sizeof script, 2000);
    qn_mock_mine(m, 1);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "height 4: 6 coins"));
    qn_mock_reorg(m, 2, 3); /* it and its parent leave; three empty ones come */
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "height 5: 6 coins"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_counts_and_undoes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
