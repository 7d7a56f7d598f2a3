#include "core/base/bytes.h"
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/endian.h"
#include "core/base/hash.h"
#include "tests/unit/harness.h"

static void test_bytes_append__grows_and_keeps(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t c = (uint8_t)i;
        assert_int_equal(qc_bytes_append(&b, &c, 1), QC_OK);
    }
    assert_int_equal(b.len, 1000);
    assert_in_range(b.cap, 1000, 2048);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(b.data[i], i & 255);
    assert_int_equal(qc_bytes_append(&b, NULL, 0), QC_OK);
    assert_int_equal(b.len, 1000);
    qc_bytes_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
    qc_bytes_free(NULL);
}

static void test_bytes_reserve__refuses_what_overflows(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_bytes_append(&b, "abc", 3), QC_OK);
    assert_int_equal(qc_bytes_reserve(&b, SIZE_MAX), QC_ENOMEM);
    assert_int_equal(qc_bytes_reserve(&b, SIZE_MAX - 3), QC_ENOMEM);
    assert_int_equal(qc_bytes_reserve(&b, SIZE_MAX / 2 + 1), QC_ENOMEM);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "abc", 3);
    qc_bytes_free(&b);
}

static void test_bytes__survive_each_single_fault(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_bytes b;
        qc_err err = qc_bytes_alloc(&b, 3);
        if (!err)
            memcpy(b.data, "abc", 3);
        size_t before = b.len;
        if (!err && (err = qc_bytes_append(&b, "0123456789", 10))) {
            assert_int_equal(b.len, before);
            assert_memory_equal(b.data, "abc", 3);
        }
        assert_int_equal(err, fault_was_hit() ? QC_ENOMEM : QC_OK);
        qc_bytes_free(&b);
    }
    assert_int_equal(runs, 3);
}

static void test_try_calloc__checks_the_product(void **state)
{
    (void)state;
    assert_null(qc_try_calloc(SIZE_MAX / 4, 8));
    uint8_t *p = qc_try_calloc(3, 5);
    for (int i = 0; i < 15; i++)
        assert_int_equal(p[i], 0);
    qc_free(p);
    p = qc_try_calloc(0, 0);
    assert_non_null(p);
    qc_free(p);
}

static void test_fault__fires_once_at_the_nth_call(void **state)
{
    (void)state;
    fault_arm(3);
    assert_false(fault_was_hit());
    for (int i = 1; i <= 6; i++) {
        void *p = qc_try_alloc(1);
        assert_int_equal(p == NULL, i == 3);
        qc_free(p);
    }
    assert_true(fault_was_hit());
}

static void test_asprintf__measures_its_text(void **state)
{
    (void)state;
    char *s = qc_asprintf("%0*d|%s", 300, 7, "end");
    assert_int_equal(strlen(s), 304);
    assert_string_equal(s + 299, "7|end");
    char *copy = qc_strdup(s);
    assert_string_equal(s, copy);
    assert_ptr_not_equal(s, copy);
    qc_free(s);
    qc_free(copy);
}

static void test_span_eq__compares_length_and_bytes(void **state)
{
    (void)state;
    assert_true(qc_span_eq(qc_span_str("ab"), qc_span_of("abc", 2)));
    assert_false(qc_span_eq(qc_span_str("ab"), qc_span_str("abc")));
    assert_false(qc_span_eq(qc_span_str("ab"), qc_span_str("ac")));
    assert_true(qc_span_eq(qc_span_of(NULL, 0), qc_span_str("")));
}

static void test_arith__says_what_overflows(void **state)
{
    (void)state;
    uint8_t u;
    int64_t v;
    size_t z;
    assert_true(QC_ADD_OK(200, 55, &u));
    assert_int_equal(u, 255);
    assert_false(QC_ADD_OK(200, 56, &u));
    assert_false(QC_SUB_OK(1, 2, &u));
    assert_false(QC_MUL_OK(INT64_MAX, 2, &v));
    assert_false(QC_SUB_OK(INT64_MIN, 1, &v));
    assert_false(QC_MUL_OK(SIZE_MAX, 2u, &z));
    assert_int_equal(QC_MIN(3, 4) + QC_MAX(3, 4), 7);
}

