/* Rules of one transaction: Core consensus/tx_check.cpp and tx_verify.cpp; BIP68, BIP113. */
#include "core/consensus/check.h"
#include "core/crypto/siphash.h"
#include "core/script/verify.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define MIN_INPUT_LEN 41u /* outpoint, empty script, sequence */
#define MAX_INPUTS (QC_MAX_BLOCK_WEIGHT / QC_WITNESS_SCALE / MIN_INPUT_LEN)
#define SLOTS 65536u /* at least twice MAX_INPUTS, a power of two */
#define FEW_INPUTS 8u

#define COINBASE_SCRIPT_MIN 2u
#define COINBASE_SCRIPT_MAX 100u

#define SEQUENCE_FINAL 0xffffffffu
#define SEQUENCE_DISABLE (1u << 31)
#define SEQUENCE_TIME (1u << 22)
#define SEQUENCE_MASK 0xffffu
#define SEQUENCE_GRANULARITY 9 /* 512 seconds */

static bool same_prevout(const qn_in_rec *a, const qn_in_rec *b)
{
    return a->prev_n == b->prev_n && memcmp(a->prev_txid, b->prev_txid, 32) == 0;
}

static bool few_have_duplicate(const qn_in_rec *in, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (same_prevout(&in[i], &in[j]))
                return true;
    return false;
}

/* Open addressing. The key is the txid: it depends on every outpoint, so whoever made the
 * transaction cannot aim at slots. */
static bool many_have_duplicate(const qc_tx *tx)
{
    static_assert(2 * MAX_INPUTS <= SLOTS && MAX_INPUTS < UINT16_MAX, "slots must hold all inputs");
    uint16_t slot[SLOTS]; /* index + 1; 0 is empty */
    uint32_t n = tx->rec->n_in, size = 4 * FEW_INPUTS;
    qc_siphash_key key = {qc_read_le64(tx->rec->txid), qc_read_le64(tx->rec->txid + 8)};
    while (size < 2 * n)
        size *= 2;
    memset(slot, 0, size * sizeof *slot);
    for (uint32_t i = 0; i < n; i++) {
        qc_outpoint o = qc_tx_prevout(tx, i);
        uint32_t at = (uint32_t)qc_siphash_hash_u32(&key, &o.txid, o.n) & (size - 1);
        for (; slot[at]; at = (at + 1) & (size - 1))
            if (same_prevout(&tx->in[slot[at] - 1], &tx->in[i]))
                return true;
        slot[at] = (uint16_t)(i + 1);
    }
    return false;
}

static bool tx_fail(qc_verdict *v, const char *reason)
{
    return qc_verdict_fail(v, QC_V_CONSENSUS, reason, NULL);
}

static bool check_values(const qc_tx *tx, qc_verdict *v)
{
    qc_amount sum = 0;
    for (uint32_t i = 0; i < tx->rec->n_out; i++) {
        qc_amount value = tx->out[i].value;
        if (value < 0)
            return tx_fail(v, "bad-txns-vout-negative");
        if (value > QC_MAX_MONEY)
            return tx_fail(v, "bad-txns-vout-toolarge");
        sum += value;
        if (!qc_money_range(sum))
            return tx_fail(v, "bad-txns-txouttotal-toolarge");
    }
    return true;
}

static bool prevout_is_null(const qn_in_rec *in)
{
    static const uint8_t zero[32];
    return in->prev_n == UINT32_MAX && memcmp(in->prev_txid, zero, sizeof zero) == 0;
}

bool qc_check_tx(const qc_tx *tx, qc_verdict *v)
{
    uint32_t n = tx->rec->n_in;
    if (n == 0)
        return tx_fail(v, "bad-txns-vin-empty");
    if (tx->rec->n_out == 0)
        return tx_fail(v, "bad-txns-vout-empty");
    if (tx->rec->stripped > QC_MAX_BLOCK_WEIGHT / QC_WITNESS_SCALE)
        return tx_fail(v, "bad-txns-oversize");
    if (!check_values(tx, v))
        return false;
    if (n <= FEW_INPUTS ? few_have_duplicate(tx->in, n) : many_have_duplicate(tx))
        return tx_fail(v, "bad-txns-inputs-duplicate"); /* CVE-2018-17144 */
    if (qc_tx_is_coinbase(tx)) {
        uint32_t len = tx->in[0].script_len;
        if (len < COINBASE_SCRIPT_MIN || len > COINBASE_SCRIPT_MAX)
            return tx_fail(v, "bad-cb-length");
        return true;
    }
    for (uint32_t i = 0; i < n; i++)
        if (prevout_is_null(&tx->in[i]))
            return tx_fail(v, "bad-txns-prevout-null");
    return true;
}

