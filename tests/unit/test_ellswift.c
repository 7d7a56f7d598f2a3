/* ElligatorSwift: the field below it, encodings and back, the key exchange. The published vectors
 * are in tests/vectors; these hold without them. */
#include "core/crypto/ellswift.h"

#include "tests/unit/harness.h"

#include "core/crypto/field.h"

static const uint8_t SEED[32] = {7};
/* p - 1, and p + 2 as bytes. */
static const char *P_MINUS_1 = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e";
static const char *P_PLUS_2 = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc31";

static qc_fe fe_hex(const char *hex)
{
    qc_bytes b = hex_bytes(hex);
    qc_fe a = qc_fe_read(b.data);
    qc_bytes_free(&b);
    return a;
}

static void random_bytes(uint64_t *seed, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)test_rand(seed);
}

static qc_fe fe_random(uint64_t *seed)
{
    uint8_t b[32];
    random_bytes(seed, b, sizeof b);
    if (b[0] & 1)
        memset(b, 0xff, 27); /* near the top, where reductions carry */
    return qc_fe_read(b);
}

static bool fe_eq(qc_fe a, qc_fe b)
{
    return memcmp(a.n, b.n, sizeof a.n) == 0;
}

static void test_field__edges(void **state)
{
    (void)state;
    qc_fe one = qc_fe_small(1), zero = qc_fe_small(0), top = fe_hex(P_MINUS_1);
    assert_true(fe_eq(fe_hex(P_PLUS_2), qc_fe_small(2)));
    assert_true(qc_fe_is_zero(qc_fe_add(top, one)));
    assert_true(fe_eq(qc_fe_neg(one), top));
    assert_true(fe_eq(qc_fe_neg(zero), zero));
    assert_true(fe_eq(qc_fe_mul(top, top), one));
    assert_true(fe_eq(qc_fe_inv(top), top));
    assert_true(fe_eq(qc_fe_add(qc_fe_half(one), qc_fe_half(one)), one));
    assert_true(qc_fe_is_square(zero));
    assert_false(qc_fe_is_square(top)); /* p is 3 mod 4 */
}

static void test_field__laws_hold_for_random_numbers(void **state)
{
    uint64_t seed = 1;
    qc_fe r;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        qc_fe a = fe_random(&seed), b = fe_random(&seed), c = fe_random(&seed);
        assert_true(
            fe_eq(qc_fe_mul(a, qc_fe_add(b, c)), qc_fe_add(qc_fe_mul(a, b), qc_fe_mul(a, c))));
        assert_true(fe_eq(qc_fe_mul(qc_fe_mul(a, b), c), qc_fe_mul(a, qc_fe_mul(b, c))));
        assert_true(qc_fe_is_zero(qc_fe_add(a, qc_fe_neg(a))));
        assert_true(fe_eq(qc_fe_mul(a, qc_fe_inv(a)), qc_fe_small(1)));
        assert_true(fe_eq(qc_fe_add(qc_fe_half(a), qc_fe_half(a)), a));
        assert_int_equal(qc_fe_sqrt(a, &r), qc_fe_is_square(a));
        assert_true(qc_fe_sqrt(qc_fe_sqr(a), &r));
        assert_true(fe_eq(r, a) || fe_eq(r, qc_fe_neg(a)));
        assert_true(qc_fe_is_square(r));
    }
}

static void test_decode__every_64_bytes_are_a_point(void **state)
{
    uint64_t seed = 2;
    uint8_t in[QC_ELLSWIFT_LEN], x[32];
    (void)state;
    for (int i = 0; i < 500; i++) {
        random_bytes(&seed, in, sizeof in);
        if (i % 5 == 0) /* u, t or both are 0 mod p, in both spellings */
            memset(in + (i % 2) * 32, i % 3 == 0 ? 0 : 0xff, 32);
        if (i % 50 == 0)
            memset(in, 0, sizeof in);
        qc_ellswift_decode(in, x);
        assert_true(qc_xonly_valid(x));
    }
}

/* Where g + t^2 is 0 the formulas divide by it; BIP324 takes 2t instead. */
static void test_decode__where_the_denominator_is_zero(void **state)
{
    uint64_t seed = 6;
    uint8_t in[QC_ELLSWIFT_LEN], x[32], same[32];
    int found = 0;
    (void)state;
    while (found < 10) {
        qc_fe u = fe_random(&seed), t;
        qc_fe g = qc_fe_add(qc_fe_mul(qc_fe_sqr(u), u), qc_fe_small(7));
        if (!qc_fe_sqrt(qc_fe_neg(g), &t))
            continue;
        found++;
        qc_fe_write(u, in);
        qc_fe_write(t, in + 32);
        qc_ellswift_decode(in, x);
        assert_true(qc_xonly_valid(x));
        qc_fe_write(qc_fe_add(t, t), in + 32);
        qc_ellswift_decode(in, same);
        assert_memory_equal(x, same, 32);
    }
}

