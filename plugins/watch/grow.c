/* What ranges gain behind their import. A gap limit that is larger than at the last start: what
 * every range lacks is derived and watched, and blocks since its birthday are looked through for
 * it. And so they are where the range comes to a script that was paid before. */
#include "plugins/watch/watch.h"

#define SLICE 1000u /* scripts between two signs of life, which the node waits for */

static void say_how_far(const wt *x, const wt_source *s, uint32_t end)
{
    static const char what[] = "deriving what a larger gap_limit asks for";
    x->host->progress(x->cap, end ? (uint32_t)((uint64_t)s->end * 1000 / end) : 0, what,
                      sizeof what - 1);
}

static void say_done(const wt *x)
{
    static const char what[] = "all that gap_limit asks for is derived";
    if (!x->is_short)
        x->host->progress(x->cap, 1000, what, sizeof what - 1);
}

static qn_status derive(wt *x, wt_source *s)
{
    qn_status st = QN_OK;
    while (st == QN_OK && !wt_is_derived(&x->m, s, 0)) {
        say_how_far(x, s, wt_wanted_end(&x->m, s));
        st = wt_derive(&x->m, s, 0, SLICE);
    }
    return st;
}

/* Where blocks begin that may have paid what was not watched yet. */
static qn_status begin_of(wt *x, const wt_source *s, uint32_t *height)
{
    if (s->height == WT_NO_HEIGHT) /* since its import */
        return wt_height_of_time(x, s->timestamp, height);
    *height = s->height;
    return QN_OK;
}

static uint64_t lowest_cookie(const wt_source *s, size_t from, uint64_t lowest)
{
    for (size_t i = from; i < s->n_owners; i++)
        if (s->owner[i]->script->cookie < lowest)
            lowest = s->owner[i]->script->cookie;
    return lowest;
}

/* Out: *what grows to all of it. */
static qn_status grow(wt *x, wt_source *s, wt_rescan_for *what)
{
    size_t before = s->n_owners;
    uint32_t from = 0;
    qn_status st = derive(x, s);
    if (st == QN_OK)
        st = begin_of(x, s, &from);
    if (st == QN_OK)
        st = wt_stream_add_or_wait(x, s, from, NULL);
    if (st != QN_OK)
        return st;
    what->from = from < what->from ? from : what->from;
    what->first_cookie = lowest_cookie(s, before, what->first_cookie);
    return QN_OK;
}

qn_status wt_stream_grow(wt *x)
{
    wt_rescan_for what = {.from = WT_NO_HEIGHT, .first_cookie = UINT64_MAX};
    qn_status st = QN_OK;
    uint64_t id;
    uint32_t lowest;
    bool any = false;
    for (size_t i = 0; i < x->m.n_sources && st == QN_OK; i++) {
        wt_source *s = x->m.source[i];
        if (wt_is_derived(&x->m, s, 0))
            continue;
        any = true;
        st = grow(x, s, &what);
    }
    if (st != QN_OK || !any)
        return st;
    say_done(x);
    if (x->m.tip.height != WT_NO_HEIGHT && what.from <= x->m.tip.height)
        st = wt_rescan_want(x, &what, &id, &lowest);
    return st == QN_OK ? wt_store_set(x) : st;
}

/* Of what the source has from `before` on. all: all of that is watched; else it waits until it is.
 */
static qn_status look_back(wt *x, const wt_source *s, size_t before, uint32_t from, bool all)
{
    const wt_rescan_for what = {.from = from,
                                .first_cookie = lowest_cookie(s, before, UINT64_MAX),
                                .wallet = s->wallet->id};
    uint64_t id;
    uint32_t lowest;
    if (x->m.tip.height == WT_NO_HEIGHT || from > x->m.tip.height)
        return QN_OK;
    qn_status st = all ? wt_rescan_want(x, &what, &id, &lowest) : QN_E_LIMIT;
    if (st != QN_E_LIMIT)
        return st;
    wt_stream_missed(x, from, what.first_cookie);
    return QN_OK;
}

qn_status wt_stream_derive(wt *x, wt_source *s, uint32_t to, uint32_t height, bool *all)
{
    const size_t before = s->n_owners;
    const uint32_t used = s->used;
    uint32_t from = height;
    qn_status st = wt_derive(&x->m, s, to, UINT32_MAX);
    const bool was_paid = s->used != used;
    if (st == QN_OK && was_paid)
        st = begin_of(x, s, &from);
    if (st == QN_E_BUSY) { /* the chain changes all the time: look at all of it */
        st = QN_OK;
        from = 0;
    }
    if (st == QN_OK)
        st = wt_stream_add_or_wait(x, s, from < height ? from : height, all);
    return st == QN_OK && was_paid ? look_back(x, s, before, from, *all) : st;
}
