/* The block index database: 'b' block records, 'f' file infos, 'l' the last file, 'F' flags, 'R'
 * while a reindex is under way (Core node/blockstorage.cpp BlockTreeDB). */
#include "core/store/indexdb.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/base/log.h"
#include "core/kv/kv.h"
#include "core/store/coding.h"
#include "core/store/files.h"

#include <stdarg.h>
#include <stdio.h>

#define KEY_BLOCK 'b'
#define KEY_FILE 'f'
#define KEY_FLAG 'F'
/* Core chain.h CDiskBlockIndex DUMMY_VERSION: the highest client version that was ever written. */
#define CLIENT_VERSION 259900u
#define HAVE_FILE (QC_BLOCK_HAVE_DATA | QC_BLOCK_HAVE_UNDO)
#define RECORD_MAX (7 * QC_VARINT_MAX + QC_HEADER_LEN)
#define INFO_MAX (7 * QC_VARINT_MAX)
#define FLAG_NAME_MAX 200

struct qc_indexdb {
    qc_kv *kv;
    char detail[512];
};

struct qc_indexdb_batch {
    qc_indexdb *db;
    qc_kv_batch *b;
};

static qc_span one(const char *key)
{
    return qc_span_of(key, 1);
}

QC_PRINTF(3, 4) static qc_err fault(qc_indexdb *db, qc_err err, const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(db->detail, sizeof db->detail, "%s: ", qc_kv_path(db->kv));
    va_start(ap, fmt);
    if (n > 0 && (size_t)n < sizeof db->detail)
        vsnprintf(db->detail + n, sizeof db->detail - (size_t)n, fmt, ap);
    va_end(ap);
    qc_log(QC_LOG_ERROR, "blockstorage", "%s", db->detail);
    return err;
}

qc_err qc_indexdb_open(qc_indexdb **out, const char *path, size_t cache_bytes, bool wipe,
                       char *detail, size_t cap)
{
    *out = NULL;
    qc_kv_options o = {.engine = QC_KV_LEVELDB,
                       .cache_bytes = cache_bytes,
                       .create = true,
                       .wipe = wipe,
                       .paranoid = true};
    qc_indexdb *db = qc_alloc(sizeof *db);
    qc_err err = qc_kv_open(&db->kv, path, &o, detail, cap);
    if (err) {
        qc_free(db);
        return err;
    }
    *out = db;
    return QC_OK;
}

void qc_indexdb_close(qc_indexdb *db)
{
    if (!db)
        return;
    qc_kv_close(db->kv);
    qc_free(db);
}

const char *qc_indexdb_detail(const qc_indexdb *db)
{
    return db->detail;
}

/* ---- block records ---- */

size_t qc_index_record_encode(const qc_index_record *r, uint8_t out[static QC_INDEX_RECORD_MAX])
{
    _Static_assert(QC_INDEX_RECORD_MAX >= RECORD_MAX, "room for all fields");
    size_t n = qc_varint_put(out, CLIENT_VERSION);
    n += qc_varint_put(out + n, r->height);
    n += qc_varint_put(out + n, r->status);
    n += qc_varint_put(out + n, r->n_tx);
    if (r->status & HAVE_FILE) {
        QC_ASSERT(r->file >= 0);
        n += qc_varint_put(out + n, (uint32_t)r->file);
    }
    if (r->status & QC_BLOCK_HAVE_DATA)
        n += qc_varint_put(out + n, r->data_pos);
    if (r->status & QC_BLOCK_HAVE_UNDO)
        n += qc_varint_put(out + n, r->undo_pos);
    qc_header_write(&r->header, out + n);
    return n + QC_HEADER_LEN;
}

/* Core's non-negative int. */
static uint32_t read_int(qc_reader *r, const char **why, const char *what)
{
    uint32_t v;
    if ((!qc_varint_u32(r, &v) || v > INT32_MAX) && !*why)
        *why = what;
    return v;
}

static uint32_t read_u32(qc_reader *r, const char **why, const char *what)
{
    uint32_t v;
    if (!qc_varint_u32(r, &v) && !*why)
        *why = what;
    return v;
}

