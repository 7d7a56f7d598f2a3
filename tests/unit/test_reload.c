/* What becomes of plugins in processes of their own while operators and accidents act on them. */
#include "tests/unit/host_rig.h"

#include "core/base/clock.h"
#include "core/host/isolated.h"
#include "core/os/file.h"
#include "core/os/process.h"
#include "core/rpc/mount.h"
#include "quoin/net_listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
    uint64_t since = rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
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

static qc_action *begin_action(host_rig *r, qc_action_kind kind)
{
    qc_action *a = qc_action_new(r->host, kind, "plugin", NULL);
    qc_action_run(a);
    return a;
}

static void await_action(qc_action *a, bool fails, const char *text)
{
    qc_mono until = qc_clock_mono() + INT64_C(20000000000);
    while (!atomic_load(&a->done) && qc_clock_mono() < until)
        usleep(1000);
    assert_true(atomic_load(&a->done));
    assert_int_equal(a->failed, fails);
    if (fails && !strstr(a->text, text))
        fail_msg("it failed with '%s', wanted '%s'", a->text, text);
    qc_action_unref(a);
}

static void test_stop__ends_a_reload_that_does_not_get_on(void **state)
{
    (void)state;
    host_rig r;
    rig_services(&r, "");
    rig_plugin(&r, "INITHANG", "p.so");
    rig_grant(&r, RIG_ID, "p.so", "chain.read/1 = yes\n", NULL);
    uint64_t since = rig_events(&r);
    qc_action *reload = begin_action(&r, QC_ACTION_RELOAD);
    (void)rig_await(&r, since, QC_PLUGIN_STARTING, "");
    await_action(begin_action(&r, QC_ACTION_START), true, "being reloaded");
    since = rig_events(&r);
    await_action(begin_action(&r, QC_ACTION_STOP), false, "");
    await_action(reload, true, "another command came first");
    assert_false(qc_plugin_get_state(rig_plugin_at(&r, 0)) == QC_PLUGIN_RUNNING);
    rig_close(&r);
}

/* Whatever cannot be had, the action ends and says so, and a later one succeeds. */
static void test_start__ends_whatever_fails(void **state)
{
    (void)state;
    host_rig r;
    rig_services(&r, "");
    for (uint64_t i = 1; i <= 30; i++) {
        free(act(&r, "stop")); /* unless the last fault has come late */
        qc_fault_arm(i);
        qc_action *a = begin_action(&r, QC_ACTION_START);
        qc_mono until = qc_clock_mono() + INT64_C(20000000000);
        while (!atomic_load(&a->done) && qc_clock_mono() < until)
            usleep(1000);
        qc_fault_arm(0);
        if (!atomic_load(&a->done))
            fail_msg("the start whose call %d failed has no end", (int)i);
        qc_plugin_state st = qc_plugin_get_state(rig_plugin_at(&r, 0));
        if (st != QC_PLUGIN_RUNNING)
            act_ok(&r, st == QC_PLUGIN_QUARANTINED ? "quarantine-clear" : "start", "RUNNING");
        qc_action_unref(a);
    }
    rig_close(&r);
}

/* ---- a process that does not read ---- */

typedef struct deaf {
    qc_plugin *plugin;
    const qn_net_listen_1 *table;
    qn_cap *cap;
    uint16_t port;
    qn_status status;
} deaf;

static void on_accept(void *arg, uint64_t listener, uint64_t connection, int32_t fd,
                      const char *peer, uint32_t peer_len)
{
    const deaf *d = arg;
    (void)listener;
    (void)connection;
    (void)peer;
    (void)peer_len;
    qc_isolated_send(d->plugin->iso, QC_FRAME_CALLBACK, 0, 1, 1, NULL, &fd, 1);
}

static void listen_and_fill(void *arg)
{
    deaf *d = arg;
    char address[64];
    uint64_t listener;
    snprintf(address, sizeof address, "127.0.0.1:%u", d->port);
    d->status = d->table->open(d->cap, address, on_accept, d, &listener);
    while (!d->plugin->iso->queue) {
        qc_pack out = QC_PACK_INIT;
        static const char some[60000];
        qc_pack_raw(&out, some, sizeof some);
        qc_isolated_send(d->plugin->iso, QC_FRAME_CALLBACK, 0, 1, 1, &out, NULL, 0);
    }
    d->plugin->iso->queued = ((size_t)256 << 20) + 1; /* as if all of that was waiting */
}

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)&a, &len), 0);
    close(s);
    return ntohs(a.sin_port);
}

