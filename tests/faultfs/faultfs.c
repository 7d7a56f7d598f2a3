/* faultfs.so: preloaded into a program, it fails, stops or crashes it at one call that changes
 * files.
 *
 *   FAULTFS_ROOT=folder    watch files in this folder; without it the shim does nothing
 *   FAULTFS_PROGRAM=name   only in the program of this name (children inherit the environment)
 *   FAULTFS_MATCH=text     count only calls on paths that hold this text
 *   FAULTFS_COUNT=file     at the end, write how many calls were counted
 *   FAULTFS_FAIL_AT=n      the n-th call (from 1) fails ...
 *   FAULTFS_FAIL_FOR=k     ... and the k-1 after it; 0: all after it
 *   FAULTFS_ERRNO=ENOSPC   ... with this instead of EIO
 *   FAULTFS_STOP_AT=n      at the n-th call the process ends with status 137: kill -9
 *   FAULTFS_CRASH_AT=n     the same, and all that was not durable is gone: power failure (model.h)
 *   FAULTFS_LIE_SYNC=1     syncs say they worked, and make nothing durable: the mutant disk
 *
 * Counted are open, creat, fopen, write, pwrite, writev, pwritev, truncate, ftruncate, fallocate,
 * posix_fallocate, rename, unlink, remove, mkdir, rmdir, link, symlink, fsync, fdatasync,
 * sync_file_range, with their variants. A forked child that does not exec is left alone. With
 * FAULTFS_ROOT set, syncs of watched files do not reach the disk, which makes tests fast. */
#include "tests/faultfs/model.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if __SIZEOF_POINTER__ != 8
#error "faultfs passes offsets to system calls as 64-bit words"
#endif

#define API __attribute__((visibility("default")))
#define KILLED 137

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static bool g_on, g_lie;
static int g_errno = EIO;
static uint64_t g_calls, g_fail_at, g_fail_for = 1, g_stop_at, g_crash_at;
static const char *g_match, *g_count_path;

static uint64_t env_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void in_child(void)
{
    g_on = false;
    pthread_mutex_init(&g_lock, NULL);
}

__attribute__((constructor)) static void start(void)
{
    const char *root = getenv("FAULTFS_ROOT"), *program = getenv("FAULTFS_PROGRAM");
    if (!root || !*root || (program && strcmp(program, program_invocation_short_name) != 0))
        return;
    const char *error = getenv("FAULTFS_ERRNO");
    if (error && strcmp(error, "ENOSPC") == 0)
        g_errno = ENOSPC;
    g_lie = env_number("FAULTFS_LIE_SYNC", 0) != 0;
    g_fail_at = env_number("FAULTFS_FAIL_AT", 0);
    g_fail_for = env_number("FAULTFS_FAIL_FOR", 1);
    g_stop_at = env_number("FAULTFS_STOP_AT", 0);
    g_crash_at = env_number("FAULTFS_CRASH_AT", 0);
    g_match = getenv("FAULTFS_MATCH");
    g_count_path = getenv("FAULTFS_COUNT");
    model_init(root);
    pthread_atfork(NULL, NULL, in_child);
    g_on = true;
}

static void write_count(void)
{
    char text[32];
    if (!g_count_path)
        return;
    int n = snprintf(text, sizeof text, "%llu\n", (unsigned long long)g_calls);
    long fd = syscall(SYS_openat, AT_FDCWD, g_count_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || syscall(SYS_write, fd, text, n) != n)
        perror("faultfs: FAULTFS_COUNT");
    syscall(SYS_close, fd);
}

static void wait_for_the_end(int sig)
{
    (void)sig;
    for (;;)
        pause();
}

/* Files become shorter again, also those that another thread has mapped and writes to. */
static void hold_writers(void)
{
    struct sigaction sa = {.sa_handler = wait_for_the_end};
    if (sigaction(SIGBUS, &sa, NULL))
        perror("faultfs: SIGBUS");
}

/* The process is over: the lock is never given back. */
static void end_now(bool crash)
{
    write_count();
    if (crash) {
        hold_writers();
        model_crash();
    } else {
        model_end();
    }
    syscall(SYS_exit_group, KILLED);
}

