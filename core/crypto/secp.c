#include "core/crypto/secp.h"

#include "core/crypto/der.h"
#include "core/crypto/sha256.h"

#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

/* Verification needs no tables of its own and nothing secret: the library's constant context. */
#define CTX secp256k1_context_static

static void selftest_sha256(void)
{
    uint8_t in[3 * 64], many[3 * 32], one[32];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7);
    qc_sha256d64_many(many, in, 3);
    for (size_t i = 0; i < 3; i++) {
        qc_sha256_force_nettle(true);
        qc_sha256d(qc_span_of(in + 64 * i, 64), one);
        qc_sha256_force_nettle(false);
        QC_ASSERT(memcmp(one, many + 32 * i, 32) == 0);
        qc_sha256d(qc_span_of(in + 64 * i, 64), one);
        QC_ASSERT(memcmp(one, many + 32 * i, 32) == 0);
    }
}

void qc_crypto_selftest(void)
{
    secp256k1_selftest();
    selftest_sha256();
}

size_t qc_pubkey_len(uint8_t first)
{
    switch (first) {
    case 0x02:
    case 0x03:
        return QC_PUBKEY_COMPRESSED;
    case 0x04:
    case 0x06:
    case 0x07:
        return QC_PUBKEY_UNCOMPRESSED;
    default:
        return 0;
    }
}

static bool pubkey_parse(qc_span key, secp256k1_pubkey *out)
{
    if (key.len == 0 || key.len != qc_pubkey_len(key.data[0]))
        return false;
    return secp256k1_ec_pubkey_parse(CTX, out, key.data, key.len);
}

bool qc_pubkey_valid(qc_span key)
{
    secp256k1_pubkey p;
    return pubkey_parse(key, &p);
}

static bool pubkey_reencode(qc_span key, uint8_t *out, size_t len, unsigned flags)
{
    secp256k1_pubkey p;
    return pubkey_parse(key, &p) && secp256k1_ec_pubkey_serialize(CTX, out, &len, &p, flags);
}

bool qc_pubkey_decompress(qc_span key, uint8_t out[static QC_PUBKEY_UNCOMPRESSED])
{
    return pubkey_reencode(key, out, QC_PUBKEY_UNCOMPRESSED, SECP256K1_EC_UNCOMPRESSED);
}

bool qc_pubkey_compress(qc_span key, uint8_t out[static QC_PUBKEY_COMPRESSED])
{
    return pubkey_reencode(key, out, QC_PUBKEY_COMPRESSED, SECP256K1_EC_COMPRESSED);
}

bool qc_xonly_valid(const uint8_t x[static QC_XONLY_LEN])
{
    secp256k1_xonly_pubkey p;
    return secp256k1_xonly_pubkey_parse(CTX, &p, x);
}

/* Values of the order or more make a signature that parses and never verifies, as in Core. */
static bool signature_parse(qc_span der, secp256k1_ecdsa_signature *out)
{
    uint8_t rs[64];
    if (!qc_der_parse_lax(der, rs))
        return false;
    if (!secp256k1_ecdsa_signature_parse_compact(CTX, out, rs)) {
        memset(rs, 0, sizeof rs);
        return secp256k1_ecdsa_signature_parse_compact(CTX, out, rs);
    }
    return true;
}

bool qc_ecdsa_verify(qc_span key, qc_span der, const uint8_t msg[static 32])
{
    secp256k1_pubkey p;
    secp256k1_ecdsa_signature sig;
    if (!pubkey_parse(key, &p) || !signature_parse(der, &sig))
        return false;
    /* The library accepts low S only, which the chain never demanded. */
    secp256k1_ecdsa_signature_normalize(CTX, &sig, &sig);
    return secp256k1_ecdsa_verify(CTX, &sig, msg, &p);
}

bool qc_ecdsa_low_s(qc_span der)
{
    secp256k1_ecdsa_signature sig;
    return signature_parse(der, &sig) && !secp256k1_ecdsa_signature_normalize(CTX, NULL, &sig);
}

bool qc_schnorr_verify(const uint8_t xonly[static QC_XONLY_LEN],
                       const uint8_t sig[static QC_SCHNORR_LEN], qc_span msg)
{
    secp256k1_xonly_pubkey p;
    return secp256k1_xonly_pubkey_parse(CTX, &p, xonly) &&
           secp256k1_schnorrsig_verify(CTX, sig, msg.data, msg.len, &p);
}

void qc_tap_tweak_hash(const uint8_t internal[static QC_XONLY_LEN], const uint8_t *root,
                       uint8_t out[static 32])
{
    qc_sha256_ctx c;
    qc_sha256_init_tag(&c, QC_TAG_TAPTWEAK);
    qc_sha256_update(&c, internal, QC_XONLY_LEN);
    if (root)
        qc_sha256_update(&c, root, 32);
    qc_sha256_final(&c, out);
}

bool qc_tap_check(const uint8_t output[static QC_XONLY_LEN], bool odd,
                  const uint8_t internal[static QC_XONLY_LEN], const uint8_t root[static 32])
{
    secp256k1_xonly_pubkey p;
    uint8_t tweak[32];
    if (!secp256k1_xonly_pubkey_parse(CTX, &p, internal))
        return false;
    qc_tap_tweak_hash(internal, root, tweak);
    return secp256k1_xonly_pubkey_tweak_add_check(CTX, output, odd, &p, tweak);
}

bool qc_tap_tweak(const uint8_t internal[static QC_XONLY_LEN], const uint8_t *root,
                  uint8_t output[static QC_XONLY_LEN], bool *odd)
{
    secp256k1_xonly_pubkey in, x;
    secp256k1_pubkey out;
    uint8_t tweak[32];
    int parity;
    if (!secp256k1_xonly_pubkey_parse(CTX, &in, internal))
        return false;
    qc_tap_tweak_hash(internal, root, tweak);
    if (!secp256k1_xonly_pubkey_tweak_add(CTX, &out, &in, tweak) ||
        !secp256k1_xonly_pubkey_from_pubkey(CTX, &x, &parity, &out))
        return false;
    *odd = parity != 0;
    return secp256k1_xonly_pubkey_serialize(CTX, output, &x);
}
