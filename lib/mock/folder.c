/* The mock's store in a folder: one file of batches, so that it outlives the process. What was not
 * synced when the process ended is dropped at the next opening, as a power failure may. */
#include "lib/mock/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DURABLE = 1, WIPE = 2 };

typedef struct record {
    uint64_t len; /* of the batch that follows */
    uint32_t flags, check;
} record;

static uint32_t check_of(uint64_t len, uint32_t flags)
{
    return (uint32_t)(len * 2654435761u) ^ flags ^ 0x51554f49u;
}

static qn_status append(qn_mock *m, const void *batch, uint64_t len, uint32_t flags)
{
    record r = {len, flags, check_of(len, flags)};
    if (m->folder < 0)
        return QN_OK;
    uint8_t *all = qn_mk_grow(NULL, sizeof r + len);
    memcpy(all, &r, sizeof r);
    if (len)
        memcpy(all + sizeof r, batch, len);
    ssize_t n = write(m->folder, all, sizeof r + len);
    free(all);
    if (n != (ssize_t)(sizeof r + len))
        return QN_E_IO;
    off_t at = lseek(m->folder, 0, SEEK_CUR);
    if (flags & DURABLE)
        m->folder_durable = (uint64_t)at;
    return QN_OK;
}

qn_status qn_mk_folder_write(qn_mock *m, const void *batch, uint64_t len, uint32_t flags)
{
    return append(m, batch, len, flags & QN_STORE_SYNC ? DURABLE : 0);
}

qn_status qn_mk_folder_wipe(qn_mock *m)
{
    return append(m, NULL, 0, WIPE | DURABLE);
}

void qn_mk_folder_end(qn_mock *m, bool crash)
{
    if (m->folder < 0)
        return;
    if (!crash)
        (void)append(m, NULL, 0, DURABLE);
    else if (ftruncate(m->folder, (off_t)m->folder_durable) == 0)
        (void)lseek(m->folder, (off_t)m->folder_durable, SEEK_SET);
}

/* Length of the whole record at `p`, 0: there is none. */
static uint64_t record_at(const uint8_t *p, uint64_t left, record *r)
{
    if (left < sizeof *r)
        return 0;
    memcpy(r, p, sizeof *r);
    bool whole = r->check == check_of(r->len, r->flags) && r->len <= left - sizeof *r;
    return whole ? sizeof *r + r->len : 0;
}

static void replay(qn_mock *m, const uint8_t *data, uint64_t size)
{
    record r;
    uint64_t end = 0;
    for (uint64_t at = 0, n; (n = record_at(data + at, size - at, &r)); at += n)
        if (r.flags & DURABLE)
            end = at + n;
    for (uint64_t at = 0, n; at < end; at += n) {
        n = record_at(data + at, size - at, &r);
        if (r.flags & WIPE)
            qn_mk_rows_free(&m->rows);
        else
            qn_mk_store_apply(m, data + at + sizeof r, r.len);
    }
    m->folder_durable = end;
}

qn_status qn_mock_store_folder(qn_mock *m, const char *folder)
{
    struct stat st;
    size_t room = strlen(folder) + 16;
    char *path = qn_mk_grow(NULL, room);
    snprintf(path, room, "%s/store", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (fd < 0 || fstat(fd, &st)) {
        if (fd >= 0)
            close(fd);
        return QN_E_IO;
    }
    uint8_t *data = qn_mk_grow(NULL, (size_t)st.st_size);
    ssize_t n = pread(fd, data, (size_t)st.st_size, 0);
    if (m->folder >= 0)
        close(m->folder);
    m->folder = fd;
    qn_mk_rows_free(&m->rows);
    replay(m, data, n > 0 ? (uint64_t)n : 0);
    qn_mk_store_drop(m, false); /* what was read is durable */
    qn_mk_folder_end(m, true);
    free(data);
    return QN_OK;
}
