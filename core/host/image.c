#include "core/host/image.h"

#include "core/crypto/sha256.h"
#include "core/os/file.h"
#include "core/os/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Steps 2 and 3: the file may change from here on, the copy cannot. */
static int open_and_seal(const char *path, qc_problems *p)
{
    struct stat st;
    int sealed = -1;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        qc_problem_file(p, "open", path, errno);
    } else if (!S_ISREG(st.st_mode)) {
        qc_problem(p, "open", "file %s: found no regular file, wanted one", path);
    } else {
        qc_err err = qc_os_sealed_copy(fd, "quoin-plugin", QC_PLUGIN_FILE_MAX, &sealed);
        if (err == QC_ERANGE)
            qc_problem(p, "open", "file %s: found %lld bytes, wanted at most %llu", path,
                       (long long)st.st_size, (unsigned long long)QC_PLUGIN_FILE_MAX);
        else if (err)
            qc_problem(p, "copy", "file %s: found %s, wanted a sealed copy in memory", path,
                       qc_err_text(err));
    }
    if (fd >= 0)
        close(fd);
    return sealed;
}

static bool map_and_measure(qc_image *m, const char *path, qc_problems *p)
{
    static const char digit[] = "0123456789abcdef";
    uint64_t size;
    uint8_t sum[QC_SHA256_LEN];
    if (qc_os_size(m->fd, &size) || size == 0) {
        qc_problem(p, "copy", "file %s: found nothing in it, wanted a shared object", path);
        return false;
    }
    void *at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, m->fd, 0);
    if (at == MAP_FAILED) {
        qc_problem(p, "copy", "file %s: found %s, wanted it in memory", path, strerror(errno));
        return false;
    }
    m->bytes = qc_span_of(at, (size_t)size);
    qc_sha256(m->bytes, sum);
    for (size_t i = 0; i < sizeof sum; i++) {
        m->sha256[2 * i] = digit[sum[i] >> 4];
        m->sha256[2 * i + 1] = digit[sum[i] & 15];
    }
    return true;
}

bool qc_image_open(const char *path, const qc_image_pin *pin, qc_image *out, qc_problems *p)
{
    size_t before = p->n;
    *out = (qc_image){.fd = -1};
    out->fd = open_and_seal(path, p);
    if (out->fd < 0 || !map_and_measure(out, path, p))
        return false;
    if (pin && pin->sha256 && strcmp(pin->sha256, out->sha256) != 0) {
        qc_problem(
            p, "pin",
            "sha256: found %s, wanted %s, as the grant says (after an update: %s); it is that of "
            "%s",
            out->sha256, pin->sha256, pin->command, path);
        return false;
    }
    if (!qc_elf_read(out->bytes, &out->elf, p))
        return false;
    (void)qc_elf_lint(&out->elf, p);
    (void)qc_manifest_parse(out->elf.manifest, &out->manifest, p);
    return p->n == before;
}

void qc_image_clear(qc_image *m)
{
    qc_elf_clear(&m->elf);
    qc_manifest_clear(&m->manifest);
    if (m->bytes.data)
        munmap((void *)(uintptr_t)m->bytes.data, m->bytes.len);
    if (m->fd >= 0)
        close(m->fd);
    *m = (qc_image){.fd = -1};
}
