/* Landlock by its three system calls. The numbers below are the kernel's interface: headers older
 * than the running kernel lack the newer ones. */
#include "core/os/landlock.h"

#include "core/os/sys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_ABI_1 ((1ull << 13) - 1) /* and devices, sockets, fifos, symbolic links */
#define FS_REFER (1ull << 13)       /* ABI 2: a rename from folder to folder */
#define FS_TRUNCATE (1ull << 14)    /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15)   /* ABI 5 */
#define NET_TCP (3ull)              /* ABI 4: bind and connect */
#define SCOPED (3ull)               /* ABI 6: abstract sockets and signals */
#define RULE_PATH_BENEATH 1
#define CREATE_VERSION 1u

typedef struct ruleset {
    uint64_t fs, net, scoped;
} ruleset;
typedef struct __attribute__((packed)) path_rule {
    uint64_t allowed;
    int32_t fd;
} path_rule;

static uint64_t fs_of(unsigned abi)
{
    return FS_ABI_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
           (abi >= 5 ? FS_IOCTL_DEV : 0);
}

unsigned qc_landlock_abi(void)
{
    long v = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_VERSION);
    return v > 0 ? (unsigned)v : 0;
}

static qc_err new_set(unsigned abi, uint64_t net, int *fd)
{
    if (qc_sys_fault())
        return QC_EIO;
    if (abi == 0)
        return QC_EUNSUPPORTED;
    ruleset r = {.fs = fs_of(abi), .net = net, .scoped = abi >= 6 ? SCOPED : 0};
    /* A kernel may be handed a longer struct than it knows only if the rest is zero. */
    long got = syscall(SYS_landlock_create_ruleset, &r, sizeof r, 0u);
    if (got < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP ? QC_EUNSUPPORTED : qc_sys_err();
    *fd = (int)got;
    return QC_OK;
}

qc_err qc_landlock_new(unsigned abi, int *fd)
{
    return new_set(abi, abi >= 4 ? NET_TCP : 0, fd);
}

qc_err qc_landlock_new_online(unsigned abi, int *fd)
{
    return new_set(abi, 0, fd);
}

qc_err qc_landlock_allow(int fd, unsigned abi, const char *path, qc_landlock_right right)
{
    if (qc_sys_fault())
        return QC_EIO;
    int at = open(path, O_PATH | O_CLOEXEC);
    if (at < 0)
        return qc_sys_err();
    path_rule r = {.fd = at, .allowed = FS_READ_FILE};
    if (right == QC_LANDLOCK_OWN)
        r.allowed = FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_DIR | FS_REMOVE_FILE |
                    FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE;
    r.allowed &= fs_of(abi);
    long bad = syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &r, 0u);
    qc_err err = bad ? qc_sys_err() : QC_OK;
    int e = errno;
    close(at);
    errno = e;
    return err;
}

qc_err qc_landlock_enforce(int fd)
{
    if (qc_sys_fault())
        return QC_EIO;
    return syscall(SYS_landlock_restrict_self, fd, 0u) ? qc_sys_err() : QC_OK;
}
