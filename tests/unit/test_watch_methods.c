/* What the watch plugin answers and refuses, and how it delivers, against the mock. */
#include "tests/unit/watch_kit.h"
#include "tests/unit/harness.h"

#include "lib/address.h"
#include "lib/hex.h"
#include "lib/tx.h"

#include <sys/socket.h>
#include <unistd.h>

/* Whoever hears of its end has heard of all that it found. */
static void rescan_comes_last(qn_mock *m)
{
    json_t *j = ask(m, "watch.waitevent", "[0,0]"), *e;
    size_t i, confirmed = 0;
    const char *last = "";
    json_array_foreach(json_object_get(j, "events"), i, e)
    {
        last = json_string_value(json_object_get(e, "event"));
        confirmed += strcmp(last, "confirmed") == 0;
        if (strcmp(last, "rescan") == 0 && number(e, "rescan") == 2) {
            assert_int_equal(confirmed, 3);
            assert_int_equal(number(e, "transactions"), 3);
            assert_null(json_object_get(e, "wallet")); /* of all of them */
        }
    }
    assert_string_equal(last, "rescan");
    json_decref(j);
}

static void test_rescan__finds_what_was_before_gap_included(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("tr(" XPUB "/*)");
    const int payed[] = {GAP - 1, 2 * GAP - 1, 3 * GAP - 1};
    for (int i = 0; i < 3; i++) {
        (void)qn_mock_pay(m, k->script[payed[i]], k->len, 1000);
        qn_mock_mine(m, i == 1 ? 2 : 1);
    }
    (void)qn_mock_run(m);
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"timestamp\":\"now\",\"range\":4", "true");
    (void)qn_mock_run(m);
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00000000");
    import(m, k->text, "\"birthday\":5,\"range\":4", "true"); /* the first is in block 4 */
    (void)qn_mock_run(m);
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00000000");
    expect(m, "watch.rescan", "[0]", "\"start_height\":0");
    (void)qn_mock_run(m);
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00003000");
    expect(m, "watch.waitevent", "[0,0]", "\"event\":\"rescan\",\"rescan\":2,\"status\":\"done\"");
    expect(m, "watch.waitevent", "[0,0]", "\"wallet\":\"w\",\"transactions\":0}");
    rescan_comes_last(m);
    expect(m, "watch.status", "[]", "\"rescans\":[]");
    import(m, k->text, "\"timestamp\":0,\"lable\":\"x\"", "a member that is not known: lable\"");
    import(m, k->text, "\"timestamp\":0,\"l\\u00e9\":1", "a member that is not known: l...\"");
    import(m, k->text, "\"timestamp\":0,\"\\u00e9\":1", "a member that is not known\"");
    expect(m, "watch.rescan", "[99]", "-8: Invalid start_height: 99, where it can be 0 to ");
    expect(m, "watch.rescan", "[null,77]", "error -8: There is no such rescan");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* ---- spending ---- */

static void pay(qn_mock *m, const keys *k, int index, int64_t value)
{
    (void)qn_mock_pay(m, k->script[index], k->len, value);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
}

#define TO "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

static void test_psbt__locks_its_coins_and_takes_its_change(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0,\"active\":true", "[{\"success\":true}]");
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.5},{\"fee_rate\":2}]", "-6: Insufficient");
    pay(m, k, 0, 100000000);
    pay(m, k, 1, 60000000);
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.5},{\"fee_rate\":2}]", "no address for change");
    import(m, c->text, "\"birthday\":0,\"active\":true,\"internal\":true", "true");
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.5}]", "Fee estimation failed");
    qn_mock_fees(m, 1000, 3000);
    json_t *j = ask(m, "watch.psbt", "[\"w\",{\"" TO "\":0.5}]");
    assert_int_equal(sats(j, "fee"), 423); /* 141 bytes */
    assert_int_equal(number(j, "vsize"), 141);
    json_decref(j);
    expect(m, "watch.newaddress", "[\"w\",\"\",true]", "\"bcrt1");
    j = ask(m, "watch.list", "[\"w\"]");
    assert_int_equal(number(json_array_get(json_object_get(j, "descriptors"), 1), "next_index"), 2);
    json_decref(j);
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.7},{\"fee_rate\":2}]",
           "-6: Insufficient funds: wanted 0.70000000 and the fee, available 0.60000000, locked "
           "1.00000000 (watch.listlockunspent; until");
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.55},{\"fee_rate\":0.999}]",
           "-4: Fee rate (0.999 sat/vB) is lower than the minimum fee rate setting (1.000 sat/vB)");
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.55},{\"fee_rate\":2}]", "\"locked\":true");
    qn_mock_crash(m);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    j = ask(m, "watch.listlockunspent", "[\"w\"]");
    assert_int_equal(json_array_size(j), 2);
    json_decref(j);
    expect(m, "watch.lockunspent", "[\"w\",true]", "true");
    qn_mock_crash(m);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "watch.listlockunspent", "[\"w\"]", "[]");
    expect(m, "watch.lockunspent", "[\"w\",false]", "error -8");
    expect(m, "watch.lockunspent", "[\"w\",false,[\"x\"]]", "unknown transaction");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
    qc_free(c);
}

