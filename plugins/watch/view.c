/* What is known of a wallet: sums and lists. Whoever is in a block or the mempool counts. */
#include "plugins/watch/model.h"

#include <stdlib.h>
#include <string.h>

#define TRUST_DEPTH 64 /* unconfirmed parents of parents; the mempool lets no more in */

static qn_descriptor *parsed(const wt_model *m, wt_source *s)
{
    char err[256];
    if (s->kind == WT_DESCRIPTOR && !s->parsed)
        s->parsed = wt_parse(m, s->text, strlen(s->text), true, err, sizeof err);
    return s->parsed;
}

bool wt_solvable(const wt_model *m, wt_source *s)
{
    const qn_descriptor *d = parsed(m, s);
    return d && qn_descriptor_is_solvable(d);
}

bool wt_is_single(const wt_model *m, wt_source *s)
{
    const qn_descriptor *d = parsed(m, s);
    return d && qn_descriptor_is_single(d);
}

/* How much a claim tells of how a coin is spent. */
static int worth(const wt_model *m, const wt_owner *o)
{
    if (o->source->building)
        return 0;
    return wt_solvable(m, o->source) ? 3 : o->source->kind == WT_DESCRIPTOR ? 2 : 1;
}

const wt_owner *wt_claim_on(const wt_model *m, const wt_script *s, const wt_wallet *w)
{
    const wt_owner *best = NULL;
    for (const wt_owner *o = s ? s->owner : NULL; o; o = o->next)
        if ((!w || o->source->wallet == w) && (!best || worth(m, o) > worth(m, best)))
            best = o;
    return best;
}

const wt_owner *wt_claim(const wt_model *m, const wt_coin *c, const wt_wallet *w)
{
    return wt_claim_on(m, c->script, w);
}

const char *wt_label(const wt_model *m, const wt_coin *c, const wt_wallet *w)
{
    const wt_owner *best = wt_claim(m, c, w);
    const char *label = !best ? "" : best->label ? best->label : best->source->label;
    for (const wt_owner *o = c->script ? c->script->owner : NULL; o && !label[0]; o = o->next)
        if (o->source->wallet == w)
            label = o->label ? o->label : o->source->label;
    return label;
}

bool wt_owns(const wt_coin *c, const wt_wallet *w)
{
    for (const wt_owner *o = c->script ? c->script->owner : NULL; o; o = o->next)
        if (o->source->wallet == w)
            return true;
    return false;
}

bool wt_knows(const wt_coin *c, const wt_wallet *w)
{
    for (const wt_watcher *x = c->watcher; x; x = x->next)
        if (x->source->wallet == w)
            return true;
    return wt_owns(c, w);
}

bool wt_is_watched(const wt_owner *o)
{
    const wt_source *s = o->source;
    return !s->building && (s->n_watched == s->n_owners ||
                            (s->n_watched && o->index < s->owner[s->n_watched - 1]->index));
}

bool wt_is_told(const wt_coin *c)
{
    for (const wt_owner *o = c->script ? c->script->owner : NULL; o; o = o->next)
        if (wt_is_watched(o))
            return true;
    for (const wt_watcher *w = c->watcher; w; w = w->next)
        if (w->source->taken)
            return true;
    return false;
}

bool wt_alive(const wt_tx *t)
{
    return t->state == WT_MEMPOOL || t->state == WT_CONFIRMED ||
           (t->state == WT_UNCONFIRMED && !t->coinbase); /* which no mempool takes */
}

bool wt_is_spent(const wt_coin *c)
{
    for (uint32_t i = 0; i < c->n_spenders; i++)
        if (wt_alive(c->spender[i]))
            return true;
    return false;
}

uint32_t wt_depth(const wt_model *m, const wt_tx *t)
{
    if (t->state != WT_CONFIRMED)
        return 0;
    if (m->tip.height == WT_NO_HEIGHT || m->tip.height < t->block.height)
        return 1; /* its block is being told */
    return m->tip.height - t->block.height + 1;
}

