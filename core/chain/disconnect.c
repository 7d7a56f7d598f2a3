/* Taking a block's effects back with its undo data (Core validation.cpp DisconnectBlock,
 * ApplyTxInUndo). */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/base/log.h"

/* 4,000,000 weight / 4 * 9 bytes: no transaction has more outputs (Core coins.cpp). */
#define MAX_OUTPUTS_PER_BLOCK 111111u

/* Two coinbases that later ones overwrote: their coins are no longer as they made them. */
bool qc_bip30_exception(const qc_index *i)
{
    return qc_bip30_overwritten(i->height, &i->hash);
}

static bool coin_is(const qc_spent *a, const qc_spent *b)
{
    return a->value == b->value && a->height == b->height && a->coinbase == b->coinbase &&
           qc_span_eq(a->script, b->script);
}

static qc_err remove_outputs(const qc_tx *tx, uint32_t height, bool coinbase, qc_coins *view,
                             bool *clean)
{
    qc_outpoint o;
    memcpy(o.txid.b, tx->rec->txid, 32);
    for (o.n = 0; o.n < tx->rec->n_out; o.n++) {
        qc_span script = qc_tx_script(tx, o.n);
        if (qc_unspendable(script))
            continue;
        const qc_spent made = {tx->out[o.n].value, script, height, coinbase};
        qc_spent have;
        qc_err err = qc_coins_get(view, &o, &have);
        if (err == QC_ENOENT) {
            *clean = false;
            continue;
        }
        if (!err && !coin_is(&made, &have))
            *clean = false;
        if (err || (err = qc_coins_spend(view, &o, true)))
            return err;
    }
    return QC_OK;
}

/* Records of old versions say height and coinbase only with the last coin of a transaction: any
 * other coin of it that is still there knows. */
static qc_err fill_from_sibling(const qc_outpoint *o, qc_spent *coin, qc_coins *view)
{
    qc_outpoint k = {o->txid, 0};
    for (; k.n < MAX_OUTPUTS_PER_BLOCK; k.n++) {
        qc_spent other;
        qc_err err = qc_coins_get(view, &k, &other);
        if (err == QC_ENOENT)
            continue;
        if (err)
            return err;
        coin->height = other.height;
        coin->coinbase = other.coinbase;
        return QC_OK;
    }
    return QC_ECORRUPT;
}

static qc_err restore(const qc_outpoint *o, qc_spent coin, qc_coins *view, bool *clean)
{
    qc_err err = qc_coins_get(view, o, NULL);
    bool there = !err;
    if (err && err != QC_ENOENT)
        return err;
    if (there)
        *clean = false;
    if (coin.height == 0 && (err = fill_from_sibling(o, &coin, view)))
        return err;
    return qc_coins_add(view, o, &coin, there);
}

static qc_err undo_txs(const qc_block *b, const qc_index *i, const qc_spent *spent, qc_coins *view,
                       bool *clean)
{
    bool exception = qc_bip30_exception(i);
    for (uint32_t t = qc_block_n_tx(b); t-- > 0;) {
        const qc_tx tx = qc_block_tx(b, t);
        bool ok = true;
        qc_err err = remove_outputs(&tx, i->height, t == 0, view, &ok);
        if (!ok && !(t == 0 && exception))
            *clean = false;
        for (uint32_t n = tx.rec->n_in; t > 0 && n-- > 0 && !err;) {
            qc_outpoint o = qc_tx_prevout(&tx, n);
            err = restore(&o, spent[tx.rec->in0 + n], view, clean);
        }
        if (err)
            return err;
    }
    return QC_OK;
}

qc_err qc_read_undo(const qc_chain *c, const qc_block *b, const qc_index *i, qc_spent **spent,
                    qc_bytes *scripts)
{
    char detail[256] = "";
    qc_bytes undo = QC_BYTES_INIT;
    const qc_filepos pos = {atomic_load(&i->file), atomic_load(&i->undo_pos)};
    qc_err err = qc_index_has(i, QC_BLOCK_HAVE_UNDO) ? QC_OK : QC_ENOENT;
    if (!err)
        err =
            qc_blockfiles_read_undo(c->files, pos, &i->parent->hash, &undo, detail, sizeof detail);
    if (!err && (err = qc_undo_decode(b, qc_bytes_span(&undo), spent, scripts)) == QC_ECORRUPT)
        snprintf(detail, sizeof detail, "block and undo data inconsistent");
    qc_bytes_free(&undo);
    if (err)
        qc_log(QC_LOG_ERROR, "validation", "DisconnectBlock(): failure reading undo data: %s%s%s",
               qc_err_text(err), *detail ? ": " : "", detail);
    return err;
}

qc_err qc_disconnect_block(qc_chain *c, qc_block *b, const qc_index *i, qc_coins *view, bool *clean)
{
    qc_spent *spent = NULL;
    qc_bytes scripts = QC_BYTES_INIT;
    *clean = true;
    qc_err err = qc_read_undo(c, b, i, &spent, &scripts);
    if (!err)
        err = undo_txs(b, i, spent, view, clean);
    if (!err && atomic_load(&c->followers) && !(qc_block_view(b)->flags & QN_VIEW_SPENT))
        err = qc_block_attach_spent(b, spent);
    qc_free(spent);
    qc_bytes_free(&scripts);
    if (!err)
        qc_coins_set_best(view, &i->parent->hash);
    return err;
}
