/* The interpreter without signatures: a table of scripts with their results, and the limits. */
#include "core/script/verify.h"

#include "core/script/opcode.h"
#include "tests/unit/harness.h"
#include "tests/vectors/script_text.h"
#include "tests/vectors/testtx.h"

#define POLICY (QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_MINIMALDATA)

typedef struct row {
    const char *sig, *pubkey;
    uint32_t flags;
    qc_script_err want;
} row;

/* Spend `pubkey` by `sig` and `wit` in a transaction with version 2, sequence 10, lock time 100. */
static qc_script_err spend(qc_span sig, qc_span pubkey, const testwit *wit, uint32_t flags)
{
    static const uint8_t TXID[32] = {7};
    testtx t = {.version = 2, .locktime = 100};
    testtx_add_input(&t, TXID, 0, sig, 10);
    testtx_add_output(&t, 1, (qc_span){NULL, 0});
    qc_bytes raw = testtx_bytes(&t, wit);
    qc_txbuf tx;
    testtx_parse(qc_bytes_span(&raw), &tx);
    qc_spent spent = {.value = 1, .script = pubkey};
    qc_script_check c = {.tx = &tx.tx, .spent = &spent, .flags = flags};
    qc_script_err err = qc_script_verify_input(&c);
    qc_txbuf_clear(&tx);
    qc_bytes_free(&raw);
    testtx_clear(&t);
    return err;
}

static void run_rows(const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        qc_bytes sig = script_from_text(rows[i].sig), pubkey = script_from_text(rows[i].pubkey);
        qc_script_err got = spend(qc_bytes_span(&sig), qc_bytes_span(&pubkey), NULL, rows[i].flags);
        if (got != rows[i].want)
            fail_msg("[%s] [%s]: got %s, want %s", rows[i].sig, rows[i].pubkey,
                     qc_script_err_name(got), qc_script_err_name(rows[i].want));
        qc_bytes_free(&sig);
        qc_bytes_free(&pubkey);
    }
}
#define RUN(rows) run_rows(rows, QC_COUNTOF(rows))

static void test_verify__stack_operations(void **state)
{
    (void)state;
    static const row ROWS[] = {
        {"1 2 3", "2DROP 1 EQUAL", 0, QC_SE_OK},
        {"1", "2DROP", 0, QC_SE_INVALID_STACK_OPERATION},
        {"", "DROP 1", 0, QC_SE_INVALID_STACK_OPERATION},
        {"5 6", "2DUP 6 EQUALVERIFY 5 EQUALVERIFY 6 EQUALVERIFY 5 EQUAL", 0, QC_SE_OK},
        {"5 6 7", "3DUP 7 EQUALVERIFY 6 EQUALVERIFY 5 EQUALVERIFY DEPTH 3 EQUAL", 0, QC_SE_OK},
        {"1 2", "3DUP 1", 0, QC_SE_INVALID_STACK_OPERATION},
        {"1 2 3 4", "2OVER 2 EQUALVERIFY 1 EQUALVERIFY 4 EQUAL", 0, QC_SE_OK},
        {"1 2 3 4 5 6", "2ROT 2 EQUALVERIFY 1 EQUALVERIFY 6 EQUAL", 0, QC_SE_OK},
        {"1 2 3 4 5", "2ROT", 0, QC_SE_INVALID_STACK_OPERATION},
        {"1 2 3 4", "2SWAP 2 EQUALVERIFY 1 EQUALVERIFY 4 EQUALVERIFY 3 EQUAL", 0, QC_SE_OK},
        {"0", "IFDUP DEPTH 1 EQUALVERIFY NOT", 0, QC_SE_OK},
        {"1", "IFDUP DEPTH 2 EQUALVERIFY", 0, QC_SE_OK},
        {"1 2", "NIP DEPTH 1 EQUALVERIFY 2 EQUAL", 0, QC_SE_OK},
        {"1 2", "OVER 1 EQUALVERIFY 2 EQUALVERIFY 1 EQUAL", 0, QC_SE_OK},
        {"1 2 3", "ROT 1 EQUALVERIFY 3 EQUALVERIFY 2 EQUAL", 0, QC_SE_OK},
        {"1 2", "SWAP 1 EQUALVERIFY 2 EQUAL", 0, QC_SE_OK},
        {"1 2", "TUCK 2 EQUALVERIFY 1 EQUALVERIFY 2 EQUAL", 0, QC_SE_OK},
        {"7 8 9", "2 PICK 7 EQUALVERIFY DEPTH 3 EQUAL", 0, QC_SE_OK},
        {"7 8 9", "2 ROLL 7 EQUALVERIFY 9 EQUALVERIFY 8 EQUALVERIFY DEPTH 0 EQUAL", 0, QC_SE_OK},
        {"7 8 9", "3 PICK", 0, QC_SE_INVALID_STACK_OPERATION},
        {"7 8 9", "-1 ROLL", 0, QC_SE_INVALID_STACK_OPERATION},
        {"7", "0 PICK 7 EQUALVERIFY 7 EQUAL", 0, QC_SE_OK},
        {"1 2 3", "TOALTSTACK TOALTSTACK FROMALTSTACK 2 EQUALVERIFY FROMALTSTACK 3 EQUAL", 0,
         QC_SE_OK},
        {"1", "FROMALTSTACK", 0, QC_SE_INVALID_ALTSTACK_OPERATION},
        {"1 TOALTSTACK 2", "FROMALTSTACK", 0, QC_SE_INVALID_ALTSTACK_OPERATION},
        {"'abc'", "SIZE 3 EQUALVERIFY 'abc' EQUAL", 0, QC_SE_OK},
        {"'abc'", "DUP HASH160 SWAP SHA256 RIPEMD160 EQUAL", 0, QC_SE_OK},
        {"'abc'", "DUP HASH256 SWAP SHA256 SHA256 EQUAL", 0, QC_SE_OK},
        {"'abc'", "SHA1 0x14 0xa9993e364706816aba3e25717850c26c9cd0d89d EQUAL", 0, QC_SE_OK},
        /* A copy of something made must not change with the original. */
        {"'a'", "SHA256 DUP SHA256 SWAP SHA256 EQUAL", 0, QC_SE_OK},
        {"'a'", "SHA256 DUP TOALTSTACK SHA1 DROP FROMALTSTACK 'a' SHA256 EQUAL", 0, QC_SE_OK},
        {"1 2", "DROP 3 DUP 3 EQUALVERIFY 3 EQUALVERIFY 1 EQUAL", 0, QC_SE_OK},
    };
    RUN(ROWS);
}