__attribute__((destructor)) static void finish(void)
{
    if (!g_on)
        return;
    pthread_mutex_lock(&g_lock);
    g_on = false;
    write_count();
    model_end();
    pthread_mutex_unlock(&g_lock);
}

/* Count a call on this path. True: it must fail, errno is set. The lock is held. */
static bool fault(const char *path)
{
    if (g_match && !strstr(path, g_match))
        return false;
    g_calls++;
    if (g_calls == g_stop_at || g_calls == g_crash_at)
        end_now(g_calls == g_crash_at);
    if (!g_fail_at || g_calls < g_fail_at || (g_fail_for && g_calls >= g_fail_at + g_fail_for))
        return false;
    errno = g_errno;
    return true;
}

static bool fault_fd(int fd)
{
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (g_match && readlink(link, path, sizeof path - 1) < 0)
        *path = 0;
    return fault(path);
}

/* True with the lock held when the call concerns us: the path is inside the root. */
static bool enter_path(int dirfd, const char *path, char out[static PATH_MAX])
{
    if (!g_on)
        return false;
    int e = errno;
    bool ours = model_resolve(dirfd, path, out) && model_watches(out);
    errno = e;
    if (ours)
        pthread_mutex_lock(&g_lock);
    return ours;
}

static bool enter_fd(int fd, struct stat *st)
{
    if (!g_on)
        return false;
    int e = errno;
    pthread_mutex_lock(&g_lock);
    bool ours = model_watches_fd(fd, st);
    if (!ours)
        pthread_mutex_unlock(&g_lock);
    errno = e;
    return ours;
}

static void leave(void)
{
    int e = errno;
    pthread_mutex_unlock(&g_lock);
    errno = e;
}

/* ---- opening ---- */

static bool exists(const char *path)
{
    struct stat st;
    int e = errno;
    bool yes = lstat(path, &st) == 0;
    errno = e;
    return yes;
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    if (!enter_path(dirfd, path, full)) {
        int fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
        if (g_on && fd >= 0) {
            pthread_mutex_lock(&g_lock);
            model_opened(fd, false);
            leave();
        }
        return fd;
    }
    int fd = -1;
    if (!fault(full)) {
        bool made = (flags & O_CREAT) && !exists(full);
        if (flags & O_TRUNC)
            model_will_clear(full);
        fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
        if (fd >= 0)
            model_opened(fd, true);
        if (fd >= 0 && made)
            model_created(full, false);
    }
    leave();
    return fd;
}

static mode_t mode_arg(int flags, va_list ap)
{
    return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? (mode_t)va_arg(ap, unsigned) : 0;
}

#define OPEN_LIKE(name, params, dirfd)                                                             \
    API int name params                                                                            \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode_t mode = mode_arg(flags, ap);                                                         \
        va_end(ap);                                                                                \
        return do_open(dirfd, path, flags, mode);                                                  \
    }
OPEN_LIKE(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN_LIKE(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN_LIKE(openat, (int dir, const char *path, int flags, ...), dir)
OPEN_LIKE(openat64, (int dir, const char *path, int flags, ...), dir)

/* What open() becomes under _FORTIFY_SOURCE. */
API int __open_2(const char *path, int flags);
API int __open64_2(const char *path, int flags);
API int __openat_2(int dir, const char *path, int flags);
API int __open_2(const char *path, int flags)
{
    return do_open(AT_FDCWD, path, flags, 0);
}
API int __open64_2(const char *path, int flags)
{
    return do_open(AT_FDCWD, path, flags, 0);
}
API int __openat_2(int dir, const char *path, int flags)
{
    return do_open(dir, path, flags, 0);
}
API int creat(const char *path, mode_t mode)
{
    return do_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
API int creat64(const char *path, mode_t mode)
{
    return do_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* Only the making of the name can be seen; the C library writes without asking us. */
static FILE *do_fopen(const char *path, const char *mode, const char *real_name)
{
    union {
        void *object;
        FILE *(*call)(const char *, const char *);
    } real = {dlsym(RTLD_NEXT, real_name)};
    char full[PATH_MAX];
    if (!enter_path(AT_FDCWD, path, full))
        return real.call(path, mode);
    FILE *f = NULL;
    if (!fault(full)) {
        bool made = !exists(full);
        f = real.call(path, mode);
        if (f && made)
            model_created(full, false);
    }
    leave();
    return f;
}
API FILE *fopen(const char *path, const char *mode)
{
    return do_fopen(path, mode, "fopen");
}
API FILE *fopen64(const char *path, const char *mode)
{
    return do_fopen(path, mode, "fopen64");
}

/* ---- bytes ---- */

/* Where a write() without an offset goes. */
static off_t write_offset(int fd, const struct stat *st)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_APPEND) ? st->st_size : lseek(fd, 0, SEEK_CUR);
}

static void synced_if_asked(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_DSYNC) && !g_lie)
        model_synced_fd(fd);
}

