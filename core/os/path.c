/* Names: folders, renames, lists, trees. */
#include "core/os/file.h"

#include "core/os/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TREE_DEPTH 16u
#define TREE_FDS 16 /* folders nftw() keeps open at once */

qc_err qc_os_sync_dir_of(const char *path)
{
    if (qc_sys_fault())
        return QC_EIO;
    const char *slash = strrchr(path, '/');
    char *dir = slash ? qc_strdup(path) : qc_strdup(".");
    if (slash)
        dir[slash == path ? 1 : slash - path] = 0;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    qc_free(dir);
    if (fd < 0)
        return qc_sys_err();
    /* EINVAL: a file system that cannot sync folders; there is nothing more to be done there. */
    qc_err err = fsync(fd) && errno != EINVAL ? qc_sys_err() : QC_OK;
    int e = errno;
    close(fd);
    errno = e;
    return err;
}

qc_err qc_os_rename(const char *from, const char *to)
{
    if (qc_sys_fault())
        return QC_EIO;
    return rename(from, to) ? qc_sys_err() : QC_OK;
}

qc_err qc_os_unlink(const char *path)
{
    if (qc_sys_fault())
        return QC_EIO;
    return unlink(path) ? qc_sys_err() : QC_OK;
}

bool qc_os_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

qc_err qc_os_mtime(const char *path, int64_t *out)
{
    struct stat st;
    if (qc_sys_fault())
        return QC_EIO;
    if (stat(path, &st))
        return qc_sys_err();
    *out = st.st_mtime;
    return QC_OK;
}

qc_err qc_os_mkdir(const char *path)
{
    if (qc_sys_fault())
        return QC_EIO;
    if (mkdir(path, 0700) == 0)
        return QC_OK;
    struct stat st;
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return QC_OK;
    return qc_sys_err();
}

qc_err qc_os_mkdirs(const char *path)
{
    char *part = qc_strdup(path);
    qc_err err = QC_OK;
    for (char *p = part + (*part == '/'); !err && (p = strchr(p, '/')); *p++ = '/') {
        *p = 0;
        /* A parent that is there need not be writable, nor even makeable ("/proc"). */
        if (!qc_os_exists(part))
            err = qc_os_mkdir(part);
    }
    qc_free(part);
    return err ? err : qc_os_mkdir(path);
}

qc_err qc_os_mkdirs_synced(const char *path)
{
    bool is_there = qc_os_exists(path);
    qc_err err = qc_os_mkdirs(path);
    return err || is_there ? err : qc_os_sync_dir_of(path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return qc_sys_fault() || remove(path) ? -1 : 0;
}

qc_err qc_os_remove_tree(const char *path)
{
    if (nftw(path, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS) == 0)
        return QC_OK;
    return errno == ENOENT ? QC_OK : qc_sys_err();
}

static _Thread_local struct {
    uid_t uid;
    gid_t gid;
} new_owner;

/* Never through a link: what it points to may be anybody's. */
static int own_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)at;
    /* What vanishes meanwhile needs no owner: on a reload the old one still works in its folder. */
    if (type == FTW_NS && errno == ENOENT)
        return 0;
    if (st->st_uid == new_owner.uid && st->st_gid == new_owner.gid)
        return 0;
    return lchown(path, new_owner.uid, new_owner.gid) && errno != ENOENT ? -1 : 0;
}

qc_err qc_os_own_tree(const char *path, uid_t uid, gid_t gid)
{
    new_owner.uid = uid;
    new_owner.gid = gid;
    return nftw(path, own_one, TREE_FDS, FTW_PHYS) ? qc_sys_err() : QC_OK;
}

/* Takes `dir`. One level down: nothing below is found by its path, which may be longer than a path
 * may be. False: it cannot be said. */
static bool add_up(int dir, unsigned depth, uint64_t *left, uint64_t *sum)
{
    DIR *d = fdopendir(dir);
    struct dirent *e;
    bool ok = true;
    if (!d) {
        close(dir);
        return false;
    }
    while (ok && (e = readdir(d))) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
            ok = errno == ENOENT; /* it vanished while we look: then it takes nothing */
            continue;
        }
        ok = *left > 0;
        *left -= ok;
        *sum += (uint64_t)st.st_blocks * 512;
        if (!ok || !S_ISDIR(st.st_mode))
            continue;
        int in = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        ok = in >= 0 ? depth > 0 && add_up(in, depth - 1, left, sum) : errno == ENOENT;
        if (in >= 0 && depth == 0)
            close(in);
    }
    closedir(d);
    return ok;
}

bool qc_os_tree_bytes(const char *path, uint64_t max_entries, uint64_t *bytes)
{
    *bytes = 0;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir < 0 ? errno == ENOENT : add_up(dir, TREE_DEPTH, &max_entries, bytes);
}

qc_err qc_os_free_space(const char *path, uint64_t *out)
{
    struct statvfs v;
    if (qc_sys_fault())
        return QC_EIO;
    int fd = open(path, O_RDONLY | O_CLOEXEC); /* in the sandbox only what is open can be asked */
    int bad = fd < 0 ? -1 : fstatvfs(fd, &v);
    if (bad) {
        qc_err err = qc_sys_err();
        if (fd >= 0)
            close(fd);
        return err;
    }
    close(fd);
    *out = (uint64_t)v.f_bavail * v.f_frsize;
    return QC_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static qc_err list_add(qc_os_list *l, const char *name)
{
    /* Grown by doubling: full whenever n is a power of two. */
    if ((l->n & (l->n - 1)) == 0) {
        char **more = qc_try_realloc(l->name, (l->n ? 2 * l->n : 1) * sizeof *more);
        if (!more)
            return QC_ENOMEM;
        l->name = more;
    }
    l->name[l->n++] = qc_strdup(name);
    return QC_OK;
}

qc_err qc_os_list_dir(const char *path, qc_os_list *out)
{
    if (qc_sys_fault())
        return QC_EIO;
    DIR *d = opendir(path);
    if (!d)
        return qc_sys_err();
    qc_os_list l = {NULL, 0};
    qc_err err = QC_OK;
    errno = 0;
    for (struct dirent *e; !err && (e = readdir(d)); errno = 0)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            err = list_add(&l, e->d_name);
    if (!err)
        err = qc_err_from_errno(errno);
    closedir(d);
    if (err) {
        qc_os_list_free(&l);
        return err;
    }
    if (l.n)
        qsort(l.name, l.n, sizeof *l.name, by_name);
    *out = l;
    return QC_OK;
}

void qc_os_list_free(qc_os_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        qc_free(l->name[i]);
    qc_free(l->name);
    *l = (qc_os_list){NULL, 0};
}

char *qc_os_part(const char *const *places, const char *otherwise)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *slash = NULL;
    if (n > 0) {
        exe[n] = 0;
        slash = strrchr(exe, '/');
    }
    for (; slash && *places; places++) {
        char *path = qc_asprintf("%.*s/%s", (int)(slash - exe), exe, *places);
        if (qc_os_exists(path))
            return path;
        qc_free(path);
    }
    return qc_strdup(otherwise);
}
