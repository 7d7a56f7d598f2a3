/* Keys at an index: what is before the last step is derived once and kept. */
#include "lib/descriptor_impl.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t MUSIG_CHAIN[32] = {/* BIP328 */
                                        0x86, 0x80, 0x87, 0xca, 0x02, 0xa6, 0xf9, 0x74,
                                        0xc4, 0x59, 0x89, 0x24, 0xc3, 0x6b, 0x57, 0x76,
                                        0x2d, 0x32, 0xcb, 0x45, 0x71, 0x71, 0x67, 0xe3,
                                        0x00, 0x62, 0x2c, 0x71, 0x67, 0xe3, 0x89, 0x65};

static uint32_t step_at(const qn_path *path, size_t i, size_t branch)
{
    return path->alt && i == path->multi ? path->alt[branch] : path->step[i];
}

/* One more key for the list: path of the origin, of the key, and the index. */
static bool list_key(qn_key_list *l, const qn_keyexpr *k, size_t branch, const uint8_t *root,
                     size_t root_len, const uint8_t *bytes, size_t len, const uint32_t *last)
{
    const size_t n_path = k->path.n, n = k->origin.n + n_path + (last != NULL);
    uint32_t *path = qn_arena_get(l->arena, n, sizeof *path);
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 4;
        qn_desc_key *more = qn_arena_get(l->arena, cap, sizeof *more);
        if (!more)
            return false;
        if (l->n)
            memcpy(more, l->key, l->n * sizeof *more);
        l->key = more;
        l->cap = cap;
    }
    if (!path)
        return false;
    if (k->origin.n)
        memcpy(path, k->origin.step, k->origin.n * sizeof *path);
    for (size_t i = 0; i < n_path; i++)
        path[k->origin.n + i] = step_at(&k->path, i, branch);
    if (last)
        path[n - 1] = *last;
    qn_desc_key *out = &l->key[l->n++];
    *out = (qn_desc_key){.len = (uint8_t)len, .xonly = k->xonly, .path = path, .n_path = n};
    memcpy(out->bytes, bytes, len);
    if (k->has_origin)
        memcpy(out->fingerprint, k->fingerprint, 4);
    else
        qn_key_fingerprint(root, root_len, out->fingerprint);
    return true;
}

/* The secret of this public key, if it stands anywhere in the descriptor. */
static void find_secret(const qn_descriptor *d, qn_ext *e)
{
    for (size_t i = 0; i < d->n_keys && !e->has_secret; i++) {
        const qn_keyexpr *k = &d->key[i];
        if (!k->has_secret || k->len != 33 || memcmp(k->bytes, e->pub, 33) != 0)
            continue;
        memcpy(e->secret, k->kind == QN_KEY_EXTENDED ? k->ext.secret : k->secret, 32);
        e->has_secret = true;
    }
}

static void drop_secret(qn_ext *e)
{
    qn_wipe(e->secret, sizeof e->secret);
    e->has_secret = false;
}

/* Down the path from e. Secrets are used no longer than hardened steps need them. */
static qn_derive_result go_down(const qn_descriptor *d, const qn_keyexpr *k, size_t branch,
                                qn_ext *e)
{
    size_t secret_until = 0; /* steps that need one */
    for (size_t i = 0; i < k->path.n; i++)
        if (step_at(&k->path, i, branch) >= QN_HARDENED)
            secret_until = i + 1;
    if (k->range == QN_RANGE_HARDENED)
        secret_until = k->path.n + 1;
    if (secret_until && !e->has_secret)
        find_secret(d, e);
    if (secret_until && !e->has_secret)
        return QN_DERIVE_NO_SECRET;
    for (size_t i = 0; i < k->path.n; i++) {
        if (i >= secret_until)
            drop_secret(e);
        if (!qn_ext_child(&d->curve, e, step_at(&k->path, i, branch)))
            return QN_DERIVE_IMPOSSIBLE;
    }
    if (secret_until <= k->path.n)
        drop_secret(e);
    return QN_DERIVE_OK;
}

/* Participants to the list, and (out not NULL) what they make together. */
static qn_derive_result aggregate(qn_descriptor *d, const qn_keyexpr *k, size_t branch,
                                  uint32_t index, bool use_secrets, qn_key_list *list, uint8_t *out)
{
    uint8_t(*key)[33] = malloc((k->n_parts + 1u) * sizeof *key), bytes[65];
    qn_derive_result r = key ? QN_DERIVE_OK : QN_DERIVE_NO_MEMORY;
    for (uint32_t i = 0; i < k->n_parts && !r; i++) {
        size_t len;
        r = qn_key_derive(d, d->part[k->first_part + i], branch, index, use_secrets, list, bytes,
                          &len);
        if (!r)
            memcpy(key[i], bytes, 33);
    }
    if (!r && out && !qn_musig_aggregate(&d->curve, key, k->n_parts, out))
        r = QN_DERIVE_IMPOSSIBLE;
    free(key);
    return r;
}

