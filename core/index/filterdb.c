#include "core/index/filterdb.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/btc/wire.h"
#include "core/crypto/sha256.h"
#include "core/kv/kv.h"
#include "core/os/file.h"

#include <stdio.h>

#define FILE_MAX (16u << 20) /* Core MAX_FLTR_FILE_SIZE */
#define CHUNK (1u << 20)     /* Core FLTR_FILE_CHUNK_SIZE */
#define FILTER_MAX (8u << 20)

typedef struct place {
    uint32_t file, pos;
} place;

typedef struct entry {
    qc_hash block, filter_hash, header;
    place at;
} entry;

struct qc_filterdb {
    qc_kv *kv;
    char *dir;
    place next;
    int fd; /* of file next.file, -1: not open */
};

/* ---- coding ---- */

static void height_key(uint32_t height, uint8_t out[static 5])
{
    out[0] = 't';
    qc_write_be32(out + 1, height);
}

static void hash_key(const qc_hash *block, uint8_t out[static 33])
{
    out[0] = 's';
    memcpy(out + 1, block->b, 32);
}

static qc_err put_place(qc_bytes *b, place p)
{
    qc_err err = qc_w_varint(b, p.file);
    return err ? err : qc_w_varint(b, p.pos);
}

static place get_place(qc_reader *r)
{
    uint64_t file = qc_r_varint(r), pos = qc_r_varint(r);
    if (file > 99999 || pos > FILE_MAX)
        r->fail = QC_WIRE_TOO_LARGE;
    return (place){(uint32_t)file, (uint32_t)pos};
}

static qc_err put_entry(qc_bytes *b, const entry *e, bool with_block)
{
    qc_err err = with_block ? qc_bytes_append(b, e->block.b, 32) : QC_OK;
    if (!err)
        err = qc_bytes_append(b, e->filter_hash.b, 32);
    if (!err)
        err = qc_bytes_append(b, e->header.b, 32);
    return err ? err : put_place(b, e->at);
}

static qc_err read_entry(qc_filterdb *f, qc_span key, bool with_block, entry *e)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(f->kv, NULL, key, &v);
    if (err)
        return err;
    qc_reader r = qc_reader_of(qc_bytes_span(&v));
    if (with_block)
        qc_r_hash(&r, &e->block);
    qc_r_hash(&r, &e->filter_hash);
    qc_r_hash(&r, &e->header);
    e->at = get_place(&r);
    err = r.fail || qc_reader_left(&r) ? QC_ECORRUPT : QC_OK;
    qc_bytes_free(&v);
    return err;
}

static qc_err write_one(qc_filterdb *f, qc_span key, qc_span value)
{
    qc_kv_batch *b = qc_kv_batch_new(f->kv);
    qc_kv_batch_put(b, key, value);
    qc_err err = qc_kv_write(f->kv, b, false);
    qc_kv_batch_free(b);
    return err;
}

/* ---- open ---- */

static qc_err read_next(qc_filterdb *f)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(f->kv, NULL, qc_span_str("P"), &v);
    if (err)
        return err == QC_ENOENT ? QC_OK : err;
    qc_reader r = qc_reader_of(qc_bytes_span(&v));
    f->next = get_place(&r);
    err = r.fail || qc_reader_left(&r) ? QC_ECORRUPT : QC_OK;
    qc_bytes_free(&v);
    return err;
}

qc_err qc_filterdb_open(qc_filterdb **out, const char *dir, size_t cache, bool wipe, char *detail,
                        size_t cap)
{
    char *db = qc_asprintf("%s/db", dir);
    qc_filterdb *f = qc_alloc(sizeof *f);
    f->dir = qc_strdup(dir);
    f->fd = -1;
    qc_kv_options o = {.engine = QC_KV_LEVELDB, .cache_bytes = cache, .create = true, .wipe = wipe};
    qc_err err = qc_os_mkdirs(dir);
    if (wipe)
        qc_log(QC_LOG_INFO, "leveldb", "Wiping LevelDB in %s", db);
    qc_log(QC_LOG_INFO, "leveldb", "Opening LevelDB in %s", db);
    if (!err)
        err = qc_kv_open(&f->kv, db, &o, detail, cap);
    if (!err)
        err = read_next(f);
    qc_free(db);
    if (err) {
        qc_filterdb_close(f);
        f = NULL;
    }
    *out = f;
    return err;
}

void qc_filterdb_close(qc_filterdb *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        qc_os_close(f->fd);
    qc_kv_close(f->kv);
    qc_free(f->dir);
    qc_free(f);
}

qc_err qc_filterdb_locator(qc_filterdb *f, qc_bookmark *out)
{
    return qc_bookmark_get(f->kv, qc_span_str("B"), out);
}

/* ---- files ---- */

static char *file_path(const qc_filterdb *f, uint32_t file)
{
    return qc_asprintf("%s/fltr%05u.dat", f->dir, file);
}

static qc_err open_current(qc_filterdb *f)
{
    if (f->fd >= 0)
        return QC_OK;
    char *path = file_path(f, f->next.file);
    qc_err err = qc_os_open_rw(&f->fd, path, true);
    if (err)
        f->fd = -1;
    qc_free(path);
    return err;
}

static qc_err next_file(qc_filterdb *f)
{
    qc_err err = qc_os_truncate(f->fd, f->next.pos);
    if (!err)
        err = qc_os_sync(f->fd);
    qc_os_close(f->fd);
    f->fd = -1;
    f->next = (place){f->next.file + 1, 0};
    return err ? err : open_current(f);
}

