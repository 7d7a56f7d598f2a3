/* Blocks that the Stratum server finds while the node cannot take them. */
#include "tests/unit/stratum_play.h"

/* What the node answers to solutions, and when it was asked. */
static struct {
    qn_mock *m;
    qn_status says;
    unsigned fails, calls;
    uint64_t at[64];
    unsigned writes, written[64]; /* to the store, until each */
} g_node;

static qn_status on_call(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    g_node.writes += strcmp(interface, "store.own/1") == 0 && strcmp(method, "write") == 0;
    if (strcmp(method, "solution_by_id") != 0)
        return QN_OK;
    assert_true(g_node.calls < QC_COUNTOF(g_node.at));
    g_node.at[g_node.calls] = qn_mock_now(g_node.m);
    g_node.written[g_node.calls] = g_node.writes;
    return g_node.calls++ < g_node.fails ? g_node.says : QN_OK;
}

static qn_mock *node_that_fails(unsigned times, qn_status with)
{
    qn_mock *m = started();
    memset(&g_node, 0, sizeof g_node);
    g_node.m = m;
    g_node.says = with;
    g_node.fails = times;
    qn_mock_on_call(m, on_call, NULL);
    return m;
}

static void find_block(qn_mock *m, client *c, const char *en2, const char *answer)
{
    submit(c, 5, en2, grind(c, en2, c->version, true), "");
    qn_mock_steps(m, 1);
    (void)qn_mock_run(m);
    qn_mock_steps(m, UINT32_MAX);
    expect(c, 5, answer);
}

/* Let the time go by, timer by timer. */
static void pass(qn_mock *m, unsigned seconds)
{
    const uint64_t until = qn_mock_now(m) + seconds * 1000u;
    while (qn_mock_now(m) < until) {
        qn_mock_steps(m, 1);
        if (!qn_mock_run(m))
            qn_mock_sleep(m, 1000);
    }
    qn_mock_steps(m, UINT32_MAX);
}

static void says(qn_mock *m, const char *method, const char *part)
{
    char *got = qn_mock_rpc(m, method, "[]");
    if (!strstr(got, part))
        fail_msg("no '%s' in '%s'", part, got);
    free(got);
}

static void test_blocks__what_the_node_could_not_take_is_tried_again(void **state)
{
    (void)state;
    static const qn_status with[] = {QN_E_NOMEM, QN_E_IO, QN_E_BUSY, QN_E_TIMEOUT};
    for (size_t i = 0; i < QC_COUNTOF(with); i++) {
        qn_mock *m = node_that_fails(3, with[i]);
        client *c = joined(m);
        greet(m, c, NULL);
        find_block(m, c, "0000000000000000", "true");
        says(m, "stratum.status", "\"blocks\":0,\"blocks_refused\":0,");
        assert_non_null(strstr(qn_mock_log(m), "is tried again for ten minutes: "));
        leave(c); /* also when nobody mines any more */
        pass(m, 30);
        assert_int_equal(g_node.calls, 4);
        for (unsigned k = 1; k < 4; k++) /* after 1, 2, 4 s, as the tick rings */
            assert_in_range(g_node.at[k] - g_node.at[k - 1], 1000u << (k - 1),
                            (1000u << (k - 1)) + 2000);
        assert_non_null(strstr(qn_mock_log(m), "block 21 found by " USER));
        says(m, "stratum.status", "\"blocks\":1,\"blocks_refused\":0,");
        says(m, "stratum.workers", "\"blocks\":1,");
        qn_mock_free(m);
    }
}

/* The node had it, and was late in saying so. */
static void test_blocks__a_block_that_the_node_has_is_found(void **state)
{
    (void)state;
    static const qn_mining_result known = {
        .size = sizeof known, .is = QN_BLOCK_IS_DUPLICATE, .reason = "duplicate"};
    for (int i = 0; i < 2; i++) {
        qn_mock *m = node_that_fails(1, QN_E_TIMEOUT);
        client *c = joined(m);
        greet(m, c, NULL);
        find_block(m, c, "0000000000000000", "true");
        qn_mock_blocks_with(m, &known, 1);
        if (i)
            find_block(m, c, "0000000000000000", "true"); /* by the miner, before the tick */
        pass(m, 5);
        assert_int_equal(g_node.calls, 2);
        says(m, "stratum.status", "\"blocks\":1,\"blocks_refused\":0,");
        says(m, "stratum.workers", "\"blocks\":1,");
        leave(c);
        qn_mock_free(m);
    }
}

