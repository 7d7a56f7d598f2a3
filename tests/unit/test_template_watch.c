/* The shortest plugin: a line for each template, and no right to more. */
#include "quoin/mock.h"
#include "tests/unit/harness.h"

extern const qn_plugin_1 qn_plugin_entry;

static void test_watch__says_what_each_template_pays(void **state)
{
    (void)state;
    const qn_mock_tx tx = {.txid = {{1}}, .fee = 1234, .vsize = 100, .bytes = "x", .len = 1};
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "block 1, full: 0 transactions pay 0 sat"));
    qn_mock_pool_add(m, &tx);
    (void)qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "block 1, full: 1 transactions pay 1234 sat"));
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "block 2, empty: 0 transactions pay 0 sat"));
    assert_non_null(strstr(qn_mock_log(m), "block 2, full: 1 transactions pay 1234 sat"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_watch__may_not_hand_blocks_in(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_deny(m, "mining.submit/1");
    qn_mock_config(m, "overreach", "true");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "mining.submit/1 is refused"));
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_watch__says_what_each_template_pays),
             cmocka_unit_test(test_watch__may_not_hand_blocks_in))
