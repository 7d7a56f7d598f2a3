/* Taproot and tapscript spends with real Schnorr signatures. */
#include "core/script/taproot.h"

#include "core/script/verify.h"
#include "tests/unit/harness.h"
#include "tests/unit/script_spend.h"

#define TAPROOT (QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS | QC_SCRIPT_TAPROOT)
#define NO_SIG ((qc_span){NULL, 0})

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

/* A coin that pays to key 0 with this script tree root (NULL: none). Out: parity. */
static bool taproot_coin(uint32_t in, const uint8_t *root)
{
    uint8_t key[32];
    bool odd = false;
    assert_true(qc_tap_tweak(S.pub[0] + 1, root, key, &odd));
    spend_coin(&S, in, program_script(1, key, sizeof key));
    return odd;
}

static size_t key_sign(uint8_t type, const qc_hash *annex, uint8_t sig[static 65])
{
    uint8_t secret[32];
    qc_hash hash;
    qc_taproot_env e = {
        .tx = &S.tx.tx, .in = S.in, .spent = S.spent, .hashes = &S.hashes, .annex = annex};
    assert_true(qc_seckey_tap_tweak(S.signer, S.secret[0], NULL, secret));
    assert_true(qc_sighash_taproot(&e, type, &hash));
    assert_true(qc_schnorr_sign(S.signer, secret, qc_span_of(hash.b, 32), NULL, sig));
    sig[64] = type;
    return type ? 65 : 64;
}

static qc_script_err spend_items(const qc_span *items, size_t n, uint32_t flags)
{
    testwit w = {.n = 0};
    for (size_t i = 0; i < n; i++)
        testwit_add(&w, items[i]);
    qc_script_err err = spend_check(&S, NO_SIG, &w, flags);
    testwit_clear(&w);
    return err;
}

static void test_key_path__every_hash_type(void **state)
{
    (void)state;
    static const uint8_t TYPES[] = {0, 1, 2, 3, 0x81, 0x82, 0x83};
    for (uint32_t in = 0; in < 2; in++) {
        taproot_coin(in, NULL);
        for (size_t i = 0; i < sizeof TYPES; i++) {
            uint8_t sig[66];
            qc_span item = qc_span_of(sig, key_sign(TYPES[i], NULL, sig));
            assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_OK);
            sig[10] ^= 4;
            assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_SCHNORR_SIG);
            assert_int_equal(spend_items(&item, 1, QC_SCRIPT_P2SH | QC_SCRIPT_WITNESS), QC_SE_OK);
            sig[10] ^= 4;
            if (TYPES[i]) {
                sig[64] ^= 0x80;
                assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_SCHNORR_SIG);
            }
        }
    }
}

static void test_key_path__bad_sizes_and_types(void **state)
{
    (void)state;
    uint8_t sig[66] = {0};
    taproot_coin(0, NULL);
    key_sign(0, NULL, sig);
    static const uint8_t BAD[] = {0, 4, 0x80, 0x84, 0x41, 0xff};
    for (size_t i = 0; i < sizeof BAD; i++) {
        sig[64] = BAD[i];
        qc_span item = qc_span_of(sig, 65);
        assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_SCHNORR_SIG_HASHTYPE);
    }
    static const size_t SIZES[] = {0, 1, 63, 66};
    for (size_t i = 0; i < QC_COUNTOF(SIZES); i++) {
        qc_span item = qc_span_of(sig, SIZES[i]);
        assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_SCHNORR_SIG_SIZE);
    }
    assert_int_equal(spend_items(NULL, 0, TAPROOT), QC_SE_WITNESS_PROGRAM_WITNESS_EMPTY);
    /* SINGLE without an output of its own. */
    taproot_coin(2, NULL);
    sig[64] = 3;
    qc_span item = qc_span_of(sig, 65);
    assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_SCHNORR_SIG_HASHTYPE);
}

static void test_key_path__annex_and_all_coins_are_signed(void **state)
{
    (void)state;
    static const uint8_t ANNEX[] = {0x50, 1, 2}, LEN_AND_ANNEX[] = {3, 0x50, 1, 2};
    uint8_t sig[65];
    qc_hash hash;
    qc_sha256(qc_span_of(LEN_AND_ANNEX, 4), hash.b);
    taproot_coin(1, NULL);
    qc_span items[2] = {qc_span_of(sig, key_sign(0, &hash, sig)), qc_span_of(ANNEX, 3)};
    assert_int_equal(spend_items(items, 2, TAPROOT), QC_SE_OK);
    assert_int_equal(spend_items(items, 1, TAPROOT), QC_SE_SCHNORR_SIG);
    items[1].len = 2;
    assert_int_equal(spend_items(items, 2, TAPROOT), QC_SE_SCHNORR_SIG);
    key_sign(0, NULL, sig);
    assert_int_equal(spend_items(items, 1, TAPROOT), QC_SE_OK);
    S.spent[0].value++; /* another input's coin */
    assert_int_equal(spend_items(items, 1, TAPROOT), QC_SE_SCHNORR_SIG);
    S.spent[0].value--;
    S.spent[2].script.len--;
    assert_int_equal(spend_items(items, 1, TAPROOT), QC_SE_SCHNORR_SIG);
    S.spent[2].script.len++;
}

