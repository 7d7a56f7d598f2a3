/* What neighbours on this machine say: Tor's control port, an I2P router's SAM bridge. Words only;
 * conversations are held in tests/functional/test_networks.py. */
#include "core/net/torreply.h"
#include "tests/unit/harness.h"

#include "core/net/sam.h"

/* ---- Tor ---- */

static qc_tor_result feed(qc_tor_reader *r, const char *text, const qc_tor_reply **out)
{
    assert_int_equal(qc_tor_feed(r, qc_span_str(text)), QC_OK);
    return qc_tor_next(r, out);
}

static void test_tor_next__puts_lines_together_however_they_come(void **state)
{
    static const char TEXT[] = "250-AUTH METHODS=NULL\r\n250-\r\nx\r\n250 OK\r\n650 HELLO\n";
    (void)state;
    for (size_t cut = 0; cut <= sizeof TEXT - 1; cut++) {
        qc_tor_reader r = {.at = 0};
        const qc_tor_reply *got;
        int replies = 0;
        for (int half = 0; half < 2; half++) {
            qc_span part =
                half ? qc_span_of(TEXT + cut, sizeof TEXT - 1 - cut) : qc_span_of(TEXT, cut);
            assert_int_equal(qc_tor_feed(&r, part), QC_OK);
            while (qc_tor_next(&r, &got) == QC_TOR_REPLY) {
                assert_int_equal(got->code, replies ? 650 : 250);
                assert_int_equal(got->n, replies ? 1 : 3);
                assert_string_equal(got->line[0], replies ? "HELLO" : "AUTH METHODS=NULL");
                replies++;
            }
        }
        assert_int_equal(replies, 2);
        qc_tor_reader_clear(&r);
    }
}

static void test_tor_next__a_line_may_have_100000_bytes_and_a_reply_1000_lines(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        qc_tor_reader r = {.at = 0};
        const qc_tor_reply *got;
        char *line = qc_alloc(QC_TOR_LINE_MAX + 3);
        memset(line, 'A', QC_TOR_LINE_MAX + more);
        memcpy(line, "250-", 4);
        /* Even before its end is there. */
        assert_int_equal(feed(&r, line, &got), more ? QC_TOR_BAD : QC_TOR_MORE);
        if (!more)
            assert_int_equal(feed(&r, "\n", &got), QC_TOR_MORE);
        qc_free(line);
        qc_tor_reader_clear(&r);

        for (size_t i = 0; i < QC_TOR_LINES_MAX - 1 + more; i++)
            assert_int_equal(feed(&r, "250-Continuing\r\n", &got), QC_TOR_MORE);
        assert_int_equal(feed(&r, "250 OK\r\n", &got), more ? QC_TOR_BAD : QC_TOR_REPLY);
        qc_tor_reader_clear(&r);
    }
}

static void test_tor_next__what_a_reply_may_hold_in_all_is_bounded(void **state)
{
    (void)state;
    qc_tor_reader r = {.at = 0};
    const qc_tor_reply *got;
    char line[50002] = "250-";
    int lines = 0;
    memset(line + 4, 'B', 49996);
    line[50000] = '\n';
    while (lines < 100 && feed(&r, line, &got) == QC_TOR_MORE)
        lines++;
    assert_int_equal(lines, QC_TOR_REPLY_MAX / 50000);
    qc_tor_reader_clear(&r);
}

static void value(const char *args, const char *key, const char *want)
{
    char out[16] = "untouched";
    bool found = qc_tor_value(args, key, out, sizeof out);
    if (found != (want != NULL) || (want && strcmp(out, want) != 0))
        fail_msg("%s of %s: %s", key, args, found ? out : "none");
}

static void test_tor_value__reads_words_quotes_and_escapes(void **state)
{
    (void)state;
    value("METHODS=COOKIE,NULL COOKIEFILE=\"/x/y\"", "METHODS", "COOKIE,NULL");
    value("A=1 B=\"two words\" C=3=4", "B", "two words");
    value("A=1 B=\"two words\" C=3=4", "C", "3=4");
    value("A=1 A=2", "A", "2");
    value("A=\"\\n\\t\\r\\\\\\\"q\"", "A", "\n\t\r\\\"q");
    value("A=\"\\101\\1018\\477\\47x\"", "A", "AA8'7'x");
    value("A=\"\\0\"", "A", NULL); /* nothing may hide behind a NUL */
    value("A=1 OPTIONAL A=2", "A", "1");
    value("OPTIONAL A=2", "A", NULL);
    value("A=", "A", "");
    value("A", "A", NULL);
    value("A=1 B", "A", NULL);
    value("A=\"open", "A", NULL);
    value("A=\"open\\\"", "A", NULL);
    value("A=\"open\\", "A", NULL);
    value("A=0123456789abcde", "A", "0123456789abcde");
    value("A=0123456789abcdef", "A", NULL);
    value("AB=1", "A", NULL);
    value("", "A", NULL);
}

