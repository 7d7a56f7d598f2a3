#include "core/mempool/policy.h"
#include "core/script/opcode.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define NOTHING ((qc_span){NULL, 0})

#define KEY1 "21020000000000000000000000000000000000000000000000000000000000000001"
#define KEY2 "21030000000000000000000000000000000000000000000000000000000000000002"
#define UNCOMPRESSED                                                                               \
    "41040000000000000000000000000000000000000000000000000000000000000001000000000000000000000000" \
    "00"                                                                                           \
    "00000000000000000000000000000000000001"
#define HASH20 "140000000000000000000000000000000000000007"
#define HASH32 "200000000000000000000000000000000000000000000000000000000000000007"
#define P2PKH "76a9" HASH20 "88ac"
#define P2SH "a9" HASH20 "87"
#define P2WPKH "00" HASH20
#define P2WSH "00" HASH32
#define P2TR "51" HASH32
#define P2A "51024e73"

/* A transaction with one input and one P2PKH output of a million. */
static tb_tx *plain_tx(void)
{
    tb_tx *tx = tb_tx_new();
    qc_hash id = {{1}};
    qc_bytes script = hex_bytes(P2PKH);
    tb_tx_in(tx, &id, 0, NOTHING, TB_FINAL);
    tb_tx_out(tx, 1000000, qc_bytes_span(&script));
    qc_bytes_free(&script);
    return tx;
}

static void add_out(tb_tx *tx, qc_amount value, const char *hex)
{
    qc_bytes script = hex_bytes(hex);
    tb_tx_out(tx, value, qc_bytes_span(&script));
    qc_bytes_free(&script);
}

/* Does not take tx; reason NULL: standard. */
static void expect_of(const qc_policy *p, const tb_tx *tx, const char *reason)
{
    qc_verdict v = {0};
    qc_txbuf t;
    tb_tx_parse(tx, &t);
    bool ok = qc_policy_check_tx(p, &t.tx, &v);
    assert_string_equal(v.reason, reason ? reason : "");
    assert_int_equal(ok, !reason);
    assert_int_equal(v.code, reason ? QC_V_NOT_STANDARD : QC_V_OK);
    assert_string_equal(v.debug, "");
    qc_txbuf_clear(&t);
}

/* Takes tx. */
static void expect_tx(tb_tx *tx, const char *reason)
{
    qc_policy p = qc_policy_default();
    expect_of(&p, tx, reason);
    tb_tx_free(tx);
}

