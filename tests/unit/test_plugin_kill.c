/* kill -9 of a plugin's process, and of the node, at any moment, while the plugin follows a chain
 * with reorganisations: afterwards its rows are the active chain, and no process is left over. More
 * rounds with QUOIN_KILLS. */
#include "tests/unit/host_rig.h"

#include "core/base/clock.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILURE "[failure]\nrestart = 100/10min\n"
#define PATIENCE INT64_C(60000000000)

static unsigned rounds(void)
{
    const char *text = getenv("QUOIN_KILLS");
    return text ? (unsigned)strtoul(text, NULL, 10) : 12;
}

static void open_good(host_rig *r, const char *dir)
{
    *r = (host_rig){.backoff_ms = 1};
    rig_open(r, dir);
    rig_plugin(r, "GOOD", "p.so");
    rig_grant(r, RIG_ID, "p.so", RIG_ALL, FAILURE);
}

/* Killed often at the same block it is quarantined, as it should be: it is let out again. */
static void let_out(host_rig *r)
{
    if (qc_plugin_get_state(rig_plugin_at(r, 0)) == QC_PLUGIN_QUARANTINED)
        free(rig_call(r, "plugin", "[\"quarantine-clear\",\"plugin\"]"));
}

/* Its rows are the active chain, whatever that is; before long. */
static void follows_chain(host_rig *r)
{
    qc_mono until = qc_clock_mono() + PATIENCE;
    char hex[QC_HASH_HEX_LEN + 1], *text = NULL;
    do {
        free(text);
        let_out(r);
        const qc_index *tip = qc_chain_tip(r->chain);
        qc_hash_hex(&tip->hash, hex);
        text = rig_call(r, "good.status", "[]");
        if (strstr(text, hex) && strstr(text, "\"acked\":true"))
            break;
        usleep(2000);
    } while (qc_clock_mono() < until);
    if (!strstr(text, hex))
        fail_msg("the plugin does not come to the tip: %s", text);
    free(text);
    text = rig_call(r, "good.rows", "[]");
    const char *at = strchr(text, '[');
    assert_non_null(at);
    for (uint32_t h = 0; h <= qc_chain_tip(r->chain)->height; h++) {
        qc_hash_hex(&qc_chain_at(r->chain, h)->hash, hex);
        if (strncmp(at + 2, hex, QC_HASH_HEX_LEN) != 0)
            fail_msg("row %u is not of the active chain", h);
        at += 3 + QC_HASH_HEX_LEN;
    }
    assert_int_equal(*at, ']');
    free(text);
}

/* Some time after it is there. */
static unsigned kill_runner(host_rig *r, uint64_t delay_us)
{
    qc_mono until = qc_clock_mono() + PATIENCE;
    while (!atomic_load(&rig_plugin_at(r, 0)->pid) && qc_clock_mono() < until) {
        let_out(r);
        usleep(500);
    }
    usleep((useconds_t)delay_us);
    int pid = atomic_load(&rig_plugin_at(r, 0)->pid);
    return pid > 0 && kill(pid, SIGKILL) == 0;
}

static void test_plugin__killed_at_any_moment_it_comes_back_and_its_rows_are_the_chain(void **state)
{
    (void)state;
    host_rig r;
    uint64_t seed = 11;
    unsigned killed = 0;
    open_good(&r, NULL);
    rig_grow(&r, 20);
    rig_host_start(&r);
    for (unsigned i = 0; i < rounds(); i++) {
        uint32_t back = (uint32_t)(test_rand(&seed) % 6);
        rig_reorg(&r, back, back + 1 + (uint32_t)(test_rand(&seed) % 6), i + 1);
        killed += kill_runner(&r, test_rand(&seed) % 15000);
        if (i % 4 == 3)
            follows_chain(&r);
    }
    follows_chain(&r);
    assert_true(killed > rounds() / 3);
    assert_true(rig_plugin_at(&r, 0)->restarts > 0);
    rig_close(&r);
}

/* ---- the node ---- */

/* A node in a process of its own, for it is killed: a branch from genesis that is longer than the
 * one before, as fast as it can. */
