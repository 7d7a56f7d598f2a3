/* core/mempool/feerate.h: a fee rate: satoshis for a number of virtual bytes, kept as that fraction
 * so that comparing loses nothing. Rounding: Core policy/feerate, util/feefrac. Thread: any. */
#pragma once
#include "core/btc/amount.h"

/** fee / size. size 0: no rate; it costs nothing, and compares equal to any other rate. */
typedef struct qc_feerate {
    int64_t fee;  /* satoshis */
    int32_t size; /* virtual bytes, >= 0 */
} qc_feerate;

/** `sat` for 1000 virtual bytes, the unit of options and of RPC. */
static inline qc_feerate qc_feerate_per_kvb(int64_t sat)
{
    return (qc_feerate){sat, 1000};
}
/** What was paid for `vsize` virtual bytes; no rate when vsize is not in 1..INT32_MAX. */
qc_feerate qc_feerate_paid(qc_amount fee, int64_t vsize);
/** What `vsize` (>= 0) virtual bytes cost, rounded up. A negative rate costs at least -1 for one
 *  byte or more. Saturates at the limits of the type. */
qc_amount qc_feerate_fee(qc_feerate r, int64_t vsize);
/** Satoshis per 1000 virtual bytes, rounded down. Saturates; 0 for no rate. */
int64_t qc_feerate_kvb(qc_feerate r);
/** < 0, 0, > 0 as a is less than, equal to, or more than b. */
int qc_feerate_cmp(qc_feerate a, qc_feerate b);

#define QC_FEERATE_TEXT 40
/** "0.00001000 BTC/kvB". Returns out. */
char *qc_feerate_text(qc_feerate r, char out[static QC_FEERATE_TEXT]);
