/* core/index/filterindex.h: -blockfilterindex, the basic filters of the active chain, built and
 * kept on a thread of its own. It reads the published chain only; the chain thread never waits for
 * it. */
#pragma once
#include "core/index/keeper.h"

typedef struct qc_filterindex qc_filterindex;

/** Open the index below `dir` (the chain's folder) and start its thread. wipe: build it again.
 *  Call it before the chain thread runs. Returns as qc_filterdb_open() and qc_keeper_start().
 *  Out: owned, qc_filterindex_stop() then qc_filterindex_free(). */
QC_MUST_CHECK qc_err qc_filterindex_start(qc_filterindex **out, qc_chain *c, const char *dir,
                                          size_t cache, bool wipe, char *detail, size_t cap);
/** Commit and join the thread; lookups still work. Before the chain closes. NULL is allowed. */
void qc_filterindex_stop(qc_filterindex *x);
/** After the chain has closed. NULL is allowed. */
void qc_filterindex_free(QC_OWN qc_filterindex *x);

/** How far it is. Borrowed until _free(). */
qc_keeper *qc_filterindex_keeper(qc_filterindex *x);
/** Filter and header of a block that is or was on the active chain. Returns: QC_OK; QC_ENOENT;
 *  QC_ECORRUPT; QC_EIO. Out: *filter owned, qc_bytes_free(). Thread: any. */
QC_MUST_CHECK qc_err qc_filterindex_get(qc_filterindex *x, const qc_index *i, qc_bytes *filter,
                                        qc_hash *header);
/** Hash of the filter. Returns: QC_OK; QC_ENOENT; QC_ECORRUPT; QC_EIO. Thread: any. */
QC_MUST_CHECK qc_err qc_filterindex_hash(qc_filterindex *x, const qc_index *i, qc_hash *out);
