/* The descriptor of a script (Core script/descriptor.cpp InferScript): the one that says most with
 * what is known. */
#include "lib/descriptor_impl.h"

#include "lib/address.h"
#include "lib/hash.h"
#include "lib/scriptnum_impl.h"

#include <stdlib.h>
#include <string.h>

/* A key as it stands in the text. */
typedef struct shown_key {
    uint8_t bytes[65];
    uint8_t len;
    bool xonly;
} shown_key;

typedef struct infer {
    const qn_chain_text *chain;
    const qn_curve *curve;
    const qn_derived *known;
    uint8_t (*id)[20]; /* of known keys, then of those without their first byte; made when needed */
    bool no_memory;
    qn_out *o;
} infer;

static size_t n_known_keys(const infer *f)
{
    return f->known ? f->known->n_keys : 0;
}

static void put_origin(infer *f, const qn_desc_key *k)
{
    qn_out_str(f->o, "[");
    qn_out_hex(f->o, k->fingerprint, sizeof k->fingerprint);
    for (size_t i = 0; i < k->n_path; i++) {
        qn_out_str(f->o, "/");
        qn_out_number(f->o, k->path[i] & ~QN_HARDENED);
        qn_out_str(f->o, k->path[i] >= QN_HARDENED ? "h" : "");
    }
    qn_out_str(f->o, "]");
}

static const qn_desc_key *find_key(const infer *f, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < n_known_keys(f); i++)
        if (f->known->key[i].len == len && memcmp(f->known->key[i].bytes, bytes, len) == 0)
            return &f->known->key[i];
    return NULL;
}

static void put_key(infer *f, const shown_key *k)
{
    uint8_t other[33];
    const qn_desc_key *known = find_key(f, k->bytes, k->len);
    if (!known && k->xonly) { /* it may be known with its y */
        memcpy(other, k->bytes, sizeof other);
        other[0] = 3;
        known = find_key(f, other, sizeof other);
    }
    if (known)
        put_origin(f, known);
    qn_out_hex(f->o, k->bytes + k->xonly, k->xonly ? 32 : k->len);
}

static shown_key xonly_key(const uint8_t *x)
{
    shown_key k = {{2}, 33, true};
    memcpy(k.bytes + 1, x, 32);
    return k;
}

/* Whether it is a point is not asked, as Core does not. */
static bool take_pubkey(qn_script_part p, qn_desc_context ctx, shown_key *out)
{
    if (p.len > sizeof out->bytes || p.len == 0 || p.data[0] > 4 ||
        qn_pubkey_len(p.data[0]) != p.len)
        return false;
    if (p.len != 33 && ctx != QN_CTX_TOP && ctx != QN_CTX_SH)
        return false;
    memcpy(out->bytes, p.data, p.len);
    out->len = (uint8_t)p.len;
    out->xonly = false;
    return true;
}

static bool make_ids(infer *f)
{
    const size_t n = n_known_keys(f);
    if (f->id || n == 0)
        return n > 0;
    f->id = malloc(2 * n * sizeof *f->id);
    f->no_memory = f->no_memory || !f->id;
    for (size_t i = 0; f->id && i < n; i++) {
        const qn_desc_key *k = &f->known->key[i];
        qn_hash160(k->bytes, k->len, f->id[i]);
        qn_hash160(k->bytes + 1, k->len - 1u, f->id[n + i]);
    }
    return f->id != NULL;
}

static bool key_of_hash(infer *f, const uint8_t *hash, bool tap, qn_desc_context ctx,
                        shown_key *out)
{
    const size_t n = n_known_keys(f);
    if (!make_ids(f))
        return false;
    for (size_t i = 0; i < (tap ? 2 * n : n); i++) {
        const qn_desc_key *k = &f->known->key[i % n];
        if (memcmp(f->id[i], hash, 20) == 0)
            return take_pubkey((qn_script_part){k->bytes, k->len}, ctx, out);
    }
    return false;
}

static bool put_one(infer *f, const char *name, const shown_key *k)
{
    qn_out_str(f->o, name);
    qn_out_str(f->o, "(");
    put_key(f, k);
    qn_out_str(f->o, ")");
    return true;
}

/* ---- Miniscript ---- */

typedef struct ms_keys {
    infer *f;
    qn_desc_context ctx;
    qn_grow key; /* shown_key each */
} ms_keys;

