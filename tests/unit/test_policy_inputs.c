#include "core/mempool/policy.h"
#include "core/base/endian.h"
#include "core/script/opcode.h"
#include "tests/unit/builder.h"
#include "tests/unit/harness.h"

#define NOTHING ((qc_span){NULL, 0})
#define MAX_IN 8

#define HASH20 "140000000000000000000000000000000000000007"
#define HASH32 "200000000000000000000000000000000000000000000000000000000000000007"
#define P2PKH "76a9" HASH20 "88ac"
#define P2SH "a9" HASH20 "87"
#define P2WPKH "00" HASH20
#define P2WSH "00" HASH32
#define P2TR "51" HASH32
#define P2A "51024e73"
#define REASON "bad-txns-nonstandard-inputs"

/* A transaction under construction, with what it spends. */
typedef struct kit {
    tb_tx *tx;
    qc_bytes script[MAX_IN];
    qc_spent spent[MAX_IN];
} kit;

static kit kit_new(void)
{
    kit k;
    memset(&k, 0, sizeof k);
    k.tx = tb_tx_new();
    tb_tx_out(k.tx, 1000, qc_span_str("\x51"));
    return k;
}

static size_t spend_bytes(kit *k, qc_span script, qc_span sig)
{
    qc_hash id = {{(uint8_t)(k->tx->n_in + 1)}};
    size_t i = tb_tx_in(k->tx, &id, 0, sig, TB_FINAL);
    assert_true(i < MAX_IN);
    assert_int_equal(qc_bytes_append(&k->script[i], script.data, script.len), QC_OK);
    k->spent[i] = (qc_spent){.value = 5000, .script = qc_bytes_span(&k->script[i]), .height = 1};
    return i;
}

static size_t spend(kit *k, const char *script, const char *sig)
{
    qc_bytes a = hex_bytes(script), b = hex_bytes(sig);
    size_t i = spend_bytes(k, qc_bytes_span(&a), qc_bytes_span(&b));
    qc_bytes_free(&a);
    qc_bytes_free(&b);
    return i;
}

static void judge(const kit *k, const qc_policy *p, qc_verdict *v)
{
    qc_txbuf t;
    tb_tx_parse(k->tx, &t);
    memset(v, 0, sizeof *v);
    bool ok = qc_policy_check_inputs(p, &t.tx, k->spent, v);
    assert_int_equal(ok, v->code == QC_V_OK);
    qc_txbuf_clear(&t);
}

static void kit_free(kit *k)
{
    tb_tx_free(k->tx);
    for (size_t i = 0; i < MAX_IN; i++)
        qc_bytes_free(&k->script[i]);
}

/* Takes k. debug NULL: standard. */
static void expect_inputs(kit *k, const char *debug)
{
    qc_policy p = qc_policy_default();
    qc_verdict v;
    judge(k, &p, &v);
    assert_string_equal(v.debug, debug ? debug : "");
    assert_string_equal(v.reason, debug ? REASON : "");
    assert_int_equal(v.code, debug ? QC_V_INPUTS_NOT_STANDARD : QC_V_OK);
    p.require_standard = false;
    judge(k, &p, &v);
    assert_int_equal(v.code, QC_V_OK);
    kit_free(k);
}

/* Takes k. */
static void expect_witness(kit *k, bool good)
{
    qc_policy p = qc_policy_default();
    qc_verdict v;
    judge(k, &p, &v);
    assert_string_equal(v.reason, good ? "" : "bad-witness-nonstandard");
    assert_int_equal(v.code, good ? QC_V_OK : QC_V_WITNESS_MUTATED);
    assert_string_equal(v.debug, "");
    p.require_standard = false;
    judge(k, &p, &v);
    assert_int_equal(v.code, QC_V_OK);
    kit_free(k);
}

