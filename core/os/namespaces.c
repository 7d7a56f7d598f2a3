#include "core/os/namespaces.h"

#include "core/os/file.h"
#include "core/os/sys.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's interface; <sys/mount.h> and <linux/mount.h> do not go together everywhere. */
#define ATTR_RDONLY 0x1u
#define ATTR_NOSUID 0x2u
#define ATTR_NODEV 0x4u
#define ATTR_NOEXEC 0x8u
#define CLONE_TREE 1u     /* OPEN_TREE_CLONE */
#define FROM_EMPTY 0x4u   /* MOVE_MOUNT_F_EMPTY_PATH */
#define SET_STRING 1u     /* FSCONFIG_SET_STRING */
#define CMD_CREATE 6u     /* FSCONFIG_CMD_CREATE */
#define RECURSIVE 0x8000u /* AT_RECURSIVE */
typedef struct mount_attrs {
    uint64_t set, clear, propagation, userns;
} mount_attrs;

qc_err qc_ns_leave(qc_ns which)
{
    static const int flag[] = {CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWIPC,
                               CLONE_NEWUTS};
    if (qc_sys_fault())
        return QC_EIO;
    return unshare(flag[which]) ? qc_sys_err() : QC_OK;
}

/* Async-signal-safe number to text. Returns the length. */
static size_t put_number(char *out, unsigned long n)
{
    char digits[24];
    size_t len = 0;
    do
        digits[len++] = (char)('0' + n % 10);
    while (n /= 10);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

/* Called by a child on its parent's memory, with descriptors of its own: by the kernel's calls, for
 * the thread sanitizer would take what the C library's do for deeds of the parent. */
static bool write_at(const char *path, const char *text, size_t len)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ok = syscall(SYS_write, fd, text, len) == (long)len;
    int e = errno;
    syscall(SYS_close, fd);
    errno = e;
    return ok;
}

static bool write_map(const char *path, unsigned long outer)
{
    char line[40] = "0 ";
    size_t n = 2 + put_number(line + 2, outer);
    line[n++] = ' ';
    line[n++] = '1';
    return write_at(path, line, n);
}

qc_err qc_ns_map_one(uid_t uid, gid_t gid)
{
    if (!write_at("/proc/self/setgroups", "deny", 4) || !write_map("/proc/self/uid_map", uid) ||
        !write_map("/proc/self/gid_map", gid))
        return qc_sys_err();
    return QC_OK;
}

bool qc_ns_is_mapped_one(void)
{
    unsigned long inner, outer, count = 0;
    FILE *f = fopen("/proc/self/uid_map", "re");
    bool one = f && fscanf(f, "%lu %lu %lu", &inner, &outer, &count) == 3 && count == 1;
    if (f)
        fclose(f);
    return one;
}

bool qc_ns_is_first(void)
{
    return getpid() == 1;
}

static int set_attrs(int fd, uint64_t set, unsigned flags)
{
    mount_attrs a = {.set = set};
    return (int)syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | flags, &a, sizeof a);
}

/* A file system in memory, put over a folder that every machine has. Returns its descriptor. */
static int mount_memory(void)
{
    int fs = (int)syscall(SYS_fsopen, "tmpfs", 1u);
    if (fs < 0)
        return -1;
    int at = -1;
    if (syscall(SYS_fsconfig, fs, SET_STRING, "size", "1m", 0) == 0 &&
        syscall(SYS_fsconfig, fs, SET_STRING, "mode", "0755", 0) == 0 &&
        syscall(SYS_fsconfig, fs, CMD_CREATE, NULL, NULL, 0) == 0)
        at = (int)syscall(SYS_fsmount, fs, 1u, ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
    close(fs);
    static const char *const over[] = {"/tmp", "/run", "/dev"};
    for (size_t i = 0; at >= 0 && i < QC_COUNTOF(over); i++)
        if (syscall(SYS_move_mount, at, "", AT_FDCWD, over[i], FROM_EMPTY) == 0)
            return at;
    qc_os_close(at);
    return -1;
}

/* Make the folders above `path`, which starts with a slash, beneath `root`. */
static int make_parents(int root, const char *path)
{
    char part[64];
    for (size_t i = 1; path[i]; i++) {
        if (path[i] != '/')
            continue;
        if (i >= sizeof part) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path + 1, i - 1);
        part[i - 1] = 0;
        if (mkdirat(root, part, 0755) && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* Bind `from` (as it is seen now) to `to` beneath `root`. */
static int bind(int root, const char *from, const char *to, uint64_t attrs)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, from, CLONE_TREE | O_CLOEXEC | RECURSIVE);
    if (tree < 0)
        return -1;
    int bad = set_attrs(tree, attrs | ATTR_NOSUID | ATTR_NODEV, RECURSIVE) ||
              syscall(SYS_move_mount, tree, "", root, to + 1, FROM_EMPTY);
    int e = errno;
    close(tree);
    errno = e;
    return bad ? -1 : 0;
}

/* What `path` is (folder, file, symbolic link), again beneath `root`. */
static int keep_one(int root, const char *path)
{
    struct stat st;
    if (lstat(path, &st))
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    if (make_parents(root, path))
        return -1;
    if (S_ISLNK(st.st_mode)) {
        char target[256];
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0)
            return -1;
        target[n] = 0;
        return symlinkat(target, root, path + 1);
    }
    if (S_ISDIR(st.st_mode) ? mkdirat(root, path + 1, 0755)
                            : mknodat(root, path + 1, S_IFREG | 0444, 0))
        return -1;
    return bind(root, path, path, ATTR_RDONLY);
}

static int fill(int root, const char *const *keep, bool store)
{
    for (; *keep; keep++)
        if (keep_one(root, *keep))
            return -1;
    if (make_parents(root, "/proc/self/fd/") ||
        bind(root, "/proc/self/fd", "/proc/self/fd", ATTR_RDONLY | ATTR_NOEXEC))
        return -1;
    if (store && (mkdirat(root, "store", 0755) || bind(root, ".", "/store", ATTR_NOEXEC)))
        return -1;
    return 0;
}

qc_err qc_ns_new_root(const char *const *keep, bool store)
{
    if (qc_sys_fault())
        return QC_EIO;
    /* What is mounted here must not show elsewhere. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return qc_sys_err();
    int root = mount_memory();
    if (root < 0)
        return qc_sys_err();
    mode_t mask = umask(022); /* whoever the process becomes walks these folders */
    /* The old root is put over the new one, then let go with all that is mounted in it. */
    bool ok = fill(root, keep, store) == 0 && set_attrs(root, ATTR_RDONLY, 0) == 0 &&
              fchdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
              umount2(".", MNT_DETACH) == 0 && chdir(store ? "/store" : "/") == 0;
    qc_err err = ok ? QC_OK : qc_sys_err();
    int e = errno;
    umask(mask);
    close(root);
    errno = e;
    return err;
}
