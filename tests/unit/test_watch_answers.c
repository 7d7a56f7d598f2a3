/* What the watch plugin answers while a block or a transaction is being told: nothing of it before
 * its end, and then all. */
#include "tests/unit/watch_kit.h"
#include "tests/unit/harness.h"

#include "lib/tx.h"

#define TO "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
#define MANY 100u /* hits that do not come at once */
#define SILENT "error: no answer"

/* Every call takes long: a callback does little. */
static qn_status slowly(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)k;
    (void)interface;
    (void)method;
    qn_mock_sleep(arg, 20);
    return QN_OK;
}

/* A wallet that has a coin of 100,000 in the newest block, and an address for change. */
static qn_mock *begin(const keys *k, const keys *c)
{
    qn_mock *m = started();
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0,\"active\":true", "true");
    import(m, c->text, "\"birthday\":0,\"active\":true,\"internal\":true", "true");
    (void)qn_mock_pay(m, k->script[0], k->len, 100000);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    return m;
}

static void end(qn_mock *m)
{
    assert_null(qn_mock_failure(m));
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* Let the plugin do so much, and no more until go(). */
static void halt(qn_mock *m, unsigned steps)
{
    qn_mock_on_call(m, slowly, m);
    qn_mock_steps(m, steps);
    (void)qn_mock_run(m);
    qn_mock_steps(m, 0);
    qn_mock_on_call(m, NULL, NULL);
}

static void go(qn_mock *m)
{
    qn_mock_steps(m, UINT32_MAX);
}

static int64_t balance(const json_t *j)
{
    const json_t *mine = json_object_get(j, "mine");
    return sats(mine, "trusted") + sats(mine, "untrusted_pending") + sats(mine, "immature");
}

static int64_t height(const json_t *j)
{
    return number(json_object_get(j, "lastprocessedblock"), "height");
}

/* ---- blocks ---- */

/* A block that spends the coin and pays `n` of 1,000. */
static void next_block(qn_mock *m, const keys *k, uint32_t n)
{
    const qn_block_view *v = qn_mock_block(m, qn_mock_height(m));
    qn_hash txid;
    memcpy(txid.b, qn_view_tx(v, 1)->txid, 32);
    qn_mock_spend(m, &txid, 0);
    for (uint32_t i = 0; i < n; i++)
        (void)qn_mock_pay(m, k->script[0], k->len, 1000);
    qn_mock_mine(m, 1);
}

/* Of block 5 all, with block 4 as the tip nothing. Out: *at the tip. */
static void check_txs(qn_mock *m, int64_t *at)
{
    json_t *j = ask(m, "watch.transactions", "[\"w\"]");
    const json_t *list = json_object_get(j, "transactions");
    *at = height(j);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *t = json_array_get(list, i), *where = json_object_get(t, "blockheight");
        if (*at == 5)
            assert_non_null(where);
        if (where)
            assert_int_equal(number(t, "confirmations"), *at + 1 - json_integer_value(where));
        assert_true(!where || json_integer_value(where) <= *at);
    }
    json_decref(j);
}

/* The coin of block 4, or those of block 5: with this as the tip, or when it has left and what
 * becomes of it was not told. */
static void check_balance(qn_mock *m, uint32_t n, bool leaves)
{
    json_t *j = ask(m, "watch.balance", "[\"w\"]");
    const int64_t sum = balance(j), at = height(j);
    assert_int_equal(sum, at == 5 || (leaves && sum != 100000) ? n * 1000 : 100000);
    if (at == 5)
        assert_int_equal(sats(json_object_get(j, "mine"), "trusted"), sum);
    json_decref(j);
    j = ask(m, "watch.utxos", "[\"w\"]");
    if (at == 5)
        assert_int_equal(json_array_size(j), n);
    else if (!leaves)
        assert_int_equal(json_array_size(j), 1);
    json_decref(j);
}

static void check_answers(qn_mock *m, uint32_t n, bool leaves)
{
    int64_t at;
    check_txs(m, &at);
    check_balance(m, n, leaves);
}

static bool is_silent(qn_mock *m, const char *method, const char *params)
{
    char *got = qn_mock_rpc(m, method, params);
    const bool silent = strcmp(got, SILENT) == 0;
    free(got);
    return silent;
}