static void test_tor_lists__words_and_listeners(void **state)
{
    char out[32] = "";
    (void)state;
    assert_string_equal(qc_tor_after("AUTH METHODS=NULL", "AUTH"), "METHODS=NULL");
    assert_string_equal(qc_tor_after("AUTH", "AUTH"), "");
    assert_null(qc_tor_after("AUTHCHALLENGE X", "AUTH"));
    assert_true(qc_tor_has("COOKIE,SAFECOOKIE", "SAFECOOKIE"));
    assert_false(qc_tor_has("SAFECOOKIE,XCOOKIE", "COOKIE"));
    assert_true(qc_tor_socks("net/listeners/socks=\"unix:/a\" \"127.0.0.1:9150\" \"[::1]:1\"", out,
                             sizeof out));
    assert_string_equal(out, "127.0.0.1:9150");
    assert_true(qc_tor_socks("net/listeners/socks='10.0.0.1:1' 10.0.0.2:2 \"\"", out, sizeof out));
    assert_string_equal(out, "10.0.0.2:2");
    assert_false(qc_tor_socks("net/listeners/socks=", out, sizeof out));
    assert_false(qc_tor_socks("net/listeners/control=\"127.0.0.1:1\"", out, sizeof out));
}

/* ---- I2P ---- */

static void test_sam_value__splits_at_single_spaces(void **state)
{
    qc_span v;
    (void)state;
    assert_true(qc_sam_value("NAMING REPLY RESULT=OK NAME=a VALUE=b=c", "VALUE", &v));
    assert_true(qc_span_eq(v, qc_span_str("b=c")));
    assert_true(qc_sam_value("X A=1 A=2", "A", &v));
    assert_true(qc_span_eq(v, qc_span_str("1")));
    assert_true(qc_sam_value("A=", "A", &v));
    assert_int_equal(v.len, 0);
    assert_false(qc_sam_value("NAMING REPLY RESULT=OK", "VALUE", &v));
    assert_false(qc_sam_value("XVALUE=1 VALUE", "VALUE", &v));
    assert_true(qc_sam_result_is("STREAM STATUS RESULT=OK", "OK"));
    assert_false(qc_sam_result_is("STREAM STATUS RESULT=OKAY", "OK"));
    assert_false(qc_sam_result_is("", "OK"));
}

static void test_i2p_decode__is_strict_and_the_inverse_of_encode(void **state)
{
    static const char *const BAD[] = {"",
                                      "A",
                                      "AAA",
                                      "AA+A",
                                      "A===",
                                      "AB==",
                                      "AAB=",
                                      "A=AA",
                                      "AA=A",
                                      "AAAA ",
                                      "\xff\xff\xff\xff"};
    uint8_t data[40];
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 251 + 250);
    for (size_t len = 1; len <= sizeof data; len++) {
        qc_bytes b;
        char *text = qc_i2p_encode(qc_span_of(data, len));
        assert_int_equal(qc_i2p_decode(qc_span_str(text), &b), QC_OK);
        assert_true(qc_span_eq(qc_bytes_span(&b), qc_span_of(data, len)));
        qc_bytes_free(&b);
        qc_free(text);
    }
    char *text = qc_i2p_encode(qc_span_of("\xfb\xff", 2));
    assert_string_equal(text, "-~8=");
    qc_free(text);
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        qc_bytes b;
        assert_int_equal(qc_i2p_decode(qc_span_str(BAD[i]), &b), QC_EINVAL);
    }
    size_t most = QC_SAM_KEY_MAX / 3 * 4 + 4;
    char *huge = qc_alloc(most + 1);
    memset(huge, 'A', most);
    qc_bytes b;
    assert_int_equal(qc_i2p_decode(qc_span_str(huge), &b), QC_EINVAL);
    qc_free(huge);
}

static void test_i2p_destination__is_as_long_as_its_certificate_says(void **state)
{
    uint8_t key[700] = {0};
    qc_span dest;
    (void)state;
    assert_false(qc_i2p_destination(qc_span_of(key, 386), &dest));
    assert_true(qc_i2p_destination(qc_span_of(key, 387), &dest));
    assert_int_equal(dest.len, 387);
    key[386] = 4;
    assert_false(qc_i2p_destination(qc_span_of(key, 390), &dest));
    assert_true(qc_i2p_destination(qc_span_of(key, sizeof key), &dest));
    assert_int_equal(dest.len, 391);
    key[385] = 0xff;
    assert_false(qc_i2p_destination(qc_span_of(key, sizeof key), &dest));
    /* The hash of the destination in base32 is its name. */
    char name[QC_NETADDR_TEXT];
    qc_netaddr a = qc_i2p_address(qc_span_str("abc"));
    qc_netaddr_text(&a, name);
    assert_string_equal(name, "xj4bnp4pahh6uqkbidpf3lrceoyagyndsylxvhfucd7wd4qacwwq.b32.i2p");
}

QC_TEST_MAIN(cmocka_unit_test(test_tor_next__puts_lines_together_however_they_come),
             cmocka_unit_test(test_tor_next__a_line_may_have_100000_bytes_and_a_reply_1000_lines),
             cmocka_unit_test(test_tor_next__what_a_reply_may_hold_in_all_is_bounded),
             cmocka_unit_test(test_tor_value__reads_words_quotes_and_escapes),
             cmocka_unit_test(test_tor_lists__words_and_listeners),
             cmocka_unit_test(test_sam_value__splits_at_single_spaces),
             cmocka_unit_test(test_i2p_decode__is_strict_and_the_inverse_of_encode),
             cmocka_unit_test(test_i2p_destination__is_as_long_as_its_certificate_says))
