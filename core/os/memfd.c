#include "core/os/memfd.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* since Linux 6.3: never executable as a program */
#endif
#define CHUNK (256u << 10)

static qc_err copy(int from, int to, uint64_t size)
{
    uint8_t *buf = qc_try_malloc(CHUNK);
    qc_err err = buf ? QC_OK : QC_ENOMEM;
    for (uint64_t off = 0; !err && off < size;) {
        size_t n = size - off < CHUNK ? (size_t)(size - off) : CHUNK;
        if (!(err = qc_os_pread_full(from, buf, n, off)))
            err = qc_os_pwrite_full(to, buf, n, off);
        off += n;
    }
    qc_free(buf);
    return err;
}

qc_err qc_os_sealed_copy(int fd, const char *name, uint64_t max, int *out)
{
    uint64_t size;
    qc_err err = qc_os_size(fd, &size);
    if (err)
        return err;
    if (size > max)
        return QC_ERANGE;
    int m = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (m < 0)
        m = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); /* an older kernel */
    if (m < 0)
        return QC_EIO;
    err = copy(fd, m, size);
    if (!err && fcntl(m, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
        err = QC_EIO;
    if (err)
        close(m);
    else
        *out = m;
    return err;
}
