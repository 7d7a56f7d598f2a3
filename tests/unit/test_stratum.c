/* The Stratum server against the mock: jobs, solutions, what outlives a crash, what is answered. */
#include "tests/unit/stratum_play.h"

static const char SCRIPT[] = "0014751e76e8199196d454941c45d1b3a323f1433bd6";

static void test_stratum__a_share_becomes_a_block(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    greet(m, c, NULL);
    assert_int_equal(c->notified, 1);
    assert_true(c->clean && c->difficulty > 4.65e-10 && c->difficulty < 4.66e-10);
    assert_non_null(strstr(c->coinb2, SCRIPT));           /* who authorized is paid */
    assert_non_null(strstr(c->coinb2, "2f51756f696e2f")); /* and the tag is there */
    submit(c, 5, "0000000000000001", grind(c, "0000000000000001", c->version, true), "");
    (void)qn_mock_run(m);
    expect(c, 5, "\"result\":true");
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 1);
    assert_non_null(strstr(qn_mock_log(m), " ok"));
    assert_non_null(strstr(qn_mock_log(m), "block 21 found by "));
    /* The same again is none, and is not handed in a second time. */
    submit(c, 6, "0000000000000001", grind(c, "0000000000000001", c->version, true), "");
    submit(c, 7, "0000000000000002", grind(c, "0000000000000002", c->version, false), "");
    (void)qn_mock_run(m);
    expect(c, 6, "[22,\"Duplicate share\",null]");
    expect(c, 7, "[23,\"Low difficulty share\",null]");
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 1);
    char *status = qn_mock_rpc(m, "stratum.status", "[]");
    assert_non_null(strstr(status, "\"connections\":1"));
    assert_non_null(strstr(status, "\"blocks\":1"));
    assert_non_null(strstr(status, "\"template\":\""));
    assert_non_null(strstr(status, "\"accepted\":1,\"stale\":0,\"duplicate\":1,\"low\":1"));
    free(status);
    status = qn_mock_rpc(m, "stratum.workers", "[5]");
    assert_non_null(strstr(status, USER));
    free(status);
    status = qn_mock_rpc(m, "stratum.shares", "[]");
    assert_int_equal(count(status, "\"share\":"), 3);
    assert_non_null(strstr(status, "\"is\":\"accepted\",\"block\":true"));
    free(status);
    status = qn_mock_rpc(m, "stratum.shares", "[0]");
    assert_non_null(strstr(status, "error -8"));
    free(status);
    leave(c);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    assert_int_equal(qn_mock_connections(m), 0);
    qn_mock_free(m);
}

static void test_stratum__an_old_job_is_worth_a_block_after_a_crash(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m), *d, *e;
    greet(m, c, NULL);
    uint32_t nonce = grind(c, "00000000000000aa", c->version, true);
    qn_mock_crash(m);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    d = joined(m);
    greet(m, d, c->session);
    assert_string_equal(d->en1, c->en1);
    assert_string_not_equal(d->job, c->job);
    snprintf(d->job, sizeof d->job, "%s", c->job);
    d->time = c->time;
    submit(d, 9, "00000000000000aa", nonce, "");
    (void)qn_mock_run(m);
    expect(d, 9, "\"result\":true");
    assert_non_null(strstr(qn_mock_log(m), "block 21 found by "));
    /* A session that was never given out is a new one, and nobody has its extranonce. */
    e = joined(m);
    char forged[64];
    snprintf(forged, sizeof forged, "%s", c->session);
    forged[23] = forged[23] == '0' ? '1' : '0';
    greet(m, e, forged);
    assert_string_not_equal(e->en1, c->en1);
    leave(c);
    leave(d);
    leave(e);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_stratum__says_why_a_block_was_not_accepted(void **state)
{
    (void)state;
    static const qn_mining_result result[] = {
        {.size = sizeof *result, .is = QN_BLOCK_IS_INCONCLUSIVE, .reason = "inconclusive"},
        {.size = sizeof *result, .is = QN_BLOCK_IS_REJECTED, .reason = "bad-x", .debug = "too y"}};
    static const char *const en2[] = {"0000000000000001", "0000000000000002"};
    qn_mock *m = started();
    client *c = joined(m);
    greet(m, c, NULL);
    qn_mock_blocks_with(m, result, 2);
    for (int i = 0; i < 2; i++)
        submit(c, 5, en2[i], grind(c, en2[i], c->version, true), "");
    (void)qn_mock_run(m);
    expect(c, 5, "\"result\":true"); /* a share it is */
    assert_non_null(
        strstr(qn_mock_log(m), "block 21 of " USER " was not accepted: inconclusive ("));
    assert_non_null(strstr(qn_mock_log(m), "block 21 of " USER " was not accepted: bad-x too y ("));
    leave(c);
    qn_mock_free(m);
}

