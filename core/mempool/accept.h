/* core/mempool/accept.h: letting transactions into the pool, alone or in packages. Rules, their
 * order, and reject reasons: Core validation.cpp MemPoolAccept; BIP125 (as Core has it: full
 * replacement), BIP431, doc/policy of Core. A refusal is a verdict (qc_vcode of loose
 * transactions), never an error. Thread: chain; may block on the coins database. */
#pragma once
#include "core/mempool/pool.h"

typedef enum qc_accept_kind {
    QC_ACCEPT_NONE = 0,     /* not judged: its package failed before */
    QC_ACCEPT_VALID,        /* let in (or would be) */
    QC_ACCEPT_INVALID,      /* see the verdict */
    QC_ACCEPT_THERE,        /* packages: it is in the pool already */
    QC_ACCEPT_OTHER_WITNESS /* packages: it is there with another witness, and was not judged */
} qc_accept_kind;

/** What became of a transaction. Owned: qc_accept_result_clear(). */
typedef struct qc_accept_result {
    qc_accept_kind kind;
    qc_hash txid, wtxid;
    qc_verdict v;        /* INVALID */
    int64_t vsize;       /* VALID, THERE: virtual bytes, adjusted for signature operations */
    qc_amount fee;       /* VALID, THERE: not modified */
    bool has_feerate;    /* VALID, and INVALID for reasons of fee: what follows is set */
    qc_feerate feerate;  /* modified fee for vsize; of the package, if that was what counted */
    qc_hash *fee_wtxids; /* whose fees and sizes these are */
    size_t n_fee_wtxids;
    qc_hash other_wtxid;               /* OTHER_WITNESS: of the one in the pool */
    const qc_mempool_entry **replaced; /* VALID: what it has replaced (not with test_only) */
    size_t n_replaced;
} qc_accept_result;
void qc_accept_result_clear(qc_accept_result *r);

/** Reason (QC_V_MEMPOOL_POLICY) of what pays more than the caller allows, as said once its inputs
 *  are known and before anything dearer is done. The fee is the true one, not the modified. */
#define QC_MAX_FEE_EXCEEDED "max-fee-exceeded"

typedef struct qc_accept_opts {
    bool test_only;   /* judge only */
    qc_unixtime time; /* when it came; 0: now */
    bool has_max_fee; /* refuse what pays more: QC_MAX_FEE_EXCEEDED */
    qc_amount max_fee;
} qc_accept_opts;

/** Core ProcessTransaction. The transaction is parsed with its ids; nothing else of it is known.
 *  Out: *out, in every case to be cleared. Returns: QC_OK, see *out; QC_ENOMEM, QC_EIO,
 *  QC_ECORRUPT: not judged (kind NONE). */
QC_MUST_CHECK qc_err qc_mempool_accept(qc_mempool *m, const qc_tx *tx, const qc_accept_opts *o,
                                       qc_accept_result *out);

typedef struct qc_package_opts {
    bool test_only;       /* judge any sorted package as a whole (testmempoolaccept) */
    bool has_max_feerate; /* of submitpackage: refuse whatever pays more */
    qc_feerate max_feerate;
    bool has_max_fee; /* the same for the fee of each transaction: QC_MAX_FEE_EXCEEDED */
    qc_amount max_fee;
} qc_package_opts;

typedef struct qc_package_result {
    qc_verdict v;         /* of the package: OK, QC_V_PACKAGE_POLICY, or QC_V_PACKAGE_TX */
    qc_accept_result *tx; /* one for each, in the order given */
    size_t n;
} qc_package_result;
void qc_package_result_clear(qc_package_result *r);

/** Core ProcessNewPackage. Without test_only: one transaction, or a child after all its unconfirmed
 *  parents; each is tried by itself first, then those that only lacked fees together. n >= 1.
 *  Out: *out, in every case to be cleared. Returns: as qc_mempool_accept(). */
QC_MUST_CHECK qc_err qc_mempool_accept_package(qc_mempool *m, const qc_tx *const *tx, size_t n,
                                               const qc_package_opts *o, qc_package_result *out);

/** Would this transaction exceed the limits of a cluster, whatever it pays (Core
 *  CheckPolicyLimits)? Aborts when memory runs out. */
bool qc_mempool_fits_cluster(qc_mempool *m, const qc_tx *tx);
