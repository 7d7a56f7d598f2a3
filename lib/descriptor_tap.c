/* Hashes of taproot outputs (BIP341), and keys put together (BIP327). */
#include "lib/descriptor_impl.h"

#include "lib/hash.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#define LEAF_VERSION 0xc0
#define MAX_DEPTH 128

static void tagged_begin(struct sha256_ctx *c, const char *tag)
{
    uint8_t h[32];
    qn_sha256(tag, strlen(tag), h);
    sha256_init(c);
    sha256_update(c, sizeof h, h);
    sha256_update(c, sizeof h, h);
}

void qn_tagged_hash(const char *tag, const void *a, size_t a_len, const void *b, size_t b_len,
                    uint8_t out[32])
{
    struct sha256_ctx c;
    tagged_begin(&c, tag);
    if (a_len)
        sha256_update(&c, a_len, a);
    if (b_len)
        sha256_update(&c, b_len, b);
    sha256_digest(&c, 32, out);
}

void qn_tap_leaf_hash(qn_desc_bytes script, uint8_t out[32])
{
    uint8_t head[6] = {LEAF_VERSION};
    size_t n = 2;
    if (script.len < 0xfd) {
        head[1] = (uint8_t)script.len;
    } else {
        const size_t bytes = script.len <= 0xffff ? 2 : 4;
        head[1] = bytes == 2 ? 0xfd : 0xfe;
        for (size_t i = 0; i < bytes; i++)
            head[n++] = (uint8_t)(script.len >> 8 * i);
    }
    qn_tagged_hash("TapLeaf", head, n, script.data, script.len, out);
}

void qn_tap_branch_hash(const uint8_t a[32], const uint8_t b[32], uint8_t out[32])
{
    const bool in_order = memcmp(a, b, 32) < 0;
    qn_tagged_hash("TapBranch", in_order ? a : b, 32, in_order ? b : a, 32, out);
}

/* A finished part of the tree. */
typedef struct part {
    unsigned depth;
    bool has_leaf; /* the one whose path is wanted */
    uint8_t hash[32];
} part;

/* Join the last two, which are neighbours. */
static void join(part *a, const part *b, uint8_t (*path)[32], size_t *n_path)
{
    if (path && (a->has_leaf || b->has_leaf))
        memcpy(path[(*n_path)++], a->has_leaf ? b->hash : a->hash, 32);
    qn_tap_branch_hash(a->hash, b->hash, a->hash);
    a->has_leaf = a->has_leaf || b->has_leaf;
    a->depth--;
}

bool qn_tap_root(const qn_desc_leaf *leaf, size_t n, size_t of, uint8_t (*path)[32],
                 uint8_t root[32])
{
    part done[MAX_DEPTH + 2]; /* depths only rise towards the end */
    size_t n_done = 0, n_path = 0;
    for (size_t i = 0; i < n; i++) {
        if (leaf[i].depth > MAX_DEPTH || n_done == MAX_DEPTH + 1)
            return false;
        part *p = &done[n_done++];
        p->depth = leaf[i].depth;
        p->has_leaf = i == of;
        qn_tap_leaf_hash(leaf[i].script, p->hash);
        while (n_done > 1 && done[n_done - 1].depth == done[n_done - 2].depth) {
            if (done[n_done - 1].depth == 0)
                return false;
            join(&done[n_done - 2], &done[n_done - 1], path, &n_path);
            n_done--;
        }
    }
    if (n_done != 1 || done[0].depth != 0)
        return false;
    memcpy(root, done[0].hash, 32);
    return true;
}

bool qn_tap_output(const qn_curve *curve, const uint8_t internal[32], const uint8_t *root,
                   uint8_t out[32], bool *odd)
{
    uint8_t key[33] = {2}, tweak[32];
    memcpy(key + 1, internal, 32);
    qn_tagged_hash("TapTweak", internal, 32, root, root ? 32 : 0, tweak);
    if (!curve->pubkey_add(curve->arg, key, tweak, key))
        return false;
    memcpy(out, key + 1, 32);
    *odd = key[0] == 3;
    return true;
}

size_t qn_derived_control(const qn_derived *v, size_t leaf, uint8_t *out, size_t cap)
{
    uint8_t path[MAX_DEPTH][32], root[32];
    if (!v->has_tree || leaf >= v->n_leaves)
        return 0;
    const size_t n = 33 + 32 * (size_t)v->leaf[leaf].depth;
    if (n > cap || !qn_tap_root(v->leaf, v->n_leaves, leaf, path, root))
        return 0;
    out[0] = LEAF_VERSION | v->odd;
    memcpy(out + 1, v->internal, 32);
    memcpy(out + 33, path, n - 33);
    return n;
}

/* ---- BIP327 ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 33);
}

bool qn_musig_aggregate(const qn_curve *curve, uint8_t (*key)[33], size_t n, uint8_t out[33])
{
    uint8_t list[32], (*factor)[32] = malloc(n * sizeof *factor);
    const uint8_t *second = NULL;
    if (!factor)
        return false;
    qsort(key, n, sizeof *key, by_bytes);
    qn_tagged_hash("KeyAgg list", key, n * sizeof *key, NULL, 0, list);
    for (size_t i = 0; i < n; i++) {
        if (!second && memcmp(key[i], key[0], sizeof *key) != 0)
            second = key[i];
        qn_tagged_hash("KeyAgg coefficient", list, sizeof list, key[i], sizeof *key, factor[i]);
        if (second && memcmp(key[i], second, sizeof *key) == 0) {
            memset(factor[i], 0, 31);
            factor[i][31] = 1;
        }
    }
    bool ok = curve->pubkey_sum && curve->pubkey_sum(curve->arg, (const uint8_t(*)[33])key,
                                                     (const uint8_t(*)[32])factor, n, out);
    free(factor);
    return ok;
}
