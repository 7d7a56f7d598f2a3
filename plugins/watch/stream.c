/* The node's events in. What they change is written when a block ends, or at the next turn of the
 * loop; inside a block nothing is, so that the store always stands on a whole block. */
#include "plugins/watch/watch.h"

#define COMMIT_BLOCKS 500u          /* blocks and hits that may wait while the node catches up, */
#define COMMIT_BYTES (512u * 1024u) /* and bytes of transactions: the node reads on meanwhile */

void wt_fail(wt *x, qn_status st, const char *what)
{
    x->host->fail(x->cap, st, what, (uint32_t)strlen(what));
}

/* ---- committing ---- */

static void wake(wt *x)
{
    wt_wait_wake(x);
    wt_hook_wake(x);
}

static qn_status commit(wt *x, bool sync)
{
    uint64_t before = x->stored_event;
    qn_status st = wt_events_tell(x);
    if (st == QN_OK)
        st = wt_forget_gone(&x->m, x->gone_max);
    if (st == QN_OK)
        st = wt_store_all(x, sync);
    if (st == QN_OK && x->stored_event != before)
        wake(x);
    return st;
}

qn_status wt_stream_settle(wt *x)
{
    return x->m.dirty_txs && !x->inside && !x->within ? commit(x, true) : QN_OK;
}

static void flush(void *arg)
{
    wt *x = arg;
    x->flush_posted = false;
    if (x->inside)
        return;      /* the block's end will do it */
    if (x->within) { /* it is told once, with all of its coins */
        x->flush_due = true;
        return;
    }
    x->flush_due = false;
    qn_status st = wt_rescans_end(x);
    if (st == QN_OK)
        st = commit(x, x->flush_sync);
    if (st == QN_OK)
        x->flush_sync = false;
    if (st != QN_OK && st != QN_E_REVOKED)
        wt_fail(x, st, "cannot keep what was seen");
}

qn_status wt_stream_flush_soon(wt *x, bool sync)
{
    x->flush_sync |= sync;
    if (x->flush_posted)
        return QN_OK;
    qn_status st = x->host->post(x->cap, flush, x);
    x->flush_posted = st == QN_OK;
    return st;
}

qn_status wt_stream_keep(wt *x)
{
    if (!x->inside && !x->within)
        return commit(x, true);
    qn_status st = wt_store_set(x);
    return st == QN_OK ? wt_stream_flush_soon(x, true) : st;
}

/* ---- the stream ---- */

/* A rescan's finds wait until there are many, and for the end of their transaction. */
static bool may_wait(const wt *x)
{
    return x->within ||
           (!x->flush_due && x->unstored < COMMIT_BLOCKS && x->unstored_bytes < COMMIT_BYTES);
}

static qn_status on_hit(void *arg, const qn_watch_event *ev, const uint8_t *tx,
                        const uint8_t *script)
{
    wt *x = arg;
    bool used = false;
    x->hits++;
    if (ev->type != QN_WATCH_EV_SEEN && !ev->rescan)
        x->inside = true;
    qn_status st = wt_apply_hit(&x->m, ev, tx, script, &used);
    if (st == QN_OK && used)
        st = wt_stream_extend(x, ev->type == QN_WATCH_EV_SEEN ? wt_tip_height(x) : ev->ref.height);
    if (st == QN_OK && ev->rescan)
        wt_rescan_count(x, ev);
    x->unstored++;
    x->unstored_bytes += ev->hit ? 0 : ev->tx_len;
    x->within = ev->hit + 1 < ev->n_hits;
    if (st == QN_OK && !x->inside && !(ev->rescan && may_wait(x)))
        st = wt_stream_flush_soon(x, !ev->rescan);
    if (st == QN_OK)
        wt_later_run(x);
    return st;
}

static qn_status look_for_more(wt *x);

/* A continuation that brings more was posted earlier, and has run. */
static void part_over(void *arg)
{
    wt *x = arg;
    qn_status st = QN_OK;
    x->part_posted = false;
    if (!x->within)
        return;
    if (x->hits != x->part_hits) {
        st = look_for_more(x);
    } else {
        x->within = false;
        if (x->flush_due)
            st = wt_stream_flush_soon(x, false);
    }
    if (st == QN_OK)
        wt_later_run(x);
    else if (st != QN_E_REVOKED)
        wt_fail(x, st, "cannot go on behind what was removed");
}

