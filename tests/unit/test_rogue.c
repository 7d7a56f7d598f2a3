/* A runner that lies: whatever it sends, its process is killed, the plugin goes down for a reason
 * that names it, and the node goes on and keeps nothing of it. */
#include "tests/unit/host_rig.h"

#include "core/frame/hello.h"
#include "core/host/arena.h"
#include "core/host/isolated.h"
#include "core/host/spare.h"
#include "core/os/file.h"
#include "core/os/privs.h"
#include "tests/hostile/rogue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name, *reason;
    qc_plugin_state state;
} CASES[] = {
#define CASE(name, state, reason) {#name, reason, QC_PLUGIN_##state},
    ROGUE_CASES(CASE)};

static void write_grant(host_rig *r, unsigned c)
{
    bool slow = c == ROGUE_SILENT || c == ROGUE_HELLO_UNREAD;
    bool mute = c == ROGUE_READS_NOTHING || c == ROGUE_PARTS_OPEN;
    char *extra =
        qc_asprintf("[limits]\nmemory = %u\n[failure]\nrestart = 0/10min\n%s%s", ROGUE_BASE + c,
                    slow ? "start = 1s\n" : "", mute ? "ping = 1s/1s\n" : "");
    rig_grant(r, RIG_ID, "p.so", RIG_NOSTORE, extra);
    qc_free(extra);
}

static void open_rig(host_rig *r)
{
    *r = (host_rig){.runner = "tests/hostile/rogue"};
    rig_open(r, NULL);
    rig_plugin(r, "NOSTORE", "p.so");
    rig_grow(r, 200);
    write_grant(r, ROGUE_GOOD);
    rig_host_start(r);
    (void)rig_await(r, 0, QC_PLUGIN_RUNNING, "");
    qc_spare_free(r->host->spare); /* what is left behind is counted */
    r->host->spare = NULL;
}

static unsigned open_files(void)
{
    qc_os_list l = {0};
    assert_int_equal(qc_os_list_dir("/proc/self/fd", &l), QC_OK);
    unsigned n = (unsigned)l.n;
    qc_os_list_free(&l);
    return n;
}

/* The event comes before the last of the process's descriptors is closed. */
static void await_files(unsigned wanted)
{
    for (int i = 0; i < 3000 && open_files() != wanted; i++)
        usleep(10000);
    assert_int_equal(open_files(), wanted);
}

/* Down from whatever state it is in, and up again as the grant is now. Returns the number of the
 * last event before. */
static uint64_t start_again(host_rig *r)
{
    qc_plugin_state st = qc_plugin_get_state(rig_plugin_at(r, 0));
    if (st == QC_PLUGIN_RUNNING) {
        uint64_t before = rig_events(r);
        free(rig_call(r, "plugin", "[\"stop\",\"plugin\"]"));
        (void)rig_await(r, before, QC_PLUGIN_STOPPED, "");
        assert_int_equal(qc_arena_lent(r->host->arena), 0);
    }
    uint64_t since = rig_events(r);
    free(rig_call(r, "plugin",
                  st == QC_PLUGIN_QUARANTINED ? "[\"quarantine-clear\",\"plugin\"]"
                                              : "[\"start\",\"plugin\"]"));
    return since;
}

