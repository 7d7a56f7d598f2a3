/* What goes again: sources and wallets that are removed, transactions that are gone, and with them
 * the coins and scripts that are nobody's any more. What the store has of it is noted in graves. */
#include "plugins/watch/model.h"

#include <stdlib.h>
#include <string.h>

/* ---- freeing ---- */

static void free_owner(wt_owner *o)
{
    free(o->label);
    free(o);
}

void wt_source_free(wt_source *s)
{
    free(s->text);
    free(s->label);
    free(s->owner);
    qn_descriptor_free(s->parsed);
    free(s);
}

static void free_coin(wt_coin *c)
{
    for (wt_watcher *w = c->watcher, *after; w; w = after) {
        after = w->next;
        free(w);
    }
    free(c->spender);
    free(c);
}

static void free_tx(wt_tx *t)
{
    free(t->entry);
    free(t->told);
    free(t->raw);
    free(t);
}

#define FREE_ALL(map, type, fn)                                                                    \
    for (wt_node *n_ = wt_map_next(map, NULL), *after_; n_; n_ = after_) {                         \
        after_ = wt_map_next(map, n_);                                                             \
        fn((type *)n_);                                                                            \
    }                                                                                              \
    wt_map_clear(map)

static void free_script(wt_script *s)
{
    for (wt_owner *o = s->owner, *after; o; o = after) {
        after = o->next;
        free_owner(o);
    }
    free(s);
}

void wt_model_clear(wt_model *m)
{
    FREE_ALL(&m->txs, wt_tx, free_tx);
    FREE_ALL(&m->coins, wt_coin, free_coin);
    FREE_ALL(&m->scripts, wt_script, free_script);
    for (size_t i = 0; i < m->n_sources; i++)
        wt_source_free(m->source[i]);
    for (size_t i = 0; i < m->n_wallets; i++)
        free(m->wallet[i]);
    for (wt_grave *g = m->grave, *after; g; g = after) {
        after = g->next;
        free(g);
    }
    for (wt_remark *l = m->remark, *after; l; l = after) {
        after = l->next;
        free(l);
    }
    free(m->source);
    free(m->wallet);
    memset(m, 0, sizeof *m);
}

/* ---- removing ---- */

static qn_status bury(wt_model *m, uint8_t kind, uint32_t id, const qn_hash *txid)
{
    wt_grave *g = calloc(1, sizeof *g);
    if (!g)
        return QN_E_NOMEM;
    *g = (wt_grave){.next = m->grave, .kind = kind, .id = id};
    if (txid)
        g->txid = *txid;
    m->grave = g;
    return QN_OK;
}

static void unlink_owner(wt_model *m, wt_owner *o)
{
    wt_owner **at = &o->script->owner;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    m->miscounted = m->miscounted || o->script->refs;
    m->n_watched -= !o->script->owner;
    free_owner(o);
}

