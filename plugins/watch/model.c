/* Wallets, sources and their scripts: what comes in by import, and how it goes again. */
#include "plugins/watch/model.h"

#include <stdlib.h>
#include <string.h>

void wt_model_init(wt_model *m, const qn_chain_text *chain, const qn_curve *curve,
                   const uint8_t seed[16], uint32_t gap)
{
    *m = (wt_model){.chain = chain, .curve = *curve, .gap = gap};
    memcpy(m->scripts.key, seed, 16);
    memcpy(m->coins.key, seed, 16);
    memcpy(m->txs.key, seed, 16);
    m->next_wallet = m->next_source = 1;
    m->next_cookie = m->next_order = 1;
    m->tip.height = WT_NO_HEIGHT;
    m->touched_end = &m->touched;
    m->dirty_end = &m->dirty_txs;
}

/* ---- finding ---- */

wt_wallet *wt_wallet_find(const wt_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_wallets; i++)
        if (strcmp(m->wallet[i]->name, name) == 0)
            return m->wallet[i];
    return NULL;
}

wt_wallet *wt_wallet_by_id(const wt_model *m, uint32_t id)
{
    for (size_t i = 0; i < m->n_wallets; i++)
        if (m->wallet[i]->id == id)
            return m->wallet[i];
    return NULL;
}

/* Sources are kept in the order of their ids. */
wt_source *wt_source_by_id(const wt_model *m, uint32_t id)
{
    size_t lo = 0, hi = m->n_sources;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->source[mid]->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->n_sources && m->source[lo]->id == id ? m->source[lo] : NULL;
}

wt_script *wt_script_find(const wt_model *m, const uint8_t *script, uint32_t len)
{
    wt_node *n = wt_map_find(&m->scripts, wt_map_hash(&m->scripts, script, len));
    for (; n; n = wt_map_more(n)) {
        wt_script *s = (wt_script *)n;
        if (s->len == len && memcmp(s->bytes, script, len) == 0)
            return s;
    }
    return NULL;
}

wt_coin *wt_coin_find(const wt_model *m, const qn_mempool_outpoint *at)
{
    wt_node *n = wt_map_find(&m->coins, wt_map_hash(&m->coins, at, sizeof *at));
    for (; n; n = wt_map_more(n))
        if (memcmp(&((wt_coin *)n)->at, at, sizeof *at) == 0)
            return (wt_coin *)n;
    return NULL;
}

wt_tx *wt_tx_find(const wt_model *m, const qn_hash *txid)
{
    wt_node *n = wt_map_find(&m->txs, wt_map_hash(&m->txs, txid, sizeof *txid));
    for (; n; n = wt_map_more(n))
        if (memcmp(&((wt_tx *)n)->txid, txid, sizeof *txid) == 0)
            return (wt_tx *)n;
    return NULL;
}

/* ---- adding ---- */

/* Room for one more in an array of pointers that doubles. */
static bool room(void *array, size_t n, size_t *cap)
{
    void **p;
    memcpy(&p, array, sizeof p);
    if (n < *cap)
        return true;
    size_t more = *cap ? *cap * 2 : 4;
    p = realloc(p, more * sizeof *p);
    if (!p)
        return false;
    memcpy(array, &p, sizeof p);
    *cap = more;
    return true;
}

/* For arrays that keep no capacity: it is the next power of two, at least 4. */
static bool one_more(void *array, size_t n)
{
    size_t cap = 4;
    while (cap < n)
        cap *= 2;
    if (n == 0)
        cap = 0;
    return room(array, n, &cap);
}

wt_wallet *wt_wallet_add(wt_model *m, uint32_t id, const char *name, int64_t created)
{
    wt_wallet *w = calloc(1, sizeof *w);
    if (!w || strlen(name) > WT_NAME_MAX || !one_more(&m->wallet, m->n_wallets)) {
        free(w);
        return NULL;
    }
    w->dirty = id == 0;
    w->id = id ? id : m->next_wallet;
    if (w->id >= m->next_wallet)
        m->next_wallet = w->id + 1;
    memcpy(w->name, name, strlen(name));
    w->created = created;
    return m->wallet[m->n_wallets++] = w;
}

