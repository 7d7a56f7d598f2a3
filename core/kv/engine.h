/* core/kv/engine.h: what an engine gives kv.c. Private to core/kv. A `char **msg` gets the engine's
 * sentence, malloc()ed, when the call fails, and stays NULL when it does not. */
#pragma once
#include "core/kv/kv.h"

typedef struct qc_kv_ops {
    const char *name;
    /** A write must not follow a failed one: LevelDB would append to the torn record that the
     *  failed one left in its log, and what follows could not be read again. */
    bool one_failed_write;
    void *(*open)(const char *path, const qc_kv_options *o, char **msg);
    void (*close)(void *db);
    void (*destroy)(const char *path, char **msg);
    /** QC_ENOENT, QC_ENOMEM, or QC_OK; *msg decides first. */
    qc_err (*get)(void *db, void *snap, qc_span key, qc_bytes *out, char **msg);
    void (*write)(void *db, void *batch, bool sync, char **msg);

    void *(*batch_new)(void);
    void (*batch_free)(void *b);
    void (*batch_put)(void *b, qc_span key, qc_span value);
    void (*batch_delete)(void *b, qc_span key);
    void (*batch_clear)(void *b);

    void *(*snapshot_new)(void *db);
    void (*snapshot_free)(void *db, void *s);

    void *(*iter_new)(void *db, void *snap);
    void (*iter_free)(void *it);
    void (*iter_seek)(void *it, qc_span key);
    void (*iter_seek_last)(void *it);
    bool (*iter_valid)(const void *it);
    void (*iter_next)(void *it);
    void (*iter_prev)(void *it);
    qc_span (*iter_key)(const void *it);
    qc_span (*iter_value)(const void *it);
    void (*iter_error)(const void *it, char **msg);

    uint64_t (*size_estimate)(void *db, qc_span from, qc_span to);
    void (*compact)(void *db);
} qc_kv_ops;

extern const qc_kv_ops qc_kv_leveldb;
extern const qc_kv_ops qc_kv_rocksdb;

/** Refuse LevelDB tables that hold compressed blocks: Core is built without the decompressor and
 *  would take them for corruption. Returns: QC_OK; QC_EUNSUPPORTED (detail names the table);
 *  QC_EIO; QC_EPERM; QC_ENOMEM. May block on disk. */
QC_MUST_CHECK qc_err qc_kv_tables_check(const char *path, char *detail, size_t cap);
