#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_sends_back_what_it_is_sent(void **state)
{
    (void)state;
    char got[8] = "";
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "listen", "127.0.0.1:7007");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_int_equal(qn_mock_accept(m, "127.0.0.1:7008", "192.0.2.1:555"), -1);
    int fd = qn_mock_accept(m, "127.0.0.1:7007", "192.0.2.1:555");
    assert_int_equal(write(fd, "hello", 5), 5);
    qn_mock_run(m);
    assert_int_equal(read(fd, got, sizeof got), 5);
    assert_string_equal(got, "hello");
    assert_non_null(strstr(qn_mock_log(m), "192.0.2.1:555 is here"));
    assert_int_equal(qn_mock_connections(m), 1);
    close(fd);
    qn_mock_run(m);
    assert_int_equal(qn_mock_connections(m), 0); /* its place is free again */
    fd = qn_mock_accept(m, "127.0.0.1:7007", "192.0.2.1:556");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    assert_int_equal(read(fd, got, sizeof got), 0); /* closed from there */
    close(fd);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_sends_back_what_it_is_sent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