/* The adapter that hands a connection over is not taken apart while it does so. */
static void test_queue__one_that_does_not_read_is_killed_between_two_calls(void **state)
{
    (void)state;
    host_rig r;
    deaf d = {.port = free_port()};
    char *grant = qc_asprintf("net.listen/1 = 127.0.0.1:%u\n", d.port);
    rig_services(&r, grant);
    uint64_t since = rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    d.plugin = rig_plugin_at(&r, 0);
    d.table = rig_table(&r, QN_NET_LISTEN_1_ID, &d.cap);
    kill(atomic_load(&d.plugin->pid), SIGSTOP);
    rig_on_loop(&r, listen_and_fill, &d);
    assert_int_equal(d.status, QN_OK);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(d.port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(s, (struct sockaddr *)&a, sizeof a), 0);
    (void)rig_await(&r, since, QC_PLUGIN_QUARANTINED, "it does not read");
    close(s);
    qc_free(grant);
    rig_close(&r);
}

/* ---- requests that come faster than it reads ---- */

#define CALLS 24
#define CALL_BYTES ((size_t)12 << 20) /* all of them are more than a plugin is killed for */
#define CALLS_TAKEN 6                 /* until more than 64 MB wait */

typedef struct calls {
    _Atomic int refused, answered;
} calls;

static void on_answer(void *arg, int status, qc_bytes reply)
{
    calls *n = arg;
    (void)status;
    atomic_fetch_add(&n->refused, memmem(reply.data, reply.len, "Too many calls", 14) != NULL);
    qc_bytes_free(&reply);
    atomic_fetch_add(&n->answered, 1);
}

static char *long_call(void)
{
    static const char head[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"good.echo\",\"params\":[\"";
    char *body = qc_alloc(sizeof head + CALL_BYTES + 4);
    memcpy(body, head, sizeof head - 1);
    memset(body + sizeof head - 1, 'x', CALL_BYTES);
    memcpy(body + sizeof head - 1 + CALL_BYTES, "\"]}", 4);
    return body;
}

static bool echoes(host_rig *r)
{
    char *text = rig_call(r, "good.echo", "[1]");
    bool yes = strstr(text, "\"result\":[1]") != NULL;
    free(text);
    return yes;
}

/* How much callers send at once is no fault of the plugin: what is too much is refused. */
static void test_queue__what_callers_send_at_once_does_not_kill_it(void **state)
{
    (void)state;
    host_rig r = {0};
    calls n = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "GOOD", "p.so");
    rig_grant(&r, RIG_ID, "p.so", RIG_ALL, "");
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    qc_plugin *p = rig_plugin_at(&r, 0);
    char *body = long_call();
    const qc_rpc_call c = {
        .body = body, .len = strlen(body), .user = "u", .peer = "p", .done = on_answer, .arg = &n};
    int pid = atomic_load(&p->pid);
    kill(pid, SIGSTOP);
    qc_mono until = qc_clock_mono() + INT64_C(60000000000);
    for (int i = 0; i < CALLS; i++)
        while (!qc_rpc_engine_submit(r.engine, &c)) /* its own queue is full */
            assert_true(qc_clock_mono() < until && !usleep(1000));
    rig_until(&n.refused, CALLS - CALLS_TAKEN);
    static const char other[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"good.status\",\"params\":[]}";
    const qc_rpc_call still = {.body = other,
                               .len = sizeof other - 1,
                               .user = "u",
                               .peer = "p",
                               .done = on_answer,
                               .arg = &n};
    assert_true(qc_rpc_engine_submit(r.engine, &still)); /* another method has room of its own */
    kill(pid, SIGCONT);
    rig_until(&n.answered, CALLS + 1);
    assert_int_equal(n.refused, CALLS - CALLS_TAKEN);
    while (!echoes(&r))
        assert_true(qc_clock_mono() < until);
    assert_int_equal(atomic_load(&p->pid), pid);
    assert_int_equal(atomic_load(&p->asked), 0);
    qc_free(body);
    rig_close(&r);
}

/* ---- quota ---- */

static void write_some(const char *dir, size_t bytes)
{
    static const char block[4096];
    char *path = qc_asprintf("%s/file", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t n = 0; n < bytes; n += sizeof block)
        assert_int_equal(fwrite(block, sizeof block, 1, f), 1);
    fclose(f);
    qc_free(path);
}

static void one_that_writes(bool in_init, unsigned depth, const char *reason)
{
    static const char grants[] = "chain.read/1 = yes\nstore.own/1 = quota=1MB\n";
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "SMALL", "p.so");
    rig_grant(&r, RIG_ID, "p.so", grants, NULL);
    rig_host_start(&r);
    if (in_init) {
        act_ok(&r, "stop", "STOPPED");
        rig_plugin(&r, "INITHANG", "p.so");
        rig_grant(&r, RIG_ID, "p.so", grants, NULL);
        qc_action_unref(begin_action(&r, QC_ACTION_START));
    }
    char *dir = qc_asprintf("%s/" RIG_ID, r.data_dir);
    for (unsigned i = 0; i < depth; i++) {
        char *next = qc_asprintf("%s/d", dir);
        assert_int_equal(qc_os_mkdirs(next), QC_OK);
        qc_free(dir);
        dir = next;
    }
    write_some(dir, 2000000);
    (void)rig_await(&r, 0, QC_PLUGIN_QUARANTINED, reason);
    qc_free(dir);
    rig_close(&r);
}