/* Work that was told at an easier difficulty counts for that after a kill, and the session goes on
 * where it was. */
static void test_stratum__difficulties_outlive_a_crash(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    static client easy, hard;
    qn_mock_mine(m, 20);
    qn_mock_config(m, "start_difficulty", "1e-10");
    qn_mock_config(m, "min_difficulty", "1e-12");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    client *c = joined(m);
    qn_mock_steps(m, 4); /* time stands still */
    greet(m, c, NULL);
    assert_true(c->difficulty == 1e-10);
    easy = *c;
    say(c, "{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[4e-10]}");
    qn_mock_steps(m, 2);
    (void)qn_mock_run(m);
    expect(c, 3, "true");
    free(hear(c, -1));
    assert_true(c->difficulty == 4e-10);
    hard = *c;
    assert_string_equal(hard.job, "101");
    qn_mock_crash(m);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    qn_mock_steps(m, UINT32_MAX);
    (void)qn_mock_run(m);
    client *d = joined(m);
    qn_mock_steps(m, 4);
    greet(m, d, c->session);
    assert_true(d->difficulty == 4e-10);
    uint32_t nonce = grind_for(&easy, "00000000000000aa", 1e-10, 4e-10);
    client old = easy;
    old.fd = d->fd;
    submit(&old, 5, "00000000000000aa", nonce, "");
    old = hard;
    old.fd = d->fd;
    submit(&old, 6, "00000000000000aa", grind_for(&hard, "00000000000000aa", 1e-10, 4e-10), "");
    qn_mock_steps(m, 2);
    (void)qn_mock_run(m);
    expect(d, 5, "\"result\":true");
    expect(d, 6, "[23,");
    leave(c);
    leave(d);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_free(m);
}

/* Submit what solves a job of a while ago. */
static void submit_old(client *now, const client *old, int id)
{
    client c = *old;
    c.fd = now->fd;
    submit(&c, id, "00000000000000aa", grind(old, "00000000000000aa", old->version, true), "");
}

static void test_stratum__a_block_of_a_template_that_the_node_forgot(void **state)
{
    (void)state;
    qn_mock *m = started();
    const qn_mock_tx tx = {.txid = {{1}}, .fee = 1000, .vsize = 100, .bytes = "x", .len = 1};
    static client bare, full;
    client *c = joined(m);
    greet(m, c, NULL);
    bare = *c;
    qn_mock_pool_add(m, &tx);
    (void)qn_mock_run(m);
    free(hear(c, -1));
    full = *c;
    assert_true(bare.n_path == 0 && full.n_path == 1);
    for (int i = 0; i < 20; i++) { /* so that none of the two is held */
        qn_mock_mine(m, 1);
        qn_mock_steps(m, 3);
        (void)qn_mock_run(m);
        qn_mock_steps(m, UINT32_MAX);
    }
    qn_mock_sleep(m, 600001);
    free(hear(c, -1));
    /* Alone it is a whole block. */
    submit_old(c, &bare, 5);
    qn_mock_steps(m, 2);
    (void)qn_mock_run(m);
    expect(c, 5, "\"result\":true");
    assert_int_equal(count(qn_mock_log(m), "mining: block "), 1);
    assert_non_null(strstr(qn_mock_log(m), "block 21 found by "));
    /* Else nobody is told that it is well. */
    submit_old(c, &full, 6);
    qn_mock_steps(m, 2);
    (void)qn_mock_run(m);
    expect(c, 6, "[20,\"The node has forgotten this job\",null]");
    assert_non_null(strstr(qn_mock_log(m), "is LOST: the node has forgotten the 1 transactions"));
    assert_non_null(strstr(qn_mock_log(m), "grant of mining.template/1 was short"));
    leave(c);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_free(m);
}

