/* Rescans: at most so many at once, the rest wait; each is kept in the store until it is done. */
#include "plugins/watch/watch.h"

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
        st = wt_stream_flush_soon(x, true);
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
    return wt_stream_flush_soon(x, true);
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
qn_status wt_rescans_end(wt *x)
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

void wt_rescan_count(const wt *x, const qn_watch_event *ev)
{
    wt_rescan *r = rescan_of(x, ev->rescan, true);
    if (!r || (r->found && memcmp(&r->last, &ev->txid, sizeof r->last) == 0))
        return;
    r->found++; /* all of one transaction come one after the other */
    r->last = ev->txid;
    r->dirty = true;
}

qn_status wt_on_rescan_event(void *arg, const qn_watch_event *ev)
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
        return wt_stream_flush_soon(x, true);
    }
    r->over = status_text(ev->status);
    r->stop = ev->ref.height;
    r->host = 0;
    qn_status st = x->inside ? QN_OK : wt_rescans_end(x);
    return st == QN_OK ? wt_stream_flush_soon(x, true) : st;
}