static void test_verify__numbers(void **state)
{
    (void)state;
    static const row ROWS[] = {
        {"2147483647", "1ADD 2147483648 EQUAL", 0, QC_SE_OK},
        {"2147483647 1ADD", "1ADD", 0, QC_SE_SCRIPTNUM},
        {"-2147483647", "1SUB 0x05 0x0000008080 EQUAL", 0, QC_SE_OK},
        {"-5", "ABS 5 EQUALVERIFY 5 NEGATE -5 EQUAL", 0, QC_SE_OK},
        {"0", "NOT 0 0NOTEQUAL NOT BOOLAND", 0, QC_SE_OK},
        {"3 4", "ADD 7 EQUALVERIFY 3 4 SUB -1 EQUAL", 0, QC_SE_OK},
        {"3 0", "BOOLOR 3 0 BOOLAND NOT BOOLAND", 0, QC_SE_OK},
        {"0x02 0x0100 1", "NUMEQUAL", 0, QC_SE_OK},
        {"0x02 0x0100 1", "NUMEQUAL", POLICY, QC_SE_SCRIPTNUM},
        {"0x01 0x80", "NOT", 0, QC_SE_OK},
        {"0x01 0x80", "NOT", QC_SCRIPT_MINIMALDATA, QC_SE_SCRIPTNUM},
        {"0x02 0xff00", "255 NUMEQUAL", QC_SCRIPT_MINIMALDATA, QC_SE_OK},
        {"3 4", "NUMEQUALVERIFY 1", 0, QC_SE_NUMEQUALVERIFY},
        {"3 4",
         "2DUP NUMNOTEQUAL VERIFY 2DUP LESSTHAN VERIFY 2DUP LESSTHANOREQUAL VERIFY "
         "SWAP 2DUP GREATERTHAN VERIFY GREATERTHANOREQUAL",
         0, QC_SE_OK},
        {"3 4", "2DUP MIN 3 EQUALVERIFY MAX 4 EQUAL", 0, QC_SE_OK},
        {"1 1 5", "WITHIN", 0, QC_SE_OK},
        {"5 1 5", "WITHIN NOT", 0, QC_SE_OK},
        {"1 2", "WITHIN", 0, QC_SE_INVALID_STACK_OPERATION},
        {"0x05 0x0000000001 1", "ADD", 0, QC_SE_SCRIPTNUM},
        {"0x02 0x0080", "", 0, QC_SE_EVAL_FALSE},
        {"0x02 0x8000", "", 0, QC_SE_OK},
    };
    RUN(ROWS);
}

