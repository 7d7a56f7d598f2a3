/* The node's process, other processes, and more of one's own. */
#include "tests/hostile/attacks/attack.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int vm_read(const attack_params *p)
{
    uint64_t got = 0;
    struct iovec mine = {&got, sizeof got}, its = {(void *)(uintptr_t)p->secret_at, sizeof got};
    if (process_vm_readv(p->host, &mine, 1, &its, 1, 0) != sizeof got)
        return errno;
    return got == p->secret ? 0 : EINVAL;
}

static int vm_write(const attack_params *p)
{
    uint64_t value = 1;
    struct iovec mine = {&value, sizeof value},
                 its = {(void *)(uintptr_t)p->scratch_at, sizeof value};
    return process_vm_writev(p->host, &mine, 1, &its, 1, 0) == sizeof value ? 0 : errno;
}

static int open_proc(const attack_params *p, const char *name, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", p->host, name);
    return open(path, flags);
}

static int proc_mem(const attack_params *p)
{
    uint64_t got = 0;
    int fd = open_proc(p, "mem", O_RDONLY);
    if (fd < 0 || pread(fd, &got, sizeof got, (off_t)p->secret_at) != sizeof got)
        return errno;
    return got == p->secret ? 0 : EINVAL;
}

static int proc_environ(const attack_params *p)
{
    char c;
    int fd = open_proc(p, "environ", O_RDONLY);
    return fd >= 0 && read(fd, &c, 1) >= 0 ? 0 : errno;
}

static int proc_cwd(const attack_params *p)
{
    return GOT(open_proc(p, "cwd/.", O_RDONLY));
}

static int ptrace_seize(const attack_params *p)
{
    if (ptrace(PTRACE_SEIZE, p->host, NULL, NULL))
        return errno;
    ptrace(PTRACE_DETACH, p->host, NULL, NULL);
    return 0;
}

static int pidfd(const attack_params *p)
{
    return GOT(syscall(SYS_pidfd_open, p->host, 0));
}

static int kcmp_host(const attack_params *p)
{
    return GOT(syscall(SYS_kcmp, p->host, p->host, 0, 0, 0));
}

/* SIGURG does nothing to a process that did not ask for it. */
static int kill_host(const attack_params *p)
{
    return GOT(kill(p->host, SIGURG));
}

static int kill_all(const attack_params *p)
{
    (void)p;
    return GOT(kill(-1, 0));
}

static int kill_group(const attack_params *p)
{
    (void)p;
    return GOT(kill(0, SIGURG));
}

static int tgkill_host(const attack_params *p)
{
    return GOT(syscall(SYS_tgkill, p->host, p->host, SIGURG));
}

static int tkill_host(const attack_params *p)
{
    return GOT(syscall(SYS_tkill, p->host, SIGURG));
}

static int sigqueue_host(const attack_params *p)
{
    const union sigval none = {0};
    return GOT(sigqueue(p->host, SIGURG, none));
}

/* Signals of input would then be sent to the node. */
static int signal_owner(const attack_params *p)
{
    return GOT(fcntl(FD_SOCKET, F_SETOWN, p->host));
}

static int prlimit_host(const attack_params *p)
{
    struct rlimit now;
    if (prlimit(p->host, RLIMIT_NOFILE, NULL, &now))
        return errno;
    return GOT(prlimit(p->host, RLIMIT_NOFILE, &now, NULL));
}

/* To what it has already: the tests may run at any. */
static int setpriority_host(const attack_params *p)
{
    errno = 0;
    int now = getpriority(PRIO_PROCESS, (id_t)p->host);
    return errno ? errno : GOT(setpriority(PRIO_PROCESS, (id_t)p->host, now));
}

static int setpriority_user(const attack_params *p)
{
    (void)p;
    return GOT(setpriority(PRIO_USER, 0, getpriority(PRIO_PROCESS, 0)));
}

static int affinity_host(const attack_params *p)
{
    cpu_set_t set;
    if (sched_getaffinity(p->host, sizeof set, &set))
        return errno;
    return GOT(sched_setaffinity(p->host, sizeof set, &set));
}

static int scheduler_host(const attack_params *p)
{
    const struct sched_param none = {0};
    return GOT(sched_setscheduler(p->host, SCHED_OTHER, &none));
}

static int ioprio_host(const attack_params *p)
{
    return GOT(syscall(SYS_ioprio_set, 1, p->host, 2 << 13 | 4));
}

/* As SCHED_IDLE it has the idle class of disks too, unless it may say otherwise. */
static int ioprio_own(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 4));
}

/* The class that the node gave it is not to be left. */
static int raise_priority(const attack_params *p)
{
    (void)p;
    return GOT(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - 1));
}

static int fork_self(const attack_params *p)
{
    (void)p;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : errno;
}

