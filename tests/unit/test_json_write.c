#include "core/rpc/json_write.h"
#include "tests/unit/harness.h"

#include <math.h>

static void expect(qc_jw *w, const char *text)
{
    assert_true(qc_jw_ok(w));
    assert_int_equal(w->out.len, strlen(text));
    assert_memory_equal(w->out.data, text, strlen(text));
    qc_jw_clear(w);
}

static void test_obj__puts_commas_and_colons(void **state)
{
    (void)state;
    qc_jw w = QC_JW_INIT;
    assert_true(qc_jw_is_empty(&w));
    qc_jw_obj(&w);
    qc_jw_kint(&w, "a", -1);
    qc_jw_karr(&w, "b");
    qc_jw_uint(&w, UINT64_MAX);
    qc_jw_bool(&w, true);
    qc_jw_obj(&w);
    qc_jw_obj_end(&w);
    qc_jw_arr_end(&w);
    qc_jw_knull(&w, "c");
    assert_false(qc_jw_ok(&w)); /* still open */
    qc_jw_obj_end(&w);
    expect(&w, "{\"a\":-1,\"b\":[18446744073709551615,true,{}],\"c\":null}");
}

static void test_str__escapes_as_univalue(void **state)
{
    (void)state;
    qc_jw w = QC_JW_INIT;
    qc_jw_strn(&w, "a\"\\/\b\f\n\r\t\x01\x1f\x7f\0\xc3\xa9", 15);
    expect(&w, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0000\xc3\xa9\"");
    qc_jw_strf(&w, "%s-%d", "x\n", 7);
    expect(&w, "\"x\\n-7\"");
}

static void test_amount__is_exact(void **state)
{
    (void)state;
    static const struct {
        int64_t sat;
        const char *text;
    } CASE[] = {{0, "0.00000000"},           {1, "0.00000001"},
                {-1, "-0.00000001"},         {INT64_C(2099999999999999), "20999999.99999999"},
                {-150000000, "-1.50000000"}, {INT64_MIN, "-92233720368.54775808"}};
    for (size_t i = 0; i < QC_COUNTOF(CASE); i++) {
        qc_jw w = QC_JW_INIT;
        qc_jw_amount(&w, CASE[i].sat);
        expect(&w, CASE[i].text);
    }
}

static void test_double__has_sixteen_digits(void **state)
{
    (void)state;
    qc_jw w = QC_JW_INIT;
    qc_jw_arr(&w);
    qc_jw_double(&w, 4.656542373906925e-10);
    qc_jw_double(&w, 1);
    qc_jw_double(&w, 0.1 + 0.2);
    qc_jw_double(&w, (double)NAN);
    qc_jw_arr_end(&w);
    expect(&w, "[4.656542373906925e-10,1,0.3,null]");
}

static void test_hash__is_reversed_and_hex_is_not(void **state)
{
    (void)state;
    qc_jw w = QC_JW_INIT;
    qc_hash h = {{0xab}};
    const uint8_t bytes[] = {0x00, 0x0f, 0xf0};
    qc_jw_hash(&w, &h);
    expect(&w, "\"00000000000000000000000000000000000000000000000000000000000000ab\"");
    qc_jw_hex(&w, qc_span_of(bytes, sizeof bytes));
    expect(&w, "\"000ff0\"");
    qc_jw_hex(&w, qc_span_of(bytes, 0));
    expect(&w, "\"\"");
}

static void test_json__prints_what_was_parsed(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"z\":[1,-2.5,1e+300,true,false,null],\"a\":{\"y\":\"\\u0000x\"}}";
    json_t *v = json_loads(TEXT, JSON_ALLOW_NUL, NULL);
    qc_jw w = QC_JW_INIT;
    assert_non_null(v);
    qc_jw_json(&w, v);
    expect(&w, TEXT);
    qc_jw_json(&w, NULL);
    expect(&w, "null");
    json_decref(v);
}

static void test_write__failed_allocation_is_sticky(void **state)
{
    (void)state;
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_jw w = QC_JW_INIT;
        qc_jw_arr(&w);
        for (int i = 0; i < 100; i++)
            qc_jw_strf(&w, "element %d", i);
        qc_jw_arr_end(&w);
        assert_true(qc_jw_ok(&w) == !fault_was_hit());
        qc_jw_clear(&w);
    }
    assert_true(runs > 100);
}

static void test_room__is_a_value_that_the_caller_writes(void **state)
{
    (void)state;
    qc_jw w = QC_JW_INIT;
    qc_jw_arr(&w);
    qc_jw_int(&w, 1);
    memcpy(qc_jw_room(&w, 2), "22", 2);
    memcpy(qc_jw_room(&w, 300), memset((char[300]){0}, '3', 300), 300);
    qc_jw_int(&w, 4);
    qc_jw_arr_end(&w);
    assert_true(qc_jw_ok(&w));
    assert_int_equal(w.out.len, sizeof "[1,22,,4]" - 1 + 300);
    assert_memory_equal(w.out.data, "[1,22,333", 9);
    assert_memory_equal(w.out.data + w.out.len - 6, "333,4]", 6);
    qc_fault_arm(1);
    assert_null(qc_jw_room(&w, 100000));
    qc_fault_arm(0);
    assert_false(qc_jw_ok(&w));
    assert_null(qc_jw_room(&w, 1)); /* nothing comes behind what was dropped */
    qc_jw_clear(&w);
}

QC_TEST_MAIN(cmocka_unit_test(test_room__is_a_value_that_the_caller_writes),
             cmocka_unit_test(test_obj__puts_commas_and_colons),
             cmocka_unit_test(test_str__escapes_as_univalue),
             cmocka_unit_test(test_amount__is_exact),
             cmocka_unit_test(test_double__has_sixteen_digits),
             cmocka_unit_test(test_hash__is_reversed_and_hex_is_not),
             cmocka_unit_test(test_json__prints_what_was_parsed),
             cmocka_unit_test(test_write__failed_allocation_is_sticky))