static void test_inverse__every_t_found_decodes_to_x(void **state)
{
    uint64_t seed = 3;
    uint8_t both[QC_ELLSWIFT_LEN], key[32], pub[65], x[32];
    int found = 0;
    (void)state;
    uint8_t t[8][32];
    qc_signer *s = qc_signer_new(SEED);
    for (int i = 0; i < 200; i++) {
        random_bytes(&seed, key, sizeof key);
        assert_int_equal(qc_seckey_pubkey(s, key, true, pub), 33);
        random_bytes(&seed, both, sizeof both);
        memset(t, 0, sizeof t);
        for (unsigned which = 0; which < 8; which++) {
            if (!qc_xswiftec_inv(pub + 1, both, which, both + 32))
                continue;
            found++;
            qc_ellswift_decode(both, x);
            assert_memory_equal(x, pub + 1, 32);
            memcpy(t[which], both + 32, 32);
            for (unsigned other = 0; other < which; other++)
                assert_memory_not_equal(t[other], t[which], 32);
        }
    }
    qc_signer_free(s);
    assert_in_range(found, 200 * 1, 200 * 3); /* two a pair on average: about as many t as points */
}

static void test_create__other_entropy_other_bytes_same_key(void **state)
{
    uint64_t seed = 4;
    uint8_t key[32] = {1}, e[32], a[QC_ELLSWIFT_LEN], b[QC_ELLSWIFT_LEN], pub[65], x[32];
    (void)state;
    qc_signer *s = qc_signer_new(SEED);
    assert_int_equal(qc_seckey_pubkey(s, key, true, pub), 33);
    memset(a, 0, sizeof a);
    for (int i = 0; i < 100; i++) {
        random_bytes(&seed, e, sizeof e);
        assert_true(qc_ellswift_create(s, key, e, b));
        assert_memory_not_equal(a, b, 32);
        qc_ellswift_decode(b, x);
        assert_memory_equal(x, pub + 1, 32);
        memcpy(a, b, sizeof a);
        assert_true(qc_ellswift_create(s, key, e, b));
        assert_memory_equal(a, b, sizeof a);
    }
    memset(key, 0, sizeof key);
    assert_false(qc_ellswift_create(s, key, e, b));
    memset(key, 0xff, sizeof key);
    assert_false(qc_ellswift_create(s, key, e, b));
    qc_signer_free(s);
}

static void test_ecdh__both_sides_agree_and_roles_matter(void **state)
{
    uint64_t seed = 5;
    uint8_t k1[32], k2[32], e[32], p1[64], p2[64], a[32], b[32];
    (void)state;
    qc_signer *s = qc_signer_new(SEED);
    for (int i = 0; i < 50; i++) {
        random_bytes(&seed, k1, sizeof k1);
        random_bytes(&seed, k2, sizeof k2);
        random_bytes(&seed, e, sizeof e);
        assert_true(qc_ellswift_create(s, k1, e, p1));
        assert_true(qc_ellswift_create(s, k2, e, p2));
        assert_true(qc_ellswift_ecdh(k1, p1, p2, true, a));
        assert_true(qc_ellswift_ecdh(k2, p2, p1, false, b));
        assert_memory_equal(a, b, 32);
        assert_true(qc_ellswift_ecdh(k2, p2, p1, true, b));
        assert_memory_not_equal(a, b, 32);
    }
    memset(k1, 0, sizeof k1);
    assert_false(qc_ellswift_ecdh(k1, p1, p2, true, a));
    qc_signer_free(s);
}

QC_TEST_MAIN(cmocka_unit_test(test_field__edges),
             cmocka_unit_test(test_field__laws_hold_for_random_numbers),
             cmocka_unit_test(test_decode__every_64_bytes_are_a_point),
             cmocka_unit_test(test_decode__where_the_denominator_is_zero),
             cmocka_unit_test(test_inverse__every_t_found_decodes_to_x),
             cmocka_unit_test(test_create__other_entropy_other_bytes_same_key),
             cmocka_unit_test(test_ecdh__both_sides_agree_and_roles_matter))
