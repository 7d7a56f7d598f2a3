/* What a wallet knows of its coins, and what it refuses, against the mock. */
#include "tests/unit/watch_kit.h"
#include "tests/unit/harness.h"

#include "lib/hex.h"
#include "lib/psbt.h"

#define TO "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

/* A coin of the index in a block of its own. */
static void pay(qn_mock *m, const keys *k, int index, int64_t value)
{
    (void)qn_mock_pay(m, k->script[index], k->len, value);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
}

/* Its descriptor that has the script alone. */
static void raw_of(const keys *k, int index, char *out, size_t cap)
{
    char hex[80], desc[100];
    for (uint32_t i = 0; i < k->len; i++)
        snprintf(hex + 2 * i, 3, "%02x", k->script[index][i]);
    snprintf(desc, sizeof desc, "raw(%s)", hex);
    add_checksum(desc, out, cap);
}

/* ---- claims ---- */

static void test_claim__of_two_the_one_that_is_solvable_counts(void **state)
{
    (void)state;
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    char raw[200];
    raw_of(k, 1, raw, sizeof raw);
    for (int raw_first = 0; raw_first < 2; raw_first++) {
        qn_mock *m = started();
        expect(m, "watch.create", "[\"w\"]", "{");
        for (int i = 0; i < 2; i++)
            if (i == raw_first)
                import(m, k->text, "\"timestamp\":\"now\",\"range\":4", "true");
            else
                import(m, raw, "\"timestamp\":\"now\",\"label\":\"it\"", "true");
        /* Who else has it does not count. */
        expect(m, "watch.create", "[\"v\"]", "{");
        char list[300];
        snprintf(list, sizeof list, "[\"v\",[{\"desc\":\"%s\",\"timestamp\":\"now\"}]]", raw);
        expect(m, "watch.import", list, "true");
        pay(m, k, 1, 100000);
        expect(m, "watch.utxos", "[\"w\"]", "\"solvable\":true");
        expect(m, "watch.utxos", "[\"w\"]", "\"label\":\"it\"");
        expect(m, "watch.utxos", "[\"w\"]", "\"index\":1");
        json_t *j = ask(m, "watch.psbt",
                        "[\"w\",{\"" TO "\":0.0005},{\"fee_rate\":1,\"changeAddress\":\"" TO
                        "\",\"psbt_version\":0,\"lockUnspents\":false}]");
        size_t len = 0;
        uint8_t *p = qn_base64_decode(text(j, "psbt"), strlen(text(j, "psbt")), &len);
        size_t at = 0; /* the key's place: 6, 33 bytes of key; 4 and two steps */
        while (at + 47 < len && !(p[at] == 34 && p[at + 1] == 6 && p[at + 35] == 12))
            at++;
        assert_true(at + 47 < len);
        free(p);
        json_decref(j);
        expect(m, "watch.utxos", "[\"v\"]", "\"solvable\":false");
        expect(m, "watch.psbt",
               "[\"v\",{\"" TO "\":0.0005},{\"fee_rate\":1,\"changeAddress\":\"" TO "\"}]",
               "available 0.00000000, known by address only 0.00100000 (import");
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
    qc_free(k);
}

/* ---- handing in ---- */

/* A final PSBT of the wallet's only coin and of one that nothing is known of, which pays `value`.
 */
static char *joint_psbt(qn_mock *m, int64_t value)
{
    static const uint8_t witness[] = {1, 1, 7}, stranger[32] = {9}, to[22] = {0, 20, 5};
    uint8_t txid[32], *raw = NULL;
    size_t len = 0;
    json_t *j = ask(m, "watch.utxos", "[\"w\"]");
    const json_t *u = json_array_get(j, 0);
    assert_true(qn_hex_decode_reversed(text(u, "txid"), 64, txid, 32));
    const qn_psbt_in in[2] = {
        {.txid = txid, .vout = (uint32_t)number(u, "vout"), .has_sequence = true},
        {.txid = stranger, .has_sequence = true}};
    const qn_psbt_out out = {.coin = {value, {to, sizeof to}}};
    qn_psbt *p = qn_psbt_new_of(2, 2, 0, in, 2, &out, 1);
    assert_non_null(p);
    for (size_t i = 0; i < 2; i++)
        assert_true(qn_psbt_put(p, &p->in[i].map, QN_PSBT_IN_FINAL_WITNESS, NULL, 0, witness,
                                sizeof witness));
    assert_true(qn_psbt_write(p, &raw, &len));
    char *b64 = qn_base64_encode(raw, len), *params = qc_asprintf("[\"%s\"]", b64);
    free(b64);
    free(raw);
    qn_psbt_free(p);
    json_decref(j);
    return params;
}

/* It is at least what the coins that are known pay. */
static void test_submit__a_fee_that_is_known_in_part_has_its_limit(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0", "true");
    pay(m, k, 0, 100000000);
    char *much = joint_psbt(m, 90000000), *more = joint_psbt(m, 100000001);
    expect(m, "watch.submit", much, "error -4: The fee rate is above max_fee_rate");
    char *got = qn_mock_rpc(m, "watch.submit", more); /* the stranger's coin pays: the node knows */
    assert_null(strstr(got, "max_fee_rate"));
    free(got);
    qc_free(much);
    qc_free(more);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* ---- ranges ---- */

/* The grant is full: no script more. */
static qn_status full(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    bool add = strcmp(interface, "watch/1") == 0 && strcmp(method, "add") == 0;
    return add ? QN_E_LIMIT : QN_OK;
}

static void test_import__again_beyond_the_grant_is_incomplete(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"timestamp\":\"now\",\"range\":4", "true");
    (void)qn_mock_run(m);
    qn_mock_on_call(m, full, NULL);
    import(m, k->text, "\"timestamp\":\"now\",\"range\":19", "allows no more scripts: what is");
    expect(m, "watch.status", "[]", "\"complete\":false,\"unwatched\":15,\"unwatched_since\":3,");
    pay(m, k, 11, 5000);
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00000000");
    qn_mock_on_call(m, NULL, NULL);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00005000");
    expect(m, "watch.status", "[]", "\"complete\":true");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* What the node is not told to watch it does not tell of either, be it that its block has left. */
static void test_full_grant__a_reorganisation_takes_what_is_not_watched(void **state)
{
    static const char psbt[] = "[\"w\",{\"" TO "\":0.00004},{\"fee_rate\":1,\"changeAddress\":\"" TO
                               "\",\"lockUnspents\":false}]";
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":0,\"range\":4", "true");
    pay(m, k, 0, 5000);
    pay(m, k, 1, 300);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    expect(m, "watch.utxos", "[\"w\"]", "\"index\":0,\"safe\":true}");
    expect(m, "watch.psbt", psbt, "\"psbt\":");
    expect(m, "watch.balance", "[\"w\"]",
           "\"trusted\":0.00005300,\"untrusted_pending\":0.00000000");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_on_call(m, full, NULL); /* less room than before */
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "watch.status", "[]", "\"unwatched_since\":6,");
    /* They may be spent by now. */
    expect(m, "watch.utxos", "[\"w\"]", "\"index\":0,\"safe\":false}");
    expect(m, "watch.psbt", psbt, "-6: Insufficient funds");
    (void)qn_mock_pay(m, k->script[2], k->len, 44);
    qn_mock_reorg(m, 3, 5);
    (void)qn_mock_run(m);
    expect(m, "watch.balance", "[\"w\"]",
           "\"trusted\":0.00000000,\"untrusted_pending\":0.00005300");
    expect(m, "watch.status", "[]", "\"unwatched_since\":4,");
    qn_mock_on_call(m, NULL, NULL);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    expect(m, "watch.status", "[]", "\"complete\":true");
    expect(m, "watch.balance", "[\"w\"]",
           "\"trusted\":0.00000044,\"untrusted_pending\":0.00000000");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

static void test_gap_limit__a_larger_one_holds_from_the_start_on(void **state)
{
    (void)state;
    qn_mock *m = qn_mock_new();
    qn_mock_mine(m, 3);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK); /* it is 20 */
    keys *k = keys_of("wpkh(" XPUB "/0/*)"), *late = keys_of("wpkh(" XPUB "/1/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"birthday\":2,\"range\":4", "true");
    import(m, late->text, "\"timestamp\":\"now\",\"range\":4", "true");
    pay(m, k, 42, 5000); /* beyond the gap of then */
    pay(m, late, 49, 300);
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00000000");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_config(m, "gap_limit", "50");
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00005300");
    expect(m, "watch.list", "[\"w\"]", "\"range\":[0,92]");
    expect(m, "watch.waitevent", "[0,0]", "\"status\":\"done\",\"start_height\":2,");
    /* Once. */
    assert_int_equal(qn_mock_stop(m), QN_OK);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    expect(m, "watch.status", "[]", "\"rescans\":[]");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
    qc_free(late);
}

