#include "core/base/alloc.h"
#include "core/host/manifest.h"
#include "tests/unit/harness.h"

static void expect_clean(const char *text, const char *want)
{
    char *s = qc_strdup(text);
    qc_clean_text(s);
    assert_string_equal(s, want);
    assert_int_equal(qc_text_is_clean(text), strcmp(text, want) == 0);
    qc_free(s);
}

static void test_clean__leaves_no_order_to_a_terminal(void **state)
{
    (void)state;
    expect_clean("", "");
    expect_clean("plain text, \xc3\xa9 \xe2\x82\xbf \xf0\x9f\x98\x80", /* and others beyond ASCII */
                 "plain text, \xc3\xa9 \xe2\x82\xbf \xf0\x9f\x98\x80");
    expect_clean("a\x1b[2Jb\nc\x7f", "a?[2Jb?c?");
    expect_clean("a\xc2\x80"
                 "b\xc2\x9b"
                 "2J\xc2\x9f",
                 "a?b?2J?");
    expect_clean("\xc2\xa0\xc3\x80", "\xc2\xa0\xc3\x80"); /* the first beyond, and another lead */
    expect_clean("\xd8\x9c\xd8\x9b", "?\xd8\x9b");
    expect_clean("\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x90",
                 "\xe2\x80\x8d??\xe2\x80\x90"); /* U+200D to U+2010 */
    expect_clean("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf",
                 "\xe2\x80\xa7????\xe2\x80\xaf"); /* U+2027 to U+202A, U+202E, U+202F */
    expect_clean("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa",
                 "\xe2\x81\xa5??\xe2\x81\xaa"); /* U+2065, U+2066, U+2069, U+206A */
    expect_clean("\xe2\x80", "??");             /* no UTF-8 */
    expect_clean("\xc2\x9b\xff", "???");
}

#define HEAD "{\"manifest\":1,\"id\":\"org.quoin.test\",\"version\":\"1.0.0\""

static bool parse(const char *json, qc_manifest *m, qc_problems *p)
{
    *p = (qc_problems){0};
    return qc_manifest_parse(qc_span_str(json), m, p);
}

static void expect_default(const char *dflt, const char *problem)
{
    qc_manifest m;
    qc_problems p;
    char *json =
        qc_asprintf(HEAD ",\"config\":[{\"name\":\"x\",\"type\":\"text\",\"default\":%s}]}", dflt);
    assert_int_equal(parse(json, &m, &p), problem == NULL);
    assert_int_equal(p.n, problem != NULL);
    if (problem)
        assert_non_null(strstr(p.line[0], problem));
    qc_manifest_clear(&m);
    qc_problems_clear(&p);
    qc_free(json);
}

static void test_default__is_one_line_of_a_grant_file(void **state)
{
    (void)state;
    static const char WANTED[] = "wanted one line of text without '#'";
    expect_default("\"\"", NULL);
    expect_default("\"a = [b], \xc3\xa9\"", NULL);
    expect_default("\"x\\n[limits]\\nmemory = 64GB\"", WANTED);
    expect_default("\"x\\rmemory = 64GB\"", WANTED);
    expect_default("\"x\\ty\"", WANTED);
    expect_default("\"x\\u007f\"", WANTED);
    expect_default("\"x # y\"", WANTED);
    expect_default("\"#\"", WANTED);
    expect_default("\"x\\u009b2J\"", WANTED);
    expect_default("\"x\\u202ey\"", WANTED);
    expect_default("[]", "wanted a number, text or boolean");
}

static void test_texts__are_clean(void **state)
{
    (void)state;
    qc_manifest m;
    qc_problems p;
    assert_true(parse(HEAD ",\"summary\":\"a\\u001b[2J\\u009bb\",\"license\":\"M\\u202eIT\","
                           "\"requires\":[\"store.own/1\"],\"why\":{\"store.own/1\":\"w\\u2066\"},"
                           "\"config\":[{\"name\":\"x\",\"type\":\"int\",\"help\":\"h\\u0007\"}]}",
                      &m, &p));
    assert_string_equal(m.summary, "a?[2J?b");
    assert_string_equal(m.license, "M?IT");
    assert_string_equal(m.want[0].why, "w?");
    assert_string_equal(m.config[0].help, "h?");
    qc_manifest_clear(&m);
    qc_problems_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean__leaves_no_order_to_a_terminal),
        cmocka_unit_test(test_default__is_one_line_of_a_grant_file),
        cmocka_unit_test(test_texts__are_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
