/* Reading blk and rev files. Nothing in them is believed: lengths are held against the file's size
 * before anything is allocated. Opens the file for each read, so that any thread may. */
#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/crypto/sha256.h"
#include "core/kv/obfuscate.h"
#include "core/os/file.h"
#include "core/store/files.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct record {
    const qc_filebase *base;
    qc_filekind kind;
    qc_filepos pos;
    int fd;
    uint64_t size; /* of the file */
    char *detail;
    size_t cap;
} record;

static const char *prefix(const record *r)
{
    return r->kind == QC_FILE_BLK ? "blk" : "rev";
}

QC_PRINTF(2, 3) static qc_err corrupt(const record *r, const char *fmt, ...)
{
    va_list ap;
    if (!r->detail || !r->cap)
        return QC_ECORRUPT;
    int n = snprintf(r->detail, r->cap, "%s%05d.dat offset %u: ", prefix(r), (int)r->pos.file,
                     r->pos.pos);
    va_start(ap, fmt);
    if (n > 0 && (size_t)n < r->cap)
        vsnprintf(r->detail + n, r->cap - (size_t)n, fmt, ap);
    va_end(ap);
    return QC_ECORRUPT;
}

static qc_err failed(const record *r, qc_err err)
{
    if (r->detail && r->cap)
        snprintf(r->detail, r->cap, "%s/%s%05d.dat: %s", r->base->dir, prefix(r), (int)r->pos.file,
                 qc_err_text(err));
    return err;
}

static qc_err open_file(record *r)
{
    if (r->pos.file < 0 || r->pos.pos < QC_FRAME_LEN)
        return corrupt(r, "no record can lie here");
    char *path = qc_blockfile_path(r->base->dir, r->kind, (uint32_t)r->pos.file);
    qc_err err = qc_os_open_ro(&r->fd, path);
    qc_free(path);
    if (err)
        return failed(r, err == QC_ENOENT ? QC_EPRUNED : err);
    if ((err = qc_os_size(r->fd, &r->size))) {
        qc_os_close(r->fd);
        return failed(r, err);
    }
    return QC_OK;
}

static qc_err read_at(const record *r, uint64_t off, uint8_t *buf, size_t len)
{
    qc_err err = qc_os_pread_full(r->fd, buf, len, off);
    if (err == QC_ECORRUPT) /* the file has just been cut */
        return corrupt(r, "file ends before %zu bytes from %" PRIu64, len, off);
    if (err)
        return failed(r, err);
    if (r->base->xored)
        qc_obfuscate(buf, buf, len, r->base->key, off);
    return QC_OK;
}

/* The frame before the record: magic and length, `tail` bytes wanted behind it. */
static qc_err read_frame(const record *r, uint32_t max, uint32_t tail, uint32_t *len)
{
    uint8_t h[QC_FRAME_LEN];
    if (r->pos.pos > r->size)
        return corrupt(r, "file has %" PRIu64 " bytes", r->size);
    qc_err err = read_at(r, r->pos.pos - QC_FRAME_LEN, h, sizeof h);
    if (err)
        return err;
    const uint8_t *m = r->base->magic;
    if (memcmp(h, m, 4) != 0)
        return corrupt(r, "magic %02x%02x%02x%02x found, %02x%02x%02x%02x wanted", h[0], h[1], h[2],
                       h[3], m[0], m[1], m[2], m[3]);
    *len = qc_read_le32(h + 4);
    if (*len > max)
        return corrupt(r, "length %u found, at most %u wanted", *len, max);
    uint64_t left = r->size - r->pos.pos;
    if ((uint64_t)*len + tail > left)
        return corrupt(r, "length %u found, %" PRIu64 " bytes left in the file", *len, left);
    return QC_OK;
}

/* Frame and body with `tail` bytes behind it, in one allocation. */
static qc_err read_record(record *r, uint32_t max, uint32_t tail, qc_bytes *out)
{
    qc_err err = open_file(r);
    if (err)
        return err;
    uint32_t len = 0;
    qc_bytes body = QC_BYTES_INIT;
    err = read_frame(r, max, tail, &len);
    if (!err && (err = qc_bytes_alloc(&body, (size_t)len + tail)))
        failed(r, err);
    if (!err)
        err = read_at(r, r->pos.pos, body.data, body.len);
    qc_os_close(r->fd);
    if (err)
        qc_bytes_free(&body);
    else
        *out = body;
    return err;
}

qc_err qc_blockfiles_frame(const qc_blockfiles *f, qc_filepos pos, uint8_t magic[4], uint32_t *len)
{
    const qc_filebase *b = qc_blockfiles_base(f);
    record r = {b, QC_FILE_BLK, pos, -1, 0, NULL, 0};
    uint8_t h[QC_FRAME_LEN], unused[QC_FRAME_LEN] = {0};
    qc_err err = open_file(&r);
    if (err)
        return err == QC_EPRUNED ? QC_ENOENT : err;
    err = pos.pos > r.size ? QC_ENOENT : read_at(&r, pos.pos - QC_FRAME_LEN, h, sizeof h);
    qc_os_close(r.fd);
    if (err)
        return err;
    /* Preallocation is zero on disk. */
    if (b->xored)
        qc_obfuscate(unused, unused, sizeof unused, b->key, pos.pos - QC_FRAME_LEN);
    if (memcmp(h, unused, sizeof h) == 0)
        return QC_ENOENT;
    memcpy(magic, h, 4);
    *len = qc_read_le32(h + 4);
    return QC_OK;
}

qc_err qc_blockfiles_read_block(const qc_blockfiles *f, qc_filepos pos, qc_bytes *out, char *detail,
                                size_t cap)
{
    record r = {qc_blockfiles_base(f), QC_FILE_BLK, pos, -1, 0, detail, cap};
    return read_record(&r, QC_BLOCK_MAX, 0, out);
}

qc_err qc_blockfiles_read_undo(const qc_blockfiles *f, qc_filepos pos, const qc_hash *prev,
                               qc_bytes *out, char *detail, size_t cap)
{
    record r = {qc_blockfiles_base(f), QC_FILE_REV, pos, -1, 0, detail, cap};
    qc_bytes body;
    qc_err err = read_record(&r, UINT32_MAX, QC_SUM_LEN, &body);
    if (err)
        return err;
    size_t len = body.len - QC_SUM_LEN;
    uint8_t sum[QC_SUM_LEN];
    qc_sha256_ctx ctx;
    qc_sha256_init(&ctx);
    qc_sha256_update(&ctx, prev->b, sizeof prev->b);
    qc_sha256_update(&ctx, body.data, len);
    qc_sha256d_final(&ctx, sum);
    if (memcmp(sum, body.data + len, QC_SUM_LEN) != 0) {
        err = corrupt(&r, "checksum begins %02x%02x%02x%02x, %02x%02x%02x%02x wanted",
                      body.data[len], body.data[len + 1], body.data[len + 2], body.data[len + 3],
                      sum[0], sum[1], sum[2], sum[3]);
        qc_bytes_free(&body);
        return err;
    }
    body.len = len;
    *out = body;
    return QC_OK;
}
