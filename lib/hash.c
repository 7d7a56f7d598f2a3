#include "lib/hash.h"

#include <nettle/ripemd160.h>
#include <nettle/sha2.h>

void qn_sha256(const void *data, size_t len, uint8_t *out)
{
    struct sha256_ctx c;
    sha256_init(&c);
    if (len)
        sha256_update(&c, len, data);
    sha256_digest(&c, SHA256_DIGEST_SIZE, out);
}

void qn_sha256d(const void *data, size_t len, uint8_t *out)
{
    uint8_t h[SHA256_DIGEST_SIZE];
    qn_sha256(data, len, h);
    qn_sha256(h, sizeof h, out);
}

void qn_ripemd160(const void *data, size_t len, uint8_t *out)
{
    struct ripemd160_ctx c;
    ripemd160_init(&c);
    ripemd160_update(&c, len, data);
    ripemd160_digest(&c, RIPEMD160_DIGEST_SIZE, out);
}

void qn_hash160(const void *data, size_t len, uint8_t *out)
{
    uint8_t h[SHA256_DIGEST_SIZE];
    qn_sha256(data, len, h);
    qn_ripemd160(h, sizeof h, out);
}

void qn_script_hash(const void *script, size_t len, uint8_t *out)
{
    qn_sha256(script, len, out);
}