static void unlink_watcher(wt_model *m, const wt_source *s)
{
    wt_coin *c = wt_coin_find(m, &s->coin);
    for (wt_watcher **at = c ? &c->watcher : NULL; at && *at; at = &(*at)->next)
        if ((*at)->source == s) {
            wt_watcher *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
}

/* All of a source but its place in the list. */
static qn_status drop_source(wt_model *m, wt_source *s)
{
    qn_status st = bury(m, 'D', s->id, NULL);
    if (st == QN_OK)
        st = bury(m, 'S', s->id, NULL);
    for (size_t k = 0; k < s->n_owners; k++)
        unlink_owner(m, s->owner[k]);
    if (s->kind == WT_OUTPOINT)
        unlink_watcher(m, s);
    wt_source_free(s);
    return st;
}

/* The wallet knows the coin by this source and by no other. */
static bool known_by_it_alone(const wt_coin *c, const wt_source *s)
{
    bool by_it = false;
    for (const wt_watcher *x = c->watcher; x; x = x->next)
        if (x->source == s)
            by_it = true;
        else if (x->source->wallet == s->wallet)
            return false;
    for (const wt_owner *o = c->script ? c->script->owner : NULL; o; o = o->next)
        if (o->source == s)
            by_it = true;
        else if (o->source->wallet == s->wallet)
            return false;
    return by_it;
}

/* Of transactions that are still to be told: what was told and goes with the source was not told,
 * else it would make up for a coin that is new, and nothing would be. Of all others wt_sweep()
 * knows. */
static void untell(const wt_model *m, const wt_source *s)
{
    for (wt_tx *t = m->touched; t; t = t->next_touched)
        for (uint32_t k = 0; k < t->n_told; k++) {
            uint32_t *n = &t->told[k].n_entries;
            for (uint32_t i = 0; t->told[k].wallet == s->wallet->id && i < t->n_entries; i++)
                *n -= *n && !t->entry[i].untold && known_by_it_alone(t->entry[i].coin, s);
        }
}

qn_status wt_source_remove(wt_model *m, wt_source *s)
{
    size_t i = 0;
    untell(m, s);
    while (m->source[i] != s)
        i++;
    memmove(&m->source[i], &m->source[i + 1], (--m->n_sources - i) * sizeof m->source[0]);
    return drop_source(m, s);
}

qn_status wt_wallet_remove(wt_model *m, wt_wallet *w)
{
    size_t n = 0, i = 0;
    qn_status st = bury(m, 'W', w->id, NULL);
    for (; i < m->n_sources; i++)
        if (m->source[i]->wallet != w)
            m->source[n++] = m->source[i];
        else if (st == QN_OK)
            st = drop_source(m, m->source[i]);
    m->n_sources = n;
    for (i = 0; m->wallet[i] != w;)
        i++;
    m->wallet[i] = m->wallet[--m->n_wallets];
    free(w);
    return st;
}

static bool concerns_somebody(const wt_coin *c)
{
    return c->watcher || (c->script && c->script->owner);
}

static void forget_entry(wt_model *m, wt_tx *t, const wt_entry *e)
{
    wt_coin *c = e->coin;
    if (!e->spent && c->maker == t)
        c->maker = NULL;
    for (uint32_t i = 0; e->spent && i < c->n_spenders; i++)
        if (c->spender[i] == t) {
            c->spender[i] = c->spender[--c->n_spenders];
            break;
        }
    wt_count(m, c);
}

/* Off the lists. */
static void unlist(wt_model *m, const wt_tx *t)
{
    if (t->touched) {
        *t->at_touched = t->next_touched;
        *(t->next_touched ? &t->next_touched->at_touched : &m->touched_end) = t->at_touched;
    }
    if (t->dirty) {
        *t->at_dirty = t->next_dirty;
        *(t->next_dirty ? &t->next_dirty->at_dirty : &m->dirty_end) = t->at_dirty;
    }
}

static uint32_t known_entries(const wt_tx *t, const wt_wallet *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_entries; i++)
        n += wt_knows(t->entry[i].coin, w);
    return n;
}

/* What wallets were told of it is what they know of it now, and those that know nothing were told
 * nothing: that something went is no news. Returns: whether that changes anything. */
static bool fit_told(const wt_model *m, wt_tx *t)
{
    uint32_t n = 0, before = t->n_told;
    bool less = false;
    for (uint32_t i = 0; i < before; i++) {
        const wt_wallet *w = wt_wallet_by_id(m, t->told[i].wallet);
        const uint32_t known = w ? known_entries(t, w) : 0;
        if (!known)
            continue;
        t->told[n] = t->told[i];
        if (!t->touched && known < t->told[n].n_entries) {
            t->told[n].n_entries = known;
            less = true;
        }
        n++;
    }
    t->n_told = n;
    return less || n < before;
}

/* ---- those that are gone ---- */

static void gone_unlink(wt_model *m, wt_tx *t)
{
    *(t->gone_before ? &t->gone_before->gone_after : &m->gone_first) = t->gone_after;
    *(t->gone_after ? &t->gone_after->gone_before : &m->gone_last) = t->gone_before;
    t->gone_before = t->gone_after = NULL;
    m->n_gone--;
}

static void gone_append(wt_model *m, wt_tx *t)
{
    t->gone_before = m->gone_last;
    t->gone_after = NULL;
    *(m->gone_last ? &m->gone_last->gone_after : &m->gone_first) = t;
    m->gone_last = t;
    m->n_gone++;
}

void wt_set_state(wt_model *m, wt_tx *t, wt_state state)
{
    if (t->state == state)
        return;
    if (t->state == WT_GONE && state != WT_GONE)
        gone_unlink(m, t);
    if (t->state != WT_GONE && state == WT_GONE)
        gone_append(m, t);
    t->state = state;
    for (uint32_t i = 0; i < t->n_entries; i++)
        wt_count(m, t->entry[i].coin);
}

