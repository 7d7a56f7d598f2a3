/* Spends with real ECDSA signatures: legacy, P2SH, version 0. */
#include "core/script/verify.h"

#include "core/crypto/hashes.h"
#include "core/script/sigcheck.h"
#include "tests/unit/harness.h"
#include "tests/unit/script_spend.h"

#define SEGWIT (QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS)

static spend S;

static int setup(void **state)
{
    (void)state;
    spend_init(&S);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spend_clear(&S);
    return 0;
}

/* scriptSig that pushes a signature, and a key unless NULL. */
static qc_script_err check_sig_key(const uint8_t *sig, size_t n, const uint8_t *key, size_t key_len,
                                   uint32_t flags)
{
    qc_bytes b = QC_BYTES_INIT;
    put_data(&b, sig, n);
    if (key)
        put_data(&b, key, key_len);
    qc_script_err err = spend_check(&S, qc_bytes_span(&b), NULL, flags);
    qc_bytes_free(&b);
    return err;
}

static void test_p2pkh__every_hash_type_signs_what_it_says(void **state)
{
    (void)state;
    static const uint8_t TYPES[] = {1, 2, 3, 0x81, 0x82, 0x83, 0, 4, 0x1f, 0x60, 0xff};
    for (uint32_t in = 0; in < 3; in++) {
        spend_coin(&S, in, p2pkh_script(qc_span_of(S.pub[0], 33)));
        for (size_t i = 0; i < sizeof TYPES; i++) {
            uint8_t sig[QC_DER_MAX + 1];
            size_t n = spend_sign_legacy(&S, 0, qc_bytes_span(&S.pubkey), TYPES[i], sig);
            assert_int_equal(check_sig_key(sig, n, S.pub[0], 33, 0), QC_SE_OK);
            bool defined = (TYPES[i] & 0x7f) >= 1 && (TYPES[i] & 0x7f) <= 3;
            assert_int_equal(check_sig_key(sig, n, S.pub[0], 33, QC_SCRIPT_STRICTENC),
                             defined ? QC_SE_OK : QC_SE_SIG_HASHTYPE);
            sig[n - 1] ^= 0x80;
            /* SINGLE without its output signs the number one, whoever else may pay. */
            bool bug = in == 2 && (TYPES[i] & 0x1f) == 3;
            assert_int_equal(check_sig_key(sig, n, S.pub[0], 33, 0),
                             bug ? QC_SE_OK : QC_SE_EVAL_FALSE);
            sig[n - 1] ^= 0x80;
            sig[n - 2] ^= 1;
            assert_int_equal(check_sig_key(sig, n, S.pub[0], 33, 0), QC_SE_EVAL_FALSE);
            assert_int_equal(check_sig_key(sig, n, S.pub[0], 33, QC_SCRIPT_NULLFAIL),
                             QC_SE_SIG_NULLFAIL);
        }
    }
}

static void test_p2pkh__wrong_key_or_encoding(void **state)
{
    (void)state;
    uint8_t sig[QC_DER_MAX + 9] = {0};
    spend_coin(&S, 0, p2pkh_script(qc_span_of(S.pub[0], 33)));
    size_t n = spend_sign_legacy(&S, 0, qc_bytes_span(&S.pubkey), 1, sig);
    assert_int_equal(check_sig_key(sig, n, S.pub[1], 33, 0), QC_SE_EQUALVERIFY);
    /* Something behind the DER structure: read before BIP66 only. */
    sig[n - 1] = 0;
    sig[n] = 1;
    assert_int_equal(check_sig_key(sig, n + 1, S.pub[0], 33, 0), QC_SE_OK);
    assert_int_equal(check_sig_key(sig, n + 1, S.pub[0], 33, QC_SCRIPT_DERSIG), QC_SE_SIG_DER);
    assert_int_equal(check_sig_key(sig, 0, S.pub[0], 33, QC_SCRIPT_DERSIG), QC_SE_EVAL_FALSE);
    assert_int_equal(check_sig_key(sig, 0, S.pub[0], 33, QC_SCRIPT_NULLFAIL), QC_SE_EVAL_FALSE);
}

