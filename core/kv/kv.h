/* core/kv/kv.h: ordered key-value engines behind one small interface. LevelDB for the node,
 * RocksDB for plugin stores. LevelDB is never compressed (Core refuses such a folder), RocksDB is.
 * May block on disk.
 * Thread: any, except that iterators and batches are one at a time. */
#pragma once
#include "core/base/bytes.h"

typedef struct qc_kv qc_kv;
typedef struct qc_kv_batch qc_kv_batch;
typedef struct qc_kv_iter qc_kv_iter;
typedef struct qc_kv_snapshot qc_kv_snapshot;

typedef enum qc_kv_engine { QC_KV_LEVELDB, QC_KV_ROCKSDB } qc_kv_engine;

typedef struct qc_kv_options {
    qc_kv_engine engine;
    size_t cache_bytes; /* block cache + write buffer share, as Core splits its -dbcache */
    bool create;        /* make it when absent */
    bool wipe;          /* destroy what is there first */
    bool obfuscate; /* Core's XOR of values: key record made in an empty database, read in others */
    bool paranoid;  /* verify checksums on every read (chainstate: on, as Core) */
    unsigned max_open_files; /* 0: default */
} qc_kv_options;

/** Open the database folder. detail (NULL allowed, >= 256 bytes) gets the engine's words on
 * failure. Returns: QC_OK; QC_ENOENT; QC_EBUSY (locked); QC_ECORRUPT; QC_EFULL; QC_EIO;
 * QC_EUNSUPPORTED (compressed tables). Out: owned, qc_kv_close(). */
QC_MUST_CHECK qc_err qc_kv_open(qc_kv **out, const char *path, const qc_kv_options *o, char *detail,
                                size_t detail_cap);
void qc_kv_close(qc_kv *kv);
/** Returns: QC_OK (*out owned: qc_bytes_free()); QC_ENOENT; QC_ECORRUPT; QC_EIO; QC_ENOMEM. snap
 * NULL: newest. */
QC_MUST_CHECK qc_err qc_kv_get(qc_kv *kv, const qc_kv_snapshot *snap, qc_span key, qc_bytes *out);
/** No record at all, the obfuscation key's included; false when that cannot be read. */
bool qc_kv_is_empty(qc_kv *kv);
/** As qc_kv_is_empty(), telling a failure apart. Returns: QC_OK; QC_ECORRUPT; QC_EIO. */
QC_MUST_CHECK qc_err qc_kv_probe_empty(qc_kv *kv, bool *out);
/** The folder, for messages. Borrowed until qc_kv_close(). */
const char *qc_kv_path(const qc_kv *kv);

qc_kv_batch *qc_kv_batch_new(qc_kv *kv);
void qc_kv_batch_free(qc_kv_batch *b);
void qc_kv_batch_put(qc_kv_batch *b, qc_span key, qc_span value);
void qc_kv_batch_delete(qc_kv_batch *b, qc_span key);
void qc_kv_batch_clear(qc_kv_batch *b);
/** Approximate bytes gathered. */
size_t qc_kv_batch_size(const qc_kv_batch *b);
/** Atomic; `sync`: durable when it returns. Returns: QC_OK; QC_EFULL; QC_EIO; QC_ECORRUPT;
 *  QC_ENOMEM. LevelDB: after a failed write every later one fails likewise; close and open again.
 */
QC_MUST_CHECK qc_err qc_kv_write(qc_kv *kv, qc_kv_batch *b, bool sync);

qc_kv_snapshot *qc_kv_snapshot_new(qc_kv *kv);
void qc_kv_snapshot_free(qc_kv *kv, qc_kv_snapshot *s);

qc_kv_iter *qc_kv_iter_new(qc_kv *kv, const qc_kv_snapshot *snap);
void qc_kv_iter_free(qc_kv_iter *it);
void qc_kv_iter_seek(qc_kv_iter *it, qc_span key); /* first key >= key */
void qc_kv_iter_seek_last(qc_kv_iter *it);
bool qc_kv_iter_valid(const qc_kv_iter *it);
void qc_kv_iter_next(qc_kv_iter *it);
void qc_kv_iter_prev(qc_kv_iter *it);
/** Borrowed until the iterator moves. Value is already de-obfuscated. */
qc_span qc_kv_iter_key(const qc_kv_iter *it);
qc_span qc_kv_iter_value(qc_kv_iter *it);
/** QC_OK, or the failure that ended the walk. */
QC_MUST_CHECK qc_err qc_kv_iter_status(const qc_kv_iter *it);

/** Approximate bytes on disk of keys in [from, to). */
uint64_t qc_kv_size_estimate(qc_kv *kv, qc_span from, qc_span to);
void qc_kv_compact(qc_kv *kv);
