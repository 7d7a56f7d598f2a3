/* Finding framed blocks in a file of unknown state (Core LoadExternalBlockFile): look for the magic
 * bytes, believe a length between 80 and 4,000,000, and go on one byte behind a magic that led to
 * nothing. A frame that reaches beyond the end of the file is looked into as well, where Core ends:
 * one flipped bit in a length must not hide the blocks behind it. */
#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/kv/obfuscate.h"
#include "core/os/file.h"
#include "core/store/files.h"

#include <inttypes.h>

#define BUFFER_BYTES ((size_t)2 * QC_BLOCK_MAX + 4096)
#define READ_AHEAD ((size_t)1 << 20)

struct qc_blkscan {
    int fd;
    char *path;
    uint64_t size;
    uint8_t magic[4], key[8];
    bool xored, told; /* told: a frame was seen to reach beyond the end */
    uint8_t *buf;
    uint64_t base; /* where buf lies in the file */
    size_t len;
    uint64_t pos;   /* where the search goes on */
    uint64_t frame; /* magic of the block given last */
    uint64_t skipped;
};

qc_err qc_blkscan_open(qc_blkscan **out, const char *path, const uint8_t magic[4],
                       const uint8_t *xor_key)
{
    *out = NULL;
    qc_blkscan *s = qc_alloc(sizeof *s);
    s->path = qc_strdup(path);
    memcpy(s->magic, magic, sizeof s->magic);
    if (xor_key)
        memcpy(s->key, xor_key, sizeof s->key);
    s->xored = memcmp(s->key, (uint8_t[8]){0}, 8) != 0;
    qc_err err = qc_os_open_ro(&s->fd, path);
    if (err) {
        s->fd = -1;
    } else if (!(err = qc_os_size(s->fd, &s->size))) {
        s->buf = qc_try_malloc(BUFFER_BYTES);
        err = s->buf ? QC_OK : QC_ENOMEM;
    }
    if (err) {
        qc_blkscan_close(s);
        return err;
    }
    *out = s;
    return QC_OK;
}

void qc_blkscan_close(qc_blkscan *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        qc_os_close(s->fd);
    qc_free(s->buf);
    qc_free(s->path);
    qc_free(s);
}

/* Bytes of the file from `off`: at least `want` of them unless it ends first. */
static qc_err view(qc_blkscan *s, uint64_t off, size_t want, const uint8_t **p, size_t *got)
{
    if (off < s->base || off > s->base + s->len) {
        s->base = off;
        s->len = 0;
    }
    size_t skip = (size_t)(off - s->base), have = s->len - skip;
    want = (size_t)QC_MIN((uint64_t)want, s->size - off);
    if (have < want) {
        memmove(s->buf, s->buf + skip, have);
        s->base = off;
        s->len = have;
        size_t more = QC_MIN(QC_MAX(want - have, READ_AHEAD), BUFFER_BYTES - have);
        more = (size_t)QC_MIN((uint64_t)more, s->size - off - have);
        qc_err err = qc_os_pread_full(s->fd, s->buf + have, more, off + have);
        if (err)
            return err == QC_ECORRUPT ? QC_EIO : err; /* the file shrank under us */
        if (s->xored)
            qc_obfuscate(s->buf + have, s->buf + have, more, s->key, off + have);
        s->len += more;
        skip = 0;
        have += more;
    }
    *p = s->buf + skip;
    *got = have;
    return QC_OK;
}

/* What is zero on disk is preallocation, everything else is garbage. */
static void pass_over(qc_blkscan *s, const uint8_t *p, size_t n)
{
    uint64_t garbage = 0;
    for (size_t i = 0; i < n; i++)
        garbage += p[i] != s->key[(s->pos + i) & 7];
    s->skipped += garbage;
    s->pos += n;
}

/* To the next byte that may begin a magic. QC_ENOENT: none. */
static qc_err find_first(qc_blkscan *s)
{
    for (;;) {
        const uint8_t *p;
        size_t n;
        if (s->pos >= s->size)
            return QC_ENOENT;
        qc_err err = view(s, s->pos, 1, &p, &n);
        if (err)
            return err;
        const uint8_t *at = memchr(p, s->magic[0], n);
        pass_over(s, p, at ? (size_t)(at - p) : n);
        if (at)
            return QC_OK;
    }
}

static void tell_cut(qc_blkscan *s, uint32_t len)
{
    if (s->told)
        return;
    s->told = true;
    qc_log(QC_LOG_WARN, "reindex",
           "%s: block at offset %" PRIu64 ": length %u found, %" PRIu64 " bytes left in the file",
           s->path, s->pos + QC_FRAME_LEN, len, s->size - s->pos - QC_FRAME_LEN);
}

/* A whole frame at s->pos? *len 0: no. */
static qc_err try_frame(qc_blkscan *s, uint32_t *len)
{
    const uint8_t *p;
    size_t n;
    *len = 0;
    qc_err err = view(s, s->pos, QC_FRAME_LEN, &p, &n);
    if (err || n < QC_FRAME_LEN || memcmp(p, s->magic, 4) != 0)
        return err;
    uint32_t v = qc_read_le32(p + 4);
    if (v < QC_BLOCK_MIN || v > QC_BLOCK_MAX)
        return QC_OK;
    if (v > s->size - s->pos - QC_FRAME_LEN)
        tell_cut(s, v);
    else
        *len = v;
    return QC_OK;
}

qc_err qc_blkscan_next(qc_blkscan *s, qc_span *block, uint64_t *offset)
{
    uint32_t len = 0;
    for (;;) {
        qc_err err = find_first(s);
        if (err || (err = try_frame(s, &len)))
            return err;
        if (len)
            break;
        pass_over(s, (const uint8_t[]){s->magic[0]}, 1);
    }
    const uint8_t *p;
    size_t n;
    qc_err err = view(s, s->pos, QC_FRAME_LEN + len, &p, &n);
    if (err)
        return err;
    *block = qc_span_of(p + QC_FRAME_LEN, len);
    *offset = s->pos + QC_FRAME_LEN;
    s->frame = s->pos;
    s->pos += QC_FRAME_LEN + len;
    return QC_OK;
}

void qc_blkscan_resync(qc_blkscan *s)
{
    s->pos = s->frame + 1;
}

void qc_blkscan_used(qc_blkscan *s, size_t len)
{
    s->pos = s->frame + QC_FRAME_LEN + len;
}

void qc_blkscan_seek(qc_blkscan *s, uint64_t offset)
{
    s->pos = QC_MIN(offset, s->size);
}

uint64_t qc_blkscan_skipped(const qc_blkscan *s)
{
    return s->skipped;
}

uint64_t qc_blkscan_size(const qc_blkscan *s)
{
    return s->size;
}
