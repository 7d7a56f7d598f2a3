/* Rescans. The node makes some at once, the others wait; where too many do, one is made for several
 * wishes. What is kept in the store until it is done is each wish. */
#include "plugins/watch/watch.h"

static wt_rescan *rescan_of(const wt *x, uint64_t host)
{
    wt_rescan *r = x->rescan;
    while (r && r->host != host)
        r = r->next;
    return r;
}

/* Out: *r, the rescan that fulfils it. NULL: there is no such. */
static wt_wish *wish_of(const wt *x, uint64_t id, wt_rescan **r)
{
    for (*r = x->rescan; *r; *r = (*r)->next)
        for (wt_wish *w = (*r)->wish; w; w = w->next)
            if (w->id == id)
                return w;
    return NULL;
}

size_t wt_wishes(const wt *x)
{
    size_t n = 0;
    for (const wt_rescan *r = x->rescan; r; r = r->next)
        for (const wt_wish *w = r->wish; w; w = w->next)
            n++;
    return n;
}

static void free_wishes(wt_wish *w)
{
    for (wt_wish *after; w; w = after) {
        after = w->next;
        free(w);
    }
}

void wt_rescans_free(wt *x)
{
    for (wt_rescan *r = x->rescan, *after; r; r = after) {
        after = r->next;
        free_wishes(r->wish);
        free(r);
    }
    free_wishes(x->dead_wish);
    x->rescan = NULL;
    x->dead_wish = NULL;
}

static void add_wish(wt_rescan *r, wt_wish *w)
{
    wt_wish **at = &r->wish;
    while (*at)
        at = &(*at)->next;
    w->next = NULL;
    *at = w;
    r->first_cookie = w->first_cookie < r->first_cookie ? w->first_cookie : r->first_cookie;
    r->dirty = true;
}

/* Nothing below it is wanted. */
static uint32_t lowest_of(const wt_rescan *r)
{
    uint32_t from = WT_NO_HEIGHT;
    for (const wt_wish *w = r->wish; w; w = w->next)
        from = w->from < from ? w->from : from;
    return from;
}

/* Since one that is fulfilled no more. */
static void narrow(wt_rescan *r)
{
    const uint32_t from = lowest_of(r);
    r->at = r->at > from ? r->at : from;
    r->first_cookie = UINT64_MAX;
    for (const wt_wish *w = r->wish; w; w = w->next)
        r->first_cookie = w->first_cookie < r->first_cookie ? w->first_cookie : r->first_cookie;
    r->dirty = true;
}

/* What lies below is pruned. told: the one who wants it is told so now, and not at its end. */
static void raise_to(const wt *x, wt_rescan *r, uint32_t lowest, bool told)
{
    qn_logf(x->host, x->cap, QN_LOG_WARN,
            "blocks below %u are pruned: a rescan goes on there and not at %u", lowest, r->at);
    r->at = lowest;
    r->dirty = true;
    for (wt_wish *w = r->wish; w; w = w->next)
        if (w->from < lowest) {
            w->from = lowest;
            w->pruned = !told;
        }
}

/* One that waits begins, as far as the node takes it. told: as raise_to(). Out: *lowest. */
static qn_status begin_rescan(wt *x, wt_rescan *r, bool told, uint32_t *lowest)
{
    qn_watch_rescan what;
    QN_INIT(&what);
    what.set = QN_SET_WATCH_RESCAN_FROM | QN_SET_WATCH_RESCAN_FIRST_COOKIE;
    what.from = r->at;
    what.first_cookie = r->first_cookie;
    qn_status st = x->watch.t->rescan(x->watch.cap, x->w.watch, &what, &r->host, lowest);
    if (st == QN_E_PRUNED && *lowest > r->at) {
        raise_to(x, r, *lowest, told);
        what.from = r->at;
        st = x->watch.t->rescan(x->watch.cap, x->w.watch, &what, &r->host, lowest);
    }
    return st;
}

static void drop_rescan(wt *x, wt_rescan *r)
{
    wt_rescan **at = &x->rescan;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    free(r);
}

