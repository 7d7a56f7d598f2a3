/* core/index/filterdb.h: filters on disk in Core's format (Core index/blockfilterindex.cpp,
 * db_key.h): flat files fltrNNNNN.dat and a LevelDB of their places. Knows bytes, follows no chain.
 * Writers: one thread. Lookups: any thread. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/index/bookmark.h"

typedef struct qc_filterdb qc_filterdb;

/** `dir`: .../indexes/blockfilter/basic, made when absent. wipe: start afresh.
 *  Returns: QC_OK; QC_EBUSY; QC_ECORRUPT; QC_EIO; QC_EFULL; QC_EPERM. Out: owned,
 * qc_filterdb_close(). */
QC_MUST_CHECK qc_err qc_filterdb_open(qc_filterdb **out, const char *dir, size_t cache, bool wipe,
                                      char *detail, size_t cap);
void qc_filterdb_close(QC_OWN qc_filterdb *f);
/** Where the index stood at its last commit. */
QC_MUST_CHECK qc_err qc_filterdb_locator(qc_filterdb *f, qc_bookmark *out);
/** Filter, its hash and header of a block. Returns: QC_OK; QC_ENOENT; QC_ECORRUPT; QC_EIO.
 *  Out: *filter owned, qc_bytes_free(); filter NULL: only the header. */
QC_MUST_CHECK qc_err qc_filterdb_get(qc_filterdb *f, uint32_t height, const qc_hash *block,
                                     qc_bytes *filter, qc_hash *header);
/** Hash of a block's filter. Returns as qc_filterdb_get(). */
QC_MUST_CHECK qc_err qc_filterdb_hash(qc_filterdb *f, uint32_t height, const qc_hash *block,
                                      qc_hash *out);
/** Append the filter of `block` at `height` and index it by height. */
QC_MUST_CHECK qc_err qc_filterdb_put(qc_filterdb *f, uint32_t height, const qc_hash *block,
                                     qc_span filter, const qc_hash *header);
/** The block at `height` leaves the chain: keep its entry by hash. */
QC_MUST_CHECK qc_err qc_filterdb_leave(qc_filterdb *f, uint32_t height);
/** Sync files, then write the position, durably. */
QC_MUST_CHECK qc_err qc_filterdb_commit(qc_filterdb *f, const qc_bookmark *l);
