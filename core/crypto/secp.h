/* core/crypto/secp.h: curve secp256k1. The only one that knows libsecp256k1. Thread: any. */
#pragma once
#include "core/base/bytes.h"

#define QC_PUBKEY_COMPRESSED 33
#define QC_PUBKEY_UNCOMPRESSED 65
#define QC_XONLY_LEN 32
#define QC_SCHNORR_LEN 64
#define QC_SECKEY_LEN 32
#define QC_DER_MAX 72

/** Check the library's own constants and code, and that our SHA-256 agrees with itself; aborts the
 *  process when they fail. Call once at start, before any other function here. */
void qc_crypto_selftest(void);

/* --- public keys ------------------------------------------------------------------------------ */

/** Length that the first byte promises: 33 (02, 03), 65 (04, and hybrid 06, 07), else 0. */
size_t qc_pubkey_len(uint8_t first);
/** Right length for its first byte, and a point on the curve (hybrid: with the right parity). */
bool qc_pubkey_valid(qc_span key);
/** Out: 04 and both coordinates of any valid key. Returns: false when the key is not valid. */
bool qc_pubkey_decompress(qc_span key, uint8_t out[static QC_PUBKEY_UNCOMPRESSED]);
/** Out: 02 or 03 and x of any valid key. Returns: false when the key is not valid. */
bool qc_pubkey_compress(qc_span key, uint8_t out[static QC_PUBKEY_COMPRESSED]);
/** The 32 bytes are the x of a point. */
bool qc_xonly_valid(const uint8_t x[static QC_XONLY_LEN]);

/* --- verification ----------------------------------------------------------------------------- */

/** Verify an ECDSA signature (DER, without the hash type byte). The encoding is read as loosely as
 *  der.h says and a high S is accepted; stricter rules are checked before by script flags. */
bool qc_ecdsa_verify(qc_span key, qc_span der, const uint8_t msg[static 32]);
/** S is not above half the order (Core CPubKey::CheckLowS). False also when it does not parse. */
bool qc_ecdsa_low_s(qc_span der);
/** BIP340, with a message of any length (32 bytes in all consensus uses). */
bool qc_schnorr_verify(const uint8_t xonly[static QC_XONLY_LEN],
                       const uint8_t sig[static QC_SCHNORR_LEN], qc_span msg);

/* --- taproot (BIP341) ------------------------------------------------------------------------- */

/** TapTweak hash of an internal key. `root` NULL: no script tree. */
void qc_tap_tweak_hash(const uint8_t internal[static QC_XONLY_LEN], const uint8_t *root,
                       uint8_t out[static 32]);
/** `output` with this parity of y is `internal` tweaked by its script tree's root. */
bool qc_tap_check(const uint8_t output[static QC_XONLY_LEN], bool odd,
                  const uint8_t internal[static QC_XONLY_LEN], const uint8_t root[static 32]);
/** Tweak a public key. Out: output key and parity. Returns: false when `internal` is no point. */
bool qc_tap_tweak(const uint8_t internal[static QC_XONLY_LEN], const uint8_t *root,
                  uint8_t output[static QC_XONLY_LEN], bool *odd);

/* --- secret keys: RPC, tests, key exchange ---------------------------------------------------- */

/** Tables and blinding for signing. Thread: any, one at a time for qc_signer_free(). */
typedef struct qc_signer qc_signer;
/** `seed`: entropy that blinds the arithmetic. Owned: qc_signer_free(). Aborts without memory. */
qc_signer *qc_signer_new(const uint8_t seed[static 32]);
void qc_signer_free(qc_signer *s);

/** In 1 .. n-1. */
bool qc_seckey_valid(const uint8_t key[static QC_SECKEY_LEN]);
/** Out: 33 or 65 bytes. Returns: the length, or 0 when the key is not valid. */
size_t qc_seckey_pubkey(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                        bool compressed, uint8_t out[static QC_PUBKEY_UNCOMPRESSED]);
/** Tweak for a taproot key path. `root` NULL: no script tree. Out: `out` may be `key`.
 *  Returns: false when the key is not valid. */
bool qc_seckey_tap_tweak(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                         const uint8_t *root, uint8_t out[static QC_SECKEY_LEN]);
/** RFC6979 nonce, low S. Out: DER without hash type. Returns: its length; 0: key not valid. */
size_t qc_ecdsa_sign(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                     const uint8_t msg[static 32], uint8_t der[static QC_DER_MAX]);
/** As qc_ecdsa_sign(), with a nonce for which R takes 32 bytes at most, so that the signature is
 *  never longer than 70 bytes: the nonce is drawn again, with a counter as extra data, until it is
 *  (Core key.cpp). */
size_t qc_ecdsa_sign_low_r(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                           const uint8_t msg[static 32], uint8_t der[static QC_DER_MAX]);
/** BIP340. `aux` NULL: 32 zero bytes. Returns: false when the key is not valid. */
bool qc_schnorr_sign(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN], qc_span msg,
                     const uint8_t *aux, uint8_t sig[static QC_SCHNORR_LEN]);
/** The x of `key` times the point with this x. In constant time as to the key.
 *  Returns: false when the key is not valid, or x is no point's. */
bool qc_seckey_ecdh(const uint8_t key[static QC_SECKEY_LEN],
                    const uint8_t xonly[static QC_XONLY_LEN], uint8_t x[static QC_XONLY_LEN]);
