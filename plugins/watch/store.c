/* The store: what is changed goes out in one batch, what is there comes in at the start. */
#include "plugins/watch/rows.h"
#include "plugins/watch/watch.h"

#define LOCATOR_MAX 48u

static void put(wt *x, const wt_row *key, const wt_row *value)
{
    if (key->failed || value->failed)
        x->batch.failed = 1;
    else
        qn_batch_put(&x->batch, key->data, (uint32_t)key->len, value->data, (uint32_t)value->len);
}

static void key_of(wt_row *key, uint8_t kind, uint64_t id, int n)
{
    wt_row_clear(key);
    wt_row_int(key, kind, 1);
    wt_row_int(key, id, n);
}

static void key_of_tx(wt_row *key, uint8_t kind, const qn_hash *txid)
{
    wt_row_clear(key);
    wt_row_int(key, kind, 1);
    wt_row_bytes(key, txid->b, 32);
}

/* ---- rows out ---- */

static void put_counters(wt *x, wt_row *key, wt_row *v)
{
    key_of(key, 'N', 0, 0);
    wt_row_clear(v);
    wt_row_int(v, x->m.next_wallet, 4);
    wt_row_int(v, x->m.next_source, 4);
    wt_row_int(v, x->m.next_cookie, 8);
    wt_row_int(v, x->m.next_order, 8);
    wt_row_int(v, x->next_event, 8);
    wt_row_int(v, x->first_event, 8);
    wt_row_int(v, x->next_rescan, 8);
    put(x, key, v);
}

static void put_wallets(wt *x, wt_row *key, wt_row *v)
{
    for (size_t i = 0; i < x->m.n_wallets; i++) {
        const wt_wallet *w = x->m.wallet[i];
        if (!w->dirty)
            continue;
        key_of(key, 'W', w->id, 4);
        wt_row_clear(v);
        wt_row_int(v, (uint64_t)w->created, 8);
        wt_row_text(v, w->name, strlen(w->name));
        put(x, key, v);
    }
}

static void put_owner(wt *x, wt_row *key, wt_row *v, const wt_owner *o)
{
    key_of(key, 'S', o->source->id, 4);
    wt_row_int(key, o->index, 4);
    wt_row_int(key, o->sub, 1);
    wt_row_clear(v);
    wt_write_owner(v, o);
    put(x, key, v);
}

static void put_sources(wt *x, wt_row *key, wt_row *v)
{
    for (size_t i = 0; i < x->m.n_sources; i++) {
        const wt_source *s = x->m.source[i];
        if (!s->dirty || s->building)
            continue;
        key_of(key, 'D', s->id, 4);
        wt_row_clear(v);
        wt_write_source(v, s);
        put(x, key, v);
        for (size_t k = s->relabeled ? 0 : s->n_stored; k < s->n_owners; k++)
            if (k >= s->n_stored || s->owner[k]->dirty)
                put_owner(x, key, v, s->owner[k]);
    }
}

static void put_wish(wt *x, wt_row *key, wt_row *v, const wt_wish *w, uint32_t at, uint64_t found)
{
    const unsigned flags =
        (w->canceled ? WT_RESCAN_CANCELED : 0u) | (w->pruned ? WT_RESCAN_PRUNED : 0u);
    key_of(key, 'P', w->id, 8);
    wt_row_clear(v);
    wt_row_int(v, w->from, 4);
    wt_row_int(v, at, 4);
    wt_row_int(v, w->first_cookie, 8);
    wt_row_int(v, w->wallet, 4);
    wt_row_int(v, found, 8);
    if (flags)
        wt_row_int(v, flags, 1);
    put(x, key, v);
}

/* How far one has come, and that it ended, must not be stored before what it found: without `all`
 * only those that the store does not know as they are now, from their beginning. */
static void put_rescans(wt *x, wt_row *key, wt_row *v, bool all)
{
    for (const wt_rescan *r = x->rescan; r; r = r->next)
        for (const wt_wish *w = r->wish; w; w = w->next) {
            const bool begun = all && r->at >= w->from;
            if (r->dirty && (!w->stored || all))
                put_wish(x, key, v, w, begun ? r->at : w->from, begun ? r->found_at : 0);
        }
    for (const wt_wish *w = all ? x->dead_wish : NULL; w; w = w->next) {
        key_of(key, 'P', w->id, 8);
        qn_batch_delete(&x->batch, key->data, (uint32_t)key->len);
    }
}

static void put_mark(wt *x, wt_row *key, wt_row *v, uint8_t kind, const qn_mempool_outpoint *at,
                     bool on)
{
    key_of_tx(key, kind, &at->txid);
    wt_row_int(key, at->n, 4);
    wt_row_clear(v);
    if (on)
        put(x, key, v);
    else if (!key->failed)
        qn_batch_delete(&x->batch, key->data, (uint32_t)key->len);
    else
        x->batch.failed = 1;
}

