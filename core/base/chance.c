#include "core/base/chance.h"

#include "core/base/err.h"

#define BITS 48                /* of the random number that are used */
#define FRACTION 24            /* binary digits of logarithms */
#define LN2 UINT64_C(11629080) /* ln 2 with as many */

/* Binary logarithm of v > 0: digit by digit, each squaring doubles it. */
static uint64_t log2_of(uint64_t v)
{
    unsigned whole = 63u - (unsigned)__builtin_clzll(v);
    uint64_t x = whole > 31 ? v >> (whole - 31) : v << (31 - whole); /* 1 <= x / 2^31 < 2 */
    uint64_t log = whole;
    for (int i = 0; i < FRACTION; i++) {
        x = x * x >> 31;
        log = log << 1 | x >> 32;
        x >>= x >> 32;
    }
    return log;
}

int64_t qc_chance_wait(int64_t mean, uint64_t random)
{
    QC_ASSERT(mean >= 0 && mean >> 40 == 0);
    /* -ln(u) with u in (0, 1] */
    uint64_t u = (random >> (64 - BITS)) + 1;
    uint64_t less = ((uint64_t)BITS << FRACTION) - log2_of(u);
    uint64_t wait = less * LN2 >> FRACTION, m = (uint64_t)mean; /* below 2^30 */
    uint64_t low = m & ((1u << FRACTION) - 1);
    return (int64_t)((m >> FRACTION) * wait + (low * wait >> FRACTION));
}
