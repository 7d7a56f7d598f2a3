#include "core/btc/wire.h"
#include "tests/unit/harness.h"

static qc_reader reader_of(const qc_bytes *b)
{
    return qc_reader_of(qc_bytes_span(b));
}

static void expect_compact(const char *hex, uint64_t value, qc_wire_fail fail)
{
    qc_bytes b = hex_bytes(hex);
    qc_reader r = reader_of(&b);
    assert_int_equal(qc_r_compact(&r), value);
    assert_int_equal(r.fail, fail);
    assert_int_equal(qc_reader_left(&r), 0);
    qc_bytes_free(&b);
}

static void test_r_compact__takes_only_the_shortest_form(void **state)
{
    (void)state;
    expect_compact("00", 0, QC_WIRE_OK);
    expect_compact("fc", 252, QC_WIRE_OK);
    expect_compact("fdfd00", 253, QC_WIRE_OK);
    expect_compact("fdfc00", 0, QC_WIRE_NON_CANONICAL);
    expect_compact("fdffff", 65535, QC_WIRE_OK);
    expect_compact("fe00000100", 65536, QC_WIRE_OK);
    expect_compact("feffff0000", 0, QC_WIRE_NON_CANONICAL);
    expect_compact("ffffffffff00000000", 0, QC_WIRE_NON_CANONICAL);
}

static void test_r_compact__stops_at_max_size(void **state)
{
    (void)state;
    expect_compact("fe00000002", QC_MAX_SIZE, QC_WIRE_OK);
    expect_compact("fe01000002", 0, QC_WIRE_TOO_LARGE);
    expect_compact("ff0000000001000000", 0, QC_WIRE_TOO_LARGE);
}

static void test_r_compact__ends_with_the_data(void **state)
{
    (void)state;
    expect_compact("", 0, QC_WIRE_END);
    expect_compact("fdfd", 0, QC_WIRE_END);
    expect_compact("fe000001", 0, QC_WIRE_END);
    expect_compact("ff00000000010000", 0, QC_WIRE_END);
}

static void test_reader__first_failure_stays(void **state)
{
    (void)state;
    qc_bytes b = hex_bytes("fd0100aabbccdd");
    qc_reader r = reader_of(&b);
    assert_int_equal(qc_r_compact(&r), 0);
    assert_int_equal(qc_r_u8(&r), 0);
    assert_int_equal(qc_r_le32(&r), 0);
    assert_int_equal(qc_r_span(&r, 1).len, 0);
    qc_hash h;
    memset(&h, 1, sizeof h);
    qc_r_hash(&r, &h);
    assert_true(qc_hash_is_zero(&h));
    assert_int_equal(r.fail, QC_WIRE_NON_CANONICAL);
    assert_int_equal(r.p - r.start, 3);
    qc_bytes_free(&b);
}

static void test_r_count__is_bounded_by_what_remains(void **state)
{
    (void)state;
    qc_bytes b = hex_bytes("03aabbccddeeff");
    qc_reader r = reader_of(&b);
    assert_int_equal(qc_r_count(&r, 2), 3);
    assert_int_equal(r.fail, QC_WIRE_OK);
    r = reader_of(&b);
    assert_int_equal(qc_r_count(&r, 3), 0);
    assert_int_equal(r.fail, QC_WIRE_END);
    qc_bytes_free(&b);
}

/* Encodings of Core's serialize_tests and of its databases. */
static const struct {
    uint64_t value;
    const char *hex;
} g_varint[] = {
    {0, "00"},
    {0x7f, "7f"},
    {0x80, "8000"},
    {0x1234, "a334"},
    {0xffff, "82fe7f"},
    {0x123456, "c7e756"},
    {0x80123456, "86ffc7e756"},
    {0xffffffff, "8efefefe7f"},
    {0x7fffffffffffffff, "fefefefefefefefe7f"},
    {0xffffffffffffffff, "80fefefefefefefefe7f"},
};

