#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void test_it_bans_who_is_not_wanted(void **state)
{
    (void)state;
    const qn_peer list[] = {{.id = 1, .address = "1.2.3.4:8333", .user_agent = "/Leech:7.0/"},
                            {.id = 2, .address = "5.6.7.8:8333", .user_agent = "/Satoshi:28.0.0/"},
                            {.id = 3, .address = "[2001:db8::1]:8333", .user_agent = "/Leech:8.0/"},
                            {.id = 4,
                             .address = "9.9.9.9:8333",
                             .user_agent = "/Leech:7.0/",
                             .permissions = QN_PERMIT_NOBAN}};
    qn_mock *m = qn_mock_new();
    qn_mock_peers(m, NULL, list, 4);
    qn_mock_config(m, "unwanted", "/Leech:");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "peers: ban 1.2.3.4\n"));
    assert_non_null(strstr(qn_mock_log(m), "peers: ban 2001:db8::1\n"));
    assert_null(strstr(qn_mock_log(m), "ban 5.6.7.8"));
    assert_null(strstr(qn_mock_log(m), "ban 9.9.9.9"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_fail_call(m, 5, QN_E_DENIED); /* get, get, post, peers, ban */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_non_null(strstr(qn_mock_log(m), "not granted: ban=yes"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_it_bans_who_is_not_wanted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
