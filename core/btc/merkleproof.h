/* core/btc/merkleproof.h: some leaves of a block's merkle tree with what proves that they are in
 * it, as "merkleblock" carries it (BIP37). Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

/** Append number of leaves, hashes and flag bits: depth first, a node's bit says whether something
 *  below it matches; the hash of a node is given where one does not, and of each leaf reached.
 *  n > 0. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_merkle_proof_write(qc_bytes *out, const qc_hash *leaf, const bool *match,
                                           uint32_t n);
