/* Judging a block on top of the coins it builds on, and applying it (Core validation.cpp
 * ConnectBlock). Nothing is changed before everything is known to hold: a block that fails leaves
 * the view as it was. */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

struct connect {
    qc_chain *c;
    qc_block *b;
    qc_index *i;
    qc_coins *view;
    const qc_connect_opts *o;
    qc_inputs in;
    uint32_t flags;
    qc_verdict *v;
};

static uint32_t mtp_at(void *arg, uint32_t height)
{
    const qc_index *parent = arg;
    const qc_index *i = qc_index_ancestor(parent, height);
    QC_ASSERT(i);
    return qc_index_mtp(i);
}

static qc_err check_bip30(const struct connect *k)
{
    const qc_params *p = k->c->params;
    const qc_index *at = qc_index_ancestor(k->i->parent, p->dep_height[QC_DEP_BIP34]);
    bool found = false;
    if (!qc_bip30_applies(p, k->i->height, &k->i->hash, at ? &at->hash : NULL))
        return QC_OK;
    qc_err err = qc_inputs_overwrite(k->c, k->b, k->view, &found);
    if (!err && found)
        qc_verdict_fail(k->v, QC_V_CONSENSUS, "bad-txns-BIP30", "tried to overwrite transaction");
    return err;
}

static bool inputs_there(const struct connect *k, const qc_tx *tx)
{
    for (uint32_t n = tx->rec->in0; n < tx->rec->in0 + tx->rec->n_in; n++) {
        if (k->in.state[n] != QC_IN_MISSING)
            continue;
        char hex[QC_HASH_HEX_LEN + 1];
        qc_hash_hex((const qc_hash *)tx->rec->txid, hex);
        return qc_verdict_fail(k->v, QC_V_CONSENSUS, "bad-txns-inputs-missingorspent",
                               "CheckTxInputs: inputs missing/spent in transaction %s", hex);
    }
    return true;
}

/* The rules in block order; the first that fails decides, before any script is looked at. */
static bool walk(const struct connect *k)
{
    const qc_connect_env env = {
        .params = k->c->params,
        .height = k->i->height,
        .mtp_prev = qc_index_mtp(k->i->parent),
        .flags = k->flags,
        .mtp_at = mtp_at,
        .arg = k->i->parent,
    };
    uint64_t sigops = 0;
    qc_amount fees = 0;
    for (uint32_t t = 0; t < k->in.n_tx; t++) {
        const qc_tx tx = qc_block_tx(k->b, t);
        if (!inputs_there(k, &tx) ||
            !qc_check_connect_tx(&env, &tx, k->in.spent + tx.rec->in0,
                                 qc_block_legacy_sigops(k->b, t), &sigops, &fees, k->v))
            return false;
    }
    return qc_check_connect_end(&env, k->b, fees, k->v);
}

static qc_err write_undo(const struct connect *k)
{
    if (qc_index_has(k->i, QC_BLOCK_HAVE_UNDO))
        return QC_OK;
    qc_bytes undo = QC_BYTES_INIT;
    qc_filepos pos;
    qc_err err = qc_undo_encode(k->b, k->in.spent, &undo);
    if (!err)
        err = qc_blockfiles_write_undo(k->c->files, atomic_load(&k->i->file), qc_bytes_span(&undo),
                                       &k->i->parent->hash, &pos);
    size_t len = undo.len;
    qc_bytes_free(&undo);
    if (err == QC_EFULL)
        return qc_chain_fatal(k->c, err, "Disk space is too low!");
    if (err)
        return qc_chain_fatal(k->c, err, "Failed to write undo data: %s", qc_err_text(err));
    if (k->c->prune_target && (pos.pos + len) >> 20 != (pos.pos < 8 ? 0 : (pos.pos - 8) >> 20))
        k->c->check_for_pruning = true;
    atomic_store(&k->i->undo_pos, pos.pos);
    qc_tree_mark(k->c->tree, k->i, QC_BLOCK_HAVE_UNDO, 0);
    return QC_OK;
}

static qc_err add_outputs(const struct connect *k, uint32_t t)
{
    const qc_tx tx = qc_block_tx(k->b, t);
    qc_outpoint o;
    qc_err err = QC_OK;
    memcpy(o.txid.b, tx.rec->txid, 32);
    for (o.n = 0; o.n < tx.rec->n_out && !err; o.n++) {
        qc_span script = qc_tx_script(&tx, o.n);
        if (k->in.out_spent[tx.rec->out0 + o.n] || qc_unspendable(script))
            continue;
        const qc_spent coin = {tx.out[o.n].value, script, k->i->height, t == 0};
        /* Two coinbases before BIP30 repeat earlier ones, and overwrite their coins. */
        err = qc_coins_add(k->view, &o, &coin, t == 0);
    }
    return err;
}