static void test_key_path__a_signature_alone_is_no_annex(void **state)
{
    (void)state;
    uint8_t secret[32], sig[64], aux[32] = {0};
    qc_hash hash;
    taproot_coin(0, NULL);
    qc_taproot_env e = {.tx = &S.tx.tx, .in = 0, .spent = S.spent, .hashes = &S.hashes};
    assert_true(qc_seckey_tap_tweak(S.signer, S.secret[0], NULL, secret));
    assert_true(qc_sighash_taproot(&e, 0, &hash));
    do { /* until it starts with the annex' tag */
        aux[0]++;
        aux[1] = (uint8_t)(aux[1] + (aux[0] == 0));
        assert_true(qc_schnorr_sign(S.signer, secret, qc_span_of(hash.b, 32), aux, sig));
    } while (sig[0] != 0x50);
    qc_span item = qc_span_of(sig, sizeof sig);
    assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_OK);
}

static void test_key_path__inside_p2sh_is_not_taproot(void **state)
{
    (void)state;
    uint8_t key[32];
    bool odd;
    assert_true(qc_tap_tweak(S.pub[0] + 1, NULL, key, &odd));
    qc_bytes program = program_script(1, key, 32), sig = QC_BYTES_INIT;
    put_data_span(&sig, qc_bytes_span(&program));
    spend_coin(&S, 0, p2sh_script(qc_bytes_span(&program)));
    assert_int_equal(spend_check(&S, qc_bytes_span(&sig), NULL, TAPROOT), QC_SE_OK);
    qc_bytes_free(&program);
    qc_bytes_free(&sig);
}

/* --- script path -------------------------------------------------------------------------------
 */

typedef struct leaf_spend {
    qc_bytes script;
    qc_hash leaf;
    uint8_t control[33 + 32];
    size_t control_len;
} leaf_spend;

/* A coin whose tree is this leaf (taken over) and one sibling. */
static void leaf_coin(leaf_spend *l, uint8_t version, qc_bytes script)
{
    qc_hash sibling = {{0x77}}, root;
    l->script = script;
    qc_taproot_leaf_hash(version, qc_bytes_span(&script), &l->leaf);
    qc_taproot_branch_hash(&l->leaf, &sibling, &root);
    bool odd = taproot_coin(1, root.b);
    l->control[0] = (uint8_t)(version | odd);
    memcpy(l->control + 1, S.pub[0] + 1, 32);
    memcpy(l->control + 33, sibling.b, 32);
    l->control_len = 65;
}

static size_t leaf_sign(const leaf_spend *l, size_t k, uint8_t type, uint32_t codesep,
                        uint8_t sig[static 65])
{
    qc_hash hash;
    qc_taproot_env e = {.tx = &S.tx.tx,
                        .in = S.in,
                        .spent = S.spent,
                        .hashes = &S.hashes,
                        .leaf = &l->leaf,
                        .codesep_pos = codesep};
    assert_true(qc_sighash_taproot(&e, type, &hash));
    assert_true(qc_schnorr_sign(S.signer, S.secret[k], qc_span_of(hash.b, 32), NULL, sig));
    sig[64] = type;
    return type ? 65 : 64;
}

static qc_script_err leaf_check(const leaf_spend *l, const qc_span *items, size_t n, uint32_t flags)
{
    qc_span all[8];
    for (size_t i = 0; i < n; i++)
        all[i] = items[i];
    all[n] = qc_bytes_span(&l->script);
    all[n + 1] = qc_span_of(l->control, l->control_len);
    return spend_items(all, n + 2, flags);
}

/* A tapscript in words that is run on some one-byte items. */
static qc_script_err run_leaf(uint8_t version, const char *words, const char *items, uint32_t flags)
{
    leaf_spend l;
    leaf_coin(&l, version, script_from_text(words));
    qc_span all[5];
    size_t n = strlen(items);
    for (size_t i = 0; i < n; i++)
        all[i] = qc_span_of(items + i, items[i] != '0');
    qc_script_err err = leaf_check(&l, all, n, flags);
    qc_bytes_free(&l.script);
    return err;
}

