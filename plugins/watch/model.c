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

/* ---- freeing ---- */

static void free_owner(wt_owner *o)
{
    free(o->label);
    free(o);
}

static void free_source(wt_source *s)
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
        free_source(m->source[i]);
    for (size_t i = 0; i < m->n_wallets; i++)
        free(m->wallet[i]);
    for (wt_grave *g = m->grave, *after; g; g = after) {
        after = g->next;
        free(g);
    }
    for (wt_relock *l = m->relock, *after; l; l = after) {
        after = l->next;
        free(l);
    }
    free(m->source);
    free(m->wallet);
    memset(m, 0, sizeof *m);
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
        free_source(s);
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

qn_status wt_own(wt_model *m, wt_source *s, uint32_t index, uint8_t sub, const uint8_t *script,
                 uint32_t len, uint64_t cookie, wt_owner **out)
{
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
    *o = (wt_owner){.next = x->owner, .script = x, .source = s, .index = index, .sub = sub};
    o->dirty = cookie == 0;
    x->owner = o;
    s->owner[s->n_owners++] = o;
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

qn_status wt_lock(wt_model *m, wt_coin *c, bool locked)
{
    if (c->locked == locked)
        return QN_OK;
    wt_relock *l = malloc(sizeof *l);
    if (!l)
        return QN_E_NOMEM;
    *l = (wt_relock){m->relock, c->at};
    m->relock = l;
    c->locked = locked;
    return QN_OK;
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
    t->entry[t->n_entries++] = (wt_entry){c, io, spent};
    wt_count(m, c);
    return QN_OK;
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
    if (!t->dirty) {
        t->dirty = true;
        t->next_dirty = NULL;
        t->at_dirty = m->dirty_end;
        *m->dirty_end = t;
        m->dirty_end = &t->next_dirty;
    }
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
    free_source(s);
    return st;
}

qn_status wt_source_remove(wt_model *m, wt_source *s)
{
    size_t i = 0;
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

/* Whether a wallet that was told of it is no more, or knows nothing of it now. */
static void prune_told(const wt_model *m, wt_tx *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_told; i++)
        if (wt_wallet_by_id(m, t->told[i].wallet))
            t->told[n++] = t->told[i];
    t->n_told = n;
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

qn_status wt_forget_gone(wt_model *m, uint32_t keep)
{
    qn_status st = QN_OK;
    while (m->n_gone > keep && st == QN_OK) {
        wt_tx *t = m->gone_first;
        for (uint32_t i = 0; i < t->n_entries && st == QN_OK; i++) {
            wt_coin *c = t->entry[i].coin;
            forget_entry(m, t, &t->entry[i]);
            if (stands_alone(c))
                st = drop_coin(m, c);
        }
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
    if (n == t->n_entries)
        return QN_OK;
    t->n_entries = n;
    if (n) {
        prune_told(m, t);
        wt_touch(m, t);
        return QN_OK;
    }
    return drop_tx(m, t);
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
