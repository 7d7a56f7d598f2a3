/* core/store/indexdb.h: the block index database in Core's exact format (Core node/blockstorage.cpp
 * BlockTreeDB, chain.h CDiskBlockIndex). Thread: chain. */
#pragma once
#include "core/btc/header.h"
#include "core/store/blockfiles.h"

/* nStatus bits, values as Core's BlockStatus. */
#define QC_BLOCK_VALID_TREE 2u
#define QC_BLOCK_VALID_TRANSACTIONS 3u
#define QC_BLOCK_VALID_CHAIN 4u
#define QC_BLOCK_VALID_SCRIPTS 5u
#define QC_BLOCK_VALID_MASK 7u
#define QC_BLOCK_HAVE_DATA 8u
#define QC_BLOCK_HAVE_UNDO 16u
#define QC_BLOCK_FAILED_VALID 32u
#define QC_BLOCK_FAILED_CHILD 64u
#define QC_BLOCK_OPT_WITNESS 128u

typedef struct qc_indexdb qc_indexdb;
typedef struct qc_index_record {
    qc_header header; /* header.prev included */
    uint32_t height, status, n_tx;
    int32_t file; /* -1 when neither data nor undo */
    uint32_t data_pos, undo_pos;
} qc_index_record;

QC_MUST_CHECK qc_err qc_indexdb_open(qc_indexdb **out, const char *path, size_t cache_bytes,
                                     bool wipe, char *detail, size_t cap);
void qc_indexdb_close(qc_indexdb *db);
/** The last failure of this database in words: which record, what was found and wanted. Borrowed.
 */
const char *qc_indexdb_detail(const qc_indexdb *db);
/** All records; fn returns an error to stop. `hash` is the key. */
QC_MUST_CHECK qc_err qc_indexdb_each(qc_indexdb *db,
                                     qc_err (*fn)(void *arg, const qc_hash *hash,
                                                  const qc_index_record *rec),
                                     void *arg);
/** One atomic, synced batch: records, file infos, last file. */
typedef struct qc_indexdb_batch qc_indexdb_batch;
qc_indexdb_batch *qc_indexdb_batch_new(qc_indexdb *db);
void qc_indexdb_batch_put(qc_indexdb_batch *b, const qc_hash *hash, const qc_index_record *rec);
void qc_indexdb_batch_info(qc_indexdb_batch *b, uint32_t file, const qc_fileinfo *info);
void qc_indexdb_batch_last(qc_indexdb_batch *b, uint32_t last);
QC_MUST_CHECK qc_err qc_indexdb_batch_commit(QC_OWN qc_indexdb_batch *b, bool sync);
QC_MUST_CHECK qc_err qc_indexdb_info(qc_indexdb *db, uint32_t file,
                                     qc_fileinfo *out);              /* QC_ENOENT */
QC_MUST_CHECK qc_err qc_indexdb_last(qc_indexdb *db, uint32_t *out); /* QC_ENOENT */
QC_MUST_CHECK qc_err qc_indexdb_flag(qc_indexdb *db, const char *name,
                                     bool *out); /* 'F', "prunedblockfiles" ...: QC_ENOENT */
QC_MUST_CHECK qc_err qc_indexdb_set_flag(qc_indexdb *db, const char *name, bool v);
QC_MUST_CHECK qc_err qc_indexdb_reindexing(qc_indexdb *db, bool *out); /* 'R' */
QC_MUST_CHECK qc_err qc_indexdb_set_reindexing(qc_indexdb *db, bool on);
