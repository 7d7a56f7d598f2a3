/* Sockets, memory, and the rest of what a kernel offers. */
#include "tests/hostile/attacks/attack.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Any family, any kind. */
static int socket_any(const attack_params *p)
{
    static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
    (void)p;
    for (int family = 0; family < 50; family++)
        for (int k = 0; k < 4; k++)
            if (socket(family, kinds[k], 0) >= 0)
                return 0;
    return errno;
}

static int socket_of(int family, int kind)
{
    return GOT(socket(family, kind, 0));
}

static int socket_tcp(const attack_params *p)
{
    (void)p;
    return socket_of(AF_INET, SOCK_STREAM);
}

static int socket_udp(const attack_params *p)
{
    (void)p;
    return socket_of(AF_INET6, SOCK_DGRAM);
}

static int socket_unix(const attack_params *p)
{
    (void)p;
    return socket_of(AF_UNIX, SOCK_STREAM);
}

static int socket_netlink(const attack_params *p)
{
    (void)p;
    return socket_of(AF_NETLINK, SOCK_RAW);
}

static int socket_two(const attack_params *p)
{
    int two[2];
    (void)p;
    return GOT(socketpair(AF_UNIX, SOCK_STREAM, 0, two));
}

static int socket_options(const attack_params *p)
{
    int size = 1 << 20;
    (void)p;
    return GOT(setsockopt(FD_SOCKET, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
}

static void *map(int prot, int flags)
{
    return mmap(NULL, 4096, prot, flags, -1, 0);
}

static int memory_rwx(const attack_params *p)
{
    (void)p;
    return map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS) == MAP_FAILED
               ? errno
               : 0;
}

static int memory_code(const attack_params *p)
{
    (void)p;
    return map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS) == MAP_FAILED ? errno : 0;
}

static int data_to_code(const attack_params *p)
{
    (void)p;
    void *at = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    return at == MAP_FAILED ? ENODATA : GOT(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int data_to_code_key(const attack_params *p)
{
    (void)p;
    void *at = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    return at == MAP_FAILED ? ENODATA
                            : GOT(syscall(SYS_pkey_mprotect, at, 4096, PROT_READ | PROT_EXEC, -1));
}

static int image_code(const attack_params *p)
{
    (void)p;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, FD_IMAGE, 0);
    return at == MAP_FAILED ? errno : 0;
}

static int memory_file(const attack_params *p)
{
    (void)p;
    return GOT(memfd_create("x", 0));
}

static int memory_secret(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_memfd_secret, 0));
}

static int memory_sysv(const attack_params *p)
{
    (void)p;
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (id >= 0)
        shmctl(id, IPC_RMID, NULL);
    return GOT(id);
}

static int memory_shared(const attack_params *p)
{
    (void)p;
    return map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS) == MAP_FAILED ? errno : 0;
}

static int memory_locked(const attack_params *p)
{
    (void)p;
    void *at = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    return at == MAP_FAILED ? ENODATA : GOT(mlock(at, 4096));
}

static int memory_all(const attack_params *p)
{
    const size_t step = 1u << 20;
    for (uint64_t got = 0; got < 2 * p->memory; got += step) {
        char *at = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
            return errno;
        for (size_t i = 0; i < step; i += 4096)
            at[i] = 1;
    }
    return 0;
}

static int memory_heap(const attack_params *p)
{
    return sbrk((intptr_t)(2 * p->memory)) == (void *)-1 ? errno : 0;
}

static int addresses_all(const attack_params *p)
{
    (void)p;
    void *at =
        mmap(NULL, 1ull << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? errno : 0;
}

static int descriptors_all(const attack_params *p)
{
    (void)p;
    for (int i = 0; i < 200; i++)
        if (dup(FD_SOCKET) < 0)
            return errno;
    return 0;
}

static int namespace_user(const attack_params *p)
{
    (void)p;
    return GOT(unshare(CLONE_NEWUSER));
}

static int namespace_by_clone(const attack_params *p)
{
    (void)p;
    long pid = syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return GOT(pid);
}

static int namespace_join(const attack_params *p)
{
    (void)p;
    return GOT(setns(FD_SOCKET, 0));
}

static int mount_memory(const attack_params *p)
{
    (void)p;
    return GOT(mount("none", "/", "tmpfs", 0, NULL));
}

static int io_uring(const attack_params *p)
{
    uint32_t params[30] = {0};
    (void)p;
    return GOT(syscall(SYS_io_uring_setup, 4, params));
}

static int bpf(const attack_params *p)
{
    uint64_t attr[16] = {1 | 4ull << 32, 4 | 1ull << 32};
    (void)p;
    return GOT(syscall(SYS_bpf, 0, attr, sizeof attr));
}

static int perf_event(const attack_params *p)
{
    uint32_t attr[32] = {1, 128};
    return GOT(syscall(SYS_perf_event_open, attr, p->host, -1, -1, 0));
}

static int page_faults(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_userfaultfd, 1));
}

