/* The operator's choices, and what a transaction shows of itself, without the coins it spends. */
#include "core/mempool/policy.h"

#include "core/script/pattern.h"
#include "lib/script.h"

/* Satoshis per 1000 virtual bytes; Core policy/policy. */
#define DEFAULT_MIN_RELAY 100
#define DEFAULT_INCREMENTAL 100
#define DEFAULT_DUST 3000

qc_policy qc_policy_default(void)
{
    return (qc_policy){
        .min_relay = qc_feerate_per_kvb(DEFAULT_MIN_RELAY),
        .incremental = qc_feerate_per_kvb(DEFAULT_INCREMENTAL),
        .dust = qc_feerate_per_kvb(DEFAULT_DUST),
        .datacarrier = true,
        .datacarrier_size = QC_STD_MAX_TX_WEIGHT / QC_WITNESS_SCALE,
        .bare_multisig = true,
        .require_standard = true,
        .bytes_per_sigop = 20,
    };
}

bool qc_policy_accept_nonstandard(qc_policy *p, const qc_params *params)
{
    if (params->id == QC_CHAIN_MAIN)
        return false;
    p->require_standard = false;
    return true;
}

bool qc_policy_settle_fees(qc_policy *p, bool min_relay_given)
{
    if (min_relay_given || qc_feerate_cmp(p->incremental, p->min_relay) <= 0)
        return false;
    p->min_relay = p->incremental;
    return true;
}

static bool nonstandard(qc_verdict *v, const char *reason)
{
    return qc_verdict_fail(v, QC_V_NOT_STANDARD, reason, NULL);
}

static bool check_script_sigs(const qc_tx *tx, qc_verdict *v)
{
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        qc_span sig = qc_tx_script_sig(tx, i);
        if (sig.len > QC_STD_MAX_SCRIPTSIG)
            return nonstandard(v, "scriptsig-size");
        if (!qc_script_is_push_only(sig))
            return nonstandard(v, "scriptsig-not-pushonly");
    }
    return true;
}

/* Is this a kind of output that we relay, whatever the options say? */
static bool is_known_kind(const qn_script_info *info)
{
    if (info->type == QN_SCRIPT_MULTISIG)
        return info->n_parts <= QC_STD_MAX_BARE_KEYS;
    return info->type != QN_SCRIPT_NONSTANDARD;
}

static bool check_outputs(const qc_policy *p, const qc_tx *tx, qc_verdict *v)
{
    size_t data_left = p->datacarrier ? p->datacarrier_size : 0;
    for (uint32_t o = 0; o < tx->rec->n_out; o++) {
        qc_span script = qc_tx_script(tx, o);
        qn_script_info info;
        qn_script_classify(script.data, script.len, &info);
        if (!is_known_kind(&info))
            return nonstandard(v, "scriptpubkey");
        if (info.type == QN_SCRIPT_NULLDATA) {
            if (script.len > data_left)
                return nonstandard(v, "datacarrier");
            data_left -= script.len;
        } else if (info.type == QN_SCRIPT_MULTISIG && !p->bare_multisig) {
            return nonstandard(v, "bare-multisig");
        }
    }
    return true;
}

static bool check_standard(const qc_policy *p, const qc_tx *tx, qc_verdict *v)
{
    if (tx->rec->version < QC_STD_MIN_VERSION || tx->rec->version > QC_STD_MAX_VERSION)
        return nonstandard(v, "version");
    if (tx->rec->weight > QC_STD_MAX_TX_WEIGHT)
        return nonstandard(v, "tx-size");
    if (!check_script_sigs(tx, v) || !check_outputs(p, tx, v))
        return false;
    if (qc_tx_dust(tx, p->dust, NULL) > QC_STD_MAX_DUST)
        return nonstandard(v, "dust");
    return true;
}

bool qc_policy_check_tx(const qc_policy *p, const qc_tx *tx, qc_verdict *v)
{
    if (p->require_standard && !check_standard(p, tx, v))
        return false;
    /* What is 64 bytes long could be taken for an inner node of the merkle tree (CVE-2017-12842).
     * That is no question of taste: it holds with -acceptnonstdtxn too. */
    if (tx->rec->stripped < QC_STD_MIN_TX_SIZE)
        return nonstandard(v, "tx-size-small");
    return true;
}

bool qc_policy_check_sigops(uint64_t cost, qc_verdict *v)
{
    if (cost <= QC_STD_MAX_SIGOPS_COST)
        return true;
    return qc_verdict_fail(v, QC_V_NOT_STANDARD, "bad-txns-too-many-sigops", "%llu",
                           (unsigned long long)cost);
}
