#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_serves_a_page_and_the_time(void **state)
{
    (void)state;
    uint32_t status;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    char *page = qn_mock_http(m, "GET", "/", NULL, &status);
    assert_int_equal(status, 200);
    assert_non_null(strstr(page, "href=\"time\"")); /* relative: the operator decides where it lies */
    char *time = qn_mock_http(m, "GET", "/time?unit=ms", NULL, &status);
    assert_int_equal(status, 200);
    assert_string_equal(time, "{\"time\":1700000001000}");
    char *wrong = qn_mock_http(m, "GET", "/time?unit=us", NULL, &status);
    assert_int_equal(status, 400);
    char *post = qn_mock_http(m, "POST", "/time", "x", &status);
    assert_int_equal(status, 405);
    free(page);
    free(time);
    free(wrong);
    free(post);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_serves_a_page_and_the_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
