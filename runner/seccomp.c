/* The system calls of a plugin's process: a list of what is allowed. Calls that no plugin needs and
 * an exploit does are answered with the end of the process, which the node sees; calls newer than
 * this list with ENOSYS, on which the C library falls back to older ones; all others with EPERM.
 *
 * A filter sees numbers, not what a pointer points to: where a path would decide, Landlock does. */
#include "runner/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IOPRIO_WHO_PROCESS
#define IOPRIO_WHO_PROCESS 1
#endif
#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

/* A call under its condition: no condition, or one argument (from 0) masked and compared. */
#define ANY(call)                                                                                  \
    {                                                                                              \
        SCMP_SYS(call), -1, 0, 0                                                                   \
    }
#define IF(call, arg, mask, value)                                                                 \
    {                                                                                              \
        SCMP_SYS(call), arg, mask, value                                                           \
    }
#define IS(call, arg, value) IF(call, arg, 0xffffffffu, value)
typedef struct rule {
    int call, arg;
    uint64_t mask, value;
} rule;

static const rule ALWAYS[] = {
    /* what is open */
    ANY(read), ANY(write), ANY(readv), ANY(writev), ANY(pread64), ANY(pwrite64), ANY(preadv),
    ANY(pwritev), ANY(close), ANY(fstat), ANY(lseek), ANY(dup), ANY(recvmsg), ANY(recvfrom),
    ANY(sendmsg), IF(sendto, 4, ~0ull, 0), ANY(shutdown), ANY(getsockname), ANY(getpeername),
    IS(getsockopt, 1, SOL_SOCKET), IS(ioctl, 1, FIONREAD), IS(ioctl, 1, FIONBIO),
    IS(fcntl, 1, F_GETFD), IS(fcntl, 1, F_SETFD), IS(fcntl, 1, F_GETFL), IS(fcntl, 1, F_SETFL),
    IS(fcntl, 1, F_DUPFD), IS(fcntl, 1, F_DUPFD_CLOEXEC), IS(fcntl, 1, F_GET_SEALS),
    /* waiting */
    ANY(poll), ANY(ppoll), ANY(select), ANY(pselect6), ANY(epoll_create1), ANY(epoll_ctl),
    ANY(epoll_wait), ANY(epoll_pwait), ANY(eventfd2), ANY(timerfd_create), ANY(timerfd_settime),
    ANY(timerfd_gettime), ANY(nanosleep), ANY(clock_nanosleep), ANY(restart_syscall), ANY(futex),
    ANY(sched_yield), ANY(sched_getaffinity),
    /* memory; mmap below */
    ANY(munmap), ANY(mremap), ANY(madvise), ANY(msync), ANY(brk), IF(mprotect, 2, PROT_EXEC, 0),
    /* signals: to this process, below */
    ANY(rt_sigaction), ANY(rt_sigprocmask), ANY(rt_sigreturn), ANY(rt_sigpending),
    ANY(rt_sigtimedwait), ANY(rt_sigsuspend), ANY(sigaltstack),
    /* clocks, and what it is */
    ANY(clock_gettime), ANY(clock_getres), ANY(gettimeofday), ANY(time), ANY(times), ANY(getrusage),
    ANY(getpid), ANY(gettid), ANY(getppid), ANY(getuid), ANY(geteuid), ANY(getgid), ANY(getegid),
    ANY(getresuid), ANY(getresgid), ANY(getrlimit), ANY(getcpu), ANY(uname), ANY(sysinfo),
    ANY(getrandom), ANY(umask), IS(prctl, 0, PR_SET_NAME), IS(prctl, 0, PR_GET_NAME),
    /* threads that exist */
    ANY(set_robust_list), ANY(set_tid_address), ANY(rseq), ANY(exit), ANY(exit_group)};

/* Argument 0 is a pid: 0 or our own. (sched_getaffinity, which changes nothing, is free above: the
 * C library asks it about threads.) */
static const int OF_SELF[] = {
    SCMP_SYS(prlimit64),          SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_getparam),    SCMP_SYS(sched_setparam),
    SCMP_SYS(sched_getattr),      SCMP_SYS(sched_setattr),     SCMP_SYS(sched_rr_get_interval)};

