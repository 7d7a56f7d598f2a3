/* core/crypto/field.h: numbers modulo p = 2^256 - 2^32 - 977, the field of secp256k1, on libgmp.
 * Internal to core/crypto. NOT in constant time: for public values only. Thread: any. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <gmp.h>

/** Always below p, so that equal numbers have equal limbs. */
typedef struct qc_fe {
    mp_limb_t n[4];
} qc_fe;

/** 32 bytes, big-endian; what is p or more is reduced. */
qc_fe qc_fe_read(const uint8_t in[static 32]);
void qc_fe_write(qc_fe a, uint8_t out[static 32]);
qc_fe qc_fe_small(uint32_t v);
bool qc_fe_is_zero(qc_fe a);
qc_fe qc_fe_add(qc_fe a, qc_fe b);
qc_fe qc_fe_neg(qc_fe a);
qc_fe qc_fe_mul(qc_fe a, qc_fe b);
/** a / 2. */
qc_fe qc_fe_half(qc_fe a);
/** 1 / a; a is not 0. */
qc_fe qc_fe_inv(qc_fe a);
/** Zero counts as a square. */
bool qc_fe_is_square(qc_fe a);
/** The root that is a square itself: a^((p+1)/4). False: a has none; *out is untouched. */
bool qc_fe_sqrt(qc_fe a, qc_fe *out);

static inline qc_fe qc_fe_sub(qc_fe a, qc_fe b)
{
    return qc_fe_add(a, qc_fe_neg(b));
}
static inline qc_fe qc_fe_sqr(qc_fe a)
{
    return qc_fe_mul(a, a);
}
