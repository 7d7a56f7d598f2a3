#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <quoin/mock.h>

static void pay(qn_mock *m, uint32_t i, int64_t value)
{
    uint8_t script[22] = {0, 20};
    memcpy(script + 2, &i, sizeof i);
    qn_mock_pay(m, script, sizeof script, value);
}

/* A transaction in the mempool that pays to script i. */
static qn_mock_tx unconfirmed(uint8_t raw[82], uint32_t i, uint8_t value)
{
    memset(raw, 0, 82);
    raw[0] = 2;
    raw[4] = 1; /* one input, of nobody's coin */
    raw[5] = 9;
    raw[46] = 1; /* one output */
    raw[47] = value;
    raw[55] = 22;
    raw[57] = 20;
    memcpy(raw + 58, &i, sizeof i);
    return (qn_mock_tx){.txid = {{value}}, .fee = 100, .vsize = 82, .bytes = raw, .len = 82};
}

static int says(const qn_mock *m, const char *text)
{
    return strstr(qn_mock_log(m), text) != NULL;
}

static void test_it_finds_what_lies_beyond_the_gap(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    pay(m, 8, 700); /* is watched only when the next one was seen */
    pay(m, 4, 1000);
    qn_mock_mine(m, 1);
    qn_mock_run(m);
    assert_true(says(m, "1700 sat, 1700 of them confirmed"));
    pay(m, 500, 7); /* not ours */
    qn_mock_mine(m, 1);
    qn_mock_run(m);
    assert_null(qn_mock_failure(m));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_it_follows_a_payment_through_a_reorganisation(void **state)
{
    (void)state;
    uint8_t raw[2][82];
    qn_mock *m = qn_mock_new();
    const qn_mock_tx a = unconfirmed(raw[0], 0, 50), b = unconfirmed(raw[1], 1, 60);
    qn_mock_pool_add(m, &a);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_true(says(m, "50 sat, 0 of them confirmed"));
    assert_int_equal(qn_mock_pool_remove(m, &a.txid, QN_MEMPOOL_GONE_REPLACED, &b.txid), QN_OK);
    qn_mock_pool_add(m, &b);
    qn_mock_run(m);
    assert_true(says(m, "a payment was replaced"));
    qn_mock_mine(m, 1);
    qn_mock_run(m);
    assert_true(says(m, "60 sat, 0 of them confirmed"));
    pay(m, 2, 5000);
    qn_mock_mine(m, 1);
    qn_mock_run(m);
    assert_true(says(m, "5060 sat, 5000 of them confirmed"));
    qn_mock_reorg(m, 1, 2); /* that payment is nowhere any more */
    qn_mock_run(m);
    qn_mock_mine(m, 1);
    qn_mock_run(m);
    const char *last = strstr(qn_mock_log(m), "5060 sat");
    assert_non_null(strstr(last, "60 sat, 0 of them confirmed"));
    assert_null(qn_mock_failure(m));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_finds_what_lies_beyond_the_gap),
        cmocka_unit_test(test_it_follows_a_payment_through_a_reorganisation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
