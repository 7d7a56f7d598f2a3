/* Open files: exact reads and writes that survive signals and short counts, and syncs. */
#include "core/os/file.h"

#include "core/os/sys.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static qc_err open_flags(int *fd, const char *path, int flags, mode_t mode)
{
    if (qc_sys_fault())
        return QC_EIO;
    int got;
    do
        got = open(path, flags | O_CLOEXEC, mode);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return qc_sys_err();
    *fd = got;
    return QC_OK;
}

qc_err qc_os_open_ro(int *fd, const char *path)
{
    return open_flags(fd, path, O_RDONLY, 0);
}

qc_err qc_os_open_rw(int *fd, const char *path, bool create)
{
    return open_flags(fd, path, O_RDWR | (create ? O_CREAT : 0), 0600);
}

void qc_os_close(int fd)
{
    if (fd >= 0)
        close(fd); /* never retried: on Linux the number is free again even after EINTR */
}

qc_err qc_os_pread_full(int fd, void *buf, size_t len, uint64_t off)
{
    if (qc_sys_fault())
        return QC_EIO;
    uint64_t end;
    if (__builtin_add_overflow(off, len, &end) || end > INT64_MAX)
        return QC_ECORRUPT; /* no file is that long */
    uint8_t *p = buf;
    while (len) {
        ssize_t n = pread(fd, p, len, (off_t)off);
        if (n == 0)
            return QC_ECORRUPT;
        if (n < 0 && errno != EINTR)
            return qc_sys_err();
        if (n > 0) {
            p += n;
            len -= (size_t)n;
            off += (uint64_t)n;
        }
    }
    return QC_OK;
}

qc_err qc_os_pwrite_full(int fd, const void *buf, size_t len, uint64_t off)
{
    if (qc_sys_fault())
        return QC_EIO;
    uint64_t end;
    if (__builtin_add_overflow(off, len, &end) || end > INT64_MAX) {
        errno = EFBIG;
        return QC_EINVAL;
    }
    const uint8_t *p = buf;
    while (len) {
        ssize_t n = pwrite(fd, p, len, (off_t)off);
        if (n == 0)
            errno = EIO;
        if (n == 0 || (n < 0 && errno != EINTR))
            return qc_sys_err();
        if (n > 0) {
            p += n;
            len -= (size_t)n;
            off += (uint64_t)n;
        }
    }
    return QC_OK;
}

qc_err qc_os_sync(int fd)
{
    if (qc_sys_fault())
        return QC_EIO;
    /* No retry after an error: the kernel has dropped the dirty pages, a second call would lie. */
    return fdatasync(fd) ? qc_sys_err() : QC_OK;
}

qc_err qc_os_size(int fd, uint64_t *out)
{
    struct stat st;
    if (qc_sys_fault())
        return QC_EIO;
    if (fstat(fd, &st))
        return qc_sys_err();
    *out = (uint64_t)st.st_size;
    return QC_OK;
}

qc_err qc_os_truncate(int fd, uint64_t size)
{
    if (qc_sys_fault())
        return QC_EIO;
    if (size > INT64_MAX) {
        errno = EFBIG;
        return QC_EINVAL;
    }
    while (ftruncate(fd, (off_t)size))
        if (errno != EINTR)
            return qc_sys_err();
    return QC_OK;
}

qc_err qc_os_preallocate(int fd, uint64_t off, uint64_t len)
{
    if (qc_sys_fault())
        return QC_EIO;
    uint64_t end;
    if (__builtin_add_overflow(off, len, &end) || end > INT64_MAX) {
        errno = EFBIG;
        return QC_EINVAL;
    }
    int e;
    do
        e = len ? posix_fallocate(fd, (off_t)off, (off_t)len) : 0;
    while (e == EINTR);
    errno = e ? e : errno;
    return qc_err_from_errno(e);
}

/* Appends all of the open file to `out`; one byte over `max` is enough to know it is too large. */
static qc_err read_all(int fd, size_t max, qc_bytes *out)
{
    struct stat st;
    size_t guess = fstat(fd, &st) || st.st_size < 0 ? 0 : (size_t)st.st_size;
    for (;;) {
        size_t room = guess >= out->len && guess - out->len < max ? guess - out->len + 1 : 4096;
        qc_err err = qc_bytes_reserve(out, room);
        if (err)
            return err;
        ssize_t n = read(fd, out->data + out->len, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return qc_sys_err();
        if (n == 0)
            return QC_OK;
        out->len += (size_t)n;
        if (out->len > max)
            return QC_ERANGE;
    }
}

static qc_err check_regular(int fd)
{
    struct stat st;
    if (fstat(fd, &st))
        return qc_sys_err();
    return S_ISREG(st.st_mode) ? QC_OK : QC_EINVAL;
}

static qc_err read_whole(const char *path, bool regular, size_t max, qc_bytes *out)
{
    int fd;
    qc_bytes all = QC_BYTES_INIT;
    qc_err err = open_flags(&fd, path, regular ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_RDONLY, 0);
    if (err)
        return err;
    err = qc_sys_fault() ? QC_EIO : regular ? check_regular(fd) : QC_OK;
    if (!err)
        err = read_all(fd, max, &all);
    int e = errno;
    qc_os_close(fd);
    if (err) {
        qc_bytes_free(&all);
        errno = e;
        return err;
    }
    *out = all;
    return QC_OK;
}

qc_err qc_os_read_file(const char *path, size_t max, qc_bytes *out)
{
    return read_whole(path, false, max, out);
}

qc_err qc_os_read_regular(const char *path, size_t max, qc_bytes *out)
{
    return read_whole(path, true, max, out);
}

static qc_err write_synced(const char *path, qc_span data, unsigned mode)
{
    int fd;
    qc_err err = open_flags(&fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (err)
        return err;
    if (fchmod(fd, (mode_t)mode))
        err = qc_sys_err();
    if (!err)
        err = qc_os_pwrite_full(fd, data.data, data.len, 0);
    if (!err)
        err = qc_os_sync(fd);
    int e = errno;
    qc_os_close(fd);
    errno = e;
    return err;
}

qc_err qc_os_write_file_atomic(const char *path, qc_span data, unsigned mode)
{
    char *tmp = qc_asprintf("%s.tmp", path);
    qc_err err = write_synced(tmp, data, mode);
    if (!err)
        err = qc_os_rename(tmp, path);
    if (err) {
        int e = errno;
        unlink(tmp);
        errno = e;
    } else {
        err = qc_os_sync_dir_of(path);
    }
    qc_free(tmp);
    return err;
}

uint32_t qc_os_allow_files(uint32_t want)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l))
        return 0;
    if (l.rlim_cur < want) {
        const struct rlimit more = {want < l.rlim_max ? want : l.rlim_max, l.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            l = more;
    }
    return l.rlim_cur < UINT32_MAX ? (uint32_t)l.rlim_cur : UINT32_MAX;
}
