/* Long polls: answered when the tip is another one; after a minute, and then every ten seconds,
 * also when the mempool has changed. Nothing runs while nobody waits. */
#include "plugins/gbt/gbt.h"

#define FIRST_LOOK 60000u /* ms */
#define NEXT_LOOK 10000u

static void set_timer(gb *g);

static void answer(gb *g, gb_poll *p)
{
    const qn_gbt_client client = {p->rule, p->n_rules};
    gb_answer(g, p->request, &client, p->light);
    free(p->rule);
}

static bool due(gb_poll *p, const qn_mining_info *now, uint64_t ms)
{
    if (memcmp(&p->tip, &now->tip.hash, sizeof p->tip) != 0)
        return true;
    if (ms >= p->until)
        return true;
    if (ms < p->look_at)
        return false;
    p->look_at = ms + NEXT_LOOK;
    return p->updates != now->updates;
}

static void end_all(gb *g, qn_status st)
{
    while (g->n_polls) {
        gb_poll *p = &g->poll[--g->n_polls];
        gb_fail_status(g, p->request, st, "The wait has ended");
        free(p->rule);
    }
}

static void look(gb *g)
{
    qn_mining_info now = {.size = sizeof now};
    qn_status st = g->mining->info(g->mining_cap, &now);
    if (st != QN_OK) {
        end_all(g, st);
        return;
    }
    uint64_t ms = g->host->now_ms(g->cap);
    for (uint32_t i = 0; i < g->n_polls;) {
        gb_poll p = g->poll[i];
        bool ready = due(&p, &now, ms);
        g->poll[i] = p;
        if (!ready) {
            i++;
            continue;
        }
        g->poll[i] = g->poll[--g->n_polls];
        answer(g, &p);
    }
    set_timer(g);
}

static void on_timer(void *arg)
{
    gb *g = arg;
    g->timer = 0;
    look(g);
}

/* One timer for all: to the first that is due. */
static void set_timer(gb *g)
{
    uint64_t at = UINT64_MAX, now = g->host->now_ms(g->cap);
    if (g->timer)
        (void)g->host->timer_cancel(g->cap, g->timer);
    g->timer = 0;
    for (uint32_t i = 0; i < g->n_polls; i++) {
        at = g->poll[i].look_at < at ? g->poll[i].look_at : at;
        at = g->poll[i].until < at ? g->poll[i].until : at;
    }
    if (!g->n_polls)
        return;
    uint32_t ms = at > now ? (uint32_t)(at - now) : 1;
    qn_status st = g->host->timer_set(g->cap, ms, on_timer, g, &g->timer);
    if (st != QN_OK)
        end_all(g, st);
}

/* The tip is another one: what came with it is not of interest, only that it came. */
static void on_ready(void *arg, uint64_t subscription, int32_t status)
{
    gb *g = arg;
    qn_template_view v = {.size = sizeof v};
    qn_status st = status;
    while (st == QN_OK && (st = g->mining->next(g->mining_cap, subscription, &v)) == QN_OK)
        st = g->mining->release(g->mining_cap, v.id);
    if (st != QN_E_AGAIN && st != QN_E_NOTREADY) {
        (void)g->mining->close(g->mining_cap, subscription);
        g->subscription = 0;
        end_all(g, st);
        return;
    }
    look(g);
}

/* A template of the coinbase alone at each tip costs the node next to nothing. */
static qn_status subscribe(gb *g)
{
    const qn_mining_options o = {.size = sizeof o,
                                 .set = QN_SET_MINING_OPTIONS_FLAGS,
                                 .flags = QN_MINING_NO_MEMPOOL | QN_MINING_IGNORE_SYNC};
    const qn_mining_throttle t = {.size = sizeof t,
                                  .set = QN_SET_MINING_THROTTLE_FLAGS,
                                  .flags = QN_MINING_THROTTLE_TIP_ONLY};
    if (g->subscription)
        return QN_OK;
    return g->mining->open(g->mining_cap, &o, &t, on_ready, g, &g->subscription);
}

void gb_poll_add(gb *g, gb_poll *p)
{
    qn_status st = g->n_polls < GB_POLLS ? subscribe(g) : QN_E_LIMIT;
    if (st != QN_OK) {
        gb_fail_status(g, p->request, st, "Cannot wait for a template");
        free(p->rule);
        return;
    }
    p->look_at = g->host->now_ms(g->cap) + FIRST_LOOK;
    g->poll[g->n_polls++] = *p;
    look(g); /* after the subscription is open, so that no tip is missed between */
}

void gb_poll_end(gb *g)
{
    if (g->subscription)
        (void)g->mining->close(g->mining_cap, g->subscription);
    g->subscription = 0;
    for (; g->n_polls; g->n_polls--) {
        gb_fail(g, g->poll[g->n_polls - 1].request, GB_NOT_CONNECTED, "Shutting down");
        free(g->poll[g->n_polls - 1].rule);
    }
    set_timer(g);
}
