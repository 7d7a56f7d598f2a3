/* Messages of transport version 1: what is read, and why the rest is refused. */
#include "tests/unit/harness.h"

#include "core/net/message.h"

static const uint8_t MAGIC[4] = {0xfa, 0xbf, 0xb5, 0xda};

static qc_bytes message(const char *name, const char *payload)
{
    qc_bytes b = QC_BYTES_INIT;
    assert_int_equal(qc_message_write(&b, MAGIC, name, qc_span_str(payload)), QC_OK);
    return b;
}

static void test_message__what_is_written_is_read(void **state)
{
    (void)state;
    qc_bytes b = message("ping", "12345678");
    qc_message m;
    for (size_t cut = 0; cut < b.len; cut++)
        assert_int_equal(qc_message_read(qc_span_of(b.data, cut), MAGIC, &m), QC_MSG_MORE);
    assert_int_equal(qc_message_read(qc_bytes_span(&b), MAGIC, &m), QC_MSG_OK);
    assert_string_equal(m.name, "ping");
    assert_int_equal(m.total, b.len);
    assert_memory_equal(m.payload.data, "12345678", 8);
    qc_bytes_free(&b);
}

static void test_message__each_fault_has_its_name(void **state)
{
    (void)state;
    qc_message m;
    static const struct {
        size_t at;
        uint8_t flip;
        qc_msg_fail want;
    } CASE[] = {
        {0, 1, QC_MSG_MAGIC},      {4, 0x80, QC_MSG_NAME_BAD}, {15, 0x41, QC_MSG_NAME_BAD},
        {19, 1, QC_MSG_TOO_LARGE}, {20, 1, QC_MSG_CHECKSUM},   {24, 1, QC_MSG_CHECKSUM},
    };
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        qc_bytes b = message("pong", "abcdefgh");
        b.data[CASE[i].at] ^= CASE[i].flip;
        assert_int_equal(qc_message_read(qc_bytes_span(&b), MAGIC, &m), CASE[i].want);
        qc_bytes_free(&b);
    }
}

static void test_name__ids_are_those_of_the_bips(void **state)
{
    (void)state;
    assert_int_equal(qc_message_id("addr"), 1);
    assert_int_equal(qc_message_id("pong"), 19);
    assert_int_equal(qc_message_id("addrv2"), 28);
    assert_int_equal(qc_message_id("version"), 0);
    assert_int_equal(qc_message_id("nonsense"), 0);
    assert_null(qc_message_of_id(0));
    assert_null(qc_message_of_id(29));
    assert_null(qc_message_of_id(36));
    assert_string_equal(qc_message_of_id(37), "feature");
    assert_null(qc_message_of_id(38));
    assert_null(qc_message_of_id(255));
    for (uint8_t id = 1; id <= 28; id++)
        assert_int_equal(qc_message_id(qc_message_of_id(id)), id);
    assert_true(qc_message_known("wtxidrelay"));
    assert_false(qc_message_known("nonsense"));
}

static void test_version__round_trip_and_cuts(void **state)
{
    (void)state;
    qc_version v = {.version = 70016, .time = 99, .nonce = 5, .user_agent = "/Quoin:0.1.0/"};
    v.start_height = 7;
    v.relay = true;
    qc_bytes b = QC_BYTES_INIT;
    qc_version got;
    assert_int_equal(qc_version_write(&b, &v), QC_OK);
    assert_true(qc_version_read(qc_bytes_span(&b), &got));
    assert_int_equal(got.version, 70016);
    assert_int_equal(got.nonce, 5);
    assert_int_equal(got.start_height, 7);
    assert_string_equal(got.user_agent, "/Quoin:0.1.0/");
    assert_true(got.relay);
    assert_false(qc_version_read(qc_span_of(b.data, 45), &got));
    assert_true(qc_version_read(qc_span_of(b.data, 46), &got)); /* as peers of 2009 sent it */
    b.data[81] = 12; /* in the user agent: no control character reaches the log */
    assert_true(qc_version_read(qc_bytes_span(&b), &got));
    assert_string_equal(got.user_agent, "Quoin:0.1.0/");
    got.version = 0;
    assert_false(qc_version_read(qc_span_of(b.data, 4), &got)); /* too short, but it says how old */
    assert_int_equal(got.version, 70016);
    qc_bytes_free(&b);
}

static void test_printable__keeps_what_is_harmless(void **state)
{
    static const uint8_t all[] = "/a-b:1.0(x; y_z)/?@,\\\"'<>%$\x01\x7f\xc3";
    char out[64], little[4];
    (void)state;
    qc_message_printable(qc_span_of(all, sizeof all - 1), out, sizeof out);
    assert_string_equal(out, "/a-b:1.0(x; y_z)/?@,");
    qc_message_printable(qc_span_of(all, sizeof all - 1), little, sizeof little);
    assert_string_equal(little, "/a-");
}

QC_TEST_MAIN(cmocka_unit_test(test_printable__keeps_what_is_harmless),
             cmocka_unit_test(test_message__what_is_written_is_read),
             cmocka_unit_test(test_message__each_fault_has_its_name),
             cmocka_unit_test(test_name__ids_are_those_of_the_bips),
             cmocka_unit_test(test_version__round_trip_and_cuts))
