/* What becomes of plugins that crash, hang, eat or flood, and what operators do to them while the
 * node runs. Built twice: isolated, and trusted for what applies there. */
#include "tests/unit/host_rig.h"

#include "core/base/clock.h"
#include "core/os/file.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRANTS "chain.follow/1 = window=4\nrpc.serve/1 = prefix=good.\n"
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

static void grant(host_rig *r, const char *what, const char *failure)
{
    char *extra = qc_asprintf("[config]\nwhat = %s\nat = 5\n[failure]\n%s", what, failure);
    rig_grant(r, RIG_ID, "p.so", GRANTS, extra);
    qc_free(extra);
}

static void open_rig(host_rig *r, const char *shape, const char *what, const char *failure)
{
    *r = (host_rig){.backoff_ms = r->backoff_ms};
    rig_open(r, NULL);
    rig_plugin(r, shape, "p.so");
    grant(r, what, failure);
    rig_grow(r, 8);
}

static char *command(host_rig *r, const char *name)
{
    char *params = qc_asprintf("[\"%s\",\"plugin\"]", name);
    char *text = rig_call(r, "plugin", params);
    qc_free(params);
    return text;
}

static void must(host_rig *r, const char *name, const char *part)
{
    char *text = command(r, name);
    if (!strstr(text, part))
        fail_msg("plugin %s: found %s, wanted %s", name, text, part);
    free(text);
}

/* What came before has been dealt with by the supervisor, in the order in which it came. */
static void supervisor_done(host_rig *r)
{
    free(rig_call(r, "plugin", "[\"loglevel\",\"plugin\",\"info\"]"));
}

static void expect(host_rig *r, const char *method, const char *part)
{
    char *text = rig_call(r, method, "[]");
    if (!strstr(text, part))
        fail_msg("%s: found %s, wanted %s", method, text, part);
    free(text);
}

static void node_is_well(host_rig *r)
{
    uint32_t was = r->made->tip;
    rig_grow(r, 1);
    assert_int_equal(qc_chain_tip(r->chain)->height, was + 1);
}

static void reaches(host_rig *r, uint32_t height)
{
    char want[32];
    snprintf(want, sizeof want, "\"result\":%u", height);
    bool there = false;
    for (int i = 0; !there && i < 3000; i++, usleep(5000)) {
        char *text = rig_call(r, "good.height", "[]");
        there = strstr(text, want) != NULL;
        free(text);
    }
    if (!there)
        fail_msg("the plugin does not come to height %u", height);
}

/* ---- one way to go wrong each ---- */

typedef struct way {
    const char *shape, *what, *failure, *reason;
    qc_plugin_state state;
    bool trusted, stop; /* applies to trusted mode too; comes when it is stopped */
} way;

#define DOWN "restart = 0/10min\n"
static const way WAYS[] = {
    {"unruly_ctor", "nothing", DOWN, "killed by signal", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "crash-init", DOWN, "killed by signal", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "fail-init", DOWN, "init() answered QN_E_IO (-14)", QC_PLUGIN_CRASHED, true, false},
    {"unruly", "fail-start", DOWN, "start() answered QN_E_IO (-14); it said: no port is free",
     QC_PLUGIN_CRASHED, true, false},
    {"unruly", "crash-start", DOWN, "killed by signal", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "_exit-start", DOWN, "exit status 7", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "abort-start", DOWN, "aborted", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "spin-start", DOWN "start = 1s\n", "did not start in 1 s", QC_PLUGIN_CRASHED, false,
     false},
    {"unruly", "slow-start", DOWN "start = 1s\n", "", QC_PLUGIN_RUNNING, true, false},
    {"unruly", "crash-block", DOWN, "killed by signal", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "_exit-block", DOWN, "exit status 7", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "abort-block", DOWN, "aborted", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "close-block", DOWN, "exit status 0", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "fork-block", DOWN, "forbidden system call", QC_PLUGIN_QUARANTINED, false, false},
    {"unruly", "spin-block", DOWN "ping = 1s/2s\n", "did not come back for 2 s", QC_PLUGIN_CRASHED,
     false, false},
    {"unruly", "sleep-block", DOWN "ping = 1s/2s\n", "did not come back for 2 s", QC_PLUGIN_CRASHED,
     false, false},
    {"unruly", "deadlock-block", DOWN "ping = 1s/1s\n", "did not come back for 1 s",
     QC_PLUGIN_CRASHED, false, false},
#if !defined(SANITIZED) /* no limit of memory, and exit() looks for leaks in a process of its own  \
                         */
    {"unruly", "exit-start", DOWN, "exit status 0", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "exit-block", DOWN, "exit status 0", QC_PLUGIN_CRASHED, false, false},
    {"unruly", "exit-stop", DOWN, "", QC_PLUGIN_STOPPED, false, true},
    {"unruly", "threads-start", DOWN "[limits]\nmemory = 64MB\nthreads = 12\n", "",
     QC_PLUGIN_RUNNING, false, false},
    {"unruly", "eat-block", DOWN "[limits]\nmemory = 64MB\n", "aborted", QC_PLUGIN_CRASHED, false,
     false},
#endif
    {"unruly", "crash-stop", DOWN, "killed by signal", QC_PLUGIN_CRASHED, false, true},
    {"unruly", "spin-stop", "stop = 1s\n", "did not stop in 1 s", QC_PLUGIN_CRASHED, false, true},
    {"unruly", "deadlock-fini", "stop = 1s\n", "did not stop in 1 s", QC_PLUGIN_CRASHED, false,
     true},
};