static void take_wish(wt_rescan *r, const wt_wish *w)
{
    wt_wish **at = &r->wish;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

/* Told behind what was found. height: up to which was looked; below its first one: nowhere. */
static void end_wish(wt *x, wt_rescan *r, wt_wish *w, const char *status, uint32_t height)
{
    take_wish(r, w);
    if (w->pruned && strcmp(status, "done") == 0)
        status = "pruned"; /* and done with the others */
    wt_event_rescan(x, w, r->found, status, height < w->from ? WT_NO_HEIGHT : height);
    w->next = x->dead_wish;
    x->dead_wish = w;
}

static void end_rescan(wt *x, wt_rescan *r, const char *status, uint32_t height)
{
    while (r->wish)
        end_wish(x, r, r->wish, status, height);
    drop_rescan(x, r);
}

/* Let those that wait begin, the oldest first. */
static qn_status begin_rescans(wt *x)
{
    for (;;) {
        uint32_t lowest = 0;
        wt_rescan *oldest = NULL;
        for (wt_rescan *r = x->rescan; r; r = r->next)
            if (!r->host && !r->over && (!oldest || r->wish->id < oldest->wish->id))
                oldest = r;
        if (!oldest)
            return QN_OK;
        qn_status st = begin_rescan(x, oldest, false, &lowest);
        if (st == QN_E_LIMIT)
            return QN_OK;                          /* when one of those under way ends */
        if (st == QN_E_INVAL || st == QN_E_PRUNED) /* all of it is above the tip, or pruned */
            end_rescan(x, oldest, st == QN_E_INVAL ? "done" : "pruned", WT_NO_HEIGHT);
        else if (st != QN_OK)
            return st;
    }
}

static wt_wish *new_wish(wt *x, const wt_rescan_for *what)
{
    wt_wish *w = calloc(1, sizeof *w);
    if (w)
        *w = (wt_wish){.id = x->next_rescan++,
                       .first_cookie = what->first_cookie,
                       .from = what->from,
                       .wallet = what->wallet};
    return w;
}

/* Too many are there: the newest that waits does this one's work too. NULL: none waits. */
static wt_rescan *waiting(const wt *x)
{
    wt_rescan *r = x->rescan;
    while (r && (r->host || r->over))
        r = r->next;
    return r;
}

static void widen(wt_rescan *r, uint32_t from)
{
    if (from < r->at) {
        r->at = from;
        r->found = r->found_at = 0; /* of these again */
    }
}

/* Nobody was told the numbers of imports: one does for those of a wallet. */
static wt_wish *same_wish(wt_rescan *r, const wt_rescan_for *what)
{
    wt_wish *w = what->wallet ? r->wish : NULL;
    while (w && w->wallet != what->wallet)
        w = w->next;
    if (!w)
        return NULL;
    w->from = what->from < w->from ? what->from : w->from;
    if (what->first_cookie < w->first_cookie)
        w->first_cookie = what->first_cookie;
    w->stored = false; /* as it was */
    return w;
}

static qn_status join(wt *x, wt_rescan *r, const wt_rescan_for *what, uint64_t *id)
{
    wt_wish *w = same_wish(r, what);
    if (!w && (w = new_wish(x, what)))
        add_wish(r, w);
    if (!w)
        return QN_E_NOMEM;
    if (w->first_cookie < r->first_cookie)
        r->first_cookie = w->first_cookie;
    r->dirty = true;
    widen(r, w->from);
    *id = w->id;
    return QN_OK;
}

static wt_rescan *new_rescan(wt *x, wt_wish *w, uint32_t at, uint64_t found)
{
    wt_rescan *r = w ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        free(w);
        return NULL;
    }
    *r = (wt_rescan){.next = x->rescan, .first_cookie = UINT64_MAX, .at = at, .found = found};
    r->found_at = found;
    add_wish(r, w);
    return x->rescan = r;
}

static bool is_full(const wt *x)
{
    size_t n = 0;
    for (const wt_rescan *r = x->rescan; r; r = r->next)
        n++;
    return n >= WT_RESCANS_MAX;
}

qn_status wt_rescan_load(wt *x, wt_wish *w, uint32_t at, uint64_t found)
{
    wt_rescan *r = is_full(x) ? waiting(x) : NULL;
    if (!r && !(r = new_rescan(x, w, at, found)))
        return QN_E_NOMEM;
    if (r->wish != w) {
        add_wish(r, w);
        widen(r, at);
    }
    r->dirty = false;
    return QN_OK;
}

