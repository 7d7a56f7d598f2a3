/* Numbers are kept in 48 limbs below 2^3072, not always below the modulus; only finalizing makes
 * the value unique. As 2^3072 = 1103717 (mod p), the high half of a product folds down with one
 * short multiplication. */
#include "core/crypto/muhash.h"

#include "core/base/endian.h"
#include "core/crypto/hashes.h"
#include "core/crypto/sha256.h"

#include <gmp.h>

#define N QC_MUHASH_LIMBS
#define PRIME_DIFF 1103717u /* 2^3072 - p */

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NAIL_BITS == 0, "64-bit limbs");
typedef mp_limb_t num[N];

static void num_from_limbs(num out, const uint64_t in[N])
{
    for (int i = 0; i < N; i++)
        out[i] = in[i];
}

static void num_to_limbs(uint64_t out[N], const num in)
{
    for (int i = 0; i < N; i++)
        out[i] = in[i];
}

/* acc = acc * b, reduced below 2^3072. */
static void num_mul(uint64_t acc[N], const uint64_t b[N])
{
    num x, y;
    mp_limb_t wide[2 * N];
    num_from_limbs(x, acc);
    num_from_limbs(y, b);
    mpn_mul_n(wide, x, y, N);
    mp_limb_t carry = mpn_addmul_1(wide, wide + N, N, PRIME_DIFF);
    /* carry <= PRIME_DIFF: folding it can carry once more, and then the sum is tiny. */
    carry = mpn_add_1(wide, wide, N, carry * PRIME_DIFF);
    if (carry)
        mpn_add_1(wide, wide, N, PRIME_DIFF);
    num_to_limbs(acc, wide);
}

static void num_set_one(uint64_t n[N])
{
    memset(n, 0, N * sizeof n[0]);
    n[0] = 1;
}

/* n modulo p, for n < 2^3072 < 2p. */
static void num_full_reduce(uint64_t n[N])
{
    num x, y;
    num_from_limbs(x, n);
    if (mpn_add_1(y, x, N, PRIME_DIFF)) /* n + diff >= 2^3072, so n >= p */
        num_to_limbs(n, y);
}

static void num_invert(uint64_t n[N])
{
    mpz_t p, v;
    mpz_init_set_ui(p, 1);
    mpz_mul_2exp(p, p, 3072);
    mpz_sub_ui(p, p, PRIME_DIFF);
    mpz_init(v);
    mpz_import(v, N, -1, 8, 0, 0, n);
    /* No inverse exists for 0, which an element is with chance 2^-3072; Core then yields 0 too. */
    if (!mpz_invert(v, v, p))
        mpz_set_ui(v, 0);
    memset(n, 0, N * sizeof n[0]);
    mpz_export(n, NULL, -1, 8, 0, 0, v);
    mpz_clears(p, v, NULL);
}

static void num_write(const uint64_t n[N], uint8_t out[QC_MUHASH_NUM_LEN])
{
    for (int i = 0; i < N; i++)
        qc_write_le64(out + 8 * i, n[i]);
}

static void num_read(uint64_t n[N], const uint8_t in[QC_MUHASH_NUM_LEN])
{
    for (int i = 0; i < N; i++)
        n[i] = qc_read_le64(in + 8 * i);
}

static void num_of_element(uint64_t n[N], qc_span element)
{
    uint8_t key[QC_SHA256_LEN], stream[QC_MUHASH_NUM_LEN];
    qc_sha256(element, key);
    qc_chacha20_stream(key, stream, sizeof stream);
    num_read(n, stream);
}

void qc_muhash_init(qc_muhash *m)
{
    num_set_one(m->num);
    num_set_one(m->den);
}

void qc_muhash_add(qc_muhash *m, qc_span element)
{
    uint64_t n[N];
    num_of_element(n, element);
    num_mul(m->num, n);
}

void qc_muhash_remove(qc_muhash *m, qc_span element)
{
    uint64_t n[N];
    num_of_element(n, element);
    num_mul(m->den, n);
}

void qc_muhash_combine(qc_muhash *m, const qc_muhash *o)
{
    num_mul(m->num, o->num);
    num_mul(m->den, o->den); /* o may be m: num_mul() copies both first */
}

void qc_muhash_separate(qc_muhash *m, const qc_muhash *o)
{
    qc_muhash copy = *o; /* o may be m */
    num_mul(m->num, copy.den);
    num_mul(m->den, copy.num);
}

void qc_muhash_finalize(qc_muhash *m, uint8_t out[static 32])
{
    uint8_t bytes[QC_MUHASH_NUM_LEN];
    num_invert(m->den);
    num_mul(m->num, m->den);
    num_full_reduce(m->num);
    num_set_one(m->den);
    num_write(m->num, bytes);
    qc_sha256(qc_span_of(bytes, sizeof bytes), out);
}

void qc_muhash_write(const qc_muhash *m, uint8_t out[static QC_MUHASH_LEN])
{
    num_write(m->num, out);
    num_write(m->den, out + QC_MUHASH_NUM_LEN);
}

void qc_muhash_read(qc_muhash *m, const uint8_t in[static QC_MUHASH_LEN])
{
    num_read(m->num, in);
    num_read(m->den, in + QC_MUHASH_NUM_LEN);
}
