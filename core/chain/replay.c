/* Finishing a flush that a crash cut short (Core validation.cpp ReplayBlocks). The coins database
 * then says which two tips it lies between; going back along the old branch and forward along the
 * new one with writes that may be repeated gives the new tip's coins, whatever part was written. */
#include "core/chain/internal.h"

#include "core/base/log.h"

#define LOG_EVERY 10000u

static qc_err roll_back(qc_chain *c, const qc_index *from, const qc_index *fork, qc_coins *view)
{
    for (const qc_index *i = from; i != fork && i->height > 0; i = i->parent) {
        qc_block *b;
        bool clean; /* what was not applied need not be undone: unclean is expected */
        qc_err err = qc_chain_stopping(c) ? QC_ECANCELED : qc_read_body(c, i, &b);
        if (err)
            return err;
        if (i->height % LOG_EVERY == 0)
            qc_log(QC_LOG_INFO, "validation", "Rolling back (%u)", i->height);
        err = qc_disconnect_block(c, b, i, view, &clean);
        qc_block_unref(b);
        if (err)
            return err;
    }
    return QC_OK;
}

static qc_err forward_tx(const qc_tx *tx, uint32_t height, bool coinbase, qc_coins *view)
{
    qc_err err = QC_OK;
    for (uint32_t n = 0; n < tx->rec->n_in && !coinbase && !err; n++) {
        qc_outpoint o = qc_tx_prevout(tx, n);
        err = qc_coins_spend(view, &o, false);
        if (err == QC_ENOENT)
            err = QC_OK;
    }
    qc_outpoint o;
    memcpy(o.txid.b, tx->rec->txid, 32);
    for (o.n = 0; o.n < tx->rec->n_out && !err; o.n++) {
        const qc_spent coin = {tx->out[o.n].value, qc_tx_script(tx, o.n), height, coinbase};
        if (qc_unspendable(coin.script))
            continue;
        err = qc_coins_get(view, &o, NULL);
        if (!err || err == QC_ENOENT)
            err = qc_coins_add(view, &o, &coin, !err);
    }
    return err;
}

static qc_err forward_block(qc_chain *c, const qc_index *i, qc_coins *view)
{
    qc_block *b;
    qc_err err = qc_read_body(c, i, &b);
    if (err)
        return err;
    for (uint32_t t = 0; t < qc_block_n_tx(b) && !err; t++) {
        const qc_tx tx = qc_block_tx(b, t);
        err = forward_tx(&tx, i->height, t == 0, view);
    }
    qc_block_unref(b);
    return err;
}

static qc_err roll_forward(qc_chain *c, const qc_index *to, uint32_t from, qc_coins *view)
{
    for (uint32_t h = from + 1; h <= to->height; h++) {
        const qc_index *i = qc_index_ancestor(to, h);
        qc_err err = qc_chain_stopping(c) ? QC_ECANCELED : forward_block(c, i, view);
        if (err)
            return err;
        if (h % LOG_EVERY == 0)
            qc_log(QC_LOG_INFO, "validation", "Rolling forward (%u)", h);
        qc_tell_progress(c, "Replaying", i, (double)(h - from) / (to->height - from));
    }
    return QC_OK;
}

static void log_span(const char *what, const qc_index *at, uint32_t from, uint32_t to)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(&at->hash, hex);
    qc_log(QC_LOG_INFO, "validation", "%s %s (%u to %u)", what, hex, from, to);
}

static qc_err replay_between(qc_chain *c, const qc_index *old, const qc_index *new, qc_coins *view)
{
    const qc_index *fork = old ? qc_index_fork(old, new) : NULL;
    uint32_t at = fork ? fork->height : 0;
    qc_err err = QC_OK;
    qc_log(QC_LOG_INFO, "validation", "Replaying blocks");
    if (old != fork) {
        log_span("Rolling back from", old, old->height, at);
        err = roll_back(c, old, fork, view);
    }
    if (!err && at < new->height) {
        log_span("Rolling forward to", new, at, new->height);
        err = roll_forward(c, new, at, view);
    }
    if (err)
        return err;
    qc_coins_set_best(view, &new->hash);
    return qc_coins_write(view, c->flush_batch, true);
}

qc_err qc_replay(qc_chain *c, char *detail, size_t cap)
{
    qc_hash to, from;
    bool unfinished = false;
    qc_coins *view;
    qc_err err = qc_coinsdb_heads(c->coinsdb, &to, &from, &unfinished);
    if (err || !unfinished)
        return err;
    const qc_index *new = qc_tree_find(c->tree, &to);
    const qc_index *old = qc_tree_find(c->tree, &from);
    err = QC_ECORRUPT;
    if (!new)
        qc_log(QC_LOG_ERROR, "validation",
               "ReplayBlocks(): reorganization to unknown block requested");
    else if (!old && !qc_hash_is_zero(&from))
        qc_log(QC_LOG_ERROR, "validation",
               "ReplayBlocks(): reorganization from unknown block requested");
    else if (!(err = qc_coins_new(&view, c->coinsdb))) {
        err = replay_between(c, old, new, view);
        qc_coins_free(view);
    }
    if (err && err != QC_ECANCELED) /* what is begun anew from the same heads next time */
        snprintf(detail, cap,
                 "Unable to replay blocks. You will need to rebuild the database using "
                 "-reindex-chainstate.");
    return err;
}
