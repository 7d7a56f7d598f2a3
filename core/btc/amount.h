/* core/btc/amount.h: amounts in satoshis. Thread: any. */
#pragma once
#include "core/base/err.h"

typedef int64_t qc_amount;
#define QC_COIN ((qc_amount)100000000)
#define QC_MAX_MONEY ((qc_amount)21000000 * QC_COIN)
static inline bool qc_money_range(qc_amount v)
{
    return v >= 0 && v <= QC_MAX_MONEY;
}
