/* watch.waitevent: events behind a cursor, at once or as soon as there are some. Only what is
 * durable is told, so that an id means the same for ever. */
#include "plugins/watch/watch.h"

#define TIMEOUT_MAX 3000u /* seconds */
#define COUNT_MAX 1000u

struct wt_waiter {
    wt *x;
    wt_waiter *next;
    uint64_t request, cursor, timer;
    uint32_t wallet, count;
    bool ahead; /* the cursor is beyond all events */
};

static void unlink_waiter(wt_waiter *w)
{
    wt *x = w->x;
    for (wt_waiter **p = &x->waiter; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
    if (w->timer)
        (void)x->host->timer_cancel(x->cap, w->timer);
    free(w);
}

/* Answer when there is something, or when it must be now. True: answered. */
static bool answer(wt_waiter *w, bool now)
{
    const wt *x = w->x;
    qn_json j = {0};
    uint64_t last;
    uint32_t n;
    qn_json_open(&j, NULL, '{');
    qn_json_open(&j, "events", '[');
    qn_status st = wt_store_events(x, w->cursor, w->wallet, w->count, &j, &last, &n);
    qn_json_close(&j, ']');
    if (st == QN_OK && n == 0 && !now) {
        w->cursor = last > w->cursor ? last : w->cursor; /* others' events need no second look */
        qn_json_free(&j);
        return false;
    }
    qn_json_int(&j, "cursor", (int64_t)last);
    qn_json_bool(&j, "missed", w->ahead || w->cursor + 1 < x->first_event);
    if (w->ahead)
        qn_json_bool(&j, "ahead", 1);
    qn_json_close(&j, '}');
    if (st == QN_OK)
        wt_answer(x, w->request, &j);
    else {
        wt_refuse_status(x, w->request, st);
        qn_json_free(&j);
    }
    return true;
}

static void on_time(void *arg)
{
    wt_waiter *w = arg;
    w->timer = 0;
    (void)answer(w, true);
    unlink_waiter(w);
}

void wt_wait_wake(wt *x)
{
    for (wt_waiter *w = x->waiter, *after; w; w = after) {
        after = w->next;
        if (answer(w, false))
            unlink_waiter(w);
    }
}

void wt_wait_end(wt *x)
{
    while (x->waiter) {
        wt_refuse(x, x->waiter->request, WT_RPC_INTERNAL, "The plugin is being stopped");
        unlink_waiter(x->waiter);
    }
}

static void wait_for(wt *x, const wt_waiter *ask, uint32_t timeout_ms)
{
    wt_waiter *w = malloc(sizeof *w);
    if (!w) {
        wt_refuse_status(x, ask->request, QN_E_NOMEM);
        return;
    }
    *w = *ask;
    w->next = x->waiter;
    x->waiter = w;
    bool done = answer(w, timeout_ms == 0);
    if (!done && x->host->timer_set(x->cap, timeout_ms, on_time, w, &w->timer) != QN_OK)
        done = answer(w, true);
    if (done)
        unlink_waiter(w);
}

void wt_on_waitevent(void *arg, const qn_rpc_request *r, const char *params, uint32_t len)
{
    wt *x = arg;
    uint64_t cursor = x->stored_event - 1, seconds = 30, count = 100;
    json_t *a = wt_params(x, r->request, params, len);
    const json_t *name = json_array_get(a, 2);
    const wt_wallet *w = NULL;
    bool all = !name || json_is_null(name);
    if (a && wt_number(x, r->request, a, 0, "cursor", INT64_MAX, &cursor) &&
        wt_number(x, r->request, a, 1, "timeout", TIMEOUT_MAX, &seconds) &&
        wt_number(x, r->request, a, 3, "count", COUNT_MAX, &count) &&
        (all || (w = wt_wallet_arg(x, r->request, a, 2)))) {
        /* A cursor from a store that was lost: what it stood for is not known, and what comes now
         * has lower numbers. */
        const bool ahead = cursor >= x->stored_event;
        if (ahead)
            cursor = x->stored_event - 1;
        uint64_t ms = seconds * 1000;
        if (ms + 500 > r->timeout_ms)
            ms = r->timeout_ms > 500 ? r->timeout_ms - 500 : 0;
        const wt_waiter ask = {.x = x,
                               .request = r->request,
                               .cursor = cursor,
                               .wallet = w ? w->id : 0,
                               .count = count ? (uint32_t)count : 1,
                               .ahead = ahead};
        wait_for(x, &ask, ahead ? 0 : (uint32_t)ms); /* at once: it has to begin anew */
    }
    json_decref(a);
}