static void note_warning(void *arg, const char *text)
{
    (void)text;
    ++*(unsigned *)arg;
}

/* What the operator is told of. */
static unsigned warnings(host_rig *r)
{
    unsigned n = 0;
    qc_host_each_warning(r->host, note_warning, &n);
    return n;
}

static void test_supervise__each_way_down_is_told_and_the_node_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < QC_COUNTOF(WAYS); i++) {
        const way *w = &WAYS[i];
        host_rig r = {0};
        if (RIG_TRUSTED && !w->trusted)
            continue;
        print_message("    %s %s\n", w->shape, w->what);
        open_rig(&r, w->shape, w->what, w->failure);
        rig_host_start(&r);
        if (w->stop) {
            reaches(&r, 8);
            free(command(&r, "stop"));
        }
        uint64_t at = rig_await(&r, 0, w->state, w->reason);
        node_is_well(&r);
        supervisor_done(&r);
        if (w->state != QC_PLUGIN_RUNNING) {
            assert_true(qc_plugin_join(rig_plugin_at(&r, 0)));
            assert_int_equal(rig_events(&r), at); /* and it stays down */
        }
        /* Here none is started again; what crashes as it is told to stop is down as it should be.
         */
        bool tells =
            w->state == QC_PLUGIN_QUARANTINED || (w->state == QC_PLUGIN_CRASHED && !w->stop);
        assert_int_equal(warnings(&r), tells);
        assert_int_equal(atomic_load(&r.alerts), tells);
        rig_close(&r);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nor is a process of it left */
    }
}

/* It is told once, stays among the warnings, and is none any more without its grant. */
static void test_warning__of_a_plugin_that_cannot_run_is_told_once(void **state)
{
    (void)state;
    for (int missing = 0; missing < 2; missing++) {
        host_rig r = {0};
        rig_open(&r, NULL);
        rig_plugin(&r, "GOOD", "p.so");
        rig_grant(&r, RIG_ID, "p.so", missing ? "chain.read/1 = yes\n" : RIG_ALL, NULL);
        if (!missing) /* it is not what was pinned any more */
            rig_plugin(&r, "SMALL", "p.so");
        rig_host_start(&r);
        assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)),
                         missing ? QC_PLUGIN_NEEDS_GRANT : QC_PLUGIN_REJECTED);
        for (int i = 0; i < 3; i++)
            free(command(&r, "start"));
        assert_int_equal(warnings(&r), 1);
        assert_int_equal(atomic_load(&r.alerts), 1);
        char *path = qc_asprintf("%s/" RIG_ID ".grant", r.grant_dir);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(warnings(&r), 0);
        qc_free(path);
        rig_close(&r);
    }
}

/* ---- again, and again no more ---- */

#if defined(RIG_ISOLATED)

static void test_supervise__a_crashing_plugin_comes_back_later_each_time_and_then_no_more(void **st)
{
    (void)st;
    host_rig r = {.backoff_ms = 100};
    open_rig(&r, "unruly", "crash-start", "restart = 3/10min\n");
    rig_host_start(&r);
    uint64_t at = 0;
    for (int n = 0; n < 3; n++) {
        at = rig_await(&r, at, QC_PLUGIN_BACKOFF, "killed by signal");
        qc_mono before = qc_clock_mono();
        at = rig_await(&r, at, QC_PLUGIN_STARTING, "");
        int64_t ms = (qc_clock_mono() - before) / 1000000;
        assert_true(ms >= (80 << n) - 25); /* we may be a little late to look */
        if (n == 0)
            node_is_well(&r);
    }
    at = rig_await(&r, at, QC_PLUGIN_QUARANTINED, "it crashed 4 times in 600 s: killed by signal");
    supervisor_done(&r);
    assert_int_equal(rig_events(&r), at);
    assert_int_equal(rig_plugin_at(&r, 0)->restarts, 3);
    must(&r, "start", "QUARANTINED");
    must(&r, "stop", "it is QUARANTINED");
    grant(&r, "nothing", DOWN);
    must(&r, "quarantine-clear", "\"state\":\"RUNNING\"");
    must(&r, "quarantine-clear", "wanted QUARANTINED");
    rig_close(&r);
}

