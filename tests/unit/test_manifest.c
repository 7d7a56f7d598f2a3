#include "core/base/alloc.h"
#include "core/host/manifest.h"
#include "tests/unit/harness.h"

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
        cmocka_unit_test(test_default__is_one_line_of_a_grant_file),
        cmocka_unit_test(test_texts__are_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