static void test_p2pk__hybrid_key_is_valid_but_not_strict(void **state)
{
    (void)state;
    uint8_t key[65], sig[QC_DER_MAX + 1];
    memcpy(key, S.pub65[0], 65);
    key[0] = (uint8_t)(6 | (key[64] & 1));
    qc_bytes script = QC_BYTES_INIT;
    put_data(&script, key, 65);
    put_op(&script, QC_OP_CHECKSIG);
    spend_coin(&S, 1, script);
    size_t n = spend_sign_legacy(&S, 0, qc_bytes_span(&S.pubkey), 1, sig);
    assert_int_equal(check_sig_key(sig, n, NULL, 0, QC_SCRIPT_DERSIG), QC_SE_OK);
    assert_int_equal(check_sig_key(sig, n, NULL, 0, QC_SCRIPT_STRICTENC), QC_SE_PUBKEYTYPE);
}

/* S replaced by n - S: the same signature, written high. */
static size_t make_high_s(uint8_t *sig, size_t n)
{
    static const uint8_t ORDER[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                      0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                      0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
    uint8_t s[32] = {0}, type = sig[n - 1];
    size_t at = 4 + sig[3] + 2u, len = sig[at - 1], borrow = 0;
    memcpy(s + 32 - len, sig + at, len);
    for (size_t i = 32; i-- > 0;) {
        int d = ORDER[i] - s[i] - (int)borrow;
        borrow = d < 0;
        s[i] = (uint8_t)d;
    }
    sig[at - 1] = 33;
    sig[at] = 0;
    memcpy(sig + at + 1, s, 32);
    sig[1] = (uint8_t)(at + 33 - 2);
    sig[at + 33] = type;
    return at + 34;
}

static void test_p2pk__high_s_is_valid_but_not_low(void **state)
{
    (void)state;
    uint8_t sig[QC_DER_MAX + 9];
    qc_bytes script = QC_BYTES_INIT;
    put_data(&script, S.pub[0], 33);
    put_op(&script, QC_OP_CHECKSIG);
    spend_coin(&S, 0, script);
    size_t n = spend_sign_legacy(&S, 0, qc_bytes_span(&S.pubkey), 1, sig);
    assert_int_equal(check_sig_key(sig, n, NULL, 0, QC_SCRIPT_LOW_S), QC_SE_OK);
    n = make_high_s(sig, n);
    assert_int_equal(check_sig_key(sig, n, NULL, 0, QC_SCRIPT_DERSIG), QC_SE_OK);
    assert_int_equal(check_sig_key(sig, n, NULL, 0, QC_SCRIPT_LOW_S), QC_SE_SIG_HIGH_S);
}

static void test_legacy__own_signature_is_deleted_from_the_code(void **state)
{
    (void)state;
    uint8_t sig[QC_DER_MAX + 1];
    qc_bytes rest = QC_BYTES_INIT, script = QC_BYTES_INIT;
    put_op(&rest, QC_OP_DROP);
    put_data(&rest, S.pub[0], 33);
    put_op(&rest, QC_OP_CHECKSIG);
    spend_coin(&S, 0, script);
    /* The script holds the signature twice in a row; what is signed holds it not at all. */
    qc_bytes code = QC_BYTES_INIT;
    put_op(&code, QC_OP_DROP);
    put_span(&code, qc_bytes_span(&rest));
    size_t n = spend_sign_legacy(&S, 0, qc_bytes_span(&code), 1, sig);
    put_data(&script, sig, n);
    put_data(&script, sig, n);
    put_span(&script, qc_bytes_span(&code));
    spend_coin(&S, 0, script);
    assert_int_equal(check_sig_key(sig, n, NULL, 0, 0), QC_SE_OK);
    assert_int_equal(check_sig_key(sig, n, NULL, 0, QC_SCRIPT_CONST_SCRIPTCODE),
                     QC_SE_SIG_FINDANDDELETE);
    qc_bytes_free(&rest);
    qc_bytes_free(&code);
}

static void test_legacy__codeseparator_moves_the_code_and_is_left_out(void **state)
{
    (void)state;
    uint8_t a[QC_DER_MAX + 1], b[QC_DER_MAX + 1];
    qc_bytes script = QC_BYTES_INIT, sig = QC_BYTES_INIT;
    put_op(&script, QC_OP_CODESEPARATOR);
    put_data(&script, S.pub[0], 33);
    put_op(&script, QC_OP_CHECKSIGVERIFY);
    put_op(&script, QC_OP_CODESEPARATOR);
    size_t second = script.len;
    put_data(&script, S.pub[1], 33);
    put_op(&script, QC_OP_CHECKSIG);
    spend_coin(&S, 0, script);
    qc_span whole = qc_bytes_span(&S.pubkey);
    size_t na = spend_sign_legacy(&S, 0, qc_span_of(whole.data + 1, whole.len - 1), 1, a);
    size_t nb = spend_sign_legacy(&S, 1, qc_span_of(whole.data + second, whole.len - second), 1, b);
    put_data(&sig, b, nb);
    put_data(&sig, a, na);
    assert_int_equal(spend_check(&S, qc_bytes_span(&sig), NULL, 0), QC_SE_OK);
    /* Separators behind the start do not count, so the first signature covers less than it seems.
     */
    qc_hash with, without;
    qc_sighash_legacy(&S.tx.tx, 0, whole, 1, &with);
    qc_sighash_legacy(&S.tx.tx, 0, qc_span_of(whole.data + 1, whole.len - 1), 1, &without);
    assert_true(qc_hash_eq(&with, &without));
    qc_bytes_free(&sig);
}

static qc_bytes multisig_script(uint8_t m)
{
    qc_bytes b = QC_BYTES_INIT;
    put_op(&b, (uint8_t)(QC_OP_1 - 1 + m));
    for (size_t k = 0; k < N_KEYS; k++)
        put_data(&b, S.pub[k], 33);
    put_op(&b, QC_OP_1 + 2);
    put_op(&b, QC_OP_CHECKMULTISIG);
    return b;
}

/* Spend a P2WSH 2-of-3 by the signatures of two keys; with a dummy item. */
static qc_script_err spend_2of3(size_t k1, size_t k2, qc_span dummy, uint32_t flags)
{
    uint8_t sig[QC_DER_MAX + 1];
    qc_bytes script = multisig_script(2);
    spend_coin(&S, 1, p2wsh_script(qc_bytes_span(&script)));
    testwit w = {.n = 0};
    testwit_add(&w, dummy);
    testwit_add(&w, qc_span_of(sig, spend_sign_v0(&S, k1, qc_bytes_span(&script), 1, sig)));
    testwit_add(&w, qc_span_of(sig, spend_sign_v0(&S, k2, qc_bytes_span(&script), 0x83, sig)));
    testwit_add(&w, qc_bytes_span(&script));
    qc_script_err err = spend_check(&S, (qc_span){NULL, 0}, &w, flags);
    testwit_clear(&w);
    qc_bytes_free(&script);
    return err;
}

static void test_p2wsh__multisig(void **state)
{
    (void)state;
    qc_span none = {NULL, 0}, one = qc_span_of("\1", 1);
    assert_int_equal(spend_2of3(0, 1, none, SEGWIT), QC_SE_OK);
    assert_int_equal(spend_2of3(0, 2, none, SEGWIT), QC_SE_OK);
    assert_int_equal(spend_2of3(1, 2, none, SEGWIT), QC_SE_OK);
    assert_int_equal(spend_2of3(2, 1, none, SEGWIT), QC_SE_EVAL_FALSE);
    assert_int_equal(spend_2of3(1, 1, none, SEGWIT), QC_SE_EVAL_FALSE);
    assert_int_equal(spend_2of3(1, 1, none, SEGWIT | QC_SCRIPT_NULLFAIL), QC_SE_SIG_NULLFAIL);
    assert_int_equal(spend_2of3(0, 1, one, SEGWIT), QC_SE_OK);
    assert_int_equal(spend_2of3(0, 1, one, SEGWIT | QC_SCRIPT_NULLDUMMY), QC_SE_SIG_NULLDUMMY);
    assert_int_equal(spend_2of3(2, 1, none, QC_SCRIPT_P2SH), QC_SE_OK); /* before segwit */
}

static void test_p2wpkh__native_and_nested(void **state)
{
    (void)state;
    uint8_t hash[20], sig[QC_DER_MAX + 1];
    qc_hash160(qc_span_of(S.pub[0], 33), hash);
    qc_bytes code = p2pkh_script(qc_span_of(S.pub[0], 33)), redeem = program_script(0, hash, 20);
    for (int nested = 0; nested < 2; nested++) {
        qc_bytes script_sig = QC_BYTES_INIT;
        if (nested) {
            spend_coin(&S, 2, p2sh_script(qc_bytes_span(&redeem)));
            put_data_span(&script_sig, qc_bytes_span(&redeem));
        } else {
            spend_coin(&S, 2, program_script(0, hash, 20));
        }
        testwit w = {.n = 0};
        testwit_add(&w, qc_span_of(sig, spend_sign_v0(&S, 0, qc_bytes_span(&code), 3, sig)));
        testwit_add(&w, qc_span_of(S.pub[0], 33));
        qc_span ss = qc_bytes_span(&script_sig);
        assert_int_equal(spend_check(&S, ss, &w, SEGWIT), QC_SE_OK);
        S.spent[2].value++;
        assert_int_equal(spend_check(&S, ss, &w, SEGWIT), QC_SE_EVAL_FALSE);
        S.spent[2].value--;
        put_op(&script_sig, QC_OP_1);
        ss = qc_bytes_span(&script_sig);
        qc_script_err malleated = nested ? QC_SE_EVAL_FALSE : QC_SE_WITNESS_MALLEATED;
        assert_int_equal(spend_check(&S, ss, &w, SEGWIT), malleated);
        testwit_add(&w, qc_span_of(S.pub[0], 33));
        script_sig.len--;
        ss = qc_bytes_span(&script_sig);
        assert_int_equal(spend_check(&S, ss, &w, SEGWIT), QC_SE_WITNESS_PROGRAM_MISMATCH);
        testwit_clear(&w);
        qc_bytes_free(&script_sig);
    }
    qc_bytes_free(&code);
    qc_bytes_free(&redeem);
}

static void test_p2sh__nested_program_must_be_the_only_push(void **state)
{
    (void)state;
    qc_bytes redeem = program_script(2, "\1\2", 2), sig = QC_BYTES_INIT;
    spend_coin(&S, 0, p2sh_script(qc_bytes_span(&redeem)));
    put_data_span(&sig, qc_bytes_span(&redeem));
    assert_int_equal(spend_check(&S, qc_bytes_span(&sig), NULL, SEGWIT), QC_SE_OK);
    qc_bytes two = QC_BYTES_INIT;
    put_op(&two, QC_OP_1);
    put_span(&two, qc_bytes_span(&sig));
    assert_int_equal(spend_check(&S, qc_bytes_span(&two), NULL, SEGWIT),
                     QC_SE_WITNESS_MALLEATED_P2SH);
    two.len = 0;
    put_op(&two, QC_OP_PUSHDATA1);
    put_op(&two, (uint8_t)redeem.len);
    put_span(&two, qc_bytes_span(&redeem));
    assert_int_equal(spend_check(&S, qc_bytes_span(&two), NULL, SEGWIT),
                     QC_SE_WITNESS_MALLEATED_P2SH);
    qc_bytes_free(&two);
    qc_bytes_free(&sig);
    qc_bytes_free(&redeem);
}

/* A version 0 witness of n one-byte items under a script in words; `top` is the last item. */
static qc_script_err spend_many(size_t n, const char *top_hex, const char *words)
{
    qc_bytes script = script_from_text(words), top = unhex(top_hex);
    testwit w = {.n = 0};
    for (size_t i = 0; i + 1 < n; i++)
        testwit_add(&w, qc_span_of("\0", 1));
    testwit_add(&w, qc_bytes_span(&top));
    testwit_add(&w, qc_bytes_span(&script));
    spend_coin(&S, 0, p2wsh_script(qc_bytes_span(&script)));
    qc_script_err err = spend_check(&S, (qc_span){NULL, 0}, &w, SEGWIT);
    testwit_clear(&w);
    qc_bytes_free(&script);
    qc_bytes_free(&top);
    return err;
}

static void test_p2wsh__overfull_stack_fails_behind_the_first_operation(void **state)
{
    (void)state;
    assert_int_equal(spend_many(1000, "01", "NOP"), QC_SE_CLEANSTACK);
    assert_int_equal(spend_many(1001, "01", "NOP"), QC_SE_STACK_SIZE);
    assert_int_equal(spend_many(1001, "01", "DROP"), QC_SE_CLEANSTACK);
    assert_int_equal(spend_many(1002, "01", "2DROP"), QC_SE_CLEANSTACK);
    assert_int_equal(spend_many(1003, "01", "2DROP"), QC_SE_STACK_SIZE);
    /* 20 keys, no signature: 23 items go at once. */
    assert_int_equal(spend_many(1023, "14", "CHECKMULTISIGVERIFY"), QC_SE_CLEANSTACK);
    assert_int_equal(spend_many(1024, "14", "CHECKMULTISIGVERIFY"), QC_SE_STACK_SIZE);
    assert_int_equal(spend_many(5000, "01", ""), QC_SE_CLEANSTACK);
    assert_int_equal(spend_many(5000, "01", "RETURN"), QC_SE_OP_RETURN);
    assert_int_equal(spend_many(5000, "01", "3DUP"), QC_SE_STACK_SIZE);
    assert_int_equal(spend_many(5000, "01", "DEPTH"), QC_SE_STACK_SIZE);
    assert_int_equal(spend_many(5000, "b80b", "PICK"), QC_SE_STACK_SIZE);
    assert_int_equal(spend_many(5000, "b80b", "ROLL"), QC_SE_STACK_SIZE);
    assert_int_equal(spend_many(5000, "8713", "ROLL"), QC_SE_INVALID_STACK_OPERATION);
    assert_int_equal(spend_many(5000, "8613", "ROLL"), QC_SE_STACK_SIZE);
}

/* A DER structure with integers of these lengths, each starting with `first`. */
static bool strict_with(size_t len_r, size_t len_s, uint8_t first)
{
    uint8_t d[96] = {0x30, (uint8_t)(len_r + len_s + 4), 2, (uint8_t)len_r, first};
    d[4 + len_r] = 2;
    d[5 + len_r] = (uint8_t)len_s;
    d[6 + len_r] = first;
    d[6 + len_r + len_s] = 1;
    return qc_sig_is_strict_der(qc_span_of(d, 7 + len_r + len_s));
}

static void test_sig_is_strict_der__sizes_and_signs(void **state)
{
    (void)state;
    assert_true(strict_with(1, 1, 1));
    assert_true(strict_with(1, 1, 0)); /* zero is one zero byte */
    assert_true(strict_with(33, 33, 1));
    assert_false(strict_with(33, 34, 1));
    assert_true(strict_with(2, 64, 1)); /* only the sum is limited */
    assert_false(strict_with(0, 2, 1));
    assert_false(strict_with(1, 0, 1));
    assert_false(strict_with(2, 2, 0x80));
    assert_false(strict_with(2, 2, 0));
}

QC_TEST_MAIN_GROUP(setup, teardown,
                   cmocka_unit_test(test_p2pkh__every_hash_type_signs_what_it_says),
                   cmocka_unit_test(test_p2pkh__wrong_key_or_encoding),
                   cmocka_unit_test(test_p2pk__hybrid_key_is_valid_but_not_strict),
                   cmocka_unit_test(test_p2pk__high_s_is_valid_but_not_low),
                   cmocka_unit_test(test_legacy__own_signature_is_deleted_from_the_code),
                   cmocka_unit_test(test_legacy__codeseparator_moves_the_code_and_is_left_out),
                   cmocka_unit_test(test_sig_is_strict_der__sizes_and_signs),
                   cmocka_unit_test(test_p2wsh__multisig),
                   cmocka_unit_test(test_p2wpkh__native_and_nested),
                   cmocka_unit_test(test_p2sh__nested_program_must_be_the_only_push),
                   cmocka_unit_test(test_p2wsh__overfull_stack_fails_behind_the_first_operation))