static shown_key ms_key(const ms_keys *k, uint32_t number)
{
    shown_key out;
    memcpy(&out, k->key.data + number * sizeof out, sizeof out);
    return out;
}

static bool add_ms_key(ms_keys *k, const shown_key *key)
{
    qn_grow_put(&k->key, key, sizeof *key);
    return !k->key.failed;
}

static bool read_bytes(void *arg, const uint8_t *key, size_t len)
{
    ms_keys *k = arg;
    shown_key out;
    if (k->ctx == QN_CTX_TR) {
        if (len != 32)
            return false;
        out = xonly_key(key);
    } else if (len != 33 || !take_pubkey((qn_script_part){key, len}, k->ctx, &out)) {
        return false;
    }
    return add_ms_key(k, &out);
}

static bool read_hash(void *arg, const uint8_t *hash)
{
    ms_keys *k = arg;
    shown_key out;
    return key_of_hash(k->f, hash, k->ctx == QN_CTX_TR, k->ctx, &out) && add_ms_key(k, &out);
}

static int compare_keys(const void *arg, uint32_t a, uint32_t b)
{
    const shown_key x = ms_key(arg, a), y = ms_key(arg, b);
    return memcmp(x.bytes, y.bytes, 33);
}

static void print_key(void *arg, uint32_t number, qn_out *o)
{
    const ms_keys *k = arg;
    const shown_key key = ms_key(k, number);
    (void)o; /* the one of k->f */
    put_key(k->f, &key);
}

static bool infer_miniscript(infer *f, qn_desc_bytes script, qn_desc_context ctx)
{
    qn_arena arena = {NULL, false};
    ms_keys k = {f, ctx, {NULL, 0, 0, false}};
    const qn_ms_reader reader = {&k, NULL, read_bytes, read_hash};
    qn_ms m;
    qn_ms_init(&m, &arena, ctx == QN_CTX_TR);
    bool ok = qn_ms_decode(&m, script.data, script.len, &reader);
    if (ok && (!qn_ms_find_duplicates(&m, compare_keys, &k) || k.key.failed))
        f->no_memory = true;
    ok = ok && !f->no_memory && qn_ms_sane(&m);
    if (ok && !qn_ms_print(&m, m.root, print_key, &k, f->o))
        f->no_memory = true;
    f->no_memory = f->no_memory || arena.failed;
    qn_grow_clear(&k.key);
    qn_arena_clear(&arena);
    return ok;
}

/* ---- the other kinds ---- */

static bool infer_multi(infer *f, const qn_script_info *info, qn_desc_context ctx)
{
    shown_key k;
    for (unsigned i = 0; i < info->n_parts; i++)
        if (!take_pubkey(info->part[i], ctx, &k))
            return false;
    qn_out_str(f->o, "multi(");
    qn_out_number(f->o, info->required);
    for (unsigned i = 0; i < info->n_parts; i++) {
        (void)take_pubkey(info->part[i], ctx, &k);
        qn_out_str(f->o, ",");
        put_key(f, &k);
    }
    qn_out_str(f->o, ")");
    return true;
}

/* key CHECKSIG, key CHECKSIGADD ... threshold NUMEQUAL. */
static bool infer_multi_a(infer *f, qn_desc_bytes s)
{
    size_t n = 0, pos;
    qn_script_op op;
    int64_t k;
    if (s.len == 0 || s.data[0] != 32 || s.data[s.len - 1] != QN_OP_NUMEQUAL)
        return false;
    for (pos = 0; s.len - pos >= 34; pos += 34, n++)
        if (s.data[pos] != 32 || s.data[pos + 33] != (n ? QN_OP_CHECKSIGADD : QN_OP_CHECKSIG))
            return false;
    if (n == 0 || n > QN_MS_MAX_MULTI_A || !qn_script_next(s.data, s.len, &pos, &op) ||
        !qn_script_get_number(&op, &k) || pos + 1 != s.len || k < 1 || (uint64_t)k > n)
        return false;
    qn_out_str(f->o, "multi_a(");
    qn_out_number(f->o, (uint64_t)k);
    for (size_t i = 0; i < n; i++) {
        shown_key key = xonly_key(s.data + 34 * i + 1);
        qn_out_str(f->o, ",");
        put_key(f, &key);
    }
    qn_out_str(f->o, ")");
    return true;
}

