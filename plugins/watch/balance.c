/* Balances, kept as coins come and go. */
#include "plugins/watch/model.h"

#include <string.h>

enum { NOWHERE, SETTLED, LOOSE };

static uint8_t place_of(const wt_coin *c)
{
    if (!c->script || !c->maker || !wt_alive(c->maker) || wt_is_spent(c))
        return NOWHERE;
    return c->maker->state == WT_CONFIRMED && !c->maker->coinbase ? SETTLED : LOOSE;
}

/* Each wallet once, though several of its sources may stand for the script. The sums are counted
 * modulo 2^64; what a chain can hold is far below. */
static void add_to_wallets(const wt_coin *c, uint64_t value)
{
    for (const wt_owner *o = c->script->owner; o; o = o->next) {
        const wt_owner *first = c->script->owner;
        while (first->source->wallet != o->source->wallet)
            first = first->next;
        if (first == o)
            o->source->wallet->settled += value;
    }
}

static void leave(wt_model *m, wt_coin *c)
{
    if (c->counted == SETTLED)
        add_to_wallets(c, 0 - (uint64_t)c->value);
    if (c->counted == LOOSE) {
        *(c->loose_before ? &c->loose_before->loose_after : &m->loose) = c->loose_after;
        if (c->loose_after)
            c->loose_after->loose_before = c->loose_before;
        c->loose_before = c->loose_after = NULL;
    }
    c->counted = NOWHERE;
}

static void enter(wt_model *m, wt_coin *c, uint8_t place)
{
    if (place == SETTLED)
        add_to_wallets(c, (uint64_t)c->value);
    if (place == LOOSE) {
        c->loose_after = m->loose;
        if (m->loose)
            m->loose->loose_before = c;
        m->loose = c;
    }
    c->counted = place;
}

void wt_count(wt_model *m, wt_coin *c)
{
    uint8_t place = place_of(c);
    if (place == c->counted)
        return;
    leave(m, c);
    enter(m, c, place);
}

static void count_all(wt_model *m)
{
    for (size_t i = 0; i < m->n_wallets; i++)
        m->wallet[i]->settled = 0;
    m->loose = NULL;
    m->matured = m->miscounted = false;
    for (wt_node *n = wt_map_next(&m->coins, NULL); n; n = wt_map_next(&m->coins, n)) {
        wt_coin *c = (wt_coin *)n;
        c->counted = NOWHERE;
        c->loose_before = c->loose_after = NULL;
        wt_count(m, c);
    }
}

/* Coinbases that have come of age; they are young again when blocks leave. */
static void settle_coinbases(wt_model *m)
{
    for (wt_coin *c = m->loose, *after; c; c = after) {
        after = c->loose_after;
        if (c->maker->state != WT_CONFIRMED || wt_immature(m, c->maker))
            continue;
        leave(m, c);
        enter(m, c, SETTLED);
        m->matured = true;
    }
}

qn_status wt_balance_of(wt_model *m, const wt_wallet *w, wt_balance *out)
{
    wt_balance b = {0};
    if (m->miscounted)
        count_all(m);
    settle_coinbases(m);
    if (w->settled > (uint64_t)WT_MONEY_MAX)
        return QN_E_CORRUPT;
    b.trusted = (int64_t)w->settled;
    for (const wt_coin *c = m->loose; c; c = c->loose_after) {
        if (!wt_owns(c, w))
            continue;
        int64_t *sum = wt_immature(m, c->maker)     ? &b.immature
                       : wt_trusted(m, c->maker, w) ? &b.trusted
                                                    : &b.pending;
        if (c->value < 0 || c->value > WT_MONEY_MAX - *sum)
            return QN_E_CORRUPT;
        *sum += c->value;
    }
    *out = b;
    return QN_OK;
}
