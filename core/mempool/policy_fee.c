/* Amounts: the least fee, and outputs that cost more to spend than they are worth. */
#include "core/mempool/policy.h"

#include "core/btc/wire.h"
#include "core/script/pattern.h"

/* Virtual bytes of the input that spends an output: outpoint, length of the scriptSig, sequence,
 * and a signature with a compressed key, which weighs a quarter where it is witness data. */
#define SPEND_BASE (36u + 1 + 4)
#define SPEND_SIGNED 107u

static bool is_below(const char *reason, qc_amount fee, qc_amount least, qc_verdict *v)
{
    return qc_verdict_fail(v, QC_V_RECONSIDERABLE, reason, "%lld < %lld", (long long)fee,
                           (long long)least);
}

bool qc_policy_check_fee(const qc_policy *p, qc_feerate pool_min, int64_t vsize, qc_amount fee,
                         qc_verdict *v)
{
    qc_amount pool = qc_feerate_fee(pool_min, vsize);
    if (pool > 0 && fee < pool)
        return is_below("mempool min fee not met", fee, pool, v);
    qc_amount relay = qc_feerate_fee(p->min_relay, vsize);
    if (fee < relay)
        return is_below("min relay fee not met", fee, relay, v);
    return true;
}

qc_amount qc_dust_threshold(qc_span script, qc_feerate dust)
{
    unsigned version;
    qc_span program;
    if (qc_script_is_unspendable(script))
        return 0;
    size_t size = 8 + qc_compact_size(script.len) + script.len + SPEND_BASE;
    if (qc_script_witness_program(script, &version, &program))
        size += SPEND_SIGNED / QC_WITNESS_SCALE;
    else
        size += SPEND_SIGNED;
    return qc_feerate_fee(dust, (int64_t)size);
}

bool qc_tx_out_is_dust(const qc_tx *tx, uint32_t out, qc_feerate dust)
{
    return tx->out[out].value < qc_dust_threshold(qc_tx_script(tx, out), dust);
}

uint32_t qc_tx_dust(const qc_tx *tx, qc_feerate dust, uint32_t *first)
{
    uint32_t n = 0;
    for (uint32_t o = 0; o < tx->rec->n_out; o++) {
        if (!qc_tx_out_is_dust(tx, o, dust))
            continue;
        if (n == 0 && first)
            *first = o;
        n++;
    }
    return n;
}

bool qc_policy_check_dust_fee(const qc_policy *p, const qc_tx *tx, qc_amount base_fee,
                              qc_amount modified_fee, qc_verdict *v)
{
    if (!p->require_standard || (base_fee == 0 && modified_fee == 0) ||
        qc_tx_dust(tx, p->dust, NULL) == 0)
        return true;
    return qc_verdict_fail(v, QC_V_NOT_STANDARD, "dust", "tx with dust output must be 0-fee");
}
