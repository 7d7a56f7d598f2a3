/* Unlocking inputs: every kind of output, every hash type, in one go and put together from copies;
 * whatever comes out is judged by the interpreter. */
#include "core/script/sign.h"

#include "core/crypto/hashes.h"
#include "tests/unit/harness.h"
#include "tests/unit/script_spend.h"

static const uint8_t SEED[32] = {3};
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

/* ---- scripts ---- */

static qc_bytes p2pk(size_t k)
{
    qc_bytes b = QC_BYTES_INIT;
    put_data(&b, S.pub[k], 33);
    put_op(&b, QC_OP_CHECKSIG);
    return b;
}

static qc_bytes two_of_three(void)
{
    qc_bytes b = QC_BYTES_INIT;
    put_op(&b, QC_OP_1 + 1);
    for (size_t k = 0; k < 3; k++)
        put_data(&b, S.pub[k], 33);
    put_op(&b, QC_OP_1 + 2);
    put_op(&b, QC_OP_CHECKMULTISIG);
    return b;
}

typedef enum wrap { BARE, SH, WSH, SH_WSH, WRAPS } wrap;

/* Wraps `inner` (taken over), tells the ring (NULL: nobody) the scripts that lead to it. */
static qc_bytes wrapped(qc_bytes inner, wrap how, qc_keyring *ring)
{
    bool wsh = how == WSH || how == SH_WSH, sh = how == SH || how == SH_WSH;
    for (int i = 0; i < 2; i++) {
        if (!(i == 0 ? wsh : sh))
            continue;
        qc_bytes outer =
            i == 0 ? p2wsh_script(qc_bytes_span(&inner)) : p2sh_script(qc_bytes_span(&inner));
        if (ring)
            assert_int_equal(qc_keyring_add_script(ring, qc_bytes_span(&inner)), QC_OK);
        qc_bytes_free(&inner);
        inner = outer;
    }
    return inner;
}

/* A ring with the keys whose bits are set in `keys`. */
static qc_keyring *ring_of(unsigned keys, bool compressed)
{
    qc_keyring *ring = qc_keyring_new(SEED);
    for (size_t k = 0; k < N_KEYS; k++)
        if (keys >> k & 1)
            assert_int_equal(qc_keyring_add_key(ring, S.secret[k], compressed), QC_OK);
    return ring;
}

/* ---- signing ---- */

static qc_err sign(const qc_keyring *ring, uint8_t type, const qc_tx *const *copy, size_t n,
                   qc_unlock *u, qc_script_err *why)
{
    const qc_tx *tx = &S.tx.tx;
    qc_sign_job j = {.ring = ring,
                     .tx = tx,
                     .in = S.in,
                     .spent = S.spent,
                     .all_known = true,
                     .hashes = &S.hashes,
                     .sighash = type,
                     .copy = n ? copy : &tx,
                     .n_copies = n ? n : 1};
    return qc_sign_input(&j, u, why);
}

/* The transaction with its input unlocked so. */
static qc_txbuf unlocked(const qc_unlock *u)
{
    qc_unlock all[3] = {{QC_BYTES_INIT, QC_BYTES_INIT}};
    qc_bytes raw = QC_BYTES_INIT;
    qc_txbuf t;
    all[S.in] = *u;
    assert_int_equal(qc_tx_write_unlocked(&S.tx.tx, all, &raw), QC_OK);
    assert_int_equal(qc_tx_parse(qc_bytes_span(&raw), true, &t), QC_WIRE_OK);
    qc_bytes_free(&raw);
    return t;
}

static qc_script_err verdict(const qc_txbuf *t)
{
    qc_script_check c = {.tx = &t->tx, .in = S.in, .spent = S.spent, .flags = QC_SIGN_FLAGS};
    return qc_script_verify_input(&c);
}

static void expect(const qc_keyring *ring, uint8_t type, bool complete)
{
    qc_unlock u;
    qc_script_err why = QC_SE_OK;
    assert_int_equal(sign(ring, type, NULL, 0, &u, &why), QC_OK);
    qc_txbuf t = unlocked(&u);
    assert_int_equal(why == QC_SE_OK, complete);
    assert_int_equal(verdict(&t), why);
    qc_txbuf_clear(&t);
    qc_unlock_clear(&u);
}

/* Not even a signature that would not count is made. */
static void expect_no_witness(const qc_keyring *ring)
{
    qc_unlock u;
    qc_script_err why = QC_SE_OK;
    assert_int_equal(sign(ring, 1, NULL, 0, &u, &why), QC_OK);
    assert_int_equal(u.witness.len, 0);
    qc_unlock_clear(&u);
}