/* What a range of w2 knows: its indexes 3, 7 and 10. */
static void knows_all(qn_mock *m, const char *status)
{
    (void)qn_mock_run(m);
    expect(m, "watch.status", "[]", "\"rescans\":[]");
    expect(m, "watch.status", "[]", status);
    expect(m, "watch.balance", "[\"v\"]", "\"trusted\":0.00001110");
    expect(m, "watch.list", "[\"v\"]", "\"next_index\":11");
}

/* A range comes to an index that was paid as another wallet's, with one behind it that nobody
 * watched then: by a block (0), by an address that is given out (1), where too many rescans wait
 * (2), or the grant has no room for a while (3). */
static void comes_to_a_paid_one(int how)
{
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    char raw[200], list[400];
    raw_of(k, 7, raw, sizeof raw);
    pay(m, k, 7, 100);
    pay(m, k, 10, 10);
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, raw, "\"birthday\":0", "true");
    expect(m, "watch.create", "[\"v\"]", "{");
    snprintf(list, sizeof list, "[\"v\",[{\"desc\":\"%s\",\"birthday\":0,\"range\":4}]]", k->text);
    expect(m, "watch.import", list, "true");
    (void)qn_mock_run(m);
    expect(m, "watch.list", "[\"v\"]", "\"range\":[0,4]");
    if (how == 1)
        for (int i = 0; i < 3; i++)
            expect(m, "watch.newaddress", "[\"v\"]", "\"");
    qn_mock_steps(m, 0);
    if (how == 2)
        for (int i = 0; i < 64; i++)
            expect(m, "watch.rescan", "[0]", "{");
    if (how == 3)
        qn_mock_on_call(m, full, NULL);
    pay(m, k, 3, 1000);
    qn_mock_steps(m, UINT32_MAX);
    (void)qn_mock_run(m);
    if (how == 3) {
        expect(m, "watch.status", "[]", "\"complete\":false");
        qn_mock_on_call(m, NULL, NULL);
        qn_mock_mine(m, 1);
    }
    knows_all(m, "\"complete\":true");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