static void test_check_inputs__kinds_of_coins(void **state)
{
    (void)state;
    static const struct {
        const char *script, *sig, *debug;
    } c[] = {
        {P2PKH, "51", NULL},
        {P2WPKH, "", NULL},
        {P2WSH, "", NULL},
        {P2TR, "", NULL},
        {P2A, "", NULL},
        {"6a01aa", "", NULL}, /* never spent: not this rule's affair */
        {P2SH, "0151", NULL},
        {P2SH, "51", NULL}, /* a constant is a redeem script too */
        {P2SH, "00", NULL},
        {"51", "", "input 1 script unknown"},
        {"", "", "input 1 script unknown"},
        {"00024e73", "", "input 1 script unknown"},
        {"51024e74", "", "input 1 witness program is undefined"},
        {"52" HASH32, "", "input 1 witness program is undefined"},
        {"60024e73", "", "input 1 witness program is undefined"},
        {P2SH, "", "input 1 P2SH redeemscript missing"},
        {P2SH, "50", "p2sh scriptsig malformed (input 1: Opcode missing or not understood)"},
        {P2SH, "0251", "p2sh scriptsig malformed (input 1: Opcode missing or not understood)"},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        kit k = kit_new();
        spend(&k, P2PKH, "");
        spend(&k, c[i].script, c[i].sig);
        expect_inputs(&k, c[i].debug);
    }
}

static void test_check_inputs__pushes_of_a_p2sh_spend(void **state)
{
    (void)state;
    static uint8_t sig[1650], script[23] = {QC_OP_HASH160, 20, [22] = QC_OP_EQUAL};
    for (int over = 0; over < 2; over++) {
        /* 1000 items are the most that fit on a stack. */
        kit k = kit_new();
        memset(sig, QC_OP_1, sizeof sig);
        spend_bytes(&k, qc_span_of(script, 23), qc_span_of(sig, 1000 + (size_t)over));
        expect_inputs(&k, over ? "p2sh scriptsig malformed (input 0: Stack size limit exceeded)"
                               : NULL);
        /* 520 bytes are the most that one of them has. */
        k = kit_new();
        memset(sig, 0, sizeof sig);
        sig[0] = QC_OP_PUSHDATA2;
        qc_write_le16(sig + 1, (uint16_t)(520 + over));
        spend_bytes(&k, qc_span_of(script, 23), qc_span_of(sig, 523 + (size_t)over));
        expect_inputs(
            &k, over ? "p2sh scriptsig malformed (input 0: Push value size limit exceeded)" : NULL);
    }
}

static void test_check_inputs__sigops_of_a_redeem_script(void **state)
{
    (void)state;
    static const struct {
        const char *sig, *debug;
    } c[] = {
        {"0facacacacacacacacacacacacacacac", NULL}, /* 15 */
        {"10acacacacacacacacacacacacacacacac",
         "p2sh redeemscript sigops exceed limit (input 0: 16 > 15)"},
        {"025fae", NULL}, /* CHECKMULTISIG of 15 */
        {"0260ae", "p2sh redeemscript sigops exceed limit (input 0: 16 > 15)"},
        {"01ae", "p2sh redeemscript sigops exceed limit (input 0: 20 > 15)"},
        {"01ae51", NULL}, /* the last push is the script */
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        kit k = kit_new();
        spend(&k, P2SH, c[i].sig);
        expect_inputs(&k, c[i].debug);
    }
}

/* BIP54. What is spent counts, accurately: 124 CHECKMULTISIGs of an unknown number of keys and one
 * of 16 make 2496; the rest comes from another coin, a redeem script or a scriptSig. */
static void test_check_inputs__legacy_sigops_to_2500(void **state)
{
    (void)state;
    static uint8_t script[126], ops[8];
    static const uint8_t p2sh[23] = {QC_OP_HASH160, 20, [22] = QC_OP_EQUAL};
    memset(script, QC_OP_CHECKMULTISIG, 124);
    script[124] = QC_OP_16;
    script[125] = QC_OP_CHECKMULTISIG;
    for (int kind = 0; kind < 2; kind++)
        for (size_t n = 4; n < 6; n++) {
            kit k = kit_new();
            memset(ops, QC_OP_CHECKSIG, sizeof ops);
            spend_bytes(&k, qc_span_of(script, sizeof script), NOTHING);
            if (kind == 0) {
                spend_bytes(&k, qc_span_of(ops, n), NOTHING);
            } else {
                ops[0] = (uint8_t)n;
                spend_bytes(&k, qc_span_of(p2sh, 23), qc_span_of(ops, n + 1));
            }
            /* It comes before the judgement on the coins, which are of no known kind. */
            expect_inputs(&k, n == 5 ? "non-witness sigops exceed bip54 limit"
                                     : "input 0 script unknown");
        }
    /* Signature operations in a scriptSig count, those in the outputs and witnesses do not. */
    kit k = kit_new();
    memset(ops, QC_OP_CHECKSIG, sizeof ops);
    spend_bytes(&k, qc_span_of(script, sizeof script), qc_span_of(ops, 5));
    expect_inputs(&k, "non-witness sigops exceed bip54 limit");
    k = kit_new();
    spend_bytes(&k, qc_span_of(script, sizeof script), qc_span_of(ops, 4));
    tb_tx_out(k.tx, 1000, qc_span_of(ops, 8));
    tb_tx_witness(k.tx, 0, qc_span_of(ops, 8));
    expect_inputs(&k, "input 0 script unknown");
}