static void test_supervise__the_block_that_kills_it_three_times_is_named(void **state)
{
    (void)state;
    static const char *const what[] = {"crash-block", "crash-beside"}; /* another subscription */
    for (size_t i = 0; i < QC_COUNTOF(what); i++) {
        host_rig r = {0};
        open_rig(&r, "unruly", what[i], "restart = 50/10min\n");
        rig_host_start(&r);
        (void)rig_await(&r, 0, QC_PLUGIN_QUARANTINED,
                        "it died 3 times at the block of height 5: killed by signal");
        assert_int_equal(rig_plugin_at(&r, 0)->restarts, 2);
        node_is_well(&r);
        rig_close(&r);
    }
}

static void test_supervise__a_stop_during_the_pause_or_the_start_is_the_end(void **state)
{
    (void)state;
    host_rig r = {.backoff_ms = 60000};
    open_rig(&r, "unruly", "crash-start", "");
    rig_host_start(&r);
    uint64_t at = rig_await(&r, 0, QC_PLUGIN_BACKOFF, "");
    assert_int_equal(warnings(&r), 1);
    assert_int_equal(atomic_load(&r.alerts), 0); /* it comes back by itself */
    must(&r, "stop", "\"state\":\"STOPPED\"");
    assert_int_equal(warnings(&r), 0);
    at = rig_await(&r, at, QC_PLUGIN_STOPPED, "");
    must(&r, "stop", "it is STOPPED");
    rig_close(&r);

    r.backoff_ms = 0;
    open_rig(&r, "unruly", "nothing", "");
    rig_host_start(&r);
    /* Again and again at another moment of its start. */
    for (int i = 0; i < 12; i++) {
        must(&r, "stop", "\"state\":\"STOPPED\"");
        at = rig_events(&r);
        qc_action *a = qc_action_new(r.host, QC_ACTION_START, "plugin", NULL);
        qc_action_run(a);
        (void)rig_await(&r, at, QC_PLUGIN_STARTING, "");
        usleep((useconds_t)i * 700);
        free(command(&r, "stop"));
        supervisor_done(&r);
        at = rig_events(&r);
        assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_STOPPED);
        qc_action_unref(a);
        must(&r, "start", "\"state\":\"RUNNING\"");
    }
    rig_close(&r);
}

/* ---- time ---- */

/* The host and the plugin stand still together; then the plugin is let go on by the host, which
 * has to hear of its own lateness first. */
static void test_supervise__a_host_that_was_stopped_itself_kills_nobody_for_it(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "nothing", "restart = 0/10min\nping = 1s/2s\n");
    rig_host_start(&r);
    reaches(&r, 8);
    int pid = atomic_load(&rig_plugin_at(&r, 0)->pid);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    usleep(1100000); /* a ping is on its way, or comes at once */
    pid_t waker = fork();
    if (waker == 0) {
        usleep(5000000);
        kill(getppid(), SIGCONT);
        _exit(0);
    }
    raise(SIGSTOP);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(waitpid(waker, NULL, 0), waker);
    reaches(&r, 8);
    supervisor_done(&r);
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_RUNNING);
    rig_close(&r);
}

#endif

static void test_supervise__a_plugin_that_does_not_acknowledge_lags_until_it_does(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "hold", "");
    rig_host_start(&r);
    uint64_t at = rig_await(&r, 0, QC_PLUGIN_LAGGING, "window has been full");
    expect(&r, "listplugins", "\"state\":\"LAGGING\"");
    node_is_well(&r);
    free(rig_call(&r, "good.ack", "[]"));
    (void)rig_await(&r, at, QC_PLUGIN_RUNNING, "");
    reaches(&r, 9);
    rig_close(&r);
}

static void test_supervise__a_flood_of_log_lines_is_cut_and_costs_nothing_else(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "flood-block", "[limits]\nlog = 20/s\n");
    rig_host_start(&r);
    reaches(&r, 8);
    qc_plugin *p = rig_plugin_at(&r, 0);
    pthread_mutex_lock(&p->lock);
    assert_int_equal(p->log_lines + p->log_dropped, 3000);
    assert_true(p->log_lines >= 20 && p->log_lines < 600);
    pthread_mutex_unlock(&p->lock);
    assert_int_equal(qc_plugin_get_state(p), QC_PLUGIN_RUNNING);
    rig_close(&r);
}