static void test_verify__flow(void **state)
{
    (void)state;
    static const row ROWS[] = {
        {"1", "IF 1 ELSE 0 ENDIF", 0, QC_SE_OK},
        {"0", "IF 0 ELSE 1 ENDIF", 0, QC_SE_OK},
        {"0", "NOTIF 1 ELSE 0 ENDIF", 0, QC_SE_OK},
        {"0", "IF 1 IF 0 ELSE 0 ENDIF ELSE 1 ENDIF", 0, QC_SE_OK},
        {"1", "IF 0 ELSE 2 ELSE 1 ENDIF", 0, QC_SE_OK},
        {"0 1", "IF IF 0 ELSE 1 ENDIF ENDIF", 0, QC_SE_OK},
        {"0", "IF ELSE ELSE RETURN ENDIF 1", 0, QC_SE_OK},
        {"1", "IF 1", 0, QC_SE_UNBALANCED_CONDITIONAL},
        {"1 IF", "1 ENDIF", 0, QC_SE_UNBALANCED_CONDITIONAL},
        {"1", "ELSE", 0, QC_SE_UNBALANCED_CONDITIONAL},
        {"1", "ENDIF", 0, QC_SE_UNBALANCED_CONDITIONAL},
        {"", "IF 1 ENDIF", 0, QC_SE_INVALID_STACK_OPERATION},
        {"0", "IF VERIF ENDIF 1", 0, QC_SE_BAD_OPCODE},
        {"0", "IF VER RESERVED 0xba ENDIF 1", 0, QC_SE_OK},
        {"1", "VER", 0, QC_SE_BAD_OPCODE},
        {"1", "RESERVED", 0, QC_SE_BAD_OPCODE},
        {"0", "IF CAT ENDIF 1", 0, QC_SE_DISABLED_OPCODE},
        {"0", "IF RSHIFT ENDIF 1", 0, QC_SE_DISABLED_OPCODE},
        {"1", "RETURN", 0, QC_SE_OP_RETURN},
        {"0", "VERIFY 1", 0, QC_SE_VERIFY},
        {"", "", 0, QC_SE_EVAL_FALSE},
        {"0", "", 0, QC_SE_EVAL_FALSE},
        {"1 2", "EQUALVERIFY 1", 0, QC_SE_EQUALVERIFY},
        {"1", "NOP1 NOP10 NOP", 0, QC_SE_OK},
        {"1", "NOP1", QC_SCRIPT_DISCOURAGE_UPGRADABLE_NOPS, QC_SE_DISCOURAGE_UPGRADABLE_NOPS},
        {"0", "IF NOP4 ENDIF 1", QC_SCRIPT_DISCOURAGE_UPGRADABLE_NOPS, QC_SE_OK},
        {"0x4c", "1", 0, QC_SE_BAD_OPCODE},
        {"1", "0x02 0x01", 0, QC_SE_BAD_OPCODE},
        {"1", "0", QC_SCRIPT_SIGPUSHONLY, QC_SE_EVAL_FALSE},
        {"1 NOP", "1", QC_SCRIPT_SIGPUSHONLY, QC_SE_SIG_PUSHONLY},
        {"0x4c 0x01 0x07", "7 EQUAL", 0, QC_SE_OK},
        {"0x4c 0x01 0x07", "7 EQUAL", QC_SCRIPT_MINIMALDATA, QC_SE_MINIMALDATA},
        {"0", "IF 0x4c 0x01 0x07 ENDIF 1", QC_SCRIPT_MINIMALDATA, QC_SE_OK},
        {"1 1", "", POLICY | QC_SCRIPT_CLEANSTACK, QC_SE_CLEANSTACK},
        {"", "CODESEPARATOR 1", 0, QC_SE_OK},
        {"", "0 IF CODESEPARATOR ENDIF 1", QC_SCRIPT_CONST_SCRIPTCODE, QC_SE_OP_CODESEPARATOR},
    };
    RUN(ROWS);
}