bool wt_immature(const wt_model *m, const wt_tx *t)
{
    return t->coinbase && wt_depth(m, t) <= WT_MATURITY;
}

/* `mark` keeps what was found in this walk: odd, trusted; even, not. */
static bool trusted(const wt_model *m, wt_tx *t, const wt_wallet *w, int depth)
{
    if (t->state == WT_CONFIRMED)
        return true;
    if (t->mark / 2 == m->marks)
        return t->mark & 1;
    t->mark = m->marks * 2;
    uint32_t mine = 0;
    bool good = t->state == WT_MEMPOOL && !t->sought && t->n_in > 0 && depth < TRUST_DEPTH;
    for (uint32_t i = 0; good && i < t->n_entries; i++) {
        const wt_coin *c = t->entry[i].coin;
        if (!t->entry[i].spent || !wt_owns(c, w))
            continue;
        mine++;
        good = c->maker && trusted(m, c->maker, w, depth + 1);
    }
    good = good && mine == t->n_in;
    t->mark |= good;
    return good;
}

void wt_next_mark(wt_model *m)
{
    m->marks = m->marks < UINT32_MAX / 2 - 1 ? m->marks + 1 : 1;
}

bool wt_trusted(wt_model *m, wt_tx *t, const wt_wallet *w)
{
    wt_next_mark(m);
    return trusted(m, t, w, 0);
}

bool wt_may_return(const wt_model *m, const wt_tx *t)
{
    const wt_tx *by = wt_tx_find(m, &t->by);
    if (by ? by->state == WT_CONFIRMED : t->reason == QN_WATCH_GONE_CONFLICT)
        return false;
    for (uint32_t i = 0; i < t->n_entries; i++) {
        const wt_coin *c = t->entry[i].coin;
        for (uint32_t k = 0; t->entry[i].spent && k < c->n_spenders; k++)
            if (c->spender[k]->state == WT_CONFIRMED)
                return false;
    }
    return true;
}

/* Another spender of one of its coins is gone and may return, be it one that is forgotten, or is
 * there beside it. */
static bool has_rival(const wt_model *m, const wt_tx *t)
{
    for (uint32_t i = 0; i < t->n_entries; i++) {
        const wt_coin *c = t->entry[i].coin;
        if (t->entry[i].spent && c->contested)
            return true;
        for (uint32_t k = 0; t->entry[i].spent && k < c->n_spenders; k++) {
            const wt_tx *o = c->spender[k];
            if (o != t && (wt_alive(o) || (o->state == WT_GONE && wt_may_return(m, o))))
                return true;
        }
    }
    return false;
}

/* It has one, or what it comes of. `mark` as above. */
static bool of_rivals(const wt_model *m, wt_tx *t, int depth)
{
    if (t->state == WT_CONFIRMED)
        return false;
    if (t->mark / 2 == m->marks)
        return t->mark & 1;
    bool found = depth >= TRUST_DEPTH || has_rival(m, t);
    t->mark = m->marks * 2 + found;
    for (uint32_t i = 0; i < t->n_entries && !found; i++) {
        const wt_coin *c = t->entry[i].coin;
        found = t->entry[i].spent && c->maker && of_rivals(m, c->maker, depth + 1);
    }
    t->mark |= found;
    return found;
}

bool wt_safe(wt_model *m, wt_tx *t, const wt_wallet *w)
{
    if (t->state == WT_CONFIRMED)
        return true;
    if (!wt_trusted(m, t, w))
        return false;
    wt_next_mark(m);
    return !of_rivals(m, t, 0);
}

bool wt_safe_coin(wt_model *m, const wt_coin *c, const wt_wallet *w)
{
    return wt_is_told(c) && wt_safe(m, c->maker, w);
}