qn_status wt_rescan_load_canceled(wt *x, wt_wish *w, uint32_t at, uint64_t found)
{
    wt_rescan *r = new_rescan(x, w, at, found);
    if (!r)
        return QN_E_NOMEM;
    r->over = "canceled";
    r->stop = at ? at - 1 : WT_NO_HEIGHT;
    r->dirty = false;
    return QN_OK;
}

qn_status wt_rescan_want(wt *x, const wt_rescan_for *what, uint64_t *id, uint32_t *lowest)
{
    wt_rescan *r = NULL;
    *lowest = 0;
    if (is_full(x))
        return (r = waiting(x)) ? join(x, r, what, id) : QN_E_LIMIT;
    if (!(r = new_rescan(x, new_wish(x, what), what->from, 0)))
        return QN_E_NOMEM;
    *id = r->wish->id;
    qn_status st = begin_rescan(x, r, true, lowest);
    if (st == QN_E_LIMIT)
        return QN_OK;
    if (st == QN_E_INVAL || st == QN_E_PRUNED) {
        end_rescan(x, r, st == QN_E_INVAL ? "done" : "pruned", WT_NO_HEIGHT);
        st = wt_stream_flush_soon(x, true);
    }
    return st;
}

/* ---- giving up ---- */

/* The others have what was done so far, and go on with less to do. */
static qn_status go_on_without(wt *x, wt_rescan *r)
{
    const bool less = lowest_of(r) > r->at;
    if (!r->host) {
        narrow(r);
        return QN_OK;
    }
    if (r->anew || !less)
        return QN_OK;
    qn_status st = x->watch.t->cancel(x->watch.cap, x->w.watch, r->host);
    r->anew = st == QN_OK;
    return st == QN_E_NOTFOUND ? QN_OK : st; /* its end is on its way */
}

/* Of what r does w is over, though not for the others. It is told so when no transaction is told in
 * part, with all others that are. Out: *over, what it is in now; when there is one it joins it. */
static qn_status part(wt *x, wt_rescan *r, wt_wish *w, wt_rescan **over)
{
    take_wish(r, w);
    if (*over)
        add_wish(*over, w);
    else
        *over = new_rescan(x, w, r->at, r->found);
    return *over ? QN_OK : QN_E_NOMEM;
}

static qn_status give_up(wt *x, wt_rescan *r, wt_wish *w)
{
    const bool alone = r->wish == w && !w->next;
    wt_rescan *over = alone && !r->host ? r : NULL;
    qn_status st = over ? QN_OK : part(x, r, w, &over);
    if (st != QN_OK)
        return st;
    over->over = "canceled";
    over->stop = r->at ? r->at - 1 : WT_NO_HEIGHT;
    over->dirty = true;
    if (r->wish && r != over)
        st = go_on_without(x, r);
    return st == QN_OK && !x->inside && !x->within ? wt_rescans_end(x) : st;
}

qn_status wt_rescan_cancel(wt *x, uint64_t id)
{
    wt_rescan *r;
    wt_wish *w = wish_of(x, id, &r);
    if (!w || r->over) /* at its end, and about to be told so */
        return QN_E_NOTFOUND;
    const bool was_stored = w->stored;
    const bool all = r->wish == w && !w->next && r->host && !r->anew;
    w->canceled = true;
    w->stored = false; /* as it is now */
    r->dirty = true;
    qn_status st = all ? x->watch.t->cancel(x->watch.cap, x->w.watch, r->host) : give_up(x, r, w);
    if (all && st == QN_E_NOTFOUND)
        st = QN_OK; /* its end is on its way, and it does not go on behind that */
    if (all && st != QN_OK) {
        w->canceled = false;
        w->stored = was_stored;
    }
    return st == QN_OK ? wt_stream_keep(x) : st;
}

/* The node has given it up as it was. */
static qn_status begin_anew(wt *x, wt_rescan *r)
{
    r->anew = false;
    r->host = 0;
    r->found = r->found_at;
    r->last = (qn_hash){{0}};
    if (r->wish)
        narrow(r);
    else
        drop_rescan(x, r);
    return begin_rescans(x);
}

