#include "core/base/clean.h"
#include "tests/unit/harness.h"

#include "core/base/alloc.h"

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
    /* No UTF-8: cut off, a byte of ISO 8859-1, too long, a half of a pair, beyond the last. */
    expect_clean("\xc3\xa9\xe2\x80", "\xc3\xa9??");
    expect_clean("\xc2\x9b\xff\x9b"
                 "a",
                 "???a");
    expect_clean("\xc1\xbf\xe0\x82\x9b", "?????");
    expect_clean("\xed\xa0\x80\xf4\x90\x80\x80", "???????");
}

static void test_clean_lines__keeps_ends_of_lines_and_tabs(void **state)
{
    (void)state;
    char s[] = "a\n\tb\r\x1b[2J\n\xc2\x85\xc3\xa9\v";
    qc_clean_lines(s);
    assert_string_equal(s, "a\n\tb??[2J\n?\xc3\xa9?");
}

QC_TEST_MAIN(cmocka_unit_test(test_clean__leaves_no_order_to_a_terminal),
             cmocka_unit_test(test_clean_lines__keeps_ends_of_lines_and_tabs))
