/* The lock on a data folder, and entropy. */
#include "core/os/file.h"

#include "core/os/sys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct qc_dirlock {
    int fd;
};

/* An open-file-description lock clashes with the classic record lock that Bitcoin Core takes, and
 * unlike one it also holds within a process and is not lost when another handle is closed. */
static int lock_fd(int fd)
{
    struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
#ifdef F_OFD_SETLK
    int got = fcntl(fd, F_OFD_SETLK, &fl);
    if (got == 0 || errno != EINVAL) /* EINVAL: a kernel without them */
        return got;
#endif
    return fcntl(fd, F_SETLK, &fl);
}

qc_err qc_dirlock_take(const char *dir, qc_dirlock **out)
{
    char *path = qc_asprintf("%s/.lock", dir);
    int fd;
    qc_err err = qc_os_open_rw(&fd, path, true);
    qc_free(path);
    if (err)
        return err;
    if (lock_fd(fd)) {
        err = errno == EAGAIN || errno == EACCES ? QC_EBUSY : qc_sys_err();
        qc_os_close(fd);
        return err;
    }
    qc_dirlock *l = qc_alloc(sizeof *l);
    l->fd = fd;
    *out = l;
    return QC_OK;
}

void qc_dirlock_free(qc_dirlock *l)
{
    if (l)
        qc_os_close(l->fd);
    qc_free(l);
}

void qc_os_random(void *buf, size_t len)
{
    uint8_t *p = buf;
    while (len) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno != EINTR) {
            perror("getrandom");
            abort();
        }
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}
