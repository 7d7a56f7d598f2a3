/* The miner against the mock: on threads of its own and on the loop. */
#include "plugins/miner/miner.h"
#include "quoin/mock.h"
#include "tests/unit/harness.h"

extern const qn_plugin_1 qn_plugin_entry;

static const char TO[] = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static void expect(qn_mock *m, const char *method, const char *params, const char *want)
{
    char *got = qn_mock_rpc(m, method, params);
    if (!strstr(got, want))
        fail_msg("%s %s: '%s', not '%s'", method, params, got, want);
    free(got);
}

static unsigned found(const qn_mock *m)
{
    return count(qn_mock_log(m), "found block");
}

/* Until `total` are found since the mock was made; returns how many are. The mock's chain does not
 * follow what is handed in: this does, from the first block on, which may have been found before.
 */
static unsigned mine(qn_mock *m, unsigned total)
{
    unsigned followed = 0;
    for (int i = 0; i < 20000 && followed < total; i++) {
        (void)qn_mock_wait(m, 1);
        unsigned now = found(m);
        if (now > followed)
            qn_mock_mine(m, now - followed);
        followed = now;
    }
    return followed;
}

static void test_miner__finds_blocks(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        qn_mock *m = qn_mock_new();
        char params[200];
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        expect(m, "miner.status", "[]", "\"running\":false");
        snprintf(params, sizeof params, "[\"%s\",5,0,%d]", TO, threads);
        expect(m, "miner.start", params, "\"running\":true");
        assert_int_equal(mine(m, 5), 5);
        expect(m, "miner.status", "[]", "\"running\":false");
        expect(m, "miner.status", "[]", "\"blocks\":5");
        assert_int_equal(count(qn_mock_log(m), "mining: solution "), 5);
        assert_int_equal(count(qn_mock_log(m), " ok"), 5);
        assert_null(qn_mock_wrong_thread(m));
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
}

static void test_miner__keeps_the_interval(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "payto", "51");
    qn_mock_config(m, "autostart", "true");
    qn_mock_config(m, "interval_ms", "20000");
    qn_mock_config(m, "threads", "1");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    uint64_t before = qn_mock_now(m);
    assert_int_equal(mine(m, 4), 4);
    assert_true(qn_mock_now(m) - before >= 60000);
    expect(m, "miner.stop", "[]", "\"running\":false");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_miner__tries_again_after_a_refusal(void **state)
{
    (void)state;
    static const qn_mining_result list[] = {{.is = QN_BLOCK_IS_REJECTED, .reason = "time-too-new"}};
    qn_mock *m = qn_mock_new();
    qn_mock_blocks_with(m, list, 1);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "miner.start", "[\"51\",1]", "\"running\":true");
    assert_int_equal(mine(m, 1), 1);
    expect(m, "miner.status", "[]", "\"refused\":1");
    expect(m, "miner.status", "[]", "time-too-new");
    qn_mock_free(m);
}

static void test_start__refuses_what_makes_no_sense(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "miner.start", "[]", "error -8: Who is to be paid?");
    expect(m, "miner.start", "[\"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\"]",
           "error -8: payto must be");
    expect(m, "miner.start", "[\"5\"]", "error -8: payto must be");
    expect(
        m, "miner.start", "[51]",
        "error -8: payto must be a text, and of digits alone it is one only in quotes of its own");
    expect(m, "miner.start", "[\"51\",-1]", "error -8: blocks");
    expect(m, "miner.start", "[\"51\",0,99999999]", "error -8: interval_ms");
    expect(m, "miner.start", "[\"51\",0,0,1000]", "error -8: threads");
    expect(m, "miner.stop", "[]", "\"running\":false");
    qn_mock_challenge(m, "\x51\xac", 2);
    expect(m, "miner.start", "[\"51\"]", "need a signature");
    qn_mock_challenge(m, "\x51", 1);
    expect(m, "miner.start", "[\"51\",0,0,1]", "\"running\":true");
    expect(m, "miner.start", "[\"51\"]", "mining already");
    qn_mock_free(m);
}

static void test_start__takes_what_is_configured_for_what_is_not_given(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "payto", "52");
    qn_mock_config(m, "interval_ms", "7000");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "miner.start", "[\"51\",3,20]", "\"interval_ms\":20");
    expect(m, "miner.stop", "[]", "\"payto\":\"51\"");
    /* Wrong at its end: nothing of it holds. */
    expect(m, "miner.start", "[\"53\",4,30,-1]", "error -8: threads");
    expect(m, "miner.status", "[]", "\"payto\":\"51\"");
    expect(m, "miner.status", "[]", "\"interval_ms\":20");
    unsigned before = found(m);
    expect(m, "miner.start", "[]", "\"payto\":\"52\"");
    expect(m, "miner.status", "[]", "\"interval_ms\":7000");
    assert_true(mine(m, before + 4) >= before + 4); /* and not three */
    expect(m, "miner.stop", "[]", "\"running\":false");
    qn_mock_free(m);
}

static void count_tell(void *arg)
{
    ++*(unsigned *)arg;
}

/* Work whose every other hash is a solution, on one tip or another. */
static mn_work easy(uint64_t number, uint8_t tip)
{
    mn_work w = {.number = number, .template = number, .len = 100, .space = 40};
    memset(w.target.b, 0xff, 31);
    w.target.b[31] = 0x7f;
    w.prev.b[0] = tip;
    return w;
}

