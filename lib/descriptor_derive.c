/* From descriptors to scripts. */
#include "lib/descriptor_impl.h"

#include "lib/address.h"
#include "lib/hash.h"
#include "lib/scriptnum_impl.h"

#include <stdlib.h>
#include <string.h>

typedef struct keybytes {
    uint8_t b[65];
    size_t len;
} keybytes;

typedef struct deriver {
    qn_descriptor *d;
    qn_arena *arena;
    qn_key_list keys;
    qn_key_at at;
    qn_derived *out;
    keybytes *key; /* of the expression at hand */
    bool tap;
    qn_derive_result result;
} deriver;

static bool fail(deriver *v, qn_derive_result r)
{
    v->result = r;
    return false;
}

/* The keys of an expression, in the order of the text. */
static bool derive_keys(deriver *v, const qn_expr *e)
{
    v->key = qn_arena_get(v->arena, e->n_keys, sizeof *v->key);
    if (!v->key)
        return fail(v, QN_DERIVE_NO_MEMORY);
    for (size_t i = 0; i < e->n_keys; i++) {
        qn_derive_result r = qn_key_derive(v->d, e->key[i], &v->at, v->key[i].b, &v->key[i].len);
        if (r)
            return fail(v, r);
    }
    return true;
}

/* First byte first, as Core sorts; keys of both lengths are told apart by it. */
static int by_key(const void *a, const void *b)
{
    const keybytes *x = a, *y = b;
    return memcmp(x->b, y->b, x->len < y->len ? x->len : y->len);
}

static int by_xonly(const void *a, const void *b)
{
    return memcmp(((const keybytes *)a)->b + 1, ((const keybytes *)b)->b + 1, 32);
}

static const uint8_t *key_in_script(void *arg, uint32_t number, size_t *len)
{
    const deriver *v = arg;
    const keybytes *k = &v->key[number];
    *len = v->tap ? 32 : k->len;
    return v->tap ? k->b + 1 : k->b;
}

static void put_key(deriver *v, qn_grow *out, size_t i)
{
    size_t len;
    const uint8_t *p = key_in_script(v, (uint32_t)i, &len);
    qn_script_put(out, p, len);
}

static void put_multi(deriver *v, const qn_expr *e, qn_grow *out)
{
    const bool leaf = e->kind == QN_EXPR_MULTI_A || e->kind == QN_EXPR_SORTEDMULTI_A;
    if (e->kind == QN_EXPR_SORTEDMULTI || e->kind == QN_EXPR_SORTEDMULTI_A)
        qsort(v->key, e->n_keys, sizeof *v->key, leaf ? by_xonly : by_key);
    if (!leaf)
        qn_script_put_number(out, e->threshold);
    for (size_t i = 0; i < e->n_keys; i++) {
        put_key(v, out, i);
        if (leaf)
            qn_grow_byte(out, i ? QN_OP_CHECKSIGADD : QN_OP_CHECKSIG);
    }
    qn_script_put_number(out, leaf ? e->threshold : e->n_keys);
    qn_grow_byte(out, leaf ? QN_OP_NUMEQUAL : QN_OP_CHECKMULTISIG);
}

static void put_hashed_key(deriver *v, bool witness, qn_grow *out)
{
    uint8_t id[20], script[QN_ADDRESS_SCRIPT_MAX];
    qn_hash160(v->key[0].b, v->key[0].len, id);
    qn_grow_put(out, script,
                witness ? qn_script_witness(0, id, 20, script) : qn_script_p2pkh(id, script));
}

static void put_xonly_output(const uint8_t *key, qn_grow *out)
{
    uint8_t script[QN_ADDRESS_SCRIPT_MAX];
    qn_grow_put(out, script, qn_script_witness(1, key, 32, script));
}

/* The expression's own script, with nothing around it. */
static bool put_expr(deriver *v, const qn_expr *e, qn_grow *out)
{
    switch (e->kind) {
    case QN_EXPR_PK:
        put_key(v, out, 0);
        qn_grow_byte(out, QN_OP_CHECKSIG);
        break;
    case QN_EXPR_PKH:
    case QN_EXPR_WPKH:
        put_hashed_key(v, e->kind == QN_EXPR_WPKH, out);
        break;
    case QN_EXPR_MULTI:
    case QN_EXPR_SORTEDMULTI:
    case QN_EXPR_MULTI_A:
    case QN_EXPR_SORTEDMULTI_A:
        put_multi(v, e, out);
        break;
    case QN_EXPR_RAWTR:
        put_xonly_output(v->key[0].b + 1, out);
        break;
    case QN_EXPR_ADDR:
    case QN_EXPR_RAW:
        qn_grow_put(out, v->d->script, v->d->script_len);
        break;
    case QN_EXPR_MINISCRIPT:
        if (!qn_ms_script(e->ms, key_in_script, v, out))
            return fail(v, QN_DERIVE_NO_MEMORY);
        break;
    case QN_EXPR_COMBO:
    case QN_EXPR_UNUSED:
        break;
    }
    return !out->failed || fail(v, QN_DERIVE_NO_MEMORY);
}