static bool infer_leaf(infer *f, qn_desc_bytes s)
{
    if (s.len == 34 && s.data[0] == 32 && s.data[33] == QN_OP_CHECKSIG) {
        shown_key k = xonly_key(s.data + 1);
        return put_one(f, "pk", &k);
    }
    return infer_multi_a(f, s) || infer_miniscript(f, s, QN_CTX_TR);
}

static bool infer_script(infer *f, qn_desc_bytes s, qn_desc_context ctx);

static bool is_behind(const qn_desc_bytes *s, bool witness, const uint8_t *hash)
{
    uint8_t h[32];
    if (!s->data)
        return false;
    if (witness)
        qn_sha256(s->data, s->len, h);
    else
        qn_hash160(s->data, s->len, h);
    return memcmp(h, hash, witness ? 32 : 20) == 0;
}

static bool infer_wrapped(infer *f, const uint8_t *hash, bool witness)
{
    const size_t was = f->o->len;
    for (size_t i = 0; f->known && i < f->known->n_scripts; i++) {
        const qn_desc_script *k = &f->known->script[i];
        const qn_desc_bytes *inner = witness ? &k->witness : &k->redeem;
        if (!is_behind(inner, witness, hash))
            continue;
        qn_out_str(f->o, witness ? "wsh(" : "sh(");
        if (infer_script(f, *inner, witness ? QN_CTX_WSH : QN_CTX_SH)) {
            qn_out_str(f->o, ")");
            return true;
        }
        f->o->len = was;
        return false;
    }
    return false;
}

/* ---- trees ---- */

/* Leaves of one part of the tree, as a list, and the place of its first one among all in order. */
typedef struct part {
    size_t first, last, rank;
    unsigned depth;
} part;

typedef struct ranked {
    const qn_desc_leaf *leaf;
    size_t index;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    const qn_desc_bytes *s = &x->leaf->script, *t = &y->leaf->script;
    int c = memcmp(s->data, t->data, s->len < t->len ? s->len : t->len);
    if (c == 0)
        c = (s->len > t->len) - (s->len < t->len);
    if (c == 0)
        c = (x->leaf->depth > y->leaf->depth) - (x->leaf->depth < y->leaf->depth);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

/* Which side is the left one does not show in a tree's hash. Core puts there the side with the
 * smallest script. next: of each leaf the one to its right, SIZE_MAX at the end. Returns: the first
 * one; SIZE_MAX: the depths make no tree. */
static size_t order_leaves(const qn_derived *v, const size_t *rank, size_t *next)
{
    part done[130];
    size_t n = 0;
    for (size_t i = 0; i < v->n_leaves; i++) {
        if (n == 129 || v->leaf[i].depth > 128)
            return SIZE_MAX;
        next[i] = SIZE_MAX;
        done[n++] = (part){i, i, rank[i], v->leaf[i].depth};
        for (; n > 1 && done[n - 1].depth == done[n - 2].depth && done[n - 1].depth; n--) {
            part *a = &done[n - 2], *b = &done[n - 1];
            const bool in_order = a->rank < b->rank;
            const part left = in_order ? *a : *b, right = in_order ? *b : *a;
            next[left.last] = right.first;
            *a = (part){left.first, right.last, left.rank, left.depth - 1};
        }
    }
    return n == 1 && done[0].depth == 0 ? done[0].first : SIZE_MAX;
}

static bool put_tree(infer *f, const qn_derived *v, const size_t *next, size_t at)
{
    bool open[130];
    size_t n_open = 0;
    for (bool first = true; at != SIZE_MAX; at = next[at], first = false) {
        qn_out_str(f->o, first ? "," : "");
        qn_tree_before(f->o, open, &n_open, v->leaf[at].depth, first);
        if (!infer_leaf(f, v->leaf[at].script))
            return false;
        qn_tree_after(f->o, open, &n_open);
    }
    return true;
}

static bool infer_tree(infer *f, const qn_derived *v)
{
    const size_t n = v->n_leaves;
    ranked *sorted = malloc((n + 1) * sizeof *sorted);
    size_t *rank = malloc((2 * n + 1) * sizeof *rank);
    bool ok = sorted && rank;
    f->no_memory = f->no_memory || !ok;
    if (ok) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = (ranked){&v->leaf[i], i};
        qsort(sorted, n, sizeof *sorted, by_rank);
        for (size_t i = 0; i < n; i++)
            rank[sorted[i].index] = i;
        size_t first = order_leaves(v, rank, rank + n);
        ok = first != SIZE_MAX && put_tree(f, v, rank + n, first);
    }
    free(sorted);
    free(rank);
    return ok;
}

