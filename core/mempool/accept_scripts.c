/* The scripts of a candidate, last because they cost most (Core validation.cpp PolicyScriptChecks,
 * ConsensusScriptChecks, CheckInputScripts). Signatures that hold, and transactions whose scripts
 * all do under the rules of blocks, are remembered in the chain's caches under the names that
 * connecting a block looks for. */
#include "core/base/log.h"
#include "core/mempool/accept_internal.h"
#include "core/script/sigcache.h"

#include <stdatomic.h>

qc_script_err qc_run_scripts(const qc_chain *chain, const qc_tx *tx, const qc_spent *spent,
                             uint32_t flags, const _Atomic bool *unwanted, uint32_t *in)
{
    qc_sighash_cache hashes;
    qc_sighash_cache_init(&hashes, tx, spent);
    for (*in = 0; *in < tx->rec->n_in; ++*in) {
        const qc_script_check check = {
            .tx = tx,
            .in = *in,
            .spent = spent,
            .hashes = &hashes,
            .flags = flags,
            .cache = qc_chain_sig_cache(chain),
            .cache_store = true,
        };
        if (unwanted && atomic_load_explicit(unwanted, memory_order_relaxed))
            break;
        qc_script_err err = qc_script_verify_input(&check);
        if (err != QC_SE_OK)
            return err;
    }
    return QC_SE_OK;
}

static bool say_why(qc_candidate *c, qc_vcode code, const char *who, qc_script_err err, uint32_t in)
{
    char txid[QC_HASH_HEX_LEN + 1], wtxid[QC_HASH_HEX_LEN + 1], prev[QC_HASH_HEX_LEN + 1];
    char debug[QC_VERDICT_DEBUG_LEN];
    qc_outpoint o = qc_tx_prevout(c->tx, in);
    qc_hash_hex(&c->r->txid, txid);
    qc_hash_hex(&c->r->wtxid, wtxid);
    qc_hash_hex(&o.txid, prev);
    snprintf(debug, sizeof debug, "input %u of %s (wtxid %s), spending %s:%u", in, txid, wtxid,
             prev, o.n);
    return qc_verdict_failf(&c->r->v, code, debug, "%s-script-verify-flag-failed (%s)", who,
                            qc_script_err_text(err));
}

bool qc_try_policy_scripts(qc_try *t, qc_candidate *c)
{
    uint32_t in;
    qc_script_cache *known = qc_chain_script_cache(t->m->chain);
    if (qc_script_cache_has(known, &c->r->wtxid, QC_POLICY_FLAGS, false))
        return true;
    qc_script_err err;
    if (!qc_ahead_result(t->m, &c->r->wtxid, &err, &in))
        err = qc_run_scripts(t->m->chain, c->tx, c->spent, QC_POLICY_FLAGS, NULL, &in);
    if (err == QC_SE_OK)
        return true;
    bool stripped = qc_policy_is_stripped(c->tx, c->spent);
    return say_why(c, stripped ? QC_V_WITNESS_STRIPPED : QC_V_NOT_STANDARD, "mempool", err, in);
}

uint32_t qc_next_block_flags(const qc_mempool *m)
{
    return qc_block_script_flags(qc_chain_params(m->chain), m->tip->height, &m->tip->hash);
}

bool qc_try_block_scripts(qc_try *t, qc_candidate *c)
{
    qc_script_cache *known = qc_chain_script_cache(t->m->chain);
    uint32_t in, flags = qc_next_block_flags(t->m);
    if (qc_script_cache_has(known, &c->r->wtxid, flags, false))
        return true;
    qc_script_err err = QC_SE_OK;
    if (!qc_ahead_holds(t->m, &c->r->wtxid, flags))
        err = qc_run_scripts(t->m->chain, c->tx, c->spent, flags, NULL, &in);
    if (err == QC_SE_OK) {
        qc_script_cache_add(known, &c->r->wtxid, flags);
        return true;
    }
    /* The rules of the pool are the stricter ones. */
    say_why(c, QC_V_CONSENSUS, "block", err, in);
    qc_log(QC_LOG_BUG, "mempool", "scripts hold by policy but not by consensus: %s", c->r->v.debug);
    return false;
}