wt_source *wt_source_add(wt_model *m, uint32_t id, wt_wallet *w, wt_kind kind, const char *text,
                         const char *label)
{
    wt_source *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->text = text ? strdup(text) : NULL;
    s->label = strdup(label ? label : "");
    if ((text && !s->text) || !s->label || !one_more(&m->source, m->n_sources)) {
        wt_source_free(s);
        return NULL;
    }
    s->dirty = id == 0;
    s->id = id ? id : m->next_source;
    s->wallet = w;
    s->kind = kind;
    s->height = WT_NO_HEIGHT;
    if (s->id >= m->next_source)
        m->next_source = s->id + 1;
    return m->source[m->n_sources++] = s;
}

static qn_status set_text(char **at, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return QN_E_NOMEM;
    free(*at);
    *at = copy;
    return QN_OK;
}

qn_status wt_source_label(wt_source *s, const char *label)
{
    s->dirty = true;
    return set_text(&s->label, label);
}

qn_status wt_owner_label(wt_owner *o, const char *label)
{
    o->dirty = o->source->relabeled = o->source->dirty = true;
    return set_text(&o->label, label);
}

static wt_script *intern(wt_model *m, const uint8_t *script, uint32_t len, uint64_t cookie)
{
    wt_script *s = wt_script_find(m, script, len);
    if (s)
        return s;
    s = calloc(1, sizeof *s + len);
    if (!s || !wt_map_put(&m->scripts, &s->node, wt_map_hash(&m->scripts, script, len))) {
        free(s);
        return NULL;
    }
    s->len = len;
    memcpy(s->bytes, script, len);
    s->cookie = cookie ? cookie : m->next_cookie;
    if (s->cookie >= m->next_cookie)
        m->next_cookie = s->cookie + 1;
    return s;
}

/* A new owner comes to a script that was there. A rescan that is under way for the owner means what
 * has a number from some one on: so it takes a new one. */
static void renumber(wt_model *m, wt_script *x)
{
    x->cookie = m->next_cookie++;
    for (wt_owner *o = x->owner; o; o = o->next)
        o->dirty = o->source->relabeled = o->source->dirty = true;
}

qn_status wt_own(wt_model *m, wt_source *s, uint32_t index, uint8_t sub, const uint8_t *script,
                 uint32_t len, uint64_t cookie, wt_owner **out)
{
    const uint64_t next = m->next_cookie;
    wt_script *x = intern(m, script, len, cookie);
    if (!x)
        return QN_E_NOMEM;
    for (wt_owner *o = x->owner; o; o = o->next)
        if (o->source == s) {
            if (out)
                *out = o;
            return QN_OK;
        }
    wt_owner *o = calloc(1, sizeof *o);
    if (!o || !room(&s->owner, s->n_owners, &s->cap_owners)) {
        free(o);
        return QN_E_NOMEM;
    }
    m->n_watched += !x->owner;
    m->miscounted = m->miscounted || x->refs;
    if (!cookie && next == m->next_cookie)
        renumber(m, x);
    *o = (wt_owner){.next = x->owner, .script = x, .source = s, .index = index, .sub = sub};
    o->dirty = cookie == 0;
    x->owner = o;
    s->owner[s->n_owners++] = o;
    if (x->refs) /* it was paid, and who told of it may have had no such owner */
        (void)wt_use(o);
    if (out)
        *out = o;
    return QN_OK;
}

/* ---- coins and transactions ---- */

static wt_coin *coin_at(wt_model *m, const qn_mempool_outpoint *at)
{
    wt_coin *c = wt_coin_find(m, at);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c || !wt_map_put(&m->coins, &c->node, wt_map_hash(&m->coins, at, sizeof *at))) {
        free(c);
        return NULL;
    }
    c->at = *at;
    return c;
}

