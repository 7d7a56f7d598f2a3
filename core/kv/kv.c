/* The engine-independent half: opening, Core's obfuscation of values, the engine's sentences turned
 * into error codes, and fault injection. */
#include "core/kv/kv.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/kv/engine.h"
#include "core/kv/obfuscate.h"
#include "core/os/file.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct qc_kv {
    const qc_kv_ops *ops;
    void *db;
    char *path;
    bool obfuscated;
    uint8_t key[8];
    _Atomic int stuck; /* the qc_err of a failed write that no later one may follow */
};

struct qc_kv_batch {
    qc_kv *kv;
    void *b;
    qc_bytes scratch;
    size_t size;
    qc_err err; /* sticky: a value could not be gathered */
};

struct qc_kv_snapshot {
    void *s;
};

struct qc_kv_iter {
    qc_kv *kv;
    void *it;
    qc_bytes scratch;
    qc_err err; /* sticky: the walk has ended */
};

/* Core dbwrapper.h OBFUSCATION_KEY: a string of 14 bytes behind its length. */
static const uint8_t KEY_RECORD[15] = {14,  0,   'o', 'b', 'f', 'u', 's', 'c',
                                       'a', 't', 'e', '_', 'k', 'e', 'y'};
#define BATCH_HEAD 12u /* what an empty LevelDB batch takes */

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static bool says_errno(const char *msg, int e)
{
    return strstr(msg, strerror(e)) != NULL;
}

/* Both engines report by sentence only: "<class>: <file>: <strerror>". */
static qc_err classify(const char *msg)
{
    if (says_errno(msg, ENOSPC) || says_errno(msg, EDQUOT))
        return QC_EFULL;
    if (begins(msg, "IO error: lock ") || begins(msg, "IO error: While lock file: "))
        return QC_EBUSY;
    if (begins(msg, "Corruption") || begins(msg, "Invalid argument"))
        return strstr(msg, "create_if_missing is false") ? QC_ENOENT : QC_ECORRUPT;
    if (begins(msg, "Not implemented"))
        return QC_EUNSUPPORTED;
    if (says_errno(msg, EACCES) || says_errno(msg, EROFS) || says_errno(msg, EPERM))
        return QC_EPERM;
    return QC_EIO;
}

/* Log the engine's sentence, free it, and return its code. */
static qc_err failed(const qc_kv *kv, const char *doing, char *msg)
{
    qc_err err = classify(msg);
    qc_log(QC_LOG_ERROR, "leveldb", "%s %s: %s: %s", kv->ops->name, kv->path, doing, msg);
    free(msg);
    return err;
}

/* ---- opening ---- */

static void say(char *detail, size_t cap, const char *path, const char *what)
{
    if (detail && cap)
        snprintf(detail, cap, "%s: %s", path, what);
}

static qc_err make_key(qc_kv *kv)
{
    uint8_t record[9] = {8};
    qc_os_random(record + 1, 8);
    qc_kv_batch *b = qc_kv_batch_new(kv);
    qc_kv_batch_put(b, qc_span_of(KEY_RECORD, sizeof KEY_RECORD),
                    qc_span_of(record, sizeof record));
    qc_err err = qc_kv_write(kv, b, true);
    qc_kv_batch_free(b);
    if (!err) {
        memcpy(kv->key, record + 1, 8);
        kv->obfuscated = true;
    }
    return err;
}

/* As Core's CDBWrapper constructor: an existing record counts in any case, a new one is made only
 * in an empty database. It is itself stored in the clear. */
static qc_err load_key(qc_kv *kv, const qc_kv_options *o, char *detail, size_t cap)
{
    if (o->engine == QC_KV_ROCKSDB && !o->obfuscate)
        return QC_OK;
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_kv_get(kv, NULL, qc_span_of(KEY_RECORD, sizeof KEY_RECORD), &v);
    if (err == QC_ENOENT) {
        bool empty;
        err = qc_kv_probe_empty(kv, &empty);
        if (!err && o->obfuscate && empty)
            err = make_key(kv);
    } else if (!err && (v.len != 9 || v.data[0] != 8)) {
        char what[80];
        snprintf(what, sizeof what, "obfuscation key record of %zu bytes where 9 are wanted",
                 v.len);
        say(detail, cap, kv->path, what);
        err = QC_ECORRUPT;
    } else if (!err) {
        memcpy(kv->key, v.data + 1, 8);
        kv->obfuscated = memcmp(kv->key, (uint8_t[8]){0}, 8) != 0;
    }
    qc_bytes_free(&v);
    return err;
}

static bool has_database(const char *path)
{
    char *current = qc_asprintf("%s/CURRENT", path);
    bool there = qc_os_exists(current);
    qc_free(current);
    return there;
}