static qn_status drop_tx(wt_model *m, wt_tx *t)
{
    qn_status st = bury(m, 'T', 0, &t->txid);
    wt_set_state(m, t, WT_NEW);
    unlist(m, t);
    wt_map_drop(&m->txs, &t->node);
    free_tx(t);
    return st;
}

static qn_status drop_coin(wt_model *m, wt_coin *c)
{
    qn_status st = wt_lock(m, c, false);
    if (st == QN_OK)
        st = wt_contest(m, c, false);
    if (c->script)
        c->script->refs--;
    wt_map_drop(&m->coins, &c->node);
    free_coin(c);
    return st;
}

static bool stands_alone(const wt_coin *c)
{
    return !c->maker && !c->n_spenders && !c->watcher;
}

static int by_order(const void *a, const void *b)
{
    const wt_tx *x = *(wt_tx *const *)a, *y = *(wt_tx *const *)b;
    return (x->order > y->order) - (x->order < y->order);
}

qn_status wt_order_gone(wt_model *m)
{
    size_t n = 0, count = m->n_gone;
    wt_tx **list = malloc((count + 1) * sizeof(wt_tx *));
    if (!list)
        return QN_E_NOMEM;
    for (wt_tx *t = m->gone_first; t; t = t->gone_after)
        list[n++] = t;
    if (n > 1)
        qsort(list, n, sizeof(wt_tx *), by_order);
    m->gone_first = m->gone_last = NULL;
    m->n_gone = 0;
    for (size_t i = 0; i < n; i++)
        gone_append(m, list[i]);
    free(list);
    return QN_OK;
}

/* returns: it may come to be in a block all the same: no other spender is a safe one. */
static qn_status forget_gone_entry(wt_model *m, wt_tx *t, const wt_entry *e, bool returns)
{
    wt_coin *c = e->coin;
    forget_entry(m, t, e);
    if (stands_alone(c))
        return drop_coin(m, c);
    return e->spent && returns ? wt_contest(m, c, true) : QN_OK;
}

qn_status wt_forget_gone(wt_model *m, uint32_t keep)
{
    qn_status st = QN_OK;
    while (m->n_gone > keep && st == QN_OK) {
        wt_tx *t = m->gone_first;
        const bool returns = wt_may_return(m, t);
        for (uint32_t i = 0; i < t->n_entries && st == QN_OK; i++)
            st = forget_gone_entry(m, t, &t->entry[i], returns);
        t->n_entries = 0;
        if (st == QN_OK)
            st = drop_tx(m, t);
    }
    return st;
}

static qn_status sweep_tx(wt_model *m, wt_tx *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_entries; i++) {
        if (concerns_somebody(t->entry[i].coin))
            t->entry[n++] = t->entry[i];
        else
            forget_entry(m, t, &t->entry[i]);
    }
    const bool less = n < t->n_entries;
    t->n_entries = n;
    if (!n)
        return drop_tx(m, t);
    if (fit_told(m, t) || less)
        wt_dirty(m, t);
    return QN_OK;
}

static qn_status sweep_coins(wt_model *m)
{
    qn_status st = QN_OK;
    for (wt_node *n = wt_map_next(&m->coins, NULL), *after; n && st == QN_OK; n = after) {
        wt_coin *c = (wt_coin *)n;
        after = wt_map_next(&m->coins, n);
        if (stands_alone(c))
            st = drop_coin(m, c);
    }
    return st;
}

qn_status wt_sweep(wt_model *m)
{
    qn_status st = QN_OK;
    for (wt_node *n = wt_map_next(&m->txs, NULL), *after; n && st == QN_OK; n = after) {
        after = wt_map_next(&m->txs, n);
        st = sweep_tx(m, (wt_tx *)n);
    }
    if (st == QN_OK)
        st = sweep_coins(m);
    for (wt_node *n = wt_map_next(&m->scripts, NULL), *after; n; n = after) {
        wt_script *s = (wt_script *)n;
        after = wt_map_next(&m->scripts, n);
        if (s->owner || s->refs)
            continue;
        wt_map_drop(&m->scripts, n);
        free(s);
    }
    return st;
}