static void test_feerate__rounds_fees_up_and_rates_down(void **state)
{
    (void)state;
    static const struct {
        int64_t fee;
        int32_t size;
        int64_t vsize, cost, kvb;
    } c[] = {
        {1000, 1000, 0, 0, 1000},
        {1000, 1000, 1, 1, 1000},
        {1000, 1000, 121, 121, 1000},
        {-1000, 1000, 1, -1, -1000},
        {-1000, 1000, 9000, -9000, -1000},
        {123, 1000, 8, 1, 123},
        {123, 1000, 9, 2, 123},
        {123, 1000, 121, 15, 123},
        {123, 1000, 122, 16, 123},
        {123, 1000, 999, 123, 123},
        {123, 1000, 9000, 1107, 123},
        {-123, 1000, 8, -1, -123},
        {-123, 1000, 9, -1, -123},
        {1, 3, 1, 1, 333},
        {2, 3, 1000, 667, 666},
        {-1, 3, 1, -1, -334},
        {0, 1000, 5, 0, 0},
        {7, 0, 100, 0, 0},
        {INT64_MAX, 1, 2, INT64_MAX, INT64_MAX},
        {INT64_MIN, 1, 2, INT64_MIN, INT64_MIN},
        {INT64_MAX, 1000, 1000, INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_feerate r = {c[i].fee, c[i].size};
        assert_int_equal(qc_feerate_fee(r, c[i].vsize), c[i].cost);
        assert_int_equal(qc_feerate_kvb(r), c[i].kvb);
    }
    assert_int_equal(qc_feerate_per_kvb(77).fee, 77);
    assert_int_equal(qc_feerate_paid(5, 0).size, 0);
    assert_int_equal(qc_feerate_paid(5, -1).fee, 0);
    assert_int_equal(qc_feerate_paid(5, (int64_t)INT32_MAX + 1).size, 0);
    assert_int_equal(qc_feerate_paid(5, INT32_MAX).size, INT32_MAX);
}

static void test_feerate_cmp__loses_nothing(void **state)
{
    (void)state;
    qc_feerate a = {1, 3}, b = {333, 1000}, c = {333333333, 1000000000};
    assert_true(qc_feerate_cmp(a, b) > 0);
    assert_true(qc_feerate_cmp(b, a) < 0);
    assert_true(qc_feerate_cmp(a, c) > 0);
    assert_true(qc_feerate_cmp(c, b) > 0);
    qc_feerate big = {INT64_MAX, 1}, less = {INT64_MAX - 1, 1}, twice = {2, 6};
    assert_true(qc_feerate_cmp(big, less) > 0);
    assert_int_equal(qc_feerate_cmp(a, twice), 0);
    qc_feerate neg = {-1, 1};
    assert_true(qc_feerate_cmp(neg, a) < 0);
    assert_int_equal(qc_feerate_cmp((qc_feerate){0, 0}, neg), 0);
}

static void test_feerate_text__is_in_bitcoins_per_kvb(void **state)
{
    (void)state;
    char t[QC_FEERATE_TEXT];
    assert_string_equal(qc_feerate_text(qc_feerate_per_kvb(1000), t), "0.00001000 BTC/kvB");
    assert_string_equal(qc_feerate_text(qc_feerate_per_kvb(123456789012), t),
                        "1234.56789012 BTC/kvB");
    assert_string_equal(qc_feerate_text((qc_feerate){1, 3}, t), "0.00000333 BTC/kvB");
    assert_string_equal(qc_feerate_text(qc_feerate_per_kvb(-1), t), "-0.00000001 BTC/kvB");
    assert_string_equal(qc_feerate_text(qc_feerate_per_kvb(INT64_MIN), t),
                        "-92233720368.54775808 BTC/kvB");
}

static void test_policy__defaults_and_options(void **state)
{
    (void)state;
    qc_policy p = qc_policy_default();
    assert_int_equal(qc_feerate_kvb(p.min_relay), 100);
    assert_int_equal(qc_feerate_kvb(p.incremental), 100);
    assert_int_equal(qc_feerate_kvb(p.dust), 3000);
    assert_int_equal(p.datacarrier_size, 100000);
    assert_int_equal(p.bytes_per_sigop, 20);
    assert_true(p.datacarrier && p.bare_multisig && p.require_standard);

    assert_false(qc_policy_settle_fees(&p, false));
    p.incremental = qc_feerate_per_kvb(101);
    assert_false(qc_policy_settle_fees(&p, true));
    assert_int_equal(qc_feerate_kvb(p.min_relay), 100);
    assert_true(qc_policy_settle_fees(&p, false));
    assert_int_equal(qc_feerate_kvb(p.min_relay), 101);

    for (qc_chain_id id = QC_CHAIN_MAIN; id <= QC_CHAIN_REGTEST; id++) {
        qc_params *params;
        assert_int_equal(qc_params_new(id, NULL, &params), QC_OK);
        p.require_standard = true;
        assert_int_equal(qc_policy_accept_nonstandard(&p, params), id != QC_CHAIN_MAIN);
        assert_int_equal(p.require_standard, id == QC_CHAIN_MAIN);
        qc_params_free(params);
    }
}

static void test_flags__values(void **state)
{
    (void)state;
    assert_int_equal(QC_MANDATORY_FLAGS, 0x20e15);
    /* All there are, but the one that would refuse witnesses of other uses. */
    assert_int_equal(QC_POLICY_FLAGS, 0x1fffff & ~QC_SCRIPT_SIGPUSHONLY);
}

static void test_check_tx__versions_1_to_3(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        const char *reason;
    } c[] = {{0, "version"}, {1, NULL},      {2, NULL},
             {3, NULL},      {4, "version"}, {0xffffffff, "version"}};
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        tb_tx *tx = plain_tx();
        tx->version = c[i].version;
        expect_tx(tx, c[i].reason);
    }
}