/* Witness of items with these lengths, the last one first byte `tag`. */
static void add_stack(kit *k, size_t in, size_t n, size_t len, size_t last)
{
    static const uint8_t zeros[4000];
    for (size_t i = 0; i < n; i++)
        tb_tx_witness(k->tx, in, qc_span_of(zeros, len));
    tb_tx_witness(k->tx, in, qc_span_of(zeros, last));
}

static void test_check_inputs__p2wsh_limits(void **state)
{
    (void)state;
    static const struct {
        size_t n, len, script;
        bool good;
    } c[] = {
        {0, 0, 3600, true}, {0, 0, 3601, false}, {100, 80, 3600, true}, {101, 0, 1, false},
        {1, 81, 1, false},  {100, 81, 1, false}, {0, 0, 0, true},       {1, 80, 0, true},
    };
    /* Plain, and wrapped in P2SH. */
    for (int wrapped = 0; wrapped < 2; wrapped++)
        for (size_t i = 0; i < QC_COUNTOF(c); i++) {
            kit k = kit_new();
            spend(&k, P2PKH, "51");
            size_t in = wrapped ? spend(&k, P2SH, "22" P2WSH) : spend(&k, P2WSH, "");
            add_stack(&k, in, c[i].n, c[i].len, c[i].script);
            expect_witness(&k, c[i].good);
        }
}

static void test_check_inputs__any_p2wsh_item_counts(void **state)
{
    (void)state;
    static const uint8_t zeros[81];
    for (size_t big = 0; big < 3; big++) {
        kit k = kit_new();
        size_t in = spend(&k, P2WSH, "");
        for (size_t i = 0; i < 3; i++)
            tb_tx_witness(k.tx, in, qc_span_of(zeros, i == big ? 81 : 80));
        expect_witness(&k, big == 2);
    }
}

static void test_check_inputs__taproot_limits(void **state)
{
    (void)state;
    static const struct {
        size_t n;            /* items below script and control block */
        size_t len;          /* of the first of them */
        const char *last[2]; /* hex: script, control block */
        bool good;
    } c[] = {
        {0, 0, {NULL, "00"}, true}, /* key path */
        {0, 0, {NULL, "50"}, true}, /* one item is no annex */
        {0, 0, {NULL, ""}, true},     {0, 0, {"aa", "c0"}, true},
        {0, 0, {"aa", "50"}, false}, /* annex */
        {0, 0, {"aa", ""}, false},   /* no control block */
        {1, 80, {"aa", "c0"}, true},  {1, 81, {"aa", "c0"}, false},
        {1, 81, {"aa", "c1"}, false}, /* parity is no part of the version */
        {1, 81, {"aa", "c2"}, true},  /* unknown leaf version */
        {3, 81, {"aa", "c0"}, false}, {2, 80, {"aa", "50"}, false},
        {2, 80, {"aa", ""}, false},
    };
    static const uint8_t zeros[81];
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        kit k = kit_new();
        size_t in = spend(&k, P2TR, "");
        for (size_t j = 0; j < c[i].n; j++)
            tb_tx_witness(k.tx, in, qc_span_of(zeros, j ? 80 : c[i].len));
        for (size_t j = 0; j < 2; j++)
            if (c[i].last[j]) {
                qc_bytes b = hex_bytes(c[i].last[j]);
                tb_tx_witness(k.tx, in, qc_bytes_span(&b));
                qc_bytes_free(&b);
            }
        expect_witness(&k, c[i].good);
    }
    /* A long tapscript is no matter, and wrapped in P2SH version 1 means nothing. */
    kit k = kit_new();
    size_t in = spend(&k, P2TR, "");
    add_stack(&k, in, 0, 0, 4000);
    tb_tx_witness(k.tx, in, qc_span_str("\xc0"));
    expect_witness(&k, true);
    k = kit_new();
    in = spend(&k, P2SH, "22" P2TR);
    add_stack(&k, in, 2, 81, 1);
    tb_tx_witness(k.tx, in, qc_span_str("\x50"));
    expect_witness(&k, true);
}

