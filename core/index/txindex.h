/* core/index/txindex.h: -txindex, the block of every transaction by its id, in Core's format (Core
 * index/txindex.cpp, index/txindex_key.h). Entries of blocks that have left the chain stay. */
#pragma once
#include "core/index/keeper.h"

typedef struct qc_txindex qc_txindex;

/** Open the index below `dir` (the chain's folder) and start its thread; before the chain thread
 *  runs. wipe: build it again. Returns: QC_OK; QC_EBUSY; QC_ECORRUPT; QC_EIO; QC_EFULL; QC_EPERM;
 *  as qc_keeper_start(). Out: owned, qc_txindex_stop() then qc_txindex_free(). */
QC_MUST_CHECK qc_err qc_txindex_start(qc_txindex **out, qc_chain *c, const char *dir, size_t cache,
                                      bool wipe, char *detail, size_t cap);
/** Commit and join the thread; lookups still work. Before the chain closes. NULL is allowed. */
void qc_txindex_stop(qc_txindex *x);
/** After the chain has closed. NULL is allowed. */
void qc_txindex_free(QC_OWN qc_txindex *x);
/** How far it is. Borrowed until _free(). */
qc_keeper *qc_txindex_keeper(qc_txindex *x);

/** A transaction and its block: one of the active chain if any has it, else the one that was
 *  connected last. Out: *raw owned, qc_bytes_free(). Returns: QC_OK; QC_ENOENT; QC_EIO;
 *  QC_ECORRUPT; QC_ENOMEM. Thread: any; may block on disk. */
QC_MUST_CHECK qc_err qc_txindex_find(qc_txindex *x, const qc_hash *txid, const qc_index **at,
                                     qc_bytes *raw);
