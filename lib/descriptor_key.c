/* Key expressions: [fingerprint/path], and a key in hex, in wallet import format, or an extended
 * one with steps below it. */
#include "lib/descriptor_impl.h"

#include "lib/address.h"
#include "lib/base58.h"
#include "lib/elsewhere.h"
#include "lib/hex.h"
#include "lib/script.h"

#include <stdlib.h>
#include <string.h>

qn_keyexpr *qn_desc_new_key(qn_desc_parser *ps, uint32_t *number)
{
    qn_descriptor *d = ps->d;
    if (d->n_keys == QN_DESC_MAX_KEYS) {
        qn_desc_fail(ps, "More than %u keys", QN_DESC_MAX_KEYS);
        return NULL;
    }
    if (d->n_keys == d->keys_cap) {
        size_t cap = d->keys_cap ? 2 * d->keys_cap : 4;
        qn_keyexpr *more = malloc(cap * sizeof *more);
        if (!more) {
            qn_desc_no_memory(ps);
            return NULL;
        }
        if (d->n_keys) {
            memcpy(more, d->key, d->n_keys * sizeof *more);
            qn_wipe(d->key, d->n_keys * sizeof *more);
        }
        free(d->key);
        d->key = more;
        d->keys_cap = cap;
    }
    qn_keyexpr *k = &d->key[d->n_keys];
    memset(k, 0, sizeof *k);
    k->path.n_alt = k->origin.n_alt = k->branches = 1;
    *number = (uint32_t)d->n_keys++;
    return k;
}

static bool parse_origin(qn_desc_parser *ps, qn_text t, qn_keyexpr *k)
{
    bool hardened;
    if (!qn_text_take(&t, '['))
        return qn_desc_fail(
            ps, "Key origin start '[ character expected but not found, got '%c' instead",
            t.len ? t.p[0] : ']');
    qn_text rest, part = qn_text_split(t, '/', &rest);
    if (part.len != 8)
        return qn_desc_fail(
            ps, "Fingerprint is not 4 bytes (%zu characters instead of 8 characters)", part.len);
    if (!qn_hex_decode(part.p, part.len, k->fingerprint, sizeof k->fingerprint))
        return qn_desc_fail(ps, "Fingerprint '%.*s' is not hex", QN_SHOWN(part));
    k->has_origin = true;
    return qn_desc_parse_path(ps, rest, false, &k->apostrophe, &hardened, &k->origin);
}

static bool may_be_uncompressed(qn_desc_context ctx)
{
    return ctx == QN_CTX_TOP || ctx == QN_CTX_SH;
}

static bool parse_hex_key(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, qn_keyexpr *k)
{
    const qn_curve *curve = &ps->d->curve;
    uint8_t raw[66];
    size_t len = t.len / 2;
    bool fits = qn_hex_decode(t.p, t.len, raw, sizeof raw);
    if (fits && len == 32 && ctx == QN_CTX_TR) {
        memmove(raw + 1, raw, 32);
        raw[0] = 2;
        k->xonly = true;
        len = 33;
    }
    if (fits && qn_pubkey_len(raw[0]) == len) {
        if (raw[0] == 6 || raw[0] == 7)
            return qn_desc_fail(ps, "Hybrid public keys are not allowed");
        if (curve->pubkey_valid(curve->arg, raw, len)) {
            if (len == 65 && !may_be_uncompressed(ctx))
                return qn_desc_fail(ps, "Uncompressed keys are not allowed");
            memcpy(k->bytes, raw, len);
            k->len = (uint8_t)len;
            return true;
        }
    }
    return qn_desc_fail(ps, "Pubkey '%.*s' is invalid", QN_SHOWN(t));
}

static bool allow_secret(qn_desc_parser *ps, qn_keyexpr *k)
{
    k->has_secret = true;
    return (ps->flags & QN_DESC_SECRETS) ||
           qn_desc_fail(ps, "Private keys are not accepted: give the public key");
}

/* A key in wallet import format. *met: it is one. */
static bool parse_wif(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, qn_keyexpr *k, bool *met)
{
    const qn_curve *curve = &ps->d->curve;
    bool compressed;
    *met = qn_wif_decode(ps->d->chain, t.p, t.len, k->secret, &compressed);
    if (!*met || !allow_secret(ps, k))
        return false;
    *met = curve->pubkey_of(curve->arg, k->secret, compressed, k->bytes);
    if (!*met) {
        k->has_secret = false;
        return false;
    }
    if (!compressed && !may_be_uncompressed(ctx))
        return qn_desc_fail(ps, "Uncompressed keys are not allowed");
    k->len = compressed ? 33 : 65;
    k->xonly = ctx == QN_CTX_TR;
    return true;
}