/* Argument 0 says what kind of number argument 1 is: a process's, 0 or our own. */
static const struct {
    int call;
    unsigned kind;
} OF_SELF_BY_KIND[] = {{SCMP_SYS(getpriority), 0},
                       {SCMP_SYS(setpriority), 0},
                       {SCMP_SYS(ioprio_get), IOPRIO_WHO_PROCESS}};

/* Allowed in step 1, taken back in step 2. Those of files stay where there is a store. */
static const rule LOADING_FILES[] = {ANY(newfstatat), ANY(access), ANY(getcwd),
                                     IF(openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)};
static const rule LOADING[] = {ANY(readlink),
                               ANY(landlock_create_ruleset),
                               ANY(landlock_add_rule),
                               ANY(landlock_restrict_self),
                               IS(seccomp, 0, 1 /* SECCOMP_SET_MODE_FILTER */),
                               IS(unshare, 0, CLONE_THREAD)};

/* Never a file without a name: whoever measures the folder would not see it. */
static const rule STORE[] = {IF(open, 1, TMPFILE_BIT, 0),
                             IF(openat, 2, TMPFILE_BIT, 0),
                             ANY(newfstatat),
                             ANY(stat),
                             ANY(lstat),
                             ANY(access),
                             ANY(faccessat),
                             ANY(fstatfs),
                             ANY(getcwd),
                             ANY(getdents64),
                             ANY(mkdir),
                             ANY(mkdirat),
                             ANY(rmdir),
                             ANY(unlink),
                             ANY(unlinkat),
                             ANY(rename),
                             ANY(renameat),
                             ANY(renameat2),
                             ANY(ftruncate),
                             ANY(fallocate),
                             ANY(fsync),
                             ANY(fdatasync),
                             ANY(sync_file_range),
                             ANY(fadvise64),
                             ANY(readahead),
                             ANY(flock),
                             IS(fcntl, 1, F_GETLK),
                             IS(fcntl, 1, F_SETLK),
                             IS(fcntl, 1, F_SETLKW)};

#define FORBIDDEN_CLONE                                                                            \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET | CLONE_VFORK | CLONE_PTRACE | CLONE_PARENT | CLONE_UNTRACED | CLONE_PIDFD)
#define THREAD_CLONE (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

/* Newer than what this filter knows: the C library falls back to an older call. */
static const int MISSING[] = {
    SCMP_SYS(clone3),          SCMP_SYS(openat2),    SCMP_SYS(faccessat2), SCMP_SYS(statx),
    SCMP_SYS(epoll_pwait2),    SCMP_SYS(preadv2),    SCMP_SYS(pwritev2),   SCMP_SYS(close_range),
    SCMP_SYS(copy_file_range), SCMP_SYS(membarrier), SCMP_SYS(sendmmsg),   SCMP_SYS(recvmmsg)};
/* These numbers are the same on every machine. */
#define FIRST_NEWER 449 /* futex_waitv, Linux 5.16 */
#define LAST_NEWER 479