bool qc_tx_is_final(const qc_tx *tx, uint32_t height, int64_t time)
{
    if (qc_locktime_passed(tx->rec->locktime, height, time))
        return true;
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        if (tx->in[i].sequence != SEQUENCE_FINAL)
            return false;
    return true;
}

/* Core util/moneystr.cpp FormatMoney(): at least two decimals. */
static const char *money_text(qc_amount v, char out[static 32])
{
    size_t n = (size_t)snprintf(out, 32, "%" PRId64 ".%08" PRId64, v / QC_COIN, v % QC_COIN);
    while (out[n - 1] == '0' && out[n - 3] != '.')
        out[--n] = 0;
    return out;
}

qc_amount qc_tx_value_out(const qc_tx *tx)
{
    qc_amount sum = 0;
    for (uint32_t i = 0; i < tx->rec->n_out; i++)
        sum += tx->out[i].value;
    return sum;
}

bool qc_check_tx_inputs(const qc_tx *tx, const qc_spent *spent, uint32_t height, qc_amount *fee,
                        qc_verdict *v)
{
    qc_amount in = 0;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        const qc_spent *s = &spent[i];
        int64_t depth = (int64_t)height - s->height;
        if (s->coinbase && depth < QC_COINBASE_MATURITY)
            return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-txns-premature-spend-of-coinbase",
                                   "tried to spend coinbase at depth %" PRId64, depth);
        if (!qc_money_range(s->value) || !qc_money_range(in + s->value))
            return tx_fail(v, "bad-txns-inputvalues-outofrange");
        in += s->value;
    }
    qc_amount out = qc_tx_value_out(tx);
    if (in < out) {
        char a[32], b[32];
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-txns-in-belowout",
                               "value in (%s) < value out (%s)", money_text(in, a),
                               money_text(out, b));
    }
    if (!qc_money_range(in - out))
        return tx_fail(v, "bad-txns-fee-outofrange");
    *fee = in - out;
    return true;
}

bool qc_check_sequence_locks(const qc_tx *tx, const qc_spent *spent, uint32_t height,
                             uint32_t mtp_prev, uint32_t (*mtp_at)(void *, uint32_t), void *arg)
{
    /* As lock time: the last height and time at which the transaction is not yet valid. */
    int64_t min_height = -1, min_time = -1;
    if (tx->rec->version < 2)
        return true;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        uint32_t seq = tx->in[i].sequence, from = spent[i].height;
        if (seq & SEQUENCE_DISABLE)
            continue;
        int64_t value = seq & SEQUENCE_MASK;
        if (seq & SEQUENCE_TIME) {
            /* Measured from the median time of the block before the one that made the coin. */
            int64_t start = mtp_at(arg, from ? from - 1 : 0);
            int64_t t = start + (value << SEQUENCE_GRANULARITY) - 1;
            min_time = t > min_time ? t : min_time;
        } else {
            int64_t h = (int64_t)from + value - 1;
            min_height = h > min_height ? h : min_height;
        }
    }
    return min_height < height && min_time < mtp_prev;
}

uint64_t qc_tx_sigop_cost(const qc_tx *tx, const qc_spent *spent, uint32_t legacy, uint32_t flags)
{
    uint64_t cost = (uint64_t)legacy * QC_WITNESS_SCALE;
    if (qc_tx_is_coinbase(tx))
        return cost;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_span sig = qc_tx_script_sig(tx, i), script = spent[i].script;
        if (flags & QC_SCRIPT_P2SH)
            cost += (uint64_t)qc_script_p2sh_sigops(script, sig) * QC_WITNESS_SCALE;
        cost += qc_script_witness_sigops(sig, script, qc_tx_witness(tx, i), flags);
    }
    return cost;
}
