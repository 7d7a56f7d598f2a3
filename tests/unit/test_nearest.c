#include "core/base/nearest.h"
#include "tests/unit/harness.h"

static const char *nearest(const char *word, const char *names)
{
    static char copy[400];
    qc_nearest n;
    snprintf(copy, sizeof copy, "%s", names);
    qc_nearest_init(&n, word);
    for (char *save, *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save))
        qc_nearest_try(&n, name);
    return n.best ? n.best : "";
}

static void test_nearest__finds_each_kind_of_slip(void **state)
{
    (void)state;
    static const char NAMES[] = "getblock getblockhash getblockcount stop help enable disable";
    assert_string_equal(nearest("getblok", NAMES), "getblock");
    assert_string_equal(nearest("getblockk", NAMES), "getblock");
    assert_string_equal(nearest("getbolck", NAMES), "getblock");
    assert_string_equal(nearest("gitblock", NAMES), "getblock");
    assert_string_equal(nearest("getblokcont", NAMES), "getblockcount");
    assert_string_equal(nearest("enabel", NAMES), "enable");
    assert_string_equal(nearest("hlep", NAMES), "help");
    assert_string_equal(nearest("disable", NAMES), "disable");
    assert_string_equal(nearest("tab", "bat tba"), "tba"); /* an exchange is one step */
    assert_string_equal(nearest("abcd", "xbcd abxd"), "xbcd");
}

static void test_nearest__what_is_far_is_not_guessed_at(void **state)
{
    (void)state;
    assert_string_equal(nearest("nope", "note stop"), "note");
    assert_string_equal(nearest("nope", "stop help getblock"), "");
    assert_string_equal(nearest("", "a b"), "");
    assert_string_equal(nearest("ab", "ac"), "");
    assert_string_equal(nearest("frobnicate", "getblocktemplate"), "");
    assert_string_equal(nearest("abcdefghijkl", "abcdefgh"), ""); /* four letters away */
    char word[70], name[70];
    for (size_t n = 63; n < 67; n++) {
        memset(word, 'a', n);
        memset(name, 'a', n);
        name[n / 2] = 'b';
        word[n] = name[n] = 0;
        assert_string_equal(nearest(word, name), n <= 64 ? name : "");
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_nearest__finds_each_kind_of_slip),
             cmocka_unit_test(test_nearest__what_is_far_is_not_guessed_at))
