/* The JSON of getblocktemplate, made of a template alone. */
#include "lib/gbt.h"
#include "tests/unit/harness.h"

#include <jansson.h>

static const uint8_t OUTPUTS[] = {0, 0, 0, 0, 0, 0, 0, 0, 3, 0x6a, 0x01, 0xff};
static const uint8_t CHALLENGE[] = {0x51, 0xac};
static const uint32_t DEPENDS[] = {1, 1, 2};

/* Transaction i is i + 3 bytes of i; it has i signature operations, and depends on what is before.
 */
static void put_tx(const void *arg, uint32_t i, qn_gbt_tx *out)
{
    static uint8_t id[2][32], raw[8][16];
    (void)arg;
    memset(id[0], (int)i, 32);
    memset(id[1], 0x80 + (int)i, 32);
    id[0][0] = id[1][0] = 0xab;
    memset(raw[i], (int)i, sizeof raw[i]);
    *out = (qn_gbt_tx){id[0], id[1], 1000 * (int64_t)i, 4 * i, 8 * i, DEPENDS, i, raw[i], i + 3};
}

static qn_gbt_view plain(void)
{
    qn_gbt_view v = {
        .height = 210000,
        .version = 0x20000005,
        .bits = 0x1d00ffff,
        .cur_time = 4000000000,
        .min_time = 7,
        .prev = {[31] = 0x12},
        .target = {[30] = 0x34},
        .updates = UINT64_MAX,
        .reward = 2500000000,
        .outputs = OUTPUTS,
        .outputs_len = sizeof OUTPUTS,
        .n_outputs = 1,
        .segwit = true,
        .n_tx = 3,
        .tx = put_tx,
    };
    return v;
}

static const char *const BOTH[] = {"segwit", "signet"};

static json_t *print_as(const qn_gbt_view *v, size_t n_rules)
{
    const qn_gbt_client client = {BOTH, n_rules};
    size_t n = qn_gbt_json(v, &client, NULL, 0);
    char *text = malloc(n + 1);
    assert_non_null(text);
    memset(text, '~', n + 1);
    assert_int_equal(qn_gbt_json(v, &client, text, n), n);
    assert_int_equal(text[n], '~'); /* nothing behind it is touched */
    assert_int_equal(text[n - 1], '}');
    json_error_t e;
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        fail_msg("%s in %.*s", e.text, (int)n, text);
    free(text);
    return j;
}

static void expect(const json_t *j, const char *key, const char *want)
{
    char *got = json_dumps(json_object_get(j, key), JSON_ENCODE_ANY | JSON_COMPACT);
    if (!got || strcmp(got, want) != 0)
        fail_msg("%s is %s, not %s", key, got ? got : "missing", want);
    free(got);
}

static void test_json__has_every_field(void **state)
{
    (void)state;
    qn_gbt_view v = plain();
    json_t *j = print_as(&v, 1);
    expect(j, "capabilities", "[\"proposal\"]");
    expect(j, "version", "536870917");
    expect(j, "rules", "[\"csv\",\"!segwit\",\"taproot\"]");
    expect(j, "vbavailable", "{}");
    expect(j, "vbrequired", "0");
    expect(j, "previousblockhash",
           "\"1200000000000000000000000000000000000000000000000000000000000000\"");
    expect(j, "coinbaseaux", "{}");
    expect(j, "coinbasevalue", "2500000000");
    expect(
        j, "longpollid",
        "\"120000000000000000000000000000000000000000000000000000000000000018446744073709551615\"");
    expect(j, "target", "\"0034000000000000000000000000000000000000000000000000000000000000\"");
    expect(j, "mintime", "7");
    expect(j, "mutable", "[\"time\",\"transactions\",\"prevblock\"]");
    expect(j, "noncerange", "\"00000000ffffffff\"");
    expect(j, "sigoplimit", "80000");
    expect(j, "sizelimit", "4000000");
    expect(j, "weightlimit", "4000000");
    expect(j, "curtime", "4000000000");
    expect(j, "bits", "\"1d00ffff\"");
    expect(j, "height", "210000");
    expect(j, "default_witness_commitment", "\"6a01ff\"");
    assert_null(json_object_get(j, "signet_challenge"));
    assert_int_equal(json_object_size(j), 21);
    const json_t *list = json_object_get(j, "transactions"), *tx = json_array_get(list, 2);
    assert_int_equal(json_array_size(list), 3);
    expect(tx, "data", "\"0202020202\"");
    expect(tx, "txid", "\"02020202020202020202020202020202020202020202020202020202020202ab\"");
    expect(tx, "hash", "\"82828282828282828282828282828282828282828282828282828282828282ab\"");
    expect(tx, "depends", "[1,1]");
    expect(tx, "fee", "2000");
    expect(tx, "sigops", "16");
    expect(tx, "weight", "8");
    assert_int_equal(json_object_size(tx), 7);
    json_decref(j);
}

