/* A method goes from the unstable table into the stable one over three releases of the host; this
 * program is one of them (TRIAL). Plugin files that were compiled against each release's headers
 * are loaded by it. */
#include "core/host/plugin.h"
#include "tests/abi/trial_host.h"
#include "tests/unit/harness.h"
#include "tests/unit/host_rig.h"

#include "core/base/log.h"
#include "core/host/interfaces.h"

static char warnings[4096];

static void keep_warnings(void *arg, qc_log_level level, const char *area, const char *text,
                          size_t len)
{
    size_t n = strlen(warnings);
    (void)arg;
    (void)len;
    (void)area;
    if (level == QC_LOG_WARN)
        snprintf(warnings + n, sizeof warnings - n, "%s\n", text);
}

/* RUNNING, or refused with `refusal`. */
static void expect(const char *file, const char *grants, const char *refusal)
{
    host_rig r = {0};
    char *shape = qc_asprintf("../abi/%s", file);
    trial_seen = (trial_calls){0};
    warnings[0] = 0;
    rig_open(&r, NULL);
    rig_plugin(&r, shape, "p.so");
    rig_grant(&r, RIG_ID, "p.so", grants, NULL);
    rig_host_start(&r);
    if (refusal)
        rig_refused(&r, 0, QC_PLUGIN_REJECTED, refusal);
    else if (qc_plugin_get_state(rig_plugin_at(&r, 0)) != QC_PLUGIN_RUNNING)
        rig_refused(&r, 0, QC_PLUGIN_RUNNING, "");
    rig_close(&r);
    qc_free(shape);
}

static void log_text(const char *part, bool there)
{
    if ((strstr(warnings, part) != NULL) != there)
        fail_msg("found warnings '%s', wanted %s'%s'", warnings, there ? "" : "no ", part);
}

#define STABLE "test.trial/1 = yes\n"
#define FIRST "test.trial.unstable/1 = yes\n"
#define SECOND "test.trial.unstable/2 = yes\n"
#define ALLOW "unstable = yes\n"

static void test_promotion__a_stable_plugin_of_release_1_runs(void **state)
{
    (void)state;
    expect("STABLE-1", STABLE, NULL);
    assert_int_equal(trial_seen.once, 1);
    log_text("test.trial", false);
}

static void test_promotion__a_newer_stable_plugin_does_without_on_an_older_host(void **state)
{
    (void)state;
    expect("STABLE-2", STABLE, NULL);
    assert_int_equal(trial_seen.without, TRIAL == 1);
    assert_int_equal(trial_seen.twice, TRIAL > 1);
}

static void test_promotion__an_unstable_plugin_runs_as_long_as_its_number_is_served(void **state)
{
    (void)state;
    expect("UNSTABLE-1", FIRST ALLOW,
           TRIAL == 3 ? "test.trial.unstable/1: found number 2 in quoin " PACKAGE_VERSION
                        ", wanted exactly 1"
                      : NULL);
    assert_int_equal(trial_seen.twice, TRIAL < 3);
    assert_int_equal(trial_seen.thrice, TRIAL < 3);
    log_text("test.trial.unstable/1 is served for the last time by release 2 (this is "
             "quoin " PACKAGE_VERSION
             "); its methods are now in test.trial/1.2, test.trial.unstable/2",
             TRIAL == 2);
}

static void test_promotion__what_is_unstable_must_be_allowed(void **state)
{
    (void)state;
    if (TRIAL == 3)
        return;
    expect("UNSTABLE-1", FIRST, "found unstable = no, wanted unstable = yes");
    expect("UNSTABLE-1", FIRST "unstable = no\n", "found unstable = no");
    assert_int_equal(trial_seen.twice, 0);
}

static void test_promotion__revision_2_is_refused_by_an_older_host(void **state)
{
    (void)state;
    expect("PROMOTED-2", STABLE,
           TRIAL == 1 ? "test.trial/1.2: found revision 1 in quoin " PACKAGE_VERSION
                        ", wanted 2 or newer"
                      : NULL);
    assert_int_equal(trial_seen.twice, TRIAL > 1);
}

static void test_promotion__a_later_number_is_refused_by_an_older_host(void **state)
{
    (void)state;
    expect("LATER-2", SECOND ALLOW,
           TRIAL == 1 ? "test.trial.unstable/2: found number 1 in quoin " PACKAGE_VERSION
                        ", wanted exactly 2"
                      : NULL);
    assert_int_equal(trial_seen.thrice, TRIAL > 1);
    log_text("test.trial", TRIAL == 1); /* as a refusal; the newest number brings no warning */
}

static void test_want__an_unstable_id_has_no_revision(void **state)
{
    (void)state;
    qc_want w;
    assert_false(qc_want_parse("test.trial.unstable/1.2", &w));
    assert_true(qc_want_parse("test.trial.unstable/1", &w));
    assert_true(w.unstable);
    qc_want_clear(&w);
}

static int setup(void **state)
{
    (void)state;
    qc_log_set_sink(keep_warnings, NULL);
    return 0;
}

QC_TEST_MAIN_GROUP(
    setup, NULL, cmocka_unit_test(test_promotion__a_stable_plugin_of_release_1_runs),
    cmocka_unit_test(test_promotion__a_newer_stable_plugin_does_without_on_an_older_host),
    cmocka_unit_test(test_promotion__an_unstable_plugin_runs_as_long_as_its_number_is_served),
    cmocka_unit_test(test_promotion__what_is_unstable_must_be_allowed),
    cmocka_unit_test(test_promotion__revision_2_is_refused_by_an_older_host),
    cmocka_unit_test(test_promotion__a_later_number_is_refused_by_an_older_host),
    cmocka_unit_test(test_want__an_unstable_id_has_no_revision))