static bool infer_taproot(infer *f, qn_desc_bytes s, const uint8_t *output)
{
    const qn_derived *v = f->known;
    const size_t was = f->o->len;
    if (v && v->taproot && v->n_scripts && v->script[0].script.len == s.len &&
        memcmp(v->script[0].script.data, s.data, s.len) == 0) {
        shown_key internal = xonly_key(v->internal);
        qn_out_str(f->o, "tr(");
        put_key(f, &internal);
        if (!v->has_tree || infer_tree(f, v)) {
            qn_out_str(f->o, ")");
            return true;
        }
        f->o->len = was;
    }
    shown_key key = xonly_key(output);
    if (f->curve && !f->curve->pubkey_valid(f->curve->arg, key.bytes, 33))
        return false;
    return put_one(f, "rawtr", &key);
}

static bool infer_classified(infer *f, qn_desc_bytes s, const qn_script_info *info,
                             qn_desc_context ctx)
{
    const bool outer = ctx == QN_CTX_TOP || ctx == QN_CTX_SH;
    shown_key k;
    switch (info->type) {
    case QN_SCRIPT_PUBKEY:
        return take_pubkey(info->part[0], ctx, &k) && put_one(f, "pk", &k);
    case QN_SCRIPT_PUBKEYHASH:
        return key_of_hash(f, info->part[0].data, false, ctx, &k) && put_one(f, "pkh", &k);
    case QN_SCRIPT_WITNESS_V0_KEYHASH:
        return outer && key_of_hash(f, info->part[0].data, false, QN_CTX_WPKH, &k) &&
               put_one(f, "wpkh", &k);
    case QN_SCRIPT_MULTISIG:
        return infer_multi(f, info, ctx);
    case QN_SCRIPT_SCRIPTHASH:
        return ctx == QN_CTX_TOP && infer_wrapped(f, info->part[0].data, false);
    case QN_SCRIPT_WITNESS_V0_SCRIPTHASH:
        return outer && infer_wrapped(f, info->part[0].data, true);
    case QN_SCRIPT_WITNESS_V1_TAPROOT:
        return ctx == QN_CTX_TOP && infer_taproot(f, s, info->part[0].data);
    case QN_SCRIPT_NONSTANDARD:
    case QN_SCRIPT_ANCHOR:
    case QN_SCRIPT_NULLDATA:
    case QN_SCRIPT_WITNESS_UNKNOWN:
        break;
    }
    return false;
}

static void put_plain(infer *f, qn_desc_bytes s)
{
    char address[QN_ADDRESS_MAX];
    const bool has = qn_address_encode(f->chain, s.data, s.len, address) > 0;
    qn_out_str(f->o, has ? "addr(" : "raw(");
    if (has)
        qn_out_str(f->o, address);
    else
        qn_out_hex(f->o, s.data, s.len);
    qn_out_str(f->o, ")");
}

static bool infer_script(infer *f, qn_desc_bytes s, qn_desc_context ctx)
{
    const size_t was = f->o->len;
    qn_script_info info;
    (void)qn_script_classify(s.data, s.len, &info);
    if (infer_classified(f, s, &info, ctx))
        return true;
    f->o->len = was;
    if (ctx == QN_CTX_WSH && infer_miniscript(f, s, ctx))
        return true;
    f->o->len = was;
    if (ctx == QN_CTX_TOP)
        put_plain(f, s);
    return ctx == QN_CTX_TOP;
}

size_t qn_descriptor_infer(const qn_chain_text *chain, const qn_curve *curve, const uint8_t *script,
                           size_t script_len, const qn_derived *known, char *out, size_t cap)
{
    qn_out o = {out, cap, 0};
    infer f = {chain, curve, known, NULL, false, &o};
    (void)infer_script(&f, (qn_desc_bytes){script, script_len}, QN_CTX_TOP);
    free(f.id);
    if (f.no_memory)
        return 0;
    qn_desc_put_checksum(&o);
    qn_out_end(&o);
    return o.len;
}