/* Do system call `nr` on the file, which changes [off, off + len); off < 0: at its own offset. */
static long change_bytes(int fd, off_t off, size_t len, const long call[static 6])
{
    struct stat st;
    if (!enter_fd(fd, &st))
        return syscall(call[0], fd, call[1], call[2], call[3], call[4]);
    long got = -1;
    if (!fault_fd(fd)) {
        model_will_change(fd, &st, off < 0 ? write_offset(fd, &st) : off, len);
        got = syscall(call[0], fd, call[1], call[2], call[3], call[4]);
        synced_if_asked(fd);
    }
    leave();
    return got;
}

static size_t iov_len(const struct iovec *v, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += v[i].iov_len;
    return sum;
}

#define CALL(...) ((const long[6]){__VA_ARGS__})

API ssize_t write(int fd, const void *buf, size_t len)
{
    return change_bytes(fd, -1, len, CALL(SYS_write, (long)buf, (long)len));
}
API ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
    return change_bytes(fd, off, len, CALL(SYS_pwrite64, (long)buf, (long)len, off));
}
API ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off)
{
    return pwrite(fd, buf, len, off);
}
API ssize_t writev(int fd, const struct iovec *v, int n)
{
    return change_bytes(fd, -1, iov_len(v, n), CALL(SYS_writev, (long)v, n));
}
API ssize_t pwritev(int fd, const struct iovec *v, int n, off_t off)
{
    return change_bytes(fd, off, iov_len(v, n), CALL(SYS_pwritev, (long)v, n, off, 0));
}
API ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t off)
{
    return pwritev(fd, v, n, off);
}
API int ftruncate(int fd, off_t size)
{
    /* What lies beyond the new end is lost; when it grows, only the old length matters. */
    return (int)change_bytes(fd, size, SSIZE_MAX, CALL(SYS_ftruncate, size));
}
API int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}
API int truncate(const char *path, off_t size)
{
    int fd = do_open(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int got = ftruncate(fd, size);
    int e = errno;
    close(fd);
    errno = e;
    return got;
}
API int truncate64(const char *path, off_t size)
{
    return truncate(path, size);
}
API int fallocate(int fd, int mode, off_t off, off_t len)
{
    /* Plain allocation only adds zeros at the end; the other modes change bytes. */
    bool changes = mode & ~FALLOC_FL_KEEP_SIZE;
    return (int)change_bytes(fd, off, changes ? SSIZE_MAX : 0, CALL(SYS_fallocate, mode, off, len));
}
API int fallocate64(int fd, int mode, off_t off, off_t len)
{
    return fallocate(fd, mode, off, len);
}
API int posix_fallocate(int fd, off_t off, off_t len)
{
    int e = errno, got = fallocate(fd, 0, off, len) ? errno : 0;
    errno = e;
    return got;
}
API int posix_fallocate64(int fd, off_t off, off_t len)
{
    return posix_fallocate(fd, off, len);
}

API void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
    struct stat st;
    if ((flags & MAP_SHARED) && (prot & PROT_WRITE) && fd >= 0 && enter_fd(fd, &st)) {
        fprintf(stderr, "faultfs: a writable shared mapping of a watched file is not modelled\n");
        syscall(SYS_exit_group, 99);
    }
    return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, off);
}
API void *mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
    return mmap(at, len, prot, flags, fd, off);
}

/* ---- names ---- */

