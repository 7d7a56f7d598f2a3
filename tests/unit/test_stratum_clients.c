/* The Stratum server against the mock: connections, and who is thrown out. */
#include "tests/unit/stratum_play.h"

static void test_stratum__who_misbehaves_is_refused(void **state)
{
    (void)state;
    qn_mock *m = started();
    for (int i = 0; i < 4; i++) {
        client *c = joined(m);
        assert_true(c->fd >= 0);
        say(c, "GET / HTTP/1.1");
        qn_mock_steps(m, 2);
        (void)qn_mock_run(m);
        qn_mock_steps(m, UINT32_MAX);
        leave(c);
    }
    client *c = joined(m);
    char byte;
    assert_int_equal(recv(c->fd, &byte, 1, MSG_DONTWAIT), 0);
    leave(c);
    assert_non_null(strstr(qn_mock_log(m), "192.0.2.7 is refused for 600 s"));
    assert_int_equal(qn_mock_connections(m), 0);
    qn_mock_free(m);
}

static void test_stratum__who_says_nothing_is_let_go(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    char byte;
    (void)qn_mock_run(m); /* a minute */
    assert_int_equal(recv(c->fd, &byte, 1, MSG_DONTWAIT), 0);
    assert_int_equal(qn_mock_connections(m), 0);
    leave(c);
    qn_mock_free(m);
}

static void test_stratum__who_does_not_read_hears_of_the_newest_job(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    greet(m, c, NULL);
    for (int i = 0; i < 600; i++) { /* more than the socket and the server keep */
        qn_mock_mine(m, 1);
        qn_mock_steps(m, 4);
        (void)qn_mock_run(m);
        qn_mock_steps(m, UINT32_MAX);
    }
    unsigned before = c->notified, cleans = c->cleans;
    for (int i = 0; i < 40; i++) {
        free(hear(c, -1));
        qn_mock_steps(m, 2);
        (void)qn_mock_run(m);
        qn_mock_steps(m, UINT32_MAX);
    }
    assert_true(c->notified > before && c->notified < before + 1200);
    assert_int_equal(qn_mock_connections(m), 1);
    char bip34[16];
    snprintf(bip34, sizeof bip34, "02%02x%02x", 621 & 0xff, 621 >> 8);
    assert_non_null(strstr(c->coinb1, bip34)); /* the height of the newest */
    assert_true(c->cleans > cleans);
    /* It is listened to again. */
    say(c, "{\"id\":77,\"method\":\"mining.ping\",\"params\":[]}");
    qn_mock_steps(m, 2);
    (void)qn_mock_run(m);
    expect(c, 77, "pong");
    leave(c);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_free(m);
}

static void test_stratum__who_neither_reads_nor_stops_talking_is_not_listened_to(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    greet(m, c, NULL);
    static const char ping[] = "{\"id\":1,\"method\":\"x\"}\n";
    size_t sent = 0;
    for (int i = 0; i < 400; i++) {
        for (int k = 0; k < 100; k++) {
            ssize_t n = send(c->fd, ping, sizeof ping - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n != sizeof ping - 1)
                break;
            sent += (size_t)n;
        }
        qn_mock_steps(m, 1);
        (void)qn_mock_run(m);
        qn_mock_steps(m, UINT32_MAX);
    }
    assert_true(sent < (1u << 20));
    assert_non_null(strstr(qn_mock_log(m), "192.0.2.7 is refused"));
    assert_int_equal(count(qn_mock_log(m), "192.0.2.7 is refused"), 1);
    leave(c);
    qn_mock_free(m);
}

static void test_stratum__a_ban_is_told_once(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c[8];
    for (int i = 0; i < 8; i++)
        greet(m, c[i] = joined(m), NULL);
    for (int i = 0; i < 8; i++)
        say(c[i], "GET / HTTP/1.1");
    (void)qn_mock_run(m);
    assert_int_equal(qn_mock_connections(m), 0);
    assert_int_equal(count(qn_mock_log(m), "is refused for"), 1);
    for (int i = 0; i < 8; i++)
        leave(c[i]);
    qn_mock_free(m);
}

static void test_stratum__tls_bans_nobody(void **state)
{
    (void)state;
    qn_mock *m = started();
    for (int i = 0; i < 10; i++) {
        client *c = joined(m);
        char byte;
        assert_true(c->fd >= 0);
        assert_int_equal(send(c->fd, "\x16\x03\x01\x02\x00\x01\n\n", 8, MSG_NOSIGNAL), 8);
        qn_mock_steps(m, 2);
        (void)qn_mock_run(m);
        assert_true(recv(c->fd, &byte, 1, MSG_DONTWAIT) <= 0);
        leave(c);
    }
    assert_int_equal(count(qn_mock_log(m), "192.0.2.7:1000 speaks TLS"), 1);
    assert_null(strstr(qn_mock_log(m), "is refused"));
    assert_int_equal(qn_mock_connections(m), 0);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_free(m);
}

/* Four connections of one address say what they must not. */
static void four_bad_ones(qn_mock *m)
{
    for (int i = 0; i < 4; i++) {
        client *c = joined(m);
        say(c, "GET / HTTP/1.1");
        qn_mock_steps(m, 3);
        (void)qn_mock_run(m);
        leave(c);
    }
}

