/* core/btc/merkleproof.h: some leaves of a block's merkle tree with what proves that they are in
 * it, as "merkleblock" carries it (BIP37). Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/btc/wire.h"

/** Append number of leaves, hashes and flag bits: depth first, a node's bit says whether something
 *  below it matches; the hash of a node is given where one does not, and of each leaf reached.
 *  n > 0. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_merkle_proof_write(qc_bytes *out, const qc_hash *leaf, const bool *match,
                                           uint32_t n);

/** Most leaves that a proof may speak of: as many transactions as fit in a block, were each of the
 *  least weight (Core merkleblock.cpp). */
#define QC_MERKLE_PROOF_MAX (4000000u / 240u)

/** A proof that was read. Owned: qc_merkle_proof_clear(). */
typedef struct qc_merkle_proof {
    bool holds;     /* it is consistent; else root and match are empty */
    uint32_t n;     /* leaves of the tree, as it says */
    qc_hash root;   /* that it leads to: equal to the block's, or it proves nothing */
    qc_hash *match; /* the leaves it is about, in order */
    size_t n_match;
} qc_merkle_proof;
/** Read and follow a proof. A proof that contradicts itself is no failure to read: see `holds`.
 *  Out: *out owned, empty on failure. A failure is left in r (QC_WIRE_NOMEM: no memory). */
void qc_merkle_proof_read(qc_reader *r, qc_merkle_proof *out);
void qc_merkle_proof_clear(qc_merkle_proof *p);
