#include "lib/script.h"
#include "tests/unit/harness.h"

#include "lib/asm.h"

#define G "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define G65                                                                                        \
    "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e" \
    "1108a8fd17b448a68554199c47d08ffb10d4b8"
#define H20 "751e76e8199196d454941c45d1b3a323f1433bd6"
#define H32 "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define SIG                                                                                        \
    "304502207fa7a6d1e0ee81132a269ad84e68d695483745cde8b541e3bf630749894e342a022100c1f7ab20e13e22" \
    "fb"                                                                                           \
    "95281a870f3dcf38d782e53023ee313d741ad0cfbc0c5090"

static void test_script_classify__knows_cores_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *script, *name;
        unsigned parts;
    } v[] = {
        {"", "nonstandard", 0},
        {"51", "nonstandard", 0},
        {"76a914" H20 "88ac", "pubkeyhash", 1},
        {"76a914" H20 "88ac00", "nonstandard", 0},
        {"a914" H20 "87", "scripthash", 1},
        {"a914" H20 "88", "nonstandard", 0},
        {"21" G "ac", "pubkey", 1},
        {"41" G65 "ac", "pubkey", 1},
        {"2104be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8179879ac", "nonstandard",
         0},
        {"0014" H20, "witness_v0_keyhash", 1},
        {"0020" H32, "witness_v0_scripthash", 1},
        {"00024e73", "nonstandard", 0},
        {"5120" H32, "witness_v1_taproot", 1},
        {"5220" H32, "witness_unknown", 1},
        {"51024e73", "anchor", 1},
        {"51024e74", "witness_unknown", 1},
        {"5101ff", "nonstandard", 0},                        /* too short for a program */
        {"5129" H32 "0102030405060708ff", "nonstandard", 0}, /* and too long */
        {"5128" H32 "0102030405060708", "witness_unknown", 1},
        {"6a", "nulldata", 0},
        {"6a0401020304", "nulldata", 0},
        {"6a5060", "nulldata", 0}, /* OP_RESERVED counts as a push */
        {"6a61", "nonstandard", 0},
        {"6a05010203", "nonstandard", 0},
        {"5121" G "51ae", "multisig", 1},
        {"5121" G "41" G65 "52ae", "multisig", 2},
        {"5221" G "51ae", "nonstandard", 0},   /* more than there are */
        {"5121" G "52ae", "nonstandard", 0},   /* a key is missing */
        {"0021" G "51ae", "nonstandard", 0},   /* none required */
        {"5121" G "51ae00", "nonstandard", 0}, /* something after it */
        {"510051ae", "nonstandard", 0},
        {"5151ae", "nonstandard", 0},
        {"ae", "nonstandard", 0},
        {"010121" G "51ae", "nonstandard", 0}, /* 1 is not pushed so */
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qc_bytes s = hex_bytes(v[i].script);
        qn_script_info info;
        assert_string_equal(qn_script_type_name(qn_script_classify(s.data, s.len, &info)),
                            v[i].name);
        assert_int_equal(info.n_parts, v[i].parts);
        qc_bytes_free(&s);
    }
}

static void test_script_classify__takes_up_to_twenty_keys(void **state)
{
    (void)state;
    for (uint8_t n = 1; n <= 21; n++) {
        uint8_t s[21 * 34 + 8];
        size_t len = 0;
        qn_script_info info;
        s[len++] = QN_OP_1;
        for (uint8_t i = 0; i < n; i++) {
            s[len++] = 33;
            memset(s + len, 2, 33);
            len += 33;
        }
        if (n > 16)
            s[len++] = 1;
        s[len++] = n > 16 ? n : (uint8_t)(QN_OP_1 + n - 1);
        s[len++] = QN_OP_CHECKMULTISIG;
        qn_script_type want = n <= 20 ? QN_SCRIPT_MULTISIG : QN_SCRIPT_NONSTANDARD;
        assert_int_equal(qn_script_classify(s, len, &info), want);
        assert_int_equal(info.n_parts, n <= 20 ? n : 0);
        assert_int_equal(info.required, n <= 20);
    }
}

