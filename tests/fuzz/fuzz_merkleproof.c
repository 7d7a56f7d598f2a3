/* Bytes as a proof of leaves of a merkle tree. One that holds says nothing twice: written again
 * from a tree that has only its matches, it gives the same root where all leaves match. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/btc/merkle.h"
#include "core/btc/merkleproof.h"

/* All leaves are given: the tree is known, and its root can be computed without the proof. */
static void check_whole(const qc_merkle_proof *p)
{
    qc_hash *leaf = qc_try_calloc(p->n, sizeof *leaf), root;
    bool *match = qc_try_calloc(p->n, sizeof *match);
    qc_bytes again = QC_BYTES_INIT;
    qc_merkle_proof q;
    QC_ASSERT(leaf && match);
    memcpy(leaf, p->match, p->n * sizeof *leaf);
    memset(match, 1, p->n * sizeof *match);
    QC_ASSERT(qc_merkle_proof_write(&again, leaf, match, p->n) == QC_OK);
    qc_reader r = qc_reader_of(qc_bytes_span(&again));
    qc_merkle_proof_read(&r, &q);
    QC_ASSERT(!r.fail && q.holds && qc_hash_eq(&q.root, &p->root));
    root = qc_merkle_root(leaf, p->n, NULL);
    QC_ASSERT(qc_hash_eq(&root, &p->root));
    qc_merkle_proof_clear(&q);
    qc_bytes_free(&again);
    qc_free(leaf);
    qc_free(match);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_merkle_proof p;
    qc_reader r = qc_reader_of(qc_span_of(data, len));
    qc_merkle_proof_read(&r, &p);
    QC_ASSERT(!r.fail || (!p.holds && !p.match && !p.n));
    QC_ASSERT(p.n_match <= p.n && (!p.holds || p.n <= QC_MERKLE_PROOF_MAX));
    if (p.holds && p.n_match == p.n)
        check_whole(&p);
    qc_merkle_proof_clear(&p);
    return 0;
}
