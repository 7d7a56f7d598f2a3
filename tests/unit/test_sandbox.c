/* Entering and sealing, each in a child: what is promised to the node and to a plugin that means
 * well. What a hostile one can do is tried in tests/hostile/attacks. */
#include "runner/sandbox.h"
#include "tests/unit/harness.h"

#include "core/kv/kv.h"
#include "core/os/file.h"
#include "core/os/landlock.h"
#include "core/os/privs.h"
#include "core/os/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define USER 61230

static int in_child(int (*fn)(const void *arg), const void *arg)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn(arg));
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
/* A failed check names itself: its line, cut to an exit status. */
#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            return __LINE__ % 250 + 1;                                                             \
    } while (0)
#define ABSENT 255

static qc_sandbox_options options(void)
{
    return (qc_sandbox_options){.threads = 1,
                                .memory = 512u << 20,
                                .descriptors = 512,
                                .store_dir = -1,
                                .uid = USER,
                                .gid = USER};
}

/* 20,000 rows, enough for the engine to write tables and to merge them in its own threads. */
static int use_store(void)
{
    const qc_kv_options ko = {
        .engine = QC_KV_ROCKSDB, .cache_bytes = 1u << 20, .create = true, .max_open_files = 64};
    qc_kv *kv;
    uint64_t seed = 1;
    char detail[256];
    CHECK(!qc_kv_open(&kv, "db", &ko, detail, sizeof detail));
    for (unsigned i = 0; i < 200; i++) {
        qc_kv_batch *b = qc_kv_batch_new(kv);
        for (unsigned k = 0; k < 100; k++) {
            uint64_t key[2] = {test_rand(&seed), i}, value[16];
            for (size_t v = 0; v < QC_COUNTOF(value); v++)
                value[v] = test_rand(&seed);
            qc_kv_batch_put(b, (qc_span){(uint8_t *)key, sizeof key},
                            (qc_span){(uint8_t *)value, sizeof value});
        }
        CHECK(!qc_kv_write(kv, b, i % 50 == 0));
        qc_kv_batch_free(b);
    }
    qc_kv_compact(kv);
    qc_kv_close(kv);
    CHECK(!qc_kv_open(&kv, "db", &ko, detail, sizeof detail));
    qc_kv_iter *it = qc_kv_iter_new(kv, NULL);
    unsigned n = 0;
    for (qc_kv_iter_seek(it, (qc_span){NULL, 0}); qc_kv_iter_valid(it); qc_kv_iter_next(it))
        n++;
    CHECK(!qc_kv_iter_status(it));
    qc_kv_iter_free(it);
    qc_kv_close(kv);
    CHECK(n == 20000);
    return 0;
}

/* What runtimes ask about the stack of a thread of theirs. */
static void ask_attributes(void *arg)
{
    pthread_attr_t a;
    *(int *)arg = pthread_getattr_np(pthread_self(), &a);
    if (*(int *)arg == 0)
        pthread_attr_destroy(&a);
}

static int run_store(const void *arg)
{
    qc_thread *t;
    int asked = -1;
    qc_sandbox_report r;
    qc_sandbox_options o = options();
    o.store_dir = open(arg, O_PATH | O_CLOEXEC);
    if (qc_sandbox_enter(&o, &r) || qc_sandbox_seal(&o, &r))
        return r.held & 1u << QC_LAYER_LANDLOCK ? 1 : ABSENT;
    CHECK(!qc_thread_start(&t, "x", ask_attributes, &asked));
    qc_thread_join(t);
    CHECK(asked == 0);
    return use_store();
}

static void test_seal__leaves_a_store_that_works(void **state)
{
    (void)state;
    const char *dir = tmp_mkdir();
    if (geteuid() == 0)
        assert_int_equal(chown(dir, USER, USER), 0);
    int got = in_child(run_store, dir);
    if (got == ABSENT) {
        print_message("no Landlock here\n");
        skip();
    }
    assert_int_equal(got, 0);
}

