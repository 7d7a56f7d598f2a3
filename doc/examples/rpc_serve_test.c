#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_answers_now_and_later(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    char *now = qn_mock_rpc(m, "hello.now", "[]");
    assert_string_equal(now, "{\"greeting\":\"hello\",\"time\":1700000001}");
    char *wrong = qn_mock_rpc(m, "hello.now", "[1]");
    assert_string_equal(wrong, "error -1: hello.now\nA greeting.");
    char *later = qn_mock_rpc(m, "hello.later", "[]"); /* the mock's clock jumps to the timer */
    assert_string_equal(later, "\"sorry, I was asleep\"");
    free(now);
    free(wrong);
    free(later);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_answers_now_and_later)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
