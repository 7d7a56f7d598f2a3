#include "core/btc/merkleproof.h"

#include "core/base/alloc.h"
#include "core/btc/wire.h"
#include "core/crypto/sha256.h"

#define LEVELS 33u /* of 2^32 leaves, the root included */

/* The tree with all its nodes: level 0 are the leaves. */
typedef struct tree {
    qc_hash *hash;
    bool *match;
    size_t first[LEVELS]; /* where each level begins */
    size_t width[LEVELS];
    unsigned top;
} tree;

static size_t shape(tree *t, size_t n)
{
    size_t total = n;
    t->width[0] = n;
    for (t->top = 0; t->width[t->top] > 1; t->top++) {
        t->first[t->top + 1] = total;
        t->width[t->top + 1] = (t->width[t->top] + 1) / 2;
        total += t->width[t->top + 1];
    }
    return total;
}

static void fill(tree *t, const qc_hash *leaf, const bool *match)
{
    memcpy(t->hash, leaf, t->width[0] * sizeof *leaf);
    memcpy(t->match, match, t->width[0] * sizeof *match);
    for (unsigned l = 0; l < t->top; l++)
        for (size_t i = 0; i < t->width[l + 1]; i++) {
            size_t a = t->first[l] + 2 * i, b = 2 * i + 1 < t->width[l] ? a + 1 : a;
            qc_hash pair[2] = {t->hash[a], t->hash[b]};
            qc_sha256d64_many(t->hash[t->first[l + 1] + i].b, pair->b, 1);
            t->match[t->first[l + 1] + i] = t->match[a] || t->match[b];
        }
}

/* Flag bits and chosen hashes, in the order of the walk. */
typedef struct walk {
    qc_bytes bits, hashes;
    size_t n_bits, n_hashes;
} walk;

static qc_err put(walk *w, const tree *t, unsigned level, size_t at)
{
    static const uint8_t zero = 0;
    bool below = t->match[t->first[level] + at];
    qc_err err = w->n_bits % 8 ? QC_OK : qc_bytes_append(&w->bits, &zero, 1);
    if (err)
        return err;
    w->bits.data[w->n_bits / 8] |= (uint8_t)((unsigned)below << w->n_bits % 8);
    w->n_bits++;
    if (below && level)
        return QC_OK;
    w->n_hashes++;
    return qc_bytes_append(&w->hashes, &t->hash[t->first[level] + at], sizeof(qc_hash));
}

/* Left before right; what is still to be visited lies on a stack of at most two a level. */
static qc_err go(walk *w, const tree *t)
{
    struct {
        unsigned level;
        size_t at;
    } todo[2 * LEVELS] = {{t->top, 0}};
    size_t n = 1;
    while (n) {
        unsigned level = todo[--n].level;
        size_t at = todo[n].at;
        qc_err err = put(w, t, level, at);
        if (err)
            return err;
        if (!level || !t->match[t->first[level] + at])
            continue;
        if (2 * at + 1 < t->width[level - 1]) {
            todo[n].level = level - 1;
            todo[n++].at = 2 * at + 1;
        }
        todo[n].level = level - 1;
        todo[n++].at = 2 * at;
    }
    return QC_OK;
}

qc_err qc_merkle_proof_write(qc_bytes *out, const qc_hash *leaf, const bool *match, uint32_t n)
{
    tree t = {.top = 0};
    walk w = {.n_bits = 0};
    QC_ASSERT(n > 0);
    size_t total = shape(&t, n);
    t.hash = qc_try_calloc(total, sizeof *t.hash);
    t.match = qc_try_calloc(total, sizeof *t.match);
    qc_err err = t.hash && t.match ? QC_OK : QC_ENOMEM;
    if (!err) {
        fill(&t, leaf, match);
        err = go(&w, &t);
    }
    if (!err)
        err = qc_w_le32(out, n);
    if (!err)
        err = qc_w_compact(out, w.n_hashes);
    if (!err)
        err = qc_bytes_append(out, w.hashes.data, w.hashes.len);
    if (!err)
        err = qc_w_var(out, qc_bytes_span(&w.bits));
    qc_bytes_free(&w.bits);
    qc_bytes_free(&w.hashes);
    qc_free(t.hash);
    qc_free(t.match);
    return err;
}
