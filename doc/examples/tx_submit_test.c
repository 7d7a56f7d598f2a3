#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_sends_and_says_what_became_of_it(void **state)
{
    (void)state;
    const qn_submit_result refused = {.is = QN_SUBMIT_IS_REFUSED,
                                      .code = QN_SUBMIT_CODE_MISSING_INPUTS,
                                      .reason = "bad-txns-inputs-missingorspent"};
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "tx", "01020304");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "tx: submit "));
    assert_non_null(strstr(qn_mock_log(m), "sent: it pays 1000 sat for 4 vbytes"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_submit_with(m, &refused, 1);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "refused: bad-txns-inputs-missingorspent\n"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_fail_call(m, 3, QN_E_TIMEOUT); /* get, post, submit */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    const char *first = strstr(qn_mock_log(m), "refused: ");
    assert_non_null(strstr(first, "sent: it pays")); /* ten seconds later */
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_fail_call(m, 3, QN_E_DENIED);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "not granted: submitting"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_sends_and_says_what_became_of_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