/* Never by a plugin that means well. */
static const int DEADLY[] = {SCMP_SYS(execve),
                             SCMP_SYS(execveat),
                             SCMP_SYS(fork),
                             SCMP_SYS(vfork),
                             SCMP_SYS(ptrace),
                             SCMP_SYS(process_vm_readv),
                             SCMP_SYS(process_vm_writev),
                             SCMP_SYS(process_madvise),
                             SCMP_SYS(process_mrelease),
                             SCMP_SYS(pidfd_open),
                             SCMP_SYS(pidfd_getfd),
                             SCMP_SYS(pidfd_send_signal),
                             SCMP_SYS(kcmp),
                             SCMP_SYS(move_pages),
                             SCMP_SYS(migrate_pages),
                             SCMP_SYS(setns),
                             SCMP_SYS(chroot),
                             SCMP_SYS(pivot_root),
                             SCMP_SYS(mount),
                             SCMP_SYS(umount2),
                             SCMP_SYS(open_tree),
                             SCMP_SYS(move_mount),
                             SCMP_SYS(fsopen),
                             SCMP_SYS(fsconfig),
                             SCMP_SYS(fsmount),
                             SCMP_SYS(fspick),
                             SCMP_SYS(mount_setattr),
                             SCMP_SYS(io_uring_setup),
                             SCMP_SYS(io_uring_enter),
                             SCMP_SYS(io_uring_register),
                             SCMP_SYS(bpf),
                             SCMP_SYS(perf_event_open),
                             SCMP_SYS(userfaultfd),
                             SCMP_SYS(memfd_secret),
                             SCMP_SYS(open_by_handle_at),
                             SCMP_SYS(name_to_handle_at),
                             SCMP_SYS(fanotify_init),
                             SCMP_SYS(add_key),
                             SCMP_SYS(keyctl),
                             SCMP_SYS(request_key),
                             SCMP_SYS(personality),
                             SCMP_SYS(iopl),
                             SCMP_SYS(ioperm),
                             SCMP_SYS(modify_ldt),
                             SCMP_SYS(init_module),
                             SCMP_SYS(finit_module),
                             SCMP_SYS(delete_module),
                             SCMP_SYS(kexec_load),
                             SCMP_SYS(kexec_file_load),
                             SCMP_SYS(reboot),
                             SCMP_SYS(swapon),
                             SCMP_SYS(swapoff),
                             SCMP_SYS(acct),
                             SCMP_SYS(quotactl),
                             SCMP_SYS(sethostname),
                             SCMP_SYS(setdomainname),
                             SCMP_SYS(syslog),
                             SCMP_SYS(vhangup),
                             SCMP_SYS(remap_file_pages)};

/* libseccomp answers with negative errno values; a call that this machine never had
 * is -EDOM, a rule that is there already -EEXIST. */
static int add(scmp_filter_ctx c, uint32_t action, int call, unsigned n,
               const struct scmp_arg_cmp *cmp)
{
    int bad = seccomp_rule_add_array(c, action, call, n, cmp);
    return bad == -EDOM || bad == -EEXIST ? 0 : bad;
}

static int allow(scmp_filter_ctx c, const rule *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct scmp_arg_cmp cmp = SCMP_CMP64((unsigned)(r[i].arg < 0 ? 0 : r[i].arg),
                                             SCMP_CMP_MASKED_EQ, r[i].mask, r[i].value);
        int bad = add(c, SCMP_ACT_ALLOW, r[i].call, r[i].arg >= 0, &cmp);
        if (bad)
            return bad;
    }
    return 0;
}

/* Calls that name a process or thread. 32 bits: the kernel looks at no more of a pid. */
static int allow_self(scmp_filter_ctx c)
{
    const uint64_t low = 0xffffffffu, who[] = {0, (uint64_t)getpid()};
    for (size_t w = 0; w < QC_COUNTOF(who); w++) {
        const struct scmp_arg_cmp first = SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, low, who[w]);
        for (size_t i = 0; i < QC_COUNTOF(OF_SELF); i++)
            if (add(c, SCMP_ACT_ALLOW, OF_SELF[i], 1, &first))
                return -EINVAL;
        for (size_t i = 0; i < QC_COUNTOF(OF_SELF_BY_KIND); i++) {
            const struct scmp_arg_cmp both[] = {
                SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, low, OF_SELF_BY_KIND[i].kind),
                SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, low, who[w])};
            if (add(c, SCMP_ACT_ALLOW, OF_SELF_BY_KIND[i].call, 2, both))
                return -EINVAL;
        }
    }
    /* Signals: never 0, which is a whole process group. */
    const struct scmp_arg_cmp own = SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, low, who[1]);
    int bad = add(c, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, &own);
    return bad ? bad : add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own);
}

/* Private memory, or what a descriptor holds: shared memory without a file would count against no
 * limit. The loader maps code from files, never to be written. */
static int allow_mmap(scmp_filter_ctx c)
{
    const struct scmp_arg_cmp data = SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                              code = SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE,
                                                PROT_EXEC),
                              own = SCMP_CMP64(3, SCMP_CMP_MASKED_EQ, MAP_PRIVATE, MAP_PRIVATE),
                              file = SCMP_CMP64(3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0);
    const struct scmp_arg_cmp all[][2] = {{code, file}, {data, own}, {data, file}};
    int bad = 0;
    for (size_t i = 0; !bad && i < QC_COUNTOF(all); i++)
        bad = add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, all[i]);
    return bad;
}