static qn_status look_for_more(wt *x)
{
    x->part_hits = x->hits;
    qn_status st = x->host->post(x->cap, part_over, x);
    x->part_posted = st == QN_OK;
    return st;
}

qn_status wt_stream_part_over(wt *x)
{
    return x->within && !x->part_posted ? look_for_more(x) : QN_OK;
}

static qn_status on_gone(void *arg, const qn_watch_event *ev)
{
    wt *x = arg;
    qn_status st = wt_apply_gone(&x->m, ev);
    return st == QN_OK ? wt_stream_flush_soon(x, true) : st;
}

static qn_status on_synced(void *arg, const qn_watch_event *ev)
{
    wt *x = arg;
    (void)ev;
    qn_status st = wt_apply_synced(&x->m);
    return st == QN_OK ? wt_stream_flush_soon(x, true) : st;
}

/* What is not watched is not told of: neither that it has left, nor what the branch has that comes
 * instead. */
static void block_left(wt *x, const qn_block_ref *block)
{
    wt_apply_unblock(&x->m, block);
    if (!x->is_short || block->height >= x->short_from)
        return;
    x->short_from = block->height;
    x->short_dirty = true;
}

static qn_status on_block(void *arg, const qn_watch_event *ev)
{
    wt *x = arg;
    x->inside = x->within = false;
    if (ev->type == QN_WATCH_EV_GAP) {
        qn_logf(x->host, x->cap, QN_LOG_WARN,
                "blocks up to %u are pruned: what they did to the wallets is not known",
                ev->ref.height - 1);
        wt_event_gap(x, ev);
    }
    if (ev->type == QN_WATCH_EV_UNBLOCK)
        block_left(x, &ev->ref);
    wt_apply_tip(&x->m, qn_watch_at(ev));
    qn_status st = wt_rescans_end(x);
    if (st == QN_OK && x->is_short && (ev->flags & QN_WATCH_EVF_TIP))
        st = wt_stream_retry(x);
    x->unstored++;
    if (st == QN_OK && ((ev->flags & QN_WATCH_EVF_TIP) || x->unstored >= COMMIT_BLOCKS))
        st = commit(x, true);
    if (st == QN_OK)
        wt_later_run(x);
    return st;
}

static qn_status on_rescan(void *arg, const qn_watch_event *ev)
{
    qn_status st = wt_on_rescan_event(arg, ev);
    if (st == QN_OK)
        wt_later_run(arg); /* it may have been given up in the middle of a transaction */
    return st;
}

static qn_status open_at(wt *x, const qn_hash *locator, uint32_t n, bool from_tip,
                         qn_block_ref *start)
{
    qn_watch_options o;
    QN_INIT(&o);
    o.set = QN_SET_WATCH_OPTIONS_FLAGS;
    o.flags = from_tip ? QN_WATCH_FROM_TIP : 0;
    return qn_watch_start(&x->w, &o, locator, n, start);
}

qn_status wt_stream_open(wt *x, const qn_hash *locator, uint32_t n)
{
    qn_block_ref start;
    x->w = (qn_watcher){.host = x->host, .host_cap = x->cap, .table = x->watch.t};
    x->w.cap = x->watch.cap;
    x->w.on = (qn_watch_handlers){.on_hit = on_hit,
                                  .on_gone = on_gone,
                                  .on_block = on_block,
                                  .on_synced = on_synced,
                                  .on_rescan = on_rescan,
                                  .arg = x};
    wt_seek(&x->m);
    qn_status st = open_at(x, locator, n, n == 0, &start);
    if (st == QN_E_UNKNOWN_TIP) {
        qn_logf(x->host, x->cap, QN_LOG_WARN,
                "the node does not know block %u, where the wallets stood: back to %lld",
                x->m.tip.height, start.height == WT_NO_HEIGHT ? -1LL : (long long)start.height);
        st = wt_roll_back(&x->m, start.height);
        if (st == QN_OK)
            st = open_at(x, &start.hash, start.height == WT_NO_HEIGHT ? 0 : 1, false, &start);
    }
    if (st != QN_OK)
        return st;
    wt_apply_tip(&x->m, &start);
    if (!x->is_short || wt_tip_height(x) < x->short_from) {
        x->short_from = wt_tip_height(x);
        x->short_dirty = x->is_short;
    }
    return wt_stream_feed(x);
}

void wt_stream_close(wt *x)
{
    qn_watch_end(&x->w);
}
