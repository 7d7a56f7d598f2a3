/* core/net/bloom.h: a rolling Bloom filter as Core has it (common/bloom.cpp): it surely knows the
 * last `elements` keys, and forgets older ones by generations. Thread: one at a time per object. */
#pragma once
#include "core/base/bytes.h"

/** MurmurHash3, x86, 32 bits. */
uint32_t qc_murmur3(uint32_t seed, qc_span s);

typedef struct qc_rolling_bloom {
    uint64_t *data; /* pairs: two bits for each position say of which generation it is, 0: none */
    uint32_t words, functions, per_generation, in_generation, generation, tweak;
} qc_rolling_bloom;

/** For `elements` keys and false positives at the rate p there are k = log(p) / log(1/2) functions
 *  (rounded) and -1.5 k elements / log(1 - p^(1/k)) bits. */
typedef struct qc_bloom_shape {
    uint32_t elements, functions, bits;
} qc_bloom_shape;

/** tweak: random. Out: *b, qc_rolling_bloom_clear(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_rolling_bloom_init(qc_rolling_bloom *b, const qc_bloom_shape *shape,
                                           uint32_t tweak);
/** Forget every key. tweak: random. */
void qc_rolling_bloom_reset(qc_rolling_bloom *b, uint32_t tweak);
void qc_rolling_bloom_clear(qc_rolling_bloom *b);
void qc_rolling_bloom_add(qc_rolling_bloom *b, qc_span key);
bool qc_rolling_bloom_has(const qc_rolling_bloom *b, qc_span key);