bool wt_concerns(const wt_tx *t, const wt_wallet *w)
{
    for (uint32_t i = 0; i < t->n_entries; i++)
        if (wt_knows(t->entry[i].coin, w))
            return true;
    return false;
}

/* Out: *sum. False: it is no amount of money. */
static bool add_money(int64_t *sum, int64_t value)
{
    if (value < 0 || value > WT_MONEY_MAX || *sum > WT_MONEY_MAX - value)
        return false;
    *sum += value;
    return true;
}

static bool unspent_of(const wt_coin *c, const wt_wallet *w)
{
    return c->maker && wt_alive(c->maker) && wt_owns(c, w) && !wt_is_spent(c);
}

qn_status wt_amounts_of(const wt_tx *t, const wt_wallet *w, wt_amounts *out)
{
    wt_amounts a = {0};
    for (uint32_t i = 0; i < t->n_entries; i++) {
        const wt_entry *e = &t->entry[i];
        if (!wt_knows(e->coin, w))
            continue;
        a.n_entries++;
        if (!wt_owns(e->coin, w))
            continue;
        a.n_spent += e->spent;
        if (!add_money(e->spent ? &a.sent : &a.received, e->coin->value))
            return QN_E_CORRUPT;
    }
    *out = a;
    return QN_OK;
}

/* ---- lists ---- */

static int before(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int order_of(const wt_tx *a, const wt_tx *b)
{
    bool ca = a->state == WT_CONFIRMED, cb = b->state == WT_CONFIRMED;
    if (ca != cb)
        return ca ? -1 : 1;
    if (!ca)
        return before(a->order, b->order);
    if (a->block.height != b->block.height)
        return before(a->block.height, b->block.height);
    return before(a->tx_index, b->tx_index);
}

static int by_tx(const void *a, const void *b)
{
    return order_of(*(wt_tx *const *)a, *(wt_tx *const *)b);
}

static int by_coin(const void *a, const void *b)
{
    const wt_coin *x = *(wt_coin *const *)a, *y = *(wt_coin *const *)b;
    int order = order_of(x->maker, y->maker);
    return order ? order : before(x->at.n, y->at.n);
}

static bool wanted_coin(const wt_node *n, const wt_wallet *w)
{
    return unspent_of((const wt_coin *)n, w);
}

static bool wanted_tx(const wt_node *n, const wt_wallet *w)
{
    return wt_concerns((const wt_tx *)n, w);
}

/* Both begin with their node, so that a list of the one kind is one of the other. */
static qn_status collect(const wt_map *map, const wt_wallet *w,
                         bool (*wanted)(const wt_node *, const wt_wallet *), wt_node ***out,
                         size_t *n_out)
{
    size_t n = 0, cap = 0;
    wt_node **list = NULL;
    for (wt_node *x = wt_map_next(map, NULL); x; x = wt_map_next(map, x)) {
        if (!wanted(x, w))
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 64;
            wt_node **more = realloc(list, cap * sizeof(wt_node *));
            if (!more) {
                free(list);
                return QN_E_NOMEM;
            }
            list = more;
        }
        list[n++] = x;
    }
    *out = list;
    *n_out = n;
    return QN_OK;
}

qn_status wt_coins_of(const wt_model *m, const wt_wallet *w, wt_coin ***list, size_t *n)
{
    wt_node **all;
    qn_status st = collect(&m->coins, w, wanted_coin, &all, n);
    if (st == QN_OK && *n)
        qsort(all, *n, sizeof(wt_node *), by_coin);
    if (st == QN_OK)
        *list = (wt_coin **)all;
    return st;
}

qn_status wt_txs_of(const wt_model *m, const wt_wallet *w, wt_tx ***list, size_t *n)
{
    wt_node **all;
    qn_status st = collect(&m->txs, w, wanted_tx, &all, n);
    if (st == QN_OK && *n)
        qsort(all, *n, sizeof(wt_node *), by_tx);
    if (st == QN_OK)
        *list = (wt_tx **)all;
    return st;
}
