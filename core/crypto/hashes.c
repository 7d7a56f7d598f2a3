#include "core/crypto/hashes.h"

#include "core/crypto/sha256.h"

#include <nettle/chacha.h>
#include <nettle/hmac.h>
#include <nettle/ripemd160.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/sha3.h>

/* nettle copies `length` bytes from `data` also when both are zero: never hand it NULL. */
static const uint8_t *data_of(qc_span s)
{
    static const uint8_t none[1];
    return s.data ? s.data : none;
}

void qc_ripemd160(qc_span data, uint8_t out[static QC_HASH160_LEN])
{
    struct ripemd160_ctx c;
    ripemd160_init(&c);
    ripemd160_update(&c, data.len, data_of(data));
    ripemd160_digest(&c, RIPEMD160_DIGEST_SIZE, out);
}

void qc_hash160(qc_span data, uint8_t out[static QC_HASH160_LEN])
{
    uint8_t h[QC_SHA256_LEN];
    qc_sha256(data, h);
    qc_ripemd160(qc_span_of(h, sizeof h), out);
}

void qc_sha1(qc_span data, uint8_t out[static 20])
{
    struct sha1_ctx c;
    sha1_init(&c);
    sha1_update(&c, data.len, data_of(data));
    sha1_digest(&c, SHA1_DIGEST_SIZE, out);
}

void qc_sha3_256(qc_span data, uint8_t out[static 32])
{
    struct sha3_256_ctx c;
    sha3_256_init(&c);
    sha3_256_update(&c, data.len, data_of(data));
    sha3_256_digest(&c, SHA3_256_DIGEST_SIZE, out);
}

void qc_sha512(qc_span data, uint8_t out[static QC_SHA512_LEN])
{
    struct sha512_ctx c;
    sha512_init(&c);
    sha512_update(&c, data.len, data_of(data));
    sha512_digest(&c, SHA512_DIGEST_SIZE, out);
}

void qc_hmac_sha256(qc_span key, qc_span data, uint8_t out[static 32])
{
    struct hmac_sha256_ctx c;
    hmac_sha256_set_key(&c, key.len, data_of(key));
    hmac_sha256_update(&c, data.len, data_of(data));
    hmac_sha256_digest(&c, SHA256_DIGEST_SIZE, out);
}

void qc_hmac_sha512(qc_span key, qc_span data, uint8_t out[static QC_SHA512_LEN])
{
    struct hmac_sha512_ctx c;
    hmac_sha512_set_key(&c, key.len, data_of(key));
    hmac_sha512_update(&c, data.len, data_of(data));
    hmac_sha512_digest(&c, SHA512_DIGEST_SIZE, out);
}

void qc_chacha20_stream(const uint8_t key[static 32], uint8_t *out, size_t len)
{
    static const uint8_t nonce[CHACHA_NONCE_SIZE];
    struct chacha_ctx c;
    chacha_set_key(&c, key);
    chacha_set_nonce(&c, nonce);
    memset(out, 0, len);
    chacha_crypt(&c, len, out, out);
}

bool qc_equal_const_time(qc_span a, qc_span b)
{
    uint8_t diff = a.len != b.len;
    size_t n = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < n; i++)
        diff |= a.data[i] ^ b.data[i];
    /* Keeps the compiler from leaving the loop early. */
    __asm__ volatile("" : "+r"(diff));
    return diff == 0;
}