/* ---- what operators do ---- */

static void test_plugin__says_what_it_cannot_do(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "nothing", "");
    rig_host_start(&r);
    must(&r, "start",
         RIG_TRUSTED ? "it is RUNNING\""
                     : "it is RUNNING ('plugin reload " RIG_ID "' takes up a changed grant)");
    must(&r, "dance", "Unknown command dance");
    must(&r, "quarantine-clear", "it is RUNNING, wanted QUARANTINED");
    char *text = rig_call(&r, "plugin", "[\"stop\",\"nobody\"]");
    assert_non_null(strstr(text, "Plugin not found"));
    free(text);
    text = rig_call(&r, "plugin", "[\"start\",\"nobody\"]");
    assert_non_null(strstr(text, "nobody: found no plugin and no grant of that name\""));
    free(text);
    text = rig_call(&r, "plugin", "[\"start\",\"plugni\"]");
    assert_non_null(strstr(text, "of that name (did you mean plugin?)"));
    free(text);
    text = rig_call(&r, "plugin", "[\"stop\",\"plugni\"]");
    assert_non_null(strstr(text, "Plugin not found (did you mean plugin?)"));
    free(text);
    text = rig_call(&r, "getplugininfo", "[\"org.quoin.test.plugni\"]");
    assert_non_null(strstr(text, "Plugin not found (did you mean org.quoin.test.plugin?)"));
    free(text);
    text = rig_call(&r, "plugin", "[\"stop\",\"plugin\",\"now\"]");
    assert_non_null(strstr(text, "takes no value"));
    free(text);
    must(&r, "loglevel", "no value given");
    text = rig_call(&r, "plugin", "[\"loglevel\",\"plugin\",\"loud\"]");
    assert_non_null(strstr(text, "wanted error, warn, info or debug"));
    free(text);
    text = rig_call(&r, "plugin", "[\"loglevel\",\"plugin\",\"error\"]");
    assert_non_null(strstr(text, "\"state\":\"RUNNING\""));
    free(text);
    assert_int_equal(atomic_load(&rig_plugin_at(&r, 0)->log_level), 1);
    must(&r, "stop", "\"state\":\"STOPPED\"");
    expect(&r, "good.height", "Method not found");
    if (RIG_TRUSTED) {
        must(&r, "start", "a trusted plugin runs once");
        must(&r, "reload", "a trusted plugin runs once");
    } else {
        must(&r, "start", "\"state\":\"RUNNING\"");
        reaches(&r, 8);
    }
    rig_close(&r);
}

static void test_plugin__without_a_grant_it_is_said_what_lacks(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "unruly", "p.so");
    rig_grow(&r, 3);
    rig_host_start(&r);
    must(&r, "stop", RIG_ID ": it is DISCOVERED: it has no grant, and nothing of it runs");
    must(&r, "start", RIG_ID ": found no grant, wanted one (quoin-plugin enable " RIG_ID ")");
    must(&r, "stop", "it is DISCOVERED");
    rig_close(&r);
}

#if !defined(RIG_ISOLATED)
static void test_plugin__a_trusted_one_is_not_reloaded(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "nothing", "");
    rig_host_start(&r);
    must(&r, "reload", "the node must be restarted");
    reaches(&r, 8);
    rig_close(&r);
}

#else
static void record_begins(int pid, const char *name, const char *want)
{
    char path[64], text[128] = "";
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    text[strcspn(text, "\n")] = 0;
    assert_string_equal(text, want); /* the first of its strings */
}

static void test_process__tells_whose_it_is(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "nothing", "");
    rig_host_start(&r);
    reaches(&r, 8);
    int pid = atomic_load(&rig_plugin_at(&r, 0)->pid);
    record_begins(pid, "comm", "quoin-runner");
    record_begins(pid, "cmdline", "quoin-runner " RIG_ID);
    rig_close(&r);
}