qn_status wt_watch_coin(wt_model *m, wt_source *s)
{
    wt_coin *c = coin_at(m, &s->coin);
    if (!c)
        return QN_E_NOMEM;
    for (const wt_watcher *w = c->watcher; w; w = w->next)
        if (w->source == s)
            return QN_OK;
    wt_watcher *w = malloc(sizeof *w);
    if (!w)
        return QN_E_NOMEM;
    *w = (wt_watcher){c->watcher, s};
    c->watcher = w;
    return QN_OK;
}

static qn_status note_mark(wt_model *m, const wt_coin *c)
{
    wt_remark *r = malloc(sizeof *r);
    if (!r)
        return QN_E_NOMEM;
    *r = (wt_remark){m->remark, c->at};
    m->remark = r;
    return QN_OK;
}

qn_status wt_lock(wt_model *m, wt_coin *c, bool locked)
{
    qn_status st = c->locked == locked ? QN_OK : note_mark(m, c);
    if (st == QN_OK)
        c->locked = locked;
    return st;
}

qn_status wt_contest(wt_model *m, wt_coin *c, bool contested)
{
    qn_status st = c->contested == contested ? QN_OK : note_mark(m, c);
    if (st == QN_OK)
        c->contested = contested;
    return st;
}

wt_tx *wt_tx_add(wt_model *m, const qn_hash *txid)
{
    wt_tx *t = calloc(1, sizeof *t);
    if (!t || !wt_map_put(&m->txs, &t->node, wt_map_hash(&m->txs, txid, sizeof *txid))) {
        free(t);
        return NULL;
    }
    t->txid = *txid;
    t->fee = -1;
    t->order = m->next_order++;
    return t;
}

static qn_status add_spender(wt_coin *c, wt_tx *t)
{
    wt_tx **more = realloc(c->spender, (c->n_spenders + 1) * sizeof(wt_tx *));
    if (!more)
        return QN_E_NOMEM;
    c->spender = more;
    c->spender[c->n_spenders++] = t;
    return QN_OK;
}

static qn_status know_script(wt_model *m, wt_coin *c, int64_t value, const uint8_t *script,
                             uint32_t len)
{
    if (c->script)
        return QN_OK;
    c->script = intern(m, script, len, 0);
    if (!c->script)
        return QN_E_NOMEM;
    c->script->refs++;
    c->value = value;
    return QN_OK;
}

qn_status wt_tx_entry(wt_model *m, wt_tx *t, const qn_mempool_outpoint *at, bool spent, uint32_t io,
                      int64_t value, const uint8_t *script, uint32_t len)
{
    wt_coin *c = coin_at(m, at);
    qn_status st = c ? know_script(m, c, value, script, len) : QN_E_NOMEM;
    if (st != QN_OK)
        return st;
    for (uint32_t i = 0; i < t->n_entries; i++)
        if (t->entry[i].coin == c && t->entry[i].spent == spent)
            return QN_OK;
    wt_entry *more = realloc(t->entry, (t->n_entries + 1) * sizeof *more);
    if (!more)
        return QN_E_NOMEM;
    t->entry = more;
    if (spent && (st = add_spender(c, t)) != QN_OK)
        return st;
    if (!spent)
        c->maker = t;
    t->entry[t->n_entries++] = (wt_entry){.coin = c, .io = io, .spent = spent};
    wt_count(m, c);
    return QN_OK;
}

void wt_dirty(wt_model *m, wt_tx *t)
{
    if (t->dirty)
        return;
    t->dirty = true;
    t->next_dirty = NULL;
    t->at_dirty = m->dirty_end;
    *m->dirty_end = t;
    m->dirty_end = &t->next_dirty;
}

void wt_touch(wt_model *m, wt_tx *t)
{
    if (!t->touched) {
        t->touched = true;
        t->next_touched = NULL;
        t->at_touched = m->touched_end;
        *m->touched_end = t;
        m->touched_end = &t->next_touched;
    }
    wt_dirty(m, t);
}