/* To be read, a secret key needs a curve with secrets: whether it is one shows before. */
static bool is_extended_secret(const qn_chain_text *chain, qn_text t)
{
    uint8_t b[78];
    size_t n;
    bool is = qn_base58check_decode(t.p, t.len, b, sizeof b, &n) && n == sizeof b &&
              memcmp(b, chain->xprv, 4) == 0;
    qn_wipe(b, sizeof b);
    return is;
}

static bool bad_extended(qn_desc_parser *ps, qn_text t)
{
    char where[QN_ELSEWHERE_MAX];
    if (qn_ext_elsewhere(ps->d->chain, t.p, t.len, where))
        return qn_desc_fail(ps, "key '%.*s' is %s", QN_SHOWN(t), where);
    return qn_desc_fail(ps, "key '%.*s' is not valid", QN_SHOWN(t));
}

static bool parse_extended(qn_desc_parser *ps, qn_text t, qn_text path, qn_keyexpr *k)
{
    bool hardened;
    if (is_extended_secret(ps->d->chain, t) && !allow_secret(ps, k))
        return false;
    if (!qn_ext_decode(ps->d->chain, &ps->d->curve, t.p, t.len, &k->ext))
        return bad_extended(ps, t);
    k->kind = QN_KEY_EXTENDED;
    k->len = 33;
    memcpy(k->bytes, k->ext.pub, 33);
    k->range = qn_desc_take_range(&path, &k->apostrophe);
    if (!qn_desc_parse_path(ps, path, true, &k->apostrophe, &hardened, &k->path))
        return false;
    k->branches = k->path.n_alt;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool parse_inner(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, qn_keyexpr *k)
{
    qn_text path, text = qn_text_split(t, '/', &path);
    bool met;
    if (text.len == 0)
        return qn_desc_fail(ps, "No key provided");
    if (is_space(text.p[0]) || is_space(text.p[text.len - 1]))
        return qn_desc_fail(ps, "Key '%.*s' is invalid due to whitespace", QN_SHOWN(text));
    if (!path.p && qn_text_is_hex(text))
        return parse_hex_key(ps, text, ctx, k);
    if (!path.p) {
        bool ok = parse_wif(ps, text, ctx, k, &met);
        if (met)
            return ok;
    }
    return parse_extended(ps, text, path, k);
}

bool qn_desc_parse_key(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, uint32_t *key)
{
    if (!ps->d->has_curve)
        return qn_desc_fail(ps, "Descriptors with keys are not supported here");
    if (qn_text_starts(t, "musig("))
        return ctx == QN_CTX_TR ? qn_desc_parse_musig(ps, t, key)
                                : qn_desc_fail(ps, "musig() is only allowed in tr() and rawtr()");
    qn_text behind, more, front = qn_text_split(t, ']', &behind);
    qn_keyexpr *k = qn_desc_new_key(ps, key);
    if (!k)
        return false;
    if (!behind.p)
        return parse_inner(ps, front, ctx, k);
    (void)qn_text_split(behind, ']', &more);
    if (more.p)
        return qn_desc_fail(ps, "Multiple ']' characters found for a single pubkey");
    return parse_origin(ps, front, k) && parse_inner(ps, behind, ctx, k);
}

/* ---- musig (BIP390) ---- */

static bool add_part(qn_desc_parser *ps, uint32_t key)
{
    qn_descriptor *d = ps->d;
    if (d->n_parts == d->parts_cap) {
        size_t cap = d->parts_cap ? 2 * d->parts_cap : 8;
        uint32_t *more = realloc(d->part, cap * sizeof *more);
        if (!more)
            return qn_desc_no_memory(ps);
        d->part = more;
        d->parts_cap = cap;
    }
    d->part[d->n_parts++] = key;
    return true;
}

typedef struct musig_keys {
    size_t n, branches;
    bool ranged, all_extended;
} musig_keys;

static bool parse_participants(qn_desc_parser *ps, qn_text t, musig_keys *m)
{
    *m = (musig_keys){0, 1, false, true};
    for (; t.len; m->n++) {
        uint32_t key;
        if (m->n && !qn_text_take(&t, ','))
            return qn_desc_fail(ps, "musig(): expected ',', got '%c'", t.p[0]);
        if (!qn_desc_parse_key(ps, qn_text_expression(&t), QN_CTX_MUSIG, &key))
            return qn_desc_prefix(ps, "musig()");
        if (!add_part(ps, key))
            return false;
        const qn_keyexpr *k = &ps->d->key[key];
        m->ranged = m->ranged || k->range != QN_RANGE_NONE;
        m->all_extended = m->all_extended && k->kind == QN_KEY_EXTENDED;
        m->branches = k->branches > m->branches ? k->branches : m->branches;
    }
    return m->n > 0 || qn_desc_fail(ps, "musig(): Must contain key expressions");
}

static bool parse_musig_path(qn_desc_parser *ps, qn_text t, const musig_keys *m, qn_range *range,
                             qn_path *path)
{
    bool apostrophe, hardened;
    if (!m->all_extended)
        return qn_desc_fail(ps, "musig(): derivation requires all participants to be xpubs or "
                                "xprvs");
    if (m->ranged)
        return qn_desc_fail(ps, "musig(): Cannot have ranged participant keys if musig() also has "
                                "derivation");
    *range = qn_desc_take_range(&t, &apostrophe);
    if (*range == QN_RANGE_HARDENED)
        return qn_desc_fail(ps, "musig(): Cannot have hardened child derivation");
    if (!qn_desc_parse_path(ps, t, true, &apostrophe, &hardened, path))
        return qn_desc_prefix(ps, "musig()");
    return !hardened || qn_desc_fail(ps, "musig(): cannot have hardened derivation steps");
}

static bool same_branches(qn_desc_parser *ps, size_t first, const musig_keys *m)
{
    for (size_t i = 0; i < m->n; i++) {
        size_t b = ps->d->key[ps->d->part[first + i]].branches;
        if (b != 1 && b != m->branches)
            return qn_desc_fail(ps, "musig(): Multipath derivation paths have mismatched lengths");
    }
    return true;
}

bool qn_desc_parse_musig(qn_desc_parser *ps, qn_text t, uint32_t *key)
{
    const size_t first = ps->d->n_parts;
    qn_text behind, more, inner = qn_text_split(t, ')', &behind);
    qn_path path = {NULL, 0, 0, NULL, 1};
    qn_range range = QN_RANGE_NONE;
    musig_keys m;
    if (behind.p) {
        (void)qn_text_split(behind, ')', &more);
        if (more.p)
            return qn_desc_fail(ps, "Too many ')' in musig() expression");
        inner.len++; /* with its bracket */
    }
    if (!qn_text_function(&inner, "musig"))
        return qn_desc_fail(ps, "Invalid musig() expression");
    if (!parse_participants(ps, inner, &m))
        return false;
    const bool below = qn_text_take(&behind, '/');
    if (behind.len && !below)
        return qn_desc_fail(ps, "Invalid musig() expression");
    if (below && !parse_musig_path(ps, behind, &m, &range, &path))
        return false;
    if (m.branches > 1 && path.n_alt > 1)
        return qn_desc_fail(ps, "musig(): Cannot have multipath participant keys if musig() is "
                                "also multipath");
    qn_keyexpr *k = same_branches(ps, first, &m) ? qn_desc_new_key(ps, key) : NULL;
    if (!k)
        return false;
    k->kind = QN_KEY_MUSIG;
    k->range = range;
    k->path = path;
    k->len = 33;
    k->first_part = (uint32_t)first;
    k->n_parts = (uint32_t)m.n;
    k->branches = m.branches > path.n_alt ? m.branches : path.n_alt;
    return true;
}

/* ---- what a key is ---- */

bool qn_key_is_range(const qn_descriptor *d, const qn_keyexpr *k)
{
    bool range = k->range != QN_RANGE_NONE;
    for (uint32_t i = 0; i < k->n_parts && !range; i++)
        range = d->key[d->part[k->first_part + i]].range != QN_RANGE_NONE;
    return range;
}

bool qn_key_is_public(const qn_descriptor *d, const qn_keyexpr *k, size_t branch)
{
    bool hardened = k->range == QN_RANGE_HARDENED;
    for (size_t i = 0; i < k->path.n && !hardened; i++)
        hardened = !(k->path.alt && i == k->path.multi) && k->path.step[i] >= QN_HARDENED;
    for (size_t i = 0; k->path.alt && i < k->path.n_alt && !hardened; i++)
        hardened = (branch == SIZE_MAX || branch == i) && k->path.alt[i] >= QN_HARDENED;
    for (uint32_t i = 0; i < k->n_parts && !hardened; i++)
        hardened = !qn_key_is_public(d, &d->key[d->part[k->first_part + i]], branch);
    return !hardened;
}