/* The flags of clone can be seen, those of clone3 lie in memory: it does not exist here, and the C
 * library then takes clone. */
static int allow_threads(scmp_filter_ctx c, bool granted)
{
    const struct scmp_arg_cmp thread =
        SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, FORBIDDEN_CLONE | THREAD_CLONE, THREAD_CLONE);
    const struct scmp_arg_cmp process = SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);
    if (granted && add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &thread))
        return -EINVAL;
    return add(c, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1, &process);
}

/* Without conditions. Never for a call that has rules with conditions: it would replace them. */
static int answer(scmp_filter_ctx c, uint32_t action, const int *call, size_t n)
{
    int bad = 0;
    for (size_t i = 0; !bad && i < n; i++)
        bad = add(c, action, call[i], 0, NULL);
    return bad;
}

static int fill(scmp_filter_ctx c, bool threads, bool store)
{
    int bad = allow(c, ALWAYS, QC_COUNTOF(ALWAYS));
    if (!bad)
        bad = store ? allow(c, STORE, QC_COUNTOF(STORE))
                    : allow(c, LOADING_FILES, QC_COUNTOF(LOADING_FILES));
    if (!bad)
        bad = allow(c, LOADING, QC_COUNTOF(LOADING));
    if (!bad)
        bad = allow_self(c);
    if (!bad)
        bad = allow_mmap(c);
    if (!bad)
        bad = allow_threads(c, threads);
    if (!bad)
        bad = answer(c, SCMP_ACT_KILL_PROCESS, DEADLY, QC_COUNTOF(DEADLY));
    if (!bad)
        bad = answer(c, SCMP_ACT_ERRNO(ENOSYS), MISSING, QC_COUNTOF(MISSING));
    for (int n = FIRST_NEWER; !bad && n <= LAST_NEWER; n++)
        bad = add(c, SCMP_ACT_ERRNO(ENOSYS), n, 0, NULL);
    return bad;
}

static int take_back(scmp_filter_ctx c, bool store)
{
    static const int deadly[] = {SCMP_SYS(unshare), SCMP_SYS(seccomp)};
    static const int refused[] = {SCMP_SYS(readlink), SCMP_SYS(landlock_create_ruleset),
                                  SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self)};
    static const int files[] = {SCMP_SYS(newfstatat), SCMP_SYS(access), SCMP_SYS(getcwd),
                                SCMP_SYS(openat)};
    const struct scmp_arg_cmp exec = SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
    int bad = add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1, &exec);
    if (!bad)
        bad = answer(c, SCMP_ACT_KILL_PROCESS, deadly, QC_COUNTOF(deadly));
    if (!bad)
        bad = answer(c, SCMP_ACT_ERRNO(EPERM), refused, QC_COUNTOF(refused));
    if (!bad && !store)
        bad = answer(c, SCMP_ACT_ERRNO(EPERM), files, QC_COUNTOF(files));
    return bad;
}

static int load(scmp_filter_ctx c)
{
    /* Calls of another machine's numbering (32 bits, x32) would walk past the list. */
    int bad = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!bad)
        bad = seccomp_attr_set(c, SCMP_FLTATR_CTL_NNP, 0);
    if (!bad)
        bad = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!bad)
        bad = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return bad ? bad : seccomp_load(c);
}

static qc_err done(scmp_filter_ctx c, int bad)
{
    seccomp_release(c);
    errno = -bad;
    return !bad ? QC_OK : bad == -ENOMEM ? QC_ENOMEM : bad == -EINVAL ? QC_EUNSUPPORTED : QC_EIO;
}

qc_err qc_seccomp_enter(bool threads, bool store)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!c)
        return QC_ENOMEM;
    int bad = fill(c, threads, store);
    return done(c, bad ? bad : load(c));
}

qc_err qc_seccomp_seal(bool store)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
    if (!c)
        return QC_ENOMEM;
    int bad = take_back(c, store);
    return done(c, bad ? bad : load(c));
}