static void test_endian__fixes_the_byte_order(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0xff, 1, 2, 3, 4, 5, 6, 7, 8};
    const uint8_t *p = raw + 1; /* unaligned on purpose */
    assert_int_equal(qc_read_le16(p), 0x0201);
    assert_int_equal(qc_read_be16(p), 0x0102);
    assert_int_equal(qc_read_le32(p), 0x04030201);
    assert_int_equal(qc_read_be32(p), 0x01020304);
    assert_true(qc_read_le64(p) == 0x0807060504030201);
    assert_true(qc_read_be64(p) == 0x0102030405060708);
    uint8_t out[8];
    qc_write_le64(out, 0x0807060504030201);
    assert_memory_equal(out, p, 8);
    qc_write_be64(out, 0x0102030405060708);
    assert_memory_equal(out, p, 8);
    qc_write_be16(out, 0x0102);
    qc_write_le16(out + 2, 0x0403);
    qc_write_be32(out + 4, 0x05060708);
    assert_memory_equal(out, p, 8);
    qc_write_le32(out, 0x04030201);
    assert_memory_equal(out, p, 8);
}

#define GENESIS "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
static void test_hash__is_reversed_as_text(void **state)
{
    (void)state;
    qc_hash h, same;
    char text[QC_HASH_HEX_LEN + 1];
    assert_int_equal(qc_hash_parse(GENESIS, &h), QC_OK);
    assert_int_equal(h.b[0], 0x6f);
    assert_int_equal(h.b[31], 0);
    qc_hash_hex(&h, text);
    assert_string_equal(text, GENESIS);
    assert_int_equal(
        qc_hash_parse("000000000019D6689C085AE165831E934FF763AE46A2A6C172B3F1B60A8CE26F", &same),
        QC_OK);
    assert_true(qc_hash_eq(&h, &same));
    same.b[31] ^= 1;
    assert_false(qc_hash_eq(&h, &same));
    assert_false(qc_hash_is_zero(&h));
    assert_true(qc_hash_is_zero(&(qc_hash){{0}}));
}

static void test_hash_parse__leaves_the_output_on_bad_text(void **state)
{
    (void)state;
    char text[] = GENESIS;
    qc_hash h = {{42}};
    assert_int_equal(qc_hash_parse("", &h), QC_EINVAL);
    assert_int_equal(qc_hash_parse(GENESIS "0", &h), QC_EINVAL);
    for (size_t i = 0; i < QC_HASH_HEX_LEN; i++) {
        for (const char *bad = "g/:@G` "; *bad; bad++) {
            text[i] = *bad;
            assert_int_equal(qc_hash_parse(text, &h), QC_EINVAL);
        }
        text[i] = '0';
    }
    text[63] = 0;
    assert_int_equal(qc_hash_parse(text, &h), QC_EINVAL);
    assert_int_equal(h.b[0], 42);
}

QC_TEST_MAIN(cmocka_unit_test(test_bytes_append__grows_and_keeps),
             cmocka_unit_test(test_bytes_reserve__refuses_what_overflows),
             cmocka_unit_test(test_bytes__survive_each_single_fault),
             cmocka_unit_test(test_try_calloc__checks_the_product),
             cmocka_unit_test(test_fault__fires_once_at_the_nth_call),
             cmocka_unit_test(test_asprintf__measures_its_text),
             cmocka_unit_test(test_span_eq__compares_length_and_bytes),
             cmocka_unit_test(test_arith__says_what_overflows),
             cmocka_unit_test(test_endian__fixes_the_byte_order),
             cmocka_unit_test(test_hash__is_reversed_as_text),
             cmocka_unit_test(test_hash_parse__leaves_the_output_on_bad_text))