static void test_plugin__reload_changes_to_the_new_one_or_keeps_the_old(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "nothing", "");
    rig_host_start(&r);
    reaches(&r, 8);
    int pid = atomic_load(&rig_plugin_at(&r, 0)->pid);
    grant(&r, "fail-init", "");
    must(&r, "reload",
         "did not get through init(): init() answered QN_E_IO (-14); the old one runs on");
    grant(&r, "crash-init", "");
    must(&r, "reload", "did not get through init(): killed by signal");
    /* All that is wrong is told: a misspelt name, and what then lacks. */
    rig_grant(&r, RIG_ID, "p.so", "chian.follow/1 = yes\n", "");
    must(&r, "reload", "chain.follow/1");
    must(&r, "reload", "chian.follow/1");
    grant(&r, "nothing", "nonsense = 1\n");
    rig_log_keep();
    must(&r, "reload", "not loaded at step 'grant'");
    assert_true(rig_logged("the reload was refused: grant: "));
    assert_true(rig_logged("; the old one goes on"));
    assert_false(rig_logged("REJECTED"));
    assert_int_equal(atomic_load(&rig_plugin_at(&r, 0)->pid), pid);
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_RUNNING);
    reaches(&r, 8);
    grant(&r, "nothing", "stop = 7s\n");
    must(&r, "reload", "\"state\":\"RUNNING\"");
    assert_int_not_equal(atomic_load(&rig_plugin_at(&r, 0)->pid), pid);
    assert_int_equal(rig_plugin_at(&r, 0)->grant.stop_s, 7);
    assert_null(rig_plugin_at(&r, 0)->predecessor);
    reaches(&r, 8);
    supervisor_done(&r);
    assert_null(rig_plugin_at(&r, 0)->fallback); /* what has run does not give way to it later */
    /* One that fails behind init() has the place: the old one comes back as it was, and says so. */
    static const char *const bad[] = {"fail-start", "crash-start"};
    for (size_t i = 0; i < QC_COUNTOF(bad); i++) {
        uint64_t since = rig_events(&r);
        grant(&r, bad[i], "");
        must(&r, "reload",
             i ? "the new one did not start: killed by signal"
               : "the new one did not start: start() answered QN_E_IO (-14); it said: "
                 "no port is free; the old one is started again");
        (void)rig_await(&r, since, QC_PLUGIN_RUNNING, "");
        assert_int_equal(rig_plugin_at(&r, 0)->grant.stop_s, 7);
        expect(&r, "listplugins",
               "\"RUNNING\",\"mode\":\"isolated\",\"reason\":\"back to the file from before "
               "the reload, since the new one did not start: ");
        reaches(&r, 8);
        supervisor_done(&r);
        assert_null(rig_plugin_at(&r, 0)->fallback);
    }
    /* Not with more than the operator gives by now. */
    grant(&r, "fail-start", DOWN "[limits]\nmemory = 500MB\n");
    rig_log_keep();
    must(&r, "reload", "\"code\":-25,\"message\":\"" RIG_ID ": CRASHED: start() answered QN_E_IO");
    assert_true(rig_logged("the old one may do more than the grant allows now: it stays down"));
    assert_null(rig_plugin_at(&r, 0)->fallback);
    grant(&r, "nothing", "");
    must(&r, "reload", "\"state\":\"RUNNING\"");
    /* Unless somebody said stop, or it broke out. */
    grant(&r, "fork-start", "");
    must(&r, "reload", "QUARANTINED");
    expect(&r, "listplugins", "\"state\":\"QUARANTINED\"");
    grant(&r, "fail-start", DOWN);
    must(&r, "quarantine-clear", "CRASHED: start() answered QN_E_IO (-14)");
    expect(&r, "listplugins", "\"state\":\"CRASHED\"");
    grant(&r, "nothing", "");
    must(&r, "reload", "\"state\":\"RUNNING\""); /* of one that is down: a start */
    assert_null(rig_plugin_at(&r, 0)->reason);
    /* The old one does not stop: it is killed, and the new one comes all the same. */
    grant(&r, "spin-stop", "stop = 1s\n");
    must(&r, "reload", "\"state\":\"RUNNING\"");
    grant(&r, "nothing", "");
    must(&r, "reload", "\"state\":\"RUNNING\"");
    reaches(&r, 8);
    rig_close(&r);
}

#endif

static void take_grant_away(const host_rig *r)
{
    char *path = qc_asprintf("%s/" RIG_ID ".grant", r->grant_dir);
    assert_int_equal(unlink(path), 0);
    qc_free(path);
}

static void test_plugin__comes_and_goes_while_the_node_runs(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_grow(&r, 3);
    rig_host_start(&r);
    must(&r, "start", "found no plugin and no grant of that name");
    expect(&r, "listplugins", "\"result\":[]");
    rig_plugin(&r, "unruly", "p.so");
    must(&r, "start", "found no grant, wanted one (quoin-plugin enable " RIG_ID ")");
    expect(&r, "listplugins", "\"state\":\"DISCOVERED\"");
    grant(&r, "nothing", "");
    must(&r, "start", "\"state\":\"RUNNING\"");
    reaches(&r, 3);
    if (!RIG_TRUSTED) { /* another file, in the same place */
        rig_plugin(&r, "NOSTORE", "p.so");
        rig_grant(&r, RIG_ID, "p.so", RIG_NOSTORE, "");
        must(&r, "reload", "RUNNING");
        char *text = rig_call(&r, "getplugininfo", "[\"plugin\"]");
        assert_non_null(strstr(text, "block.read/1"));
        free(text);
    }
    must(&r, "stop", "\"state\":\"STOPPED\"");
    take_grant_away(&r);
    if (!RIG_TRUSTED) {
        must(&r, "start", "found no grant, wanted one (quoin-plugin enable " RIG_ID ")");
        expect(&r, "listplugins", "\"state\":\"DISCOVERED\"");
    }
    rig_close(&r);
}

