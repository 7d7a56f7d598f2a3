/* core/kv/obfuscate.h: Core's XOR of stored bytes with a repeating 8-byte key (Core
 * util/obfuscation.h). The key byte for position p is key[p % 8]. Thread: any. */
#pragma once
#include <stdint.h>
#include <string.h>

/** dst = src xor key, as if src lay `off` bytes into the stream. dst may equal src. */
static inline void qc_obfuscate(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t key[8],
                                uint64_t off)
{
    uint8_t turned[8];
    for (unsigned i = 0; i < 8; i++)
        turned[i] = key[(off + i) & 7];
    uint64_t k, w;
    memcpy(&k, turned, 8);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&w, src + i, 8);
        w ^= k;
        memcpy(dst + i, &w, 8);
    }
    for (; i < len; i++)
        dst[i] = src[i] ^ turned[i & 7];
}