/* Out: how often it was asked in the middle of the block. */
static unsigned ask_within_block(const keys *k, const keys *c, uint32_t n, bool leaves)
{
    unsigned within = 0;
    for (unsigned steps = 0; steps < 6; steps++) {
        qn_mock *m = begin(k, c);
        next_block(m, k, n);
        if (leaves) {
            (void)qn_mock_run(m);
            qn_mock_reorg(m, 1, 0);
        }
        halt(m, steps);
        if (is_silent(m, "watch.balance", "[\"w\"]"))
            within++;
        else
            check_answers(m, n, leaves);
        go(m);
        check_answers(m, n, leaves);
        (void)qn_mock_run(m);
        check_answers(m, n, leaves);
        end(m);
    }
    return within;
}

static void test_answer__is_of_whole_blocks(void **state)
{
    (void)state;
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    assert_true(ask_within_block(k, c, 1, false) > 0);
    assert_true(ask_within_block(k, c, MANY, false) > 1);
    (void)ask_within_block(k, c, 1, true); /* its end comes at once */
    assert_true(ask_within_block(k, c, MANY, true) > 1);
    qc_free(k);
    qc_free(c);
}

/* In the middle of a block: until it is silent. */
static qn_mock *in_a_block(const keys *k, const keys *c)
{
    for (unsigned steps = 0; steps < 6; steps++) {
        qn_mock *m = begin(k, c);
        next_block(m, k, MANY);
        halt(m, steps);
        if (is_silent(m, "watch.balance", "[\"w\"]"))
            return m;
        end(m);
    }
    fail();
    return NULL;
}

static void test_answer__of_all_that_go_by_it_waits(void **state)
{
    (void)state;
    static const struct {
        const char *method, *params, *want;
    } ROW[] = {
        {"watch.balance", "[\"w\"]", "0.00100000"},
        {"watch.transactions", "[\"w\",1]", "\"blockheight\":5"},
        {"watch.utxos", "[\"w\"]", "\"confirmations\":1,"},
        {"watch.list", "[\"w\"]", "\"next_index\":1"},
        {"watch.newaddress", "[\"w\"]", "\"bcrt1"},
        {"watch.listlockunspent", "[\"w\"]", "[]"},
        {"watch.lockunspent", "[\"w\",true]", "true"},
        {"watch.psbt", "[\"w\",{\"" TO "\":0.0003},{\"fee_rate\":1}]", "\"changepos\""},
    };
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    for (size_t i = 0; i < QC_COUNTOF(ROW); i++) {
        qn_mock *m = in_a_block(k, c);
        assert_true(is_silent(m, ROW[i].method, ROW[i].params));
        expect(m, "watch.status", "[]", "\"height\":4");
        go(m);
        expect(m, ROW[i].method, ROW[i].params, ROW[i].want);
        expect(m, "watch.status", "[]", "\"height\":5");
        end(m);
    }
    qc_free(k);
    qc_free(c);
}

/* Asked in the middle of a block, and answered at its end: the coin that it spends is none. */
static void test_answer__comes_with_the_end_of_the_block(void **state)
{
    (void)state;
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    qn_mock *m = in_a_block(k, c);
    const uint64_t before = qn_mock_now(m);
    go(m);
    json_t *j = ask(m, "watch.psbt", "[\"w\",{\"" TO "\":0.0009},{\"fee_rate\":1}]");
    assert_true(json_array_size(json_object_get(j, "inputs")) > 90);
    json_decref(j);
    assert_true(qn_mock_now(m) - before < 1000);
    end(m);
    qc_free(k);
    qc_free(c);
}

/* ---- transactions ---- */

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(v >> 8 * i);
    return p;
}

/* One in the mempool that pays MANY of 1,000. */
static void pay_in_pool(qn_mock *m, const keys *k)
{
    static uint8_t raw[100 + MANY * 43];
    uint8_t *p = put32(raw, 2);
    qn_tx_view v;
    *p++ = 1;
    memset(p, 7, 32);
    p = put32(p + 32, 0);
    *p++ = 0;
    p = put32(p, 0xfffffffd);
    *p++ = MANY;
    for (uint32_t i = 0; i < MANY; i++) {
        p = put32(put32(p, 1000), 0);
        *p++ = (uint8_t)k->len;
        memcpy(p, k->script[1], k->len);
        p += k->len;
    }
    p = put32(p, 0);
    qn_mock_tx t = {.fee = 1000, .vsize = 10000, .bytes = raw, .len = (uint32_t)(p - raw)};
    assert_true(qn_tx_read(raw, t.len, &v));
    qn_tx_id(&v, t.txid.b);
    qn_mock_pool_add(m, &t);
}