static void test_script_path__rules_of_tapscript(void **state)
{
    (void)state;
    assert_int_equal(run_leaf(0xc0, "1", "", TAPROOT), QC_SE_OK);
    assert_int_equal(run_leaf(0xc0, "0", "", TAPROOT), QC_SE_EVAL_FALSE);
    assert_int_equal(run_leaf(0xc0, "1 1", "", TAPROOT), QC_SE_CLEANSTACK);
    assert_int_equal(run_leaf(0xc0, "IF 1 ENDIF", "\1", TAPROOT), QC_SE_OK);
    assert_int_equal(run_leaf(0xc0, "IF 1 ENDIF", "\2", TAPROOT), QC_SE_TAPSCRIPT_MINIMALIF);
    assert_int_equal(run_leaf(0xc0, "0 0 0 CHECKMULTISIG", "", TAPROOT),
                     QC_SE_TAPSCRIPT_CHECKMULTISIG);
    assert_int_equal(run_leaf(0xc0, "CAT", "", TAPROOT), QC_SE_OK);
    assert_int_equal(run_leaf(0xc0, "CAT 0x4c", "", TAPROOT), QC_SE_OK);
    assert_int_equal(run_leaf(0xc0, "0x4c", "", TAPROOT), QC_SE_BAD_OPCODE);
    assert_int_equal(run_leaf(0xc0, "CAT", "", TAPROOT | QC_SCRIPT_DISCOURAGE_OP_SUCCESS),
                     QC_SE_DISCOURAGE_OP_SUCCESS);
    assert_int_equal(run_leaf(0xc2, "0", "", TAPROOT), QC_SE_OK);
    assert_int_equal(
        run_leaf(0xc2, "0", "", TAPROOT | QC_SCRIPT_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION),
        QC_SE_DISCOURAGE_UPGRADABLE_TAPROOT_VERSION);
    assert_int_equal(run_leaf(0xc0, "0xff", "", TAPROOT), QC_SE_BAD_OPCODE);
    /* Keys: empty fails, 32 bytes are checked, anything else passes for now. */
    assert_int_equal(run_leaf(0xc0, "0 CHECKSIG NOT", "0", TAPROOT), QC_SE_TAPSCRIPT_EMPTY_PUBKEY);
    assert_int_equal(run_leaf(0xc0, "1 CHECKSIG", "\7", TAPROOT), QC_SE_OK);
    assert_int_equal(run_leaf(0xc0, "1 CHECKSIG NOT", "0", TAPROOT), QC_SE_OK);
    assert_int_equal(
        run_leaf(0xc0, "1 CHECKSIG", "\7", TAPROOT | QC_SCRIPT_DISCOURAGE_UPGRADABLE_PUBKEYTYPE),
        QC_SE_DISCOURAGE_UPGRADABLE_PUBKEYTYPE);
}

static void test_script_path__budget_is_the_size_of_the_witness(void **state)
{
    (void)state;
    /* A key of unknown kind costs 50 as well. Count, item, script, control block: 1 + 2 + (1 + s)
     * + 66 bytes, and 50 are given: three signatures need a script of 30 bytes. */
    static const char SIGS[] = "DUP 1 CHECKSIGVERIFY DUP 1 CHECKSIGVERIFY DUP 1 CHECKSIGVERIFY ";
    char words[256];
    snprintf(words, sizeof words, "%s0x13 0x%038d DROP", SIGS, 0);
    assert_int_equal(run_leaf(0xc0, words, "\1", TAPROOT), QC_SE_OK);
    snprintf(words, sizeof words, "%s0x12 0x%036d DROP", SIGS, 0);
    assert_int_equal(run_leaf(0xc0, words, "\1", TAPROOT), QC_SE_TAPSCRIPT_VALIDATION_WEIGHT);
}

static void test_script_path__signatures_cover_leaf_and_separator(void **state)
{
    (void)state;
    leaf_spend l;
    uint8_t a[65], b[65];
    qc_bytes s = QC_BYTES_INIT;
    put_data(&s, S.pub[1] + 1, 32);
    put_op(&s, QC_OP_CHECKSIG);
    put_op(&s, QC_OP_CODESEPARATOR); /* the operation at place 2 */
    put_data(&s, S.pub[2] + 1, 32);
    put_op(&s, QC_OP_CHECKSIGADD);
    put_op(&s, QC_OP_1 + 1);
    put_op(&s, QC_OP_NUMEQUAL);
    leaf_coin(&l, 0xc0, s);
    qc_span items[2] = {qc_span_of(b, leaf_sign(&l, 2, 0x83, 2, b)),
                        qc_span_of(a, leaf_sign(&l, 1, 0, UINT32_MAX, a))};
    assert_int_equal(leaf_check(&l, items, 2, TAPROOT), QC_SE_OK);
    leaf_sign(&l, 2, 0x83, UINT32_MAX, b);
    assert_int_equal(leaf_check(&l, items, 2, TAPROOT), QC_SE_SCHNORR_SIG);
    leaf_sign(&l, 2, 0x83, 1, b);
    assert_int_equal(leaf_check(&l, items, 2, TAPROOT), QC_SE_SCHNORR_SIG);
    leaf_sign(&l, 2, 0x83, 2, b);
    items[0].len = 0; /* not signed by the second: counts one */
    assert_int_equal(leaf_check(&l, items, 2, TAPROOT), QC_SE_EVAL_FALSE);
    items[0].len = 65;
    l.leaf.b[0] ^= 1;
    leaf_sign(&l, 1, 0, UINT32_MAX, a);
    assert_int_equal(leaf_check(&l, items, 2, TAPROOT), QC_SE_SCHNORR_SIG);
    qc_bytes_free(&l.script);
}