static void test_check_tx__weight_to_400000(void **state)
{
    (void)state;
    static uint8_t item[400000];
    for (int over = 0; over < 2; over++) {
        tb_tx *tx = plain_tx();
        qc_bytes b = tb_tx_bytes(tx, false);
        /* Marker, flag, one item with a length of five bytes. */
        size_t room = 400000 - 4 * b.len - 2 - 1 - 5 + (size_t)over;
        qc_bytes_free(&b);
        tb_tx_witness(tx, 0, qc_span_of(item, room));
        qc_txbuf t;
        tb_tx_parse(tx, &t);
        assert_int_equal(t.tx.rec->weight, 400000 + over);
        qc_txbuf_clear(&t);
        expect_tx(tx, over ? "tx-size" : NULL);
    }
}

static void test_check_tx__script_sigs_are_short_and_push_only(void **state)
{
    (void)state;
    static uint8_t sig[1651]; /* pushes of nothing */
    static const struct {
        size_t len;
        uint8_t last;
        const char *reason;
    } c[] = {
        {0, 0, NULL},
        {1650, QC_OP_16, NULL},
        {1651, 0, "scriptsig-size"},
        {1651, QC_OP_NOP, "scriptsig-size"},
        {1, QC_OP_NOP, "scriptsig-not-pushonly"},
        {1, QC_OP_RESERVED, NULL},        /* counts as a push */
        {2, 1, "scriptsig-not-pushonly"}, /* the pushed byte is missing */
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        tb_tx *tx = plain_tx();
        qc_hash id = {{2}};
        tb_tx_in(tx, &id, 0, NOTHING, TB_FINAL);
        if (c[i].len)
            sig[c[i].len - 1] = c[i].last;
        tb_tx_set_script(tx, 1, qc_span_of(sig, c[i].len));
        expect_tx(tx, c[i].reason);
        memset(sig, 0, sizeof sig);
    }
}

static void test_check_tx__kinds_of_outputs(void **state)
{
    (void)state;
    static const struct {
        const char *script, *reason;
    } c[] = {
        {P2PKH, NULL},
        {P2SH, NULL},
        {P2WPKH, NULL},
        {P2WSH, NULL},
        {P2TR, NULL},
        {P2A, NULL},
        {"5220"
         "0000000000000000000000000000000000000000000000000000000000000000",
         NULL},
        {"60024e73", NULL},           /* a witness program of the future */
        {"00024e73", "scriptpubkey"}, /* version 0 has two lengths */
        {"51014e", "scriptpubkey"},   /* too short for a program */
        {KEY1 "ac", NULL},
        {UNCOMPRESSED "ac", NULL},
        {"21050000000000000000000000000000000000000000000000000000000000000001ac", "scriptpubkey"},
        {"51" KEY1 "51ae", NULL},
        {"51" KEY1 KEY2 "52ae", NULL},
        {"53" KEY1 KEY2 KEY1 "53ae", NULL},
        {"51" KEY1 KEY2 KEY1 KEY2 "54ae", "scriptpubkey"},
        {"52" KEY1 "51ae", "scriptpubkey"},
        {"00" KEY1 "51ae", "scriptpubkey"},
        {"5151ae", "scriptpubkey"},
        {"51" KEY1 "52ae", "scriptpubkey"},
        {"51", "scriptpubkey"},
        {"", "scriptpubkey"},
        {"6a", NULL},
        {"6a4e00", "scriptpubkey"}, /* its push is cut off */
        {"6a6102aabb", "scriptpubkey"},
        {"ae", "scriptpubkey"},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        tb_tx *tx = plain_tx();
        add_out(tx, 1000000, c[i].script);
        expect_tx(tx, c[i].reason);
    }
}

