/* Moving the tip (Core validation.cpp ActivateBestChain, ActivateBestChainStep, ConnectTip,
 * DisconnectTip, UpdateTip). Other threads see a new tip only when a step is over: never the
 * lower tips in the middle of a reorganisation. */
#include "core/chain/internal.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/chain/ahead.h"

#define STEP_BLOCKS 32u

void qc_publish(qc_chain *c)
{
    qc_published_set(&c->pub, &c->active);
    atomic_store(&c->pub.best_header, c->best_header);
    if (c->synced)
        qc_tell_durable(c, c->synced);
}

void qc_update_ibd(qc_chain *c)
{
    const qc_index *tip = qc_active_tip(&c->active);
    if (!atomic_load(&c->ibd) || c->importing || atomic_load(&c->reindexing) || !tip)
        return;
    if (qc_u256_cmp(&tip->chain_work, &c->min_work) < 0 ||
        (int64_t)tip->header.time < qc_clock_now() - c->max_tip_age)
        return;
    qc_log(QC_LOG_INFO, "validation", "Leaving InitialBlockDownload (latching to false)");
    atomic_store(&c->ibd, false);
}

static void log_tip(const qc_chain *c, const qc_index *i)
{
    char hex[QC_HASH_HEX_LEN + 1], date[QC_ISO_TIME_LEN];
    qc_hash_hex(&i->hash, hex);
    qc_log(QC_LOG_INFO, "validation",
           "UpdateTip: new best=%s height=%u version=0x%08x log2_work=%f tx=%llu date='%s' "
           "progress=%f cache=%.1fMiB(%zutxo)",
           hex, i->height, (unsigned)i->header.version, qc_log2_work(&i->chain_work),
           (unsigned long long)atomic_load(&i->chain_tx), qc_iso_time(i->header.time, date),
           qc_chain_progress(c, i), (double)qc_coins_usage(c->coins) / (1 << 20),
           qc_coins_count(c->coins));
}

void qc_set_tip(qc_chain *c, qc_index *i)
{
    qc_active_set(&c->active, i);
    qc_update_ibd(c);
}

static qc_err tip_room(qc_chain *c, const qc_index *i)
{
    qc_err err = qc_active_reserve(&c->active, (size_t)i->height + 1);
    return err ? err : qc_published_reserve(&c->pub, i->height);
}

static qc_err disconnect_in_memory(qc_chain *c, qc_block *b, const qc_index *i)
{
    qc_coins *over;
    bool clean;
    qc_err err = qc_coins_new_over(&over, c->coins);
    if (err)
        return err;
    err = qc_disconnect_block(c, b, i, over, &clean);
    if (!err && !clean)
        err = QC_ECORRUPT;
    if (!err && (err = qc_coins_merge(over)))
        c->broken = true;
    qc_coins_free(over);
    if (err) {
        char hex[QC_HASH_HEX_LEN + 1];
        qc_hash_hex(&i->hash, hex);
        qc_log(QC_LOG_ERROR, "validation", "DisconnectTip(): DisconnectBlock %s failed", hex);
    }
    return err;
}

qc_err qc_disconnect_tip(qc_chain *c)
{
    qc_index *i = qc_active_tip(&c->active);
    qc_block *b;
    QC_ASSERT(i && i->parent);
    qc_err err = qc_read_body(c, i, &b);
    if (err) {
        qc_log(QC_LOG_ERROR, "validation", "DisconnectTip(): Failed to read block");
        return err;
    }
    if (!(err = disconnect_in_memory(c, b, i))) {
        qc_pins_on_disconnect(c, i->height);
        qc_set_tip(c, i->parent);
        c->unsynced++;
        err = qc_flush_state(c, QC_FLUSH_IF_NEEDED, 0, NULL);
        log_tip(c, i->parent);
        qc_tell_disconnected(c, i, b);
    }
    qc_block_unref(b);
    return err;
}

static qc_err body_for(qc_chain *c, const qc_index *i, qc_block *given, qc_block **out,
                       bool *checked)
{
    *checked = false;
    if (given && qc_hash_eq(qc_block_hash(given), &i->hash)) {
        *out = qc_block_ref(given);
        *checked = true; /* it was accepted in this very call */
        return QC_OK;
    }
    qc_err err = qc_ahead_take(c->ahead, i, out, checked);
    if (err == QC_ENOENT)
        err = qc_read_body(c, i, out);
    if (err)
        return qc_chain_fatal(c, err, "Failed to read block.");
    return QC_OK;
}

/* Returns QC_OK with *v not OK when the block turned out invalid. */
static qc_err connect_tip(qc_chain *c, qc_index *i, qc_block *given, qc_verdict *v)
{
    qc_block *b;
    qc_connect_opts o = {0};
    qc_err err = tip_room(c, i);
    if (err || (err = body_for(c, i, given, &b, &o.checked)))
        return err;
    err = qc_connect_block(c, b, i, c->coins, &o, v);
    if (!err)
        qc_tell_checked(c, &i->hash, v);
    if (!err && !qc_verdict_ok(v)) {
        char hex[QC_HASH_HEX_LEN + 1], text[QC_VERDICT_TEXT_LEN];
        qc_hash_hex(&i->hash, hex);
        qc_block_failed(c, i, v);
        qc_log(QC_LOG_ERROR, "validation", "ConnectTip: ConnectBlock %s failed, %s", hex,
               qc_verdict_text(v, text, sizeof text));
    } else if (!err) {
        qc_set_tip(c, i);
        c->unsynced++;
        err = qc_flush_state(c, QC_FLUSH_IF_NEEDED, 0, NULL);
        log_tip(c, i);
        qc_tell_connected(c, i, b);
    }
    qc_block_unref(b);
    return err;
}

