#include "core/os/process.h"

#include "core/base/arith.h"
#include "core/os/namespaces.h"
#include "core/os/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif
#define STACK_LEN (64u << 10)
/* Sanitizers keep notes of frames in memory that the parent goes on to use. */
#define PLAIN __attribute__((no_sanitize("address", "thread", "undefined")))

/* The thread sanitizer takes clone() for fork(), and in what it takes for the child, which shares
 * our memory, turns itself off for good: it would miss races of this thread and tell of false ones.
 * It does not know the C library's other name for it. */
#if defined(__SANITIZE_THREAD__)
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

typedef struct start {
    int (*child)(void *);
    void *arg;
    uid_t uid;
    gid_t gid;
    bool map;              /* a user namespace: give it its one user */
    volatile bool refused; /* set by the child: it could not be had after all */
} start;

PLAIN static void default_signals(void)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            sigaction(s, &dfl, NULL);
}

PLAIN static int run(void *arg)
{
    start *s = arg;
    default_signals();
    /* A namespace that may not be furnished is as good as refused. */
    if (s->map && qc_ns_map_one(s->uid, s->gid)) {
        s->refused = true;
        return 127;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return s->child(s->arg);
}

/* Returns the pid, or -1 with errno. */
static pid_t clone_one(start *s, int namespaces, char *stack, int *pidfd)
{
    s->map = (namespaces & CLONE_NEWUSER) != 0;
    s->refused = false;
    pid_t pid = clone(run, stack + STACK_LEN,
                      CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | namespaces, s, pidfd);
    if (pid < 0 || !s->refused)
        return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(*pidfd);
    errno = EPERM;
    return -1;
}

qc_err qc_process_start(int (*child)(void *), void *arg, pid_t *pid, int *pidfd)
{
    if (qc_sys_fault())
        return QC_EIO;
    char *stack = mmap(NULL, STACK_LEN, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return QC_ENOMEM;
    start s = {.child = child, .arg = arg, .uid = geteuid(), .gid = getegid()};
    sigset_t all, old;
    sigfillset(&all);
    /* A handler of ours must not run in the child. */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int fd = -1;
    bool root = s.uid == 0 && !qc_ns_is_mapped_one();
    pid_t got = clone_one(&s, root ? CLONE_NEWPID : CLONE_NEWPID | CLONE_NEWUSER, stack, &fd);
    if (got < 0)
        got = clone_one(&s, 0, stack, &fd);
    int e = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    munmap(stack, STACK_LEN);
    errno = e;
    if (got < 0)
        return e == EAGAIN ? QC_EBUSY : qc_sys_err();
    *pid = got;
    *pidfd = fd;
    return QC_OK;
}

/* The C library's calls would tell the thread sanitizer of descriptors, and it takes those of the
 * child, which has a table of its own, for ours. */
PLAIN static int copied(int fd)
{
    return (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 10);
}

/* `fd` as `to`, to stay open. */
PLAIN static bool put_at(int fd, int to)
{
    return fd == to ? syscall(SYS_fcntl, fd, F_SETFD, 0) == 0 : syscall(SYS_dup3, fd, to, 0) == to;
}

PLAIN void qc_process_exec(int program, const char *name, int fd)
{
    char *argv[] = {(char *)(uintptr_t)name, NULL}, *env[] = {NULL};
    sigset_t none;
    setsid();
    /* Out of the way of the numbers that are about to be taken. */
    int prog = copied(program), sock = copied(fd);
    int null = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    if (prog < 0 || sock < 0 || null < 0)
        return;
    for (int i = 0; i <= 2; i++)
        if (!put_at(null, i))
            return;
    if (!put_at(sock, 3) || syscall(SYS_close_range, 4u, ~0u, CLOSE_RANGE_CLOEXEC))
        return;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    syscall(SYS_execveat, prog, "", argv, env, AT_EMPTY_PATH);
}

/* The text of /proc/PID/`name`. */
static bool read_record(pid_t pid, const char *name, char *text, size_t cap)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, cap - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

bool qc_os_process_usage(pid_t pid, uint64_t *cpu_ms, uint64_t *rss_bytes)
{
    char text[1024];
    unsigned long long user, system;
    long long rss;
    if (!read_record(pid, "stat", text, sizeof text))
        return false;
    /* Behind the name, which may hold anything: fields 3 on; 14 and 15 are ticks, 24 pages. */
    const char *p = strrchr(text, ')');
    if (!p || sscanf(p + 1,
                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d "
                     "%*d %*u %*u %lld",
                     &user, &system, &rss) != 3)
        return false;
    *cpu_ms = (user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
    *rss_bytes = (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

bool qc_os_process_ran(pid_t pid, int64_t *ns)
{
    clockid_t id;
    struct timespec t;
    if (clock_getcpuclockid(pid, &id) || clock_gettime(id, &t))
        return false;
    *ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    return true;
}

/* The kernel counts classes by thread; pid 0 would be ourselves. */
static qc_yields thread_yields(const char *name)
{
    const struct sched_param none = {0};
    pid_t tid = (pid_t)strtol(name, NULL, 10);
    if (tid <= 0 || sched_getscheduler(tid) == SCHED_IDLE)
        return QC_YIELDS;
    if (sched_setscheduler(tid, SCHED_IDLE, &none) == 0)
        return QC_YIELDS_NOW;
    return errno == ESRCH ? QC_YIELDS
                          : QC_YIELDS_NOT; /* it has ended; or it is not ours to change */
}

qc_yields qc_os_process_yields(pid_t pid)
{
    char path[64];
    qc_yields all = QC_YIELDS;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *d = opendir(path);
    if (!d) { /* no /proc: its first thread at least */
        snprintf(path, sizeof path, "%d", (int)pid);
        return thread_yields(path);
    }
    for (struct dirent *e; (e = readdir(d));) { /* "." and ".." are no numbers */
        qc_yields one = thread_yields(e->d_name);
        all = QC_MAX(all, one);
    }
    closedir(d);
    return all;
}

bool qc_os_may_change_class(void)
{
    char line[128];
    unsigned long long caps = ~0ULL;
    if (geteuid() != 0) /* then who is asked for runs as we do */
        return true;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "CapEff: %llx", &caps) == 1)
            break;
    if (f)
        fclose(f);
    return caps >> CAP_SYS_NICE & 1;
}

bool qc_os_process_waited(pid_t pid, int64_t *ns)
{
    char text[128];
    long long waited;
    if (!read_record(pid, "schedstat", text, sizeof text) ||
        sscanf(text, "%*u %lld", &waited) != 1 || waited < 0)
        return false;
    *ns = waited;
    return true;
}