static int do_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    char a[PATH_MAX], b[PATH_MAX];
    if (!g_on || !model_resolve(from_dir, from, a) || !enter_path(to_dir, to, b))
        return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    int got = -1;
    if (!fault(b)) {
        void *change = model_will_rename(a, b);
        got = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
        model_did(change, got == 0);
    }
    leave();
    return got;
}
API int rename(const char *from, const char *to)
{
    return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}
API int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return do_rename(from_dir, from, to_dir, to, 0);
}
API int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return do_rename(from_dir, from, to_dir, to, flags);
}

static int do_remove(int dirfd, const char *path, int flags)
{
    char full[PATH_MAX];
    if (!enter_path(dirfd, path, full))
        return (int)syscall(SYS_unlinkat, dirfd, path, flags);
    int got = -1;
    if (!fault(full)) {
        void *change = model_will_remove(full, flags & AT_REMOVEDIR);
        got = (int)syscall(SYS_unlinkat, dirfd, path, flags);
        model_did(change, got == 0);
    }
    leave();
    return got;
}
API int unlink(const char *path)
{
    return do_remove(AT_FDCWD, path, 0);
}
API int rmdir(const char *path)
{
    return do_remove(AT_FDCWD, path, AT_REMOVEDIR);
}
API int unlinkat(int dir, const char *path, int flags)
{
    return do_remove(dir, path, flags);
}
API int remove(const char *path)
{
    struct stat st;
    bool is_dir = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return do_remove(AT_FDCWD, path, is_dir ? AT_REMOVEDIR : 0);
}

/* Make a name by system call: link and symlink take one more path first. */
static int do_make(int dirfd, const char *path, bool is_dir, const long call[static 6])
{
    char full[PATH_MAX];
    if (!enter_path(dirfd, path, full))
        return (int)syscall(call[0], call[1], call[2], call[3], call[4], call[5]);
    int got = -1;
    if (!fault(full)) {
        got = (int)syscall(call[0], call[1], call[2], call[3], call[4], call[5]);
        if (got == 0)
            model_created(full, is_dir);
    }
    leave();
    return got;
}
API int mkdir(const char *path, mode_t mode)
{
    return do_make(AT_FDCWD, path, true, CALL(SYS_mkdirat, AT_FDCWD, (long)path, mode));
}
API int mkdirat(int dir, const char *path, mode_t mode)
{
    return do_make(dir, path, true, CALL(SYS_mkdirat, dir, (long)path, mode));
}
API int link(const char *from, const char *to)
{
    return do_make(AT_FDCWD, to, false,
                   CALL(SYS_linkat, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0));
}
API int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    return do_make(to_dir, to, false,
                   CALL(SYS_linkat, from_dir, (long)from, to_dir, (long)to, flags));
}
API int symlink(const char *target, const char *path)
{
    return do_make(AT_FDCWD, path, false, CALL(SYS_symlinkat, (long)target, AT_FDCWD, (long)path));
}

/* ---- syncs ---- */

static int do_sync(int fd, long call)
{
    struct stat st;
    char path[PATH_MAX];
    if (!g_on)
        return (int)syscall(call, fd);
    pthread_mutex_lock(&g_lock);
    bool ours = model_watches_fd(fd, &st) || model_watches_dir(fd, path);
    int got = 0;
    if (ours && fault_fd(fd))
        got = -1;
    else if (ours && !g_lie)
        model_synced_fd(fd);
    leave();
    return ours ? got : (int)syscall(call, fd);
}
API int fsync(int fd)
{
    return do_sync(fd, SYS_fsync);
}
API int fdatasync(int fd)
{
    return do_sync(fd, SYS_fdatasync);
}
API int sync_file_range(int fd, off_t off, off_t len, unsigned flags)
{
    struct stat st;
    if (!enter_fd(fd, &st))
        return (int)syscall(SYS_sync_file_range, fd, off, len, flags);
    int got = fault_fd(fd) ? -1 : 0;
    leave();
    return got;
}

static void all_durable(void)
{
    if (!g_on || g_lie)
        return;
    pthread_mutex_lock(&g_lock);
    model_synced_all();
    leave();
}
API void sync(void)
{
    all_durable();
}
API int syncfs(int fd)
{
    (void)fd;
    all_durable();
    return 0;
}

API void _exit(int status)
{
    finish();
    for (;;)
        syscall(SYS_exit_group, status);
}