/* A loop over what is open, timers, wakings, the clock and random numbers. */
static int run_loop(const void *arg)
{
    (void)arg;
    qc_sandbox_report r;
    qc_sandbox_options o = options();
    if (qc_sandbox_enter(&o, &r) || qc_sandbox_seal(&o, &r))
        return ABSENT;
    int ep = epoll_create1(EPOLL_CLOEXEC), ev = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int tm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN};
    const struct itimerspec soon = {.it_value = {0, 1000000}};
    uint64_t one = 1;
    CHECK(ep >= 0 && ev >= 0 && tm >= 0);
    CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e) && !epoll_ctl(ep, EPOLL_CTL_ADD, tm, &e));
    CHECK(write(ev, &one, sizeof one) == sizeof one && epoll_wait(ep, &e, 1, 1000) == 1);
    CHECK(read(ev, &one, sizeof one) == sizeof one && !timerfd_settime(tm, 0, &soon, NULL));
    CHECK(epoll_wait(ep, &e, 1, 5000) == 1);
    char buf[16];
    qc_os_random(buf, sizeof buf);
    struct timespec now;
    cpu_set_t cpus;
    CHECK(!clock_gettime(CLOCK_REALTIME, &now) && !sched_getaffinity(0, sizeof cpus, &cpus));
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, (id_t)getpid());
    CHECK(!errno && !setpriority(PRIO_PROCESS, 0, nice));
    void *p = qc_try_malloc(8u << 20);
    CHECK(p != NULL);
    qc_free(p);
    CHECK(snprintf(buf, sizeof buf, "%d", 7) == 1 && fprintf(stderr, "%s", "") == 0);
    /* errno of what is refused is one that code expects. */
    CHECK(open("/etc/hosts", O_RDONLY) < 0 && (errno == EPERM || errno == EACCES));
    struct rlimit lim;
    CHECK(!getrlimit(RLIMIT_NOFILE, &lim) && lim.rlim_max == 512);
    signal(SIGUSR1, SIG_IGN);
    CHECK(raise(SIGUSR1) == 0);
    return 0;
}

static void test_seal__leaves_what_a_loop_needs(void **state)
{
    (void)state;
    int got = in_child(run_loop, NULL);
    if (got == ABSENT)
        skip();
    assert_int_equal(got, 0);
}

static bool same_network(ino_t *as)
{
    struct stat st;
    ino_t before = *as;
    return !stat("/proc/self/ns/net", &st) && (*as = st.st_ino) == before;
}

/* What was left while it waited is told as held, and the rest goes on from there. */
static int run_prepared(const void *arg)
{
    (void)arg;
    qc_sandbox_report ahead, r;
    qc_sandbox_options o = options();
    const uint32_t net = 1u << QC_LAYER_NET_NS, ipc = 1u << QC_LAYER_IPC_NS;
    ino_t network = 0;
    (void)same_network(&network);
    CHECK(!qc_sandbox_prepare(&ahead));
    if (!(ahead.held & net))
        return ABSENT;
    CHECK(ahead.held & ipc && !same_network(&network));
    o.prepared = &ahead;
    qc_err err = qc_sandbox_enter(&o, &r);
    if (err && !(r.held & 1u << QC_LAYER_LANDLOCK))
        return ABSENT;
    CHECK(!err && r.held & net && r.held & ipc && r.held & 1u << QC_LAYER_UTS_NS);
    CHECK(r.held & 1u << QC_LAYER_USER_NS && r.held & 1u << QC_LAYER_MOUNT_NS);
    CHECK(!qc_sandbox_seal(&o, &r) && open("/proc/self/ns/net", O_RDONLY) < 0);
    return 0;
}

static void test_prepare__leaves_what_every_plugin_leaves(void **state)
{
    (void)state;
    int got = in_child(run_prepared, NULL);
    if (got == ABSENT)
        skip();
    assert_int_equal(got, 0);
}

static void wait_for_end(void *arg)
{
    (void)arg;
    sleep(30);
}

static int run_with_thread(const void *arg)
{
    qc_sandbox_report r;
    qc_sandbox_options o = options();
    qc_thread *t;
    const bool before = arg != NULL;
    o.threads = 4;
    if (before)
        CHECK(!qc_thread_start(&t, "x", wait_for_end, NULL));
    qc_err err = qc_sandbox_enter(&o, &r);
    if (before)
        return err == QC_EBUSY ? 0 : 1;
    if (err)
        return ABSENT;
    /* As a constructor would: first refused; then it lifts its own limit. */
    CHECK(qc_thread_start(&t, "x", wait_for_end, NULL));
    CHECK(!qc_privs_allow_tasks() && !qc_thread_start(&t, "x", wait_for_end, NULL));
    CHECK(qc_sandbox_seal(&o, &r) == QC_EBUSY);
    return 0;
}

static void test_enter_and_seal__refuse_a_second_thread(void **state)
{
    (void)state;
    assert_int_equal(in_child(run_with_thread, "before"), 0);
    int got = in_child(run_with_thread, NULL);
    if (got == ABSENT)
        skip();
    assert_int_equal(got, 0);
}

static int run_as_root(const void *arg)
{
    qc_sandbox_report r;
    qc_sandbox_options o = options();
    o.uid = arg ? 0 : USER;
    o.gid = arg ? USER : 0;
    o.best_effort = arg != NULL;
    CHECK(qc_sandbox_enter(&o, &r) != QC_OK);
    CHECK(!(r.held & 1u << QC_LAYER_UID) && strstr(r.missing, "user: "));
    return 0;
}

static void test_enter__never_goes_on_as_root(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(in_child(run_as_root, NULL), 0);
    assert_int_equal(in_child(run_as_root, "best effort"), 0);
}

