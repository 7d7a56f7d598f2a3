#include "core/mempool/feerate.h"

#include <stdio.h>

/* A fee of 64 bits times a size of 63 bits. */
__extension__ typedef __int128 i128;

qc_feerate qc_feerate_paid(qc_amount fee, int64_t vsize)
{
    if (vsize <= 0 || vsize > INT32_MAX)
        return (qc_feerate){0, 0};
    return (qc_feerate){fee, (int32_t)vsize};
}

static int64_t saturate(i128 v)
{
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

/* n / d towards minus infinity; d > 0. */
static i128 div_down(i128 n, int64_t d)
{
    i128 q = n / d;
    return n % d < 0 ? q - 1 : q;
}

qc_amount qc_feerate_fee(qc_feerate r, int64_t vsize)
{
    if (r.size <= 0 || vsize <= 0)
        return 0;
    int64_t fee = saturate(-div_down(-(i128)r.fee * vsize, r.size));
    return fee == 0 && r.fee < 0 ? -1 : fee;
}

int64_t qc_feerate_kvb(qc_feerate r)
{
    return r.size <= 0 ? 0 : saturate(div_down((i128)r.fee * 1000, r.size));
}

int qc_feerate_cmp(qc_feerate a, qc_feerate b)
{
    i128 l = (i128)a.fee * b.size, r = (i128)b.fee * a.size;
    return (l > r) - (l < r);
}

char *qc_feerate_text(qc_feerate r, char out[static QC_FEERATE_TEXT])
{
    int64_t kvb = qc_feerate_kvb(r);
    uint64_t sat = kvb < 0 ? 0 - (uint64_t)kvb : (uint64_t)kvb;
    snprintf(out, QC_FEERATE_TEXT, "%s%llu.%08llu BTC/kvB", kvb < 0 ? "-" : "",
             (unsigned long long)(sat / (uint64_t)QC_COIN),
             (unsigned long long)(sat % (uint64_t)QC_COIN));
    return out;
}
