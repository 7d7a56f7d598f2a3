/* core/mempool/persist.h: the pool on disk, in the format of Core's mempool.dat (node/
 * mempool_persist.cpp): versions 1 and, obfuscated with a key of its own, 2. Thread: chain. */
#pragma once
#include "core/mempool/accept.h"

typedef struct qc_mempool_load_opts {
    bool current_time; /* importmempool: entries come now, not when the file says */
    bool skip_deltas, skip_unbroadcast;
    const _Atomic bool *stop; /* looked at between transactions; NULL: never */
} qc_mempool_load_opts;
typedef struct qc_mempool_load_stats {
    uint64_t accepted, failed, expired, there, unbroadcast;
} qc_mempool_load_stats;

/** Offer what the file holds to the pool, transaction by transaction; what was read before a
 *  failure stays. Out: *stats (always filled in). Returns: QC_OK; QC_ENOENT; QC_ECORRUPT (not such
 *  a file, or it ends early); QC_EUNSUPPORTED (another version); QC_ECANCELED; QC_EIO; QC_ENOMEM.
 */
QC_MUST_CHECK qc_err qc_mempool_load(qc_mempool *m, const char *path, const qc_mempool_load_opts *o,
                                     qc_mempool_load_stats *stats);
/** A load at start-up was tried or is not wanted: see qc_mempool_info. */
void qc_mempool_set_load_tried(qc_mempool *m);

/** Replace the file by what is in the pool: entries in mining order with times and deltas, deltas
 *  of others, the unbroadcast set. v1: the old format, not obfuscated. Returns: QC_OK; QC_EFULL;
 *  QC_EIO; QC_EPERM; QC_ENOMEM. The old file stays on failure. */
QC_MUST_CHECK qc_err qc_mempool_save(qc_mempool *m, const char *path, bool v1);
