#include "core/crypto/secp.h"
#include "tests/unit/harness.h"

#include "core/base/hash.h"
#include "core/crypto/der.h"
#include "core/crypto/sha256.h"

static const uint8_t SEED[32] = {1, 2, 3};
static const uint8_t KEY[32] = {[0] = 0x11, [31] = 0x42};

typedef struct fixture {
    qc_signer *signer;
    uint8_t pub[65], pub33[33], msg[32], der[QC_DER_MAX];
    size_t der_len;
} fixture;

static int setup(void **state)
{
    static fixture f;
    qc_crypto_selftest();
    f.signer = qc_signer_new(SEED);
    qc_sha256(qc_span_str("a message"), f.msg);
    if (qc_seckey_pubkey(f.signer, KEY, false, f.pub) != 65)
        return -1;
    uint8_t c[65];
    if (qc_seckey_pubkey(f.signer, KEY, true, c) != 33)
        return -1;
    memcpy(f.pub33, c, 33);
    f.der_len = qc_ecdsa_sign(f.signer, KEY, f.msg, f.der);
    *state = &f;
    return f.der_len > 60 ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    qc_signer_free(f->signer);
    return 0;
}

static bool verify(const fixture *f, const uint8_t *der, size_t len)
{
    return qc_ecdsa_verify(qc_span_of(f->pub33, 33), qc_span_of(der, len), f->msg);
}

static void test_ecdsa_verify__accepts_every_form_of_the_key(void **state)
{
    fixture *f = *state;
    qc_span der = qc_span_of(f->der, f->der_len);
    uint8_t hybrid[65];
    memcpy(hybrid, f->pub, 65);
    assert_true(qc_ecdsa_verify(qc_span_of(f->pub, 65), der, f->msg));
    assert_true(qc_ecdsa_verify(qc_span_of(f->pub33, 33), der, f->msg));
    hybrid[0] = (uint8_t)(6 + (f->pub[64] & 1));
    assert_true(qc_ecdsa_verify(qc_span_of(hybrid, 65), der, f->msg));
    hybrid[0] ^= 1; /* the other parity */
    assert_false(qc_ecdsa_verify(qc_span_of(hybrid, 65), der, f->msg));
    assert_false(qc_ecdsa_verify(qc_span_of(f->pub, 64), der, f->msg));
    assert_false(qc_ecdsa_verify(qc_span_of(f->pub33, 32), der, f->msg));
    assert_false(qc_ecdsa_verify(qc_span_of(NULL, 0), der, f->msg));
}

static void test_ecdsa_verify__refuses_any_changed_bit_of_r_and_s(void **state)
{
    fixture *f = *state;
    uint8_t der[QC_DER_MAX];
    for (size_t i = 5; i < f->der_len; i += 3) {
        memcpy(der, f->der, sizeof der);
        der[i] ^= 1;
        assert_false(verify(f, der, f->der_len));
    }
    uint8_t msg[32];
    memcpy(msg, f->msg, 32);
    msg[31] ^= 1;
    assert_false(qc_ecdsa_verify(qc_span_of(f->pub33, 33), qc_span_of(f->der, f->der_len), msg));
}

/* Replace S by n - S. */
static size_t negate_s(const uint8_t rs[64], uint8_t der[80])
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                      0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                      0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
    uint8_t *p = der;
    memcpy(p, "\x30\x46\x02\x21\x00", 5);
    memcpy(p + 5, rs, 32);
    memcpy(p + 37, "\x02\x21\x00", 3);
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int v = order[i] - rs[32 + i] - borrow;
        borrow = v < 0;
        p[40 + i] = (uint8_t)v;
    }
    return 72;
}

static void test_ecdsa_verify__accepts_high_s_that_low_s_refuses(void **state)
{
    fixture *f = *state;
    uint8_t rs[64], der[80];
    assert_true(qc_der_parse_lax(qc_span_of(f->der, f->der_len), rs));
    assert_true(qc_ecdsa_low_s(qc_span_of(f->der, f->der_len)));
    size_t len = negate_s(rs, der);
    assert_true(verify(f, der, len));
    assert_false(qc_ecdsa_low_s(qc_span_of(der, len)));
    assert_false(qc_ecdsa_low_s(qc_span_of(der, 3)));
}

/* 30 <outer> 02 <R length> <R> 02 <S length> <S> <tail>, each part in hex. */
static bool lax(const char *hex, uint8_t rs[64])
{
    qc_bytes b = hex_bytes(hex);
    bool ok = qc_der_parse_lax(qc_bytes_span(&b), rs);
    qc_bytes_free(&b);
    return ok;
}