static void test_json__before_segwit_counts_bytes(void **state)
{
    (void)state;
    qn_gbt_view v = plain();
    v.segwit = false;
    v.n_outputs = 0;
    json_t *j = print_as(&v, 1);
    expect(j, "rules", "[\"csv\"]");
    expect(j, "sigoplimit", "20000");
    expect(j, "sizelimit", "1000000");
    assert_null(json_object_get(j, "weightlimit"));
    assert_null(json_object_get(j, "default_witness_commitment"));
    expect(json_array_get(json_object_get(j, "transactions"), 1), "sigops", "2");
    json_decref(j);
}

static void test_json__speaks_of_deployments(void **state)
{
    (void)state;
    static const qn_gbt_rule rule[] = {
        {"alpha", 0, false, false}, {"beta", 2, false, true}, {"gamma", 5, true, true}};
    qn_gbt_view v = plain();
    v.challenge = CHALLENGE;
    v.challenge_len = sizeof CHALLENGE;
    v.rule = rule;
    v.n_rules = 3;
    json_t *j = print_as(&v, 2);
    expect(j, "rules", "[\"csv\",\"!segwit\",\"taproot\",\"!signet\",\"gamma\"]");
    expect(j, "vbavailable", "{\"!alpha\":0,\"beta\":2}");
    expect(j, "version", "536870916"); /* no bit 0: the client does not know alpha */
    expect(j, "signet_challenge", "\"51ac\"");
    json_decref(j);
    v.version = -1;
    j = print_as(&v, 2);
    expect(j, "version", "-2");
    json_decref(j);
}

static void test_json__survives_outputs_that_are_none(void **state)
{
    (void)state;
    static const uint8_t bad[] = {0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3};
    qn_gbt_view v = plain();
    for (size_t len = 0; len <= sizeof bad; len++) {
        v.outputs = bad;
        v.outputs_len = len;
        json_t *j = print_as(&v, 1);
        assert_null(json_object_get(j, "default_witness_commitment"));
        json_decref(j);
    }
}

static void test_json__writes_nothing_beyond_its_room(void **state)
{
    (void)state;
    qn_gbt_view v = plain();
    const qn_gbt_client client = {BOTH, 1};
    size_t n = qn_gbt_json(&v, &client, NULL, 0);
    for (size_t cap = 0; cap < n; cap++) {
        char *text = malloc(cap + 1); /* exactly as long, so that tools see one byte too many */
        assert_non_null(text);
        text[cap] = '~';
        assert_int_equal(qn_gbt_json(&v, &client, text, cap), n);
        assert_int_equal(text[cap], '~');
        free(text);
    }
}

static void test_refuse__who_does_not_know_the_rules(void **state)
{
    (void)state;
    char why[200];
    static const qn_gbt_rule hard = {"omega", 3, true, false};
    const qn_gbt_client none = {NULL, 0}, one = {BOTH, 1}, two = {BOTH, 2};
    assert_true(qn_gbt_refuse(false, &none, why, sizeof why));
    assert_string_equal(why, "getblocktemplate must be called with the segwit rule set (call with "
                             "{\"rules\": [\"segwit\"]})");
    assert_false(qn_gbt_refuse(false, &one, why, sizeof why));
    assert_true(qn_gbt_refuse(true, &one, why, sizeof why));
    assert_string_equal(why, "getblocktemplate must be called with the signet rule set (call with "
                             "{\"rules\": [\"segwit\", \"signet\"]})");
    assert_false(qn_gbt_refuse(true, &two, NULL, 0));
    qn_gbt_view v = plain();
    assert_false(qn_gbt_refuse_view(&v, &one, NULL, 0));
    v.rule = &hard;
    v.n_rules = 1;
    assert_true(qn_gbt_refuse_view(&v, &one, why, sizeof why));
    assert_string_equal(why, "Support for 'omega' rule requires explicit client support");
    const char *const knows[] = {"omega", "segwit"};
    assert_false(qn_gbt_refuse_view(&v, &(qn_gbt_client){knows, 2}, NULL, 0));
    v.challenge = CHALLENGE;
    assert_true(qn_gbt_refuse_view(&v, &(qn_gbt_client){knows, 2}, NULL, 0));
}

QC_TEST_MAIN(cmocka_unit_test(test_json__has_every_field),
             cmocka_unit_test(test_json__before_segwit_counts_bytes),
             cmocka_unit_test(test_json__speaks_of_deployments),
             cmocka_unit_test(test_json__survives_outputs_that_are_none),
             cmocka_unit_test(test_json__writes_nothing_beyond_its_room),
             cmocka_unit_test(test_refuse__who_does_not_know_the_rules))