static int keyring(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_keyctl, 0, -3, 1)) && errno != ENOKEY ? errno : 0;
}

static int more_filters(const attack_params *p)
{
    uint64_t none[2] = {0, 0};
    (void)p;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_seccomp, 1, 0, none);
    return errno == EINVAL ? 0 : errno; /* it was looked at */
}

static int personality_exec(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_personality, 0x0400000));
}

static int kernel_log(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_syslog, 10, NULL, 0));
}

static int clock_set(const attack_params *p)
{
    struct timespec now;
    (void)p;
    clock_gettime(CLOCK_REALTIME, &now);
    return GOT(clock_settime(CLOCK_REALTIME, &now));
}

static int host_name(const attack_params *p)
{
    (void)p;
    return GOT(sethostname("x", 1));
}

static int message_queue(const attack_params *p)
{
    (void)p;
    return GOT(syscall(SYS_mq_open, "quoin-attack", O_RDWR | O_CREAT, 0600, NULL));
}

static int terminal(const attack_params *p)
{
    int owner = 1;
    (void)p;
    return GOT(ioctl(FD_SOCKET, FIOSETOWN, &owner));
}

static int pipes(const attack_params *p)
{
    int two[2];
    (void)p;
    return GOT(pipe(two));
}

/* getpid() by the numbers of 32-bit programs, and of x32. */
static int calls_of_32_bits(const attack_params *p)
{
    (void)p;
#if defined(__x86_64__)
    long got;
    __asm__ volatile("int $0x80" : "=a"(got) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    return got > 0 ? 0 : (int)-got;
#else
    return ENOSYS;
#endif
}

static int calls_of_x32(const attack_params *p)
{
    (void)p;
    return GOT(syscall(0x40000000 | 39));
}

static int unknown_call(const attack_params *p)
{
    (void)p;
    return GOT(syscall(478));
}

const attack ATTACKS_ON_THE_KERNEL[] = {{"socket-any", socket_any, 0, 0},
                                        {"socket-tcp", socket_tcp, 0, 0},
                                        {"socket-udp", socket_udp, 0, 0},
                                        {"socket-unix", socket_unix, 0, 0},
                                        {"socket-netlink", socket_netlink, 0, 0},
                                        {"socket-pair", socket_two, 0, 0},
                                        {"socket-options", socket_options, 0, 0},
                                        {"memory-rwx", memory_rwx, 0, 0},
                                        {"memory-code", memory_code, 0, 0},
                                        {"data-to-code", data_to_code, 0, 0},
                                        {"data-to-code-key", data_to_code_key, 0, 0},
                                        {"image-code", image_code, 0, 0},
                                        {"memory-file", memory_file, 0, 0},
                                        {"memory-secret", memory_secret, 0, 0},
                                        {"memory-sysv", memory_sysv, 0, 0},
                                        {"memory-shared", memory_shared, 0, 0},
                                        {"memory-locked", memory_locked, 0, 0},
                                        {"memory-all", memory_all, 0, 0},
                                        {"memory-heap", memory_heap, 0, 0},
                                        {"addresses-all", addresses_all, 0, 0},
                                        {"descriptors-all", descriptors_all, 0, 0},
                                        {"namespace-user", namespace_user, 0, 0},
                                        {"namespace-clone", namespace_by_clone, 0, 0},
                                        {"namespace-join", namespace_join, 0, 0},
                                        {"mount", mount_memory, 0, 0},
                                        {"io-uring", io_uring, 0, 0},
                                        {"bpf", bpf, 0, 0},
                                        {"perf-event", perf_event, 0, 0},
                                        {"page-faults", page_faults, 0, 0},
                                        {"keyring", keyring, 0, 0},
                                        {"more-filters", more_filters, 0, 0},
                                        {"personality", personality_exec, 0, 0},
                                        {"kernel-log", kernel_log, 0, 0},
                                        {"clock", clock_set, 0, 0},
                                        {"host-name", host_name, 0, 0},
                                        {"message-queue", message_queue, 0, 0},
                                        {"ioctl-owner", terminal, 0, 0},
                                        {"pipe", pipes, 0, 0},
                                        {"calls-32-bit", calls_of_32_bits, 0, 0},
                                        {"calls-x32", calls_of_x32, 0, 0},
                                        {"calls-unknown", unknown_call, 0, 0},
                                        {NULL, NULL, 0, 0}};
