#include "core/base/log.h"
#include "core/base/clock.h"
#include "tests/unit/harness.h"

#include <errno.h>

typedef struct seen {
    int lines;
    qc_log_level level;
    char area[32];
    size_t len;
    char line[64];
} seen;

static void keep_line(void *arg, qc_log_level level, const char *area, const char *line, size_t len)
{
    seen *s = arg;
    s->lines++;
    s->level = level;
    snprintf(s->area, sizeof s->area, "%s", area);
    snprintf(s->line, sizeof s->line, "%s", line);
    s->len = len;
}

static int lines_of(seen *s, qc_log_level level, const char *area)
{
    *s = (seen){0};
    qc_log_set_sink(keep_line, s);
    qc_log(level, area, "%s %d", "line", 7);
    qc_log_set_sink(NULL, NULL);
    return s->lines;
}

static void test_log__hands_whole_lines_to_the_sink(void **state)
{
    (void)state;
    seen s;
    assert_int_equal(lines_of(&s, QC_LOG_INFO, "net"), 1);
    assert_string_equal(s.line, "line 7");
    assert_string_equal(s.area, "net");
    assert_int_equal(s.level, QC_LOG_INFO);
    assert_int_equal(s.len, 6);
    s = (seen){0};
    qc_log_set_sink(keep_line, &s);
    qc_log(QC_LOG_WARN, "net", "%0*d", 100000, 1); /* longer than any buffer of the log */
    qc_log_set_sink(NULL, NULL);
    assert_int_equal(s.lines, 1);
    assert_int_equal(s.len, 100000);
}

static void test_log__writes_debug_only_for_enabled_areas(void **state)
{
    (void)state;
    seen s;
    assert_int_equal(lines_of(&s, QC_LOG_DEBUG, "net"), 0);
    assert_int_equal(qc_log_area_set("net", true), QC_OK);
    assert_int_equal(lines_of(&s, QC_LOG_DEBUG, "net"), 1);
    assert_int_equal(lines_of(&s, QC_LOG_DEBUG, "rpc"), 0);
    assert_int_equal(lines_of(&s, QC_LOG_TRACE, "net"), 0);
    qc_log_set_level(QC_LOG_TRACE);
    assert_int_equal(lines_of(&s, QC_LOG_TRACE, "net"), 1);
    assert_int_equal(lines_of(&s, QC_LOG_TRACE, "rpc"), 0);
    qc_log_set_level(QC_LOG_DEBUG);
    assert_int_equal(qc_log_area_set("all", true), QC_OK);
    assert_int_equal(lines_of(&s, QC_LOG_DEBUG, "rpc"), 1);
    assert_int_equal(qc_log_area_set("1", false), QC_OK);
    assert_int_equal(lines_of(&s, QC_LOG_DEBUG, "net"), 0);
    assert_int_equal(lines_of(&s, QC_LOG_BUG, "no such area"), 1);
    assert_int_equal(qc_log_area_set("no such area", true), QC_EINVAL);
}

static void test_log_area_at__is_sorted_and_complete(void **state)
{
    (void)state;
    bool on;
    size_t n = 0;
    assert_int_equal(qc_log_area_set("validation", true), QC_OK);
    for (const char *last = "", *a; (a = qc_log_area_at(n, &on)); last = a, n++) {
        assert_true(strcmp(last, a) < 0);
        assert_int_equal(on, strcmp(a, "validation") == 0);
        assert_true(qc_log_enabled(QC_LOG_DEBUG, a) == on);
    }
    assert_in_range(n, 25, 60);
    assert_int_equal(qc_log_area_set("", false), QC_OK);
}

static void test_bug__is_logged_and_true(void **state)
{
    (void)state;
    seen s = {0};
    qc_log_set_sink(keep_line, &s);
    bool no = QC_BUG(1 + 1 == 3), yes = QC_BUG(1 + 1 == 2);
    qc_log_set_sink(NULL, NULL);
    assert_false(no);
    assert_true(yes);
    assert_int_equal(s.lines, 1);
    assert_int_equal(s.level, QC_LOG_BUG);
    assert_non_null(strstr(s.line, "test_log.c"));
}

static void test_err_text__knows_every_code(void **state)
{
    (void)state;
    for (int i = 0; i < QC_ERR_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(qc_err_text((qc_err)i), qc_err_text((qc_err)j));
    assert_string_equal(qc_err_text((qc_err)-1), "unknown error");
    assert_string_equal(qc_err_text(QC_ERR_COUNT), "unknown error");
}

static void test_err_from_errno__sorts_the_common_ones(void **state)
{
    (void)state;
    assert_int_equal(qc_err_from_errno(0), QC_OK);
    assert_int_equal(qc_err_from_errno(ENOSPC), QC_EFULL);
    assert_int_equal(qc_err_from_errno(ENOENT), QC_ENOENT);
    assert_int_equal(qc_err_from_errno(EROFS), QC_EPERM);
    assert_int_equal(qc_err_from_errno(EAGAIN), QC_EBUSY);
    assert_int_equal(qc_err_from_errno(EXDEV), QC_EIO);
}

static void test_clock__can_be_fixed(void **state)
{
    (void)state;
    int64_t real = qc_clock_real_us() / 1000000;
    assert_in_range(qc_clock_now() - real, 0, 5);
    qc_clock_set_mock(1231006505);
    assert_int_equal(qc_clock_now(), 1231006505);
    assert_int_equal(qc_clock_mock(), 1231006505);
    assert_true(qc_clock_real_us() / 1000000 >= real);
    qc_clock_set_mock(0);
    assert_in_range(qc_clock_now() - real, 0, 5);
    qc_mono a = qc_clock_mono(), b = qc_clock_mono();
    assert_true(a > 0 && b >= a);
}

QC_TEST_MAIN(cmocka_unit_test(test_log__hands_whole_lines_to_the_sink),
             cmocka_unit_test(test_log__writes_debug_only_for_enabled_areas),
             cmocka_unit_test(test_log_area_at__is_sorted_and_complete),
             cmocka_unit_test(test_bug__is_logged_and_true),
             cmocka_unit_test(test_err_text__knows_every_code),
             cmocka_unit_test(test_err_from_errno__sorts_the_common_ones),
             cmocka_unit_test(test_clock__can_be_fixed))