/* True: there were some. */
static bool end_those_over(wt *x)
{
    bool any = false;
    for (wt_rescan *r = x->rescan, *next; r; r = next) {
        next = r->next;
        if (r->over) {
            end_rescan(x, r, r->over, r->stop);
            any = true;
        }
    }
    return any;
}

qn_status wt_rescan_resume(wt *x)
{
    qn_status st = end_those_over(x) ? wt_stream_flush_soon(x, true) : QN_OK;
    return st == QN_OK ? begin_rescans(x) : st;
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
    qn_status st = wt_events_tell(x);
    return st == QN_OK && end_those_over(x) ? begin_rescans(x) : st;
}

void wt_rescan_count(const wt *x, const qn_watch_event *ev)
{
    wt_rescan *r = rescan_of(x, ev->rescan);
    if (!r || (r->found && memcmp(&r->last, &ev->txid, sizeof r->last) == 0))
        return;
    r->found++; /* all of one transaction come one after the other */
    r->last = ev->txid;
    r->dirty = true;
}

/* ---- what cannot be read ---- */

/* The wishes are to be fulfilled from here on; what was found stays found. */
static qn_status go_on(wt *x, wt_rescan *r)
{
    r->host = 0;
    r->anew = false;
    r->found_at = r->found;
    narrow(r);
    return begin_rescans(x);
}

/* Blocks were pruned before they were looked through: what is left is there. */
static qn_status is_pruned(wt *x, wt_rescan *r, uint32_t lowest)
{
    raise_to(x, r, lowest, false);
    return go_on(x, r);
}

static bool is_above(const wt_wish *w, uint32_t height)
{
    return w->from > height;
}

/* The block of this height ends those that want it, or what is below it. False: that is all. */
static bool others_go_on(const wt_rescan *r, uint32_t height)
{
    const wt_wish *w = r->wish;
    while (w && !is_above(w, height))
        w = w->next;
    return w != NULL;
}

static qn_status is_unreadable(wt *x, wt_rescan *r, uint32_t height, const char *status)
{
    wt_rescan *over = NULL;
    qn_status st = QN_OK;
    for (wt_wish *w = r->wish, *after; w && st == QN_OK; w = after) {
        after = w->next;
        if (!is_above(w, height))
            st = part(x, r, w, &over);
    }
    if (over) {
        over->over = status;
        over->stop = height ? height - 1 : WT_NO_HEIGHT;
    }
    if (st == QN_OK)
        st = go_on(x, r);
    return st == QN_OK && !x->inside ? wt_rescans_end(x) : st;
}

static qn_status on_end(wt *x, wt_rescan *r, const qn_watch_event *ev)
{
    const uint32_t height = ev->ref.height;
    const bool failed = ev->status != QN_OK && ev->status != QN_E_CANCELED;
    const uint32_t bad = height == WT_NO_HEIGHT ? 0 : height + 1;
    const bool canceled = failed && r->wish && r->wish->canceled; /* and so the only one */
    if (r->anew && ev->status == QN_E_CANCELED)
        return begin_anew(x, r);
    /* A lower one says that what it could not read is no pruned block: it would never end. */
    if (!canceled && ev->status == QN_E_PRUNED && r->wish && height != WT_NO_HEIGHT &&
        height > r->at)
        return is_pruned(x, r, height);
    if (!canceled && failed && ev->status != QN_E_PRUNED && others_go_on(r, bad))
        return is_unreadable(x, r, bad, status_text(ev->status));
    r->over = status_text(canceled ? QN_E_CANCELED : ev->status);
    r->stop = ev->status == QN_E_PRUNED ? WT_NO_HEIGHT : height;
    r->host = 0;
    return x->inside ? QN_OK : wt_rescans_end(x);
}

qn_status wt_on_rescan_event(void *arg, const qn_watch_event *ev)
{
    wt *x = arg;
    wt_rescan *r = rescan_of(x, ev->rescan);
    x->within = false;
    if (!r)
        return QN_OK;
    if (ev->type == QN_WATCH_EV_RESCAN_PROGRESS) {
        r->at = ev->ref.height + 1;
        r->found_at = r->found;
        r->dirty = true;
        return wt_stream_flush_soon(x, true);
    }
    qn_status st = on_end(x, r, ev);
    return st == QN_OK ? wt_stream_flush_soon(x, true) : st;
}