static void test_quota__holds_wherever_and_whenever_it_writes(void **state)
{
    (void)state;
    one_that_writes(false, 0, "its quota is");
    one_that_writes(false, 10, "its quota is");
    one_that_writes(false, 20, "cannot be measured");
    one_that_writes(true, 0, "its quota is");
}

/* Another process, as its store would: its file has lost its name, and nobody sees it who looks
 * into the folder. */
enum { HIDE_OPEN, HIDE_MAPPED, HIDE_CODE }; /* the last: open, and code is mapped from it */
static pid_t hide(const char *dir, size_t bytes, int how)
{
    pid_t pid = fork();
    if (pid == 0) {
        static const char block[4096] = "x";
        char *path = qc_asprintf("%s/hidden", dir);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        for (size_t n = 0; n < bytes; n += sizeof block)
            if (write(fd, block, sizeof block) != sizeof block)
                _exit(1);
        unlink(path);
        int prot = how == HIDE_CODE ? PROT_READ | PROT_EXEC : PROT_READ;
        if (how && mmap(NULL, bytes, prot, MAP_SHARED, fd, 0) == MAP_FAILED)
            _exit(1);
        if (how == HIDE_MAPPED)
            close(fd);
        for (;;)
            pause();
    }
    return pid;
}

static uint64_t unnamed(pid_t pid, const char *dir)
{
    uint64_t bytes = 0;
    assert_int_equal(qc_os_process_unnamed(pid, dir, &bytes), QC_OK);
    return bytes;
}

