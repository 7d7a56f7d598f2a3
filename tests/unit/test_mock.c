/* The mock host, with the plugin that the real host's tests use: it must see the same world. */
#include "quoin/mock.h"
#include "tests/unit/harness.h"

static qn_mock *started(void)
{
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    return m;
}

static void expect(qn_mock *m, const char *method, const char *params, const char *part)
{
    char *text = qn_mock_rpc(m, method, params);
    if (!strstr(text, part))
        fail_msg("%s: found %s, wanted %s", method, text, part);
    free(text);
}

/* Rows of the plugin are the active chain. */
static void rows_equal(qn_mock *m)
{
    char *text = qn_mock_rpc(m, "good.rows", "[]"), *at = text;
    for (uint32_t h = 0; h <= qn_mock_height(m); h++) {
        char hex[65];
        const qn_block_view *v = qn_mock_block(m, h);
        for (int i = 0; i < 32; i++)
            snprintf(hex + 2 * i, 3, "%02x", v->hash[31 - i]);
        assert_memory_equal(at + 2, hex, 64);
        at += 67;
    }
    assert_string_equal(at, "]");
    free(text);
}

static void test_mock__a_plugin_follows_growth_and_reorganisation(void **state)
{
    (void)state;
    qn_mock *m = started();
    rows_equal(m);
    qn_mock_mine(m, 50);
    qn_mock_run(m);
    rows_equal(m);
    qn_mock_reorg(m, 5, 8);
    qn_mock_run(m);
    rows_equal(m);
    expect(m, "good.status", "[]", "\"disconnects\":5");
    assert_null(qn_mock_failure(m));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_mock__a_plugin_comes_back_after_a_crash_at_any_call(void **state)
{
    (void)state;
    for (unsigned k = 1; k < 120; k++) {
        qn_mock *m = started();
        qn_mock_mine(m, 20);
        qn_mock_fail_call(m, k, QN_E_IO);
        (void)qn_mock_run(m);
        qn_mock_fail_call(m, 0, QN_OK);
        qn_mock_crash(m);
        qn_mock_reorg(m, 3, 5);
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        rows_equal(m);
        qn_mock_free(m);
    }
}

static void test_mock__rpc_answers_at_once_later_and_never(void **state)
{
    (void)state;
    qn_mock *m = started();
    expect(m, "good.echo", "[1]", "[1]");
    expect(m, "good.later", "[]", "\"later\"");
    expect(m, "good.never", "[]", "error: no answer");
    expect(m, "good.none", "[]", "error: no such method");
    expect(m, "good.fail", "[]", "error: no answer");
    assert_non_null(strstr(qn_mock_failure(m), "as asked"));
    qn_mock_free(m);
}

static void test_mock__what_is_denied_is_not_given(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "greeting", "hi");
    qn_mock_config(m, "batch", "7");
    qn_mock_deny(m, "store.own/1");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_DENIED);
    qn_mock_free(m);
}

static void test_mock_mine__coins_are_paid_and_spent(void **state)
{
    (void)state;
    static const uint8_t script[] = {0x00, 0x14, 1, 2, 3};
    qn_mock *m = qn_mock_new();
    qn_hash txid;
    uint32_t n = qn_mock_pay(m, script, sizeof script, 5000);
    qn_mock_mine(m, 1);
    const qn_block_view *v = qn_mock_block(m, 1);
    assert_int_equal(v->tx.count, 2);
    memcpy(txid.b, qn_view_tx(v, 1)->txid, 32);
    qn_mock_spend(m, &txid, n);
    (void)qn_mock_pay(m, script, 1, 4000);
    qn_mock_mine(m, 1);
    v = qn_mock_block(m, 2);
    const qn_spent_rec *s = qn_view_spent(v, 1);
    assert_int_equal(s->value, 5000);
    assert_int_equal(s->height, 1);
    assert_int_equal(s->script_len, sizeof script);
    assert_memory_equal(qn_view_spent_script(v, s), script, sizeof script);
    assert_int_equal(qn_view_fee(v, 1), 1000);
    assert_memory_equal(v->prev, qn_mock_block(m, 1)->hash, 32);
    qn_mock_free(m);
}

QC_TEST_MAIN(cmocka_unit_test(test_mock__a_plugin_follows_growth_and_reorganisation),
             cmocka_unit_test(test_mock__a_plugin_comes_back_after_a_crash_at_any_call),
             cmocka_unit_test(test_mock__rpc_answers_at_once_later_and_never),
             cmocka_unit_test(test_mock__what_is_denied_is_not_given),
             cmocka_unit_test(test_mock_mine__coins_are_paid_and_spent))