static qc_err open_engine(qc_kv *kv, const qc_kv_options *o, char *detail, size_t cap)
{
    char *msg = NULL;
    qc_err err = QC_OK;
    if (o->wipe) {
        kv->ops->destroy(kv->path, &msg);
        if (msg)
            goto said;
    }
    if (o->create)
        err = qc_os_mkdirs(kv->path);
    else if (!has_database(kv->path)) /* the engine would make the folder */
        err = QC_ENOENT;
    if (!err && qc_fault_hit())
        err = QC_EIO;
    if (err) {
        say(detail, cap, kv->path, qc_err_text(err));
        return err;
    }
    if (o->engine == QC_KV_LEVELDB && (err = qc_kv_tables_check(kv->path, detail, cap)))
        return err;
    kv->db = kv->ops->open(kv->path, o, &msg);
    if (!msg)
        return QC_OK;
said:
    say(detail, cap, kv->path, msg);
    return failed(kv, "open", msg);
}

qc_err qc_kv_open(qc_kv **out, const char *path, const qc_kv_options *o, char *detail,
                  size_t detail_cap)
{
    *out = NULL;
    if (detail && detail_cap)
        detail[0] = 0;
    qc_kv *kv = qc_alloc(sizeof *kv);
    kv->ops = o->engine == QC_KV_ROCKSDB ? &qc_kv_rocksdb : &qc_kv_leveldb;
    kv->path = qc_strdup(path);
    qc_err err = open_engine(kv, o, detail, detail_cap);
    if (!err && (err = load_key(kv, o, detail, detail_cap)) && detail && detail_cap && !detail[0])
        say(detail, detail_cap, path, qc_err_text(err));
    if (err) {
        qc_kv_close(kv);
        return err;
    }
    *out = kv;
    return QC_OK;
}

void qc_kv_close(qc_kv *kv)
{
    if (!kv)
        return;
    if (kv->db)
        kv->ops->close(kv->db);
    qc_free(kv->path);
    qc_free(kv);
}

const char *qc_kv_path(const qc_kv *kv)
{
    return kv->path;
}

/* ---- reads ---- */

qc_err qc_kv_get(qc_kv *kv, const qc_kv_snapshot *snap, qc_span key, qc_bytes *out)
{
    if (qc_fault_hit())
        return QC_EIO;
    char *msg = NULL;
    qc_bytes got = QC_BYTES_INIT;
    qc_err err = kv->ops->get(kv->db, snap ? snap->s : NULL, key, &got, &msg);
    if (msg)
        return failed(kv, "read", msg);
    if (err)
        return err;
    if (kv->obfuscated)
        qc_obfuscate(got.data, got.data, got.len, kv->key, 0);
    *out = got;
    return QC_OK;
}

qc_err qc_kv_probe_empty(qc_kv *kv, bool *out)
{
    qc_kv_iter *it = qc_kv_iter_new(kv, NULL);
    qc_kv_iter_seek(it, qc_span_of("", 0));
    bool found = qc_kv_iter_valid(it);
    qc_err err = qc_kv_iter_status(it);
    qc_kv_iter_free(it);
    if (!err)
        *out = !found;
    return err;
}

bool qc_kv_is_empty(qc_kv *kv)
{
    bool empty = false;
    return !qc_kv_probe_empty(kv, &empty) && empty;
}

uint64_t qc_kv_size_estimate(qc_kv *kv, qc_span from, qc_span to)
{
    return kv->ops->size_estimate(kv->db, from, to);
}

void qc_kv_compact(qc_kv *kv)
{
    kv->ops->compact(kv->db);
}

/* ---- batches ---- */

qc_kv_batch *qc_kv_batch_new(qc_kv *kv)
{
    qc_kv_batch *b = qc_alloc(sizeof *b);
    b->kv = kv;
    b->b = kv->ops->batch_new();
    b->size = BATCH_HEAD;
    return b;
}

void qc_kv_batch_free(qc_kv_batch *b)
{
    if (!b)
        return;
    b->kv->ops->batch_free(b->b);
    qc_bytes_free(&b->scratch);
    qc_free(b);
}

/* Bytes of a length-prefixed string in an engine's log. */
static size_t record_len(size_t n)
{
    size_t prefix = 1;
    for (size_t v = n; v >= 128; v >>= 7)
        prefix++;
    return prefix + n;
}

