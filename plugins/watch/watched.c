/* What the node is told to watch. Where the grant has no room for all of it, as much as there is
 * room for is watched and the rest waits: when there is room again, blocks since are looked
 * through. */
#include "plugins/watch/watch.h"

typedef struct adding {
    wt *x;
    qn_watch_script *list;
    uint8_t *bytes;
    uint32_t n, len;
    size_t sent; /* of all so far */
    bool remove;
} adding;

static qn_status add_begin(adding *a, wt *x, bool remove)
{
    *a = (adding){.x = x, .remove = remove};
    a->list = malloc(WT_ADD_MAX * sizeof *a->list);
    a->bytes = malloc(WT_ADD_BYTES);
    return a->list && a->bytes ? QN_OK : QN_E_NOMEM;
}

/* A call is all or nothing: where there is no room for all, find out how many fit. */
static qn_status send_part(adding *a, const qn_watch_script *list, uint32_t n, const uint8_t *bytes,
                           uint32_t len)
{
    const wt *x = a->x;
    uint32_t half = n / 2, cut = 0;
    qn_status st = x->watch.t->add(x->watch.cap, x->w.watch, list, n, bytes, len, 0, NULL);
    if (st == QN_OK)
        a->sent += n;
    if (st != QN_E_LIMIT || n == 1)
        return st;
    for (uint32_t i = 0; i < half; i++)
        cut += list[i].len;
    st = send_part(a, list, half, bytes, cut);
    return st == QN_OK ? send_part(a, list + half, n - half, bytes + cut, len - cut) : st;
}

static qn_status add_send(adding *a)
{
    const wt *x = a->x;
    qn_status st = QN_OK;
    if (a->n)
        st = a->remove
                 ? x->watch.t->remove(x->watch.cap, x->w.watch, a->list, a->n, a->bytes, a->len)
                 : send_part(a, a->list, a->n, a->bytes, a->len);
    a->n = a->len = 0;
    return st;
}

static qn_status add_script(adding *a, const wt_script *s)
{
    qn_status st = QN_OK;
    if (a->n == WT_ADD_MAX || WT_ADD_BYTES - a->len < s->len)
        st = add_send(a);
    a->list[a->n++] = (qn_watch_script){.cookie = s->cookie, .len = s->len};
    memcpy(a->bytes + a->len, s->bytes, s->len);
    a->len += s->len;
    return st;
}

static void add_end(adding *a)
{
    free(a->list);
    free(a->bytes);
}

static qn_status add_source(adding *a, wt_source *s)
{
    qn_status st = QN_OK;
    for (size_t i = s->n_watched; i < s->n_owners && st == QN_OK; i++)
        st = add_script(a, s->owner[i]->script);
    return st;
}

qn_status wt_stream_add(wt *x, wt_source *s)
{
    adding a;
    qn_status st = add_begin(&a, x, false);
    if (st == QN_OK)
        st = add_source(&a, s);
    if (st == QN_OK)
        st = add_send(&a);
    s->n_watched += a.sent;
    add_end(&a);
    return st;
}

qn_status wt_stream_add_coin(wt *x, wt_source *s)
{
    const qn_watch_outpoint o = {.cookie = s->id, .txid = s->coin.txid, .n = s->coin.n};
    if (s->kind != WT_OUTPOINT || s->taken)
        return QN_OK;
    qn_status st = x->watch.t->add_outpoints(x->watch.cap, x->w.watch, &o, 1, 0, NULL);
    s->taken = st == QN_OK;
    return st;
}

/* ---- no room ---- */

void wt_stream_short(wt *x, const wt_source *s, uint32_t height)
{
    static const char what[] = "not everything is watched: the grant of watch/1 has no room for it";
    if (!x->is_short) {
        x->is_short = true;
        x->short_from = height;
        x->short_cookie = UINT64_MAX;
        qn_logf(x->host, x->cap, QN_LOG_ERROR,
                "the grant of watch/1 has no room for more scripts: raise its scripts= or memory=. "
                "What lies behind is not watched from block %u on",
                height);
        x->host->progress(x->cap, 0, what, sizeof what - 1);
    }
    if (height < x->short_from)
        x->short_from = height;
    for (size_t i = s->n_watched; i < s->n_owners; i++)
        if (s->owner[i]->script->cookie < x->short_cookie)
            x->short_cookie = s->owner[i]->script->cookie;
    if (s->kind == WT_OUTPOINT)
        x->short_cookie = 0;
    x->short_dirty = true;
}

void wt_stream_missed(wt *x, uint32_t height, uint64_t cookie)
{
    if (!x->is_short) {
        x->is_short = true;
        x->short_from = height;
        x->short_cookie = cookie;
    }
    x->short_from = height < x->short_from ? height : x->short_from;
    x->short_cookie = cookie < x->short_cookie ? cookie : x->short_cookie;
    x->short_dirty = true;
}

qn_status wt_stream_add_or_wait(wt *x, wt_source *s, uint32_t height, bool *all)
{
    qn_status st = s->n_watched < s->n_owners ? wt_stream_add(x, s) : QN_OK;
    if (all)
        *all = st == QN_OK;
    if (st != QN_E_LIMIT)
        return st;
    wt_stream_short(x, s, height);
    return QN_OK;
}

uint64_t wt_stream_unwatched(const wt *x)
{
    uint64_t n = 0;
    for (size_t i = 0; i < x->m.n_sources; i++)
        if (!x->m.source[i]->building)
            n += x->m.source[i]->n_owners - x->m.source[i]->n_watched;
    return n;
}