static void test_stratum__a_ban_is_not_its_neighbours(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *honest = joined(m);
    qn_mock_steps(m, 4);
    greet(m, honest, NULL);
    four_bad_ones(m);
    assert_int_equal(count(qn_mock_log(m), "is refused for 600 s"), 1);
    for (int i = 0; i < 30; i++) { /* one bad parameter; then it goes for its own */
        say(honest, "{\"id\":5,\"method\":\"mining.submit\",\"params\":[]}");
        qn_mock_steps(m, 1);
        (void)qn_mock_run(m);
        if (i < 24) {
            expect(honest, 5, "Invalid parameters");
            assert_int_equal(qn_mock_connections(m), 1);
        } else if (qn_mock_connections(m) == 0) {
            break;
        }
    }
    assert_int_equal(qn_mock_connections(m), 0);
    leave(honest);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    /* Behind a proxy all are one. */
    qn_mock_config(m, "ban_seconds", "0");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    four_bad_ones(m);
    four_bad_ones(m);
    assert_int_equal(count(qn_mock_log(m), "is refused"), 1);
    client *c = joined(m);
    qn_mock_steps(m, 4);
    greet(m, c, NULL);
    leave(c);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_free(m);
}

static void test_stratum__a_wrong_user_name_bans_nobody(void **state)
{
    (void)state;
    qn_mock *m = started();
    for (int i = 0; i < 60; i++) {
        client *c = joined(m);
        assert_true(c->fd >= 0);
        say(c, "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}");
        say(c, "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"me\",\"x\"]}");
        qn_mock_steps(m, 2);
        (void)qn_mock_run(m);
        expect(c, 2, "[24,");
        qn_mock_steps(m, 40);
        qn_mock_sleep(m, 15000);
        (void)qn_mock_run(m);
        qn_mock_steps(m, UINT32_MAX);
        leave(c);
    }
    char *status = qn_mock_rpc(m, "stratum.status", "[]");
    assert_non_null(strstr(status, "\"banned\":0"));
    free(status);
    qn_mock_free(m);
}

/* Who cannot mine is seen by the operator: a line, but not one for each try, and a count of all. */
static void test_stratum__who_is_refused_as_a_user_is_told_of(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    for (int round = 0; round < 2; round++) {
        say(c, "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"me.1\",\"x\"]}");
        say(c, "{\"id\":3,\"method\":\"mining.authorize\",\"params\":[\"me.2\",\"x\"]}");
        say(c, "{\"id\":4,\"method\":\"mining.authorize\",\"params\":[\"m\\te\",\"x\"]}");
        qn_mock_steps(m, 1);
        (void)qn_mock_run(m);
        if (!round) {
            expect(c, 4, "Invalid parameters");
            leave(c);
            qn_mock_steps(m, 1);
            qn_mock_sleep(m, 60000);
            c = joined(m);
        }
    }
    say(c, "{\"id\":5,\"method\":\"mining.subscribe\",\"params\":[]}");
    say(c, "{\"id\":6,\"method\":\"mining.submit\",\"params\":[\"me.1\",\"1\","
           "\"0102030405060708\",\"1\",\"1\"]}");
    qn_mock_steps(m, 1);
    (void)qn_mock_run(m);
    expect(c, 6, "[24,");
    assert_int_equal(count(qn_mock_log(m),
                           "192.0.2.7:1000 may not mine as 'me.1': The user must be "
                           "an address of this chain"),
                     2);
    assert_int_equal(count(qn_mock_log(m), "may not mine"), 2);
    assert_non_null(strstr(qn_mock_log(m), "chain (2 more since this was said last)"));
    char *status = qn_mock_rpc(m, "stratum.status", "[]");
    assert_non_null(strstr(status, "\"users_refused\":6"));
    assert_non_null(strstr(status, "\"invalid\":0,\"unauthorized\":1}"));
    free(status);
    leave(c);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_free(m);
}

/* A pool with room for so many connections is full; whoever has shown nothing for long goes. */
static void test_stratum__idlers_make_way(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 20);
    qn_mock_config(m, "max_connections", "2");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    client *idle = joined(m), *busy, *late, *more;
    char byte;
    greet(m, idle, NULL);
    busy = joined(m);
    greet(m, busy, NULL);
    late = joined(m);
    assert_int_equal(recv(late->fd, &byte, 1, MSG_DONTWAIT), 0); /* there is no room yet */
    qn_mock_steps(m, 5);
    qn_mock_sleep(m, 600000);
    submit(busy, 5, "0000000000000001", grind(busy, "0000000000000001", busy->version, true), "");
    (void)qn_mock_run(m);
    qn_mock_steps(m, UINT32_MAX);
    expect(busy, 5, "\"result\":true");
    more = joined(m);
    greet(m, more, NULL);
    assert_int_equal(qn_mock_connections(m), 2);
    free(hear(idle, -1));
    assert_int_equal(recv(idle->fd, &byte, 1, MSG_DONTWAIT), 0);
    submit(busy, 6, "0000000000000001", 0, "");
    (void)qn_mock_run(m);
    expect(busy, 6, "\"id\":6");
    leave(idle);
    leave(busy);
    leave(late);
    leave(more);
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_stratum__who_misbehaves_is_refused),
             cmocka_unit_test(test_stratum__who_says_nothing_is_let_go),
             cmocka_unit_test(test_stratum__who_does_not_read_hears_of_the_newest_job),
             cmocka_unit_test(test_stratum__who_neither_reads_nor_stops_talking_is_not_listened_to),
             cmocka_unit_test(test_stratum__a_ban_is_told_once),
             cmocka_unit_test(test_stratum__tls_bans_nobody),
             cmocka_unit_test(test_stratum__a_ban_is_not_its_neighbours),
             cmocka_unit_test(test_stratum__a_wrong_user_name_bans_nobody),
             cmocka_unit_test(test_stratum__who_is_refused_as_a_user_is_told_of),
             cmocka_unit_test(test_stratum__idlers_make_way))
