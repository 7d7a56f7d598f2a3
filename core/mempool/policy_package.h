/* core/mempool/policy_package.h: relay rules that look at more than one transaction: well-formed
 * packages, BIP431 (TRUC, version 3), and dust that must be spent at once. No pool state: what the
 * pool knows comes in small views. Rules and texts: Core policy/packages, policy/truc_policy,
 * policy/ephemeral_policy. As in policy.h a judgement is true, or false with *v. Thread: any. */
#pragma once
#include "core/mempool/policy.h"

#define QC_MAX_PACKAGE_COUNT 25u
#define QC_MAX_PACKAGE_WEIGHT 404000u
#define QC_TRUC_VERSION 3u
#define QC_TRUC_ANCESTORS 2u   /* with the transaction itself */
#define QC_TRUC_DESCENDANTS 2u /* likewise */
#define QC_TRUC_MAX_VSIZE 10000
#define QC_TRUC_CHILD_MAX_VSIZE 1000

/** Several transactions in the order in which they came; parents should stand before children. */
typedef struct qc_package {
    const qc_tx *const *tx;
    size_t n;
} qc_package;

/** Context-free rules: count, weight, no duplicates, sorted, no conflicts. Verdicts:
 *  QC_V_PACKAGE_POLICY. */
bool qc_package_check(const qc_package *p, qc_verdict *v);
/** Two or more, all but the last being parents of the last. For a sorted package. */
bool qc_package_is_child_with_parents(const qc_package *p);
/** The same, and no parent spends another one. */
bool qc_package_is_tree(const qc_package *p);
/** SHA-256 of the wtxids, sorted as numbers: the name of the set in whatever order. The package has
 *  at most QC_MAX_PACKAGE_COUNT transactions (asserted). */
void qc_package_hash(const qc_package *p, qc_hash *out);

/** A parent of a candidate that is in the pool. Counts are of pool transactions, itself included.
 */
typedef struct qc_truc_parent {
    const qc_hash *txid, *wtxid;
    uint32_t version;
    /* From here on asked for only if it is the one parent of a version 3 transaction. */
    uint32_t ancestors, descendants;
    /* What follows matters for single candidates only. */
    bool child_conflicts; /* the candidate conflicts with a descendant of it, and so replaces it */
    uint32_t sibling_ancestors; /* of its one descendant, if there is just one */
} qc_truc_parent;

/** BIP431 for a candidate by itself, or for each transaction of a package by itself: asked for
 *  every transaction, whatever its version. `vsize` is sigop-adjusted; `parents`: those in the
 *  pool. Verdict: QC_V_MEMPOOL_POLICY "TRUC-violation". Out: *evict_sibling (may be NULL): the
 *  verdict would be true without the parent's one other child, and that one may be replaced. */
bool qc_truc_check(const qc_tx *tx, int64_t vsize, const qc_truc_parent *parents, size_t n,
                   bool *evict_sibling, qc_verdict *v);
/** BIP431 for transaction `i` of a sorted package, within the package. Verdict:
 *  QC_V_PACKAGE_POLICY "TRUC-violation". */
bool qc_truc_check_package(const qc_package *p, size_t i, int64_t vsize,
                           const qc_truc_parent *parents, size_t n, qc_verdict *v);

/** Where a transaction of the pool is found. */
typedef struct qc_tx_finder {
    void *arg;
    /** Borrowed until the call that was given the finder returns; NULL: not in the pool. */
    const qc_tx *(*find)(void *arg, const qc_hash *txid);
} qc_tx_finder;
/** Every transaction spends all dust of its unconfirmed parents, be they in the package or in the
 *  pool. A single candidate is a package of one. Out: *which (may be NULL): index of the one that
 *  does not. Verdict: QC_V_MEMPOOL_POLICY "missing-ephemeral-spends" (of that transaction). Aborts
 *  when memory runs out. */
bool qc_package_check_dust_spends(const qc_package *p, qc_feerate dust, const qc_tx_finder *pool,
                                  size_t *which, qc_verdict *v);
