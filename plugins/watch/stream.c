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
    return x->m.dirty_txs && !x->inside ? commit(x, true) : QN_OK;
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
    qn_status st = commit(x, x->flush_sync);
    if (st == QN_OK)
        x->flush_sync = false;
    if (st != QN_OK && st != QN_E_REVOKED)
        wt_fail(x, st, "cannot keep what was seen");
}

static qn_status flush_soon(wt *x, bool sync)
{
    x->flush_sync |= sync;
    if (x->flush_posted)
        return QN_OK;
    qn_status st = x->host->post(x->cap, flush, x);
    x->flush_posted = st == QN_OK;
    return st;
}

/* ---- rescans ---- */

static wt_rescan *rescan_of(const wt *x, uint64_t id, bool host)
{
    wt_rescan *r = x->rescan;
    while (r && (host ? r->host : r->id) != id)
        r = r->next;
    return r;
}

/* One that waits begins, as far as the node takes it. Out: *lowest. */
static qn_status begin_rescan(wt *x, wt_rescan *r, uint32_t *lowest)
{
    qn_watch_rescan what;
    QN_INIT(&what);
    what.set = QN_SET_WATCH_RESCAN_FROM | QN_SET_WATCH_RESCAN_FIRST_COOKIE;
    what.from = r->at;
    what.first_cookie = r->first_cookie;
    qn_status st = x->watch.t->rescan(x->watch.cap, x->w.watch, &what, &r->host, lowest);
    if (st == QN_E_PRUNED && *lowest > r->at) {
        qn_logf(x->host, x->cap, QN_LOG_WARN,
                "blocks below %u are pruned: a rescan begins there and not at %u", *lowest, r->at);
        r->at = r->from = what.from = *lowest;
        r->dirty = true;
        st = x->watch.t->rescan(x->watch.cap, x->w.watch, &what, &r->host, lowest);
    }
    return st;
}