static void test_script_asm__is_cores(void **state)
{
    (void)state;
    static const struct {
        const char *script, *text;
        bool sighash;
    } v[] = {
        {"", "", false},
        {"00", "0", false},
        {"0100", "0", false},
        {"4f5160", "-1 1 16", false},
        {"01810280ff04ffffffff04ffffff7f", "-1 -32640 -2147483647 2147483647", false},
        {"0180", "0", false},
        {"050102030405", "0102030405", false},
        {"76a914" H20 "88ac", "OP_DUP OP_HASH160 " H20 " OP_EQUALVERIFY OP_CHECKSIG", false},
        {"b1b2b0b9babbfeff",
         "OP_CHECKLOCKTIMEVERIFY OP_CHECKSEQUENCEVERIFY OP_NOP1 OP_NOP10 "
         "OP_CHECKSIGADD OP_UNKNOWN OP_UNKNOWN OP_INVALIDOPCODE",
         false},
        {"5005ff", "OP_RESERVED [error]", false},
        {"4c", "[error]", false},
        {"4cff00", "[error]", false},
        {"4d0100", "[error]", false},
        {"4e00000080", "[error]", false},
        {"4c0568656c6c6f4d0200aabb4e00000000", "68656c6c6f -15274 0", false},
        {"48" SIG "01", SIG "[ALL]", true},
        {"48" SIG "82", SIG "[NONE|ANYONECANPAY]", true},
        {"48" SIG "03", SIG "[SINGLE]", true},
        {"48" SIG "01", SIG "01", false},
        {"48" SIG "00", SIG "00", true},
        {"48" SIG "04", SIG "04", true},
        {"6a48" SIG "01", "OP_RETURN " SIG "01", true},
        {"21" G, G, true},
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qc_bytes s = hex_bytes(v[i].script);
        char text[400];
        size_t n = qn_script_asm(s.data, s.len, v[i].sighash, NULL, 0);
        assert_int_equal(n, strlen(v[i].text));
        assert_int_equal(qn_script_asm(s.data, s.len, v[i].sighash, text, sizeof text), n);
        assert_string_equal(text, v[i].text);
        /* Cut off anywhere, it still ends within its room. */
        for (size_t cap = 1; cap <= n; cap++) {
            memset(text, '#', sizeof text);
            qn_script_asm(s.data, s.len, v[i].sighash, text, cap);
            assert_int_equal(strlen(text), cap - 1);
            assert_int_equal(text[cap], '#');
        }
        qc_bytes_free(&s);
    }
}

static void test_opcode_name__has_one_for_each(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++)
        assert_true(strlen(qn_opcode_name((uint8_t)i)) > 0);
    assert_string_equal(qn_opcode_name(0x6a), "OP_RETURN");
    assert_string_equal(qn_opcode_name(0xae), "OP_CHECKMULTISIG");
    assert_string_equal(qn_opcode_name(0x93), "OP_ADD");
    assert_string_equal(qn_opcode_name(0x7c), "OP_SWAP");
    assert_string_equal(qn_opcode_name(0x4d), "OP_PUSHDATA2");
}

static void test_script_unspendable__is_op_return_or_size(void **state)
{
    (void)state;
    static uint8_t big[QN_MAX_SCRIPT_SIZE + 1];
    assert_false(qn_script_unspendable(big, 0));
    assert_false(qn_script_unspendable(big, QN_MAX_SCRIPT_SIZE));
    assert_true(qn_script_unspendable(big, QN_MAX_SCRIPT_SIZE + 1));
    assert_true(qn_script_unspendable((const uint8_t *)"\x6a", 1));
}

QC_TEST_MAIN(cmocka_unit_test(test_script_classify__knows_cores_kinds),
             cmocka_unit_test(test_script_classify__takes_up_to_twenty_keys),
             cmocka_unit_test(test_script_asm__is_cores),
             cmocka_unit_test(test_opcode_name__has_one_for_each),
             cmocka_unit_test(test_script_unspendable__is_op_return_or_size))
