/* Key expressions of descriptors: [fingerprint/path] and a key in hex or wallet import format. */
#include "lib/descriptor_impl.h"

#include "lib/address.h"
#include "lib/base58.h"
#include "lib/hex.h"
#include "lib/script.h"

#include <string.h>

#define HARDENED 0x80000000u

qn_text qn_text_split(qn_text t, char c, qn_text *rest)
{
    const char *at = t.len ? memchr(t.p, c, t.len) : NULL;
    if (!at) {
        *rest = (qn_text){NULL, 0};
        return t;
    }
    size_t n = (size_t)(at - t.p);
    *rest = (qn_text){at + 1, t.len - n - 1};
    return (qn_text){t.p, n};
}

bool qn_desc_path_element(qn_text t, uint32_t *number, char *mark)
{
    uint64_t v = 0;
    *mark = '\0';
    if (t.len && (t.p[t.len - 1] == '\'' || t.p[t.len - 1] == 'h'))
        *mark = t.p[--t.len];
    if (t.len == 0)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        if (t.p[i] < '0' || t.p[i] > '9' || v > UINT32_MAX)
            return false;
        v = v * 10 + (unsigned)(t.p[i] - '0');
    }
    *number = (uint32_t)v;
    return v <= UINT32_MAX;
}

static bool parse_origin(qn_desc_parser *ps, qn_text t, qn_desc_key *key)
{
    uint8_t fingerprint[4];
    uint32_t number;
    char mark;
    if (t.len == 0 || t.p[0] != '[')
        return qn_desc_fail(
            ps, "Key origin start '[ character expected but not found, got '%c' instead",
            t.len ? t.p[0] : ']');
    key->origin = t.p + 1;
    key->origin_len = t.len - 1;
    qn_text rest, part = qn_text_split((qn_text){t.p + 1, t.len - 1}, '/', &rest);
    if (part.len != 8)
        return qn_desc_fail(
            ps, "Fingerprint is not 4 bytes (%zu characters instead of 8 characters)", part.len);
    if (!qn_hex_decode(part.p, part.len, fingerprint, sizeof fingerprint))
        return qn_desc_fail(ps, "Fingerprint '%.*s' is not hex", QN_SHOWN(part));
    while (rest.p) {
        part = qn_text_split(rest, '/', &rest);
        if (!qn_desc_path_element(part, &number, &mark)) {
            part.len -= mark != '\0';
            return qn_desc_fail(ps, "Key path value '%.*s' is not a valid uint32", QN_SHOWN(part));
        }
        if (number >= HARDENED)
            return qn_desc_fail(ps, "Key path value %u is out of range", number);
    }
    return true;
}

static bool is_hex(qn_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (qn_hex_digit(t.p[i]) < 0)
            return false;
    return t.len > 0 && t.len % 2 == 0;
}

static bool may_be_uncompressed(qn_desc_context ctx)
{
    return ctx == QN_CTX_TOP || ctx == QN_CTX_SH;
}

static bool parse_hex_key(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, qn_desc_key *key)
{
    const qn_curve *curve = ps->curve;
    uint8_t raw[66];
    size_t len = t.len / 2;
    bool fits = qn_hex_decode(t.p, t.len, raw, sizeof raw);
    if (fits && len == 32 && ctx == QN_CTX_TR) {
        memmove(raw + 1, raw, 32);
        raw[0] = 2;
        key->xonly = true;
        len = 33;
    }
    if (fits && qn_pubkey_len(raw[0]) == len) {
        if (raw[0] == 6 || raw[0] == 7)
            return qn_desc_fail(ps, "Hybrid public keys are not allowed");
        if (curve->pubkey_valid(curve->arg, raw, len)) {
            if (len == 65 && !may_be_uncompressed(ctx))
                return qn_desc_fail(ps, "Uncompressed keys are not allowed");
            memcpy(key->bytes, raw, len);
            key->len = (uint8_t)len;
            return true;
        }
    }
    return qn_desc_fail(ps, "Pubkey '%.*s' is invalid", QN_SHOWN(t));
}

/* Extended keys need derivation (BIP32), which is not done here. */
static bool is_extended(const qn_chain_text *chain, qn_text t)
{
    uint8_t data[78];
    size_t n;
    return qn_base58check_decode(t.p, t.len, data, sizeof data, &n) && n == sizeof data &&
           (memcmp(data, chain->xpub, 4) == 0 || memcmp(data, chain->xprv, 4) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool parse_inner(qn_desc_parser *ps, qn_text t, qn_desc_context ctx, qn_desc_key *key)
{
    qn_text path, text = qn_text_split(t, '/', &path);
    bool compressed;
    if (text.len == 0)
        return qn_desc_fail(ps, "No key provided");
    if (is_space(text.p[0]) || is_space(text.p[text.len - 1]))
        return qn_desc_fail(ps, "Key '%.*s' is invalid due to whitespace", QN_SHOWN(text));
    if (!path.p && is_hex(text))
        return parse_hex_key(ps, text, ctx, key);
    if (!path.p && qn_wif_decode(ps->chain, text.p, text.len, key->secret, &compressed) &&
        ps->curve->pubkey_of(ps->curve->arg, key->secret, compressed, key->bytes)) {
        if (!compressed && !may_be_uncompressed(ctx))
            return qn_desc_fail(ps, "Uncompressed keys are not allowed");
        key->has_secret = true;
        key->len = compressed ? 33 : 65;
        key->xonly = ctx == QN_CTX_TR;
        return true;
    }
    if (is_extended(ps->chain, text))
        return qn_desc_fail(ps, "Extended keys are not supported: give the derived public key");
    return qn_desc_fail(ps, "key '%.*s' is not valid", QN_SHOWN(text));
}

bool qn_desc_parse_key(qn_desc_parser *ps, qn_text t, qn_desc_context ctx)
{
    qn_text behind, more, front = qn_text_split(t, ']', &behind);
    if (!ps->curve)
        return qn_desc_fail(ps, "Descriptors with keys are not supported here");
    if (ps->d->n_keys == QN_DESC_MAX_KEYS)
        return qn_desc_fail(ps, "Too many keys");
    if (t.len >= 6 && memcmp(t.p, "musig(", 6) == 0)
        return qn_desc_fail(ps, ctx == QN_CTX_TR ? "musig() is not supported"
                                                 : "musig() is only allowed in tr() and rawtr()");
    qn_desc_key *key = &ps->d->key[ps->d->n_keys];
    memset(key, 0, sizeof *key);
    ps->d->n_keys++; /* before a secret lies in it: clearing wipes all n_keys */
    if (!behind.p)
        return parse_inner(ps, front, ctx, key);
    (void)qn_text_split(behind, ']', &more);
    if (more.p)
        return qn_desc_fail(ps, "Multiple ']' characters found for a single pubkey");
    return parse_origin(ps, front, key) && parse_inner(ps, behind, ctx, key);
}
