#include "core/btc/merkle.h"

#include "core/crypto/sha256.h"

/* Replace the n > 1 hashes by their parents; returns how many. */
static size_t merkle_level(qc_hash *hashes, size_t n)
{
    qc_hash last[2];
    if (n % 2)
        last[0] = last[1] = hashes[n - 1];
    qc_sha256d64_many(hashes->b, hashes->b, n / 2);
    if (n % 2)
        qc_sha256d64_many(hashes[n / 2].b, last->b, 1);
    return n / 2 + n % 2;
}

qc_hash qc_merkle_root(qc_hash *hashes, size_t n, bool *mutated)
{
    bool twins = false;
    for (size_t left = n; left > 1; left = merkle_level(hashes, left))
        for (size_t i = 0; mutated && i + 1 < left; i += 2)
            twins |= qc_hash_eq(&hashes[i], &hashes[i + 1]);
    if (mutated)
        *mutated = twins;
    return n ? hashes[0] : (qc_hash){{0}};
}

void qc_merkle_branch(qc_hash *hashes, size_t n, size_t pos,
                      qc_hash out[static QC_MERKLE_MAX_DEPTH], unsigned *depth, qc_hash *root)
{
    QC_ASSERT(pos < n);
    unsigned at = 0;
    for (; n > 1; n = merkle_level(hashes, n), pos /= 2) {
        QC_ASSERT(at < QC_MERKLE_MAX_DEPTH);
        out[at++] = hashes[(pos ^ 1) < n ? pos ^ 1 : pos];
    }
    *depth = at;
    if (root)
        *root = hashes[0];
}

qc_hash qc_merkle_fold(const qc_hash *leaf, size_t pos, const qc_hash *branch, unsigned depth)
{
    qc_hash h = *leaf;
    for (unsigned i = 0; i < depth; i++, pos /= 2) {
        qc_hash pair[2];
        pair[pos & 1] = h;
        pair[!(pos & 1)] = branch[i];
        qc_sha256d64_many(h.b, pair->b, 1);
    }
    return h;
}
