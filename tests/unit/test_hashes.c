#include "core/crypto/hashes.h"
#include "tests/unit/harness.h"

#include "core/base/hash.h"
#include "core/crypto/muhash.h"
#include "core/crypto/siphash.h"

static void assert_hex(const uint8_t *got, const char *want_hex)
{
    qc_bytes want = hex_bytes(want_hex);
    assert_memory_equal(got, want.data, want.len);
    qc_bytes_free(&want);
}

static void test_ripemd160__gives_published_digests(void **state)
{
    (void)state;
    uint8_t h[20];
    qc_ripemd160(qc_span_of(NULL, 0), h);
    assert_hex(h, "9c1185a5c5e9fc54612808977ee8f548b2258d31");
    qc_ripemd160(qc_span_str("abc"), h);
    assert_hex(h, "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
    qc_ripemd160(qc_span_str("message digest"), h);
    assert_hex(h, "5d0689ef49d2fae572b881b123a85ffa21595f36");
}

static void test_hash160__of_the_generator_point(void **state)
{
    (void)state;
    uint8_t h[20];
    qc_bytes g = hex_bytes("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    qc_hash160(qc_bytes_span(&g), h);
    assert_hex(h, "751e76e8199196d454941c45d1b3a323f1433bd6");
    qc_bytes_free(&g);
}

static void test_sha1_sha512__give_fips_180_digests(void **state)
{
    (void)state;
    uint8_t h[64];
    qc_sha1(qc_span_str("abc"), h);
    assert_hex(h, "a9993e364706816aba3e25717850c26c9cd0d89d");
    qc_sha1(qc_span_of(NULL, 0), h);
    assert_hex(h, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    qc_sha512(qc_span_str("abc"), h);
    assert_hex(h, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

static void test_hmac__gives_rfc_4231_digests(void **state)
{
    (void)state;
    uint8_t h[64], key[131];
    qc_span what = qc_span_str("what do ya want for nothing?");
    qc_hmac_sha256(qc_span_str("Jefe"), what, h);
    assert_hex(h, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    qc_hmac_sha512(qc_span_str("Jefe"), what, h);
    assert_hex(h, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                  "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    memset(key, 0xaa, sizeof key);
    qc_hmac_sha256(qc_span_of(key, sizeof key),
                   qc_span_str("Test Using Larger Than Block-Size Key - Hash Key First"), h);
    assert_hex(h, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_chacha20_stream__gives_the_zero_key_stream(void **state)
{
    (void)state;
    static const uint8_t key[32];
    uint8_t out[70];
    qc_chacha20_stream(key, out, sizeof out);
    assert_hex(out, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
                    "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
                    "9f07e7be5551");
}

static void test_equal_const_time__compares_all(void **state)
{
    (void)state;
    assert_true(qc_equal_const_time(qc_span_str("abc"), qc_span_str("abc")));
    assert_true(qc_equal_const_time(qc_span_of(NULL, 0), qc_span_of(NULL, 0)));
    assert_false(qc_equal_const_time(qc_span_str("abc"), qc_span_str("abd")));
    assert_false(qc_equal_const_time(qc_span_str("bbc"), qc_span_str("abc")));
    assert_false(qc_equal_const_time(qc_span_str("abc"), qc_span_str("ab")));
    assert_false(qc_equal_const_time(qc_span_str(""), qc_span_str("a")));
}

static const qc_siphash_key SIP_KEY = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void test_siphash__gives_the_reference_values(void **state)
{
    (void)state;
    static const uint64_t want[] = {
        0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
        0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
        0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
        0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
    };
    uint8_t in[16];
    for (uint8_t i = 0; i < 16; i++) {
        in[i] = i;
        assert_int_equal(qc_siphash(&SIP_KEY, in, i), want[i]);
    }
}

static void test_siphash_hash__equals_the_generic_one(void **state)
{
    (void)state;
    qc_hash h;
    uint64_t seed = 7;
    uint8_t buf[36];
    for (unsigned round = 0; round < 100; round++) {
        for (int i = 0; i < 32; i++)
            h.b[i] = (uint8_t)test_rand(&seed);
        uint32_t n = (uint32_t)test_rand(&seed);
        memcpy(buf, h.b, 32);
        qc_write_le32(buf + 32, n);
        assert_int_equal(qc_siphash_hash(&SIP_KEY, &h), qc_siphash(&SIP_KEY, buf, 32));
        assert_int_equal(qc_siphash_hash_u32(&SIP_KEY, &h, n), qc_siphash(&SIP_KEY, buf, 36));
    }
}

static void muhash_add_int(qc_muhash *m, uint8_t v, bool remove)
{
    uint8_t e[32] = {v};
    if (remove)
        qc_muhash_remove(m, qc_span_of(e, sizeof e));
    else
        qc_muhash_add(m, qc_span_of(e, sizeof e));
}

static void assert_muhash(qc_muhash *m, const char *want_hex)
{
    qc_hash h, want;
    qc_muhash_finalize(m, h.b);
    assert_int_equal(qc_hash_parse(want_hex, &want), QC_OK);
    assert_memory_equal(h.b, want.b, 32);
}

#define MUHASH_01_2 "10d312b100cbd32ada024a6646e40d3482fcff103668d2625f10002a607d5863"
#define MUHASH_EMPTY "dd5ad2a105c2d29495f577245c357409002329b9f4d6182c0af3dc2f462555c8"

static void test_muhash__order_and_detours_do_not_matter(void **state)
{
    (void)state;
    qc_muhash m, a, b;
    qc_muhash_init(&m);
    muhash_add_int(&m, 0, false);
    muhash_add_int(&m, 1, false);
    muhash_add_int(&m, 2, true);
    assert_muhash(&m, MUHASH_01_2);
    assert_muhash(&m, MUHASH_01_2); /* still usable after finalizing */

    qc_muhash_init(&a);
    qc_muhash_init(&b);
    muhash_add_int(&a, 2, true);
    muhash_add_int(&a, 3, false);
    muhash_add_int(&b, 3, false);
    muhash_add_int(&b, 2, false);
    qc_muhash_separate(&a, &b); /* a = -2 -2 */
    muhash_add_int(&b, 1, false);
    muhash_add_int(&b, 3, true);
    qc_muhash_combine(&a, &b); /* a = -2 +1 */
    muhash_add_int(&a, 0, false);
    assert_muhash(&a, MUHASH_01_2);

    qc_muhash_separate(&a, &a);
    assert_muhash(&a, MUHASH_EMPTY);
    qc_muhash_init(&m);
    assert_muhash(&m, MUHASH_EMPTY);
}

static void test_muhash_read__takes_numbers_above_the_modulus(void **state)
{
    (void)state;
    /* 2^3072 - 1 = 1103716 (mod p): times the inverse of the same, the set is empty. */
    uint8_t raw[QC_MUHASH_LEN];
    qc_muhash m;
    memset(raw, 0xff, sizeof raw);
    memset(raw + QC_MUHASH_NUM_LEN, 0, QC_MUHASH_NUM_LEN);
    qc_write_le32(raw + QC_MUHASH_NUM_LEN, 1103716);
    qc_muhash_read(&m, raw);
    assert_muhash(&m, MUHASH_EMPTY);
    /* Its square: the fold of the product carries out twice. Small numbers give the same value. */
    qc_muhash small;
    qc_hash a, b;
    memset(raw, 0, sizeof raw);
    qc_write_le64(raw, UINT64_C(1103716) * 1103716);
    raw[QC_MUHASH_NUM_LEN] = 1;
    qc_muhash_read(&small, raw);
    memset(raw, 0xff, QC_MUHASH_NUM_LEN);
    qc_muhash_read(&m, raw);
    qc_muhash_combine(&m, &m);
    qc_muhash_finalize(&m, a.b);
    qc_muhash_finalize(&small, b.b);
    assert_memory_equal(a.b, b.b, 32);
}

static void test_muhash_write__restores(void **state)
{
    (void)state;
    qc_muhash m, n;
    uint8_t raw[QC_MUHASH_LEN];
    qc_muhash_init(&m);
    muhash_add_int(&m, 1, false);
    muhash_add_int(&m, 2, false);
    qc_muhash_write(&m, raw);
    assert_hex(raw, "1fa093295ea30a6a3acdc7b3f770fa538eff537528e990e2910e40bbcfd7f669"
                    "6b1256901929094694b56316de342f593303dd12ac43e06dce1be1ff8301c845");
    qc_muhash_read(&n, raw);
    muhash_add_int(&n, 0, false);
    muhash_add_int(&n, 2, true);
    muhash_add_int(&n, 2, true);
    assert_muhash(&n, MUHASH_01_2);
}

QC_TEST_MAIN(cmocka_unit_test(test_ripemd160__gives_published_digests),
             cmocka_unit_test(test_hash160__of_the_generator_point),
             cmocka_unit_test(test_sha1_sha512__give_fips_180_digests),
             cmocka_unit_test(test_hmac__gives_rfc_4231_digests),
             cmocka_unit_test(test_chacha20_stream__gives_the_zero_key_stream),
             cmocka_unit_test(test_equal_const_time__compares_all),
             cmocka_unit_test(test_siphash__gives_the_reference_values),
             cmocka_unit_test(test_siphash_hash__equals_the_generic_one),
             cmocka_unit_test(test_muhash__order_and_detours_do_not_matter),
             cmocka_unit_test(test_muhash_read__takes_numbers_above_the_modulus),
             cmocka_unit_test(test_muhash_write__restores))