/* What a trusted one has left in the process is remembered. */
static void test_stop__one_whose_grant_is_gone_is_as_before_it_had_one(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "nothing", DOWN);
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    char *text = rig_call(&r, "listplugins", "[]");
    assert_null(strstr(text, "grant_removed"));
    free(text);
    take_grant_away(&r);
    expect(&r, "listplugins",
           "\"state\":\"RUNNING\",\"mode\":\"" RIG_MODE "\",\"grant_removed\":true");
    must(&r, "stop", "\"state\":\"STOPPED\"");
    expect(&r, "listplugins", RIG_TRUSTED ? "\"state\":\"STOPPED\"" : "\"state\":\"DISCOVERED\"}]");
    rig_close(&r);
}

static void test_stop__one_that_was_refused_leaves_with_its_grant(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "unruly", "p.so");
    rig_grant(&r, RIG_ID, "p.so", GRANTS, "[config]\nnothing = 1\n");
    rig_host_start(&r);
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_REJECTED);
    must(&r, "stop", "it is REJECTED");
    take_grant_away(&r);
    must(&r, "stop", "\"state\":\"STOPPED\"");
    expect(&r, "listplugins", "\"state\":\"DISCOVERED\"");
    must(&r, "stop", "it is DISCOVERED");
    rig_close(&r);
}

/* ---- new values while it runs ---- */

static void regrant(host_rig *r, const char *what, unsigned at, const char *failure)
{
    char *extra = qc_asprintf("[config]\nwhat = %s\nat = %u\n[failure]\n%s", what, at, failure);
    rig_grant(r, RIG_ID, "p.so", GRANTS, extra);
    qc_free(extra);
}

static void test_reconfigure__live_values_reach_the_plugin_that_runs(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "nothing", DOWN);
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    expect(&r, "good.at", ":5");
    int pid = atomic_load(&rig_plugin_at(&r, 0)->pid);
    regrant(&r, "nothing", 77, DOWN);
    must(&r, "reload", "\"state\":\"RUNNING\"");
    expect(&r, "good.at", ":77");
    assert_int_equal(atomic_load(&rig_plugin_at(&r, 0)->pid), pid);
    assert_null(rig_plugin_at(&r, 0)->next_config);
    regrant(&r, "fail-reconfigure", 77, DOWN); /* not live */
    if (RIG_TRUSTED) {
        must(&r, "reload", "the node must be restarted");
        rig_close(&r);
        return;
    }
    must(&r, "reload", "\"state\":\"RUNNING\"");
    assert_int_not_equal(atomic_load(&rig_plugin_at(&r, 0)->pid), pid);
    rig_close(&r);
}

static void test_reconfigure__refused_it_runs_on_as_it_was(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "fail-reconfigure", DOWN);
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    expect(&r, "good.at", ":5");
    regrant(&r, "fail-reconfigure", 78, DOWN);
    must(&r, "reload", "reconfigure() answered QN_E_IO (-14)");
    expect(&r, "good.at", ":5");
    assert_string_equal(rig_plugin_at(&r, 0)->resolution.config[1], "5");
    must(&r, "reload", "reconfigure() answered QN_E_IO (-14)"); /* it is still news */
    rig_close(&r);
}

static void test_reconfigure__one_that_cannot_is_reloaded(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "old-reconfigure", DOWN);
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    expect(&r, "good.at", ":5");
    int pid = atomic_load(&rig_plugin_at(&r, 0)->pid);
    regrant(&r, "old-reconfigure", 79, DOWN);
    if (RIG_TRUSTED) {
        must(&r, "reload", "the node must be restarted");
        expect(&r, "good.at", ":5");
    } else {
        must(&r, "reload", "\"state\":\"RUNNING\"");
        expect(&r, "good.at", ":79");
        assert_int_not_equal(atomic_load(&rig_plugin_at(&r, 0)->pid), pid);
    }
    rig_close(&r);
}

#if defined(RIG_ISOLATED)
static qc_action *order(host_rig *r, qc_action_kind kind)
{
    qc_action *a = qc_action_new(r->host, kind, "plugin", NULL);
    qc_action_run(a);
    return a;
}