const char *qc_index_record_decode(qc_span value, qc_index_record *out)
{
    qc_reader r = qc_reader_of(value);
    const char *why = NULL;
    qc_index_record rec = {.file = -1};
    (void)read_int(&r, &why, "version is not a number");
    rec.height = read_int(&r, &why, "height is not a number");
    rec.status = read_u32(&r, &why, "status is not a number");
    rec.n_tx = read_u32(&r, &why, "transaction count is not a number");
    if (rec.status & HAVE_FILE)
        rec.file = (int32_t)read_int(&r, &why, "file is not a number");
    if (rec.status & QC_BLOCK_HAVE_DATA)
        rec.data_pos = read_u32(&r, &why, "place of the block is not a number");
    if (rec.status & QC_BLOCK_HAVE_UNDO)
        rec.undo_pos = read_u32(&r, &why, "place of the undo data is not a number");
    qc_span header = qc_r_span(&r, QC_HEADER_LEN);
    if (why)
        return why;
    if (r.fail)
        return "data ends inside the header";
    if (qc_reader_left(&r))
        return "bytes left over";
    qc_header_read(header.data, &rec.header);
    *out = rec;
    return NULL;
}

static qc_err read_record(qc_indexdb *db, qc_span key, qc_span value, qc_hash *hash,
                          qc_index_record *rec)
{
    char hex[QC_HASH_HEX_LEN + 1];
    if (key.len != 33)
        return fault(db, QC_ECORRUPT, "block record with a key of %zu bytes, 33 wanted", key.len);
    memcpy(hash->b, key.data + 1, 32);
    qc_hash_hex(hash, hex);
    const char *why = qc_index_record_decode(value, rec);
    if (why)
        return fault(db, QC_ECORRUPT, "block record %s: %s", hex, why);
    qc_hash found;
    qc_header_hash(&rec->header, &found);
    if (qc_hash_eq(&found, hash))
        return QC_OK;
    char found_hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&found, found_hex);
    return fault(db, QC_ECORRUPT, "block record %s holds the header of %s", hex, found_hex);
}

qc_err qc_indexdb_each(qc_indexdb *db,
                       qc_err (*fn)(void *arg, const qc_hash *hash, const qc_index_record *rec),
                       void *arg)
{
    qc_kv_iter *it = qc_kv_iter_new(db->kv, NULL);
    qc_err err = QC_OK;
    for (qc_kv_iter_seek(it, one("b")); !err && qc_kv_iter_valid(it); qc_kv_iter_next(it)) {
        qc_span key = qc_kv_iter_key(it);
        if (key.len == 0 || key.data[0] != KEY_BLOCK)
            break;
        qc_hash hash;
        qc_index_record rec;
        qc_span value = qc_kv_iter_value(it);
        if ((err = qc_kv_iter_status(it)))
            break;
        if (!(err = read_record(db, key, value, &hash, &rec)))
            err = fn(arg, &hash, &rec);
    }
    if (!err && (err = qc_kv_iter_status(it)))
        err = fault(db, err, "%s", qc_err_text(err));
    qc_kv_iter_free(it);
    return err;
}

/* ---- file infos, last file, flags ---- */

static qc_span file_key(uint8_t key[static 5], uint32_t file)
{
    key[0] = KEY_FILE;
    qc_write_le32(key + 1, file);
    return qc_span_of(key, 5);
}

static qc_err read_info(qc_span value, qc_fileinfo *out)
{
    qc_reader r = qc_reader_of(value);
    uint32_t *field[] = {&out->blocks, &out->size, &out->undo_size, &out->height_first,
                         &out->height_last};
    for (size_t i = 0; i < QC_COUNTOF(field); i++)
        if (!qc_varint_u32(&r, field[i]))
            return QC_ECORRUPT;
    out->time_first = qc_r_varint(&r);
    out->time_last = qc_r_varint(&r);
    return r.fail || qc_reader_left(&r) ? QC_ECORRUPT : QC_OK;
}

/* A read that failed for another reason than absence. */
static qc_err read_failed(qc_indexdb *db, qc_err err, const char *what)
{
    return err == QC_ENOENT ? err : fault(db, err, "%s: %s", what, qc_err_text(err));
}

qc_err qc_indexdb_info(qc_indexdb *db, uint32_t file, qc_fileinfo *out)
{
    uint8_t key[5];
    qc_bytes v = QC_BYTES_INIT;
    qc_fileinfo info;
    qc_err err = qc_kv_get(db->kv, NULL, file_key(key, file), &v);
    if (err)
        return read_failed(db, err, "file info");
    if (read_info(qc_bytes_span(&v), &info))
        err = fault(db, QC_ECORRUPT, "info of block file %u: %zu bytes that are not seven numbers",
                    file, v.len);
    else
        *out = info;
    qc_bytes_free(&v);
    return err;
}