static const uint8_t TYPES[] = {0, 1, 2, 3, 0x81, 0x82, 0x83};

static void test_sign__one_key_unlocks_every_kind_with_every_hash_type(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (wrap how = BARE; how < WRAPS; how++) {
            if (kind == 2 && how > SH)
                continue; /* P2WPKH inside P2WSH is nothing */
            qc_keyring *with = ring_of(2, true), *without = ring_of(1, true);
            uint8_t id[20];
            qc_hash160(qc_span_of(S.pub[1], 33), id);
            for (int i = 0; i < 2; i++) {
                qc_bytes inner = kind == 0   ? p2pk(1)
                                 : kind == 1 ? p2pkh_script(qc_span_of(S.pub[1], 33))
                                             : program_script(0, id, 20);
                qc_bytes script = wrapped(inner, how, i ? with : without);
                spend_coin(&S, 1, script);
            }
            for (size_t t = 0; t < sizeof TYPES; t++)
                expect(with, TYPES[t], true);
            expect(without, 1, false);
            qc_keyring_free(with);
            qc_keyring_free(without);
        }
}

static void test_sign__no_script_no_signature(void **state)
{
    (void)state;
    for (wrap how = SH; how < WRAPS; how++) {
        qc_keyring *ring = ring_of(7, true);
        spend_coin(&S, 0, wrapped(p2pk(0), how, NULL));
        expect(ring, 1, false);
        qc_keyring_free(ring);
    }
}

static void test_sign__taproot_keys_are_found_bare_and_tweaked(void **state)
{
    (void)state;
    uint8_t key[32];
    bool odd;
    for (size_t k = 0; k < N_KEYS; k++) {
        qc_keyring *ring = ring_of(1u << k, true), *other = ring_of(7u & ~(1u << k), true);
        assert_true(qc_tap_tweak(S.pub[k] + 1, NULL, key, &odd));
        for (int tweaked = 0; tweaked < 2; tweaked++) {
            spend_coin(&S, 1, program_script(1, tweaked ? key : S.pub[k] + 1, 32));
            for (size_t t = 0; t < sizeof TYPES; t++)
                expect(ring, TYPES[t], true);
            expect(other, 0, false);
        }
        qc_keyring_free(ring);
        qc_keyring_free(other);
    }
}

static void test_sign__taproot_needs_all_coins(void **state)
{
    (void)state;
    qc_keyring *ring = ring_of(1, true);
    spend_coin(&S, 1, program_script(1, S.pub[0] + 1, 32));
    const qc_tx *tx = &S.tx.tx;
    qc_sign_job j = {.ring = ring,
                     .tx = tx,
                     .in = 1,
                     .spent = S.spent,
                     .hashes = &S.hashes,
                     .copy = &tx,
                     .n_copies = 1};
    qc_unlock u;
    qc_script_err why = QC_SE_OK;
    assert_int_equal(qc_sign_input(&j, &u, &why), QC_OK);
    assert_int_equal(why, QC_SE_WITNESS_PROGRAM_WITNESS_EMPTY);
    assert_int_equal(u.witness.len, 0);
    qc_unlock_clear(&u);
    qc_keyring_free(ring);
}

static void test_sign__anchor_wants_nothing(void **state)
{
    (void)state;
    qc_keyring *ring = ring_of(0, true);
    spend_coin(&S, 2, program_script(1, "\x4e\x73", 2));
    expect(ring, 1, true);
    qc_keyring_free(ring);
}

static void test_sign__uncompressed_keys_sign_but_not_in_segwit(void **state)
{
    (void)state;
    uint8_t id[20];
    qc_keyring *ring = ring_of(1, false);
    spend_coin(&S, 0, p2pkh_script(qc_span_of(S.pub65[0], 65)));
    expect(ring, 1, true);
    qc_hash160(qc_span_of(S.pub65[0], 65), id);
    spend_coin(&S, 0, program_script(0, id, 20));
    expect(ring, 1, false);
    expect_no_witness(ring);
    spend_coin(&S, 0, wrapped(p2pkh_script(qc_span_of(S.pub65[0], 65)), WSH, ring));
    expect(ring, 1, false);
    qc_keyring_free(ring);
}

