/* The store under a power failure, a failing disk and a full disk, at many points of a run: what it
 * said was durable is there, and what is there is a state that the chain can go on from.
 * QUOIN_CRASH_POINTS sets how many points are tried. */
#include "core/os/file.h"
#include "tests/unit/harness.h"

#include <sys/wait.h>

#define KILLED 137
#define POINTS 40

typedef struct run {
    int status;
    char out[8192];
} run;

static run program(const char *mode, const char *dir, const char *vars)
{
    const char *build = getenv("top_builddir") ? getenv("top_builddir") : ".";
    char *line = qc_asprintf("env LD_PRELOAD=%s/tests/faultfs.so FAULTFS_PROGRAM=store_writer "
                             "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "
                             "FAULTFS_ROOT=%s %s %s/tests/faultfs/store_writer %s %s",
                             build, dir, vars, build, mode, dir);
    run r = {0};
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t n = fread(r.out, 1, sizeof r.out - 1, p);
    r.out[n] = 0;
    int status = pclose(p);
    assert_true(WIFEXITED(status));
    r.status = WEXITSTATUS(status);
    qc_free(line);
    return r;
}

/* The number behind the last (or first) "<word> " at the start of a line; 0: none. */
static unsigned said(const run *r, const char *word, bool first)
{
    unsigned n = 0;
    size_t len = strlen(word);
    for (const char *p = r->out; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, word, len) == 0 && p[len] == ' ') {
            n = (unsigned)strtoul(p + len, NULL, 10);
            if (first)
                break;
        }
    return n;
}

static unsigned count_calls(void)
{
    const char *path = tmp_path("count");
    char *vars = qc_asprintf("FAULTFS_COUNT=%s", path);
    run r = program("write", tmp_mkdir(), vars);
    assert_int_equal(r.status, 0);
    qc_bytes b = tmp_read(path);
    unsigned n = (unsigned)strtoul((char *)b.data, NULL, 10);
    qc_bytes_free(&b);
    qc_free(vars);
    assert_in_range(n, 200, 20000);
    return n;
}

static unsigned points(void)
{
    const char *text = getenv("QUOIN_CRASH_POINTS");
    unsigned n = text ? (unsigned)strtoul(text, NULL, 10) : 0;
    return n ? n : POINTS;
}

/* Is what is found at least what was said, and at most one round more? */
static bool kept(const run *wrote, const run *found)
{
    const char *word[] = {"index", "coins"};
    for (size_t i = 0; i < 2; i++) {
        unsigned had = said(wrote, word[i], false), has = said(found, word[i], true);
        if (has < had || has > had + 1)
            return false;
    }
    return found->status == 0;
}

/* Runs with the fault at `n` points of the calls; returns how many left an illegal state. */
static unsigned bad_after(const char *fault, const char *more, unsigned n, bool tell)
{
    unsigned bad = 0, calls = count_calls();
    for (unsigned i = 0; i < n; i++) {
        const char *dir = tmp_mkdir();
        char *vars = qc_asprintf("%s=%u %s", fault, 1 + i * calls / n, more);
        run wrote = program("write", dir, vars);
        run found = program("check", dir, "FAULTFS_CRASH_AT=0");
        if (!kept(&wrote, &found)) {
            bad++;
            if (tell)
                print_message("%s\nwrote (status %d):\n%sfound (status %d):\n%s", vars,
                              wrote.status, wrote.out, found.status, found.out);
        }
        qc_free(vars);
        assert_int_equal(qc_os_remove_tree(dir), QC_OK);
    }
    return bad;
}

static void test_power_failure__leaves_a_state_to_go_on_from(void **state)
{
    (void)state;
    assert_int_equal(bad_after("FAULTFS_CRASH_AT", "", points(), true), 0);
}

static void test_kill__leaves_a_state_to_go_on_from(void **state)
{
    (void)state;
    assert_int_equal(bad_after("FAULTFS_STOP_AT", "", points() / 4, true), 0);
}

static void test_failing_calls__leave_a_state_to_go_on_from(void **state)
{
    (void)state;
    assert_int_equal(bad_after("FAULTFS_FAIL_AT", "", points() / 2, true), 0);
    assert_int_equal(
        bad_after("FAULTFS_FAIL_AT", "FAULTFS_FAIL_FOR=0 FAULTFS_ERRNO=ENOSPC", points() / 2, true),
        0);
}

static void test_power_failure__of_a_disk_that_lies_about_syncs_is_noticed(void **state)
{
    (void)state;
    assert_in_range(bad_after("FAULTFS_CRASH_AT", "FAULTFS_LIE_SYNC=1", 8, false), 4, 8);
}

QC_TEST_MAIN(cmocka_unit_test(test_power_failure__leaves_a_state_to_go_on_from),
             cmocka_unit_test(test_kill__leaves_a_state_to_go_on_from),
             cmocka_unit_test(test_failing_calls__leave_a_state_to_go_on_from),
             cmocka_unit_test(test_power_failure__of_a_disk_that_lies_about_syncs_is_noticed))
