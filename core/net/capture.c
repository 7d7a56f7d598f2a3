#include "core/net/capture.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/net/message.h"
#include "core/os/file.h"

#define HEAD (8u + QC_MSG_NAME + 4u)

static qc_err append(const char *path, const uint8_t head[static HEAD], qc_span payload)
{
    int fd;
    uint64_t end;
    qc_err err = qc_os_open_rw(&fd, path, true);
    if (err)
        return err;
    err = qc_os_size(fd, &end);
    if (!err)
        err = qc_os_pwrite_full(fd, head, HEAD, end);
    if (!err)
        err = qc_os_pwrite_full(fd, payload.data, payload.len, end + HEAD);
    qc_os_close(fd);
    return err;
}

void qc_capture(const char *dir, const char *addr, const char *name, qc_span payload, bool received)
{
    uint8_t head[HEAD] = {0};
    char *folder = qc_asprintf("%s/%s", dir, addr);
    /* A name that an operator or RPC user gave may have anything in it. */
    for (char *c = folder + strlen(dir) + 1; *c; c++)
        if (*c == ':' || *c == '/' || (*c == '.' && c[-1] == '/'))
            *c = '_';
    char *path = qc_asprintf("%s/%s", folder, received ? "msgs_recv.dat" : "msgs_sent.dat");
    qc_write_le64(head, (uint64_t)qc_clock_now_us());
    memcpy(head + 8, name, strnlen(name, QC_MSG_NAME));
    qc_write_le32(head + 8 + QC_MSG_NAME, (uint32_t)payload.len);
    qc_err err = qc_os_mkdirs(folder);
    if (!err)
        err = append(path, head, payload);
    if (err)
        qc_log(QC_LOG_ERROR, "net", "Cannot capture a message in %s: %s", path, qc_err_text(err));
    qc_free(path);
    qc_free(folder);
}