static void await_end(const qc_action *a)
{
    for (int i = 0; i < 6000 && !atomic_load(&a->done); i++)
        usleep(5000);
    assert_true(atomic_load(&a->done));
}

/* One whose reconfigure() does not return, and the reload that waits for it. */
static qc_action *hang(host_rig *r, const char *failure)
{
    open_rig(r, "unruly", "deadlock-reconfigure", failure);
    rig_host_start(r);
    (void)rig_await(r, 0, QC_PLUGIN_RUNNING, "");
    regrant(r, "deadlock-reconfigure", 81, failure);
    qc_action *a = order(r, QC_ACTION_RELOAD);
    supervisor_done(r);
    return a;
}

static void test_reconfigure__the_reload_waits_for_the_answer(void **state)
{
    (void)state;
    host_rig r = {0};
    qc_action *reload = hang(&r, DOWN "stop = 1s\n");
    qc_supervise(r.host->supervisor, rig_plugin_at(&r, 0)); /* some change that it is told of */
    supervisor_done(&r);
    assert_false(atomic_load(&reload->done));
    qc_action *stop = order(&r, QC_ACTION_STOP);
    qc_supervise_reconfigured(r.host->supervisor, rig_plugin_at(&r, 0), QN_E_UNSUPPORTED);
    await_end(stop); /* of itself, not of the answer that came too late */
    assert_false(stop->failed);
    assert_null(rig_plugin_at(&r, 0)->successor);
    assert_true(atomic_load(&reload->done) && reload->failed);
    assert_non_null(strstr(reload->text, "another command came first"));
    qc_action_unref(reload);
    qc_action_unref(stop);
    rig_close(&r);
}

static void test_reconfigure__one_that_does_not_return_is_killed(void **state)
{
    (void)state;
    host_rig r = {0};
    qc_action *reload = hang(&r, DOWN "start = 2s\n");
    must(&r, "start", "it is being reloaded");
    char *text = rig_call(&r, "plugin", "[\"loglevel\",\"plugin\",\"debug\"]");
    assert_non_null(strstr(text, "\"state\":\"RUNNING\""));
    free(text);
    await_end(reload);
    assert_non_null(strstr(reload->text, "reconfigure() did not return in 2 s"));
    qc_action_unref(reload);
    rig_close(&r);
}

static void test_reload__one_that_is_quarantined_meanwhile_does_not_come_back(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "fork-stop", DOWN);
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    grant(&r, "nothing", DOWN);
    must(&r, "reload", "QUARANTINED");
    assert_int_equal(qc_plugin_get_state(rig_plugin_at(&r, 0)), QC_PLUGIN_QUARANTINED);
    rig_close(&r);
}

static void test_reconfigure__one_that_dies_of_it_comes_back_with_the_new_values(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "crash-reconfigure", "restart = 5/10min\n");
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    expect(&r, "good.at", ":5");
    uint64_t since = rig_events(&r);
    regrant(&r, "crash-reconfigure", 80, "restart = 5/10min\n");
    must(&r, "reload", "killed by signal");
    (void)rig_await(&r, since, QC_PLUGIN_RUNNING, "");
    expect(&r, "good.at", ":80");
    rig_close(&r);
}
#endif

static void test_events__are_told_in_order_and_waited_for(void **state)
{
    (void)state;
    host_rig r = {0};
    open_rig(&r, "unruly", "nothing", "");
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    char *text = rig_call(&r, "pluginevents", "[]");
    const char *ready = strstr(text, "READY"), *starting = strstr(text, "STARTING");
    const char *running = strstr(text, "RUNNING");
    assert_true(ready && starting && running && ready < starting && starting < running);
    assert_non_null(strstr(text, "{\"seq\":1,"));
    free(text);
    char params[64];
    snprintf(params, sizeof params, "[%llu,30]", (unsigned long long)rig_events(&r));
    text = rig_call(&r, "waitforpluginevent", params);
    assert_non_null(strstr(text, "\"result\":[]"));
    free(text);
    text = rig_call(&r, "waitforpluginevent", "[-1]");
    assert_non_null(strstr(text, "Negative number"));
    free(text);
    text = rig_call(&r, "getplugininfo", "[\"plugin\"]");
    assert_non_null(strstr(text, "\"awaited\":0"));
    free(text);
    rig_close(&r);
}

#if defined(RIG_ISOLATED)
/* Threads of the plugin's process of that class. Out: *all, threads. */
static unsigned of_class(host_rig *r, int class, unsigned *all)
{
    char *path = qc_asprintf("/proc/%d/task", (int)atomic_load(&rig_plugin_at(r, 0)->pid));
    DIR *d = opendir(path);
    unsigned n = 0;
    assert_non_null(d);
    *all = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            n += sched_getscheduler((pid_t)strtol(e->d_name, NULL, 10)) == class;
            ++*all;
        }
    closedir(d);
    qc_free(path);
    return n;
}