static void test_blocks__one_that_is_refused_later_is_refused(void **state)
{
    (void)state;
    static const qn_mining_result bad = {
        .size = sizeof bad, .is = QN_BLOCK_IS_REJECTED, .reason = "bad-x"};
    qn_mock *m = node_that_fails(1, QN_E_BUSY);
    client *c = joined(m);
    greet(m, c, NULL);
    find_block(m, c, "0000000000000000", "true");
    qn_mock_blocks_with(m, &bad, 1);
    pass(m, 10);
    assert_int_equal(g_node.calls, 2);
    assert_non_null(strstr(qn_mock_log(m), "was not accepted: bad-x ("));
    says(m, "stratum.status", "\"blocks\":0,\"blocks_refused\":1,");
    leave(c);
    qn_mock_free(m);
}

static void test_blocks__is_given_up_after_ten_minutes(void **state)
{
    (void)state;
    qn_mock *m = node_that_fails(1000, QN_E_IO);
    client *c = joined(m);
    greet(m, c, NULL);
    find_block(m, c, "0000000000000000", "true");
    pass(m, 590);
    assert_int_equal(g_node.calls, 10);
    assert_null(strstr(qn_mock_log(m), "is given up"));
    pass(m, 20);
    assert_int_equal(g_node.calls, 11);
    const char *line = strstr(qn_mock_log(m), "is given up: it could not be handed in (status ");
    assert_non_null(line);
    assert_int_equal(strspn(strstr(line, "): ") + 3, "0123456789abcdef"), 64);
    says(m, "stratum.status", "\"blocks\":0,\"blocks_refused\":1,");
    pass(m, 600);
    assert_int_equal(g_node.calls, 11);
    leave(c);
    qn_mock_free(m);
}

/* However many there are; the oldest are given up first. */
static void test_blocks__those_that_wait_are_tried_when_it_stops(void **state)
{
    (void)state;
    enum { N = 18 };
    qn_mock *m = node_that_fails(N, QN_E_NOMEM);
    client *c = joined(m);
    greet(m, c, NULL);
    for (unsigned i = 0; i < N; i++) {
        char en2[17];
        snprintf(en2, sizeof en2, "%016x", i);
        submit(c, 5, en2, grind(c, en2, c->version, true), "");
    }
    qn_mock_steps(m, 1); /* all of them at once */
    (void)qn_mock_run(m);
    assert_int_equal(count(qn_mock_log(m), "is given up"), N - 16);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    assert_int_equal(g_node.calls, N + 16);
    assert_int_equal(count(qn_mock_log(m), "block 21 found by " USER), 16);
    assert_int_equal(count(qn_mock_log(m), "is given up"), N - 16);
    leave(c);
    qn_mock_free(m);
    /* The last time is the last. */
    m = node_that_fails(1000, QN_E_NOMEM);
    c = joined(m);
    greet(m, c, NULL);
    find_block(m, c, "0000000000000000", "true");
    assert_int_equal(g_node.writes, g_node.written[0]); /* the share is not written yet */
    assert_int_equal(qn_mock_stop(m), QN_OK);
    assert_int_equal(g_node.calls, 2);
    assert_int_equal(g_node.written[1], g_node.written[0] + 1); /* it may be killed in the call */
    const char *last = strstr(qn_mock_log(m), "is tried a last time before the server stops: ");
    assert_non_null(last);
    assert_non_null(strstr(last, "is given up"));
    assert_int_equal(count(qn_mock_log(m), "is given up"), 1);
    leave(c);
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_blocks__what_the_node_could_not_take_is_tried_again),
             cmocka_unit_test(test_blocks__a_block_that_the_node_has_is_found),
             cmocka_unit_test(test_blocks__one_that_is_refused_later_is_refused),
             cmocka_unit_test(test_blocks__is_given_up_after_ten_minutes),
             cmocka_unit_test(test_blocks__those_that_wait_are_tried_when_it_stops))
