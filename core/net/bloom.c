#include "core/net/bloom.h"

#include "core/base/alloc.h"
#include "core/base/endian.h"

static uint32_t rotl(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

/* Appleby; public domain algorithm. */
uint32_t qc_murmur3(uint32_t h, qc_span s)
{
    uint32_t k = 0;
    size_t i = 0;
    for (; i + 4 <= s.len; i += 4) {
        k = qc_read_le32(s.data + i) * 0xcc9e2d51u;
        h ^= rotl(k, 15) * 0x1b873593u;
        h = rotl(h, 13) * 5 + 0xe6546b64u;
    }
    k = 0;
    for (size_t n = s.len; n > i; n--)
        k = k << 8 | s.data[n - 1];
    if (s.len > i)
        h ^= rotl(k * 0xcc9e2d51u, 15) * 0x1b873593u;
    h ^= (uint32_t)s.len;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

qc_err qc_rolling_bloom_init(qc_rolling_bloom *b, const qc_bloom_shape *shape, uint32_t tweak)
{
    QC_ASSERT(shape->elements > 0 && shape->functions > 0 && shape->bits > 0);
    uint32_t words = (shape->bits / 64 + 1) * 2;
    uint64_t *data = qc_try_calloc(words, sizeof *data);
    if (!data)
        return QC_ENOMEM;
    *b = (qc_rolling_bloom){data, words, shape->functions, (shape->elements + 1) / 2, 0, 1, tweak};
    return QC_OK;
}

void qc_rolling_bloom_reset(qc_rolling_bloom *b, uint32_t tweak)
{
    memset(b->data, 0, b->words * sizeof *b->data);
    b->in_generation = 0;
    b->generation = 1;
    b->tweak = tweak;
}

void qc_rolling_bloom_clear(qc_rolling_bloom *b)
{
    qc_free(b->data);
    *b = (qc_rolling_bloom){.data = NULL};
}

/* The pair of words that function n chooses. */
static uint64_t *pair_of(const qc_rolling_bloom *b, uint32_t n, qc_span key, unsigned *bit)
{
    uint32_t h = qc_murmur3(n * 0xfba4c795u + b->tweak, key);
    *bit = h & 63;
    uint32_t at = (uint32_t)((uint64_t)h * b->words >> 32);
    return b->data + (at & ~1u);
}

/* The generation that is oldest now is forgotten, and its number used again. */
static void turn(qc_rolling_bloom *b)
{
    b->in_generation = 0;
    b->generation = b->generation == 3 ? 1 : b->generation + 1;
    uint64_t low = 0 - (uint64_t)(b->generation & 1), high = 0 - (uint64_t)(b->generation >> 1);
    for (uint32_t i = 0; i < b->words; i += 2) {
        uint64_t keep = (b->data[i] ^ low) | (b->data[i + 1] ^ high);
        b->data[i] &= keep;
        b->data[i + 1] &= keep;
    }
}

void qc_rolling_bloom_add(qc_rolling_bloom *b, qc_span key)
{
    if (b->in_generation == b->per_generation)
        turn(b);
    b->in_generation++;
    for (uint32_t n = 0; n < b->functions; n++) {
        unsigned bit;
        uint64_t *p = pair_of(b, n, key, &bit);
        p[0] = (p[0] & ~((uint64_t)1 << bit)) | (uint64_t)(b->generation & 1) << bit;
        p[1] = (p[1] & ~((uint64_t)1 << bit)) | (uint64_t)(b->generation >> 1) << bit;
    }
}

bool qc_rolling_bloom_has(const qc_rolling_bloom *b, qc_span key)
{
    for (uint32_t n = 0; n < b->functions; n++) {
        unsigned bit;
        const uint64_t *p = pair_of(b, n, key, &bit);
        if (((p[0] | p[1]) >> bit & 1) == 0)
            return false;
    }
    return true;
}
