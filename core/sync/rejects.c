#include "core/sync/rejects.h"

/* 120,000: at 1,000 of the smallest transactions a second peers have two minutes to announce what
 * was refused. 48,000: two ids of each transaction of six full blocks. */
static const qc_bloom_shape SHAPE[QC_REJECT_KINDS] = {
    [QC_REJECT_FINAL] = {120000, 20, 5175951},
    [QC_REJECT_ALONE] = {120000, 20, 5175951},
    [QC_REJECT_CONFIRMED] = {48000, 20, 2070381},
};

void qc_rejects_clear(qc_rejects *r)
{
    for (int k = 0; k < QC_REJECT_KINDS; k++)
        qc_rolling_bloom_clear(&r->filter[k]);
}

void qc_rejects_add(qc_rejects *r, qc_reject_kind kind, const qc_hash *id)
{
    qc_rolling_bloom *f = &r->filter[kind];
    const qc_bloom_shape few = {r->most, 20, 44 * r->most};
    if (!f->data &&
        qc_rolling_bloom_init(f, r->most ? &few : &SHAPE[kind], (uint32_t)r->random(r->random_arg)))
        return;
    qc_rolling_bloom_add(f, qc_span_of(id->b, sizeof id->b));
}

bool qc_rejects_has(const qc_rejects *r, qc_reject_kind kind, const qc_hash *id)
{
    const qc_rolling_bloom *f = &r->filter[kind];
    return f->data && qc_rolling_bloom_has(f, qc_span_of(id->b, sizeof id->b));
}

void qc_rejects_reset(qc_rejects *r, qc_reject_kind kind)
{
    qc_rolling_bloom *f = &r->filter[kind];
    if (f->data && f->in_generation) /* else it is empty */
        qc_rolling_bloom_reset(f, (uint32_t)r->random(r->random_arg));
}