static void test_crew__what_was_found_is_not_lost(void **state)
{
    (void)state;
    mn_crew *c = calloc(1, sizeof *c);
    mn_found f;
    unsigned told = 0;
    assert_non_null(c);
    mn_crew_init(c, count_tell, &told);
    mn_work w = easy(1, 1), next = easy(2, 1);
    mn_crew_set(c, &w);
    assert_true(mn_crew_slice(c));
    assert_int_equal(told, 1);
    assert_false(mn_crew_slice(c)); /* it pauses */
    mn_crew_set(c, &next);          /* the fees have changed before it was taken */
    assert_true(mn_crew_take(c, &f));
    assert_int_equal(f.work.number, 1);
    assert_true(mn_crew_slice(c));
    assert_true(mn_crew_take(c, &f));
    assert_int_equal(f.work.number, 2);
    assert_false(mn_crew_take(c, &f));
    /* From one run to the next nothing is kept. */
    mn_crew_set(c, &w);
    assert_true(mn_crew_slice(c));
    mn_crew_stop(c);
    assert_int_equal(mn_crew_start(c, 0), 0);
    assert_false(mn_crew_take(c, &f));
    mn_crew_clear(c);
    free(c);
}

/* Of what it hashes while it is asked to end nothing is lost either. How far a thread got tells
 * whether it found anything: it counts in whole slices else. */
static void test_crew__what_is_found_while_it_ends_is_not_lost(void **state)
{
    (void)state;
    mn_crew *c = calloc(1, sizeof *c);
    unsigned told = 0, n = 0;
    assert_non_null(c);
    mn_crew_init(c, count_tell, &told);
    mn_work w = easy(1, 1);
    w.target.b[31] = w.target.b[30] = 0; /* one in four slices has one */
    for (int round = 0; round < 60; round++) {
        mn_found f;
        atomic_store(&c->hashes, 0);
        assert_int_equal(mn_crew_start(c, 1), 1);
        mn_crew_set(c, &w);
        while (!atomic_load(&c->hashes))
            sched_yield();
        mn_crew_stop(c); /* in the middle of the next slice */
        bool hit = atomic_load(&c->hashes) % 16384 != 0;
        assert_int_equal(mn_crew_take(c, &f), hit);
        n += hit;
    }
    assert_int_equal(told, n);
    assert_true(n > 0);
    mn_crew_clear(c);
    free(c);
}

/* A post that is lost, as where the loop has too much to do. */
static qn_status no_post(void *arg, uint64_t k, const char *interface, const char *method)
{
    _Atomic unsigned *lost = arg; /* a thread of the crew posts */
    (void)k;
    if (strcmp(interface, "host/1") == 0 && strcmp(method, "post") == 0 && *lost) {
        --*lost;
        return QN_E_LIMIT;
    }
    return QN_OK;
}

static void test_miner__hands_in_what_nobody_told_of(void **state)
{
    (void)state;
    const qn_mock_tx tx = {.txid = {{1}}, .fee = 1000, .vsize = 100, .bytes = "x", .len = 1};
    qn_mock *m = qn_mock_new();
    _Atomic unsigned lost = 0;
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    lost = 1;
    qn_mock_on_call(m, no_post, &lost);
    expect(m, "miner.start", "[\"51\",1,0,1]", "\"running\":true");
    for (int i = 0; i < 20000 && lost; i++)
        (void)qn_mock_wait(m, 1);
    assert_int_equal(lost, 0);
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 0);
    qn_mock_pool_add(m, &tx); /* other fees: new work */
    for (int i = 0; i < 20000 && !count(qn_mock_log(m), "found block"); i++)
        (void)qn_mock_wait(m, 1);
    expect(m, "miner.status", "[]", "\"running\":false,");
    expect(m, "miner.status", "[]", "\"blocks\":1,");
    qn_mock_free(m);
}

/* Found by a thread, and the loop has not heard of it. */
static qn_mock *found_unheard(void)
{
    static _Atomic unsigned lost;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    lost = 1;
    qn_mock_on_call(m, no_post, &lost);
    expect(m, "miner.start", "[\"51\",0,0,1]", "\"running\":true");
    for (int i = 0; i < 20000 && lost; i++)
        (void)qn_mock_wait(m, 1);
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 0);
    return m;
}

static void test_miner__hands_in_what_was_found_before_it_stops(void **state)
{
    (void)state;
    qn_mock *m = found_unheard();
    expect(m, "miner.stop", "[]", "\"running\":false,");
    expect(m, "miner.status", "[]", "\"blocks\":1,");
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 1);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* As when it is disabled or reloaded, or the node ends. */
static void test_miner__hands_in_what_was_found_before_it_is_unloaded(void **state)
{
    (void)state;
    qn_mock *m = found_unheard();
    assert_int_equal(qn_mock_stop(m), QN_OK);
    assert_int_equal(count(qn_mock_log(m), "mining: solution "), 1);
    assert_int_equal(found(m), 1);
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_miner__finds_blocks),
             cmocka_unit_test(test_miner__keeps_the_interval),
             cmocka_unit_test(test_miner__tries_again_after_a_refusal),
             cmocka_unit_test(test_start__refuses_what_makes_no_sense),
             cmocka_unit_test(test_start__takes_what_is_configured_for_what_is_not_given),
             cmocka_unit_test(test_crew__what_was_found_is_not_lost),
             cmocka_unit_test(test_crew__what_is_found_while_it_ends_is_not_lost),
             cmocka_unit_test(test_miner__hands_in_what_nobody_told_of),
             cmocka_unit_test(test_miner__hands_in_what_was_found_before_it_stops),
             cmocka_unit_test(test_miner__hands_in_what_was_found_before_it_is_unloaded))
