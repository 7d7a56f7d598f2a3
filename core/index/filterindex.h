/* core/index/filterindex.h: -blockfilterindex, the basic filters of the active chain, built and
 * kept on a thread of its own. It reads the published chain only; the chain thread never waits for
 * it. */
#pragma once
#include "core/chain/chain.h"

typedef struct qc_filterindex qc_filterindex;

/** Open the index below `dir` (the chain's folder) and start its thread. wipe: build it again.
 *  Call it before the chain thread runs. Returns as qc_filterdb_open().
 *  Out: owned, qc_filterindex_stop() then qc_filterindex_free(). */
QC_MUST_CHECK qc_err qc_filterindex_start(qc_filterindex **out, qc_chain *c, const char *dir,
                                          size_t cache, bool wipe, char *detail, size_t cap);
/** Commit and join the thread; lookups still work. Before the chain closes. NULL is allowed. */
void qc_filterindex_stop(qc_filterindex *x);
/** After the chain has closed. NULL is allowed. */
void qc_filterindex_free(QC_OWN qc_filterindex *x);

/** Height of the newest block indexed (-1: none), and whether it is the tip. Thread: any. */
int64_t qc_filterindex_height(const qc_filterindex *x, bool *synced);
/** Wait until the index has reached the tip of this moment, at most `ms`. True: it has. Thread: any
 *  but chain. */
bool qc_filterindex_wait(qc_filterindex *x, int64_t ms);
/** Filter and header of a block that is or was on the active chain. Returns: QC_OK; QC_ENOENT;
 *  QC_ECORRUPT; QC_EIO. Out: *filter owned, qc_bytes_free(). Thread: any. */
QC_MUST_CHECK qc_err qc_filterindex_get(qc_filterindex *x, const qc_index *i, qc_bytes *filter,
                                        qc_hash *header);
/** Hash of the filter. Returns: QC_OK; QC_ENOENT; QC_ECORRUPT; QC_EIO. Thread: any. */
QC_MUST_CHECK qc_err qc_filterindex_hash(qc_filterindex *x, const qc_index *i, qc_hash *out);
