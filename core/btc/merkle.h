/* core/btc/merkle.h: Bitcoin's merkle tree (a lone last node is paired with itself). Thread: any.
 */
#pragma once
#include "core/base/hash.h"

#define QC_MERKLE_MAX_DEPTH 32

/** Root over n < 2^32 hashes; `hashes` is overwritten. *mutated (may be NULL): two equal siblings
 *  were met, the sign of CVE-2012-2459. n = 0: the zero hash. */
qc_hash qc_merkle_root(qc_hash *hashes, size_t n, bool *mutated);
/** As qc_merkle_root(), and keeps the siblings of leaf `pos` < n, bottom up. `hashes` is
 *  overwritten. Out: out[0..depth), *depth, *root (may be NULL). */
void qc_merkle_branch(qc_hash *hashes, size_t n, size_t pos,
                      qc_hash out[static QC_MERKLE_MAX_DEPTH], unsigned *depth, qc_hash *root);
#define QC_MERKLE_AT_ONCE 16 /* pairs: as many as the fastest hash code takes */

/** A tree whose leaves come one by one; of it is asked the branch of the first leaf. It hashes as
 *  they come, and keeps only what waits for more. */
typedef struct qc_merkle_run {
    uint32_t n[QC_MERKLE_MAX_DEPTH + 1];    /* nodes of each level so far */
    uint32_t wait[QC_MERKLE_MAX_DEPTH + 1]; /* of them not hashed yet */
    qc_hash second[QC_MERKLE_MAX_DEPTH + 1];
    qc_hash node[QC_MERKLE_MAX_DEPTH + 1][2 * QC_MERKLE_AT_ONCE]; /* that wait */
} qc_merkle_run;
/** Without leaves. */
void qc_merkle_run_init(qc_merkle_run *r);
/** The next leaf; at most 2^32 - 1 of them. */
void qc_merkle_run_add(qc_merkle_run *r, const uint8_t leaf[static 32]);
/** At least one leaf has come, and no more do. Out: as qc_merkle_branch() of leaf 0. */
void qc_merkle_run_end(qc_merkle_run *r, qc_hash out[static QC_MERKLE_MAX_DEPTH], unsigned *depth,
                       qc_hash *root);
/** The root that `leaf` at `pos` has under the branch. */
qc_hash qc_merkle_fold(const qc_hash *leaf, size_t pos, const qc_hash *branch, unsigned depth);