static void test_gap_limit__behind_one_that_was_paid_is_looked_for(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++)
        comes_to_a_paid_one(how);
}

static void test_import__no_combo_gives_addresses(void **state)
{
    (void)state;
    qn_mock *m = started();
    char text[400], sum[400];
    snprintf(text, sizeof text, "combo(" XPUB "/0/*)");
    add_checksum(text, sum, sizeof sum);
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, sum, "\"timestamp\":0,\"active\":true",
           "{\"code\":-4,\"message\":\"Combo descriptors cannot be set to active\"");
    import(m, sum, "\"timestamp\":0,\"active\":true,\"internal\":true", "cannot be set to active");
    /* Nor as the only one there is. */
    import(m, sum, "\"timestamp\":0", "true");
    expect(m, "watch.newaddress", "[\"w\"]", "error -4: The wallet has no active");
    import(m, sum, "\"timestamp\":0,\"internal\":true", "true");
    expect(m, "watch.newaddress", "[\"w\",\"\",true]", "error -4: The wallet has no active");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static void test_import__the_next_index_is_behind_what_was_paid(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, k->text, "\"timestamp\":\"now\",\"range\":4", "true");
    pay(m, k, 3, 1000);
    import(m, k->text, "\"timestamp\":\"now\",\"range\":8,\"next_index\":7", "true");
    expect(m, "watch.list", "[\"w\"]", "\"next_index\":7");
    import(m, k->text, "\"timestamp\":\"now\",\"range\":8,\"next_index\":0", "true");
    expect(m, "watch.list", "[\"w\"]", "\"next_index\":4");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

static void test_remove__takes_a_descriptor_as_it_was_imported(void **state)
{
    (void)state;
    qn_mock *m = started();
    char text[400], sum[400], params[500];
    snprintf(text, sizeof text, "wpkh([d34db33f/84'/1'/0']" XPUB "/<0;1;2>/*)");
    add_checksum(text, sum, sizeof sum);
    snprintf(params, sizeof params, "[\"w\",\"%s\"]", sum);
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, sum, "\"timestamp\":0", "true");
    add_checksum("raw(5252)", text, sizeof text);
    import(m, text, "\"timestamp\":0", "true");
    expect(m, "watch.list", "[]", "\"imports\":4,");
    expect(m, "watch.remove", params, "null");
    expect(m, "watch.list", "[]", "\"imports\":1,");
    expect(m, "watch.remove", params, "error -5: The wallet has no such import");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* ---- rescans ---- */