static void reap(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* May we ask for the size of what is mapped and not open? */
static bool may_ask(void)
{
    qc_os_list l = {0};
    struct stat st;
    assert_int_equal(qc_os_list_dir("/proc/self/map_files", &l), QC_OK);
    char *path = qc_asprintf("/proc/self/map_files/%s", l.name[0]);
    bool may = stat(path, &st) == 0;
    qc_free(path);
    qc_os_list_free(&l);
    return may;
}

static void test_unnamed__files_are_seen_open_or_mapped(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    uint64_t none = unnamed(getpid(), dir);
    for (int how = HIDE_OPEN; how <= (may_ask() ? HIDE_MAPPED : HIDE_OPEN); how++) {
        pid_t pid = hide(dir, 2000000, how);
        for (int i = 0; i < 2000 && unnamed(pid, dir) < none + 2000000; i++)
            usleep(5000);
        assert_in_range(unnamed(pid, dir), none + 2000000, none + 2100000);
        reap(pid);
        assert_int_equal(unnamed(pid, dir), 0); /* it has ended */
    }
}

/* A library that was replaced is let be, a file of the folder is not. */
static void test_unnamed__code_is_let_be_but_in_the_folder(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    char *inside = qc_asprintf("%s/store", dir), *other = qc_asprintf("%s/sto", dir);
    assert_int_equal(mkdir(inside, 0700) | mkdir(other, 0700), 0);
    uint64_t none = unnamed(getpid(), inside);
    pid_t pid = hide(inside, 2000000, HIDE_CODE);
    for (int i = 0; i < 2000 && unnamed(pid, inside) < none + 2000000; i++)
        usleep(5000);
    assert_in_range(unnamed(pid, inside), none + 2000000, none + 2100000);
    assert_int_equal(unnamed(pid, other), none);
    reap(pid);
    qc_free(inside);
    qc_free(other);
}

/* As one who may not ask for the size of what is mapped: 0, or the line that went wrong. */
static int ask_as_user(const char *dir)
{
    uint64_t bytes = 0;
    qc_err err = QC_OK;
    if (geteuid() == 0 && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
        return __LINE__;
    if (prctl(PR_SET_DUMPABLE, 1)) /* what changes its user is hidden from it otherwise */
        return __LINE__;
    pid_t pid = hide(dir, 200000, HIDE_MAPPED);
    for (int i = 0; i < 2000 && err != QC_ERANGE; i++, usleep(5000))
        err = qc_os_process_unnamed(pid, dir, &bytes);
    if (err == QC_ERANGE && qc_os_process_unnamed(pid, "/usr", &bytes) != QC_OK)
        err = QC_EIO;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return err == QC_ERANGE ? 0 : __LINE__;
}

/* A page is mapped of what may be of any size. */
static void test_unnamed__a_size_that_cannot_be_known_is_no_small_one(void **state)
{
    (void)state;
    char dir[] = "/tmp/quoin-unnamed-XXXXXX";
    int status;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chmod(dir, 0777), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(ask_as_user(dir) & 255);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_quota__counts_files_without_a_name(void **state)
{
    (void)state;
    host_rig r = {0};
    rig_open(&r, NULL);
    rig_plugin(&r, "SMALL", "p.so");
    rig_grant(&r, RIG_ID, "p.so", "chain.read/1 = yes\nstore.own/1 = quota=1MB\n", NULL);
    rig_host_start(&r);
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    qc_plugin *p = rig_plugin_at(&r, 0);
    char *dir = qc_asprintf("%s/" RIG_ID, r.data_dir);
    int real = atomic_load(&p->pid);
    pid_t pid =
        hide(dir, 2000000, HIDE_OPEN); /* stands for the plugin's process while it is looked at */
    atomic_store(&p->pid, (int)pid);
    (void)rig_await(&r, 0, QC_PLUGIN_QUARANTINED, "without a name");
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(real > 0);
    qc_free(dir);
    rig_close(&r);
}

/* The one that comes has the id of the one that is there. */
static void test_events__tell_the_successor_from_who_is_there(void **state)
{
    (void)state;
    host_rig r;
    rig_services(&r, "");
    (void)rig_await(&r, 0, QC_PLUGIN_RUNNING, "");
    uint64_t since = rig_events(&r);
    char *params = qc_asprintf("[%llu]", (unsigned long long)since);
    act_ok(&r, "reload", "RUNNING");
    char *text = rig_call(&r, "pluginevents", params);
    static const char *const want[] = {
        "\"state\":\"READY\",\"incoming\":true", "\"state\":\"STARTING\",\"incoming\":true",
        "\"state\":\"STOPPING\"}", "\"state\":\"STOPPED\"}", "\"state\":\"RUNNING\"}"};
    const char *at = text;
    for (size_t i = 0; i < QC_COUNTOF(want); i++) {
        at = strstr(at, want[i]);
        if (!at)
            fail_msg("found %s, wanted %s", text, want[i]);
    }
    free(text);
    qc_free(params);
    rig_close(&r);
}

/* ---- a runner that waits ---- */

static bool is_ours(int pid)
{
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%*d (%*[^)]) %*c %d", &parent) != 1)
        parent = 0;
    if (f)
        fclose(f);
    return parent == getpid();
}

/* Is the store's module among what a process has mapped? */
static bool has_module(int pid)
{
    char path[64], line[512];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        found |= strstr(line, "quoin-store") != NULL;
    if (f)
        fclose(f);
    return found;
}

/* Has it left our network? It has then been told to wait. */
static bool has_left(int pid)
{
    char path[64], own[64] = "", its[64] = "";
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    return readlink("/proc/self/ns/net", own, sizeof own - 1) > 0 &&
           readlink(path, its, sizeof its - 1) > 0 && strcmp(own, its) != 0;
}

/* The child of ours that waits, with the store's module or without; `other` is the plugin's
 * process. */
static int who_waits(int other, bool module)
{
    for (int i = 0; i < 4000; i++) {
        qc_os_list tasks = {0};
        int found = 0;
        assert_int_equal(qc_os_list_dir("/proc", &tasks), QC_OK);
        for (size_t k = 0; k < tasks.n && !found; k++) {
            int pid = (int)strtol(tasks.name[k], NULL, 10);
            if (pid > 0 && pid != other && is_ours(pid) && (module ? has_module : has_left)(pid))
                found = pid;
        }
        qc_os_list_free(&tasks);
        if (found)
            return found;
        usleep(5000);
    }
    fail_msg("no process waits %s the module", module ? "with" : "without");
    return 0;
}

static void with_plugin(host_rig *r, bool store)
{
    *r = (host_rig){0};
    rig_open(r, NULL);
    rig_plugin(r, "SMALL", "p.so");
    rig_grant(r, RIG_ID, "p.so",
              store ? "chain.read/1 = yes\nstore.own/1 = quota=1MB\n" : "chain.read/1 = yes\n",
              NULL);
    rig_host_start(r);
    (void)rig_await(r, 0, QC_PLUGIN_RUNNING, "");
}

static int its_pid(host_rig *r)
{
    return atomic_load(&rig_plugin_at(r, 0)->pid);
}

static void take_who_waits(bool store)
{
    host_rig r;
    with_plugin(&r, store);
    for (int i = 0; i < 2; i++) {
        int waits = who_waits(its_pid(&r), store);
        assert_int_equal(has_module(waits), store);
        act_ok(&r, "stop", "STOPPED");
        act_ok(&r, "start", "RUNNING");
        assert_int_equal(its_pid(&r), waits);
    }
    (void)who_waits(its_pid(&r), store);
    rig_close(&r);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* it has ended too */
}

static void test_spare__waits_with_the_module_and_is_the_next_process(void **state)
{
    (void)state;
    take_who_waits(true);
}

/* Nor does a plugin without a store take the one that has loaded its module. */
static void test_spare__waits_without_the_module_for_who_has_no_store(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* where namespaces may not be had nothing shows that it waits */
    take_who_waits(false);
}

static void test_spare__one_that_died_is_done_without(void **state)
{
    (void)state;
    host_rig r;
    siginfo_t end;
    with_plugin(&r, true);
    int waits = who_waits(its_pid(&r), true);
    assert_int_equal(kill(waits, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)waits, &end, WEXITED | WNOWAIT), 0);
    act_ok(&r, "stop", "STOPPED");
    act_ok(&r, "start", "RUNNING");
    assert_int_not_equal(its_pid(&r), waits);
    rig_close(&r);
}

QC_TEST_MAIN(cmocka_unit_test(test_spare__waits_with_the_module_and_is_the_next_process),
             cmocka_unit_test(test_spare__waits_without_the_module_for_who_has_no_store),
             cmocka_unit_test(test_spare__one_that_died_is_done_without),
             cmocka_unit_test(test_unnamed__files_are_seen_open_or_mapped),
             cmocka_unit_test(test_unnamed__code_is_let_be_but_in_the_folder),
             cmocka_unit_test(test_unnamed__a_size_that_cannot_be_known_is_no_small_one),
             cmocka_unit_test(test_quota__counts_files_without_a_name),
             cmocka_unit_test(test_events__tell_the_successor_from_who_is_there),
             cmocka_unit_test(test_quota__holds_wherever_and_whenever_it_writes),
             cmocka_unit_test(test_queue__one_that_does_not_read_is_killed_between_two_calls),
             cmocka_unit_test(test_queue__what_callers_send_at_once_does_not_kill_it),
             cmocka_unit_test(test_stop__ends_a_reload_that_does_not_get_on),
             cmocka_unit_test(test_start__ends_whatever_fails),
             cmocka_unit_test(test_start__right_after_an_end_leaves_nothing_behind),
             cmocka_unit_test(test_state__an_end_is_not_overwritten_by_who_looked_before),
             cmocka_unit_test(test_reload__a_plugin_that_serves_pages_keeps_its_name))