static void test_der_parse_lax__accepts_what_the_early_chain_holds(void **state)
{
    (void)state;
    static const char *const good[] = {
        "3006020105020107",                 /* strict */
        "3000020105020107",                 /* outer length wrong */
        "30820006020105020107",             /* long outer length */
        "300602010502010702ff",             /* bytes after it */
        "300e0205000000000502050000000007", /* padded numbers */
        "3006028101050282000107",           /* long integer lengths */
        "3006028600000000000105020107",     /* leading zeroes in a length */
    };
    uint8_t rs[64];
    for (size_t i = 0; i < QC_COUNTOF(good); i++) {
        memset(rs, 0xee, sizeof rs);
        assert_true(lax(good[i], rs));
        for (int j = 0; j < 64; j++)
            assert_int_equal(rs[j], j == 31 ? 5 : j == 63 ? 7 : 0);
    }
    /* A negative number is read as unsigned; an empty one is zero. */
    assert_true(lax("30060201850200", rs));
    assert_int_equal(rs[31], 0x85);
    assert_int_equal(rs[63], 0);
}

static void test_der_parse_lax__zeroes_both_numbers_when_one_is_too_long(void **state)
{
    (void)state;
    uint8_t rs[64];
    static const uint8_t zero[64];
    assert_true(lax("3028022101"
                    "0000000000000000000000000000000000000000000000000000000000000000"
                    "020107",
                    rs));
    assert_memory_equal(rs, zero, 64);
    assert_true(lax("3028020105022101"
                    "0000000000000000000000000000000000000000000000000000000000000000",
                    rs));
    assert_memory_equal(rs, zero, 64);
}

static void test_der_parse_lax__refuses_the_rest(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "30",
        "3106020105020107",
        "3081",
        "3082ff",
        "3006",
        "3006030105020107",
        "300602",
        "30060205050201",
        "3006020105030107",
        "300602010502",
        "3006020105020207",
        "300602840100000005020107", /* four length bytes */
        "30060285000005",           /* length of a length past the end */
        "30060283ffffff05020107",
        "3006020105028101",
    };
    uint8_t rs[64], was[64];
    memset(rs, 0xee, sizeof rs);
    memcpy(was, rs, sizeof was);
    for (size_t i = 0; i < QC_COUNTOF(bad); i++)
        assert_false(lax(bad[i], rs));
    assert_memory_equal(rs, was, sizeof rs);
}

static void test_pubkey__compress_and_decompress(void **state)
{
    fixture *f = *state;
    uint8_t a[65], b[33];
    assert_true(qc_pubkey_decompress(qc_span_of(f->pub33, 33), a));
    assert_memory_equal(a, f->pub, 65);
    assert_true(qc_pubkey_compress(qc_span_of(f->pub, 65), b));
    assert_memory_equal(b, f->pub33, 33);
    assert_true(qc_pubkey_valid(qc_span_of(f->pub, 65)));
    a[64] ^= 1; /* off the curve */
    assert_false(qc_pubkey_valid(qc_span_of(a, 65)));
    assert_false(qc_pubkey_compress(qc_span_of(a, 65), b));
    b[0] = 5;
    assert_false(qc_pubkey_valid(qc_span_of(b, 33)));
    memset(b + 1, 0, 32); /* x = 0 is on no point, nor is x = 5 */
    b[0] = 2;
    assert_false(qc_pubkey_valid(qc_span_of(b, 33)));
    assert_false(qc_xonly_valid(b + 1));
    assert_true(qc_xonly_valid(f->pub33 + 1));
}

/* BIP341 wallet vectors, scriptPubKey 1 (no script tree) and 2 (one leaf). */
static void test_tap_tweak__gives_bip341_output_keys(void **state)
{
    fixture *f = *state;
    static const char *const v[][3] = {
        {"d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d", NULL,
         "53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343"},
        {"187791b6f712a8ea41c8ecdd0ee77fab3e85263b37e1ec18a3651926b3a6cf27",
         "5b75adecf53548f3ec6ad7d78383bf84cc57b55a3127c72b9a2481752dd88b21",
         "147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3"},
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qc_bytes in = hex_bytes(v[i][0]), out = hex_bytes(v[i][2]);
        qc_bytes root = hex_bytes(v[i][1] ? v[i][1] : "");
        uint8_t got[32];
        bool odd;
        assert_true(qc_tap_tweak(in.data, v[i][1] ? root.data : NULL, got, &odd));
        assert_memory_equal(got, out.data, 32);
        if (v[i][1]) {
            assert_true(qc_tap_check(out.data, odd, in.data, root.data));
            assert_false(qc_tap_check(out.data, !odd, in.data, root.data));
            root.data[0] ^= 1;
            assert_false(qc_tap_check(out.data, odd, in.data, root.data));
        }
        qc_bytes_free(&in);
        qc_bytes_free(&out);
        qc_bytes_free(&root);
    }
    uint8_t zero[32] = {0}, got[32];
    bool odd;
    assert_false(qc_tap_tweak(zero, NULL, got, &odd));
    assert_false(qc_tap_check(f->pub33 + 1, false, zero, SEED));
}

