/* lib/curve.h: what this library needs of the curve secp256k1, as a table of functions, so that who
 * only handles addresses and scripts links no curve. lib/secp/curve.h makes one of libsecp256k1.
 * Thread: any. */
#ifndef QUOIN_LIB_CURVE_H
#define QUOIN_LIB_CURVE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Compressed keys are 33 bytes (02 or 03 first), scalars 32 bytes, big end first. No function
 *  writes its output when it returns false. Outputs may be the inputs. */
typedef struct qn_curve {
    void *arg;
    /** 33 or 65 bytes (02, 03, 04 first) are a point. */
    bool (*pubkey_valid)(void *arg, const uint8_t *key, size_t len);
    /** The public key (33 or 65 bytes) of a secret key. False: out of range, or none is made here.
     */
    bool (*pubkey_of)(void *arg, const uint8_t *secret, bool compressed, uint8_t *out);
    /** key + tweak * G (BIP32, BIP341). False: no point, tweak out of range, or the sum is none. */
    bool (*pubkey_add)(void *arg, const uint8_t *key, const uint8_t *tweak, uint8_t *out);
    /** secret + tweak modulo the order (BIP32). False: out of range, or the sum is zero. */
    bool (*secret_add)(void *arg, const uint8_t *secret, const uint8_t *tweak, uint8_t *out);
    /** The sum of factor[i] * key[i] (BIP327). False: one is no point or out of range, the sum is
     *  none, or memory is short. */
    bool (*pubkey_sum)(void *arg, const uint8_t (*key)[33], const uint8_t (*factor)[32], size_t n,
                       uint8_t *out);
} qn_curve;

#ifdef __cplusplus
}
#endif
#endif