static int run_old_landlock(const void *arg)
{
    qc_sandbox_report r;
    qc_sandbox_options o = options();
    o.landlock_abi = 1;
    o.best_effort = arg != NULL;
    qc_err err = qc_sandbox_enter(&o, &r);
    CHECK(err == (o.best_effort ? QC_OK : QC_EUNSUPPORTED));
    CHECK(!(r.held & 1u << QC_LAYER_LANDLOCK) && strstr(r.missing, "landlock: "));
    CHECK(open("/etc/passwd", O_RDONLY) < 0); /* what there is still holds */
    CHECK(err || (!qc_sandbox_seal(&o, &r) && !(r.held & 1u << QC_LAYER_LANDLOCK)));
    return 0;
}

static void test_enter__requires_the_second_abi_of_landlock(void **state)
{
    (void)state;
    if (qc_landlock_abi() < 2)
        skip();
    assert_int_equal(in_child(run_old_landlock, NULL), 0);
    assert_int_equal(in_child(run_old_landlock, "best effort"), 0);
}

/* arg: the ABI of Landlock. */
static int run_scopes(const void *arg)
{
    const unsigned *abi = arg;
    qc_sandbox_report r;
    qc_sandbox_options o = options();
    o.landlock_abi = *abi;
    if (qc_sandbox_enter(&o, &r))
        return ABSENT;
    for (int step = 0; step < 2; step++) {
        CHECK(!(r.held & 1u << QC_LAYER_SCOPES) == (*abi < 6));
        CHECK(!strstr(r.missing, "scopes: ") == (*abi >= 6));
        CHECK(step || !qc_sandbox_seal(&o, &r));
    }
    return 0;
}

static void test_enter__says_whether_the_scopes_of_landlock_hold(void **state)
{
    (void)state;
    for (unsigned abi = 5; abi <= 6 && abi <= qc_landlock_abi(); abi++) {
        int got = in_child(run_scopes, &abi);
        if (got == ABSENT)
            skip();
        assert_int_equal(got, 0);
    }
}

static int run_keeping(const void *arg)
{
    (void)arg;
    qc_sandbox_report r;
    qc_sandbox_options o = options();
    const int keep[] = {20, 9, 11};
    o.keep = keep;
    o.n_keep = QC_COUNTOF(keep);
    for (int fd = 3; fd < 30; fd++)
        CHECK(dup2(2, fd) == fd);
    if (qc_sandbox_enter(&o, &r))
        return ABSENT;
    for (int fd = 0; fd < 40; fd++)
        CHECK((fcntl(fd, F_GETFD) >= 0) == (fd < 3 || fd == 9 || fd == 11 || fd == 20));
    struct stat st;
    CHECK(umask(0) == 077 && fstat(9, &st) == 0);
    return 0;
}

static void test_enter__closes_what_is_not_kept(void **state)
{
    (void)state;
    int got = in_child(run_keeping, NULL);
    if (got == ABSENT)
        skip();
    assert_int_equal(got, 0);
}

static int run_faults(const void *arg)
{
    qc_sandbox_report r;
    qc_sandbox_options o = options();
    fault_arm(*(const unsigned *)arg);
    qc_err err = qc_sandbox_enter(&o, &r);
    if (!err)
        err = qc_sandbox_seal(&o, &r);
    const bool hit = fault_was_hit();
    fault_arm(0);
    if (!hit)
        return ABSENT;
    /* Either a layer that is no more than a bonus is missing and said to be, or it failed. */
    CHECK(err || r.missing[0]);
    return 0;
}

static void test_enter_and_seal__survive_each_fault(void **state)
{
    (void)state;
    unsigned n = 0;
    int got = 0;
    while (got == 0 && n++ < 100)
        got = in_child(run_faults, &n);
    assert_int_equal(got, ABSENT);
    assert_true(n > 8);
}

static void test_layers__each_has_a_name_and_a_meaning(void **state)
{
    (void)state;
    for (int l = 0; l < QC_LAYER_COUNT; l++) {
        assert_true(strlen(qc_layer_name((qc_layer)l)) > 3);
        assert_true(strlen(qc_layer_meaning((qc_layer)l)) > 10);
        assert_int_equal(qc_layer_is_required((qc_layer)l), l <= QC_LAYER_SECCOMP);
    }
}

QC_TEST_MAIN(cmocka_unit_test(test_seal__leaves_a_store_that_works),
             cmocka_unit_test(test_seal__leaves_what_a_loop_needs),
             cmocka_unit_test(test_enter_and_seal__refuse_a_second_thread),
             cmocka_unit_test(test_prepare__leaves_what_every_plugin_leaves),
             cmocka_unit_test(test_enter__never_goes_on_as_root),
             cmocka_unit_test(test_enter__requires_the_second_abi_of_landlock),
             cmocka_unit_test(test_enter__says_whether_the_scopes_of_landlock_hold),
             cmocka_unit_test(test_enter__closes_what_is_not_kept),
             cmocka_unit_test(test_enter_and_seal__survive_each_fault),
             cmocka_unit_test(test_layers__each_has_a_name_and_a_meaning))
