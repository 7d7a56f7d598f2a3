#include "core/sync/feeround.h"

#define FIRST 50
#define LAST 10000000
#define FRACTION 32 /* binary digits of a step */

int64_t qc_fee_round(int64_t fee, uint32_t random)
{
    /* In fractions: rounded to whole satoshis only when it is told. */
    int64_t step = (int64_t)FIRST << FRACTION, most = (int64_t)LAST << FRACTION, below = 0;
    if (fee <= 0)
        return 0;
    while (step <= most && (fee > LAST || step < fee << FRACTION)) {
        below = step;
        step = step * 11 / 10;
    }
    if (step > most || random % 3 != 0)
        step = below;
    return step >> FRACTION;
}
