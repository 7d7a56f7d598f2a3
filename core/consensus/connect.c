/* What connecting a block asks of its transactions once their coins are at hand: Core
 * validation.cpp ConnectBlock(), in its order of errors. */
#include "core/consensus/check.h"

#include <inttypes.h>
#include <stdio.h>

static const char *txid_hex(const qc_tx *tx, char out[static QC_HASH_HEX_LEN + 1])
{
    qc_hash id;
    memcpy(id.b, tx->rec->txid, sizeof id.b);
    qc_hash_hex(&id, out);
    return out;
}

static bool check_spending(const qc_connect_env *e, const qc_tx *tx, const qc_spent *spent,
                           qc_amount *fees, qc_verdict *v)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_amount fee;
    if (!qc_check_tx_inputs(tx, spent, e->height, &fee, v)) {
        size_t at = strlen(v->debug);
        v->code = QC_V_CONSENSUS;
        snprintf(v->debug + at, sizeof v->debug - at, " in transaction %s", txid_hex(tx, hex));
        return false;
    }
    *fees += fee;
    if (!qc_money_range(*fees))
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-txns-accumulated-fee-outofrange",
                               "accumulated fee in the block out of range");
    if (qc_deployment_active(e->params, QC_DEP_CSV, e->height) &&
        !qc_check_sequence_locks(tx, spent, e->height, e->mtp_prev, e->mtp_at, e->arg))
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-txns-nonfinal",
                               "contains a non-BIP68-final transaction %s", txid_hex(tx, hex));
    return true;
}

bool qc_check_connect_tx(const qc_connect_env *e, const qc_tx *tx, const qc_spent *spent,
                         uint32_t legacy_sigops, uint64_t *sigop_cost, qc_amount *fees,
                         qc_verdict *v)
{
    if (!qc_tx_is_coinbase(tx) && !check_spending(e, tx, spent, fees, v))
        return false;
    *sigop_cost += qc_tx_sigop_cost(tx, spent, legacy_sigops, e->flags);
    if (*sigop_cost > QC_MAX_BLOCK_SIGOPS_COST)
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-blk-sigops", "too many sigops");
    return true;
}

bool qc_check_connect_end(const qc_connect_env *e, const qc_block *b, qc_amount fees, qc_verdict *v)
{
    qc_tx coinbase = qc_block_tx(b, 0);
    qc_amount reward = fees + qc_subsidy(e->params, e->height);
    qc_amount paid = qc_tx_value_out(&coinbase);
    if (paid > reward)
        return qc_verdict_fail(v, QC_V_CONSENSUS, "bad-cb-amount",
                               "coinbase pays too much (actual=%" PRId64 " vs limit=%" PRId64 ")",
                               paid, reward);
    return true;
}
