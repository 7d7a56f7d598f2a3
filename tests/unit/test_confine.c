/* Landlock, privileges and namespaces, each in a child that gives up its rights. */
#include "core/os/landlock.h"
#include "tests/unit/harness.h"

#include "core/base/bytes.h"
#include "core/os/file.h"
#include "core/os/namespaces.h"
#include "core/os/privs.h"
#include "core/os/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Run fn(arg) in a child; its value is the line of the first thing that was not as it should be. */
static int in_child(int (*fn)(const void *arg), const void *arg)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn(arg));
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x))                                                                                  \
            return __LINE__ % 250 + 1;                                                             \
    } while (0)

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    qc_os_close(fd);
    return fd >= 0;
}

typedef struct folders {
    unsigned abi;
    const char *read, *own, *other;
} folders;

static int check_landlock(const void *arg)
{
    const folders *f = arg;
    char path[3][512], made[512];
    snprintf(path[0], sizeof path[0], "%s/f", f->read);
    snprintf(path[1], sizeof path[1], "%s/f", f->own);
    snprintf(path[2], sizeof path[2], "%s/f", f->other);
    snprintf(made, sizeof made, "%s/new", f->own);
    for (int i = 0; i < 3; i++)
        CHECK(opens(path[i], O_RDWR | O_CREAT));
    int fd;
    CHECK(!qc_landlock_new(f->abi, &fd) && !qc_privs_no_new());
    CHECK(qc_landlock_allow(fd, f->abi, "/nowhere", QC_LANDLOCK_READ) == QC_ENOENT);
    CHECK(!qc_landlock_allow(fd, f->abi, f->read, QC_LANDLOCK_READ));
    CHECK(!qc_landlock_allow(fd, f->abi, f->own, QC_LANDLOCK_OWN));
    CHECK(!qc_landlock_enforce(fd));
    CHECK(opens(path[0], O_RDONLY) && !opens(path[0], O_WRONLY) && !opens(f->read, O_RDONLY));
    CHECK(opens(path[1], O_RDWR) && opens(f->own, O_RDONLY) && opens(made, O_RDWR | O_CREAT));
    CHECK(rename(made, path[1]) == 0 && unlink(path[1]) == 0 && symlink("f", made) != 0);
    CHECK(!opens(path[2], O_RDONLY) && !opens(path[2], O_WRONLY) && unlink(path[2]) != 0);
    CHECK(rename(path[2], made) != 0 && link(path[2], made) != 0);
    if (f->abi >= 3)
        CHECK(truncate(path[2], 0) != 0 && truncate(path[0], 0) != 0);
    return 0;
}

static void test_landlock__gives_what_its_rules_say_at_every_abi(void **state)
{
    (void)state;
    const unsigned newest = qc_landlock_abi();
    if (newest < 2) {
        print_message("no Landlock here\n");
        skip();
    }
    for (unsigned abi = 2; abi <= newest; abi++) {
        const folders f = {abi, tmp_mkdir(), tmp_mkdir(), tmp_mkdir()};
        assert_int_equal(in_child(check_landlock, &f), 0);
    }
}

typedef struct scopes {
    unsigned abi;
    bool online;
    pid_t outside;
    struct sockaddr_un name; /* of an abstract socket outside */
    socklen_t len;
} scopes;

static bool connects(const struct sockaddr_un *name, socklen_t len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (const void *)name, len) == 0;
    int e = errno;
    qc_os_close(fd);
    errno = e;
    return ok;
}

/* Listen on a name that the kernel chooses. */
static int listens(struct sockaddr_un *name, socklen_t *len)
{
    const struct sockaddr_un none = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *len = sizeof *name;
    if (fd >= 0 && (bind(fd, (const void *)&none, sizeof none.sun_family) || listen(fd, 100) ||
                    getsockname(fd, (void *)name, len))) {
        qc_os_close(fd);
        fd = -1;
    }
    return fd;
}