static void test_sign__segwit_does_not_sign_an_impossible_amount(void **state)
{
    (void)state;
    qc_keyring *ring = ring_of(1, true);
    spend_coin(&S, 0, wrapped(p2pk(0), WSH, ring));
    int64_t before = S.spent[0].value;
    S.spent[0].value = INT64_C(2100000000000001);
    expect(ring, 1, false);
    S.spent[0].value = before;
    qc_keyring_free(ring);
}

/* Input 2 has no output 2. */
static void test_sign__single_without_an_output_keeps_what_is_there(void **state)
{
    (void)state;
    static const uint8_t OLD[] = {QC_OP_1};
    qc_keyring *ring = ring_of(1, true);
    spend_coin(&S, 2, p2pk(0));
    qc_unlock u = {QC_BYTES_INIT, QC_BYTES_INIT}, again;
    qc_script_err why = QC_SE_OK;
    assert_int_equal(qc_bytes_append(&u.script_sig, OLD, 1), QC_OK);
    qc_txbuf had = unlocked(&u);
    qc_txbuf before = S.tx;
    S.tx = had;
    assert_int_equal(sign(ring, QC_SIGHASH_SINGLE, NULL, 0, &again, &why), QC_OK);
    S.tx = before;
    assert_int_not_equal(why, QC_SE_OK);
    assert_true(qc_span_eq(qc_bytes_span(&again.script_sig), qc_span_of(OLD, 1)));
    qc_unlock_clear(&u);
    qc_unlock_clear(&again);
    qc_txbuf_clear(&had);
    qc_keyring_free(ring);
}

/* ---- copies ---- */

static qc_unlock sign_with(unsigned keys, wrap how, bool complete)
{
    qc_unlock u;
    qc_script_err why = QC_SE_OK;
    qc_keyring *ring = ring_of(keys, true);
    qc_bytes script = wrapped(two_of_three(), how, ring);
    qc_bytes_free(&script);
    assert_int_equal(sign(ring, 1, NULL, 0, &u, &why), QC_OK);
    assert_int_equal(why == QC_SE_OK, complete);
    qc_keyring_free(ring);
    return u;
}

static void test_sign__copies_make_a_whole(void **state)
{
    (void)state;
    for (wrap how = BARE; how < WRAPS; how++) {
        qc_keyring *nobody = ring_of(0, true);
        spend_coin(&S, 1, wrapped(two_of_three(), how, NULL));
        for (size_t a = 0; a < 3; a++)
            for (size_t b = 0; b < 3; b++) {
                qc_unlock u[2] = {sign_with(1u << a, how, false), sign_with(1u << b, how, false)};
                qc_unlock both = sign_with(1u << a | 1u << b, how, a != b), sum;
                qc_txbuf t[2] = {unlocked(&u[0]), unlocked(&u[1])};
                const qc_tx *copy[2] = {&t[0].tx, &t[1].tx};
                qc_script_err why = QC_SE_OK;
                assert_int_equal(sign(nobody, 1, copy, 2, &sum, &why), QC_OK);
                assert_int_equal(why == QC_SE_OK, a != b);
                assert_true(
                    qc_span_eq(qc_bytes_span(&sum.script_sig), qc_bytes_span(&both.script_sig)));
                assert_true(qc_span_eq(qc_bytes_span(&sum.witness), qc_bytes_span(&both.witness)));
                qc_unlock_clear(&sum);
                qc_unlock_clear(&both);
                for (int i = 0; i < 2; i++) {
                    qc_unlock_clear(&u[i]);
                    qc_txbuf_clear(&t[i]);
                }
            }
        qc_keyring_free(nobody);
    }
}

static void test_sign__one_key_adds_to_what_another_has_signed(void **state)
{
    (void)state;
    qc_keyring *ring = ring_of(4, true);
    spend_coin(&S, 1, wrapped(two_of_three(), SH_WSH, NULL));
    qc_unlock first = sign_with(1, SH_WSH, false), sum;
    qc_txbuf t = unlocked(&first);
    const qc_tx *copy = &t.tx;
    qc_script_err why = QC_SE_EVAL_FALSE;
    assert_int_equal(sign(ring, 1, &copy, 1, &sum, &why), QC_OK);
    assert_int_equal(why, QC_SE_OK);
    qc_unlock_clear(&sum);
    qc_unlock_clear(&first);
    qc_txbuf_clear(&t);
    qc_keyring_free(ring);
}

