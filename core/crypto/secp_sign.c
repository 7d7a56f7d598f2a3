/* Signing. Needs a context with tables, unlike verification. */
#include "core/base/alloc.h"
#include "core/base/endian.h"
#include "core/crypto/secp.h"

#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

struct qc_signer {
    secp256k1_context *ctx;
};

qc_signer *qc_signer_new(const uint8_t seed[static 32])
{
    qc_signer *s = qc_alloc(sizeof *s);
    s->ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    QC_ASSERT(s->ctx != NULL && secp256k1_context_randomize(s->ctx, seed));
    return s;
}

void qc_signer_free(qc_signer *s)
{
    if (s)
        secp256k1_context_destroy(s->ctx);
    qc_free(s);
}

bool qc_seckey_valid(const uint8_t key[static QC_SECKEY_LEN])
{
    return secp256k1_ec_seckey_verify(secp256k1_context_static, key);
}

size_t qc_seckey_pubkey(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                        bool compressed, uint8_t out[static QC_PUBKEY_UNCOMPRESSED])
{
    secp256k1_pubkey p;
    size_t len = compressed ? QC_PUBKEY_COMPRESSED : QC_PUBKEY_UNCOMPRESSED;
    if (!secp256k1_ec_pubkey_create(s->ctx, &p, key))
        return 0;
    secp256k1_ec_pubkey_serialize(s->ctx, out, &len, &p,
                                  compressed ? SECP256K1_EC_COMPRESSED : SECP256K1_EC_UNCOMPRESSED);
    return len;
}

bool qc_seckey_tap_tweak(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                         const uint8_t *root, uint8_t out[static QC_SECKEY_LEN])
{
    secp256k1_keypair pair;
    secp256k1_xonly_pubkey x;
    uint8_t internal[QC_XONLY_LEN], tweak[32];
    if (!secp256k1_keypair_create(s->ctx, &pair, key))
        return false;
    bool ok = secp256k1_keypair_xonly_pub(s->ctx, &x, NULL, &pair) &&
              secp256k1_xonly_pubkey_serialize(s->ctx, internal, &x);
    if (ok) {
        qc_tap_tweak_hash(internal, root, tweak);
        ok = secp256k1_keypair_xonly_tweak_add(s->ctx, &pair, tweak) &&
             secp256k1_keypair_sec(s->ctx, out, &pair);
    }
    qc_wipe(&pair, sizeof pair);
    return ok;
}

size_t qc_ecdsa_sign(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                     const uint8_t msg[static 32], uint8_t der[static QC_DER_MAX])
{
    secp256k1_ecdsa_signature sig;
    size_t len = QC_DER_MAX;
    if (!secp256k1_ecdsa_sign(s->ctx, &sig, msg, key, secp256k1_nonce_function_rfc6979, NULL))
        return 0;
    return secp256k1_ecdsa_signature_serialize_der(s->ctx, der, &len, &sig) ? len : 0;
}

size_t qc_ecdsa_sign_low_r(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN],
                           const uint8_t msg[static 32], uint8_t der[static QC_DER_MAX])
{
    secp256k1_ecdsa_signature sig;
    uint8_t compact[64], extra[32] = {0};
    size_t len = QC_DER_MAX;
    for (uint32_t i = 0;; i++) {
        qc_write_le32(extra, i);
        if (!secp256k1_ecdsa_sign(s->ctx, &sig, msg, key, secp256k1_nonce_function_rfc6979,
                                  i ? extra : NULL))
            return 0;
        secp256k1_ecdsa_signature_serialize_compact(s->ctx, compact, &sig);
        if (compact[0] < 0x80) /* else DER puts a zero in front of R */
            return secp256k1_ecdsa_signature_serialize_der(s->ctx, der, &len, &sig) ? len : 0;
    }
}

bool qc_schnorr_sign(const qc_signer *s, const uint8_t key[static QC_SECKEY_LEN], qc_span msg,
                     const uint8_t *aux, uint8_t sig[static QC_SCHNORR_LEN])
{
    static const uint8_t zero[32];
    secp256k1_keypair pair;
    secp256k1_schnorrsig_extraparams extra = SECP256K1_SCHNORRSIG_EXTRAPARAMS_INIT;
    uint8_t aux_copy[32];
    memcpy(aux_copy, aux ? aux : zero, sizeof aux_copy); /* ndata is not const */
    extra.ndata = aux_copy;
    if (!secp256k1_keypair_create(s->ctx, &pair, key))
        return false;
    bool ok = secp256k1_schnorrsig_sign_custom(s->ctx, sig, msg.data, msg.len, &pair, &extra);
    qc_wipe(&pair, sizeof pair);
    return ok;
}

/* Hands out x as it is: BIP324 hashes it together with both encodings. */
static int copy_x(unsigned char *out, const unsigned char *x, const unsigned char *y, void *data)
{
    (void)y;
    (void)data;
    memcpy(out, x, QC_XONLY_LEN);
    return 1;
}

bool qc_seckey_ecdh(const uint8_t key[static QC_SECKEY_LEN],
                    const uint8_t xonly[static QC_XONLY_LEN], uint8_t x[static QC_XONLY_LEN])
{
    secp256k1_pubkey p;
    uint8_t compressed[QC_PUBKEY_COMPRESSED] = {2};
    memcpy(compressed + 1, xonly, QC_XONLY_LEN);
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, &p, compressed, sizeof compressed) &&
           secp256k1_ecdh(secp256k1_context_static, x, &p, key, copy_x, NULL);
}