static void test_script_path__control_block(void **state)
{
    (void)state;
    leaf_spend l;
    leaf_coin(&l, 0xc0, script_from_text("1"));
    assert_int_equal(leaf_check(&l, NULL, 0, TAPROOT), QC_SE_OK);
    l.control[0] ^= 1;
    assert_int_equal(leaf_check(&l, NULL, 0, TAPROOT), QC_SE_WITNESS_PROGRAM_MISMATCH);
    l.control[0] ^= 1;
    for (size_t i = 1; i < 65; i += 9) {
        l.control[i] ^= 0x10;
        assert_int_equal(leaf_check(&l, NULL, 0, TAPROOT), QC_SE_WITNESS_PROGRAM_MISMATCH);
        l.control[i] ^= 0x10;
    }
    static const size_t BAD[] = {0, 1, 32, 34, 64};
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        l.control_len = BAD[i];
        assert_int_equal(leaf_check(&l, NULL, 0, TAPROOT), QC_SE_TAPROOT_WRONG_CONTROL_SIZE);
    }
    l.control_len = 33;
    assert_int_equal(leaf_check(&l, NULL, 0, TAPROOT), QC_SE_WITNESS_PROGRAM_MISMATCH);
    qc_bytes_free(&l.script);
    assert_true(qc_taproot_control_size_ok(33 + 32 * 128));
    assert_false(qc_taproot_control_size_ok(33 + 32 * 129));
}

static void test_programs__of_the_future_pass_but_are_discouraged(void **state)
{
    (void)state;
    uint32_t strict = TAPROOT | QC_SCRIPT_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM;
    spend_coin(&S, 0, program_script(2, S.pub[0], 32));
    assert_int_equal(spend_items(NULL, 0, TAPROOT), QC_SE_OK);
    assert_int_equal(spend_items(NULL, 0, strict), QC_SE_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM);
    spend_coin(&S, 0, program_script(1, S.pub[0], 33));
    assert_int_equal(spend_items(NULL, 0, strict), QC_SE_DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM);
    spend_coin(&S, 0, program_script(1, "\x4e\x73", 2));
    assert_int_equal(spend_items(NULL, 0, strict), QC_SE_OK);
    spend_coin(&S, 0, program_script(0, S.pub[0], 33));
    assert_int_equal(spend_items(NULL, 0, TAPROOT), QC_SE_WITNESS_PROGRAM_WRONG_LENGTH);
    /* 40 bytes are a program, 41 are not. */
    uint8_t longest[41] = {1};
    qc_span item = qc_span_of("x", 1);
    spend_coin(&S, 0, program_script(2, longest, 40));
    assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_OK);
    spend_coin(&S, 0, program_script(2, longest, 41));
    assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_WITNESS_UNEXPECTED);
    spend_coin(&S, 0, script_from_text("1"));
    assert_int_equal(spend_items(&item, 1, TAPROOT), QC_SE_WITNESS_UNEXPECTED);
    assert_int_equal(spend_items(&item, 1, QC_SCRIPT_P2SH), QC_SE_OK);
}

QC_TEST_MAIN_GROUP(setup, teardown, cmocka_unit_test(test_key_path__every_hash_type),
                   cmocka_unit_test(test_key_path__bad_sizes_and_types),
                   cmocka_unit_test(test_key_path__annex_and_all_coins_are_signed),
                   cmocka_unit_test(test_key_path__a_signature_alone_is_no_annex),
                   cmocka_unit_test(test_key_path__inside_p2sh_is_not_taproot),
                   cmocka_unit_test(test_script_path__rules_of_tapscript),
                   cmocka_unit_test(test_script_path__budget_is_the_size_of_the_witness),
                   cmocka_unit_test(test_script_path__signatures_cover_leaf_and_separator),
                   cmocka_unit_test(test_script_path__control_block),
                   cmocka_unit_test(test_programs__of_the_future_pass_but_are_discouraged))