static void put_marks(wt *x, wt_row *key, wt_row *v)
{
    for (const wt_remark *r = x->m.remark; r; r = r->next) {
        const wt_coin *c = wt_coin_find(&x->m, &r->at);
        put_mark(x, key, v, 'L', &r->at, c && c->locked);
        put_mark(x, key, v, 'X', &r->at, c && c->contested);
    }
}

static void put_short(wt *x, wt_row *key, wt_row *v)
{
    if (!x->short_dirty)
        return;
    key_of(key, 'G', 0, 0);
    wt_row_clear(v);
    wt_row_int(v, x->short_from, 4);
    wt_row_int(v, x->short_cookie, 8);
    if (x->is_short)
        put(x, key, v);
    else
        qn_batch_delete(&x->batch, "G", 1);
}

/* The rows of a source's scripts, which are known by their keys alone. */
static qn_status delete_scripts(wt *x, uint32_t source)
{
    wt_row from = {0}, to = {0};
    uint64_t iter;
    const uint8_t *k, *v;
    uint32_t n_k, n_v;
    key_of(&from, 'S', source, 4);
    key_of(&to, 'S', source, 4);
    wt_row_int(&to, 0xffffffffu, 4);
    wt_row_int(&to, 0xffff, 2);
    qn_status st = from.failed || to.failed
                       ? QN_E_NOMEM
                       : x->store.t->iter_open(x->store.cap, 0, from.data, (uint32_t)from.len,
                                               to.data, (uint32_t)to.len, 0, &iter);
    if (st == QN_OK) {
        while ((st = x->store.t->iter_next(x->store.cap, iter, &k, &n_k, &v, &n_v)) == QN_OK)
            qn_batch_delete(&x->batch, k, n_k);
        (void)x->store.t->iter_close(x->store.cap, iter);
    }
    wt_row_free(&from);
    wt_row_free(&to);
    return st == QN_E_END ? QN_OK : st;
}

static qn_status put_graves(wt *x, wt_row *key)
{
    qn_status st = QN_OK;
    for (const wt_grave *g = x->m.grave; g && st == QN_OK; g = g->next) {
        if (g->kind == 'S') {
            st = delete_scripts(x, g->id);
            continue;
        }
        if (g->kind == 'T') {
            key_of_tx(key, 'R', &g->txid);
            qn_batch_delete(&x->batch, key->data, (uint32_t)key->len);
            key_of_tx(key, 'T', &g->txid);
        } else {
            key_of(key, g->kind, g->id, 4);
        }
        qn_batch_delete(&x->batch, key->data, (uint32_t)key->len);
    }
    return st;
}

static void put_txs(wt *x, wt_row *key, wt_row *v)
{
    for (const wt_tx *t = x->m.dirty_txs; t; t = t->next_dirty) {
        key_of_tx(key, 'T', &t->txid);
        wt_row_clear(v);
        wt_write_tx(v, t);
        put(x, key, v);
        if (t->raw) {
            key_of_tx(key, 'R', &t->txid);
            qn_batch_put(&x->batch, key->data, (uint32_t)key->len, t->raw, t->raw_len);
        }
    }
}

static qn_status put_cursor(wt *x, wt_row *key, wt_row *v)
{
    qn_hash hash[LOCATOR_MAX];
    uint32_t n = 0;
    if (x->m.tip.height == WT_NO_HEIGHT)
        return QN_OK;
    qn_status st = x->chain.t->locator(x->chain.cap, &x->m.tip.hash, hash, LOCATOR_MAX, &n);
    if (st == QN_E_NOTFOUND || (st == QN_OK && n == 0)) { /* the node has forgotten that block */
        hash[0] = x->m.tip.hash;
        n = 1;
        st = QN_OK;
    }
    if (st != QN_OK)
        return st;
    key_of(key, 'C', 0, 0);
    wt_row_clear(v);
    wt_row_int(v, x->m.tip.height, 4);
    wt_row_int(v, n, 1);
    for (uint32_t i = 0; i < n; i++)
        wt_row_bytes(v, hash[i].b, 32);
    put(x, key, v);
    return QN_OK;
}

/* The oldest event makes room, but not when nobody could have read it yet; and what the webhook did
 * not take waits for it, up to as many again. */
static bool may_trim(const wt *x)
{
    const uint64_t kept = x->next_event - x->first_event;
    const bool taken = x->hook_at == UINT64_MAX || x->first_event <= x->hook_at;
    return x->first_event < x->stored_event && kept > (taken ? 1 : 2) * (uint64_t)x->events_max;
}