/* Keep what was put together, and start anew. */
static bool keep(deriver *v, qn_grow *from, qn_desc_bytes *to)
{
    *to = (qn_desc_bytes){qn_arena_copy(v->arena, from->data, from->len), from->len};
    from->len = 0;
    return (to->data && !from->failed) || fail(v, QN_DERIVE_NO_MEMORY);
}

static void put_script_hash(bool witness, qn_desc_bytes inner, qn_grow *out)
{
    uint8_t hash[32], script[QN_ADDRESS_SCRIPT_MAX];
    if (witness) {
        qn_sha256(inner.data, inner.len, hash);
        qn_grow_put(out, script, qn_script_witness(0, hash, 32, script));
    } else {
        qn_hash160(inner.data, inner.len, hash);
        qn_grow_put(out, script, qn_script_p2sh(hash, script));
    }
}

/* Wrap what is in g, and keep all of it as the next script. */
static bool keep_script(deriver *v, bool sh, bool wsh, qn_grow *g)
{
    qn_desc_script *s = &v->out->script[v->out->n_scripts++];
    if (wsh) {
        if (!keep(v, g, &s->witness))
            return false;
        put_script_hash(true, s->witness, g);
    }
    if (sh) {
        if (!keep(v, g, &s->redeem))
            return false;
        put_script_hash(false, s->redeem, g);
    }
    return keep(v, g, &s->script);
}

static bool derive_combo(deriver *v, qn_grow *g)
{
    put_key(v, g, 0);
    qn_grow_byte(g, QN_OP_CHECKSIG);
    if (!keep_script(v, false, false, g))
        return false;
    put_hashed_key(v, false, g);
    if (!keep_script(v, false, false, g) || v->key[0].len == 65)
        return v->result == QN_DERIVE_OK;
    put_hashed_key(v, true, g);
    if (!keep_script(v, false, false, g))
        return false;
    put_hashed_key(v, true, g);
    return keep_script(v, true, false, g);
}

static bool derive_leaves(deriver *v, qn_grow *g)
{
    const qn_descriptor *d = v->d;
    qn_derived *out = v->out;
    out->leaf = qn_arena_get(v->arena, d->n_exprs, sizeof *out->leaf);
    if (!out->leaf)
        return fail(v, QN_DERIVE_NO_MEMORY);
    out->n_leaves = d->n_exprs;
    for (size_t i = 0; i < d->n_exprs; i++) {
        out->leaf[i].depth = d->expr[i].depth;
        if (!derive_keys(v, &d->expr[i]) || !put_expr(v, &d->expr[i], g) ||
            !keep(v, g, &out->leaf[i].script))
            return false;
    }
    out->has_tree = d->n_exprs > 0;
    if (out->has_tree && !qn_tap_root(out->leaf, out->n_leaves, SIZE_MAX, NULL, out->root))
        return fail(v, QN_DERIVE_IMPOSSIBLE);
    return true;
}

static bool derive_taproot(deriver *v, qn_grow *g)
{
    uint8_t key[65], output[32];
    size_t len;
    qn_derived *out = v->out;
    qn_derive_result r = qn_key_derive(v->d, v->d->internal, &v->at, key, &len);
    if (r)
        return fail(v, r);
    v->tap = true;
    out->taproot = true;
    memcpy(out->internal, key + 1, 32);
    if (!derive_leaves(v, g))
        return false;
    if (!qn_tap_output(&v->d->curve, out->internal, out->has_tree ? out->root : NULL, output,
                       &out->odd))
        return fail(v, QN_DERIVE_IMPOSSIBLE);
    put_xonly_output(output, g);
    return keep_script(v, false, false, g);
}

static bool derive(deriver *v, qn_grow *g)
{
    const qn_descriptor *d = v->d;
    if (d->tr)
        return derive_taproot(v, g);
    const qn_expr *e = &d->expr[0];
    if (!derive_keys(v, e))
        return false;
    if (e->kind == QN_EXPR_UNUSED)
        return true;
    if (e->kind == QN_EXPR_COMBO)
        return derive_combo(v, g);
    return put_expr(v, e, g) && keep_script(v, d->sh, d->wsh, g);
}

qn_derive_result qn_descriptor_derive(qn_descriptor *d, size_t branch, uint32_t index,
                                      qn_derived *out)
{
    qn_grow g = {NULL, 0, 0, false};
    memset(out, 0, sizeof *out);
    if (branch >= d->branches || index > QN_DESC_MAX_INDEX)
        return QN_DERIVE_IMPOSSIBLE;
    qn_arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return QN_DERIVE_NO_MEMORY;
    out->memory = arena;
    deriver v = {.d = d, .arena = arena, .out = out, .keys = {.arena = arena}};
    v.at = (qn_key_at){branch, index, true, &v.keys};
    bool ok = derive(&v, &g);
    out->key = v.keys.key;
    out->n_keys = v.keys.n;
    qn_grow_clear(&g);
    if (!ok)
        qn_derived_clear(out);
    return v.result;
}

void qn_derived_clear(qn_derived *v)
{
    if (v->memory)
        qn_arena_clear(v->memory);
    free(v->memory);
    memset(v, 0, sizeof *v);
}
