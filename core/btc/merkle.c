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

/* ---- leaf by leaf ---- */

void qc_merkle_run_init(qc_merkle_run *r)
{
    memset(r->n, 0, sizeof r->n);
    memset(r->wait, 0, sizeof r->wait);
}

/* What waits at a level, an even number, goes to the next: there is room for it. */
static void run_up(qc_merkle_run *r, unsigned level)
{
    uint32_t pairs = r->wait[level] / 2;
    qc_hash *up = &r->node[level + 1][r->wait[level + 1]];
    if (r->n[level] <= 2 * QC_MERKLE_AT_ONCE)
        r->second[level] = r->node[level][1];
    qc_sha256d64_many(up->b, r->node[level]->b, pairs);
    r->wait[level] = 0;
    r->wait[level + 1] += pairs;
    r->n[level + 1] += pairs;
}

void qc_merkle_run_add(qc_merkle_run *r, const uint8_t leaf[static 32])
{
    memcpy(r->node[0][r->wait[0]++].b, leaf, 32);
    r->n[0]++;
    for (unsigned level = 0; r->wait[level] == 2 * QC_MERKLE_AT_ONCE; level++)
        run_up(r, level);
}

void qc_merkle_run_end(qc_merkle_run *r, qc_hash out[static QC_MERKLE_MAX_DEPTH], unsigned *depth,
                       qc_hash *root)
{
    unsigned level = 0;
    QC_ASSERT(r->n[0]);
    for (; r->n[level] > 1; level++) {
        if (r->wait[level] % 2) {
            r->node[level][r->wait[level]] = r->node[level][r->wait[level] - 1];
            r->wait[level]++;
        }
        run_up(r, level);
        out[level] = r->second[level];
    }
    *depth = level;
    if (root)
        *root = r->node[level][0];
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
