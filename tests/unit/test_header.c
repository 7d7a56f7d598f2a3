#include "core/btc/header.h"
#include "tests/unit/harness.h"

static qc_u256 u256_hex(const char *hex)
{
    qc_hash h;
    qc_u256 v;
    assert_int_equal(qc_hash_parse(hex, &h), QC_OK);
    qc_u256_from_hash(&h, &v);
    return v;
}

/* bits, target as hex digits, and what encoding it gives back (Core arith_uint256_tests). */
static const struct {
    uint32_t bits, again;
    uint64_t low;
} g_compact[] = {
    {0x00000000, 0, 0},
    {0x00123456, 0, 0},
    {0x01003456, 0, 0},
    {0x02000056, 0, 0},
    {0x01123456, 0x01120000, 0x12},
    {0x02123456, 0x02123400, 0x1234},
    {0x03123456, 0x03123456, 0x123456},
    {0x04123456, 0x04123456, 0x12345600},
    {0x05009234, 0x05009234, 0x92340000},
    {0x02008000, 0x02008000, 0x80},
};

static void test_compact__decodes_and_encodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(g_compact); i++) {
        qc_u256 t, want = qc_u256_from64(g_compact[i].low);
        bool negative, overflow;
        qc_compact_decode(g_compact[i].bits, &t, &negative, &overflow);
        assert_int_equal(qc_u256_cmp(&t, &want), 0);
        assert_false(negative || overflow);
        assert_int_equal(qc_compact_encode(&t), g_compact[i].again);
    }
    qc_u256 t = u256_hex("1234560000000000000000000000000000000000000000000000000000000000"), got;
    qc_compact_decode(0x20123456, &got, NULL, NULL);
    assert_int_equal(qc_u256_cmp(&t, &got), 0);
    assert_int_equal(qc_compact_encode(&t), 0x20123456);
}

static void test_compact__sign_and_overflow(void **state)
{
    (void)state;
    qc_u256 t;
    bool negative, overflow;
    qc_compact_decode(0x04923456, &t, &negative, &overflow);
    assert_true(negative && !overflow && t.w[0] == 0x12345600);
    qc_compact_decode(0x01fedcba, &t, &negative, &overflow);
    assert_true(negative && !overflow && t.w[0] == 0x7e);
    qc_compact_decode(0x04800000, &t, &negative, &overflow); /* minus nothing */
    assert_true(!negative && !overflow);
    static const struct {
        uint32_t bits;
        bool overflow;
    } edge[] = {{0x22000001, false}, {0x23000001, true}, {0x2100ffff, false}, {0x22000100, true},
                {0x207fffff, false}, {0x21010000, true}, {0xff000000, false}, {0xff123456, true}};
    for (size_t i = 0; i < QC_COUNTOF(edge); i++) {
        qc_compact_decode(edge[i].bits, &t, &negative, &overflow);
        assert_int_equal(overflow, edge[i].overflow);
    }
}

static void test_header_work__known_values(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        uint64_t work;
    } c[] = {{0x1d00ffff, 0x100010001}, {0x207fffff, 2}, {0x1e0377ae, 4838420},
             {0x04923456, 0},           {0, 0},          {0xff123456, 0}};
    for (size_t i = 0; i < QC_COUNTOF(c); i++) {
        qc_u256 w, want = qc_u256_from64(c[i].work);
        qc_header_work(c[i].bits, &w);
        assert_int_equal(qc_u256_cmp(&w, &want), 0);
    }
    qc_u256 w, want = u256_hex("5555555555555555555555555555555555555555555555555555555555555555");
    qc_header_work(0x01020000, &w); /* target 2: 2^256 / 3 */
    assert_int_equal(qc_u256_cmp(&w, &want), 0);
}

static qc_u256 random_u256(uint64_t *seed)
{
    qc_u256 v = {{test_rand(seed), test_rand(seed), test_rand(seed), test_rand(seed)}};
    qc_u256_shr(&v, (unsigned)(test_rand(seed) % 256));
    return v;
}

/* a * b modulo 2^256 by shifts and adds. */
static qc_u256 slow_mul(qc_u256 a, const qc_u256 *b)
{
    qc_u256 r = qc_u256_from64(0);
    for (unsigned i = 0; i < 256; i++, qc_u256_shl(&a, 1))
        if (b->w[i / 64] >> (i % 64) & 1)
            qc_u256_add(&r, &a);
    return r;
}

static void test_u256_div__quotient_and_rest_make_the_number(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 2000; i++) {
        qc_u256 n = random_u256(&seed), d = random_u256(&seed), q;
        if (qc_u256_is_zero(&d))
            continue;
        qc_u256_div(&n, &d, &q);
        qc_u256 back = slow_mul(q, &d), rest = n;
        assert_true(qc_u256_cmp(&back, &n) <= 0);
        qc_u256_sub(&rest, &back);
        assert_true(qc_u256_cmp(&rest, &d) < 0);
        qc_u256_add(&back, &rest);
        assert_int_equal(qc_u256_cmp(&back, &n), 0);
    }
}

static void test_u256_mul32__equals_long_multiplication(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 500; i++) {
        qc_u256 a = random_u256(&seed), m = qc_u256_from64((uint32_t)test_rand(&seed));
        qc_u256 want = slow_mul(a, &m);
        qc_u256_mul32(&a, (uint32_t)m.w[0]);
        assert_int_equal(qc_u256_cmp(&a, &want), 0);
    }
}

static void test_u256_shift__there_and_back(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 256; n++) {
        qc_u256 v = qc_u256_from64(1);
        qc_u256_shl(&v, n);
        assert_int_equal(qc_u256_bits(&v), n + 1);
        qc_u256_shr(&v, n);
        assert_int_equal(v.w[0], 1);
    }
    qc_u256 v = qc_u256_from64(5);
    qc_u256_shl(&v, 256);
    assert_true(qc_u256_is_zero(&v));
    assert_int_equal(qc_u256_bits(&v), 0);
}

static void test_header__bytes_and_hash(void **state)
{
    (void)state;
    /* Block 1 of the main chain. */
    qc_bytes b =
        hex_bytes("010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000"
                  "982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649"
                  "ffff001d01e36299");
    qc_header h;
    uint8_t again[QC_HEADER_LEN];
    char hex[QC_HASH_HEX_LEN + 1];
    qc_header_read(b.data, &h);
    assert_int_equal(h.version, 1);
    assert_int_equal(h.time, 1231469665);
    assert_int_equal(h.bits, 0x1d00ffff);
    assert_int_equal(h.nonce, 2573394689);
    qc_header_write(&h, again);
    assert_memory_equal(again, b.data, QC_HEADER_LEN);
    qc_hash hash;
    qc_header_hash(&h, &hash);
    qc_hash_hex(&hash, hex);
    assert_string_equal(hex, "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048");
    qc_bytes_free(&b);
}

QC_TEST_MAIN(cmocka_unit_test(test_compact__decodes_and_encodes),
             cmocka_unit_test(test_compact__sign_and_overflow),
             cmocka_unit_test(test_header_work__known_values),
             cmocka_unit_test(test_u256_div__quotient_and_rest_make_the_number),
             cmocka_unit_test(test_u256_mul32__equals_long_multiplication),
             cmocka_unit_test(test_u256_shift__there_and_back),
             cmocka_unit_test(test_header__bytes_and_hash))