static void test_sign__a_complete_copy_is_taken_as_it_is(void **state)
{
    (void)state;
    qc_keyring *ring = ring_of(1, true), *nobody = ring_of(0, true);
    spend_coin(&S, 0, p2pkh_script(qc_span_of(S.pub[0], 33)));
    qc_unlock u, again;
    qc_script_err why = QC_SE_OK;
    assert_int_equal(sign(ring, QC_SIGHASH_NONE, NULL, 0, &u, &why), QC_OK);
    qc_txbuf t = unlocked(&u);
    const qc_tx *copy[2] = {&S.tx.tx, &t.tx};
    assert_int_equal(sign(nobody, QC_SIGHASH_ALL, copy, 2, &again, &why), QC_OK);
    assert_int_equal(why, QC_SE_OK);
    assert_true(qc_span_eq(qc_bytes_span(&u.script_sig), qc_bytes_span(&again.script_sig)));
    qc_unlock_clear(&u);
    qc_unlock_clear(&again);
    qc_txbuf_clear(&t);
    qc_keyring_free(ring);
    qc_keyring_free(nobody);
}

static void test_sign__foreign_bytes_in_a_copy_do_no_harm(void **state)
{
    (void)state;
    uint64_t seed = 5;
    qc_keyring *ring = ring_of(1, true);
    spend_coin(&S, 1, wrapped(two_of_three(), SH, NULL));
    for (int round = 0; round < 300; round++) {
        qc_unlock u = sign_with(2, SH, false), sum;
        for (int i = 0; i < 3; i++)
            u.script_sig.data[test_rand(&seed) % u.script_sig.len] = (uint8_t)test_rand(&seed);
        qc_txbuf t = unlocked(&u);
        const qc_tx *copy = &t.tx;
        qc_script_err why = QC_SE_OK;
        assert_int_equal(sign(ring, 1, &copy, 1, &sum, &why), QC_OK);
        qc_txbuf done = unlocked(&sum);
        assert_int_equal(verdict(&done), why);
        qc_txbuf_clear(&done);
        qc_txbuf_clear(&t);
        qc_unlock_clear(&u);
        qc_unlock_clear(&sum);
    }
    qc_keyring_free(ring);
}

static void test_sign__survives_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    spend_coin(&S, 1, two_of_three());
    FOR_EACH_FAULT (runs) {
        qc_keyring *ring = qc_keyring_new(SEED);
        qc_unlock u = {QC_BYTES_INIT, QC_BYTES_INIT};
        qc_script_err why = QC_SE_OK;
        qc_err err = qc_keyring_add_key(ring, S.secret[0], true);
        if (!err)
            err = qc_keyring_add_key(ring, S.secret[2], true);
        if (!err)
            err = sign(ring, 1, NULL, 0, &u, &why);
        assert_int_equal(err, fault_was_hit() ? QC_ENOMEM : QC_OK);
        qc_unlock_clear(&u);
        qc_keyring_free(ring);
    }
    assert_true(runs > 3);
}

static void test_keyring__refuses_what_is_no_key(void **state)
{
    (void)state;
    uint8_t zero[32] = {0}, high[32];
    memset(high, 0xff, sizeof high);
    qc_keyring *ring = qc_keyring_new(SEED);
    assert_int_equal(qc_keyring_add_key(ring, zero, true), QC_EINVAL);
    assert_int_equal(qc_keyring_add_key(ring, high, true), QC_EINVAL);
    qc_keyring_free(ring);
}

static void test_ecdsa__r_is_low_and_the_rest_as_without(void **state)
{
    (void)state;
    unsigned same = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint8_t msg[32] = {(uint8_t)i}, plain[QC_DER_MAX], low[QC_DER_MAX];
        size_t n = qc_ecdsa_sign(S.signer, S.secret[0], msg, plain);
        size_t m = qc_ecdsa_sign_low_r(S.signer, S.secret[0], msg, low);
        assert_true(m > 60 && m <= 70 && low[3] <= 32);
        assert_true(qc_ecdsa_verify(qc_span_of(S.pub[0], 33), qc_span_of(low, m), msg));
        same += n == m && memcmp(plain, low, n) == 0;
        assert_true(plain[3] == 33 || (n == m && memcmp(plain, low, n) == 0));
    }
    assert_true(same > 10 && same < 54);
}

/* ---- BIP341's own example ---- */

static qc_bytes hex_at(const json_t *o, const char *key)
{
    return hex_bytes(json_text(json_need(o, key)));
}