qc_err qc_indexdb_last(qc_indexdb *db, uint32_t *out)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(db->kv, NULL, one("l"), &v);
    if (err)
        return read_failed(db, err, "last block file");
    uint32_t last = v.len == 4 ? qc_read_le32(v.data) : UINT32_MAX;
    if (v.len != 4)
        err = fault(db, QC_ECORRUPT, "last block file: %zu bytes found, 4 wanted", v.len);
    else if (last > QC_FILE_MAX)
        err = fault(db, QC_ECORRUPT, "last block file: %u found, %u is the highest", last,
                    QC_FILE_MAX);
    else
        *out = last;
    qc_bytes_free(&v);
    return err;
}

static size_t flag_key(uint8_t key[static 2 + FLAG_NAME_MAX], const char *name)
{
    size_t n = strlen(name);
    QC_ASSERT(n <= FLAG_NAME_MAX);
    key[0] = KEY_FLAG;
    key[1] = (uint8_t)n;
    memcpy(key + 2, name, n);
    return 2 + n;
}

qc_err qc_indexdb_flag(qc_indexdb *db, const char *name, bool *out)
{
    uint8_t key[2 + FLAG_NAME_MAX];
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(db->kv, NULL, qc_span_of(key, flag_key(key, name)), &v);
    if (err)
        return read_failed(db, err, name);
    if (v.len != 1)
        err = fault(db, QC_ECORRUPT, "flag %s: %zu bytes found, 1 wanted", name, v.len);
    else
        *out = v.data[0] == '1';
    qc_bytes_free(&v);
    return err;
}

/* One record, synced; value NULL deletes it. */
static qc_err write_one(qc_indexdb *db, qc_span key, const char *value)
{
    qc_kv_batch *b = qc_kv_batch_new(db->kv);
    if (value)
        qc_kv_batch_put(b, key, one(value));
    else
        qc_kv_batch_delete(b, key);
    qc_err err = qc_kv_write(db->kv, b, true);
    qc_kv_batch_free(b);
    return err ? fault(db, err, "write: %s", qc_err_text(err)) : QC_OK;
}

qc_err qc_indexdb_set_flag(qc_indexdb *db, const char *name, bool v)
{
    uint8_t key[2 + FLAG_NAME_MAX];
    return write_one(db, qc_span_of(key, flag_key(key, name)), v ? "1" : "0");
}

qc_err qc_indexdb_reindexing(qc_indexdb *db, bool *out)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(db->kv, NULL, one("R"), &v);
    if (err && err != QC_ENOENT)
        return read_failed(db, err, "reindex flag");
    *out = !err;
    qc_bytes_free(&v);
    return QC_OK;
}

qc_err qc_indexdb_set_reindexing(qc_indexdb *db, bool on)
{
    return write_one(db, one("R"), on ? "1" : NULL);
}

/* ---- batches ---- */

qc_indexdb_batch *qc_indexdb_batch_new(qc_indexdb *db)
{
    qc_indexdb_batch *b = qc_alloc(sizeof *b);
    b->db = db;
    b->b = qc_kv_batch_new(db->kv);
    return b;
}

void qc_indexdb_batch_put(qc_indexdb_batch *b, const qc_hash *hash, const qc_index_record *rec)
{
    uint8_t key[33] = {KEY_BLOCK}, value[QC_INDEX_RECORD_MAX];
    memcpy(key + 1, hash->b, 32);
    size_t n = qc_index_record_encode(rec, value);
    qc_kv_batch_put(b->b, qc_span_of(key, sizeof key), qc_span_of(value, n));
}

void qc_indexdb_batch_info(qc_indexdb_batch *b, uint32_t file, const qc_fileinfo *info)
{
    uint8_t key[5], value[INFO_MAX];
    size_t n = qc_varint_put(value, info->blocks);
    n += qc_varint_put(value + n, info->size);
    n += qc_varint_put(value + n, info->undo_size);
    n += qc_varint_put(value + n, info->height_first);
    n += qc_varint_put(value + n, info->height_last);
    n += qc_varint_put(value + n, info->time_first);
    n += qc_varint_put(value + n, info->time_last);
    qc_kv_batch_put(b->b, file_key(key, file), qc_span_of(value, n));
}

void qc_indexdb_batch_last(qc_indexdb_batch *b, uint32_t last)
{
    uint8_t value[4];
    qc_write_le32(value, last);
    qc_kv_batch_put(b->b, one("l"), qc_span_of(value, sizeof value));
}

qc_err qc_indexdb_batch_commit(qc_indexdb_batch *b, bool sync)
{
    qc_err err = qc_kv_write(b->db->kv, b->b, sync);
    if (err)
        fault(b->db, err, "write: %s", qc_err_text(err));
    qc_kv_batch_free(b->b);
    qc_free(b);
    return err;
}