static int check_scopes(const void *arg)
{
    const scopes *s = arg;
    const bool scoped = s->abi >= 6;
    struct sockaddr_un own;
    socklen_t len;
    int fd;
    CHECK(kill(s->outside, 0) == 0 && connects(&s->name, s->len)); /* it could, before */
    CHECK(!(s->online ? qc_landlock_new_online(s->abi, &fd) : qc_landlock_new(s->abi, &fd)));
    CHECK(!qc_privs_no_new() && !qc_landlock_enforce(fd));
    qc_os_close(fd);
    errno = 0;
    CHECK((kill(s->outside, 0) == 0) == !scoped && (!scoped || errno == EPERM));
    CHECK(connects(&s->name, s->len) == !scoped && (!scoped || errno == EPERM));
    CHECK(kill(getpid(), 0) == 0); /* what is inside stays in reach */
    fd = listens(&own, &len);
    CHECK(fd >= 0 && connects(&own, len));
    return 0;
}

static void test_landlock__keeps_signals_and_abstract_sockets_inside_from_abi_6_on(void **state)
{
    (void)state;
    const unsigned newest = qc_landlock_abi();
    scopes s = {.outside = getpid()};
    int fd = listens(&s.name, &s.len);
    assert_true(fd >= 0);
    if (newest < 6)
        print_message("Landlock of ABI %u here: no scopes\n", newest);
    for (s.abi = 1; s.abi <= newest; s.abi++)
        for (int online = 0; online < 2; online++) {
            s.online = online;
            assert_int_equal(in_child(check_scopes, &s), 0);
        }
    qc_os_close(fd);
    if (newest < 6)
        skip();
}

static int check_faults(const void *arg)
{
    const char *dir = arg;
    unsigned runs;
    int fd = -1;
    CHECK(qc_landlock_new(0, &fd) == QC_EUNSUPPORTED && fd == -1 && !qc_privs_no_new());
    FOR_EACH_FAULT (runs) {
        fd = -1;
        qc_err err = qc_landlock_new(2, &fd);
        if (!err)
            err = qc_landlock_allow(fd, 2, dir, QC_LANDLOCK_READ);
        if (!err)
            err = qc_landlock_enforce(fd);
        qc_os_close(fd);
        CHECK(!err == !fault_was_hit());
    }
    CHECK(runs == 4);
    return 0;
}

static void test_landlock__survives_each_fault(void **state)
{
    (void)state;
    if (qc_landlock_abi() < 2)
        skip();
    assert_int_equal(in_child(check_faults, tmp_mkdir()), 0);
}

static int check_limits(const void *arg)
{
    const struct {
        __rlimit_resource_t what;
        rlim_t want;
    } all[] = {{RLIMIT_DATA, 64u << 20}, {RLIMIT_NOFILE, 20}, {RLIMIT_FSIZE, 0},   {RLIMIT_CORE, 0},
               {RLIMIT_MEMLOCK, 0},      {RLIMIT_NICE, 0},    {RLIMIT_MSGQUEUE, 0}};
    const qc_privs_limits l = {
        .data = 64u << 20, .files = 20, .filesize = 0, .tasks = 5, .one_task = true};
    struct rlimit now;
    (void)arg;
    CHECK(!qc_privs_limit(&l));
    for (size_t i = 0; i < QC_COUNTOF(all); i++)
        CHECK(!getrlimit(all[i].what, &now) && now.rlim_cur == all[i].want &&
              now.rlim_max == all[i].want);
    CHECK(!getrlimit(RLIMIT_NPROC, &now) && now.rlim_cur == 1 && now.rlim_max == 5);
    CHECK(!qc_privs_allow_tasks() && !getrlimit(RLIMIT_NPROC, &now) && now.rlim_cur == 5);
    const qc_privs_limits more = {.data = 0, .files = 100, .filesize = 1u << 20};
    CHECK(!qc_privs_limit(&more) && !getrlimit(RLIMIT_NOFILE, &now) && now.rlim_max == 20);
    return 0;
}

static void test_limit__sets_both_values_and_raises_none(void **state)
{
    (void)state;
    assert_int_equal(in_child(check_limits, NULL), 0);
}

static int check_privs(const void *arg)
{
    (void)arg;
    CHECK(geteuid() != 0 || qc_privs_is_admin());
    CHECK(!qc_privs_no_new() && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(!qc_privs_undumpable() && prctl(PR_GET_DUMPABLE) == 0);
    if (geteuid() == 0) {
        CHECK(!qc_privs_become(12345, 12346) && geteuid() == 12345 && getegid() == 12346);
        CHECK(getgroups(0, NULL) == 0 && setuid(0) != 0);
    }
    CHECK(!qc_privs_drop_caps() && !qc_privs_is_admin());
    CHECK(qc_privs_become(0, 0) != QC_OK);
    qc_err err = qc_privs_no_exec_gain();
    CHECK(!err || err == QC_EUNSUPPORTED);
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED && (err || mprotect(p, 4096, PROT_READ | PROT_EXEC) != 0));
    return 0;
}

