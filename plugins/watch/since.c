/* From a time to a height. Times in headers are out of order, and a block may say a time that is
 * long past when nobody found one for a while; so what counts is the first block that says the time
 * or a later one: none before it can have been mined since. (Core interfaces/chain.h:
 * findFirstBlockWithTimeAndHeight().) */
#include "plugins/watch/watch.h"

#define RANGE 2000u  /* headers of one call */
#define STEP 100u    /* blocks of which the latest time is remembered; RANGE is some of them */
#define EARLY 7200   /* seconds that a block may be ahead of its time */
#define ATTEMPTS 10u /* as often the chain may change while it is read */
#define TIME_AT 68u  /* in a header */
#define PARENT_AT 4u

static uint32_t time_of(const qn_header_rec *h)
{
    const uint8_t *p = h->raw + TIME_AT;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Whether all steps that are known are on the chain; else they are forgotten. */
static qn_status check_known(wt *x)
{
    wt_times *t = &x->times;
    qn_header_rec h;
    uint32_t n = 0;
    if (!t->n)
        return QN_OK;
    qn_status st = x->chain.t->headers(x->chain.cap, t->n * STEP - 1, &h, 1, &n);
    if (st != QN_OK && st != QN_E_NOTFOUND)
        return st;
    if (st == QN_E_NOTFOUND || n == 0 || memcmp(&h.ref.hash, &t->last, sizeof t->last) != 0)
        t->n = 0;
    return QN_OK;
}

/* A whole step is remembered by the latest time up to its end. */
static qn_status learn(wt_times *t, const qn_header_rec *h)
{
    uint32_t most = t->n ? t->most[t->n - 1] : 0;
    if (t->n == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 64;
        uint32_t *more = realloc(t->most, cap * sizeof *more);
        if (!more)
            return QN_E_NOMEM;
        t->most = more;
        t->cap = cap;
    }
    for (uint32_t i = 0; i < STEP; i++)
        most = time_of(&h[i]) > most ? time_of(&h[i]) : most;
    t->most[t->n++] = most;
    t->last = h[STEP - 1].ref.hash;
    return QN_OK;
}

/* The first step that is not known to be earlier. */
static uint32_t first_step(const wt_times *t, int64_t time)
{
    uint32_t lo = 0, hi = t->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (t->most[mid] < time)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Out: h, *n headers from the step on; and what was not known of steps is. QN_E_BUSY: the chain
 * has changed. */
static qn_status read_step(wt *x, uint32_t step, qn_header_rec *h, uint32_t *n)
{
    wt_times *t = &x->times;
    const bool known = step < t->n;
    *n = 0;
    qn_status st = x->chain.t->headers(x->chain.cap, step * STEP, h, known ? STEP : RANGE, n);
    if (known || (st != QN_OK && st != QN_E_NOTFOUND))
        return st == QN_E_NOTFOUND ? QN_E_BUSY : st;
    if (*n && t->n && memcmp(h[0].raw + PARENT_AT, t->last.b, sizeof t->last.b) != 0)
        return QN_E_BUSY;
    st = QN_OK;
    for (uint32_t i = 0; i + STEP <= *n && st == QN_OK; i += STEP)
        st = learn(t, h + i);
    return st;
}

/* Out: *height; behind the tip when no block is as late. QN_E_BUSY: the chain has changed. */
static qn_status look(wt *x, int64_t time, qn_header_rec *h, uint32_t *height)
{
    qn_status st = check_known(x);
    uint32_t n = RANGE, step = first_step(&x->times, time);
    while (st == QN_OK && n == RANGE) {
        const bool known = step < x->times.n;
        st = read_step(x, step, h, &n);
        for (uint32_t i = 0; st == QN_OK && i < n; i++)
            if (time_of(&h[i]) >= time) {
                *height = step * STEP + i;
                return QN_OK;
            }
        if (st == QN_OK && known)
            return QN_E_BUSY; /* one of it was as late a moment ago */
        step += n < RANGE ? 0 : RANGE / STEP;
    }
    if (st == QN_OK)
        *height = step * STEP + n;
    return st;
}

qn_status wt_height_of_time(wt *x, int64_t time, uint32_t *height)
{
    qn_header_rec *h = malloc(RANGE * sizeof *h);
    qn_status st = h ? QN_E_BUSY : QN_E_NOMEM;
    for (unsigned i = 0; i < ATTEMPTS && st == QN_E_BUSY; i++)
        st = look(x, time - EARLY, h, height);
    free(h);
    return st;
}