static qc_err apply(const struct connect *k)
{
    const qn_block_view *bv = qc_block_view(k->b);
    qc_err err = qc_coins_reserve(k->view, (size_t)k->in.n_in + k->in.n_out);
    if (err)
        return err;
    for (uint32_t n = 0; n < k->in.n_in && !err; n++) {
        if (k->in.state[n] != QC_IN_OUTSIDE)
            continue;
        const qn_in_rec *r = qn_view_in(bv, n);
        qc_outpoint o;
        memcpy(o.txid.b, r->prev_txid, 32);
        o.n = r->prev_n;
        err = qc_coins_spend(k->view, &o, true);
    }
    for (uint32_t t = 0; t < k->in.n_tx && !err; t++)
        err = add_outputs(k, t);
    if (err) {
        /* The coins in memory are neither before nor after this block. */
        k->c->broken = true;
        return qc_chain_fatal(k->c, err, "Cannot apply a block to the coins: %s", qc_err_text(err));
    }
    qc_coins_set_best(k->view, &k->i->hash);
    return QC_OK;
}

static qc_err judge(struct connect *k)
{
    bool scripts = qc_scripts_wanted(k->c, k->i);
    qc_err err = check_bip30(k);
    if (err || !qc_verdict_ok(k->v))
        return err;
    k->flags = qc_block_script_flags(k->c->params, k->i->height, &k->i->hash);
    err = qc_inputs_find(k->c, k->b, k->i->height, k->view, &k->in);
    if (err || !walk(k) || !scripts)
        return err;
    return qc_check_scripts(k->c, k->b, &k->in, k->flags, k->o->just_check, k->o->until, k->v);
}

static bool context_free(const struct connect *k, qc_err *err)
{
    *err = QC_OK;
    bool pow = k->o->just_check ? k->o->check_pow : true;
    bool merkle = k->o->just_check ? k->o->check_merkle : true;
    if (k->o->checked || qc_check_block(k->c->params, k->b, pow, merkle, k->v))
        return true;
    char text[QC_VERDICT_TEXT_LEN];
    if (k->v->code == QC_V_MUTATED && !k->o->just_check)
        /* It was checked before it was written: the disk or the memory has changed it. */
        *err = qc_chain_fatal(k->c, QC_ECORRUPT,
                              "Corrupt block found indicating potential hardware failure.");
    else
        qc_log(QC_LOG_ERROR, "validation", "ConnectBlock: Consensus::CheckBlock: %s",
               qc_verdict_text(k->v, text, sizeof text));
    return false;
}

static qc_err keep(const struct connect *k)
{
    qc_err err = k->o->quiet ? QC_OK : write_undo(k);
    if (!err && !k->o->quiet) {
        qc_tree_raise(k->c->tree, k->i, QC_BLOCK_VALID_SCRIPTS);
        if (atomic_load(&k->c->followers) && !(qc_block_view(k->b)->flags & QN_VIEW_SPENT))
            err = qc_block_attach_spent(k->b, k->in.spent);
    }
    return err ? err : apply(k);
}

qc_err qc_connect_block(qc_chain *c, qc_block *b, qc_index *i, qc_coins *view,
                        const qc_connect_opts *o, qc_verdict *v)
{
    struct connect k = {.c = c, .b = b, .i = i, .view = view, .o = o, .v = v};
    qc_err err;
    *v = (qc_verdict){0};
    if (!context_free(&k, &err))
        return err;
    if (qc_hash_eq(&i->hash, &c->params->genesis_hash)) { /* its coinbase can never be spent */
        if (!o->just_check)
            qc_coins_set_best(view, &i->hash);
        return QC_OK;
    }
    QC_ASSERT(qc_hash_eq(qc_coins_best(view), &i->parent->hash));
    err = judge(&k);
    if (!err && !qc_verdict_ok(v)) {
        char text[QC_VERDICT_TEXT_LEN];
        qc_log(QC_LOG_INFO, "validation", "Block validation error: %s",
               qc_verdict_text(v, text, sizeof text));
    } else if (!err && !o->just_check) {
        err = keep(&k);
    }
    qc_inputs_clear(&k.in);
    return err;
}