static void test_stratum__a_session_that_comes_back_takes_its_place(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m), *d;
    char byte;
    greet(m, c, NULL);
    d = joined(m); /* not before: who says nothing is let go */
    greet(m, d, c->session);
    assert_string_equal(d->en1, c->en1);
    assert_int_equal(recv(c->fd, &byte, 1, MSG_DONTWAIT), 0); /* closed */
    assert_int_equal(qn_mock_connections(m), 1);
    leave(c);
    leave(d);
    qn_mock_free(m);
}

static void test_stratum__a_new_tip_is_empty_first_then_full(void **state)
{
    (void)state;
    qn_mock *m = started();
    const qn_mock_tx tx = {.txid = {{1}}, .fee = 1000, .vsize = 100, .bytes = "x", .len = 1};
    client *c = joined(m);
    greet(m, c, NULL);
    char first[32];
    snprintf(first, sizeof first, "%s", c->job);
    qn_mock_pool_add(m, &tx);
    (void)qn_mock_run(m); /* fees: once the refresh is due */
    free(hear(c, -1));
    assert_int_equal(c->notified, 2);
    assert_true(!c->clean && c->n_path == 1);
    client old = *c;
    qn_mock_mine(m, 1);
    qn_mock_steps(m, 1);
    (void)qn_mock_run(m);
    qn_mock_steps(m, UINT32_MAX);
    free(hear(c, -1));
    assert_int_equal(c->notified, 4); /* the empty one and the full one */
    assert_true(!c->clean && c->n_path == 1);
    assert_string_not_equal(c->prev, old.prev);
    /* Late for a share, but a block is handed in all the same. */
    uint32_t nonce = grind(&old, "0000000000000001", old.version, true);
    snprintf(c->job, sizeof c->job, "%s", old.job);
    c->time = old.time;
    submit(c, 5, "0000000000000001", nonce, "");
    submit(c, 6, "0000000000000001", grind(&old, "0000000000000001", old.version, false), "");
    snprintf(c->job, sizeof c->job, "fffff");
    submit(c, 7, "0000000000000001", nonce, "");
    (void)qn_mock_run(m);
    expect(c, 5, "\"result\":true");
    expect(c, 6, "[21,");
    expect(c, 7, "[21,");
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 1);
    leave(c);
    qn_mock_free(m);
}

static void test_stratum__the_job_is_told_again(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    qn_mock_steps(m, 4);
    greet(m, c, NULL);
    const client first = *c;
    qn_mock_steps(m, UINT32_MAX);
    for (unsigned i = 2; i < 5; i++) {
        (void)qn_mock_run(m); /* a minute, and the difficulty stays */
        (void)qn_mock_run(m);
        free(hear(c, -1));
        assert_true(c->notified >= i && c->notified <= 2 * i);
        assert_true(!c->clean && c->time >= first.time + 60 && strcmp(c->prev, first.prev) == 0);
    }
    submit(c, 5, "0000000000000001", grind(c, "0000000000000001", c->version, true), "");
    (void)qn_mock_run(m);
    expect(c, 5, "\"result\":true");
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 1);
    leave(c);
    qn_mock_free(m);
}

static void test_stratum__bits_of_the_version_are_rolled(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    say(c, "{\"id\":3,\"method\":\"mining.configure\",\"params\":[[\"version-rolling\"],"
           "{\"version-rolling.mask\":\"ffffffff\"}]}");
    say(c, "{\"id\":4,\"method\":\"mining.configure\",\"params\":[[\"version-rolling\"],"
           "{\"version-rolling.mask\":\"00002000\",\"version-rolling.min-bit-count\":2}]}");
    say(c, "{\"id\":5,\"method\":\"mining.configure\",\"params\":[[\"version-rolling\"],"
           "{\"version-rolling.mask\":\"1fffffff\"}]}");
    greet(m, c, NULL);
    c->text[0] = 0;
    uint32_t rolled = c->version | 0x00abc000;
    submit(c, 7, "0000000000000001", grind(c, "0000000000000001", rolled, true), ",\"00abc000\"");
    /* Outside of the mask, and no block: it is told so. */
    submit(c, 8, "0000000000000001", grind(c, "0000000000000001", c->version, false),
           ",\"00000001\"");
    (void)qn_mock_run(m);
    expect(c, 7, "\"result\":true");
    expect(c, 8, "[20,\"Version bits outside of the mask\",null]");
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 1);
    leave(c);
    qn_mock_free(m);
}