static void test_psbt__without_change_takes_an_exact_sum(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0,\"active\":true", "true");
    pay(m, k, 0, 100000);
    /* 110 bytes; what is below 294 more is no change that anybody would relay. */
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.0009},{\"fee_rate\":1}]",
           "no address for change");
    expect(m, "watch.psbt",
           "[\"w\",{\"" TO "\":0.001},{\"fee_rate\":1,\"subtractFeeFromOutputs\":[0],"
           "\"lockUnspents\":false}]",
           "\"fee\":0.00000110,\"changepos\":-1");
    expect(m, "watch.psbt",
           "[\"w\",{\"" TO "\":0.0009989},{\"fee_rate\":1,\"lockUnspents\":false}]",
           "\"fee\":0.00000110,\"changepos\":-1");
    expect(m, "watch.psbt",
           "[\"w\",{\"" TO "\":0.00099597},{\"fee_rate\":1,\"lockUnspents\":false}]",
           "\"fee\":0.00000403,\"changepos\":-1");
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.00099596},{\"fee_rate\":1}]",
           "no address for change");
    /* 293 more than 110 are dust, and no matter of max_fee_rate. */
    expect(m, "watch.psbt",
           "[\"w\",{\"" TO "\":0.00099597},{\"fee_rate\":1,\"max_fee_rate\":1,"
           "\"lockUnspents\":false}]",
           "\"fee\":0.00000403,\"changepos\":-1");
    expect(m, "watch.psbt",
           "[\"w\",{\"" TO "\":0.00099597},{\"fee_rate\":1.001,\"max_fee_rate\":1}]",
           "-4: The fee rate is above max_fee_rate");
    expect(m, "watch.psbt",
           "[\"w\",{\"" TO "\":0.00039},{\"fee_rate\":500,\"max_fee_rate\":500,"
           "\"changeAddress\":\"" TO "\"}]",
           "-4: The fee rate is above max_fee_rate with what is left");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* The grant is full: no script more. */
static qn_status full(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    bool add = strcmp(interface, "watch/1") == 0 && strcmp(method, "add") == 0;
    return add ? QN_E_LIMIT : QN_OK;
}

static void test_psbt__is_refused_where_its_change_has_no_address(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "gap_limit", "1");
    qn_mock_mine(m, 3);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *c = keys_of("wpkh(" XPUB "/1/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0,\"active\":true,\"range\":0", "true");
    import(m, c->text, "\"birthday\":0,\"active\":true,\"internal\":true,\"range\":0", "true");
    pay(m, k, 0, 100000);
    qn_mock_on_call(m, full, NULL);
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.0005},{\"fee_rate\":1}]",
           "error -4: No further address for change");
    assert_null(qn_mock_failure(m));
    expect(m, "watch.listlockunspent", "[\"w\"]", "[]");
    qn_mock_on_call(m, NULL, NULL);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.0005},{\"fee_rate\":1}]", "\"locked\":true");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
    qc_free(c);
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(v >> 8 * i);
    return p;
}

/* A transaction in the mempool that spends the coin and gives most of it back. */
static void spend_to(qn_mock *m, const char *txid, uint32_t vout, const keys *k, int index)
{
    static uint8_t raw[200];
    uint8_t *p = put32(raw, 2);
    qn_tx_view v;
    *p++ = 1;
    assert_true(qn_hex_decode_reversed(txid, 64, p, 32));
    p = put32(p + 32, vout);
    *p++ = 0;
    p = put32(p, 0xfffffffd);
    *p++ = 1;
    p = put32(put32(p, 99000000), 0);
    *p++ = (uint8_t)k->len;
    memcpy(p, k->script[index], k->len);
    p = put32(p + k->len, 0);
    qn_mock_tx t = {.fee = 1000000, .vsize = 100, .bytes = raw, .len = (uint32_t)(p - raw)};
    assert_true(qn_tx_read(raw, t.len, &v));
    qn_tx_id(&v, t.txid.b);
    qn_mock_pool_add(m, &t);
    (void)qn_mock_run(m);
}