/* Every call takes long: a callback does little. */
static qn_status slowly(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)k;
    (void)interface;
    (void)method;
    qn_mock_sleep(arg, 20);
    return QN_OK;
}

static void test_rescan__is_told_to_the_wallet_it_was_for(void **state)
{
    (void)state;
    qn_mock *m = started();
    expect(m, "watch.create", "[\"w\"]", "{");
    expect(m, "watch.create", "[\"v\"]", "{");
    expect(m, "watch.import", "[\"w\",[{\"script\":\"5252\",\"birthday\":0}]]", "true");
    (void)qn_mock_run(m);
    expect(m, "watch.waitevent", "[0,0,\"w\"]", "\"rescan\":1,\"status\":\"done\"");
    expect(m, "watch.waitevent", "[0,0,\"v\"]", "{\"events\":[],\"cursor\":1,");
    expect(m, "watch.waitevent", "[0,0]", "\"rescan\":1,\"status\":\"done\"");
    expect(m, "watch.rescan", "[0]", "{");
    (void)qn_mock_run(m);
    expect(m, "watch.waitevent", "[0,0,\"v\"]", "\"rescan\":2,\"status\":\"done\"");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* The node begins no rescan. */
static qn_status no_rescan(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    bool it = strcmp(interface, "watch/1") == 0 && strcmp(method, "rescan") == 0;
    return it ? QN_E_LIMIT : QN_OK;
}

static void test_rescan__one_that_waits_does_the_work_of_others(void **state)
{
    (void)state;
    qn_mock *m = started();
    char params[200];
    for (int i = 0; i < 2; i++) {
        (void)qn_mock_pay(m, "\x52\x01", 2, 700);
        qn_mock_mine(m, 1);
    }
    (void)qn_mock_pay(m, "\x52\x50", 2, 700);
    qn_mock_mine(m, 2);
    (void)qn_mock_run(m);
    expect(m, "watch.create", "[\"w\"]", "{");
    qn_mock_on_call(m, no_rescan, NULL);
    for (int i = 0; i < 81; i++) {
        snprintf(params, sizeof params, "[\"w\",[{\"script\":\"52%02x\",\"birthday\":%d}]]", i,
                 i == 80 ? 2 : 7);
        expect(m, "watch.import", params, "true");
    }
    json_t *j = ask(m, "watch.status", "[]");
    assert_int_equal(json_array_size(json_object_get(j, "rescans")), 64);
    json_decref(j);
    expect(m, "watch.rescan", "[1]", "\"rescan\":65,"); /* a number of its own */
    qn_mock_crash(m);                                   /* what was answered is kept */
    qn_mock_on_call(m, NULL, NULL);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00002100");
    expect(m, "watch.waitevent", "[0,0,\"w\",1000]",
           "\"rescan\":64,\"status\":\"done\",\"start_height\":2,");
    expect(m, "watch.waitevent", "[0,0,\"w\",1000]",
           "\"rescan\":65,\"status\":\"done\",\"start_height\":1,");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* 64 rescans that wait: of imports of w, and the last one of v, which was paid before its birthday
 * of 6 and behind it. */
static qn_mock *with_rescans_waiting(void)
{
    qn_mock *m = started();
    char params[200];
    for (int height = 4; height < 8; height++) {
        (void)qn_mock_pay(m, "\x52\x01", 2, 700);
        (void)qn_mock_pay(m, "\x52\x77", 2, height == 5 ? 40 : height == 6 ? 2 : 0);
        qn_mock_mine(m, 1);
    }
    (void)qn_mock_run(m);
    expect(m, "watch.create", "[\"w\"]", "{");
    expect(m, "watch.create", "[\"v\"]", "{");
    qn_mock_on_call(m, no_rescan, NULL);
    for (int i = 0; i < 63; i++) {
        snprintf(params, sizeof params, "[\"w\",[{\"script\":\"52%02x\",\"birthday\":7}]]", i);
        expect(m, "watch.import", params, "true");
    }
    expect(m, "watch.import", "[\"v\",[{\"script\":\"5277\",\"birthday\":6}]]", "true");
    return m;
}

/* The end of the rescan of v, which found what lies behind its birthday; that of the other one. */
static void expect_ends(qn_mock *m)
{
    static const char all[] = "[0,0,null,1000]";
    expect(m, "watch.status", "[]", "\"rescans\":[]");
    expect(m, "watch.waitevent", all, "\"rescan\":64,\"status\":\"done\",\"start_height\":6,");
    expect(m, "watch.waitevent", all, "\"rescan\":65,\"status\":\"canceled\",\"start_height\":0,");
    expect(m, "watch.balance", "[\"v\"]", "\"trusted\":0.00000002");
}

static void test_cancel__ends_no_more_than_what_was_asked_for(void **state)
{
    (void)state;
    qn_mock *m = with_rescans_waiting();
    expect(m, "watch.rescan", "[0]", "\"rescan\":65,");
    expect(m, "watch.status", "[]",
           "{\"rescan\":65,\"start_height\":0,\"height\":0,\"running\":false}");
    expect(m, "watch.rescan", "[0,65]", "true");
    expect(m, "watch.rescan", "[0,65]", "error -8: There is no such rescan");
    expect(m, "watch.status", "[]",
           "{\"rescan\":64,\"start_height\":6,\"height\":6,\"running\":false}");
    qn_mock_on_call(m, NULL, NULL);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    expect_ends(m);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static bool runs(qn_mock *m, int64_t id)
{
    json_t *j = ask(m, "watch.status", "[]");
    const json_t *list = json_object_get(j, "rescans"), *r;
    bool running = false;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, r) if (number(r, "rescan") == id) running =
        json_is_true(json_object_get(r, "running"));
    json_decref(j);
    return running;
}

/* The one of v has begun and does another's work, from block 0 on. */
static qn_mock *with_one_under_way(void)
{
    qn_mock *m = with_rescans_waiting();
    expect(m, "watch.rescan", "[0]", "\"rescan\":65,");
    qn_mock_on_call(m, slowly, m);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_steps(m, 0);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    for (int steps = 0; !runs(m, 65); steps++) {
        assert_true(steps < 10000);
        qn_mock_steps(m, 1);
        (void)qn_mock_run(m);
        qn_mock_steps(m, 0);
    }
    return m;
}

static void test_cancel__of_one_under_way_goes_on_where_others_want_it(void **state)
{
    (void)state;
    for (unsigned lives = 1; lives < 3; lives++) {
        qn_mock *m = with_one_under_way();
        expect(m, "watch.rescan", "[0,65]", "true");
        expect(m, "watch.rescan", "[0,65]", "error -8: There is no such rescan");
        assert_true(runs(m, 64));
        if (lives == 2) {
            qn_mock_steps(m, 4);
            (void)qn_mock_run(m);
            qn_mock_crash(m);
            assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        }
        qn_mock_steps(m, UINT32_MAX);
        (void)qn_mock_run(m);
        expect_ends(m);
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
}

/* Whoever wants it last may give it up for all. */
static void test_cancel__of_the_last_ends_it(void **state)
{
    (void)state;
    qn_mock *m = with_one_under_way();
    expect(m, "watch.rescan", "[0,65]", "true");
    expect(m, "watch.rescan", "[0,64]", "true");
    qn_mock_steps(m, UINT32_MAX);
    (void)qn_mock_run(m);
    expect(m, "watch.status", "[]", "\"rescans\":[]");
    expect(m, "watch.waitevent", "[0,0,null,1000]", "\"rescan\":64,\"status\":\"canceled\"");
    expect(m, "watch.balance", "[\"v\"]", "\"trusted\":0.00000000");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

/* An event says this, and one alone. */
static void expect_end(qn_mock *m, const char *end)
{
    char *got = qn_mock_rpc(m, "watch.waitevent", "[0,0,null,1000]");
    const char *at = strstr(got, end);
    if (!at || strstr(at + 1, end))
        fail_msg("'%s' is not there once: %s", end, got);
    free(got);
}

static void finish(qn_mock *m)
{
    qn_mock_steps(m, UINT32_MAX);
    (void)qn_mock_run(m);
    expect(m, "watch.status", "[]", "\"rescans\":[]");
}

/* Who wants what lies above has all of it, who wants what is gone has the rest, and is told so. */
static void test_rescan__goes_on_where_blocks_begin_when_some_are_pruned(void **state)
{
    (void)state;
    for (unsigned lives = 1; lives < 3; lives++) {
        qn_mock *m = with_one_under_way();
        qn_mock_prune(m, 5);
        if (lives == 2) {
            qn_mock_steps(m, 4);
            (void)qn_mock_run(m);
            qn_mock_crash(m);
            assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        }
        finish(m);
        expect_end(m, "\"rescan\":64,\"status\":\"done\",\"start_height\":6,\"stop_height\":7,");
        expect_end(m, "\"rescan\":65,\"status\":\"pruned\",\"start_height\":5,\"stop_height\":7,");
        expect(m, "watch.balance", "[\"v\"]", "\"trusted\":0.00000042");
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
}

static void test_rescan__alone_goes_on_where_blocks_begin_when_some_are_pruned(void **state)
{
    (void)state;
    qn_mock *m = with_one_under_way();
    expect(m, "watch.rescan", "[0,64]", "true");
    qn_mock_prune(m, 5);
    finish(m);
    expect_end(m, "\"rescan\":65,\"status\":\"pruned\",\"start_height\":5,\"stop_height\":7,");
    expect(m, "watch.balance", "[\"v\"]", "\"trusted\":0.00000042");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
}

static qn_status has_ended(void *arg, uint64_t k, const char *interface, const char *method)
{
    (void)arg;
    (void)k;
    const bool it = strcmp(interface, "watch/1") == 0 && strcmp(method, "cancel") == 0;
    return it ? QN_E_NOTFOUND : QN_OK;
}

/* The node tells the end of it a moment later, and that it could not read what lies below. */
static void test_cancel__holds_where_the_node_has_ended_it_already(void **state)
{
    (void)state;
    for (int damaged = 0; damaged < 2; damaged++) {
        qn_mock *m = with_one_under_way();
        expect(m, "watch.rescan", "[0,64]", "true");
        qn_mock_on_call(m, has_ended, NULL);
        expect(m, "watch.rescan", "[0,65]", "true");
        qn_mock_on_call(m, NULL, NULL);
        if (damaged)
            qn_mock_damage(m, 4);
        else
            qn_mock_prune(m, 5);
        finish(m);
        expect_end(m, "\"rescan\":65,\"status\":\"canceled\",");
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
}

static void test_rescan__a_damaged_block_ends_those_that_want_it(void **state)
{
    (void)state;
    static const struct {
        uint32_t damaged;
        const char *w, *v, *trusted;
    } ROW[] = {
        {4, "\"failed\",\"start_height\":0,\"stop_height\":3,",
         "\"done\",\"start_height\":6,\"stop_height\":7,", "\"trusted\":0.00000002"},
        {6, "\"failed\",\"start_height\":0,\"stop_height\":5,",
         "\"failed\",\"start_height\":6,\"wallet\"", "\"trusted\":0.00000040"},
    };
    for (size_t i = 0; i < QC_COUNTOF(ROW); i++) {
        char *w = qc_asprintf("\"rescan\":65,\"status\":%s", ROW[i].w);
        char *v = qc_asprintf("\"rescan\":64,\"status\":%s", ROW[i].v);
        qn_mock *m = with_one_under_way();
        qn_mock_damage(m, ROW[i].damaged);
        finish(m);
        expect_end(m, w);
        expect_end(m, v);
        expect(m, "watch.balance", "[\"v\"]", ROW[i].trusted);
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
        qc_free(w);
        qc_free(v);
    }
}

/* Whoever was answered that it is given up finds it so, whenever the plugin was killed since; and
 * its end is told behind what it found. */
static void test_cancel__holds_after_a_crash(void **state)
{
    (void)state;
    bool any = false;
    for (unsigned i = 2; i < 160; i++) {
        const bool both = i % 2, within_a_block = i & 2;
        qn_mock *m = with_one_under_way();
        if (within_a_block) { /* at some steps */
            (void)qn_mock_pay(m, "\x52\x77", 2, 1);
            qn_mock_mine(m, 1);
        }
        qn_mock_steps(m, i / 4);
        (void)qn_mock_run(m);
        qn_mock_steps(m, 0);
        char *one = qn_mock_rpc(m, "watch.rescan", "[0,65]");
        char *other = both ? qn_mock_rpc(m, "watch.rescan", "[0,64]") : NULL;
        const bool is_one = strcmp(one, "true") == 0,
                   is_other = other && strcmp(other, "true") == 0;
        free(one);
        free(other);
        qn_mock_crash(m);
        qn_mock_on_call(m, NULL, NULL);
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
        finish(m);
        expect_end(m, is_one ? "\"rescan\":65,\"status\":\"canceled\""
                             : "\"rescan\":65,\"status\":\"done\"");
        expect_end(m, is_other ? "\"rescan\":64,\"status\":\"canceled\""
                               : "\"rescan\":64,\"status\":\"done\"");
        any = any || is_one;
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
    assert_true(any);
}

/* After whichever step of it. */
static void test_cancel__is_told_behind_what_was_found(void **state)
{
    (void)state;
    bool any = false;
    for (unsigned i = 2; i < 80; i++) {
        qn_mock *m = with_one_under_way();
        if (i % 2) {
            (void)qn_mock_pay(m, "\x52\x77", 2, 1);
            qn_mock_mine(m, 1);
        }
        qn_mock_steps(m, i / 2);
        (void)qn_mock_run(m);
        qn_mock_steps(m, 0);
        char *answer = qn_mock_rpc(m, "watch.rescan", "[0,65]");
        free(answer);
        finish(m);
        char *got = qn_mock_rpc(m, "watch.waitevent", "[0,0,null,1000]");
        const char *end = strstr(got, "\"rescan\":65,\"status\":\"canceled\"");
        /* What it alone looked for, from 0 on, up to the birthday of the other one. */
        const char *low = strstr(got, "\"blockheight\":5,");
        if (end && low) {
            assert_true(low < end);
            any = true;
        }
        free(got);
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_free(m);
    }
    assert_true(any);
}

/* ---- a range meets what another import has ---- */

/* Index 7 and 8 were imported first, by an import that looks at nothing before; 4 leads to them, in
 * the same block as 7. The machine dies after so many steps of the rescan. */
static void meets_within(unsigned steps)
{
    static const int paid[] = {7, 4};
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    char raw[200];
    for (size_t i = 0; i < 2; i++)
        (void)qn_mock_pay(m, k->script[paid[i]], k->len, 1000);
    qn_mock_mine(m, 1);
    pay(m, k, 8, 1000);
    expect(m, "watch.create", "[\"w\"]", "{");
    for (int index = 7; index < 9; index++) {
        raw_of(k, index, raw, sizeof raw);
        import(m, raw, "\"timestamp\":\"now\"", "true");
    }
    qn_mock_steps(m, 0);
    import(m, k->text, "\"birthday\":0,\"range\":4", "true");
    qn_mock_steps(m, steps);
    (void)qn_mock_run(m);
    qn_mock_crash(m);
    qn_mock_steps(m, UINT32_MAX);
    assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    (void)qn_mock_run(m);
    expect(m, "watch.status", "[]", "\"rescans\":[]");
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00003000");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

static void test_rescan__finds_what_another_import_has(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 20; steps++)
        meets_within(steps);
}

/* A range that has the same script was refused meanwhile. */
static void test_import__again_is_looked_for_by_the_number_that_the_node_knows(void **state)
{
    (void)state;
    qn_mock *m = started();
    keys *k = keys_of("wpkh(" XPUB "/0/*)");
    char raw[200];
    raw_of(k, 3, raw, sizeof raw);
    pay(m, k, 3, 1000);
    expect(m, "watch.create", "[\"w\"]", "{");
    import(m, raw, "\"timestamp\":\"now\"", "true");
    qn_mock_on_call(m, full, NULL);
    import(m, k->text, "\"timestamp\":\"now\",\"range\":4", "allows no more scripts");
    qn_mock_on_call(m, NULL, NULL);
    import(m, raw, "\"birthday\":0", "true");
    (void)qn_mock_run(m);
    expect(m, "watch.status", "[]", "\"rescans\":[]");
    expect(m, "watch.balance", "[\"w\"]", "\"trusted\":0.00001000");
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    qc_free(k);
}

/* ---- a turn of the loop within a transaction ---- */

#define MANY 100u /* coins: more than come in two deliveries */

/* Events that tell of the transaction with so many. */
static unsigned told_many(qn_mock *m)
{
    json_t *j = ask(m, "watch.waitevent", "[0,0,\"w\",1000]");
    const json_t *list = json_object_get(j, "events"), *e;
    unsigned n = 0;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, e)
    {
        if (strcmp(text(e, "event"), "confirmed") != 0)
            continue;
        assert_int_equal(number(e, "n_details"), MANY);
        n++;
    }
    json_decref(j);
    return n;
}

/* It waits for the rest of a transaction. */
static bool waits(qn_mock *m, const char *method, const char *params)
{
    char *got = qn_mock_rpc(m, method, params);
    const bool yes = strcmp(got, "error: no answer") == 0;
    free(got);
    return yes;
}

/* That a rescan which waits is given up is told at the next turn of the loop; and before coins are
 * locked, and at the end, what was told so far is stored. Something else may be removed, or an
 * import be refused, meanwhile. Returns: whether that comes between two deliveries of the coins of
 * a transaction. */
static bool flush_within(unsigned steps, int how)
{
    qn_mock *m = started();
    for (uint32_t i = 0; i < MANY; i++)
        (void)qn_mock_pay(m, "\x52\x01", 2, 1000);
    qn_mock_mine(m, 1);
    (void)qn_mock_run(m);
    expect(m, "watch.create", "[\"w\"]", "{");
    qn_mock_steps(m, 0);
    expect(m, "watch.import", "[\"w\",[{\"script\":\"5201\",\"birthday\":0}]]", "true");
    qn_mock_on_call(m, slowly, m);
    qn_mock_steps(m, steps);
    (void)qn_mock_run(m);
    qn_mock_steps(m, 0);
    const bool within = waits(m, "watch.utxos", "[\"w\"]");
    qn_mock_on_call(m, how == 4 ? full : no_rescan, NULL);
    if (how == 3) {
        expect(m, "watch.create", "[\"v\"]", "{");
        expect(m, "watch.remove", "[\"v\"]", "null");
    } else if (how == 4) {
        expect(m, "watch.import", "[\"w\",[{\"script\":\"5203\",\"timestamp\":\"now\"}]]",
               "allows no more scripts");
    }
    qn_mock_on_call(m, no_rescan, NULL);
    assert_int_equal(waits(m, "watch.utxos", "[\"w\"]"), within);
    if (how == 1) {
        assert_int_equal(waits(m, "watch.lockunspent", "[\"w\",true]"), within);
    } else if (how == 2) {
        assert_int_equal(qn_mock_stop(m), QN_OK);
        qn_mock_on_call(m, NULL, NULL);
        assert_int_equal(qn_mock_start(m, &qn_plugin_entry), QN_OK);
    } else {
        expect(m, "watch.rescan", "[4]", "\"rescan\":2,");
        expect(m, "watch.rescan", "[null,2]", "true");
    }
    qn_mock_on_call(m, slowly, m);
    qn_mock_steps(m, UINT32_MAX);
    (void)qn_mock_run(m);
    assert_int_equal(told_many(m), 1);
    assert_int_equal(qn_mock_stop(m), QN_OK);
    qn_mock_free(m);
    return within;
}

static void test_flush__tells_no_part_of_a_transaction(void **state)
{
    (void)state;
    for (int how = 0; how < 5; how++) {
        unsigned within = 0;
        for (unsigned steps = 0; steps < 8; steps++)
            within += flush_within(steps, how);
        assert_true(within > 0);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_claim__of_two_the_one_that_is_solvable_counts),
             cmocka_unit_test(test_submit__a_fee_that_is_known_in_part_has_its_limit),
             cmocka_unit_test(test_import__again_beyond_the_grant_is_incomplete),
             cmocka_unit_test(test_full_grant__a_reorganisation_takes_what_is_not_watched),
             cmocka_unit_test(test_gap_limit__a_larger_one_holds_from_the_start_on),
             cmocka_unit_test(test_gap_limit__behind_one_that_was_paid_is_looked_for),
             cmocka_unit_test(test_import__no_combo_gives_addresses),
             cmocka_unit_test(test_import__the_next_index_is_behind_what_was_paid),
             cmocka_unit_test(test_remove__takes_a_descriptor_as_it_was_imported),
             cmocka_unit_test(test_rescan__is_told_to_the_wallet_it_was_for),
             cmocka_unit_test(test_rescan__one_that_waits_does_the_work_of_others),
             cmocka_unit_test(test_cancel__ends_no_more_than_what_was_asked_for),
             cmocka_unit_test(test_cancel__of_one_under_way_goes_on_where_others_want_it),
             cmocka_unit_test(test_cancel__of_the_last_ends_it),
             cmocka_unit_test(test_cancel__holds_after_a_crash),
             cmocka_unit_test(test_cancel__is_told_behind_what_was_found),
             cmocka_unit_test(test_rescan__goes_on_where_blocks_begin_when_some_are_pruned),
             cmocka_unit_test(test_rescan__alone_goes_on_where_blocks_begin_when_some_are_pruned),
             cmocka_unit_test(test_cancel__holds_where_the_node_has_ended_it_already),
             cmocka_unit_test(test_rescan__a_damaged_block_ends_those_that_want_it),
             cmocka_unit_test(test_rescan__finds_what_another_import_has),
             cmocka_unit_test(test_import__again_is_looked_for_by_the_number_that_the_node_knows),
             cmocka_unit_test(test_flush__tells_no_part_of_a_transaction))
