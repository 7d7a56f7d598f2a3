/* lib/bip32_impl.h: extended keys (BIP32). */
#ifndef QUOIN_LIB_BIP32_IMPL_H
#define QUOIN_LIB_BIP32_IMPL_H
#include "lib/chain.h"
#include "lib/curve.h"

#define QN_HARDENED 0x80000000u
#define QN_EXT_TEXT 120 /* characters of an extended key, NUL included */

typedef struct qn_ext {
    uint8_t depth;
    uint8_t parent[4], child[4];
    uint8_t chain[32];
    uint8_t pub[33];
    bool has_secret;
    uint8_t secret[32];
} qn_ext;

/** An xpub or xprv of the chain. Returns: false when it is neither, or holds no key of the curve.
 */
bool qn_ext_decode(const qn_chain_text *chain, const qn_curve *curve, const char *text, size_t len,
                   qn_ext *out);
/** Out: the xpub and a NUL. */
void qn_ext_encode(const qn_chain_text *chain, const qn_ext *key, char out[QN_EXT_TEXT]);
/** Step down in place, with the secret when there is one. Returns: false when the step is hardened
 *  and there is none, no key has this number, or it is 255 deep already. */
bool qn_ext_child(const qn_curve *curve, qn_ext *key, uint32_t number);
/** First four bytes of a key's hash. */
void qn_key_fingerprint(const uint8_t *key, size_t len, uint8_t out[4]);
#endif
