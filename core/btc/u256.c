/* 256-bit numbers for targets and chain work; semantics of Core's arith_uint256, in plain C so
 * that 32-bit machines have them too. */
#include "core/base/endian.h"
#include "core/btc/header.h"

int qc_u256_cmp(const qc_u256 *a, const qc_u256 *b)
{
    for (int i = 3; i >= 0; i--)
        if (a->w[i] != b->w[i])
            return a->w[i] < b->w[i] ? -1 : 1;
    return 0;
}

bool qc_u256_is_zero(const qc_u256 *a)
{
    return !(a->w[0] | a->w[1] | a->w[2] | a->w[3]);
}

qc_u256 qc_u256_from64(uint64_t v)
{
    return (qc_u256){{v, 0, 0, 0}};
}

void qc_u256_add(qc_u256 *a, const qc_u256 *b)
{
    unsigned carry = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t s;
        unsigned c = __builtin_add_overflow(a->w[i], b->w[i], &s);
        c |= __builtin_add_overflow(s, (uint64_t)carry, &a->w[i]);
        carry = c;
    }
}

void qc_u256_sub(qc_u256 *a, const qc_u256 *b)
{
    unsigned borrow = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t s;
        unsigned c = __builtin_sub_overflow(a->w[i], b->w[i], &s);
        c |= __builtin_sub_overflow(s, (uint64_t)borrow, &a->w[i]);
        borrow = c;
    }
}

void qc_u256_mul32(qc_u256 *a, uint32_t m)
{
    uint64_t carry = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t lo = (a->w[i] & 0xffffffff) * m + carry;
        uint64_t hi = (a->w[i] >> 32) * m + (lo >> 32);
        a->w[i] = hi << 32 | (lo & 0xffffffff);
        carry = hi >> 32;
    }
}

void qc_u256_shl(qc_u256 *a, unsigned n)
{
    qc_u256 r = {{0}};
    unsigned words = n / 64, bits = n % 64;
    for (unsigned i = words; i < 4; i++) {
        r.w[i] = a->w[i - words] << bits;
        if (bits && i > words)
            r.w[i] |= a->w[i - words - 1] >> (64 - bits);
    }
    *a = r;
}

void qc_u256_shr(qc_u256 *a, unsigned n)
{
    qc_u256 r = {{0}};
    unsigned words = n / 64, bits = n % 64;
    for (unsigned i = 0; i + words < 4; i++) {
        r.w[i] = a->w[i + words] >> bits;
        if (bits && i + words + 1 < 4)
            r.w[i] |= a->w[i + words + 1] << (64 - bits);
    }
    *a = r;
}

unsigned qc_u256_bits(const qc_u256 *a)
{
    for (unsigned i = 4; i-- > 0;)
        if (a->w[i])
            return 64 * i + 64 - (unsigned)__builtin_clzll(a->w[i]);
    return 0;
}

void qc_u256_div(const qc_u256 *num, const qc_u256 *den, qc_u256 *quot)
{
    QC_ASSERT(!qc_u256_is_zero(den));
    qc_u256 rest = *num, d = *den, q = {{0}};
    unsigned nb = qc_u256_bits(&rest), db = qc_u256_bits(&d);
    if (nb >= db) {
        /* Schoolbook, a bit at a time: at most as many rounds as the quotient has bits. */
        qc_u256_shl(&d, nb - db);
        for (unsigned at = nb - db + 1; at-- > 0; qc_u256_shr(&d, 1)) {
            if (qc_u256_cmp(&rest, &d) < 0)
                continue;
            qc_u256_sub(&rest, &d);
            q.w[at / 64] |= (uint64_t)1 << (at % 64);
        }
    }
    *quot = q;
}

void qc_u256_from_hash(const qc_hash *h, qc_u256 *out)
{
    for (int i = 0; i < 4; i++)
        out->w[i] = qc_read_le64(h->b + 8 * i);
}

void qc_u256_to_hash(const qc_u256 *v, qc_hash *out)
{
    for (int i = 0; i < 4; i++)
        qc_write_le64(out->b + 8 * i, v->w[i]);
}

double qc_u256_double(const qc_u256 *a)
{
    double r = 0, unit = 1;
    for (int i = 0; i < 4; i++, unit *= 18446744073709551616.0)
        r += unit * (double)a->w[i];
    return r;
}

void qc_compact_decode(uint32_t bits, qc_u256 *target, bool *negative, bool *overflow)
{
    unsigned size = bits >> 24;
    uint32_t word = bits & 0x007fffff;
    if (size <= 3) {
        word >>= 8 * (3 - size);
        *target = qc_u256_from64(word);
    } else {
        *target = qc_u256_from64(word);
        qc_u256_shl(target, 8 * (size - 3));
    }
    if (negative)
        *negative = word && (bits & 0x00800000);
    if (overflow)
        *overflow =
            word && (size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32));
}

uint32_t qc_compact_encode(const qc_u256 *target)
{
    unsigned size = (qc_u256_bits(target) + 7) / 8;
    uint32_t word;
    if (size <= 3) {
        word = (uint32_t)(target->w[0] << 8 * (3 - size));
    } else {
        qc_u256 t = *target;
        qc_u256_shr(&t, 8 * (size - 3));
        word = (uint32_t)t.w[0];
    }
    /* The top bit of the mantissa is the sign: keep it clear. */
    if (word & 0x00800000) {
        word >>= 8;
        size++;
    }
    return word | size << 24;
}

void qc_header_work(uint32_t bits, qc_u256 *work)
{
    /* 2^256 / (target + 1), which is ~target / (target + 1) + 1 within 256 bits. */
    qc_u256 target;
    bool negative, overflow;
    qc_compact_decode(bits, &target, &negative, &overflow);
    *work = qc_u256_from64(0);
    if (negative || overflow || qc_u256_is_zero(&target))
        return;
    qc_u256 one = qc_u256_from64(1), den = target;
    for (int i = 0; i < 4; i++)
        target.w[i] = ~target.w[i];
    qc_u256_add(&den, &one);
    qc_u256_div(&target, &den, work);
    qc_u256_add(work, &one);
}
