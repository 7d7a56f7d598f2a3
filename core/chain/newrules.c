#include "core/chain/newrules.h"

#include "core/consensus/versionbits.h"

/* Others are rolled by miners for more nonces (BIP320 and what goes beyond it). */
#define BITS 5

/* By BIP341 on the main chain, by BIP9 on others. */
static uint32_t period_of(const qc_params *p)
{
    return p->id == QC_CHAIN_MAIN ? 2016 : p->pow_timespan / p->pow_spacing;
}

static uint32_t threshold_of(const qc_params *p)
{
    return p->id == QC_CHAIN_MAIN ? 1815 : period_of(p) * 3 / 4;
}

/* Bits that enough blocks of the period set that ends at `end`. */
static uint32_t agreed(const qc_params *p, const qc_index *end, uint32_t period)
{
    uint32_t count[BITS] = {0}, found = 0;
    const qc_index *i = end;
    for (uint32_t k = 0; k < period; k++, i = i->parent) {
        uint32_t version = (uint32_t)i->header.version;
        if (i->height < p->bip9_warning_height || (version & QC_VB_TOP_MASK) != QC_VB_TOP_BITS)
            continue;
        for (unsigned b = 0; b < BITS; b++)
            count[b] += version >> b & 1;
    }
    for (unsigned b = 0; b < BITS; b++)
        found |= (uint32_t)(count[b] >= threshold_of(p)) << b;
    return found;
}

/* The first period is before any deployment; of older ones than the warning height nothing counts.
 */
static uint32_t first_end(const qc_params *p, uint32_t period)
{
    uint32_t first = p->bip9_warning_height / period * period;
    return first ? first - 1 : period - 1;
}

void qc_newrules_look(qc_newrules *n, const qc_params *p, const qc_index *tip)
{
    uint32_t period = period_of(p), first = first_end(p, period);
    if (n->end && qc_index_ancestor(tip, n->end->height) != n->end)
        *n = (qc_newrules){.end = NULL};
    if (!n->end && tip->height >= first)
        n->end = qc_index_ancestor(tip, first);
    while (n->end && tip->height - n->end->height >= period) {
        n->end = qc_index_ancestor(tip, n->end->height + period);
        n->active |= n->locked_in;
        n->locked_in = agreed(p, n->end, period) & ~n->active;
    }
}