static void test_verify__lock_times(void **state)
{
    (void)state;
    enum { CLTV = QC_SCRIPT_CHECKLOCKTIMEVERIFY, CSV = QC_SCRIPT_CHECKSEQUENCEVERIFY };
    static const row ROWS[] = {
        {"100", "CHECKLOCKTIMEVERIFY", CLTV, QC_SE_OK},
        {"101", "CHECKLOCKTIMEVERIFY", CLTV, QC_SE_UNSATISFIED_LOCKTIME},
        {"101", "CHECKLOCKTIMEVERIFY", 0, QC_SE_OK},
        {"500000000", "CHECKLOCKTIMEVERIFY", CLTV, QC_SE_UNSATISFIED_LOCKTIME},
        {"-1", "CHECKLOCKTIMEVERIFY", CLTV, QC_SE_NEGATIVE_LOCKTIME},
        {"", "CHECKLOCKTIMEVERIFY 1", CLTV, QC_SE_INVALID_STACK_OPERATION},
        {"0x05 0x6400000000", "CHECKLOCKTIMEVERIFY", CLTV, QC_SE_OK},
        {"0x06 0x640000000000", "CHECKLOCKTIMEVERIFY", CLTV, QC_SE_SCRIPTNUM},
        {"10", "CHECKSEQUENCEVERIFY", CSV, QC_SE_OK},
        {"11", "CHECKSEQUENCEVERIFY", CSV, QC_SE_UNSATISFIED_LOCKTIME},
        {"11", "CHECKSEQUENCEVERIFY", 0, QC_SE_OK},
        {"0x03 0x010040", "CHECKSEQUENCEVERIFY", CSV, QC_SE_UNSATISFIED_LOCKTIME},
        {"0x05 0xff00008000", "CHECKSEQUENCEVERIFY", CSV, QC_SE_OK}, /* bit 31: disabled */
        {"0x04 0x0a008000", "CHECKSEQUENCEVERIFY", CSV, QC_SE_OK},   /* bits without meaning */
        {"-1", "CHECKSEQUENCEVERIFY", CSV, QC_SE_NEGATIVE_LOCKTIME},
    };
    RUN(ROWS);
}

static void test_verify__p2sh(void **state)
{
    (void)state;
    /* hash160 of the one-byte script 0x51 is da17...; of 0x00, 9f7f... */
    static const row ROWS[] = {
        {"0x01 0x51", "HASH160 0x14 0xda1745e9b549bd0bfa1a569971c77eba30cd5a4b EQUAL",
         QC_SCRIPT_P2SH, QC_SE_OK},
        {"0x01 0x00", "HASH160 0x14 0x9f7fd096d37ed2c0e3f7f0cfc924beef4ffceb68 EQUAL", 0, QC_SE_OK},
        {"0x01 0x00", "HASH160 0x14 0x9f7fd096d37ed2c0e3f7f0cfc924beef4ffceb68 EQUAL",
         QC_SCRIPT_P2SH, QC_SE_EVAL_FALSE},
        {"NOP 0x01 0x51", "HASH160 0x14 0xda1745e9b549bd0bfa1a569971c77eba30cd5a4b EQUAL",
         QC_SCRIPT_P2SH, QC_SE_SIG_PUSHONLY},
        {"NOP 0x01 0x51", "HASH160 0x14 0xda1745e9b549bd0bfa1a569971c77eba30cd5a4b EQUAL", 0,
         QC_SE_OK},
        {"5 0x01 0x51", "HASH160 0x14 0xda1745e9b549bd0bfa1a569971c77eba30cd5a4b EQUAL",
         QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_CLEANSTACK, QC_SE_CLEANSTACK},
        {"", "HASH160 0x14 0xda1745e9b549bd0bfa1a569971c77eba30cd5a4b EQUAL", QC_SCRIPT_P2SH,
         QC_SE_INVALID_STACK_OPERATION},
    };
    RUN(ROWS);
}

/* A script of n equal bytes with a tail. */
static qc_bytes repeat(uint8_t op, size_t n, const char *tail)
{
    qc_bytes b = QC_BYTES_INIT, end = script_from_text(tail);
    for (size_t i = 0; i < n; i++)
        put(&b, &op, 1);
    put_span(&b, qc_bytes_span(&end));
    qc_bytes_free(&end);
    return b;
}

static qc_script_err run_pubkey(qc_bytes script)
{
    qc_script_err err = spend((qc_span){NULL, 0}, qc_bytes_span(&script), NULL, 0);
    qc_bytes_free(&script);
    return err;
}

