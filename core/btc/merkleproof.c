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

/* ---- following a proof ---- */

typedef struct follow {
    qc_merkle_proof *p;
    qc_span hashes, bits;
    size_t n_hashes, n_bits; /* used */
    bool bad;
} follow;

static size_t width_at(uint32_t n, unsigned level)
{
    return ((size_t)n + ((size_t)1 << level) - 1) >> level;
}

static bool next_bit(follow *f)
{
    if (f->n_bits >= 8 * f->bits.len) {
        f->bad = true;
        return false;
    }
    bool bit = f->bits.data[f->n_bits / 8] >> f->n_bits % 8 & 1;
    f->n_bits++;
    return bit;
}

static void next_hash(follow *f, qc_hash *out)
{
    *out = (qc_hash){{0}};
    if (f->n_hashes >= f->hashes.len / sizeof *out)
        f->bad = true;
    else
        memcpy(out, f->hashes.data + sizeof *out * f->n_hashes++, sizeof *out);
}

/* Hash of the node. Depth: at most 14, by QC_MERKLE_PROOF_MAX. */
static void node_hash(follow *f, unsigned level, size_t at, qc_hash *out)
{
    bool below = next_bit(f);
    if (f->bad || !below || level == 0) {
        next_hash(f, out);
        if (below && !f->bad)
            f->p->match[f->p->n_match++] = *out;
        return;
    }
    qc_hash pair[2];
    node_hash(f, level - 1, 2 * at, &pair[0]);
    pair[1] = pair[0];
    if (!f->bad && 2 * at + 1 < width_at(f->p->n, level - 1)) {
        node_hash(f, level - 1, 2 * at + 1, &pair[1]);
        /* Twins that are not a repeated last node would let a tree be told in two ways
         * (CVE-2012-2459). */
        f->bad |= qc_hash_eq(&pair[0], &pair[1]);
    }
    qc_sha256d64_many(out->b, pair->b, 1);
}

static bool sizes_fit(const follow *f)
{
    size_t n = f->hashes.len / sizeof(qc_hash);
    return f->p->n > 0 && f->p->n <= QC_MERKLE_PROOF_MAX && n <= f->p->n && 8 * f->bits.len >= n;
}

static qc_wire_fail follow_all(follow *f)
{
    unsigned top = 0;
    if (!sizes_fit(f))
        return QC_WIRE_OK;
    f->p->match = qc_try_calloc(f->hashes.len / sizeof(qc_hash) + 1, sizeof(qc_hash));
    if (!f->p->match)
        return QC_WIRE_NOMEM;
    while (width_at(f->p->n, top) > 1)
        top++;
    node_hash(f, top, 0, &f->p->root);
    f->p->holds = !f->bad && (f->n_bits + 7) / 8 == f->bits.len &&
                  f->n_hashes == f->hashes.len / sizeof(qc_hash);
    return QC_WIRE_OK;
}

void qc_merkle_proof_read(qc_reader *r, qc_merkle_proof *out)
{
    follow f = {.p = out};
    *out = (qc_merkle_proof){.n = qc_r_le32(r)};
    uint64_t n = qc_r_count(r, sizeof(qc_hash));
    f.hashes = qc_r_span(r, (size_t)n * sizeof(qc_hash));
    f.bits = qc_r_var(r);
    qc_wire_fail fail = r->fail ? r->fail : follow_all(&f);
    if (!out->holds) {
        qc_free(out->match);
        *out = (qc_merkle_proof){.n = fail ? 0 : out->n};
    }
    r->fail = fail;
}

void qc_merkle_proof_clear(qc_merkle_proof *p)
{
    qc_free(p->match);
    *p = (qc_merkle_proof){.n = 0};
}