static void test_class__background_is_for_all_threads_of_what_runs(void **state)
{
    (void)state;
    static const char *const cpu[] = {"background", "normal"};
    for (int i = 0; i < 2; i++) {
        host_rig r = {0};
        unsigned all;
        char *limits = qc_asprintf("[limits]\nthreads = 12\ncpu = %s\n", cpu[i]);
        open_rig(&r, "unruly", "threads-init", limits);
        qc_free(limits);
        rig_host_start(&r);
        (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
        unsigned n = of_class(&r, i ? SCHED_OTHER : SCHED_IDLE, &all);
        assert_true(n == all && all > 10);
        rig_close(&r);
    }
}

/* On a machine that is busy with other work one that yields to it would not start in time. */
static void test_class__what_starts_is_as_others_are(void **state)
{
    (void)state;
    host_rig r = {0};
    unsigned all, n;
    open_rig(&r, "unruly", "nothing", DOWN);
    rig_host_start(&r);
    must(&r, "stop", "\"state\":\"STOPPED\"");
    grant(&r, "sleep-start", "stop = 1s\n[limits]\ncpu = background\n");
    uint64_t at = rig_events(&r);
    qc_action *start = qc_action_new(r.host, QC_ACTION_START, "plugin", NULL);
    qc_action_run(start);
    (void)rig_await(&r, at, QC_PLUGIN_STARTING, "");
    const qc_plugin *p = rig_plugin_at(&r, 0);
    while (!atomic_load(&p->pid) || !atomic_load(&p->messages))
        sched_yield(); /* until it has said something */
    n = of_class(&r, SCHED_OTHER, &all);
    assert_true(n == all && all > 0);
    free(command(&r, "stop"));
    qc_action_unref(start);
    rig_close(&r);
}

#define OF_ONE_MODE                                                                                \
    cmocka_unit_test(test_class__background_is_for_all_threads_of_what_runs),                      \
        cmocka_unit_test(test_class__what_starts_is_as_others_are),                                \
        cmocka_unit_test(                                                                          \
            test_supervise__a_crashing_plugin_comes_back_later_each_time_and_then_no_more),        \
        cmocka_unit_test(test_supervise__the_block_that_kills_it_three_times_is_named),            \
        cmocka_unit_test(test_supervise__a_stop_during_the_pause_or_the_start_is_the_end),         \
        cmocka_unit_test(test_supervise__a_host_that_was_stopped_itself_kills_nobody_for_it),      \
        cmocka_unit_test(test_process__tells_whose_it_is),                                         \
        cmocka_unit_test(test_plugin__reload_changes_to_the_new_one_or_keeps_the_old),             \
        cmocka_unit_test(test_reconfigure__the_reload_waits_for_the_answer),                       \
        cmocka_unit_test(test_reconfigure__one_that_does_not_return_is_killed),                    \
        cmocka_unit_test(test_reload__one_that_is_quarantined_meanwhile_does_not_come_back),       \
        cmocka_unit_test(test_reconfigure__one_that_dies_of_it_comes_back_with_the_new_values)
#else
#define OF_ONE_MODE cmocka_unit_test(test_plugin__a_trusted_one_is_not_reloaded)
#endif

QC_TEST_MAIN(
    cmocka_unit_test(test_warning__of_a_plugin_that_cannot_run_is_told_once),
    cmocka_unit_test(test_supervise__each_way_down_is_told_and_the_node_goes_on),
    cmocka_unit_test(test_supervise__a_plugin_that_does_not_acknowledge_lags_until_it_does),
    cmocka_unit_test(test_supervise__a_flood_of_log_lines_is_cut_and_costs_nothing_else),
    cmocka_unit_test(test_plugin__says_what_it_cannot_do),
    cmocka_unit_test(test_plugin__without_a_grant_it_is_said_what_lacks),
    cmocka_unit_test(test_plugin__comes_and_goes_while_the_node_runs),
    cmocka_unit_test(test_stop__one_whose_grant_is_gone_is_as_before_it_had_one),
    cmocka_unit_test(test_stop__one_that_was_refused_leaves_with_its_grant),
    cmocka_unit_test(test_reconfigure__live_values_reach_the_plugin_that_runs),
    cmocka_unit_test(test_reconfigure__refused_it_runs_on_as_it_was),
    cmocka_unit_test(test_reconfigure__one_that_cannot_is_reloaded),
    cmocka_unit_test(test_events__are_told_in_order_and_waited_for), OF_ONE_MODE)
