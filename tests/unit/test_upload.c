/* The upload target: its text, and what is left of it as time goes by. */
#include "core/net/upload.h"
#include "tests/unit/harness.h"

static void test_upload_parse__units_are_cores(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } GOOD[] = {{"0", 0},
                {"1", 1048576},
                {"800M", 838860800},
                {"800m", 800000000},
                {"3k", 3000},
                {"3K", 3072},
                {"2g", 2000000000},
                {"2G", 2147483648},
                {"1t", 1000000000000},
                {"16777215T", UINT64_C(16777215) << 40}};
    static const char *const BAD[] = {"",    "M",  "-1", "1x",        "1MB",
                                      "1.5", " 1", "1 ", "16777216T", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(GOOD); i++) {
        uint64_t got = 7;
        assert_int_equal(qc_upload_parse(GOOD[i].text, &got), QC_OK);
        assert_true(got == GOOD[i].bytes);
    }
    for (size_t i = 0; i < QC_COUNTOF(BAD); i++) {
        uint64_t got = 7;
        assert_int_equal(qc_upload_parse(BAD[i], &got), QC_EINVAL);
        assert_int_equal(got, 7);
    }
}

static void test_upload__without_a_target_nothing_is_ever_reached(void **state)
{
    qc_upload u = {.target = 0};
    (void)state;
    qc_upload_add(&u, UINT64_C(1) << 50);
    qc_upload_state s = qc_upload_now(&u);
    assert_false(s.reached || s.historical_reached);
    assert_int_equal(s.left, 0);
    assert_int_equal(s.seconds_left, 0);
}

/* 144 blocks of 4 MB are kept for a whole day. */
static void test_upload__what_is_kept_for_new_blocks_shrinks_with_the_day(void **state)
{
    qc_upload u = {.target = 600000000};
    (void)state;
    qc_clock_set_mock(1700000000);
    qc_upload_state s = qc_upload_now(&u);
    assert_false(s.historical_reached);
    assert_int_equal(s.seconds_left, 86400);
    assert_int_equal(s.left, 600000000);
    qc_upload_add(&u, 23999999);
    assert_false(qc_upload_now(&u).historical_reached);
    qc_upload_add(&u, 1);
    s = qc_upload_now(&u);
    assert_true(s.historical_reached && !s.reached);
    assert_int_equal(s.left, 576000000);
    qc_clock_set_mock(1700000000 + 43200); /* half a day: half of it is free again */
    s = qc_upload_now(&u);
    assert_false(s.historical_reached);
    assert_int_equal(s.seconds_left, 43200);
    qc_upload_add(&u, 576000000);
    s = qc_upload_now(&u);
    assert_true(s.historical_reached && s.reached);
    assert_int_equal(s.left, 0);
    qc_clock_set_mock(1700000000 + 86401); /* the day is over with the next byte */
    assert_int_equal(qc_upload_now(&u).seconds_left, 0);
    qc_upload_add(&u, 1);
    s = qc_upload_now(&u);
    assert_false(s.historical_reached || s.reached);
    assert_int_equal(s.left, 599999999);
    qc_clock_set_mock(0);
}

static void test_upload__a_target_below_the_reserve_gives_no_old_blocks(void **state)
{
    qc_upload u = {.target = 1048576};
    (void)state;
    qc_upload_state s = qc_upload_now(&u);
    assert_true(s.historical_reached && !s.reached);
}

QC_TEST_MAIN(cmocka_unit_test(test_upload_parse__units_are_cores),
             cmocka_unit_test(test_upload__without_a_target_nothing_is_ever_reached),
             cmocka_unit_test(test_upload__what_is_kept_for_new_blocks_shrinks_with_the_day),
             cmocka_unit_test(test_upload__a_target_below_the_reserve_gives_no_old_blocks))
