/* core/crypto/ellswift.h: public keys as 64 bytes that look random, and the key exchange on them
 * (BIP324, ElligatorSwift). Thread: any.
 *
 * What happens to a secret key happens in libsecp256k1, in constant time. The maps between an
 * encoding and an x coordinate are not in constant time: they work on what goes over the wire
 * anyway, and on the random numbers that qc_ellswift_create() rejects on the way to it. */
#pragma once
#include "core/crypto/secp.h"

#define QC_ELLSWIFT_LEN 64

/** Any 64 bytes are an encoding. Out: the x of the public key. */
void qc_ellswift_decode(const uint8_t in[static QC_ELLSWIFT_LEN], uint8_t x[static QC_XONLY_LEN]);
/** One of the up to eight (which: 0 to 7) numbers t with which u, not 0, encodes the valid x.
 *  Returns: false when there is none. */
bool qc_xswiftec_inv(const uint8_t x[static QC_XONLY_LEN], const uint8_t u[static 32],
                     unsigned which, uint8_t t[static 32]);
/** A random encoding of the public key of `key`: one of about 2^256, chosen by `entropy`, which
 *  must be fresh. Returns: false when the key is not valid. */
bool qc_ellswift_create(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                        const uint8_t entropy[static 32], uint8_t out[static QC_ELLSWIFT_LEN]);
/** BIP324's shared secret of `key`, whose public key was sent as `ours`, with the peer's `theirs`.
 *  Returns: false when the key is not valid. */
bool qc_ellswift_ecdh(const uint8_t key[static QC_SECKEY_LEN],
                      const uint8_t ours[static QC_ELLSWIFT_LEN],
                      const uint8_t theirs[static QC_ELLSWIFT_LEN], bool initiating,
                      uint8_t secret[static 32]);