static qc_err reserve(qc_filterdb *f, size_t need)
{
    uint32_t had = (f->next.pos + CHUNK - 1) / CHUNK * CHUNK;
    uint32_t want = (uint32_t)((f->next.pos + need + CHUNK - 1) / CHUNK * CHUNK);
    return want > had ? qc_os_preallocate(f->fd, had, want - had) : QC_OK;
}

static qc_err append_file(qc_filterdb *f, qc_span data)
{
    qc_err err = open_current(f);
    if (!err && f->next.pos + data.len > FILE_MAX)
        err = next_file(f);
    if (!err)
        err = reserve(f, data.len);
    return err ? err : qc_os_pwrite_full(f->fd, data.data, data.len, f->next.pos);
}

qc_err qc_filterdb_put(qc_filterdb *f, uint32_t height, const qc_hash *block, qc_span filter,
                       const qc_hash *header)
{
    uint8_t key[5];
    qc_bytes data = QC_BYTES_INIT, value = QC_BYTES_INIT;
    entry e = {.block = *block, .header = *header};
    qc_sha256d(filter, e.filter_hash.b);
    qc_err err = qc_bytes_append(&data, block->b, 32);
    if (!err)
        err = qc_w_var(&data, filter);
    if (!err)
        err = append_file(f, qc_bytes_span(&data));
    e.at = f->next;
    if (!err)
        err = put_entry(&value, &e, true);
    height_key(height, key);
    if (!err)
        err = write_one(f, qc_span_of(key, sizeof key), qc_bytes_span(&value));
    if (!err)
        f->next.pos += (uint32_t)data.len;
    qc_bytes_free(&value);
    qc_bytes_free(&data);
    return err;
}

static qc_err read_filter(const qc_filterdb *f, const entry *e, const qc_hash *block, qc_bytes *out)
{
    int fd;
    uint8_t head[32 + 9];
    uint64_t size;
    char *path = file_path(f, e->at.file);
    qc_err err = qc_os_open_ro(&fd, path);
    qc_free(path);
    if (err)
        return err;
    err = qc_os_size(fd, &size);
    size_t n = !err && size > e->at.pos ? (size_t)(size - e->at.pos) : 0;
    if (n > sizeof head)
        n = sizeof head;
    if (!err)
        err = n ? qc_os_pread_full(fd, head, n, e->at.pos) : QC_ECORRUPT;
    qc_reader r = qc_reader_of(qc_span_of(head, n));
    qc_hash found, hash;
    qc_r_hash(&r, &found);
    uint64_t len = qc_r_compact(&r);
    if (!err && (r.fail || len > FILTER_MAX || !qc_hash_eq(&found, block)))
        err = QC_ECORRUPT;
    if (!err)
        err = qc_bytes_alloc(out, (size_t)len);
    if (!err) {
        err = qc_os_pread_full(fd, out->data, out->len, e->at.pos + (uint64_t)(r.p - r.start));
        qc_sha256d(qc_bytes_span(out), hash.b);
        if (!err && !qc_hash_eq(&hash, &e->filter_hash))
            err = QC_ECORRUPT;
        if (err)
            qc_bytes_free(out);
    }
    qc_os_close(fd);
    return err;
}

static qc_err find(qc_filterdb *f, uint32_t height, const qc_hash *block, entry *e)
{
    uint8_t by_height[5], by_hash[33];
    height_key(height, by_height);
    qc_err err = read_entry(f, qc_span_of(by_height, sizeof by_height), true, e);
    if (!err && qc_hash_eq(&e->block, block))
        return QC_OK;
    if (err && err != QC_ENOENT)
        return err;
    hash_key(block, by_hash);
    return read_entry(f, qc_span_of(by_hash, sizeof by_hash), false, e);
}

qc_err qc_filterdb_get(qc_filterdb *f, uint32_t height, const qc_hash *block, qc_bytes *filter,
                       qc_hash *header)
{
    entry e;
    qc_err err = find(f, height, block, &e);
    if (!err)
        *header = e.header;
    return err || !filter ? err : read_filter(f, &e, block, filter);
}

qc_err qc_filterdb_hash(qc_filterdb *f, uint32_t height, const qc_hash *block, qc_hash *out)
{
    entry e;
    qc_err err = find(f, height, block, &e);
    if (!err)
        *out = e.filter_hash;
    return err;
}

qc_err qc_filterdb_leave(qc_filterdb *f, uint32_t height)
{
    uint8_t by_height[5], by_hash[33];
    entry e;
    qc_bytes value = QC_BYTES_INIT;
    height_key(height, by_height);
    qc_err err = read_entry(f, qc_span_of(by_height, sizeof by_height), true, &e);
    if (err)
        return err;
    hash_key(&e.block, by_hash);
    err = put_entry(&value, &e, false);
    if (!err)
        err = write_one(f, qc_span_of(by_hash, sizeof by_hash), qc_bytes_span(&value));
    qc_bytes_free(&value);
    return err;
}

qc_err qc_filterdb_commit(qc_filterdb *f, const qc_bookmark *l)
{
    qc_bytes pos = QC_BYTES_INIT;
    qc_kv_batch *b = qc_kv_batch_new(f->kv);
    qc_err err = open_current(f);
    if (!err)
        err = qc_os_sync(f->fd);
    if (!err)
        err = put_place(&pos, f->next);
    if (!err)
        err = qc_bookmark_put(b, qc_span_str("B"), l);
    if (!err) {
        qc_kv_batch_put(b, qc_span_str("P"), qc_bytes_span(&pos));
        err = qc_kv_write(f->kv, b, true);
    }
    qc_kv_batch_free(b);
    qc_bytes_free(&pos);
    return err;
}