static qc_err leave_branch(qc_chain *c, const qc_index *fork)
{
    while (qc_active_tip(&c->active) && qc_active_tip(&c->active) != fork) {
        qc_err err = qc_disconnect_tip(c);
        if (err)
            return qc_chain_fatal(c, err, "Failed to disconnect block.");
    }
    return QC_OK;
}

/* One block of a branch. *over: the step ends here. */
static qc_err join_one(qc_chain *c, qc_index *i, const qc_index *old, qc_block *given,
                       qc_verdict *v, bool *over)
{
    qc_err err = connect_tip(c, i, given, v);
    if (err || !qc_verdict_ok(v)) {
        *over = true;
        return err;
    }
    qc_candidates_drop_worse(&c->candidates, i);
    *over = !old || qc_u256_cmp(&i->chain_work, &old->chain_work) > 0;
    return QC_OK;
}

/* Connect towards `most` until the tip is better than `old`. */
static qc_err join_branch(qc_chain *c, qc_index *most, const qc_index *old, qc_block *given,
                          bool *invalid)
{
    const qc_index *tip = qc_active_tip(&c->active);
    uint32_t height = tip ? tip->height + 1 : 0;
    uint32_t top = QC_MIN(height - 1 + STEP_BLOCKS, most->height);
    bool over = false;
    for (; height <= most->height && !over; height++) {
        qc_verdict v;
        if (height > top)
            top = QC_MIN(top + STEP_BLOCKS, most->height);
        if (height < most->height || !given)
            qc_ahead_plan(c->ahead, most, height);
        qc_err err = join_one(c, qc_tree_ancestor(most, height), old, given, &v, &over);
        if (err)
            return err;
        if (!qc_verdict_ok(&v)) {
            if (v.code != QC_V_MUTATED)
                qc_chain_failed(c, qc_tree_ancestor(most, top));
            *invalid = true;
        }
    }
    return QC_OK;
}

static qc_err step(qc_chain *c, qc_index *most, qc_block *given, bool *invalid)
{
    const qc_index *old = qc_active_tip(&c->active);
    *invalid = false;
    qc_err err = leave_branch(c, qc_active_fork(&c->active, most));
    if (!err)
        err = join_branch(c, most, old, given, invalid);
    if (!err)
        qc_fork_warning(c);
    return err;
}

/* Steps until the tip is no worse than it was. *moved: anything was tried. */
static qc_err improve(qc_chain *c, qc_index **most, qc_block *given, bool *moved)
{
    const qc_index *start = qc_active_tip(&c->active);
    *moved = false;
    do {
        bool invalid;
        qc_err err = *most ? QC_OK : qc_most_work(c, most);
        if (err)
            return qc_chain_fatal(c, err, "Cannot choose a chain: %s", qc_err_text(err));
        if (!*most || *most == qc_active_tip(&c->active))
            return QC_OK;
        if ((err = step(c, *most, given, &invalid)))
            return err;
        *moved = true;
        if (invalid)
            *most = NULL; /* another branch may be wanted now */
    } while (!qc_active_tip(&c->active) ||
             (start && qc_index_worse(qc_active_tip(&c->active), start)));
    return QC_OK;
}

static bool stop_height_reached(const qc_chain *c)
{
    const qc_index *tip = qc_active_tip(&c->active);
    return c->stop_at_height && tip && tip->height >= c->stop_at_height;
}

/* The tip may be where it was although blocks came and went. */
static void tell_move(qc_chain *c, const qc_index *start, bool whole)
{
    const qc_index *tip = qc_active_tip(&c->active);
    const qc_index *fork = start ? qc_active_fork(&c->active, start) : NULL;
    qc_tell_settled(c, whole);
    if (whole && fork != tip)
        qc_tell_tip(c, tip, fork);
    qc_tell_told(c);
}

qc_err qc_activate_with(qc_chain *c, qc_block *b)
{
    qc_index *most = NULL;
    const qc_index *tip;
    qc_err err = QC_OK;
    if (c->broken)
        return QC_EIO;
    do {
        const qc_index *start = qc_active_tip(&c->active);
        bool moved;
        err = improve(c, &most, b, &moved);
        qc_publish(c);
        tip = qc_active_tip(&c->active);
        if (moved || err)
            tell_move(c, start, !err);
        if (err || !moved)
            break;
        if ((err = qc_sync_followed(c, false)) ||
            (err = qc_flush_state(c, QC_FLUSH_PERIODIC, 0, NULL)))
            break;
        /* Not with a block in hand: what runs in a yield may free the peer that it came from. */
        if (c->yield && !c->in_yield && !b) {
            qc_chain_yield(c);
            most = NULL; /* what was queued may have changed the tree */
            continue;
        }
    } while (!qc_chain_stopping(c) && !stop_height_reached(c) && (!most || tip != most));
    if (!err)
        err = qc_sync_followed(c, true);
    if (!err && c->check_index)
        qc_check_index(c);
    return err;
}

qc_err qc_chain_activate(qc_chain *c)
{
    return qc_activate_with(c, NULL);
}