static void test_psbt__a_named_coin_is_free_or_replaced(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    char params[400], out[80];
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0,\"active\":true", "true");
    pay(m, k, 0, 100000000);
    json_t *j = ask(m, "watch.utxos", "[\"w\"]");
    const json_t *u = json_array_get(j, 0);
    snprintf(out, sizeof out, "%s:%d", text(u, "txid"), (int)number(u, "vout"));
    snprintf(params, sizeof params,
             "[\"w\",{\"" TO "\":0.5},{\"fee_rate\":2,\"inputs\":[\"%s\"],\"changeAddress\":\"" TO
             "\"}]",
             out);
    expect(m, "watch.psbt", params, "\"locked\":true");
    expect(m, "watch.psbt", params, "is locked: let it go with watch.lockunspent");
    spend_to(m, text(u, "txid"), (uint32_t)number(u, "vout"), k, 1);
    json_decref(j);
    /* Not together with what its spender made, which would be no more. */
    j = ask(m, "watch.utxos", "[\"w\",0]");
    char both[500];
    snprintf(both, sizeof both,
             "[\"w\",{\"" TO "\":0.5},{\"fee_rate\":2,\"inputs\":[\"%s:0\",\"%s\"]}]",
             text(json_array_get(j, 0), "txid"), out);
    json_decref(j);
    expect(m, "watch.psbt", both, ":0 is made by a transaction that this one would replace");
    /* Replaced: named again and again, but with nothing of what the first one made. */
    expect(m, "watch.psbt", params, "\"locked\":true");
    expect(m, "watch.psbt", params, "\"locked\":true");
    snprintf(params, sizeof params,
             "[\"w\",{\"" TO "\":1.5},{\"fee_rate\":2,\"inputs\":[\"%s\"],\"add_inputs\":true,"
             "\"include_unsafe\":true,\"changeAddress\":\"" TO "\"}]",
             out);
    expect(m, "watch.psbt", params, "-6: Insufficient");
    pay(m, k, 2, 60000000);
    expect(m, "watch.psbt", params, "\"locked\":true"); /* a confirmed one it may take */
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* The only coin that is there, with so many confirmations; "safe" or not. Out: its place. */
static qn_mempool_outpoint only_coin(qn_mock *m, bool safe)
{
    qn_mempool_outpoint at = {.n = 0};
    json_t *j = ask(m, "watch.utxos", "[\"w\",0]");
    const json_t *u = json_array_get(j, 0);
    assert_int_equal(json_array_size(j), 1);
    assert_true(json_is_true(json_object_get(u, "safe")) == safe);
    assert_true(qn_hex_decode_reversed(text(u, "txid"), 64, at.txid.b, 32));
    at.n = (uint32_t)number(u, "vout");
    json_decref(j);
    return at;
}