static void test_check_tx__bare_multisig_is_an_option(void **state)
{
    (void)state;
    qc_policy p = qc_policy_default();
    tb_tx *tx = plain_tx();
    add_out(tx, 1000000, "51" KEY1 KEY2 "52ae");
    expect_of(&p, tx, NULL);
    p.bare_multisig = false;
    expect_of(&p, tx, "bare-multisig");
    tb_tx_free(tx);
}

static void test_check_tx__data_outputs_share_one_budget(void **state)
{
    (void)state;
    qc_policy p = qc_policy_default();
    tb_tx *tx = plain_tx();
    add_out(tx, 0, "6a03aabbcc"); /* 5 bytes */
    add_out(tx, 0, "6a02aabb");   /* 4 */
    expect_of(&p, tx, NULL);
    p.datacarrier_size = 9;
    expect_of(&p, tx, NULL);
    p.datacarrier_size = 8;
    expect_of(&p, tx, "datacarrier");
    p.datacarrier_size = 100000;
    p.datacarrier = false;
    expect_of(&p, tx, "datacarrier");
    tb_tx_free(tx);

    tx = plain_tx();
    expect_of(&p, tx, NULL);
    add_out(tx, 0, "6a");
    expect_of(&p, tx, "datacarrier");
    tb_tx_free(tx);
}

static void test_check_tx__one_dust_output_at_most(void **state)
{
    (void)state;
    tb_tx *tx = plain_tx();
    add_out(tx, 545, P2PKH);
    expect_tx(tx, NULL);
    tx = plain_tx();
    add_out(tx, 545, P2PKH);
    add_out(tx, 239, P2A);
    expect_tx(tx, "dust");
    tx = plain_tx();
    add_out(tx, 545, P2PKH);
    add_out(tx, 240, P2A);
    add_out(tx, 0, "6a01aa"); /* spends nothing of anybody */
    expect_tx(tx, NULL);
}

static void test_check_tx__first_fault_is_told(void **state)
{
    (void)state;
    qc_policy p = qc_policy_default();
    tb_tx *tx = plain_tx();
    add_out(tx, 0, P2PKH);
    add_out(tx, 0, P2PKH);
    expect_of(&p, tx, "dust");
    add_out(tx, 0, "51");
    expect_of(&p, tx, "scriptpubkey");
    tb_tx_set_script(tx, 0, qc_span_str("\x61"));
    expect_of(&p, tx, "scriptsig-not-pushonly");
    tx->version = 4;
    expect_of(&p, tx, "version");
    p.require_standard = false;
    expect_of(&p, tx, NULL);
    tb_tx_free(tx);
}

static void test_check_tx__too_small_whatever_the_options(void **state)
{
    (void)state;
    qc_policy p = qc_policy_default();
    for (int standard = 0; standard < 2; standard++)
        for (size_t len = 3; len < 7; len++) {
            tb_tx *tx = tb_tx_new();
            qc_hash id = {{1}};
            uint8_t data[7] = {QC_OP_RETURN, (uint8_t)(len - 2)};
            tb_tx_in(tx, &id, 0, NOTHING, TB_FINAL);
            tb_tx_out(tx, 0, qc_span_of(data, len));
            /* 60 bytes without the script; witness data does not count. */
            tb_tx_witness(tx, 0, qc_span_of(data, len));
            p.require_standard = standard;
            expect_of(&p, tx, len < 5 ? "tx-size-small" : NULL);
            tb_tx_free(tx);
        }
}

