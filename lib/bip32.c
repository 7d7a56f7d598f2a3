#include "lib/bip32_impl.h"

#include "lib/arena_impl.h"
#include "lib/base58.h"
#include "lib/hash.h"

#include <nettle/hmac.h>
#include <string.h>

#define SERIALIZED 78 /* version, depth, parent, number, chain code, key */

void qn_key_fingerprint(const uint8_t *key, size_t len, uint8_t out[4])
{
    uint8_t id[20];
    qn_hash160(key, len, id);
    memcpy(out, id, 4);
}

static bool read_key(const qn_curve *curve, bool secret, const uint8_t key[33], qn_ext *out)
{
    if (!secret) {
        memcpy(out->pub, key, 33);
        return (key[0] == 2 || key[0] == 3) && curve->pubkey_valid(curve->arg, key, 33);
    }
    memcpy(out->secret, key + 1, 32);
    out->has_secret = true;
    return key[0] == 0 && curve->pubkey_of(curve->arg, out->secret, true, out->pub);
}

bool qn_ext_decode(const qn_chain_text *chain, const qn_curve *curve, const char *text, size_t len,
                   qn_ext *out)
{
    static const uint8_t zero[8];
    uint8_t b[SERIALIZED];
    size_t n;
    qn_ext e = {0};
    bool ok = qn_base58check_decode(text, len, b, sizeof b, &n) && n == sizeof b;
    bool secret = ok && memcmp(b, chain->xprv, 4) == 0;
    ok = ok && (secret || memcmp(b, chain->xpub, 4) == 0);
    if (ok) {
        e.depth = b[4];
        memcpy(e.parent, b + 5, 4);
        memcpy(e.child, b + 9, 4);
        memcpy(e.chain, b + 13, 32);
        /* A master key has no parent. */
        ok = (e.depth || memcmp(b + 5, zero, 8) == 0) && read_key(curve, secret, b + 45, &e);
    }
    if (ok)
        *out = e;
    qn_wipe(&e, sizeof e);
    qn_wipe(b, sizeof b);
    return ok;
}

void qn_ext_encode(const qn_chain_text *chain, const qn_ext *key, char out[QN_EXT_TEXT])
{
    uint8_t b[SERIALIZED];
    memcpy(b, chain->xpub, 4);
    b[4] = key->depth;
    memcpy(b + 5, key->parent, 4);
    memcpy(b + 9, key->child, 4);
    memcpy(b + 13, key->chain, 32);
    memcpy(b + 45, key->pub, 33);
    if (!qn_base58check_encode(b, sizeof b, out, QN_EXT_TEXT))
        out[0] = '\0';
}

bool qn_ext_child(const qn_curve *curve, qn_ext *key, uint32_t number)
{
    const bool hardened = number >= QN_HARDENED;
    const uint8_t be[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                           (uint8_t)number};
    uint8_t i[64];
    struct hmac_sha512_ctx h;
    qn_ext c = *key;
    if (key->depth == 255 || (hardened && !key->has_secret))
        return false;
    hmac_sha512_set_key(&h, sizeof key->chain, key->chain);
    if (hardened) {
        hmac_sha512_update(&h, 1, (const uint8_t *)"\0");
        hmac_sha512_update(&h, sizeof key->secret, key->secret);
    } else {
        hmac_sha512_update(&h, sizeof key->pub, key->pub);
    }
    hmac_sha512_update(&h, sizeof be, be);
    hmac_sha512_digest(&h, sizeof i, i);
    bool ok = key->has_secret ? curve->secret_add(curve->arg, key->secret, i, c.secret) &&
                                    curve->pubkey_of(curve->arg, c.secret, true, c.pub)
                              : curve->pubkey_add(curve->arg, key->pub, i, c.pub);
    if (ok) {
        c.depth++;
        qn_key_fingerprint(key->pub, sizeof key->pub, c.parent);
        memcpy(c.child, be, sizeof be);
        memcpy(c.chain, i + 32, 32);
        *key = c;
    }
    qn_wipe(i, sizeof i);
    qn_wipe(&h, sizeof h);
    qn_wipe(&c, sizeof c);
    return ok;
}