/* Scripts in the order of their sources, as far as there is room. */
static qn_status add_scripts(wt *x)
{
    adding a;
    qn_status st = add_begin(&a, x, false);
    for (size_t i = 0; i < x->m.n_sources && st == QN_OK; i++)
        if (!x->m.source[i]->building)
            st = add_source(&a, x->m.source[i]);
    if (st == QN_OK)
        st = add_send(&a);
    for (size_t i = 0; i < x->m.n_sources; i++) {
        wt_source *s = x->m.source[i];
        size_t room = s->building ? 0 : s->n_owners - s->n_watched;
        size_t n = a.sent < room ? a.sent : room;
        s->n_watched += n;
        a.sent -= n;
    }
    add_end(&a);
    return st;
}

/* Out: *full: there is no room for what is left. */
static qn_status add_rest(wt *x, uint32_t height, bool *full)
{
    qn_status st = add_scripts(x);
    *full = st == QN_E_LIMIT;
    if (*full)
        st = QN_OK;
    for (size_t i = 0; i < x->m.n_sources && st == QN_OK; i++) {
        wt_source *s = x->m.source[i];
        if (s->building)
            continue;
        st = wt_stream_add_coin(x, s);
        if (st == QN_E_LIMIT || s->n_watched < s->n_owners)
            wt_stream_short(x, s, height);
        *full = *full || st == QN_E_LIMIT;
        if (st == QN_E_LIMIT)
            st = QN_OK;
    }
    return st;
}

/* All is watched now: what was missed is looked for. */
static qn_status made_good(wt *x)
{
    uint64_t id;
    uint32_t lowest;
    static const char what[] = "everything is watched";
    if (x->m.tip.height != WT_NO_HEIGHT && x->short_from <= x->m.tip.height) {
        qn_status st = wt_rescan_want(
            x, &(wt_rescan_for){.from = x->short_from, .first_cookie = x->short_cookie}, &id,
            &lowest);
        if (st != QN_OK)
            return st == QN_E_LIMIT ? QN_OK : st; /* too many wait: at the next block */
    }
    x->is_short = false;
    x->short_dirty = true;
    qn_logf(x->host, x->cap, QN_LOG_INFO,
            "there is room for all scripts again: looking through "
            "blocks from %u on",
            x->short_from);
    x->host->progress(x->cap, 1000, what, sizeof what - 1);
    return QN_OK;
}

qn_status wt_stream_feed(wt *x)
{
    bool full = false;
    qn_status st = add_rest(x, x->short_from, &full);
    return st == QN_OK && !full && x->is_short ? made_good(x) : st;
}

/* The first script that waits. Out: *s its source. NULL: none does. */
static const wt_script *first_unwatched(const wt *x, wt_source **s)
{
    for (size_t i = 0; i < x->m.n_sources; i++) {
        *s = x->m.source[i];
        if (!(*s)->building && (*s)->n_watched < (*s)->n_owners)
            return (*s)->owner[(*s)->n_watched]->script;
    }
    return NULL;
}

qn_status wt_stream_retry(wt *x)
{
    wt_source *s;
    const wt_script *first = first_unwatched(x, &s);
    if (!first)
        return wt_stream_feed(x);
    const qn_watch_script one = {.cookie = first->cookie, .len = first->len};
    qn_status st =
        x->watch.t->add(x->watch.cap, x->w.watch, &one, 1, first->bytes, first->len, 0, NULL);
    if (st != QN_OK)
        return st == QN_E_LIMIT ? QN_OK : st;
    s->n_watched++;
    return wt_stream_feed(x);
}

static qn_status remove_coins(const wt *x)
{
    qn_status st = QN_OK;
    for (wt_node *n = wt_map_next(&x->m.coins, NULL); n && st == QN_OK;
         n = wt_map_next(&x->m.coins, n)) {
        const wt_coin *c = (const wt_coin *)n;
        const qn_watch_outpoint o = {.txid = c->at.txid, .n = c->at.n};
        if (!c->watcher && !(c->script && c->script->owner))
            st = x->watch.t->remove_outpoints(x->watch.cap, x->w.watch, &o, 1);
    }
    return st;
}

qn_status wt_stream_sweep(wt *x)
{
    adding a;
    qn_status st = add_begin(&a, x, true);
    for (wt_node *n = wt_map_next(&x->m.scripts, NULL); n && st == QN_OK;
         n = wt_map_next(&x->m.scripts, n))
        if (!((const wt_script *)n)->owner)
            st = add_script(&a, (const wt_script *)n);
    if (st == QN_OK)
        st = add_send(&a);
    add_end(&a);
    if (st == QN_OK)
        st = remove_coins(x);
    if (st == QN_OK)
        st = wt_sweep(&x->m);
    if (st == QN_OK)
        st = wt_stream_part_over(x);
    return st == QN_OK && x->is_short ? wt_stream_feed(x) : st;
}

qn_status wt_stream_extend(wt *x, uint32_t height)
{
    qn_status st = QN_OK;
    bool all = true;
    for (size_t i = 0; i < x->m.n_sources && st == QN_OK; i++) {
        wt_source *s = x->m.source[i];
        if (s->building || wt_is_derived(&x->m, s, 0))
            continue;
        st = wt_stream_derive(x, s, 0, height, &all);
    }
    return st;
}