static void run_node(const char *dir, unsigned round, int out)
{
    host_rig r;
    open_good(&r, dir);
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    int pid = atomic_load(&rig_plugin_at(&r, 0)->pid);
    if (write(out, &pid, sizeof pid) != sizeof pid)
        _exit(1);
    r.made->salt = 1000 + round;
    rig_grow(&r, 30 + 15 * round);
    for (;;)
        pause();
}

static void run_spinner(const char *dir, int out)
{
    host_rig r = {0};
    rig_open(&r, dir);
    rig_plugin(&r, "unruly", "p.so");
    rig_grant(&r, RIG_ID, "p.so", "chain.follow/1 = yes\nrpc.serve/1 = prefix=good.\n",
              "[config]\nwhat = spin-block\nat = 2\n");
    rig_grow(&r, 3);
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    int pid = atomic_load(&rig_plugin_at(&r, 0)->pid);
    while (!atomic_load(&rig_plugin_at(&r, 0)->handed[0].given))
        usleep(1000);
    if (write(out, &pid, sizeof pid) != sizeof pid)
        _exit(1);
    for (;;)
        pause();
}

static int check_node(const char *dir)
{
    host_rig r;
    open_good(&r, dir);
    rig_host_start(&r);
    follows_chain(&r);
    uint32_t height = qc_chain_tip(r.chain)->height;
    rig_close(&r);
    return height > 0 ? 77 : 78;
}

/* Orphans come to us: each must end, and soon. */
static void orphan_ends(int pid)
{
    qc_mono until = qc_clock_mono() + INT64_C(10000000000);
    while (waitpid(pid, NULL, WNOHANG) != pid) {
        assert_true(qc_clock_mono() < until);
        usleep(1000);
    }
}

static void none_is_left(void)
{
    qc_mono until = qc_clock_mono() + INT64_C(10000000000);
    while (waitpid(-1, NULL, WNOHANG) >= 0) {
        assert_true(qc_clock_mono() < until);
        usleep(1000);
    }
}

static void kill_node(const char *dir, unsigned round, uint64_t delay_us, bool spinner)
{
    int end[2], runner = 0, status;
    assert_int_equal(pipe(end), 0);
    pid_t node = fork();
    if (node == 0) {
        close(end[0]);
        if (spinner)
            run_spinner(dir, end[1]);
        run_node(dir, round, end[1]);
    }
    close(end[1]);
    assert_int_equal(read(end[0], &runner, sizeof runner), sizeof runner);
    close(end[0]);
    usleep((useconds_t)delay_us);
    assert_int_equal(kill(node, SIGKILL), 0);
    assert_int_equal(waitpid(node, &status, 0), node);
    assert_true(WIFSIGNALED(status));
    assert_true(runner > 0);
    orphan_ends(runner);
    none_is_left(); /* nor one that waited for a plugin */
}

static void test_node__killed_at_any_moment_it_finds_its_plugin_right_and_leaves_no_process(
    void **st)
{
    (void)st;
    const char *dir = tmp_mkdir();
    uint64_t seed = 23;
    int status, grown = 0;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    for (unsigned i = 0; i < rounds(); i++) {
        kill_node(dir, i, test_rand(&seed) % 120000, false);
        if (i % 3 != 2 && i + 1 != rounds())
            continue; /* often it starts where two or three of them have died */
        pid_t child = fork();
        if (child == 0)
            _exit(check_node(dir));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 78);
        grown += WEXITSTATUS(status) == 77;
    }
    assert_true(grown > 0);
}

static void test_node__a_plugin_that_spins_ends_with_it(void **state)
{
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    kill_node(tmp_mkdir(), 0, 20000, true);
}

/* Those that fork come first: a store's background threads never end. */
QC_TEST_MAIN(
    cmocka_unit_test(test_node__a_plugin_that_spins_ends_with_it),
    cmocka_unit_test(
        test_node__killed_at_any_moment_it_finds_its_plugin_right_and_leaves_no_process),
    cmocka_unit_test(test_plugin__killed_at_any_moment_it_comes_back_and_its_rows_are_the_chain))