static void test_stratum__configure_answers_in_kind(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    say(c, "{\"id\":3,\"method\":\"mining.configure\",\"params\":[[\"version-rolling\"],"
           "{\"version-rolling.mask\":\"ffffffff\"}]}");
    say(c, "{\"id\":4,\"method\":\"mining.configure\",\"params\":[[\"version-rolling\"],"
           "{\"version-rolling.mask\":\"00002000\",\"version-rolling.min-bit-count\":2}]}");
    say(c, "{\"id\":5,\"method\":\"mining.configure\",\"params\":[[\"minimum-difficulty\","
           "\"subscribe-extranonce\"],{\"minimum-difficulty.value\":2}]}");
    say(c, "{\"id\":13,\"method\":\"mining.configure\",\"params\":[[\"info\",\"x.y\",\"x.y\","
           "\"minimum-difficulty\",7,\"version-rolling\",\"a\\\"b\"],"
           "{\"version-rolling.mask\":\"00000001\"}]}");
    say(c, "{\"id\":14,\"method\":\"mining.configure\",\"params\":[[],{}]}");
    say(c, "{\"id\":6,\"method\":\"mining.extranonce.subscribe\",\"params\":[]}");
    say(c, "{\"id\":7,\"method\":\"mining.nothing\",\"params\":[]}");
    say(c, "{\"id\":8,\"method\":\"mining.authorize\",\"params\":[\"rig1\",\"x\"]}");
    say(c, "{\"id\":9,\"method\":\"mining.submit\",\"params\":[\"rig1\",\"1\",\"0102030405060708\","
           "\"1\",\"1\"]}");
    say(c, "{\"id\":10,\"method\":\"mining.subscribe\",\"params\":[]}");
    say(c, "{\"id\":11,\"method\":\"mining.submit\",\"params\":[\"rig1\",\"1\","
           "\"0102030405060708\",\"1\",\"1\"]}");
    say(c, "{\"id\":12,\"method\":\"mining.submit\",\"params\":[]}");
    (void)qn_mock_run(m);
    expect(c, 3, "{\"version-rolling\":true,\"version-rolling.mask\":\"1fffe000\"}");
    expect(c, 4, "{\"version-rolling\":false}");
    expect(c, 5, "{\"minimum-difficulty\":true,\"subscribe-extranonce\":true}");
    expect(c, 13,
           "{\"version-rolling\":false,\"minimum-difficulty\":false,\"info\":false,"
           "\"x.y\":false}");
    expect(c, 14, "\"result\":{},");
    expect(c, 6, "\"result\":true");
    expect(c, 7, "[-3,");
    expect(c, 8, "[24,"); /* solo, and no address */
    expect(c, 9, "[25,");
    expect(c, 10, "mining.notify");
    expect(c, 11, "[24,");
    expect(c, 12, "[20,\"Invalid parameters\",null]");
    leave(c);
    qn_mock_free(m);
}

static void test_stratum__workers_come_in_the_order_of_their_work(void **state)
{
    (void)state;
    qn_mock *m = started();
    client *c = joined(m);
    greet(m, c, NULL);
    say(c, "{\"id\":3,\"method\":\"mining.authorize\",\"params\":["
           "\"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.a\",\"x\"]}");
    (void)qn_mock_run(m);
    for (int i = 0; i < 2; i++) {
        char *got = qn_mock_rpc(m, "stratum.workers", "[1]");
        assert_non_null(strstr(got, i ? ".rig\"" : ".a\"")); /* by name, then by work */
        free(got);
        submit(c, 5, "0000000000000001", grind(c, "0000000000000001", c->version, true), "");
        (void)qn_mock_run(m);
        expect(c, 5, "\"result\":true");
    }
    leave(c);
    qn_mock_free(m);
}

/* As if the grant had room for no more than what is held, each third time. */
static qn_status full(void *arg, uint64_t k, const char *interface, const char *method)
{
    unsigned *asked = arg;
    (void)k;
    return strcmp(interface, "mining.template/1") == 0 && strcmp(method, "next") == 0 &&
                   ++*asked % 3 == 1
               ? QN_E_LIMIT
               : QN_OK;
}

