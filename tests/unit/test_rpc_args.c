#include "lib/rpc_args.h"
#include "tests/unit/harness.h"

static void range_is(const char *args, const char *help, size_t least, size_t most)
{
    qn_rpc_range r = qn_rpc_args("x.do", args, help);
    if (r.least != least || r.most != most)
        fail_msg("'%s', '%s': %zu to %zu, not %zu to %zu", args, help, r.least, r.most, least,
                 most);
}

static void test_args__are_required_before_the_bracket_of_the_synopsis(void **state)
{
    (void)state;
    range_is("", "x.do\nDo it.", 0, 0);
    range_is("a b c", "x.do \"a\" b ( c )\nDo.", 2, 3);
    range_is("a b c", "x.do ( \"a\" b c )", 0, 3);
    range_is("a b c", "x.do a (b c)\n", 1, 3);
    range_is("a b c", "x.do a b c", 3, 3);
    range_is(" a  b|d ", "x.do  a   d\n", 2, 2);
    range_is("a b", "x.do a\nb", 1, 2);
    range_is("a", "x.do", 0, 1);
}

static void test_args__of_any_other_synopsis_none_are(void **state)
{
    (void)state;
    range_is("a b", "", 0, 2);
    range_is("a b", "x.does a b\n", 0, 2);
    range_is("a b", "for x.do a b\n", 0, 2);
    range_is("a b", "x.do b a\n", 0, 2); /* in another order */
    range_is("a b", "x.do a c\n", 0, 2);
    range_is("a b", "x.do a b c\n", 0, 2);
    range_is("a b", "x.do what it does\n", 0, 2);
    range_is("a", "x.do {\"a\":1}\n", 0, 1);
    range_is("ab", "x.do a\n", 0, 1);
    range_is("a|b", "x.do a|b\n", 0, 1);
    range_is("", "x.do \"\"\n", 0, 0);
}

static void test_at__finds_each_of_its_names(void **state)
{
    (void)state;
    assert_int_equal(qn_rpc_arg_at("a bc|d e", "a", 1), 0);
    assert_int_equal(qn_rpc_arg_at("a bc|d e", "bc", 2), 1);
    assert_int_equal(qn_rpc_arg_at("a bc|d e", "d", 1), 1);
    assert_int_equal(qn_rpc_arg_at("a bc|d e", "e", 1), 2);
    assert_int_equal(qn_rpc_arg_at("a bc|d e", "b", 1), -1);
    assert_int_equal(qn_rpc_arg_at("a bc|d e", "bc|d", 4), -1);
    assert_int_equal(qn_rpc_arg_at("", "", 0), -1);
    assert_int_equal(qn_rpc_arg_at("a bc|d e", "", 0), -1);
}

QC_TEST_MAIN(cmocka_unit_test(test_args__are_required_before_the_bracket_of_the_synopsis),
             cmocka_unit_test(test_args__of_any_other_synopsis_none_are),
             cmocka_unit_test(test_at__finds_each_of_its_names))
