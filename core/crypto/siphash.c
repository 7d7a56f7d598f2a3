#include "core/crypto/siphash.h"

uint64_t qc_siphash(const qc_siphash_key *k, const void *data, size_t len)
{
    const uint8_t *p = data;
    qc_siphash_state s = qc_siphash_start(k);
    for (size_t i = 0; i < len / 8; i++, p += 8)
        qc_siphash_word(&s, qc_read_le64(p), 2);
    uint64_t last = (uint64_t)(len & 0xff) << 56;
    for (size_t i = 0; i < len % 8; i++)
        last |= (uint64_t)p[i] << (8 * i);
    qc_siphash_word(&s, last, 2);
    return qc_siphash_finish(&s, 0xff, 4);
}
