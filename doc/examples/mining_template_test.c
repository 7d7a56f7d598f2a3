#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static int lines(const qn_mock *m, const char *what)
{
    int n = 0;
    for (const char *at = qn_mock_log(m); (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void test_it_says_what_each_template_pays(void **state)
{
    (void)state;
    const qn_mock_tx a = {.txid = {{1}}, .fee = 700, .vsize = 100},
                     b = {.txid = {{2}}, .fee = 900, .vsize = 200};
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_int_equal(lines(m, "block 1, full: 0 transactions pay 0 sat, one 0\n"), 1);
    qn_mock_pool_add(m, &a); /* less than the delta */
    qn_mock_run(m);
    assert_int_equal(lines(m, "block 1"), 1);
    qn_mock_pool_add(m, &b);
    qn_mock_run(m); /* ten seconds later */
    assert_int_equal(lines(m, "block 1, full: 2 transactions pay 1600 sat, one 900\n"), 1);
    qn_mock_mine(m, 1);
    qn_mock_run(m);
    assert_int_equal(lines(m, "block 2, empty: 0 transactions pay 0 sat, one 0\n"), 1);
    assert_int_equal(lines(m, "block 2, full: 2 transactions pay 1600 sat, one 900\n"), 1);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_it_waits_while_the_node_is_not_ready(void **state)
{
    (void)state;
    const qn_mining_info busy = {.flags = QN_MINING_INFO_INITIAL_DOWNLOAD};
    qn_mock *m = qn_mock_new();
    qn_mock_mining(m, &busy);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_int_equal(lines(m, "block"), 0);
    qn_mock_mining(m, NULL);
    qn_mock_run(m);
    assert_int_equal(lines(m, "block 1, full"), 1);
    assert_null(qn_mock_failure(m));
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_says_what_each_template_pays),
                                       cmocka_unit_test(test_it_waits_while_the_node_is_not_ready)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
