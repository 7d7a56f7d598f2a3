/* The miner against the mock: on threads of its own and on the loop. */
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

/* The mock's chain does not follow what is handed in: the test does. */
static unsigned mine(qn_mock *m, unsigned blocks)
{
    unsigned found = count(qn_mock_log(m), "found block"), had = found;
    for (int i = 0; i < 20000 && found < had + blocks; i++) {
        (void)qn_mock_wait(m, 1);
        unsigned now = count(qn_mock_log(m), "found block");
        if (now > found)
            qn_mock_mine(m, now - found);
        found = now;
    }
    return found - had;
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
    expect(m, "miner.start", "[7]", "error -8: payto must be");
    expect(m, "miner.start", "[\"51\",-1]", "error -8: blocks");
    expect(m, "miner.start", "[\"51\",0,99999999]", "error -8: interval_ms");
    expect(m, "miner.start", "[\"51\",0,0,1000]", "error -8: threads");
    expect(m, "miner.stop", "[]", "\"running\":false");
    qn_mock_challenge(m, "\x51\xac", 2);
    expect(m, "miner.start", "[\"51\"]", "need a signature");
    qn_mock_challenge(m, "\x51", 1);
    expect(m, "miner.start", "[\"51\",1,0,1]", "\"running\":true");
    expect(m, "miner.start", "[\"51\"]", "mining already");
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_miner__finds_blocks),
             cmocka_unit_test(test_miner__keeps_the_interval),
             cmocka_unit_test(test_miner__tries_again_after_a_refusal),
             cmocka_unit_test(test_start__refuses_what_makes_no_sense))