static void test_privs__are_gone_for_good(void **state)
{
    (void)state;
    assert_int_equal(in_child(check_privs, NULL), 0);
}

static int check_caps_of_root(const void *arg)
{
    (void)arg;
    CHECK(!qc_privs_drop_caps() && !qc_privs_is_admin());
    CHECK(prctl(PR_CAPBSET_READ, 21, 0, 0, 0) == 0 && prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0);
    CHECK(setuid(1) != 0);
    return 0;
}

static void test_drop_caps__leaves_root_without_power(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(in_child(check_caps_of_root, NULL), 0);
}

static void wait_for_word(void *arg)
{
    char c;
    (void)!read(*(int *)arg, &c, 1);
}

static void test_single_thread__sees_a_second_one(void **state)
{
    (void)state;
    int ends[2];
    qc_thread *t;
    assert_int_equal(pipe(ends), 0);
    assert_true(qc_privs_single_thread());
    assert_int_equal(qc_thread_start(&t, "x", wait_for_word, &ends[0]), QC_OK);
    assert_false(qc_privs_single_thread());
    assert_int_equal(write(ends[1], "x", 1), 1);
    qc_thread_join(t);
    close(ends[0]);
    close(ends[1]);
}

static int check_root(const void *arg)
{
    static const char *const keep[] = {"/lib64", "/usr/lib", "/nowhere", NULL};
    struct stat st;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char path[64];
    CHECK(chdir(arg) == 0 && opens("mark", O_RDWR | O_CREAT));
    if (qc_ns_leave(QC_NS_USER) || qc_ns_map_one(uid, gid) || qc_ns_leave(QC_NS_MOUNT))
        return 251; /* not here */
    CHECK(geteuid() == 0 && qc_ns_is_mapped_one());
    int own = memfd_create("x", MFD_CLOEXEC);
    CHECK(own >= 0 && !qc_ns_new_root(keep, true));
    CHECK(opens("mark", O_RDWR) && opens("/store/mark", O_RDWR) && opens("more", O_RDWR | O_CREAT));
    CHECK(stat(arg, &st) != 0 && stat("/etc", &st) != 0 && stat("/tmp", &st) != 0);
    CHECK(stat("../../store/mark", &st) == 0 && stat("/proc/1", &st) != 0);
    CHECK(stat("/usr/lib", &st) == 0 && !opens("/usr/lib/new", O_RDWR | O_CREAT));
    CHECK(!opens("/new", O_RDWR | O_CREAT) && errno == EROFS);
    snprintf(path, sizeof path, "/proc/self/fd/%d", own);
    CHECK(opens(path, O_RDONLY));
    int code = open("mark", O_RDWR | O_CLOEXEC);
    CHECK(write(code, "x", 1) == 1);
    CHECK(mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, code, 0) == MAP_FAILED);
    return 0;
}

static void test_new_root__holds_libraries_and_the_store_alone(void **state)
{
    (void)state;
    int got = in_child(check_root, tmp_mkdir());
    if (got == 251) {
        print_message("no user or mount namespace here\n");
        skip();
    }
    assert_int_equal(got, 0);
    assert_false(qc_ns_is_mapped_one());
}

QC_TEST_MAIN(
    cmocka_unit_test(test_landlock__gives_what_its_rules_say_at_every_abi),
    cmocka_unit_test(test_landlock__keeps_signals_and_abstract_sockets_inside_from_abi_6_on),
    cmocka_unit_test(test_landlock__survives_each_fault),
    cmocka_unit_test(test_limit__sets_both_values_and_raises_none),
    cmocka_unit_test(test_privs__are_gone_for_good),
    cmocka_unit_test(test_drop_caps__leaves_root_without_power),
    cmocka_unit_test(test_single_thread__sees_a_second_one),
    cmocka_unit_test(test_new_root__holds_libraries_and_the_store_alone))