/* Its process, its descriptors and what it was lent. */
static void assert_nothing_is_left(host_rig *r)
{
    qc_plugin *p = rig_plugin_at(r, 0);
    assert_true(qc_plugin_join(p));
    assert_non_null(p->iso);
    assert_int_equal(p->iso->chan.fd, -1);
    assert_int_equal(p->iso->child.pidfd, -1);
    assert_int_equal(p->iso->n_view, 0);
    assert_null(p->iso->queue);
    assert_int_equal(qc_arena_lent(r->host->arena), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void assert_node_is_well(host_rig *r)
{
    uint32_t was = r->made->tip;
    rig_grow(r, 1);
    assert_int_equal(qc_chain_tip(r->chain)->height, was + 1);
    char *text = rig_call(r, "listplugins", "[]");
    assert_non_null(strstr(text, RIG_ID));
    for (const char *s = text; *s; s++)
        assert_true((unsigned char)*s < 127); /* of what a runner said, only what can be shown */
    free(text);
}

/* Of the flood only a second's worth is written, and the plugin runs on. */
static void assert_flood_is_dropped(host_rig *r)
{
    qc_plugin *p = rig_plugin_at(r, 0);
    uint64_t lines = 0, dropped = 0;
    for (int i = 0; i < 2000 && lines + dropped < 20000; i++) {
        usleep(10000);
        pthread_mutex_lock(&p->lock);
        lines = p->log_lines;
        dropped = p->log_dropped;
        pthread_mutex_unlock(&p->lock);
    }
    assert_int_equal(lines + dropped, 20000);
    assert_true(lines < 2000 && lines >= 50);
    assert_int_equal(qc_plugin_get_state(p), QC_PLUGIN_RUNNING);
}

static void one_case(host_rig *r, unsigned c, unsigned *files)
{
    unsigned row = c < ROGUE_GARBAGE ? c : ROGUE_GARBAGE;
    write_grant(r, c);
    uint64_t since = start_again(r);
    print_message("    %s %u\n", CASES[row].name, c - row);
    (void)rig_await(r, since, CASES[row].state, CASES[row].reason);
    if (CASES[row].state != QC_PLUGIN_RUNNING) {
        assert_nothing_is_left(r);
        if (!*files)
            *files = open_files();
        await_files(*files);
    }
    if (c == ROGUE_LOG_FLOOD)
        assert_flood_is_dropped(r);
    assert_node_is_well(r);
}

static void test_rogue__each_lie_ends_the_process_and_is_named(void **state)
{
    (void)state;
    host_rig r;
    unsigned files = 0;
    open_rig(&r);
    for (unsigned c = ROGUE_GOOD + 1; c < ROGUE_GARBAGE; c++)
        one_case(&r, c, &files);
    rig_close(&r);
}

/* It asks for as much room as it may, which the node happens not to have: it hears so. */
static void test_rogue__what_the_node_has_no_memory_for_is_no_lie(void **state)
{
    (void)state;
    host_rig r;
    unsigned long pages = 0;
    struct rlimit was, low;
    if (QC_PRIVS_SANITIZED) /* it takes terabytes of addresses */
        skip();
    open_rig(&r);
    write_grant(&r, ROGUE_ROOM_GREAT);
    FILE *f = fopen("/proc/self/statm", "r");
    assert_true(f && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
    low = was;
    low.rlim_cur = pages * 4096 + (48u << 20); /* less than what is asked for */
    assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
    uint64_t since = start_again(&r);
    (void)rig_await(&r, since, QC_PLUGIN_STOPPING, "status -");
    assert_true(qc_plugin_join(rig_plugin_at(&r, 0)));
    assert_int_equal(setrlimit(RLIMIT_AS, &was), 0);
    assert_node_is_well(&r);
    rig_close(&r);
}

/* Without the arena each view is a file of the plugin's own. Returns why it stopped. */
static const char *run_without_arena(host_rig *r, unsigned c, const char *reason)
{
    open_rig(r);
    write_grant(r, c);
    qc_arena *arena = r->host->arena;
    free(rig_call(r, "plugin", "[\"stop\",\"plugin\"]"));
    r->host->arena = NULL;
    uint64_t since = rig_events(r);
    free(rig_call(r, "plugin", "[\"start\",\"plugin\"]"));
    (void)rig_await(r, since, QC_PLUGIN_STOPPING, reason);
    qc_plugin *p = rig_plugin_at(r, 0);
    assert_true(qc_plugin_join(p));
    assert_int_equal(atomic_load(&p->own_view_bytes), 0); /* all given back at its end */
    r->host->arena = arena;
    return strstr(p->reason, reason);
}

/* Such files count against its memory: some 4 KB here. */
static void test_rogue__views_of_its_own_count_as_its_memory(void **state)
{
    (void)state;
    host_rig r;
    unsigned kept = 0;
    const char *said = run_without_arena(&r, ROGUE_VIEWS_ALL, "kept ");
    assert_int_equal(sscanf(said, "kept %u", &kept), 1);
    assert_in_range(kept, 1, 12);
    rig_close(&r);
}

/* What counts no more is there no more. */
static void test_rogue__a_view_given_back_is_gone_even_when_held(void **state)
{
    (void)state;
    host_rig r;
    unsigned after = 0, before = 0;
    const char *said = run_without_arena(&r, ROGUE_VIEW_HELD, "held ");
    assert_int_equal(sscanf(said, "held %u of %u bytes", &after, &before), 2);
    assert_true(before > 0);
    assert_int_equal(after, 0);
    rig_close(&r);
}

static void test_rogue__garbage_for_any_method_ends_the_process(void **state)
{
    (void)state;
    host_rig r;
    unsigned files = 0;
    open_rig(&r);
    for (unsigned i = 0; i < 5 * ROGUE_METHODS * 2; i++)
        if (i / 2 % ROGUE_METHODS < 11) /* the longest table has ten */
            one_case(&r, ROGUE_GARBAGE + i, &files);
    rig_close(&r);
}

/* ---- the true runner ---- */

static void greet(qc_child *c, const qc_hello *h, const int *fd, uint32_t n_fd, char **problem)
{
    char *path =
        qc_asprintf("%s/quoin-runner", getenv("top_builddir") ? getenv("top_builddir") : ".");
    int program = open(path, O_RDONLY | O_CLOEXEC);
    qc_chan chan;
    const qc_frame *f;
    qc_pack p = QC_PACK_INIT;
    int status;
    assert_true(program >= 0);
    assert_int_equal(qc_child_start(program, c), QC_OK);
    qc_chan_init(&chan, c->socket, QC_MESSAGE_MAX);
    c->socket = -1;
    if (h)
        qc_hello_write(h, &p);
    else
        qc_pack_bytes(&p, "nonsense", 8);
    qc_outgoing o = qc_outgoing_of(QC_FRAME_HELLO, 0, 0, 0, qc_bytes_span(&p.out));
    o.fd = fd;
    o.n_fd = n_fd;
    assert_int_equal(qc_chan_send(&chan, &o), QC_OK);
    struct pollfd ended = {chan.fd, POLLIN, 0};
    assert_int_equal(poll(&ended, 1, 20000), 1);
    *problem = NULL;
    if (qc_chan_recv(&chan, &f) == QC_OK) {
        qc_unpack u = qc_unpack_of(f->payload);
        assert_int_equal(f->kind, QC_FRAME_PROBLEM);
        qc_free(qc_unpack_str(&u));
        *problem = qc_unpack_str(&u);
    }
    qc_child_wait(c, &status);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    qc_child_clear(c);
    qc_chan_clear(&chan);
    qc_pack_clear(&p);
    qc_free(path);
    close(program);
}

static void test_runner__refuses_another_build_missing_descriptors_and_nonsense(void **state)
{
    (void)state;
    char build[] = "0.0 deadbeef", id[] = "org.quoin.x", version[] = "1";
    qc_hello h = {.build = build, .id = id, .version = version, .threads = 1};
    int fd[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/null", O_RDONLY | O_CLOEXEC)};
    qc_child c;
    char *problem;
    greet(&c, &h, fd, 2, &problem);
    assert_non_null(problem);
    assert_non_null(strstr(problem, "wanted 0.0 deadbeef"));
    qc_free(problem);
    h.build = (char *)(uintptr_t)qc_hello_build();
    greet(&c, &h, fd, 1, &problem);
    assert_non_null(problem);
    assert_non_null(strstr(problem, "descriptors: found 1, wanted 2"));
    qc_free(problem);
    greet(&c, NULL, NULL, 0, &problem);
    assert_null(problem); /* not its node: nothing can be said to it */
    close(fd[0]);
    close(fd[1]);
}

QC_TEST_MAIN(cmocka_unit_test(test_rogue__each_lie_ends_the_process_and_is_named),
             cmocka_unit_test(test_rogue__garbage_for_any_method_ends_the_process),
             cmocka_unit_test(test_rogue__views_of_its_own_count_as_its_memory),
             cmocka_unit_test(test_rogue__a_view_given_back_is_gone_even_when_held),
             cmocka_unit_test(test_rogue__what_the_node_has_no_memory_for_is_no_lie),
             cmocka_unit_test(test_runner__refuses_another_build_missing_descriptors_and_nonsense))