void qc_kv_batch_put(qc_kv_batch *b, qc_span key, qc_span value)
{
    if (b->kv->obfuscated) {
        b->scratch.len = 0;
        qc_err err = qc_bytes_reserve(&b->scratch, value.len);
        if (err) {
            b->err = err;
            return;
        }
        if (value.len)
            qc_obfuscate(b->scratch.data, value.data, value.len, b->kv->key, 0);
        value.data = b->scratch.data;
    }
    b->kv->ops->batch_put(b->b, key, value);
    b->size += 1 + record_len(key.len) + record_len(value.len);
}

void qc_kv_batch_delete(qc_kv_batch *b, qc_span key)
{
    b->kv->ops->batch_delete(b->b, key);
    b->size += 1 + record_len(key.len);
}

void qc_kv_batch_clear(qc_kv_batch *b)
{
    b->kv->ops->batch_clear(b->b);
    b->size = BATCH_HEAD;
    b->err = QC_OK;
}

size_t qc_kv_batch_size(const qc_kv_batch *b)
{
    return b->size;
}

qc_err qc_kv_write(qc_kv *kv, qc_kv_batch *b, bool sync)
{
    int stuck = atomic_load_explicit(&kv->stuck, memory_order_relaxed);
    if (b->err || stuck)
        return b->err ? b->err : (qc_err)stuck;
    if (qc_fault_hit())
        return QC_EIO;
    char *msg = NULL;
    kv->ops->write(kv->db, b->b, sync, &msg);
    if (!msg)
        return QC_OK;
    qc_err err = failed(kv, "write", msg);
    if (kv->ops->one_failed_write)
        atomic_store_explicit(&kv->stuck, (int)err, memory_order_relaxed);
    return err;
}

/* ---- snapshots and iterators ---- */

qc_kv_snapshot *qc_kv_snapshot_new(qc_kv *kv)
{
    qc_kv_snapshot *s = qc_alloc(sizeof *s);
    s->s = kv->ops->snapshot_new(kv->db);
    return s;
}

void qc_kv_snapshot_free(qc_kv *kv, qc_kv_snapshot *s)
{
    if (!s)
        return;
    kv->ops->snapshot_free(kv->db, s->s);
    qc_free(s);
}

qc_kv_iter *qc_kv_iter_new(qc_kv *kv, const qc_kv_snapshot *snap)
{
    qc_kv_iter *it = qc_alloc(sizeof *it);
    it->kv = kv;
    it->it = kv->ops->iter_new(kv->db, snap ? snap->s : NULL);
    return it;
}

void qc_kv_iter_free(qc_kv_iter *it)
{
    if (!it)
        return;
    it->kv->ops->iter_free(it->it);
    qc_bytes_free(&it->scratch);
    qc_free(it);
}

/* After a move: remember what ended the walk. */
static void moved(qc_kv_iter *it)
{
    if (qc_fault_hit()) {
        it->err = QC_EIO;
        return;
    }
    if (it->kv->ops->iter_valid(it->it))
        return;
    char *msg = NULL;
    it->kv->ops->iter_error(it->it, &msg);
    if (msg)
        it->err = failed(it->kv, "iterate", msg);
}

void qc_kv_iter_seek(qc_kv_iter *it, qc_span key)
{
    it->err = QC_OK;
    it->kv->ops->iter_seek(it->it, key);
    moved(it);
}

void qc_kv_iter_seek_last(qc_kv_iter *it)
{
    it->err = QC_OK;
    it->kv->ops->iter_seek_last(it->it);
    moved(it);
}

bool qc_kv_iter_valid(const qc_kv_iter *it)
{
    return !it->err && it->kv->ops->iter_valid(it->it);
}

void qc_kv_iter_next(qc_kv_iter *it)
{
    if (it->err) /* a value met it since the last look: the walk is over */
        return;
    QC_ASSERT(qc_kv_iter_valid(it));
    it->kv->ops->iter_next(it->it);
    moved(it);
}

void qc_kv_iter_prev(qc_kv_iter *it)
{
    if (it->err) /* a value met it since the last look: the walk is over */
        return;
    QC_ASSERT(qc_kv_iter_valid(it));
    it->kv->ops->iter_prev(it->it);
    moved(it);
}

qc_span qc_kv_iter_key(const qc_kv_iter *it)
{
    return it->kv->ops->iter_key(it->it);
}

qc_span qc_kv_iter_value(qc_kv_iter *it)
{
    qc_span v = it->kv->ops->iter_value(it->it);
    if (!it->kv->obfuscated || v.len == 0)
        return v;
    it->scratch.len = 0;
    if ((it->err = qc_bytes_reserve(&it->scratch, v.len)))
        return qc_span_of("", 0);
    qc_obfuscate(it->scratch.data, v.data, v.len, it->kv->key, 0);
    return qc_span_of(it->scratch.data, v.len);
}

qc_err qc_kv_iter_status(const qc_kv_iter *it)
{
    return it->err;
}