static void test_varint__round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(g_varint); i++) {
        qc_bytes want = hex_bytes(g_varint[i].hex), got = QC_BYTES_INIT;
        assert_int_equal(qc_w_varint(&got, g_varint[i].value), QC_OK);
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.data, want.data, want.len);
        qc_reader r = reader_of(&want);
        assert_int_equal(qc_r_varint(&r), g_varint[i].value);
        assert_int_equal(r.fail, QC_WIRE_OK);
        assert_int_equal(qc_reader_left(&r), 0);
        qc_bytes_free(&want);
        qc_bytes_free(&got);
    }
}

static void test_r_varint__refuses_more_than_64_bits(void **state)
{
    (void)state;
    const char *bad[] = {"80fefefefefefefeff00", "81fefefefefefefefe7f", "ffffffffffffffffffff00"};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        qc_bytes b = hex_bytes(bad[i]);
        qc_reader r = reader_of(&b);
        assert_int_equal(qc_r_varint(&r), 0);
        assert_int_equal(r.fail, QC_WIRE_VARINT);
        qc_bytes_free(&b);
    }
}

static void test_w_compact__round_trip(void **state)
{
    (void)state;
    const uint64_t v[] = {0, 252, 253, 0xffff, 0x10000, QC_MAX_SIZE};
    for (size_t i = 0; i < QC_COUNTOF(v); i++) {
        qc_bytes b = QC_BYTES_INIT;
        assert_int_equal(qc_w_compact(&b, v[i]), QC_OK);
        assert_int_equal(b.len, qc_compact_size(v[i]));
        qc_reader r = reader_of(&b);
        assert_int_equal(qc_r_compact(&r), v[i]);
        assert_int_equal(r.fail, QC_WIRE_OK);
        qc_bytes_free(&b);
    }
    qc_bytes b = QC_BYTES_INIT, want = hex_bytes("ff0000000001000000");
    assert_int_equal(qc_w_compact(&b, 0x100000000), QC_OK);
    assert_true(qc_span_eq(qc_bytes_span(&b), qc_bytes_span(&want)));
    qc_bytes_free(&b);
    qc_bytes_free(&want);
}

static void test_w_var__writes_length_and_bytes(void **state)
{
    (void)state;
    qc_bytes b = QC_BYTES_INIT, want = hex_bytes("0361626378563412efcdab8967452301ff");
    assert_int_equal(qc_w_var(&b, qc_span_str("abc")), QC_OK);
    assert_int_equal(qc_w_le32(&b, 0x12345678), QC_OK);
    assert_int_equal(qc_w_le64(&b, 0x0123456789abcdef), QC_OK);
    assert_int_equal(qc_w_u8(&b, 0xff), QC_OK);
    assert_true(qc_span_eq(qc_bytes_span(&b), qc_bytes_span(&want)));
    qc_reader r = reader_of(&b);
    qc_span s = qc_r_var(&r);
    assert_true(qc_span_eq(s, qc_span_str("abc")));
    assert_int_equal(qc_r_le32(&r), 0x12345678);
    assert_int_equal(qc_r_le64(&r), 0x0123456789abcdef);
    qc_bytes_free(&b);
    qc_bytes_free(&want);
}

QC_TEST_MAIN(cmocka_unit_test(test_r_compact__takes_only_the_shortest_form),
             cmocka_unit_test(test_r_compact__stops_at_max_size),
             cmocka_unit_test(test_r_compact__ends_with_the_data),
             cmocka_unit_test(test_reader__first_failure_stays),
             cmocka_unit_test(test_r_count__is_bounded_by_what_remains),
             cmocka_unit_test(test_varint__round_trip),
             cmocka_unit_test(test_r_varint__refuses_more_than_64_bits),
             cmocka_unit_test(test_w_compact__round_trip),
             cmocka_unit_test(test_w_var__writes_length_and_bytes))
