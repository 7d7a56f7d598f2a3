/* core/mempool/persist.h: the pool on disk, in the format of Core's mempool.dat (node/
 * mempool_persist.cpp): version 1, and 2, which is obfuscated with a key of its own. Thread: chain,
 * unless said otherwise; blocks on disk. */
#pragma once
#include "core/mempool/accept.h"

typedef struct qc_mempool_load_opts {
    bool current_time; /* importmempool: entries come now, not when the file says */
    bool skip_deltas, skip_unbroadcast;
} qc_mempool_load_opts;
typedef struct qc_mempool_load_stats {
    uint64_t total; /* transactions that the file claims to hold */
    uint64_t accepted, failed, expired, there, unbroadcast;
} qc_mempool_load_stats;

/** A file that is being offered to the pool, transaction by transaction, so that other work can be
 *  done in between. */
typedef struct qc_mempool_loader qc_mempool_loader;
/** Read the file; the pool itself is not looked at. Out: owned, qc_mempool_load_end(); NULL on
 *  failure. Returns: QC_OK; QC_ENOENT; QC_ECORRUPT (no such file, or larger than 1 GiB and than
 *  twice the pool's memory); QC_EUNSUPPORTED (another version); QC_EPERM; QC_EIO; QC_ENOMEM.
 *  Thread: any, as the next ones but for the steps. */
QC_MUST_CHECK qc_err qc_mempool_load_start(qc_mempool_loader **out, qc_mempool *m, const char *path,
                                           const qc_mempool_load_opts *o);
/** The next `n` transactions; deltas of others and the unbroadcast set come with the last. Out:
 *  *done. Returns: QC_OK; QC_ECORRUPT (it ends early, or does not parse; what was read before
 *  stays); QC_EIO, QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_mempool_load_step(qc_mempool_loader *l, uint64_t n, bool *done);
const qc_mempool_load_stats *qc_mempool_load_stats_of(const qc_mempool_loader *l);
/** Tell the log what has come of it. NULL: of a file that could not be opened. */
void qc_mempool_load_log(const qc_mempool_loader *l, qc_err err);
/** NULL is allowed. */
void qc_mempool_load_end(QC_OWN qc_mempool_loader *l);

/** All steps at once, and a log line. Out: *stats (NULL: nobody asks), whatever happens. Returns:
 * as those. */
QC_MUST_CHECK qc_err qc_mempool_load(qc_mempool *m, const char *path, const qc_mempool_load_opts *o,
                                     qc_mempool_load_stats *stats);
/** A load at start-up was tried or is not wanted: see qc_mempool_info. Listeners are told. */
void qc_mempool_set_load_tried(qc_mempool *m);
bool qc_mempool_load_tried(const qc_mempool *m);

typedef struct qc_mempool_dump_rec {
    const qc_mempool_entry *e; /* a reference */
    qc_amount delta;
} qc_mempool_dump_rec;
/** What a file is to hold: the pool at one moment. Owned: qc_mempool_dump_clear(). */
typedef struct qc_mempool_dump {
    qc_mempool_dump_rec *entry; /* in mining order */
    size_t n;
    qc_mempool_delta_rec *delta; /* of others */
    size_t n_delta;
    qc_hash *unbroadcast; /* sorted by bytes */
    size_t n_unbroadcast;
} qc_mempool_dump;
/** Copy; nothing is serialised, the disk is left alone. Returns: QC_OK; QC_ENOMEM (the dump is
 *  empty). */
QC_MUST_CHECK qc_err qc_mempool_dump_take(const qc_mempool *m, qc_mempool_dump *out);
/** Replace the file by the dump, and log it. v1: the old format, not obfuscated. Out: *bytes (may
 *  be NULL): size of the file. Returns: QC_OK; QC_EFULL; QC_EIO; QC_EPERM; QC_ENOMEM. The old file
 *  stays on failure, and nothing else does. Thread: any, but one at a time for a path. */
QC_MUST_CHECK qc_err qc_mempool_dump_write(const qc_mempool_dump *d, const char *path, bool v1,
                                           uint64_t *bytes);
/** Thread: any. */
void qc_mempool_dump_clear(qc_mempool_dump *d);
/** All of it at once. Out and returns: as those. */
QC_MUST_CHECK qc_err qc_mempool_save(const qc_mempool *m, const char *path, bool v1,
                                     uint64_t *bytes);

/* ---- the bytes; any thread ---- */

/** A file's contents, read front to back. */
typedef struct qc_mempool_file {
    uint8_t *data; /* made plain in place */
    size_t len, at;
    uint64_t left; /* transactions still to come */
} qc_mempool_file;
typedef struct qc_mempool_file_tx {
    qc_txbuf tx; /* owned: qc_txbuf_clear() */
    int64_t time;
    qc_amount delta;
} qc_mempool_file_tx;
/** Borrows and changes `data`. Returns: QC_OK; QC_ECORRUPT; QC_EUNSUPPORTED. */
QC_MUST_CHECK qc_err qc_mempool_file_open(qc_mempool_file *f, uint8_t *data, size_t len);
/** f->left > 0. Returns: QC_OK; QC_ECORRUPT; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_mempool_file_tx_next(qc_mempool_file *f, qc_mempool_file_tx *out);
/** After the last transaction: number of deltas, each of 40 bytes at *deltas (txid, amount), and of
 *  unbroadcast txids of 32 bytes at *unbroadcast; borrowed. Returns: QC_OK; QC_ECORRUPT. */
QC_MUST_CHECK qc_err qc_mempool_file_rest(qc_mempool_file *f, const uint8_t **deltas,
                                          size_t *n_deltas, const uint8_t **unbroadcast,
                                          size_t *n_unbroadcast);
