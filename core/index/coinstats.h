/* core/index/coinstats.h: -coinstatsindex, the set of coins in numbers, and its MuHash, as of every
 * block, in Core's format (Core index/coinstatsindex.cpp). */
#pragma once
#include "core/index/keeper.h"

/** The set of coins after a block. Amounts in satoshis; totals since genesis. */
typedef struct qc_coinstats {
    qc_hash muhash;
    uint64_t txouts, bogosize;
    int64_t total_amount, total_subsidy;
    qc_u256 prevout_spent, new_outputs_ex_coinbase, coinbase;
    /* Amounts that nobody can ever spend. */
    int64_t unspendable_genesis, unspendable_bip30, unspendable_scripts, unspendable_unclaimed;
} qc_coinstats;

typedef struct qc_coinstatsindex qc_coinstatsindex;

/** As qc_txindex_start(). Out: owned, qc_coinstatsindex_stop() then qc_coinstatsindex_free(). */
QC_MUST_CHECK qc_err qc_coinstatsindex_start(qc_coinstatsindex **out, qc_chain *c, const char *dir,
                                             size_t cache, bool wipe, char *detail, size_t cap);
/** Commit and join the thread; lookups still work. Before the chain closes. NULL is allowed. */
void qc_coinstatsindex_stop(qc_coinstatsindex *x);
/** After the chain has closed. NULL is allowed. */
void qc_coinstatsindex_free(QC_OWN qc_coinstatsindex *x);
/** How far it is. Borrowed until _free(). */
qc_keeper *qc_coinstatsindex_keeper(qc_coinstatsindex *x);

/** The set after block i, which is or was on the active chain. Returns: QC_OK; QC_ENOENT;
 *  QC_ECORRUPT; QC_EIO; QC_ENOMEM. Thread: any. */
QC_MUST_CHECK qc_err qc_coinstatsindex_get(qc_coinstatsindex *x, const qc_index *i,
                                           qc_coinstats *out);
