/* This program is its own runner: a constructor takes over when it was started as one. */
#include "core/host/spawn.h"
#include "tests/unit/harness.h"

#include "core/os/file.h"
#include "core/os/namespaces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#define TRAP SIGILL
#else
#define TRAP SIGTRAP
#endif

extern char **environ;

typedef struct tale { /* what the child finds */
    int first, descriptors, null, variables, blocked, ignored, deathsig, session;
} tale;

static int count_descriptors(void)
{
    int n = -1; /* the one that counts */
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static void tell(void)
{
    tale t = {.first = qc_ns_is_first(), .descriptors = count_descriptors()};
    struct stat st;
    sigset_t mask;
    struct sigaction sa;
    for (int i = 0; i <= 2; i++)
        t.null += fstat(i, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0x103;
    for (char **e = environ; e && *e; e++)
        t.variables++;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int s = 1; s < NSIG; s++) {
        t.blocked += sigismember(&mask, s) == 1;
        t.ignored += sigaction(s, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
    }
    prctl(PR_GET_PDEATHSIG, &t.deathsig);
    t.session = getsid(0) == getpid();
    (void)!write(3, &t, sizeof t);
}

__attribute__((constructor)) static void be_the_runner(void)
{
    char word;
    static const char name[] = "quoin-runner"; /* with room for a title behind it */
    if (strncmp(program_invocation_name, name, sizeof name - 1) != 0)
        return;
    while (read(3, &word, 1) == 1) {
        if (word == 't')
            tell();
        else if (word == 's')
            __builtin_trap(); /* a real fault: a signal that it sent itself would do nothing to the
                                 first of a pid namespace */
        else
            _exit(word);
    }
    _exit(9);
}

static int self(void)
{
    int fd;
    assert_int_equal(qc_os_open_ro(&fd, "/proc/self/exe"), QC_OK);
    return fd;
}

static void say(const qc_child *c, char word)
{
    assert_int_equal(send(c->socket, &word, 1, 0), 1);
}

static int await(qc_child *c)
{
    struct pollfd p = {c->pidfd, POLLIN, 0};
    int status = -1;
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_true(qc_child_reap(c, &status));
    return status;
}

static void end_is(qc_child *c, const char *want)
{
    char text[64];
    qc_child_status_text(await(c), text, sizeof text);
    assert_string_equal(text, want);
    qc_child_clear(c);
}

static void test_start__gives_an_empty_world(void **state)
{
    (void)state;
    int exe = self(), extra = dup(exe); /* inherited by fork and exec alone */
    qc_child c;
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    signal(SIGPIPE, SIG_IGN);
    setenv("SECRET", "x", 1);
    assert_int_equal(qc_child_start(exe, &c), QC_OK);
    assert_true(fcntl(c.socket, F_GETFL) & O_NONBLOCK);
    say(&c, 't');
    tale t = {0};
    struct pollfd p = {c.socket, POLLIN, 0};
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_int_equal(recv(c.socket, &t, sizeof t, 0), sizeof t);
    assert_int_equal(t.descriptors, 4);
    assert_int_equal(t.null, 3);
    assert_int_equal(t.variables, 0);
    assert_int_equal(t.blocked, 0);
    assert_int_equal(t.ignored, 0);
    assert_int_equal(t.deathsig, SIGKILL);
    assert_true(t.session);
    int status;
    assert_false(qc_child_reap(&c, &status));
    say(&c, 7);
    end_is(&c, "exit status 7");
    /* The mask of ours came back. */
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    assert_true(sigismember(&now, SIGUSR1) && !sigismember(&now, SIGTERM));
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    close(exe);
    close(extra);
}

static void test_status_text__tells_how_it_ended(void **state)
{
    (void)state;
    int exe = self();
    qc_child c;
    assert_int_equal(qc_child_start(exe, &c), QC_OK);
    say(&c, 's');
    char fault[64];
    snprintf(fault, sizeof fault, "killed by signal %d (%s)", TRAP, sigdescr_np(TRAP));
    end_is(&c, fault);
    assert_int_equal(qc_child_start(exe, &c), QC_OK);
    qc_child_kill(&c);
    end_is(&c, "killed by signal 9 (Killed)");
    assert_int_equal(qc_child_start(exe, &c), QC_OK);
    say(&c, (char)QC_CHILD_ABORTED);
    end_is(&c, "aborted");
    char text[64];
    qc_child_status_text(SIGSYS, text, sizeof text);
    assert_string_equal(text, "killed: forbidden system call");
    close(exe);
}

static void test_child__ends_when_the_socket_does(void **state)
{
    (void)state;
    int exe = self();
    qc_child c;
    assert_int_equal(qc_child_start(exe, &c), QC_OK);
    qc_os_close(c.socket);
    c.socket = -1;
    end_is(&c, "exit status 9");
    qc_child_kill(&c); /* of nothing: harmless */
    qc_child_clear(&c);
    close(exe);
}

static void test_start__of_what_is_no_program_fails(void **state)
{
    (void)state;
    int fd;
    qc_child c = QC_CHILD_INIT;
    assert_int_equal(qc_os_open_ro(&fd, tmp_write("nothing", 7)), QC_OK);
    assert_int_equal(qc_child_start(fd, &c), QC_EIO);
    assert_int_equal(errno, EACCES);
    assert_int_equal(c.pid, -1);
    close(fd);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
}

static void test_start__survives_each_fault(void **state)
{
    (void)state;
    int exe = self();
    unsigned runs;
    FOR_EACH_FAULT (runs) {
        qc_child c = QC_CHILD_INIT;
        qc_err err = qc_child_start(exe, &c);
        assert_int_equal(!err, !fault_was_hit());
        if (!err) {
            qc_child_kill(&c);
            await(&c);
        }
        qc_child_clear(&c);
    }
    assert_true(runs >= 3);
    close(exe);
}

QC_TEST_MAIN(cmocka_unit_test(test_start__gives_an_empty_world),
             cmocka_unit_test(test_status_text__tells_how_it_ended),
             cmocka_unit_test(test_child__ends_when_the_socket_does),
             cmocka_unit_test(test_start__of_what_is_no_program_fails),
             cmocka_unit_test(test_start__survives_each_fault))
