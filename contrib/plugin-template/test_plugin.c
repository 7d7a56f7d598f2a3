/* The test of @NAME@, against a host in a box. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
@if net.listen/1
#include <unistd.h>
@end
@if net.connect/1 !net.listen/1
#include <unistd.h>
@end

#include <cmocka.h>
#include <quoin/mock.h>

static qn_mock *started(void)
{
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hello");
@if net.listen/1
    qn_mock_config(m, "listen", "127.0.0.1:50001");
@end
@if net.connect/1
    qn_mock_config(m, "target", "127.0.0.1:50002");
@end
@if mempool.follow/1
    const qn_mock_tx waits = {.txid = {{1}}, .fee = 1000, .vsize = 200};
    qn_mock_pool_add(m, &waits);
@end
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    return m;
}

static void test_it_starts_and_stops(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "hello"));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_a_required_interface_that_is_refused_stops_it(void **state)
{
    (void)state;
    static const char *const wants[] = {@REQUIRES@};
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        qn_mock *m = qn_mock_new();
        qn_mock_config(m, "greeting", "hello");
        qn_mock_deny(m, wants[i]);
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_DENIED);
        qn_mock_free(m);
    }
}
@if chain.follow/1

static void test_it_follows_the_chain_through_a_reorganisation(void **state)
{
    (void)state;
    qn_mock *m = started();
    qn_mock_mine(m, 10);
    qn_mock_run(m);
    qn_mock_reorg(m, 3, 5);
    qn_mock_run(m);
    assert_null(qn_mock_failure(m));
@end
@if chain.follow/1 rpc.serve/1
    char *reply = qn_mock_rpc(m, "@NAME@.status", "[]");
    assert_non_null(strstr(reply, "\"height\":12"));
    assert_non_null(strstr(reply, "\"blocks\":13"));
    free(reply);
@end
@if chain.follow/1
    qn_mock_free(m);
}

static void test_it_comes_back_after_a_crash(void **state)
{
    (void)state;
    qn_mock *m = started();
    qn_mock_mine(m, 10);
    qn_mock_run(m);
    qn_mock_crash(m);
    qn_mock_reorg(m, 2, 4);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_null(qn_mock_failure(m));
@end
@if chain.follow/1 rpc.serve/1
    char *reply = qn_mock_rpc(m, "@NAME@.status", "[]");
    assert_non_null(strstr(reply, "\"blocks\":13"));
    free(reply);
@end
@if chain.follow/1
    qn_mock_free(m);
}
@end
@if http.serve/1

static void test_it_serves_a_page(void **state)
{
    (void)state;
    uint32_t status;
    qn_mock *m = started();
    char *body = qn_mock_http(m, "GET", "/", NULL, &status);
    assert_int_equal(status, 200);
    assert_string_equal(body, "{\"plugin\":\"@ID@\"}");
    free(body);
    qn_mock_free(m);
}
@end
@if net.listen/1

static void test_it_greets_who_connects(void **state)
{
    (void)state;
    char got[8] = "";
    qn_mock *m = started();
    int fd = qn_mock_accept(m, "127.0.0.1:50001", "192.0.2.1:555");
    assert_int_equal(read(fd, got, sizeof got), 6);
    assert_string_equal(got, "hello\n");
    close(fd);
    assert_non_null(strstr(qn_mock_log(m), "greeted 192.0.2.1:555"));
    assert_int_equal(qn_mock_connections(m), 0);
    qn_mock_free(m);
}
@end
@if net.connect/1

static void test_it_connects(void **state)
{
    (void)state;
    qn_mock *m = started();
    int fd = qn_mock_take(m);
    assert_true(fd >= 0);
    close(fd);
    assert_non_null(strstr(qn_mock_log(m), "127.0.0.1:50002: connected"));
    assert_int_equal(qn_mock_connections(m), 0);
    qn_mock_free(m);
}
@end
@if node.read/1

static void test_it_says_which_network(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "the node is on regtest"));
    qn_mock_free(m);
}
@end
@if node.control/1

static void test_it_turns_debug_lines_off(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "control: debug off all"));
    qn_mock_free(m);
}
@end
@if peers.read/1

static void test_it_says_how_many_peers_there_may_be(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "the node may have 125 peers"));
    qn_mock_free(m);
}
@end
@if peers.control/1

static void test_it_bans_a_subnet(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "peers: ban 203.0.113.0/24"));
    qn_mock_free(m);
}
@end
@if coins.read/1

static void test_it_says_at_which_height_coins_are_known(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "coins are known at height "));
    qn_mock_free(m);
}
@end
@if mempool.read/1

static void test_it_says_how_large_the_mempool_may_be(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "the mempool may take 300000000 bytes"));
    qn_mock_free(m);
}
@end
@if mempool.follow/1

static void test_it_counts_what_waits(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "1 transactions wait"));
    qn_mock_free(m);
}
@end
@if mining.template/1

static void test_it_says_what_would_be_mined(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "block 1 would have"));
    qn_mock_free(m);
}
@end
@if mining.submit/1

static void test_it_can_hand_in_blocks(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "blocks can be handed in"));
    qn_mock_free(m);
}
@end
@if mining.check/1

static void test_it_can_have_blocks_judged(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "blocks can be judged"));
    qn_mock_free(m);
}
@end
@if tx.submit/1

static void test_it_tests_a_transaction(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "a test was accepted"));
    qn_mock_free(m);
}
@end
@if fees.estimate/1

static void test_it_says_what_is_relayed(void **state)
{
    (void)state;
    qn_mock *m = started();
    assert_non_null(strstr(qn_mock_log(m), "relayed from 100 sat/kvB on"));
    qn_mock_free(m);
}
@end

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_starts_and_stops),
        cmocka_unit_test(test_a_required_interface_that_is_refused_stops_it),
@if chain.follow/1
        cmocka_unit_test(test_it_follows_the_chain_through_a_reorganisation),
        cmocka_unit_test(test_it_comes_back_after_a_crash),
@end
@if http.serve/1
        cmocka_unit_test(test_it_serves_a_page),
@end
@if net.listen/1
        cmocka_unit_test(test_it_greets_who_connects),
@end
@if net.connect/1
        cmocka_unit_test(test_it_connects),
@end
@if node.read/1
        cmocka_unit_test(test_it_says_which_network),
@end
@if node.control/1
        cmocka_unit_test(test_it_turns_debug_lines_off),
@end
@if peers.read/1
        cmocka_unit_test(test_it_says_how_many_peers_there_may_be),
@end
@if peers.control/1
        cmocka_unit_test(test_it_bans_a_subnet),
@end
@if coins.read/1
        cmocka_unit_test(test_it_says_at_which_height_coins_are_known),
@end
@if mempool.read/1
        cmocka_unit_test(test_it_says_how_large_the_mempool_may_be),
@end
@if mempool.follow/1
        cmocka_unit_test(test_it_counts_what_waits),
@end
@if mining.template/1
        cmocka_unit_test(test_it_says_what_would_be_mined),
@end
@if mining.submit/1
        cmocka_unit_test(test_it_can_hand_in_blocks),
@end
@if mining.check/1
        cmocka_unit_test(test_it_can_have_blocks_judged),
@end
@if tx.submit/1
        cmocka_unit_test(test_it_tests_a_transaction),
@end
@if fees.estimate/1
        cmocka_unit_test(test_it_says_what_is_relayed),
@end
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
