/* Methods that wait: of a block that is being told, or a transaction, a part is known already, but
 * not the tip that goes with it. Such a part is no answer, nor anything to choose coins by; the
 * rest of it is on its way. Should it not come, for the node's sake, the method says so in time. */
#include "plugins/watch/watch.h"

#define MARGIN_MS 500u /* for the answer to be there before the node gives up */

struct wt_later {
    wt *x;
    wt_later *next;
    uint64_t timer;
    qn_rpc_request request;
    qn_rpc_handler_fn *fn;
    uint32_t len;
    char params[];
};

static bool is_whole(const wt *x)
{
    return !x->inside && !x->within;
}

static void unlink_later(wt_later *l)
{
    wt *x = l->x;
    for (wt_later **p = &x->later; *p; p = &(*p)->next)
        if (*p == l) {
            *p = l->next;
            break;
        }
    if (l->timer)
        (void)x->host->timer_cancel(x->cap, l->timer);
    l->timer = 0;
}

static void give_up(wt_later *l, const char *why)
{
    wt_refuse(l->x, l->request.request, WT_RPC_MISC, why);
    unlink_later(l);
    free(l);
}

static void on_time(void *arg)
{
    wt_later *l = arg;
    l->timer = 0;
    give_up(l, "The node has begun to tell a block and does not go on: try again");
}

bool wt_later_if(wt *x, const qn_rpc_request *r, const char *params, uint32_t len,
                 qn_rpc_handler_fn *fn)
{
    if (is_whole(x))
        return false;
    wt_later *l = calloc(1, sizeof *l + len + 1), **end = &x->later;
    if (!l) {
        wt_refuse_status(x, r->request, QN_E_NOMEM);
        return true;
    }
    l->x = x;
    l->request = *r;
    l->fn = fn;
    l->len = len;
    memcpy(l->params, params, len);
    while (*end)
        end = &(*end)->next;
    *end = l;
    const uint32_t ms =
        r->timeout_ms > 2 * MARGIN_MS ? r->timeout_ms - MARGIN_MS : r->timeout_ms / 2;
    if (x->host->timer_set(x->cap, ms, on_time, l, &l->timer) != QN_OK)
        give_up(l, "A block is being told: try again");
    return true;
}

static void go_on(void *arg)
{
    wt *x = arg;
    x->later_posted = false;
    wt_later_run(x);
}

/* Not by a task: the next block may have begun when that runs, and the one after it. */
void wt_later_run(wt *x)
{
    const uint64_t end = x->later ? x->host->now_ms(x->cap) + WT_SLICE_MS : 0;
    while (x->later && is_whole(x)) {
        wt_later *l = x->later;
        unlink_later(l);
        l->fn(x, &l->request, l->params, l->len);
        free(l);
        if (x->later && x->host->now_ms(x->cap) >= end) {
            if (!x->later_posted)
                x->later_posted = x->host->post(x->cap, go_on, x) == QN_OK;
            return;
        }
    }
}

void wt_later_end(wt *x)
{
    while (x->later)
        give_up(x->later, "The plugin is being stopped");
}