static void test_dust_threshold__per_kind_of_output(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        qc_amount at_3000, at_1;
    } c[] = {
        {P2PKH, 546, 1},      {P2SH, 540, 1},      {P2WPKH, 294, 1},
        {P2WSH, 330, 1},      {P2TR, 330, 1},      {P2A, 240, 1},
        {"60024e73", 240, 1}, {KEY1 "ac", 576, 1}, {UNCOMPRESSED "ac", 672, 1},
        {"", 471, 1},         {"6a", 0, 0},        {"6a6161", 0, 0},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_bytes s = hex_bytes(c[i].script);
        assert_int_equal(qc_dust_threshold(qc_bytes_span(&s), qc_feerate_per_kvb(3000)),
                         c[i].at_3000);
        assert_int_equal(qc_dust_threshold(qc_bytes_span(&s), qc_feerate_per_kvb(1)), c[i].at_1);
        assert_int_equal(qc_dust_threshold(qc_bytes_span(&s), qc_feerate_per_kvb(0)), 0);
        qc_bytes_free(&s);
    }
    /* The length of the script counts, and that of its length; what is over-long is never spent. */
    static uint8_t script[10001];
    qc_feerate r = qc_feerate_per_kvb(1000);
    assert_int_equal(qc_dust_threshold(qc_span_of(script, 252), r), 8 + 1 + 252 + 148);
    assert_int_equal(qc_dust_threshold(qc_span_of(script, 253), r), 8 + 3 + 253 + 148);
    assert_int_equal(qc_dust_threshold(qc_span_of(script, 10000), r), 8 + 3 + 10000 + 148);
    assert_int_equal(qc_dust_threshold(qc_span_of(script, 10001), r), 0);
}

static void test_tx_dust__counts_and_tells_the_first(void **state)
{
    (void)state;
    tb_tx *tx = plain_tx();
    add_out(tx, 546, P2PKH);
    add_out(tx, 545, P2PKH);
    add_out(tx, 0, P2A);
    qc_txbuf t;
    tb_tx_parse(tx, &t);
    uint32_t first = 77;
    assert_int_equal(qc_tx_dust(&t.tx, qc_feerate_per_kvb(3000), &first), 2);
    assert_int_equal(first, 2);
    assert_true(qc_tx_out_is_dust(&t.tx, 3, qc_feerate_per_kvb(3000)));
    assert_false(qc_tx_out_is_dust(&t.tx, 1, qc_feerate_per_kvb(3000)));
    first = 77;
    assert_int_equal(qc_tx_dust(&t.tx, qc_feerate_per_kvb(0), &first), 0);
    assert_int_equal(first, 77);
    qc_txbuf_clear(&t);
    tb_tx_free(tx);
}

static void test_check_dust_fee__dust_pays_nothing(void **state)
{
    (void)state;
    static const struct {
        qc_amount base, modified;
        bool dust, standard, good;
    } c[] = {
        {0, 0, true, true, true},   {1, 0, true, true, false}, {0, 1, true, true, false},
        {0, -1, true, true, false}, {1, 1, false, true, true}, {1, 1, true, false, true},
        {1, -1, true, true, false},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_policy p = qc_policy_default();
        qc_verdict v = {0};
        qc_txbuf t;
        tb_tx *tx = plain_tx();
        if (c[i].dust)
            add_out(tx, 1, P2A);
        p.require_standard = c[i].standard;
        tb_tx_parse(tx, &t);
        assert_int_equal(qc_policy_check_dust_fee(&p, &t.tx, c[i].base, c[i].modified, &v),
                         c[i].good);
        assert_string_equal(v.reason, c[i].good ? "" : "dust");
        assert_string_equal(v.debug, c[i].good ? "" : "tx with dust output must be 0-fee");
        assert_int_equal(v.code, c[i].good ? QC_V_OK : QC_V_NOT_STANDARD);
        qc_txbuf_clear(&t);
        tb_tx_free(tx);
    }
}