/* Events of the transaction, and of how many coins the first one tells. */
static size_t told(qn_mock *m, size_t *coins)
{
    json_t *j = ask(m, "watch.waitevent", "[0,0]");
    const json_t *list = json_object_get(j, "events");
    size_t n = 0;
    *coins = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        if (strcmp(text(e, "event"), "seen") != 0)
            continue;
        *coins = n++ ? *coins : (size_t)number(e, "n_details");
    }
    json_decref(j);
    return n;
}

static void test_answer__is_of_whole_transactions(void **state)
{
    (void)state;
    unsigned within = 0;
    size_t coins;
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    for (unsigned steps = 0; steps < 6; steps++) {
        qn_mock *m = begin(k, c);
        pay_in_pool(m, k);
        halt(m, steps);
        if (is_silent(m, "watch.balance", "[\"w\"]")) {
            within++;
        } else {
            json_t *j = ask(m, "watch.balance", "[\"w\"]");
            const int64_t sum = balance(j);
            assert_true(sum == 100000 || sum == 100000 + MANY * 1000);
            json_decref(j);
        }
        go(m);
        (void)qn_mock_run(m);
        json_t *j = ask(m, "watch.balance", "[\"w\"]");
        assert_int_equal(balance(j), 100000 + MANY * 1000);
        json_decref(j);
        assert_int_equal(told(m, &coins), 1);
        assert_int_equal(coins, MANY);
        end(m);
    }
    assert_true(within > 0);
    qc_free(k);
    qc_free(c);
}

/* ---- who waits ---- */

static qn_status nothing_more(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    return strcmp(interface, "watch/1") == 0 && strcmp(method, "next") == 0 ? QN_E_AGAIN : QN_OK;
}

static void test_answer__comes_in_time_when_the_stream_stands_still(void **state)
{
    (void)state;
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    qn_mock *m = in_a_block(k, c);
    const uint64_t before = qn_mock_now(m);
    qn_mock_on_call(m, nothing_more, NULL);
    go(m);
    expect(m, "watch.balance", "[\"w\"]", "error -1: The node has begun to tell a block");
    assert_in_range(qn_mock_now(m) - before, 20000, 30000);
    expect(m, "watch.status", "[]", "\"height\":4");
    end(m);
    qc_free(k);
    qc_free(c);
}

static void test_answer__that_waits_ends_with_the_plugin(void **state)
{
    (void)state;
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    qn_mock *m = in_a_block(k, c);
    qn_mock_crash(m);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    go(m);
    (void)qn_mock_run(m);
    check_answers(m, MANY, false);
    end(m);
    qc_free(k);
    qc_free(c);
}

/* Scripts of a transaction that is told in part are removed: there comes no more of it. */
static void test_answer__waits_for_nothing_that_was_removed(void **state)
{
    (void)state;
    unsigned within = 0;
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    for (unsigned steps = 0; steps < 6; steps++) {
        char params[400];
        qn_mock *m = begin(k, c);
        pay_in_pool(m, k);
        halt(m, steps);
        within += is_silent(m, "watch.balance", "[\"w\"]");
        snprintf(params, sizeof params, "[\"w\",\"%s\"]", k->text);
        qn_mock_on_call(m, nothing_more, NULL);
        expect(m, "watch.remove", params, "null");
        go(m);
        expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00000000,\"untrusted_pending\":0.0");
        qn_mock_on_call(m, NULL, NULL);
        end(m);
    }
    assert_true(within > 0);
    qc_free(k);
    qc_free(c);
}

QC_TEST_MAIN(cmocka_unit_test(test_answer__is_of_whole_blocks),
             cmocka_unit_test(test_answer__of_all_that_go_by_it_waits),
             cmocka_unit_test(test_answer__comes_with_the_end_of_the_block),
             cmocka_unit_test(test_answer__is_of_whole_transactions),
             cmocka_unit_test(test_answer__comes_in_time_when_the_stream_stands_still),
             cmocka_unit_test(test_answer__that_waits_ends_with_the_plugin),
             cmocka_unit_test(test_answer__waits_for_nothing_that_was_removed))