static void test_stratum__lives_with_little_room_for_templates(void **state)
{
    (void)state;
    qn_mock *m = started();
    unsigned asked = 0;
    client *c = joined(m);
    greet(m, c, NULL);
    qn_mock_on_call(m, full, &asked);
    for (int i = 0; i < 10; i++) {
        qn_mock_mine(m, 1);
        qn_mock_steps(m, 3);
        (void)qn_mock_run(m);
        qn_mock_steps(m, UINT32_MAX);
        free(hear(c, -1));
    }
    qn_mock_on_call(m, NULL, NULL);
    assert_null(qn_mock_failure(m));
    assert_int_equal(c->notified, 1 + 2 * 10);
    leave(c);
    qn_mock_free(m);
}

static void test_stratum__an_old_job_is_told_to_nobody(void **state)
{
    (void)state;
    qn_mock *m = started();
    qn_mock_crash(m);
    const qn_mining_info catching_up = {.size = sizeof catching_up,
                                        .flags = QN_MINING_INFO_INITIAL_DOWNLOAD |
                                                 QN_MINING_INFO_ON_DEMAND |
                                                 QN_MINING_INFO_TEST_CHAIN};
    qn_mock_mining(m, &catching_up);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    client *c = joined(m);
    qn_mock_steps(m, 4);
    greet(m, c, NULL);
    assert_int_equal(c->notified, 0);
    leave(c);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_free(m);
}

static void test_stratum__the_share_log_stays_within_the_quota(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 20);
    qn_mock_quota(m, 20 * 4 * 256 + 2000000);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    client *c = joined(m);
    greet(m, c, NULL);
    for (int i = 0; i < 30; i++)
        submit(c, 100 + i, "0000000000000001", (uint32_t)i, "");
    (void)qn_mock_run(m);
    char *shares = qn_mock_rpc(m, "stratum.shares", "[]");
    assert_int_equal(count(shares, "\"share\":"), 30);
    free(shares);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_quota(m, 20 * 4 * 256);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    shares = qn_mock_rpc(m, "stratum.shares", "[]");
    assert_int_equal(count(shares, "\"share\":"), 20);
    free(shares);
    assert_non_null(strstr(qn_mock_log(m), "has room for 20 shares"));
    leave(c);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_quota(m, 0);
    qn_mock_config(m, "share_log", "0");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    shares = qn_mock_rpc(m, "stratum.shares", "[]");
    assert_string_equal(shares, "[]");
    free(shares);
    qn_mock_free(m);
}

static void test_start__says_what_is_wrong_with_its_configuration(void **state)
{
    (void)state;
    static const char *const bad[][3] = {
        {"payout", "nobody", "is no address of this chain"},
        {"tag", "12345678901234567890123456789012345678901", "tag: more than 40 bytes"},
        {"version_mask", "ffffffff", "version_mask"},
        {"min_difficulty", "0", "must be numbers above 0"},
        {"solo", "false", "payout must name who gets the rest"}};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        qn_mock *m = qn_mock_new();
        qn_mock_config(m, bad[i][0], bad[i][1]);
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_INVAL);
        if (!strstr(qn_mock_log(m), bad[i][2]))
            fail_msg("'%s' is not in: %s", bad[i][2], qn_mock_log(m));
        qn_mock_free(m);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_stratum__a_share_becomes_a_block),
             cmocka_unit_test(test_stratum__an_old_job_is_worth_a_block_after_a_crash),
             cmocka_unit_test(test_stratum__says_why_a_block_was_not_accepted),
             cmocka_unit_test(test_stratum__difficulties_outlive_a_crash),
             cmocka_unit_test(test_stratum__a_block_of_a_template_that_the_node_forgot),
             cmocka_unit_test(test_stratum__a_session_that_comes_back_takes_its_place),
             cmocka_unit_test(test_stratum__a_new_tip_is_empty_first_then_full),
             cmocka_unit_test(test_stratum__the_job_is_told_again),
             cmocka_unit_test(test_stratum__bits_of_the_version_are_rolled),
             cmocka_unit_test(test_stratum__configure_answers_in_kind),
             cmocka_unit_test(test_stratum__workers_come_in_the_order_of_their_work),
             cmocka_unit_test(test_stratum__lives_with_little_room_for_templates),
             cmocka_unit_test(test_stratum__an_old_job_is_told_to_nobody),
             cmocka_unit_test(test_stratum__the_share_log_stays_within_the_quota),
             cmocka_unit_test(test_start__says_what_is_wrong_with_its_configuration))