static int vfork_self(const attack_params *p)
{
    (void)p;
    pid_t pid = vfork();
    if (pid == 0)
        _exit(0);
    return pid > 0 ? 0 : errno;
}

static int clone3_self(const attack_params *p)
{
    uint64_t args[8] = {0, 0, 0, 0, SIGCHLD, 0, 0, 0};
    (void)p;
    long pid = syscall(SYS_clone3, args, sizeof args);
    if (pid == 0)
        _exit(0);
    return GOT(pid);
}

/* What works never returns: exit status 0. */
static int exec_program(const attack_params *p)
{
    char *none[] = {NULL};
    (void)p;
    return GOT(execve("/bin/true", none, none));
}

static int exec_memory(const attack_params *p)
{
    char *none[] = {NULL};
    (void)p;
    syscall(SYS_execveat, FD_IMAGE, "", none, none, AT_EMPTY_PATH);
    return errno;
}

static int spawn_program(const attack_params *p)
{
    char *argv[] = {(char *)(uintptr_t) "true", NULL};
    pid_t pid;
    (void)p;
    return posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ);
}

static void *idle(void *arg)
{
    return arg;
}

static void *wait_long(void *arg)
{
    sleep(60);
    return arg;
}

static int thread(const attack_params *p)
{
    pthread_t t;
    (void)p;
    int e = pthread_create(&t, NULL, idle, NULL);
    return e ? e : pthread_join(t, NULL);
}

static int thread_bomb(const attack_params *p)
{
    pthread_t t;
    (void)p;
    for (int i = 0; i < 200; i++) {
        int e = pthread_create(&t, NULL, wait_long, NULL);
        if (e)
            return e;
    }
    return 0;
}

static int environment(const attack_params *p)
{
    (void)p;
    return environ && *environ ? 0 : ENOENT;
}

static int inherited(const attack_params *p)
{
    for (int fd = p->store && p->bare ? FD_STORE + 1 : FD_STORE; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) != -1)
            return 0;
    return ENOENT;
}

static int become_dumpable(const attack_params *p)
{
    (void)p;
    return GOT(prctl(PR_SET_DUMPABLE, 1));
}

static int outlive_host(const attack_params *p)
{
    (void)p;
    return GOT(prctl(PR_SET_PDEATHSIG, 0));
}

static int new_session(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_setsid)) == EPERM ? GOT(setpgid(0, 0)) : 0;
}

static int become_root(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_setresuid, 0, 0, 0));
}

static int abort_self(const attack_params *p)
{
    (void)p;
    abort();
}

const attack ATTACKS_ON_PROCESSES[] = {{"vm-read", vm_read, 0, 0},
                                       {"vm-write", vm_write, 0, 0},
                                       {"proc-mem", proc_mem, 0, 0},
                                       {"proc-environ", proc_environ, 0, 0},
                                       {"proc-cwd", proc_cwd, 0, 0},
                                       {"ptrace", ptrace_seize, 0, 0},
                                       {"pidfd", pidfd, 0, 0},
                                       {"kcmp", kcmp_host, 0, 0},
                                       {"kill", kill_host, 0, 0},
                                       {"kill-all", kill_all, 0, 0},
                                       {"kill-group", kill_group, 0, 0},
                                       {"tgkill", tgkill_host, 0, 0},
                                       {"tkill", tkill_host, 0, 0},
                                       {"sigqueue", sigqueue_host, 0, 0},
                                       {"signal-owner", signal_owner, 0, 0},
                                       {"prlimit", prlimit_host, 0, 0},
                                       {"setpriority", setpriority_host, 0, 0},
                                       {"setpriority-user", setpriority_user, 0, 0},
                                       {"affinity", affinity_host, 0, 0},
                                       {"scheduler", scheduler_host, 0, 0},
                                       {"ioprio", ioprio_host, 0, 0},
                                       {"ioprio-own", ioprio_own, 0, 0},
                                       {"raise-priority", raise_priority, 0, 0},
                                       {"fork", fork_self, 0, 0},
                                       {"vfork", vfork_self, 0, 0},
                                       {"clone3", clone3_self, 0, 0},
                                       {"exec", exec_program, 0, 0},
                                       {"exec-memory", exec_memory, 0, 0},
                                       {"spawn", spawn_program, 0, 0},
                                       {"thread", thread, 0, 0},
                                       {"thread-granted", thread, 0, 2},
                                       {"thread-bomb", thread_bomb, 0, 2},
                                       {"environment", environment, 0, 0},
                                       {"inherited", inherited, 1, 0},
                                       {"dumpable", become_dumpable, 0, 0},
                                       {"outlive", outlive_host, 0, 0},
                                       {"session", new_session, 0, 0},
                                       {"become-root", become_root, 0, 0},
                                       {"abort", abort_self, 0, 0},
                                       {NULL, NULL, 0, 0}};