static void sign_vector(const qc_tx *tx, const qc_spent *spent, const json_t *one)
{
    const json_t *given = json_need(one, "given");
    bool tree = !json_is_null(json_need(given, "merkleRoot"));
    qc_bytes key = tree ? hex_at(json_need(one, "intermediary"), "tweakedPrivkey")
                        : hex_at(given, "internalPrivkey");
    qc_bytes want =
        hex_bytes(json_text(json_at(json_need(json_need(one, "expected"), "witness"), 0)));
    qc_keyring *ring = qc_keyring_new(SEED);
    assert_int_equal(qc_keyring_add_key(ring, key.data, true), QC_OK);
    qc_sighash_cache hashes;
    qc_sighash_cache_force(&hashes, tx, spent);
    qc_sign_job j = {.ring = ring,
                     .tx = tx,
                     .in = (uint32_t)json_int(json_need(given, "txinIndex")),
                     .spent = spent,
                     .all_known = true,
                     .hashes = &hashes,
                     .sighash = (uint8_t)json_int(json_need(given, "hashType")),
                     .copy = &tx,
                     .n_copies = 1};
    qc_unlock u;
    qc_script_err why = QC_SE_EVAL_FALSE;
    assert_int_equal(qc_sign_input(&j, &u, &why), QC_OK);
    assert_int_equal(why, QC_SE_OK);
    assert_int_equal(u.script_sig.len, 0);
    assert_int_equal(u.witness.len, want.len + 2);
    assert_memory_equal(u.witness.data + 2, want.data, want.len);
    qc_unlock_clear(&u);
    qc_keyring_free(ring);
    qc_bytes_free(&key);
    qc_bytes_free(&want);
}

static void test_sign__bip341_example(void **state)
{
    (void)state;
    json_t *all = load_json(vectors_path("bips/bip-0341_wallet-test-vectors.json"));
    const json_t *v = json_at(json_need(all, "keyPathSpending"), 0);
    const json_t *coins = json_need(json_need(v, "given"), "utxosSpent");
    qc_bytes raw = hex_at(json_need(v, "given"), "rawUnsignedTx"), script[16];
    qc_spent spent[16];
    qc_txbuf t;
    size_t n = json_array_size(coins);
    assert_int_equal(qc_tx_parse(qc_bytes_span(&raw), true, &t), QC_WIRE_OK);
    assert_true(n == t.tx.rec->n_in && n <= 16);
    for (size_t i = 0; i < n; i++) {
        script[i] = hex_at(json_at(coins, i), "scriptPubKey");
        spent[i] = (qc_spent){.value = json_int(json_need(json_at(coins, i), "amountSats")),
                              .script = qc_bytes_span(&script[i])};
    }
    const json_t *inputs = json_need(v, "inputSpending");
    for (size_t i = 0; i < json_array_size(inputs); i++)
        sign_vector(&t.tx, spent, json_at(inputs, i));
    assert_int_equal(json_array_size(inputs), 7);
    for (size_t i = 0; i < n; i++)
        qc_bytes_free(&script[i]);
    qc_txbuf_clear(&t);
    qc_bytes_free(&raw);
    json_decref(all);
}

QC_TEST_MAIN_GROUP(setup, teardown,
                   cmocka_unit_test(test_sign__one_key_unlocks_every_kind_with_every_hash_type),
                   cmocka_unit_test(test_sign__no_script_no_signature),
                   cmocka_unit_test(test_sign__taproot_keys_are_found_bare_and_tweaked),
                   cmocka_unit_test(test_sign__taproot_needs_all_coins),
                   cmocka_unit_test(test_sign__anchor_wants_nothing),
                   cmocka_unit_test(test_sign__uncompressed_keys_sign_but_not_in_segwit),
                   cmocka_unit_test(test_sign__segwit_does_not_sign_an_impossible_amount),
                   cmocka_unit_test(test_sign__single_without_an_output_keeps_what_is_there),
                   cmocka_unit_test(test_sign__copies_make_a_whole),
                   cmocka_unit_test(test_sign__one_key_adds_to_what_another_has_signed),
                   cmocka_unit_test(test_sign__a_complete_copy_is_taken_as_it_is),
                   cmocka_unit_test(test_sign__foreign_bytes_in_a_copy_do_no_harm),
                   cmocka_unit_test(test_sign__survives_each_single_fault),
                   cmocka_unit_test(test_keyring__refuses_what_is_no_key),
                   cmocka_unit_test(test_ecdsa__r_is_low_and_the_rest_as_without),
                   cmocka_unit_test(test_sign__bip341_example))
