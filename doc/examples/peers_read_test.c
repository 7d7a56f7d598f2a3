#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_counts_who_is_ready(void **state)
{
    (void)state;
    const qn_peer list[] = {{.id = 1, .flags = QN_PEER_INBOUND | QN_PEER_READY},
                            {.id = 2, .flags = QN_PEER_READY | QN_PEER_ENCRYPTED},
                            {.id = 3, .flags = QN_PEER_INBOUND}};
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_string_equal(qn_mock_log(m), "");
    qn_mock_peers(m, NULL, list, 3);
    qn_mock_run(m);
    const char *said = strstr(qn_mock_log(m), "1 peers came, we went to 1; 1 encrypted");
    assert_non_null(said);
    assert_null(strstr(said + 20, "peers came")); /* once, in a minute of looks */
    qn_mock_peers(m, NULL, list, 1);
    qn_mock_run(m);
    assert_non_null(strstr(qn_mock_log(m), "1 peers came, we went to 0; 0 encrypted"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_counts_who_is_ready)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
