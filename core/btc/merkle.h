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
/** The root that `leaf` at `pos` has under the branch. */
qc_hash qc_merkle_fold(const qc_hash *leaf, size_t pos, const qc_hash *branch, unsigned depth);
