#include "plugins/watch/hmac.h"

#include "lib/hash.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 64

bool wt_hmac(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[32])
{
    uint8_t k[BLOCK] = {0}, outer[BLOCK + 32];
    uint8_t *inner = malloc(BLOCK + len);
    if (!inner)
        return false;
    if (key_len > BLOCK)
        qn_sha256(key, key_len, k);
    else if (key_len)
        memcpy(k, key, key_len);
    for (int i = 0; i < BLOCK; i++) {
        inner[i] = k[i] ^ 0x36;
        outer[i] = k[i] ^ 0x5c;
    }
    if (len)
        memcpy(inner + BLOCK, data, len);
    qn_sha256(inner, BLOCK + len, outer + BLOCK);
    qn_sha256(outer, sizeof outer, out);
    memset(inner, 0, BLOCK);
    free(inner);
    return true;
}