static void test_check_fee__pool_first_then_relay(void **state)
{
    (void)state;
    static const struct {
        int64_t pool, fee;
        const char *reason, *debug;
    } c[] = {
        {0, 20, NULL, ""},
        {0, 19, "min relay fee not met", "19 < 20"},
        {0, -5, "min relay fee not met", "-5 < 20"},
        {1000, 200, NULL, ""},
        {1000, 199, "mempool min fee not met", "199 < 200"},
        {10, 19, "min relay fee not met", "19 < 20"},
        {10, 1, "mempool min fee not met", "1 < 2"},
    };
    qc_policy p = qc_policy_default();
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_verdict v = {0};
        bool ok = qc_policy_check_fee(&p, qc_feerate_per_kvb(c[i].pool), 200, c[i].fee, &v);
        assert_int_equal(ok, !c[i].reason);
        assert_string_equal(v.reason, c[i].reason ? c[i].reason : "");
        assert_string_equal(v.debug, c[i].debug);
        assert_int_equal(v.code, c[i].reason ? QC_V_RECONSIDERABLE : QC_V_OK);
    }
    qc_verdict v = {0};
    p.min_relay = qc_feerate_per_kvb(0);
    assert_true(qc_policy_check_fee(&p, qc_feerate_per_kvb(0), 200, 0, &v));
}

static void test_check_sigops__to_a_fifth_of_a_block(void **state)
{
    (void)state;
    qc_verdict v = {0};
    assert_true(qc_policy_check_sigops(16000, &v));
    assert_false(qc_policy_check_sigops(16001, &v));
    assert_string_equal(v.reason, "bad-txns-too-many-sigops");
    assert_string_equal(v.debug, "16001");
    assert_int_equal(v.code, QC_V_NOT_STANDARD);
}

static void test_vsize__sigops_weigh_too(void **state)
{
    (void)state;
    assert_int_equal(qc_adjusted_weight(400, 20, 20), 400);
    assert_int_equal(qc_adjusted_weight(400, 21, 20), 420);
    assert_int_equal(qc_adjusted_weight(400, 80000, 0), 400);
    assert_int_equal(qc_adjusted_weight(400, 80000, UINT32_MAX), 80000 * (int64_t)UINT32_MAX);
    assert_int_equal(qc_vsize(400), 100);
    assert_int_equal(qc_vsize(401), 101);
    assert_int_equal(qc_vsize(404), 101);
}

QC_TEST_MAIN(cmocka_unit_test(test_feerate__rounds_fees_up_and_rates_down),
             cmocka_unit_test(test_feerate_cmp__loses_nothing),
             cmocka_unit_test(test_feerate_text__is_in_bitcoins_per_kvb),
             cmocka_unit_test(test_policy__defaults_and_options),
             cmocka_unit_test(test_flags__values), cmocka_unit_test(test_check_tx__versions_1_to_3),
             cmocka_unit_test(test_check_tx__weight_to_400000),
             cmocka_unit_test(test_check_tx__script_sigs_are_short_and_push_only),
             cmocka_unit_test(test_check_tx__kinds_of_outputs),
             cmocka_unit_test(test_check_tx__bare_multisig_is_an_option),
             cmocka_unit_test(test_check_tx__data_outputs_share_one_budget),
             cmocka_unit_test(test_check_tx__one_dust_output_at_most),
             cmocka_unit_test(test_check_tx__first_fault_is_told),
             cmocka_unit_test(test_check_tx__too_small_whatever_the_options),
             cmocka_unit_test(test_dust_threshold__per_kind_of_output),
             cmocka_unit_test(test_tx_dust__counts_and_tells_the_first),
             cmocka_unit_test(test_check_dust_fee__dust_pays_nothing),
             cmocka_unit_test(test_check_fee__pool_first_then_relay),
             cmocka_unit_test(test_check_sigops__to_a_fifth_of_a_block),
             cmocka_unit_test(test_vsize__sigops_weigh_too))
