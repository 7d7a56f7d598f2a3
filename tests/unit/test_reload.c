/* What becomes of plugins in processes of their own while operators and accidents act on them. */
#include "tests/unit/host_rig.h"

#include "core/rpc/mount.h"

#include <signal.h>
#include <unistd.h>

static char *act(host_rig *r, const char *what)
{
    char *params = qc_asprintf("[\"%s\",\"plugin\"]", what);
    char *answer = rig_call(r, "plugin", params);
    qc_free(params);
    return answer;
}

static void act_ok(host_rig *r, const char *what, const char *state)
{
    char *answer = act(r, what);
    if (!strstr(answer, state))
        fail_msg("plugin %s: %s, wanted %s", what, answer, state);
    free(answer);
}

/* The new one is let in while the old one still serves the name, and has it when it is alone. */
static void test_reload__a_plugin_that_serves_pages_keeps_its_name(void **state)
{
    (void)state;
    host_rig r;
    rig_services(&r, "http.serve/1 = yes\n");
    for (int i = 0; i < 3; i++) {
        uint64_t since = rig_events(&r);
        act_ok(&r, "reload", "RUNNING");
        (void)rig_await(&r, since, QC_PLUGIN_STOPPED, "");
        qc_http_mount *m = qc_http_mount_get(r.mounts, "plugin");
        assert_non_null(m);
        qc_http_mount_unref(m);
    }
    act_ok(&r, "stop", "STOPPED");
    assert_null(qc_http_mount_get(r.mounts, "plugin"));
    rig_close(&r);
}

static void test_state__an_end_is_not_overwritten_by_who_looked_before(void **state)
{
    (void)state;
    host_rig r;
    rig_services(&r, "");
    qc_plugin *p = rig_plugin_at(&r, 0);
    assert_true(qc_plugin_change_state(p, QC_PLUGIN_RUNNING, QC_PLUGIN_LAGGING, "it is slow"));
    assert_true(qc_plugin_change_state(p, QC_PLUGIN_LAGGING, QC_PLUGIN_RUNNING, NULL));
    act_ok(&r, "stop", "STOPPED");
    assert_false(qc_plugin_change_state(p, QC_PLUGIN_RUNNING, QC_PLUGIN_LAGGING, "it is slow"));
    assert_int_equal(qc_plugin_get_state(p), QC_PLUGIN_STOPPED);
    assert_null(p->reason);
    rig_close(&r);
}

/* No thread of the old one is lost: the sanitizer would tell. */
static void test_start__right_after_an_end_leaves_nothing_behind(void **state)
{
    (void)state;
    host_rig r;
    rig_services(&r, "");
    qc_plugin *p = rig_plugin_at(&r, 0);
    qc_action *a = qc_action_new(r.host, QC_ACTION_START, "plugin", NULL);
    uint64_t since = rig_events(&r);
    pthread_mutex_lock(&r.host->event_lock); /* its end is seen, and goes on only after ours */
    kill(atomic_load(&p->pid), SIGKILL);
    while (qc_plugin_get_state(p) != QC_PLUGIN_CRASHED)
        usleep(1000);
    qc_action_run(a);
    usleep(50000);
    pthread_mutex_unlock(&r.host->event_lock);
    (void)rig_await(&r, since, QC_PLUGIN_STARTING, "");
    while (!atomic_load(&a->done))
        usleep(1000);
    assert_false(a->failed);
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_RUNNING);
    qc_action_unref(a);
    rig_close(&r);
}

QC_TEST_MAIN(cmocka_unit_test(test_start__right_after_an_end_leaves_nothing_behind),
             cmocka_unit_test(test_state__an_end_is_not_overwritten_by_who_looked_before),
             cmocka_unit_test(test_reload__a_plugin_that_serves_pages_keeps_its_name))