static void test_check_inputs__no_witness_where_none_belongs(void **state)
{
    (void)state;
    static const struct {
        const char *script, *sig;
        bool good;
    } c[] = {
        {P2A, "", false},
        {P2PKH, "51", false},
        {P2SH, "0151", false},
        {P2SH, "51", false},
        {P2SH, "16" P2WPKH, true},
        {P2WPKH, "", true},
        {P2SH, "16" P2WPKH "51", false}, /* the last push is the script */
        {P2SH, "04" P2A, true},          /* a program of the future as far as consensus goes */
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        kit k = kit_new();
        size_t in = spend(&k, c[i].script, c[i].sig);
        tb_tx_witness(k.tx, in, qc_span_str("x"));
        expect_witness(&k, c[i].good);
    }
    /* An empty stack beside a used one is no witness. */
    kit k = kit_new();
    spend(&k, P2PKH, "51");
    tb_tx_witness(k.tx, spend(&k, P2WPKH, ""), qc_span_str("x"));
    expect_witness(&k, true);
}

static void test_is_stripped__tells_who_needs_a_witness(void **state)
{
    (void)state;
    static const struct {
        const char *script, *sig;
        bool stripped;
    } c[] = {
        {P2WPKH, "", true},
        {P2WSH, "", true},
        {P2TR, "", true},
        {"60024e73", "", true},
        {P2A, "", false},
        {P2PKH, "51", false},
        {P2SH, "0151", false},
        {P2SH, "16" P2WPKH, true},
        {P2SH, "22" P2TR, true},
        {P2SH, "04" P2A, true},
        {P2SH, "16" P2WPKH "51", false},
        {P2SH, "", false},
        {P2SH, "16" P2WPKH "50", false},
    };
    for (size_t i = 0; i < QC_COUNTOF(c); i++)
        for (int witness = 0; witness < 2; witness++) {
            qc_txbuf t;
            kit k = kit_new();
            spend(&k, P2PKH, "51");
            size_t in = spend(&k, c[i].script, c[i].sig);
            if (witness)
                tb_tx_witness(k.tx, in, qc_span_str("x"));
            tb_tx_parse(k.tx, &t);
            assert_int_equal(qc_policy_is_stripped(&t.tx, k.spent), c[i].stripped && !witness);
            qc_txbuf_clear(&t);
            kit_free(&k);
        }
}

static void test_check_inputs__a_coinbase_spends_nothing(void **state)
{
    (void)state;
    qc_policy p = qc_policy_default();
    qc_verdict v = {0};
    qc_spent spent = {.script = NOTHING};
    qc_txbuf t;
    tb_tx *tx = tb_coinbase(7, 0, 1, qc_span_str("\x51"));
    tb_tx_parse(tx, &t);
    assert_true(qc_policy_check_inputs(&p, &t.tx, &spent, &v));
    assert_false(qc_policy_is_stripped(&t.tx, &spent));
    qc_txbuf_clear(&t);
    tb_tx_free(tx);
}

QC_TEST_MAIN(cmocka_unit_test(test_check_inputs__kinds_of_coins),
             cmocka_unit_test(test_check_inputs__pushes_of_a_p2sh_spend),
             cmocka_unit_test(test_check_inputs__sigops_of_a_redeem_script),
             cmocka_unit_test(test_check_inputs__legacy_sigops_to_2500),
             cmocka_unit_test(test_check_inputs__p2wsh_limits),
             cmocka_unit_test(test_check_inputs__any_p2wsh_item_counts),
             cmocka_unit_test(test_check_inputs__taproot_limits),
             cmocka_unit_test(test_check_inputs__no_witness_where_none_belongs),
             cmocka_unit_test(test_is_stripped__tells_who_needs_a_witness),
             cmocka_unit_test(test_check_inputs__a_coinbase_spends_nothing))