/* It has not taken the oldest event, and never will. */
static void note_lost(wt *x)
{
    if (x->hook_lost || x->hook_at == UINT64_MAX || x->first_event <= x->hook_at)
        return;
    x->hook_lost = true;
    qn_logf(x->host, x->cap, QN_LOG_WARN,
            "the webhook has taken no event behind %llu: those from there on are dropped, for "
            "there are twice max_events",
            (unsigned long long)x->hook_at);
}

static void trim_events(wt *x, wt_row *key)
{
    for (int n = 0; n < 1000 && may_trim(x); n++) {
        note_lost(x);
        key_of(key, 'E', x->first_event++, 8);
        qn_batch_delete(&x->batch, key->data, (uint32_t)key->len);
    }
}

/* ---- after a write ---- */

static void rescans_are_stored(wt *x, bool all)
{
    for (wt_rescan *r = x->rescan; r; r = r->next) {
        for (wt_wish *w = r->wish; w; w = w->next)
            w->stored = w->stored || r->dirty;
        r->dirty = r->dirty && !all;
    }
    for (wt_wish *w = all ? x->dead_wish : NULL, *after; w; w = after) {
        after = w->next;
        free(w);
    }
    if (all)
        x->dead_wish = NULL;
}

static void set_is_stored(wt *x, bool all)
{
    for (size_t i = 0; i < x->m.n_wallets; i++)
        x->m.wallet[i]->dirty = false;
    for (size_t i = 0; i < x->m.n_sources; i++) {
        wt_source *s = x->m.source[i];
        if (!s->dirty || s->building)
            continue;
        for (size_t k = s->relabeled ? 0 : s->n_stored; k < s->n_owners; k++)
            s->owner[k]->dirty = false;
        s->n_stored = s->n_owners;
        s->dirty = s->relabeled = false;
    }
    rescans_are_stored(x, all);
    x->short_dirty = false;
    for (wt_grave *g = x->m.grave, *after; g; g = after) {
        after = g->next;
        free(g);
    }
    x->m.grave = NULL;
    for (wt_remark *r = x->m.remark, *after; r; r = after) {
        after = r->next;
        free(r);
    }
    x->m.remark = NULL;
}

static void txs_are_stored(wt *x)
{
    for (wt_tx *t = x->m.dirty_txs, *after; t; t = after) {
        after = t->next_dirty;
        t->dirty = false;
        free(t->raw);
        t->raw = NULL;
    }
    x->m.dirty_txs = NULL;
    x->m.dirty_end = &x->m.dirty_txs;
}

static qn_status append_events(wt *x)
{
    if (x->events.failed)
        return QN_E_NOMEM;
    if (!x->events.len)
        return QN_OK;
    uint8_t *at = qn_batch_room_(&x->batch, x->events.len);
    if (!at)
        return QN_E_NOMEM;
    memcpy(at, x->events.data, x->events.len);
    return QN_OK;
}

static qn_status put_set(wt *x, wt_row *key, wt_row *v, bool all)
{
    qn_batch_clear(&x->batch);
    put_wallets(x, key, v);
    put_sources(x, key, v);
    put_rescans(x, key, v, all);
    put_marks(x, key, v);
    put_short(x, key, v);
    return put_graves(x, key);
}

static qn_status write_out(wt *x, wt_row *key, wt_row *v, qn_status st, bool sync)
{
    put_counters(x, key, v);
    wt_row_free(key);
    wt_row_free(v);
    if (st == QN_OK)
        st = qn_batch_write(&x->batch, x->store.t, x->store.cap, sync ? QN_STORE_SYNC : 0);
    if (st != QN_OK)
        qn_logf(x->host, x->cap, QN_LOG_ERROR, "the store cannot be written (status %d)", (int)st);
    return st;
}

qn_status wt_store_set(wt *x)
{
    wt_row key = {0}, v = {0};
    qn_status st = write_out(x, &key, &v, put_set(x, &key, &v, false), true);
    if (st == QN_OK)
        set_is_stored(x, false);
    return st;
}

qn_status wt_store_all(wt *x, bool sync)
{
    wt_row key = {0}, v = {0};
    qn_status st = put_set(x, &key, &v, true);
    if (st == QN_OK) {
        put_txs(x, &key, &v);
        trim_events(x, &key);
        st = put_cursor(x, &key, &v);
    }
    if (st == QN_OK)
        st = append_events(x);
    st = write_out(x, &key, &v, st, sync);
    if (st != QN_OK)
        return st;
    set_is_stored(x, true);
    txs_are_stored(x);
    qn_batch_clear(&x->events);
    if (sync)
        x->stored_event = x->next_event;
    x->unstored = 0;
    x->unstored_bytes = 0;
    return QN_OK;
}