/* What was replaced may come to be in a block, though the plugin has forgotten it. */
static void test_safe__no_change_of_a_replacement_is(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    char hex[65];
    qn_mock_config(m, "max_gone", "0");
    qn_mock_mine(m, 3);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0,\"active\":true", "true");
    pay(m, k, 0, 100000000);
    const uint64_t rows = qn_mock_store_count(m);
    const qn_mempool_outpoint coin = only_coin(m, true);
    qn_hex_encode_reversed(coin.txid.b, 32, hex);
    spend_to(m, hex, coin.n, k, 1);
    const qn_mempool_outpoint first = only_coin(m, true);
    assert_int_equal(qn_mock_pool_remove(m, &first.txid, QN_MEMPOOL_GONE_REPLACED, &(qn_hash){{9}}),
                     QN_OK);
    spend_to(m, hex, coin.n, k, 2);
    (void)only_coin(m, false);
    expect(m, "watch.transactions", "[\"w\"]", "\"total\":2"); /* the first one is forgotten */
    for (int i = 0; i < 2; i++) {
        qn_mock_crash(m);
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        (void)qn_mock_run(m);
        (void)only_coin(m, false);
    }
    expect(m, "watch.psbt", "[\"w\",{\"" TO "\":0.5},{\"fee_rate\":2}]", "-6: Insufficient");
    expect(m, "watch.remove", "[\"w\"]", "null");
    assert_true(qn_mock_store_count(m) < rows + 9); /* events, and no more */
    for (uint64_t i = 0; i < qn_mock_store_count(m); i++) {
        const void *key, *v;
        uint32_t n_key, n_v;
        assert_true(qn_mock_store_row(m, i, &key, &n_key, &v, &n_v));
        assert_null(memchr("WDSTRLX", *(const char *)key, 7));
    }
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* What a remembered lock was for is done when the coin is spent; a wallet's locks go with it. */
static void test_lock__ends_with_the_coin(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    qn_hash txid;
    char params[300];
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0", "true");
    pay(m, k, 0, 5000);
    json_t *j = ask(m, "watch.utxos", "[\"w\"]");
    const json_t *u = json_array_get(j, 0);
    assert_true(qn_hex_decode_reversed(text(u, "txid"), 64, txid.b, 32));
    snprintf(params, sizeof params, "[\"w\",false,[\"%s:%d\"]]", text(u, "txid"),
             (int)number(u, "vout"));
    uint32_t vout = (uint32_t)number(u, "vout");
    json_decref(j);
    uint64_t rows = qn_mock_store_count(m);
    expect(m, "watch.lockunspent", params, "true");
    expect(m, "watch.utxos", "[\"w\"]", "\"safe\":true,\"locked\":true}]");
    assert_int_equal(qn_mock_store_count(m), rows + 1);
    expect(m, "watch.lockunspent", params, "already locked");
    qn_mock_spend(m, &txid, vout);
    pay(m, k, 1, 6000);
    expect(m, "watch.listlockunspent", "[]", "[]");
    qn_mock_reorg(m, 1, 2);
    (void)qn_mock_run(m);
    expect(m, "watch.listlockunspent", "[]", "[]");
    expect(m, "watch.lockunspent", params, "true");
    expect(m, "watch.remove", "[\"w\"]", "null");
    for (uint64_t i = 0; i < qn_mock_store_count(m); i++) {
        const void *key, *v;
        uint32_t n_key, n_v;
        assert_true(qn_mock_store_row(m, i, &key, &n_key, &v, &n_v));
        assert_int_not_equal(*(const uint8_t *)key, 'L');
    }
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* ---- what is asked for ---- */

static void test_import__each_item_has_its_own_result(void **state)
{
    (void)state;
    qn_mock *m = started();
    char list[3000];
    keys *k = keys_of("wpkh(" XPUB "/<0;1>/*)"), *one = keys_of("wpkh(" XPUB "/7)");
    expect(m, "watch.create", "[\"w\"]", "{");
    snprintf(list, sizeof list,
             "[\"w\",[{\"desc\":\"%s\",\"timestamp\":\"now\",\"range\":9,\"active\":true},"
             "{\"desc\":\"%s\",\"timestamp\":\"now\",\"active\":true},{\"address\":\"nonsense\","
             "\"timestamp\":0},{\"address\":\"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080\","
             "\"timestamp\":0,\"label\":\"it\"},{\"script\":\"51\",\"birthday\":0},"
             "{\"outpoint\":\"%064d:1\",\"timestamp\":\"now\"}]]",
             k->text, one->text, 7);
    json_t *j = ask(m, "watch.import", list);
    static const bool GOOD[] = {true, false, false, true, true, true};
    assert_int_equal(json_array_size(j), 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(json_is_true(json_object_get(json_array_get(j, i), "success")), GOOD[i]);
    json_decref(j);
    j = ask(m, "watch.list", "[\"w\"]");
    const json_t *d = json_object_get(j, "descriptors");
    assert_int_equal(json_array_size(d), 2);
    assert_true(json_is_false(json_object_get(json_array_get(d, 0), "internal")));
    assert_true(json_is_true(json_object_get(json_array_get(d, 1), "internal")));
    assert_int_equal(json_array_size(json_object_get(j, "addresses")), 2);
    assert_int_equal(json_array_size(json_object_get(j, "outpoints")), 1);
    json_decref(j);
    /* Again: nothing new. */
    json_decref(ask(m, "watch.import", list));
    expect(m, "watch.list", "[]", "\"imports\":5,\"scripts\":22");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
    qc_free(one);
}

static void test_import__what_is_refused(void **state)
{
    (void)state;
    static const char *const ROW[][2] = {
        {"{}", "-8,\"message\":\"An item needs one of"},
        {"5", "-3,\"message\":\"An item must be an object"},
        {"{\"script\":\"51\"}", "-3,\"message\":\"Missing required timestamp"},
        {"{\"script\":\"51\",\"timestamp\":-1}", "-3,\"message\":\"Expected number or"},
        {"{\"script\":\"5\",\"timestamp\":0}", "-5"},
        {"{\"script\":\"\",\"timestamp\":0}", "-5"},
        {"{\"script\":\"51\",\"birthday\":-1}", "-8,\"message\":\"birthday"},
        {"{\"script\":\"51\",\"timestamp\":0,\"color\":1}", "not known"},
        {"{\"script\":\"51\",\"timestamp\":0,\"address\":\"x\"}", "only one"},
        {"{\"script\":\"51\",\"timestamp\":0,\"range\":5}", "for descriptors"},
        {"{\"script\":\"51\",\"timestamp\":0,\"label\":5}", "label must be a string"},
        {"{\"script\":\"51\",\"timestamp\":0,\"internal\":5}", "internal must be true or false"},
        {"{\"address\":\"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\",\"timestamp\":0}",
         "The address is of main; this node is on regtest (addresses begin with bcrt1"},
        {"{\"outpoint\":\"51\",\"timestamp\":0}", "outpoint must be"},
        {"{\"outpoint\":{\"txid\":\"51\"},\"timestamp\":0}", "outpoint must be"},
        {"{\"desc\":\"wpkh(" XPUB "/*)\",\"timestamp\":0}", "Missing checksum: append # and"},
        {"{\"desc\":\"pk(cVpF924EspNh8KjYsfhgY96mmxvT6DgdWiTYMtMjuM74hJaU5psW)#8x7xwq0w\","
         "\"timestamp\":0}",
         "-5"},
    };
    qn_mock *m = started();
    char params[700];
    expect(m, "watch.create", "[\"w\"]", "{");
    for (size_t i = 0; i < QC_COUNTOF(ROW); i++) {
        snprintf(params, sizeof params, "[\"w\",[%s]]", ROW[i][0]);
        expect(m, "watch.import", params, "\"success\":false,\"error\":{\"code\":-");
        expect(m, "watch.import", params, ROW[i][1]);
    }
    expect(m, "watch.list", "[]", "\"imports\":0,\"scripts\":0");
    keys *k = keys_of("wpkh(" XPUB "/*)");
    import(m, k->text, "\"timestamp\":0,\"range\":[5,4]", "begin after end");
    import(m, k->text, "\"timestamp\":0,\"range\":[0,2147483648]", "End of range is too high");
    import(m, k->text, "\"timestamp\":0,\"range\":[0,1000000]", "Range is too large");
    import(m, k->text, "\"timestamp\":0,\"range\":\"x\"", "Range must be specified");
    import(m, k->text, "\"timestamp\":0,\"next_index\":20", "next_index is out of range");
    import(m, k->text, "\"timestamp\":0,\"label\":\"x\"", "Ranged descriptors should not");
    char text[400], secret[400];
    snprintf(text, sizeof text, "pk(cVpF924EspNh8KjYsfhgY96mmxvT6DgdWiTYMtMjuM74hJaU5psW)");
    add_checksum(text, secret, sizeof secret);
    import(m, secret, "\"timestamp\":0", "Private keys are not accepted");
    snprintf(text, sizeof text, "wpkh(" XPUB "/0h/*)");
    add_checksum(text, secret, sizeof secret);
    import(m, secret, "\"timestamp\":0", "hardened steps need private keys");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

static void test_methods__what_is_refused(void **state)
{
    (void)state;
    qn_mock *m = started();
    expect(m, "watch.create", "[]", "error -1: watch.create \"wallet\"\n\nA new");
    expect(m, "watch.create", "[\"my\",\"savings\"]", "error -1: watch.create \"wallet\"\n");
    expect(m, "watch.balance", "[null,1]", "error -1: watch.balance ( \"wallet\" )\n");
    expect(m, "watch.psbt", "[\"w\"]", "error -1: watch.psbt \"wallet\" outputs ( options )\n");
    expect(m, "watch.submit", "[]", "error -1: watch.submit \"psbt\" ( options )\n");
    expect(m, "watch.waitevent", "[0,0,\"w\",1,2]", "error -1: watch.waitevent ( cursor");
    expect(m, "watch.create", "[\"\"]", "error -8");
    expect(m, "watch.create", "[\"a\\u0000b\"]", "error -8");
    expect(m, "watch.create", "[\"a\\nb\"]", "error -8");
    expect(m, "watch.create", "[5]", "error -8");
    expect(m, "watch.balance", "[]",
           "error -18: No wallet exists yet: create one with watch.create");
    expect(m, "watch.balance", "[\"x\"]", "error -18: No wallet exists yet");
    expect(m, "watch.create", "[\"w\"]", "{\"name\":\"w\"}");
    expect(m, "watch.create", "[\"w\"]", "error -4");
    expect(m, "watch.balance", "[]", "\"trusted\":0.00000000");
    expect(m, "watch.balance", "[\"x\"]", "error -18: Wallet \"x\" does not exist; there is \"w\"");
    expect(m, "watch.import", "[\"w\",5]", "error -3");
    expect(m, "watch.import", "[\"w\"]", "error -1: watch.import \"wallet\" requests\n");
    expect(m, "watch.import", "[\"w\",[]]", "[]");
    expect(m, "watch.transactions", "[\"w\",-1]", "error -8: count must be");
    expect(m, "watch.transactions", "[\"w\",\"1x\"]", "error -8: count must be");
    expect(m, "watch.transactions", "[\"w\",1,0,{}]", "error -8: since must be");
    expect(m, "watch.utxos", "[\"w\",1e3]", "error -8: minconf must be");
    expect(m, "watch.waitevent", "[-1]", "error -8: cursor must be");
    expect(m, "watch.waitevent", "[0,99999]", "error -8: timeout must be");
    expect(m, "watch.newaddress", "[\"w\"]", "error -4: The wallet has no active");
    expect(m, "watch.remove", "[]", "error -1: watch.remove \"wallet\"");
    expect(m, "watch.remove", "[\"w\",\"x\"]", "error -5");
    expect(m, "watch.remove", "[\"w\",null]", "error -8: what must be named, or left out");
    expect(m, "watch.remove", "[\"w\"]", "null");
    expect(m, "watch.list", "[]", "[]");
    for (char name[] = "[\"a\"]"; name[2] < 'h'; name[2]++)
        expect(m, "watch.create", name, "{");
    expect(m, "watch.balance", "[]",
           "error -18: Several wallets exist (\"a\", \"b\", \"c\", \"d\", \"e\", \"f\" and 1 "
           "more): say "
           "which one");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_newaddress__gives_the_next_and_watches_behind_it(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/*)");
    char want[QN_ADDRESS_MAX];
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"timestamp\":\"now\",\"range\":4", "true");
    for (int i = 0; i < 3 * GAP; i++) {
        if (i % 4 == 3) { /* what was given out is remembered */
            qn_mock_crash(m);
            assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        }
        assert_true(qn_address_encode(qn_chain_by_name("regtest"), k->script[i], k->len, want));
        expect(m, "watch.newaddress", "[\"w\",\"for you\"]", want);
    }
    (void)qn_mock_pay(m, k->script[4 * GAP - 1], k->len, 1000);
    (void)qn_mock_pay(m, k->script[4 * GAP], k->len, 500); /* found by the other */
    (void)qn_mock_pay(m, k->script[3], k->len, 70);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    expect(m, "watch.balance", "[]", "\"trusted\":0.00001570");
    expect(m, "watch.transactions", "[]", "\"label\":\"for you\"");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* ---- waiting ---- */

static void test_waitevent__times_out_with_the_same_cursor(void **state)
{
    (void)state;
    qn_mock *m = started();
    uint64_t before = qn_mock_now(m);
    expect(m, "watch.waitevent", "[null,20]", "{\"events\":[],\"cursor\":0,\"missed\":false}");
    assert_true(qn_mock_now(m) - before >= 20000);
    expect(m, "watch.waitevent", "[null,0]", "{\"events\":[],\"cursor\":0,\"missed\":false}");
    /* Beyond all that was told: its store is another one. */
    expect(m, "watch.waitevent", "[999,20]",
           "{\"events\":[],\"cursor\":0,\"missed\":true,\"ahead\":true}");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* ---- the webhook ---- */

/* The next delivery, answered. Callback by callback: left alone, the mock's time would run out. */
static void serve(qn_mock *m, const char *answer, char *got, size_t cap)
{
    int fd = -1;
    for (int i = 0; i < 100 && fd < 0; i++) {
        qn_mock_steps(m, 1);
        (void)qn_mock_run(m);
        fd = qn_mock_take(m);
    }
    assert_true(fd >= 0);
    assert_int_equal(send(fd, answer, strlen(answer), 0), strlen(answer));
    qn_mock_steps(m, 1); /* connected; then written and read */
    (void)qn_mock_run(m);
    qn_mock_steps(m, UINT32_MAX);
    ssize_t n = recv(fd, got, cap - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    got[n] = 0;
    const char *len = strstr(got, "Content-Length: "), *body = strstr(got, "\r\n\r\n");
    assert_true(len && body && strlen(body + 4) == strtoul(len + 16, NULL, 10));
    close(fd);
}

static void test_webhook__posts_each_event_until_it_is_taken(void **state)
{
    (void)state;
    char got[20000];
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "webhook", "http://127.0.0.1:8080/hook");
    qn_mock_config(m, "webhook_secret", "0123456789abcdef");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "watch.create", "[\"w\"]", "{");
    expect(m, "watch.import", "[\"w\",[{\"script\":\"5252\",\"timestamp\":\"now\"}]]", "true");
    (void)qn_mock_pay(m, "\x52\x52", 2, 1000);
    qn_mock_mine(m, 1);
    serve(m, "HTTP/1.1 500 no\r\n\r\n", got, sizeof got);
    assert_non_null(strstr(got, "POST /hook HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"));
    assert_non_null(strstr(got, "{\"id\":1,\"event\":\"confirmed\""));
    uint64_t failed = qn_mock_now(m);
    serve(m, "HTTP/1.1 204 yes\r\n\r\n", got, sizeof got); /* a second later */
    assert_true(qn_mock_now(m) <= failed + 1000);
    assert_non_null(strstr(got, "{\"id\":1,\"event\":\"confirmed\""));
    (void)qn_mock_run(m);
    assert_int_equal(qn_mock_take(m), -1);
    assert_int_equal(qn_mock_connections(m), 0);
    qn_mock_crash(m);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    assert_int_equal(qn_mock_take(m), -1); /* it was taken, and that is kept */
    (void)qn_mock_pay(m, "\x52\x52", 2, 1000);
    qn_mock_mine(m, 1);
    serve(m, "HTTP/1.1 200 ok\r\n\r\n", got, sizeof got);
    assert_non_null(strstr(got, "{\"id\":2,"));
    assert_null(strstr(got, "{\"id\":1,"));
    (void)qn_mock_run(m);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* Blocks with a payment each, while nobody is there whom they could be posted to. */
static void mine_paid(qn_mock *m, int n)
{
    qn_mock_connect_with(m, QN_E_REFUSED);
    for (; n; n--) {
        (void)qn_mock_pay(m, "\x52\x52", 2, 1000);
        qn_mock_mine(m, 1);
        (void)qn_mock_run(m);
    }
}

static void let_in(qn_mock *m)
{
    qn_mock_connect_with(m, QN_OK);
    qn_mock_sleep(m, 300000); /* the longest until the next try */
}

static void test_webhook__what_it_did_not_take_waits_for_it(void **state)
{
    (void)state;
    static char got[200000];
    qn_mock *m = qn_mock_new();
    qn_mock_config(m, "max_events", "100");
    qn_mock_config(m, "webhook", "http://127.0.0.1:8080/hook");
    qn_mock_config(m, "webhook_secret", "0123456789abcdef");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "watch.create", "[\"w\"]", "{");
    expect(m, "watch.import", "[\"w\",[{\"script\":\"5252\",\"timestamp\":\"now\"}]]", "true");
    mine_paid(m, 150);
    expect(m, "watch.status", "[]", "\"cursor\":150,\"oldest_event\":1,");
    let_in(m);
    serve(m, "HTTP/1.1 500 no\r\n\r\n", got, sizeof got);
    assert_non_null(strstr(got, "{\"id\":1,"));
    assert_non_null(strstr(got, "\"missed\":false}"));
    qn_mock_connect_with(m, QN_E_REFUSED);
    assert_int_equal(qn_mock_stop(m), QN_OK); /* nor is it lost at a stop */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "watch.status", "[]", "\"cursor\":150,\"oldest_event\":1,");
    mine_paid(m, 100);
    expect(m, "watch.status", "[]", "\"cursor\":250,\"oldest_event\":51,");
    let_in(m);
    serve(m, "HTTP/1.1 200 ok\r\n\r\n", got, sizeof got);
    assert_non_null(strstr(got, "[{\"id\":51,"));
    assert_non_null(strstr(got, "\"cursor\":150,\"missed\":true}"));
    qn_mock_connect_with(m, QN_E_REFUSED);
    mine_paid(m, 1); /* those make room that it took */
    expect(m, "watch.status", "[]", "\"cursor\":251,\"oldest_event\":151,");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_webhook__what_is_refused(void **state)
{
    (void)state;
    static const char *const URL[] = {"https://h:1/x", "http://h/x", "http://h:1/a b",
                                      "http://u@h:1/", "http://"};
    for (size_t i = 0; i < QC_COUNTOF(URL); i++) {
        qn_mock *m = qn_mock_new();
        qn_mock_config(m, "webhook", URL[i]);
        qn_mock_config(m, "webhook_secret", "0123456789abcdef");
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_E_INVAL);
        qn_mock_free(m);
    }
}

/* ---- what a crash takes back ---- */

/* The stream yields the loop after each call. */
static qn_status slowly(void *arg, uint64_t k, const char *interface, const char *method)
{
    qn_mock *m = arg;
    (void)k;
    (void)interface;
    (void)method;
    qn_mock_sleep(m, 20);
    return QN_OK;
}

/* Events so far. Out: the newest one's number. */
static size_t told(qn_mock *m, int64_t *last)
{
    json_t *j = ask(m, "watch.waitevent", "[0,0,\"w\",1000]");
    const json_t *list = json_object_get(j, "events");
    const size_t n = json_array_size(list);
    *last = n ? number(json_array_get(list, n - 1), "id") : 0;
    json_decref(j);
    return n;
}

/* After `steps` callbacks of a rescan that finds 100 coins in each block. */
static qn_mock *in_a_rescan(const keys *k, unsigned blocks, unsigned steps)
{
    qn_mock *m = started();
    expect(m, "watch.create", "[\"w\"]", "{\"name\":\"w\"}");
    for (unsigned i = 0; i < blocks * 100; i++) {
        (void)qn_mock_pay(m, k->script[0], k->len, 1000);
        if (i % 100 == 99)
            qn_mock_mine(m, 1);
    }
    (void)qn_mock_run(m);
    qn_mock_steps(m, 0);
    import(m, k->text, "\"birthday\":0", "true");
    qn_mock_on_call(m, slowly, m);
    qn_mock_steps(m, steps);
    (void)qn_mock_run(m);
    qn_mock_steps(m, 0);
    qn_mock_on_call(m, NULL, NULL);
    return m;
}

/* What a rescan finds is kept as it goes, and told when it would survive a crash of the machine. */
static void test_rescan__tells_nothing_that_a_crash_takes_back(void **state)
{
    (void)state;
    enum { BLOCKS = 12 };
    keys *k = keys_of("wpkh(" XPUB "/1/*)");
    size_t partly = 0, whole = 0;
    for (unsigned steps = 0; steps < 100; steps += 2) {
        int64_t before, after;
        qn_mock *m = in_a_rescan(k, BLOCKS, steps);
        const uint64_t rows = qn_mock_store_count(m);
        const size_t n = told(m, &before);
        qn_mock_crash(m);
        partly += n < BLOCKS && rows > qn_mock_store_count(m);
        whole += n > BLOCKS; /* of each its transaction, and the end */
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        assert_int_equal(told(m, &after), n);
        assert_int_equal(after, before);
        qn_mock_steps(m, UINT32_MAX);
        (void)qn_mock_run(m);
        expect(m, "watch.status", "[]", "\"rescans\":[]");
        expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.01200000");
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
    assert_true(partly > 0 && whole > 0);
    qc_free(k);
}

static void test_json__writes_numbers_and_texts_as_they_are(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x01, 0xab, 0xf0};
    qn_json j = {0};
    qn_json_open(&j, NULL, '{');
    qn_json_text(&j, "a", "x\"y\\\n\x1f z\xc3\xa9");
    qn_json_text(&j, "", "");
    qn_json_int(&j, "i", INT64_MIN);
    qn_json_int(&j, "z", 0);
    qn_json_int(&j, "m", INT64_MAX);
    qn_json_amount(&j, "s", -1);
    qn_json_amount(&j, "n", 0);
    qn_json_amount(&j, "t", 2100000000000000);
    qn_json_hex(&j, "h", bytes, sizeof bytes, 0);
    qn_json_hex(&j, "r", bytes, sizeof bytes, 1);
    qn_json_hex(&j, "e", bytes, 0, 1);
    qn_json_close(&j, '}');
    assert_int_equal(j.failed, 0);
    assert_int_equal(j.len, strlen(j.data));
    assert_string_equal(j.data, "{\"a\":\"x\\\"y\\\\\\u000a\\u001f z\xc3\xa9\",\"\":\"\","
                                "\"i\":-9223372036854775808,\"z\":0,\"m\":9223372036854775807,"
                                "\"s\":-0.00000001,\"n\":0.00000000,\"t\":21000000.00000000,"
                                "\"h\":\"01abf0\",\"r\":\"f0ab01\",\"e\":\"\"}");
    qn_json_free(&j);
}

/* ---- a rescan and kills ---- */

typedef struct rhythm {
    qn_mock *m;
    uint64_t at;
} rhythm;

#define RHYTHM 9 /* calls: room for a progress and the hits behind it in one turn of the loop */

/* One call of so many takes so long that the rescan tells of its progress after the next block
 * without a hit, and that the plugin soon has others use the loop: it stores what it has. */
static qn_status one_slowly(void *arg, uint64_t k, const char *interface, const char *method)
{
    const rhythm *r = arg;
    (void)interface;
    (void)method;
    if (k % RHYTHM == r->at)
        qn_mock_sleep(r->m, 2000);
    return QN_OK;
}

/* What the last rescan says that it found; -1: it goes on. */
static int64_t rescan_found(qn_mock *m)
{
    json_t *j = ask(m, "watch.waitevent", "[0,0,null,1000]");
    const json_t *list = json_object_get(j, "events"), *e;
    int64_t found = -1;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, e) if (strcmp(text(e, "event"), "rescan") == 0)
        found = number(e, "transactions");
    json_decref(j);
    return found;
}

#define PAID 12 /* blocks with a payment, some before one with none */

/* A life that ends after `steps` callbacks. False: the rescan had ended before. */
static bool live(qn_mock *m, unsigned steps, bool *midway)
{
    qn_mock_steps(m, steps);
    (void)qn_mock_run(m);
    json_t *j = ask(m, "watch.status", "[]");
    const json_t *r = json_array_get(json_object_get(j, "rescans"), 0);
    const bool goes_on = r != NULL;
    *midway |= goes_on && number(r, "height") > 0;
    json_decref(j);
    qn_mock_steps(m, UINT32_MAX);
    qn_mock_crash(m);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    return goes_on;
}

/* What was found behind the place where it goes on is found again, and counted once. False: it
 * ended in its first life. */
static bool rescan_in_lives(const keys *k, uint64_t at, unsigned steps, bool *midway)
{
    qn_mock *m = started();
    rhythm r = {m, at};
    expect(m, "watch.create", "[\"w\"]", "{");
    for (int i = 0; i < PAID; i++) {
        (void)qn_mock_pay(m, k->script[i % GAP], k->len, 1000);
        qn_mock_mine(m, 1u + (uint32_t)i % 2);
    }
    (void)qn_mock_run(m);
    qn_mock_steps(m, 0);
    import(m, k->text, "\"birthday\":0", "true");
    qn_mock_on_call(m, one_slowly, &r);
    bool goes_on = live(m, steps, midway);
    (void)live(m, steps, midway);
    qn_mock_on_call(m, NULL, NULL);
    (void)qn_mock_run(m);
    assert_int_equal(rescan_found(m), PAID);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    return goes_on;
}

/* Killed after any number of callbacks, twice. */
static void test_rescan__counts_once_what_it_found_across_kills(void **state)
{
    (void)state;
    keys *k = keys_of("wpkh(" XPUB "/1/*)");
    for (uint64_t at = 0; at < RHYTHM; at++) {
        unsigned steps = 0, between = 0;
        for (bool goes_on = true; goes_on && steps < 200; steps++) {
            bool midway = false;
            goes_on = rescan_in_lives(k, at, steps, &midway);
            between += midway;
        }
        assert_true(steps < 200 && between > 0);
    }
    qc_free(k);
}

QC_TEST_MAIN(cmocka_unit_test(test_rescan__tells_nothing_that_a_crash_takes_back),
             cmocka_unit_test(test_json__writes_numbers_and_texts_as_they_are),
             cmocka_unit_test(test_rescan__finds_what_was_before_gap_included),
             cmocka_unit_test(test_rescan__counts_once_what_it_found_across_kills),
             cmocka_unit_test(test_psbt__locks_its_coins_and_takes_its_change),
             cmocka_unit_test(test_psbt__without_change_takes_an_exact_sum),
             cmocka_unit_test(test_psbt__is_refused_where_its_change_has_no_address),
             cmocka_unit_test(test_psbt__a_named_coin_is_free_or_replaced),
             cmocka_unit_test(test_safe__no_change_of_a_replacement_is),
             cmocka_unit_test(test_lock__ends_with_the_coin),
             cmocka_unit_test(test_import__each_item_has_its_own_result),
             cmocka_unit_test(test_import__what_is_refused),
             cmocka_unit_test(test_methods__what_is_refused),
             cmocka_unit_test(test_newaddress__gives_the_next_and_watches_behind_it),
             cmocka_unit_test(test_waitevent__times_out_with_the_same_cursor),
             cmocka_unit_test(test_webhook__posts_each_event_until_it_is_taken),
             cmocka_unit_test(test_webhook__what_it_did_not_take_waits_for_it),
             cmocka_unit_test(test_webhook__what_is_refused))