/* The extended key above the last step. For a musig() whose participants have no range: of what
 * they make together (BIP328). */
static qn_derive_result parent_of(qn_descriptor *d, qn_keyexpr *k, size_t branch, bool use_secrets,
                                  const qn_key_parent **out)
{
    const size_t at = k->branches > 1 ? branch : 0;
    if (!k->parent)
        k->parent = qn_arena_get(&d->arena, k->branches, sizeof(qn_key_parent *));
    if (!k->parent)
        return QN_DERIVE_NO_MEMORY;
    if (!k->parent[at]) {
        qn_key_parent *p = qn_arena_get(&d->arena, 1, sizeof *p);
        if (!p)
            return QN_DERIVE_NO_MEMORY;
        if (k->kind == QN_KEY_MUSIG) {
            memcpy(p->key.chain, MUSIG_CHAIN, 32);
            p->result = aggregate(d, k, branch, 0, use_secrets, NULL, p->key.pub);
        } else {
            p->key = k->ext;
        }
        memcpy(p->root, p->key.pub, 33);
        if (!p->result)
            p->result = go_down(d, k, k->path.alt ? branch : 0, &p->key);
        if (p->result == QN_DERIVE_NO_MEMORY)
            return p->result;
        k->parent[at] = p;
    }
    *out = k->parent[at];
    return (*out)->result;
}

/* An extended key, or a musig() that is derived as one. */
static qn_derive_result derive_extended(qn_descriptor *d, qn_keyexpr *k, size_t branch,
                                        uint32_t index, bool use_secrets, qn_key_list *list,
                                        uint8_t bytes[65])
{
    const qn_key_parent *p;
    qn_derive_result r = parent_of(d, k, branch, use_secrets, &p);
    if (r)
        return r;
    qn_ext e = p->key;
    uint32_t last = k->range == QN_RANGE_HARDENED ? index | QN_HARDENED : index;
    if (k->range != QN_RANGE_NONE && !qn_ext_child(&d->curve, &e, last))
        r = QN_DERIVE_IMPOSSIBLE;
    drop_secret(&e);
    if (r)
        return r;
    memcpy(bytes, e.pub, 33);
    if (!list)
        return r;
    if (k->kind == QN_KEY_MUSIG)
        r = aggregate(d, k, branch, index, use_secrets, list, NULL);
    if (!r && !list_key(list, k, k->path.alt ? branch : 0, p->root, 33, bytes, 33,
                        k->range == QN_RANGE_NONE ? NULL : &last))
        r = QN_DERIVE_NO_MEMORY;
    return r;
}

/* A musig() whose participants have a range: it is made anew at each index. */
static qn_derive_result derive_ranged_musig(qn_descriptor *d, qn_keyexpr *k, size_t branch,
                                            uint32_t index, bool use_secrets, qn_key_list *list,
                                            uint8_t bytes[65])
{
    qn_derive_result r = aggregate(d, k, branch, index, use_secrets, list, bytes);
    if (!r && list && !list_key(list, k, 0, bytes, 33, bytes, 33, NULL))
        r = QN_DERIVE_NO_MEMORY;
    return r;
}

qn_derive_result qn_key_derive(qn_descriptor *d, uint32_t number, size_t branch, uint32_t index,
                               bool use_secrets, qn_key_list *list, uint8_t bytes[65], size_t *len)
{
    qn_keyexpr *k = &d->key[number];
    *len = k->len;
    if (k->kind == QN_KEY_SINGLE) {
        memcpy(bytes, k->bytes, k->len);
        return !list || list_key(list, k, 0, bytes, k->len, bytes, k->len, NULL)
                   ? QN_DERIVE_OK
                   : QN_DERIVE_NO_MEMORY;
    }
    if (!use_secrets && !qn_key_is_public(d, k, branch))
        return QN_DERIVE_NO_SECRET;
    if (k->kind == QN_KEY_MUSIG && k->range == QN_RANGE_NONE && qn_key_is_range(d, k))
        return derive_ranged_musig(d, k, branch, index, use_secrets, list, bytes);
    return derive_extended(d, k, branch, index, use_secrets, list, bytes);
}