static void end_rescan(wt *x, wt_rescan *r, const char *status, uint32_t height)
{
    wt_event_rescan(x, r, status, height); /* behind those of what it found */
    for (wt_rescan **at = &x->rescan; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    if (x->n_dead < WT_RESCANS_MAX)
        x->dead_rescan[x->n_dead++] = r->id;
    free(r);
}

/* Let those that wait begin, the oldest first. */
static qn_status begin_rescans(wt *x)
{
    for (;;) {
        uint32_t lowest = 0;
        wt_rescan *oldest = NULL;
        for (wt_rescan *r = x->rescan; r; r = r->next)
            if (!r->host && !r->over && (!oldest || r->id < oldest->id))
                oldest = r;
        if (!oldest)
            return QN_OK;
        qn_status st = begin_rescan(x, oldest, &lowest);
        if (st == QN_E_LIMIT)
            return QN_OK;                          /* when one of those under way ends */
        if (st == QN_E_INVAL || st == QN_E_PRUNED) /* all of it is above the tip, or pruned */
            end_rescan(x, oldest, st == QN_E_INVAL ? "done" : "pruned", WT_NO_HEIGHT);
        else if (st != QN_OK)
            return st;
    }
}

/* Too many wait: the newest of them does this one's work too. NULL: none waits. */
static wt_rescan *join(wt *x, const wt_rescan_for *what)
{
    wt_rescan *r = x->rescan;
    while (r && (r->host || r->over))
        r = r->next;
    if (!r)
        return NULL;
    if (what->from < r->at) {
        r->at = what->from;
        r->found = r->found_at = 0; /* of these again */
    }
    r->from = what->from < r->from ? what->from : r->from;
    if (what->first_cookie < r->first_cookie)
        r->first_cookie = what->first_cookie;
    r->wallet = what->wallet == r->wallet ? r->wallet : 0;
    r->dirty = true;
    r->stored = false; /* as it was */
    return r;
}

qn_status wt_rescan_want(wt *x, const wt_rescan_for *what, uint64_t *id, uint32_t *lowest)
{
    uint32_t from = what->from;
    wt_rescan *r;
    uint32_t n = 0;
    for (r = x->rescan; r; r = r->next)
        n++;
    if (n + x->n_dead >= WT_RESCANS_MAX && (r = join(x, what))) {
        *id = r->id;
        *lowest = 0;
        return QN_OK;
    }
    if (n + x->n_dead >= WT_RESCANS_MAX)
        return QN_E_LIMIT;
    if (!(r = calloc(1, sizeof *r)))
        return QN_E_NOMEM;
    *r = (wt_rescan){.next = x->rescan, .id = x->next_rescan++, .from = from, .at = from};
    r->first_cookie = what->first_cookie;
    r->wallet = what->wallet;
    r->dirty = true;
    x->rescan = r;
    *id = r->id;
    *lowest = 0;
    qn_status st = begin_rescan(x, r, lowest);
    if (st == QN_E_LIMIT)
        return QN_OK;
    if (st == QN_E_INVAL || st == QN_E_PRUNED) {
        end_rescan(x, r, st == QN_E_INVAL ? "done" : "pruned", WT_NO_HEIGHT);
        st = flush_soon(x, true);
    }
    return st;
}

qn_status wt_rescan_cancel(wt *x, uint64_t id)
{
    wt_rescan *r = rescan_of(x, id, false);
    if (!r || r->over) /* at its end, and about to be told so */
        return QN_E_NOTFOUND;
    if (r->host)
        return x->watch.t->cancel(x->watch.cap, x->w.watch, r->host);
    end_rescan(x, r, "canceled", WT_NO_HEIGHT);
    return flush_soon(x, true);
}

qn_status wt_rescan_resume(wt *x)
{
    return begin_rescans(x);
}

static const char *status_text(qn_status st)
{
    return st == QN_OK           ? "done"
           : st == QN_E_CANCELED ? "canceled"
           : st == QN_E_PRUNED   ? "pruned"
                                 : "failed";
}

/* What they found is told first: whoever waits for the end of a rescan has heard of it then. */
static qn_status end_rescans(wt *x)
{
    bool any = false;
    qn_status st = wt_events_tell(x);
    for (wt_rescan *r = x->rescan, *next; r && st == QN_OK; r = next) {
        next = r->next;
        if (r->over) {
            end_rescan(x, r, r->over, r->stop);
            any = true;
        }
    }
    return st == QN_OK && any ? begin_rescans(x) : st;
}

static void count_found(const wt *x, const qn_watch_event *ev)
{
    wt_rescan *r = rescan_of(x, ev->rescan, true);
    if (!r || (r->found && memcmp(&r->last, &ev->txid, sizeof r->last) == 0))
        return;
    r->found++; /* all of one transaction come one after the other */
    r->last = ev->txid;
    r->dirty = true;
}

static qn_status on_rescan(void *arg, const qn_watch_event *ev)
{
    wt *x = arg;
    wt_rescan *r = rescan_of(x, ev->rescan, true);
    x->within = false;
    if (!r)
        return QN_OK;
    if (ev->type == QN_WATCH_EV_RESCAN_PROGRESS) {
        r->at = ev->ref.height + 1;
        r->found_at = r->found;
        r->dirty = true;
        return flush_soon(x, true);
    }
    r->over = status_text(ev->status);
    r->stop = ev->ref.height;
    r->host = 0;
    qn_status st = x->inside ? QN_OK : end_rescans(x);
    return st == QN_OK ? flush_soon(x, true) : st;
}

/* ---- the stream ---- */

static uint32_t tip_height(const wt *x)
{
    return x->m.tip.height == WT_NO_HEIGHT ? 0 : x->m.tip.height;
}

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
    if (ev->type != QN_WATCH_EV_SEEN && !ev->rescan)
        x->inside = true;
    qn_status st = wt_apply_hit(&x->m, ev, tx, script, &used);
    if (st == QN_OK && used)
        st = wt_stream_extend(x, ev->type == QN_WATCH_EV_SEEN ? tip_height(x) : ev->ref.height);
    if (st == QN_OK && ev->rescan)
        count_found(x, ev);
    x->unstored++;
    x->unstored_bytes += ev->hit ? 0 : ev->tx_len;
    x->within = ev->rescan && ev->hit + 1 < ev->n_hits;
    if (st != QN_OK || x->inside || (ev->rescan && may_wait(x)))
        return st;
    return flush_soon(x, !ev->rescan);
}

static qn_status on_gone(void *arg, const qn_watch_event *ev)
{
    wt *x = arg;
    qn_status st = wt_apply_gone(&x->m, ev);
    return st == QN_OK ? flush_soon(x, true) : st;
}

static qn_status on_synced(void *arg, const qn_watch_event *ev)
{
    wt *x = arg;
    (void)ev;
    qn_status st = wt_apply_synced(&x->m);
    return st == QN_OK ? flush_soon(x, true) : st;
}

static qn_status on_block(void *arg, const qn_watch_event *ev)
{
    wt *x = arg;
    x->inside = false;
    if (ev->type == QN_WATCH_EV_GAP) {
        qn_logf(x->host, x->cap, QN_LOG_WARN,
                "blocks up to %u are pruned: what they did to the wallets is not known",
                ev->ref.height - 1);
        wt_event_gap(x, ev);
    }
    wt_apply_tip(&x->m, qn_watch_at(ev));
    qn_status st = end_rescans(x);
    if (st == QN_OK && x->is_short && (ev->flags & QN_WATCH_EVF_TIP))
        st = wt_stream_retry(x);
    x->unstored++;
    if (st != QN_OK || (!(ev->flags & QN_WATCH_EVF_TIP) && x->unstored < COMMIT_BLOCKS))
        return st;
    return commit(x, true);
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
    if (!x->is_short)
        x->short_from = tip_height(x);
    return wt_stream_feed(x);
}

void wt_stream_close(wt *x)
{
    qn_watch_end(&x->w);
}