static void test_verify__limits_hold_to_the_unit(void **state)
{
    (void)state;
    assert_int_equal(run_pubkey(repeat(QC_OP_NOP, 201, "1")), QC_SE_OK);
    assert_int_equal(run_pubkey(repeat(QC_OP_NOP, 202, "1")), QC_SE_OP_COUNT);
    assert_int_equal(run_pubkey(repeat(QC_OP_1, 1000, "")), QC_SE_OK);
    assert_int_equal(run_pubkey(repeat(QC_OP_1, 1001, "")), QC_SE_STACK_SIZE);
    assert_int_equal(run_pubkey(repeat(QC_OP_1, 998, "TOALTSTACK 1 1 1")), QC_SE_STACK_SIZE);
    assert_int_equal(run_pubkey(repeat(QC_OP_1, 998, "TOALTSTACK 1 1 TOALTSTACK")), QC_SE_OK);
    assert_int_equal(run_pubkey(repeat(QC_OP_1, 998, "3DUP")), QC_SE_STACK_SIZE);
    assert_int_equal(run_pubkey(repeat(QC_OP_1, 999, "0 ROLL")), QC_SE_OK);
    qc_bytes big = repeat(0, 0, "");
    uint8_t item[523] = {QC_OP_PUSHDATA2, 0x08, 0x02};
    item[522] = 1;
    put(&big, item, sizeof item);
    assert_int_equal(run_pubkey(big), QC_SE_OK);
    uint8_t more[524] = {QC_OP_PUSHDATA2, 0x09, 0x02};
    big = repeat(QC_OP_1, 1, "");
    put(&big, more, sizeof more);
    assert_int_equal(run_pubkey(big), QC_SE_PUSH_SIZE);
    /* 19 pushes of 520 bytes and fill: 10,000 and 10,001 bytes. */
    for (size_t extra = 0; extra < 2; extra++) {
        big = repeat(QC_OP_1, 10000 - 19 * sizeof item + extra, "");
        for (int i = 0; i < 19; i++)
            put(&big, item, sizeof item);
        assert_int_equal(run_pubkey(big), extra ? QC_SE_SCRIPT_SIZE : QC_SE_OK);
    }
}

static void test_verify__altstack_survives_full_use_of_the_slots(void **state)
{
    (void)state;
    /* 100 items to the altstack and back, interleaved with made items, twice. */
    qc_bytes b = repeat(QC_OP_16, 100, "");
    qc_bytes to = repeat(QC_OP_TOALTSTACK, 50, ""), from = repeat(QC_OP_FROMALTSTACK, 50, "");
    put_span(&b, qc_bytes_span(&to));
    qc_bytes more = script_from_text("'x' SHA256 DUP 2DROP");
    put_span(&b, qc_bytes_span(&more));
    put_span(&b, qc_bytes_span(&from));
    qc_bytes end = script_from_text("DEPTH 100 EQUALVERIFY 99 PICK 16 EQUALVERIFY 16 EQUAL");
    put_span(&b, qc_bytes_span(&end));
    assert_int_equal(run_pubkey(b), QC_SE_OK);
    qc_bytes_free(&to);
    qc_bytes_free(&from);
    qc_bytes_free(&more);
    qc_bytes_free(&end);
}

static void test_err_text__is_there_for_every_error(void **state)
{
    (void)state;
    for (int e = 0; e < QC_SE_COUNT; e++) {
        assert_non_null(qc_script_err_text((qc_script_err)e));
        assert_non_null(qc_script_err_name((qc_script_err)e));
        for (int k = 0; k < e; k++)
            assert_string_not_equal(qc_script_err_name((qc_script_err)e),
                                    qc_script_err_name((qc_script_err)k));
    }
    assert_string_equal(qc_script_err_text(QC_SE_COUNT), "unknown error");
    assert_string_equal(qc_script_err_text(QC_SE_EQUALVERIFY),
                        "Script failed an OP_EQUALVERIFY operation");
}

QC_TEST_MAIN(cmocka_unit_test(test_verify__stack_operations),
             cmocka_unit_test(test_verify__numbers), cmocka_unit_test(test_verify__flow),
             cmocka_unit_test(test_verify__lock_times), cmocka_unit_test(test_verify__p2sh),
             cmocka_unit_test(test_verify__limits_hold_to_the_unit),
             cmocka_unit_test(test_verify__altstack_survives_full_use_of_the_slots),
             cmocka_unit_test(test_err_text__is_there_for_every_error))