static void test_seckey_tap_tweak__signs_for_the_output_key(void **state)
{
    fixture *f = *state;
    uint8_t key[32], out[32], sig[64], pub[65];
    bool odd;
    assert_true(qc_seckey_tap_tweak(f->signer, KEY, SEED, key));
    assert_true(qc_tap_tweak(f->pub33 + 1, SEED, out, &odd));
    assert_int_equal(qc_seckey_pubkey(f->signer, key, true, pub), 33);
    assert_memory_equal(pub + 1, out, 32);
    assert_true(qc_schnorr_sign(f->signer, key, qc_span_of(f->msg, 32), NULL, sig));
    assert_true(qc_schnorr_verify(out, sig, qc_span_of(f->msg, 32)));
    sig[63] ^= 1;
    assert_false(qc_schnorr_verify(out, sig, qc_span_of(f->msg, 32)));
    sig[63] ^= 1;
    assert_false(qc_schnorr_verify(out, sig, qc_span_of(f->msg, 31)));
}

static void test_seckey__refuses_zero_and_the_order(void **state)
{
    fixture *f = *state;
    uint8_t key[32] = {0}, out[80];
    assert_false(qc_seckey_valid(key));
    assert_int_equal(qc_seckey_pubkey(f->signer, key, true, out), 0);
    assert_int_equal(qc_ecdsa_sign(f->signer, key, f->msg, out), 0);
    assert_false(qc_schnorr_sign(f->signer, key, qc_span_of(f->msg, 32), NULL, out));
    assert_false(qc_seckey_tap_tweak(f->signer, key, NULL, out));
    memset(key, 0xff, 32);
    assert_false(qc_seckey_valid(key));
    assert_true(qc_seckey_valid(KEY));
}

/* BIP340 vectors 0 and 1: signing with known keys, message and aux. */
static void test_schnorr__gives_bip340_signatures(void **state)
{
    fixture *f = *state;
    static const char *const v[][4] = {
        {"0000000000000000000000000000000000000000000000000000000000000003",
         "0000000000000000000000000000000000000000000000000000000000000000",
         "0000000000000000000000000000000000000000000000000000000000000000",
         "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215"
         "25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0"},
        {"b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef",
         "0000000000000000000000000000000000000000000000000000000000000001",
         "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89",
         "6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de3341"
         "8906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a"},
    };
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qc_bytes key = hex_bytes(v[i][0]), aux = hex_bytes(v[i][1]), msg = hex_bytes(v[i][2]);
        qc_bytes want = hex_bytes(v[i][3]);
        uint8_t sig[64], pub[65];
        assert_true(qc_schnorr_sign(f->signer, key.data, qc_bytes_span(&msg), aux.data, sig));
        assert_memory_equal(sig, want.data, 64);
        assert_int_equal(qc_seckey_pubkey(f->signer, key.data, true, pub), 33);
        assert_true(qc_schnorr_verify(pub + 1, want.data, qc_bytes_span(&msg)));
        qc_bytes_free(&key);
        qc_bytes_free(&aux);
        qc_bytes_free(&msg);
        qc_bytes_free(&want);
    }
}

QC_TEST_MAIN_GROUP(setup, teardown,
                   cmocka_unit_test(test_ecdsa_verify__accepts_every_form_of_the_key),
                   cmocka_unit_test(test_ecdsa_verify__refuses_any_changed_bit_of_r_and_s),
                   cmocka_unit_test(test_ecdsa_verify__accepts_high_s_that_low_s_refuses),
                   cmocka_unit_test(test_der_parse_lax__accepts_what_the_early_chain_holds),
                   cmocka_unit_test(test_der_parse_lax__zeroes_both_numbers_when_one_is_too_long),
                   cmocka_unit_test(test_der_parse_lax__refuses_the_rest),
                   cmocka_unit_test(test_pubkey__compress_and_decompress),
                   cmocka_unit_test(test_tap_tweak__gives_bip341_output_keys),
                   cmocka_unit_test(test_seckey_tap_tweak__signs_for_the_output_key),
                   cmocka_unit_test(test_seckey__refuses_zero_and_the_order),
                   cmocka_unit_test(test_schnorr__gives_bip340_signatures))
