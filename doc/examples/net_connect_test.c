#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_tells_once_a_minute(void **state)
{
    (void)state;
    char got[8] = "";
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "target", "localhost:7008");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    int fd = qn_mock_take(m);
    assert_int_equal(read(fd, got, sizeof got), 6);
    assert_string_equal(got, "alive\n");
    close(fd);
    assert_int_equal(qn_mock_connections(m), 0);
    assert_non_null(strstr(qn_mock_log(m), "localhost:7008: told\n"));
    assert_null(strstr(qn_mock_log(m), "cannot"));
    qn_mock_connect_with(m, QN_E_REFUSED);
    qn_mock_sleep(m, 60000);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "localhost:7008: cannot be reached\n"));
    assert_null(qn_mock_failure(m));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_tells_once_a_minute)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
