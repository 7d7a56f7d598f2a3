/* Rates by what the pool holds now, not by history. */
#include "core/mempool/fees.h"

#include "core/mempool/policy.h"

#define MAX_STEP 1e7
#define STEP 1.1

qc_feerate qc_fees_pool_floor(const qc_fees_chunks *c, uint32_t blocks, uint32_t block_weight)
{
    uint64_t room = (uint64_t)blocks * block_weight;
    qc_fees_chunk chunk;
    while (c->next(c->arg, &chunk)) {
        uint64_t weight = chunk.weight > 0 ? (uint64_t)chunk.weight : 0;
        if (weight > room)
            return qc_feerate_paid(chunk.fee, qc_vsize(chunk.weight));
        room -= weight;
    }
    return (qc_feerate){0, 0};
}

/* Core policy/fees/block_policy_estimator: FeeFilterRounder. */
void qc_fee_rounder_init(qc_fee_rounder *r, qc_feerate incremental)
{
    int64_t low = qc_feerate_kvb(incremental) / 2;
    r->n = 0;
    r->step[r->n++] = 0;
    for (double step = (double)(low > 1 ? low : 1); step <= MAX_STEP; step *= STEP)
        r->step[r->n++] = step;
    QC_ASSERT(r->n <= QC_FEE_STEPS);
}

int64_t qc_fee_rounder_round(const qc_fee_rounder *r, int64_t rate, uint32_t random)
{
    size_t i = 0;
    while (i < r->n && r->step[i] < (double)rate)
        i++;
    if (i == r->n || (i > 0 && random % 3 != 0))
        i--;
    return (int64_t)r->step[i];
}
