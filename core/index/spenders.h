/* core/index/spenders.h: -txospenderindex, the transaction of the active chain that spends a coin,
 * in Core's format (Core index/txospenderindex.cpp). */
#pragma once
#include "core/index/keeper.h"

typedef struct qc_spenders qc_spenders;

/** As qc_txindex_start(). Out: owned, qc_spenders_stop() then qc_spenders_free(). */
QC_MUST_CHECK qc_err qc_spenders_start(qc_spenders **out, qc_chain *c, const char *dir,
                                       size_t cache, bool wipe, char *detail, size_t cap);
/** Commit and join the thread; lookups still work. Before the chain closes. NULL is allowed. */
void qc_spenders_stop(qc_spenders *x);
/** After the chain has closed. NULL is allowed. */
void qc_spenders_free(QC_OWN qc_spenders *x);
/** How far it is. Borrowed until _free(). */
qc_keeper *qc_spenders_keeper(qc_spenders *x);

/** Who spends `o`. Out: *raw, the transaction, owned; *block, the hash of its block. Returns:
 * QC_OK; QC_ENOENT (nobody); QC_EIO; QC_ECORRUPT; QC_ENOMEM. Thread: any; may block on disk. */
QC_MUST_CHECK qc_err qc_spenders_find(qc_spenders *x, const qc_outpoint *o, qc_bytes *raw,
                                      qc_hash *block);
