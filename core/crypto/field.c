#include "core/crypto/field.h"

#include "core/base/endian.h"
#include "core/base/err.h"

#define LIMBS 4
#define FOLD UINT64_C(0x1000003d1) /* 2^256 - p */

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NAIL_BITS == 0, "64-bit limbs");

static const qc_fe P = {{UINT64_C(0xfffffffefffffc2f), UINT64_C(0xffffffffffffffff),
                         UINT64_C(0xffffffffffffffff), UINT64_C(0xffffffffffffffff)}};

static qc_fe reduce_once(qc_fe a)
{
    if (mpn_cmp(a.n, P.n, LIMBS) >= 0)
        mpn_sub_n(a.n, a.n, P.n, LIMBS);
    return a;
}

qc_fe qc_fe_read(const uint8_t in[static 32])
{
    qc_fe a;
    for (int i = 0; i < LIMBS; i++)
        a.n[i] = qc_read_be64(in + 8 * (LIMBS - 1 - i));
    return reduce_once(a);
}

void qc_fe_write(qc_fe a, uint8_t out[static 32])
{
    for (int i = 0; i < LIMBS; i++)
        qc_write_be64(out + 8 * (LIMBS - 1 - i), a.n[i]);
}

qc_fe qc_fe_small(uint32_t v)
{
    return (qc_fe){{v, 0, 0, 0}};
}

bool qc_fe_is_zero(qc_fe a)
{
    return mpn_zero_p(a.n, LIMBS);
}

qc_fe qc_fe_add(qc_fe a, qc_fe b)
{
    qc_fe r;
    if (mpn_add_n(r.n, a.n, b.n, LIMBS)) /* minus 2^256, so plus FOLD: below p, it cannot carry */
        mpn_add_1(r.n, r.n, LIMBS, FOLD);
    return reduce_once(r);
}

qc_fe qc_fe_neg(qc_fe a)
{
    qc_fe r = a;
    if (!qc_fe_is_zero(a))
        mpn_sub_n(r.n, P.n, a.n, LIMBS);
    return r;
}

/* As 2^256 = FOLD (mod p), the high half of a product folds down with a short multiplication; what
 * that carries, below 2^34, folds down once more, and then at most one FOLD is left. */
qc_fe qc_fe_mul(qc_fe a, qc_fe b)
{
    mp_limb_t wide[2 * LIMBS], more[LIMBS] = {0};
    qc_fe r;
    mpn_mul_n(wide, a.n, b.n, LIMBS);
    mp_limb_t carry = mpn_addmul_1(wide, wide + LIMBS, LIMBS, FOLD);
    more[1] = mpn_mul_1(more, &carry, 1, FOLD);
    if (mpn_add_n(r.n, wide, more, LIMBS))
        mpn_add_1(r.n, r.n, LIMBS, FOLD);
    return reduce_once(r);
}

qc_fe qc_fe_half(qc_fe a)
{
    mp_limb_t top = 0;
    if (a.n[0] & 1)
        top = mpn_add_n(a.n, a.n, P.n, LIMBS);
    mpn_rshift(a.n, a.n, LIMBS, 1);
    a.n[LIMBS - 1] |= top << 63;
    return a;
}

qc_fe qc_fe_inv(qc_fe a)
{
    mpz_t v, p, r;
    qc_fe out = {{0}};
    QC_ASSERT(!qc_fe_is_zero(a));
    mpz_init(r);
    mpz_invert(r, mpz_roinit_n(v, a.n, LIMBS), mpz_roinit_n(p, P.n, LIMBS));
    mpn_copyi(out.n, mpz_limbs_read(r), (mp_size_t)mpz_size(r));
    mpz_clear(r);
    return out;
}

bool qc_fe_is_square(qc_fe a)
{
    mpz_t v, p;
    return mpz_jacobi(mpz_roinit_n(v, a.n, LIMBS), mpz_roinit_n(p, P.n, LIMBS)) >= 0;
}

/* a^(2^n) * b. */
static qc_fe shift(qc_fe a, int n, qc_fe b)
{
    while (n-- > 0)
        a = qc_fe_sqr(a);
    return qc_fe_mul(a, b);
}

/* (p+1)/4 in binary: 223 ones, 0, 22 ones, 0000, 11, 00. xN is a^(2^N - 1), N ones. */
bool qc_fe_sqrt(qc_fe a, qc_fe *out)
{
    qc_fe x2 = shift(a, 1, a), x3 = shift(x2, 1, a), x6 = shift(x3, 3, x3), x11, x22, x44, x88, r;
    x11 = shift(shift(x6, 3, x3), 2, x2);
    x22 = shift(x11, 11, x11);
    x44 = shift(x22, 22, x22);
    x88 = shift(x44, 44, x44);
    r = shift(x88, 88, x88);
    r = shift(r, 44, x44);
    r = shift(r, 3, x3);
    r = shift(r, 23, x22);
    r = shift(r, 6, x2);
    r = qc_fe_sqr(qc_fe_sqr(r));
    if (!qc_fe_is_zero(qc_fe_sub(qc_fe_sqr(r), a)))
        return false;
    *out = r;
    return true;
}
