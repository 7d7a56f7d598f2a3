/* Proof of work and its targets: Core pow.cpp, chain.h (median time past), BIP94. */
#include "core/consensus/check.h"

#include <stdio.h>

#define MTP_BLOCKS 11
#define RETARGET_LIMIT 4 /* a step is at most this factor, either way */

static uint32_t period_of(const qc_params *p)
{
    return p->pow_timespan / p->pow_spacing;
}

static qc_u256 pow_limit_of(const qc_params *p)
{
    qc_u256 limit;
    qc_u256_from_hash(&p->pow_limit, &limit);
    return limit;
}

static uint32_t limit_bits(const qc_params *p)
{
    qc_u256 limit = pow_limit_of(p);
    return qc_compact_encode(&limit);
}

static uint32_t time_at(const qc_ancestors *a, uint32_t height)
{
    uint32_t time, bits;
    int32_t version;
    a->get(a->arg, height, &time, &bits, &version);
    return time;
}

static uint32_t bits_at(const qc_ancestors *a, uint32_t height)
{
    uint32_t time, bits;
    int32_t version;
    a->get(a->arg, height, &time, &bits, &version);
    return bits;
}

uint32_t qc_median_time_past(const qc_ancestors *a, uint32_t height)
{
    uint32_t sorted[MTP_BLOCKS], n = 0;
    for (uint32_t h = height;; h--) {
        uint32_t t = time_at(a, h), at = n++;
        for (; at > 0 && sorted[at - 1] > t; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = t;
        if (n == MTP_BLOCKS || h == 0)
            return sorted[n / 2];
    }
}

/* old * timespan / pow_timespan, at most powLimit, rounded as bits round. */
static uint32_t scaled_bits(const qc_params *p, uint32_t old_bits, uint32_t timespan)
{
    qc_u256 target, limit = pow_limit_of(p), whole = qc_u256_from64(p->pow_timespan);
    qc_compact_decode(old_bits, &target, NULL, NULL);
    qc_u256_mul32(&target, timespan);
    qc_u256_div(&target, &whole, &target);
    return qc_compact_encode(qc_u256_cmp(&target, &limit) > 0 ? &limit : &target);
}

static uint32_t retarget(const qc_params *p, const qc_ancestors *a, uint32_t height)
{
    if (p->no_retarget)
        return bits_at(a, height - 1);
    /* 2,015 intervals are measured for 2,016 blocks; that is the rule. */
    uint32_t first = height - period_of(p);
    int64_t span = (int64_t)time_at(a, height - 1) - time_at(a, first);
    int64_t low = p->pow_timespan / RETARGET_LIMIT;
    int64_t high = (int64_t)p->pow_timespan * RETARGET_LIMIT;
    span = span < low ? low : span > high ? high : span;
    /* BIP94: the first block of a period never is a min-difficulty block, so its bits hold the
     * real difficulty. */
    return scaled_bits(p, bits_at(a, p->bip94 ? first : height - 1), (uint32_t)span);
}

uint32_t qc_next_bits(const qc_params *p, const qc_ancestors *a, uint32_t height, uint32_t time)
{
    QC_ASSERT(height > 0);
    uint32_t period = period_of(p), last = height - 1;
    if (height % period == 0)
        return retarget(p, a, height);
    if (!p->allow_min_difficulty)
        return bits_at(a, last);
    /* Test networks: a block 20 minutes after its parent may have minimal difficulty; the next
     * one returns to the last real target of the period. */
    uint32_t easiest = limit_bits(p);
    if (time > (int64_t)time_at(a, last) + 2 * (int64_t)p->pow_spacing)
        return easiest;
    while (last % period != 0 && bits_at(a, last) == easiest)
        last--;
    return bits_at(a, last);
}

bool qc_permitted_transition(const qc_params *p, uint32_t height, uint32_t old_bits,
                             uint32_t new_bits)
{
    if (p->allow_min_difficulty)
        return true;
    if (height % period_of(p) != 0)
        return old_bits == new_bits;
    qc_u256 seen, easiest, hardest;
    qc_compact_decode(new_bits, &seen, NULL, NULL);
    qc_compact_decode(scaled_bits(p, old_bits, p->pow_timespan * RETARGET_LIMIT), &easiest, NULL,
                      NULL);
    qc_compact_decode(scaled_bits(p, old_bits, p->pow_timespan / RETARGET_LIMIT), &hardest, NULL,
                      NULL);
    return qc_u256_cmp(&seen, &easiest) <= 0 && qc_u256_cmp(&seen, &hardest) >= 0;
}

bool qc_pow_ok(const qc_params *p, const qc_hash *hash, uint32_t bits)
{
    qc_u256 target, limit = pow_limit_of(p), value;
    bool negative, overflow;
    qc_compact_decode(bits, &target, &negative, &overflow);
    if (negative || overflow || qc_u256_is_zero(&target) || qc_u256_cmp(&target, &limit) > 0)
        return false;
    qc_u256_from_hash(hash, &value);
    return qc_u256_cmp(&value, &target) <= 0;
}

bool qc_check_header(const qc_params *p, const qc_header *h, const qc_hash *hash, qc_verdict *v)
{
    return qc_pow_ok(p, hash, h->bits) ||
           qc_verdict_fail(v, QC_V_INVALID_HEADER, "high-hash", "proof of work failed");
}

/* BIP34, BIP66 and BIP65 each raised the lowest version. */
static bool version_too_low(const qc_params *p, int32_t version, uint32_t height)
{
    return (version < 2 && qc_deployment_active(p, QC_DEP_BIP34, height)) ||
           (version < 3 && qc_deployment_active(p, QC_DEP_BIP66, height)) ||
           (version < 4 && qc_deployment_active(p, QC_DEP_BIP65, height));
}

/* Core validation.cpp ContextualCheckBlockHeader(), in its order. */
bool qc_check_header_context(const qc_params *p, const qc_header *h, uint32_t height,
                             const qc_ancestors *a, int64_t now, qc_verdict *v)
{
    if (h->bits != qc_next_bits(p, a, height, h->time))
        return qc_verdict_fail(v, QC_V_INVALID_HEADER, "bad-diffbits", "incorrect proof of work");
    if (h->time <= qc_median_time_past(a, height - 1))
        return qc_verdict_fail(v, QC_V_INVALID_HEADER, "time-too-old",
                               "block's timestamp is too early");
    if (p->bip94 && height % period_of(p) == 0 &&
        h->time < (int64_t)time_at(a, height - 1) - QC_MAX_TIMEWARP)
        return qc_verdict_fail(v, QC_V_INVALID_HEADER, "time-timewarp-attack",
                               "block's timestamp is too early on diff adjustment block");
    if (h->time > now + QC_MAX_FUTURE_BLOCK_TIME)
        return qc_verdict_fail(v, QC_V_TIME_FUTURE, "time-too-new",
                               "block timestamp too far in the future");
    if (version_too_low(p, h->version, height)) {
        uint32_t version = (uint32_t)h->version;
        char debug[64];
        snprintf(debug, sizeof debug, "rejected nVersion=0x%08x block", version);
        return qc_verdict_failf(v, QC_V_INVALID_HEADER, debug, "bad-version(0x%08x)", version);
    }
    return true;
}
