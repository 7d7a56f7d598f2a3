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

/* Room for one more. */
static qn_desc_key *list_grow(qn_key_list *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 4;
        qn_desc_key *more = qn_arena_get(l->arena, cap, sizeof *more);
        if (!more)
            return NULL;
        if (l->n)
            memcpy(more, l->key, l->n * sizeof *more);
        l->key = more;
        l->cap = cap;
    }
    return &l->key[l->n++];
}

/* A derived key: its own bytes, those of the key its path starts at, and the index (NULL: none). */
typedef struct derived_key {
    const uint8_t *bytes, *root;
    size_t len;
    const uint32_t *last;
} derived_key;

/* Add to the list, with the path of the origin, of the key, and the index. */
static qn_derive_result list_key(const qn_key_at *at, const qn_keyexpr *k, const derived_key *v)
{
    const size_t n = k->origin.n + k->path.n + (v->last != NULL);
    const size_t branch = k->path.alt ? at->branch : 0;
    if (!at->list)
        return QN_DERIVE_OK;
    uint32_t *path = qn_arena_get(at->list->arena, n, sizeof *path);
    qn_desc_key *out = path ? list_grow(at->list) : NULL;
    if (!out)
        return QN_DERIVE_NO_MEMORY;
    if (k->origin.n)
        memcpy(path, k->origin.step, k->origin.n * sizeof *path);
    for (size_t i = 0; i < k->path.n; i++)
        path[k->origin.n + i] = step_at(&k->path, i, branch);
    if (v->last)
        path[n - 1] = *v->last;
    *out = (qn_desc_key){.len = (uint8_t)v->len, .xonly = k->xonly, .path = path, .n_path = n};
    memcpy(out->bytes, v->bytes, v->len);
    if (k->has_origin)
        memcpy(out->fingerprint, k->fingerprint, 4);
    else
        qn_key_fingerprint(v->root, v->len, out->fingerprint);
    return QN_DERIVE_OK;
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
static qn_derive_result aggregate(qn_descriptor *d, const qn_keyexpr *k, const qn_key_at *at,
                                  uint8_t *out)
{
    uint8_t(*key)[33] = malloc((k->n_parts + 1u) * sizeof *key), bytes[65];
    qn_derive_result r = key ? QN_DERIVE_OK : QN_DERIVE_NO_MEMORY;
    for (uint32_t i = 0; i < k->n_parts && !r; i++) {
        size_t len;
        r = qn_key_derive(d, d->part[k->first_part + i], at, bytes, &len);
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
static qn_derive_result parent_of(qn_descriptor *d, qn_keyexpr *k, const qn_key_at *at,
                                  const qn_key_parent **out)
{
    const size_t which = k->branches > 1 ? at->branch : 0;
    if (!k->parent)
        k->parent = qn_arena_get(&d->arena, k->branches, sizeof(qn_key_parent *));
    if (!k->parent)
        return QN_DERIVE_NO_MEMORY;
    if (!k->parent[which]) {
        qn_key_parent *p = qn_arena_get(&d->arena, 1, sizeof *p);
        if (!p)
            return QN_DERIVE_NO_MEMORY;
        if (k->kind == QN_KEY_MUSIG) {
            const qn_key_at first = {at->branch, 0, at->use_secrets, NULL};
            memcpy(p->key.chain, MUSIG_CHAIN, 32);
            p->result = aggregate(d, k, &first, p->key.pub);
        } else {
            p->key = k->ext;
        }
        memcpy(p->root, p->key.pub, 33);
        if (!p->result)
            p->result = go_down(d, k, k->path.alt ? at->branch : 0, &p->key);
        if (p->result == QN_DERIVE_NO_MEMORY)
            return p->result;
        k->parent[which] = p;
    }
    *out = k->parent[which];
    return (*out)->result;
}

/* An extended key, or a musig() that is derived as one. */
static qn_derive_result derive_extended(qn_descriptor *d, qn_keyexpr *k, const qn_key_at *at,
                                        uint8_t bytes[65])
{
    const qn_key_parent *p;
    qn_derive_result r = parent_of(d, k, at, &p);
    if (r)
        return r;
    qn_ext e = p->key;
    uint32_t last = k->range == QN_RANGE_HARDENED ? at->index | QN_HARDENED : at->index;
    if (k->range != QN_RANGE_NONE && !qn_ext_child(&d->curve, &e, last))
        r = QN_DERIVE_IMPOSSIBLE;
    drop_secret(&e);
    if (r)
        return r;
    memcpy(bytes, e.pub, 33);
    if (at->list && k->kind == QN_KEY_MUSIG)
        r = aggregate(d, k, at, NULL);
    const derived_key v = {bytes, p->root, 33, k->range == QN_RANGE_NONE ? NULL : &last};
    return r ? r : list_key(at, k, &v);
}

qn_derive_result qn_key_derive(qn_descriptor *d, uint32_t number, const qn_key_at *at,
                               uint8_t bytes[65], size_t *len)
{
    qn_keyexpr *k = &d->key[number];
    qn_derive_result r = QN_DERIVE_OK;
    const derived_key v = {bytes, bytes, k->len, NULL};
    *len = k->len;
    if (k->kind == QN_KEY_SINGLE) {
        memcpy(bytes, k->bytes, k->len);
        return list_key(at, k, &v);
    }
    if (!at->use_secrets && !qn_key_is_public(d, k, at->branch))
        return QN_DERIVE_NO_SECRET;
    if (k->kind == QN_KEY_EXTENDED || k->range != QN_RANGE_NONE || !qn_key_is_range(d, k))
        return derive_extended(d, k, at, bytes);
    /* A musig() whose participants have a range is made anew at each index. */
    r = aggregate(d, k, at, bytes);
    return r ? r : list_key(at, k, &v);
}

static bool secret_at(const qn_descriptor *d, const qn_keyexpr *k, size_t branch, uint32_t index,
                      qn_ext *e)
{
    *e = k->ext;
    if (!e->has_secret)
        find_secret(d, e);
    if (!e->has_secret)
        return false;
    for (size_t i = 0; i < k->path.n; i++)
        if (!qn_ext_child(&d->curve, e, step_at(&k->path, i, k->path.alt ? branch : 0)))
            return false;
    return k->range == QN_RANGE_NONE ||
           qn_ext_child(&d->curve, e, k->range == QN_RANGE_HARDENED ? index | QN_HARDENED : index);
}

void qn_descriptor_secrets(const qn_descriptor *d, size_t branch, uint32_t index,
                           qn_descriptor_secret_fn *give, void *arg)
{
    for (size_t i = 0; i < d->n_keys; i++) {
        const qn_keyexpr *k = &d->key[i];
        qn_ext e;
        if (k->kind == QN_KEY_SINGLE && k->has_secret)
            give(arg, k->secret, k->len == 33);
        else if (k->kind == QN_KEY_EXTENDED && secret_at(d, k, branch, index, &e))
            give(arg, e.secret, true);
        qn_wipe(&e, sizeof e);
    }
}
