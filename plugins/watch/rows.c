#include "plugins/watch/rows.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

void wt_row_clear(wt_row *r)
{
    r->len = 0;
    r->failed = false;
}

void wt_row_free(wt_row *r)
{
    free(r->data);
    *r = (wt_row){0};
}

void wt_row_bytes(wt_row *r, const void *data, size_t len)
{
    if (r->cap - r->len < len) {
        size_t cap = r->cap * 2 > r->len + len ? r->cap * 2 : r->len + len + 256;
        uint8_t *more = realloc(r->data, cap);
        if (!more) {
            r->failed = true;
            return;
        }
        r->data = more;
        r->cap = cap;
    }
    if (len)
        memcpy(r->data + r->len, data, len);
    r->len += len;
}

void wt_row_int(wt_row *r, uint64_t v, int n)
{
    uint8_t b[8];
    for (int i = n; i-- > 0; v >>= 8)
        b[i] = (uint8_t)v;
    wt_row_bytes(r, b, (size_t)n);
}

void wt_row_text(wt_row *r, const void *data, size_t len)
{
    wt_row_int(r, len, 4);
    wt_row_bytes(r, data, len);
}

/* ---- reading ---- */

static const uint8_t *take(wt_read *r, size_t n)
{
    const uint8_t *p = r->p;
    if (r->bad || r->left < n) {
        r->bad = true;
        return NULL;
    }
    r->p += n;
    r->left -= n;
    return p;
}

uint64_t wt_read_int(wt_read *r, int n)
{
    const uint8_t *p = take(r, (size_t)n);
    uint64_t v = 0;
    for (int i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

void wt_read_bytes(wt_read *r, void *out, size_t len)
{
    const uint8_t *p = take(r, len);
    if (p)
        memcpy(out, p, len);
    else
        memset(out, 0, len);
}

const uint8_t *wt_read_text(wt_read *r, uint32_t *len)
{
    *len = (uint32_t)wt_read_int(r, 4);
    const uint8_t *p = take(r, *len);
    if (!p)
        *len = 0;
    return p;
}

char *wt_read_string(wt_read *r)
{
    uint32_t len;
    const uint8_t *p = wt_read_text(r, &len);
    if (p && memchr(p, 0, len))
        r->bad = true;
    char *s = p && !r->bad ? malloc((size_t)len + 1) : NULL;
    if (s) {
        memcpy(s, p, len);
        s[len] = 0;
    }
    return s;
}

bool wt_read_end(const wt_read *r)
{
    return !r->bad && r->left == 0;
}

static void put_coin(wt_row *r, const qn_mempool_outpoint *c)
{
    wt_row_bytes(r, c->txid.b, 32);
    wt_row_int(r, c->n, 4);
}

static qn_mempool_outpoint get_coin(wt_read *r)
{
    qn_mempool_outpoint c = {.n = 0};
    wt_read_bytes(r, c.txid.b, 32);
    c.n = (uint32_t)wt_read_int(r, 4);
    return c;
}

/* ---- sources ---- */

enum { ACTIVE = 1, INTERNAL = 2, RANGED = 4, HAS_TEXT = 8 };

void wt_write_source(wt_row *r, const wt_source *s)
{
    int flags = (s->active ? ACTIVE : 0) | (s->internal ? INTERNAL : 0) | (s->ranged ? RANGED : 0) |
                (s->text ? HAS_TEXT : 0);
    wt_row_int(r, s->wallet->id, 4);
    wt_row_int(r, s->kind, 1);
    wt_row_int(r, (uint64_t)flags, 1);
    wt_row_int(r, s->first, 4);
    wt_row_int(r, s->end, 4);
    wt_row_int(r, s->next, 4);
    wt_row_int(r, s->used, 4);
    wt_row_int(r, s->height, 4);
    wt_row_int(r, (uint64_t)s->timestamp, 8);
    put_coin(r, &s->coin);
    wt_row_text(r, s->label, strlen(s->label));
    if (s->text)
        wt_row_text(r, s->text, strlen(s->text));
}

/* The fixed part, into a source that is on the stack. Out: *flags. */
static void read_fixed(wt_model *m, wt_read *r, wt_source *s, int *flags)
{
    s->wallet = wt_wallet_by_id(m, (uint32_t)wt_read_int(r, 4));
    uint64_t kind = wt_read_int(r, 1);
    *flags = (int)wt_read_int(r, 1);
    s->first = (uint32_t)wt_read_int(r, 4);
    s->end = (uint32_t)wt_read_int(r, 4);
    s->next = (uint32_t)wt_read_int(r, 4);
    s->used = (uint32_t)wt_read_int(r, 4);
    s->height = (uint32_t)wt_read_int(r, 4);
    s->timestamp = (int64_t)wt_read_int(r, 8);
    s->coin = get_coin(r);
    if (kind < WT_DESCRIPTOR || kind > WT_OUTPOINT || !s->wallet)
        r->bad = true;
    else
        s->kind = (wt_kind)kind;
}

qn_status wt_read_source(wt_model *m, uint32_t id, wt_read *r)
{
    wt_source fixed = {.id = id}, *s = NULL;
    int flags;
    read_fixed(m, r, &fixed, &flags);
    char *label = wt_read_string(r);
    char *text = flags & HAS_TEXT ? wt_read_string(r) : NULL;
    bool good = wt_read_end(r) && id;
    if (good && label && (text || !(flags & HAS_TEXT)))
        s = wt_source_add(m, id, fixed.wallet, fixed.kind, text, label);
    free(label);
    free(text);
    if (!s)
        return good ? QN_E_NOMEM : QN_E_CORRUPT;
    s->active = (flags & ACTIVE) != 0;
    s->internal = (flags & INTERNAL) != 0;
    s->ranged = (flags & RANGED) != 0;
    s->first = fixed.first;
    s->end = fixed.end;
    s->next = fixed.next;
    s->used = fixed.used;
    s->height = fixed.height;
    s->timestamp = fixed.timestamp;
    s->coin = fixed.coin;
    return s->kind == WT_OUTPOINT ? wt_watch_coin(m, s) : QN_OK;
}

void wt_write_owner(wt_row *r, const wt_owner *o)
{
    wt_row_int(r, o->script->cookie, 8);
    wt_row_text(r, o->script->bytes, o->script->len);
    if (o->label)
        wt_row_text(r, o->label, strlen(o->label));
}

qn_status wt_read_owner(wt_model *m, wt_source *s, uint32_t index, uint8_t sub, wt_read *r)
{
    uint32_t len;
    wt_owner *o;
    uint64_t cookie = wt_read_int(r, 8);
    const uint8_t *script = wt_read_text(r, &len);
    char *label = r->left ? wt_read_string(r) : NULL;
    qn_status st = wt_read_end(r) && len && cookie ? QN_OK : QN_E_CORRUPT;
    if (st == QN_OK)
        st = wt_own(m, s, index, sub, script, len, cookie, &o);
    if (st != QN_OK) {
        free(label);
        return st;
    }
    free(o->label);
    o->label = label;
    return QN_OK;
}

/* ---- transactions ---- */

enum { COINBASE = 1, REPLACEABLE = 2 };

void wt_write_tx(wt_row *r, const wt_tx *t)
{
    wt_row_bytes(r, t->wtxid.b, 32);
    wt_row_int(r, t->state, 1);
    wt_row_int(r, (uint64_t)((t->coinbase ? COINBASE : 0) | (t->replaceable ? REPLACEABLE : 0)), 1);
    wt_row_int(r, t->n_in, 4);
    wt_row_int(r, t->reason, 4);
    wt_row_bytes(r, t->by.b, 32);
    wt_row_bytes(r, t->block.hash.b, 32);
    wt_row_int(r, t->block.height, 4);
    wt_row_int(r, t->tx_index, 4);
    wt_row_int(r, (uint64_t)t->block_time, 8);
    wt_row_int(r, (uint64_t)t->received, 8);
    wt_row_int(r, (uint64_t)t->fee, 8);
    wt_row_int(r, t->order, 8);
    wt_row_int(r, t->n_entries, 4);
    for (uint32_t i = 0; i < t->n_entries; i++) {
        const wt_entry *e = &t->entry[i];
        put_coin(r, &e->coin->at);
        wt_row_int(r, e->spent, 1);
        wt_row_int(r, e->io, 4);
        wt_row_int(r, (uint64_t)e->coin->value, 8);
        wt_row_text(r, e->coin->script->bytes, e->coin->script->len);
    }
    wt_row_int(r, t->n_told, 4);
    for (uint32_t i = 0; i < t->n_told; i++) {
        wt_row_int(r, t->told[i].wallet, 4);
        wt_row_int(r, t->told[i].n_entries, 4);
        wt_row_int(r, t->told[i].state, 1);
        wt_row_int(r, t->told[i].reason, 4);
        wt_row_bytes(r, t->told[i].where.b, 32);
    }
}

static wt_state read_state(wt_read *r)
{
    uint64_t v = wt_read_int(r, 1);
    if (v < WT_MEMPOOL || v > WT_GONE)
        r->bad = true;
    return r->bad ? WT_GONE : (wt_state)v;
}

static void read_tx_fixed(wt_model *m, wt_read *r, wt_tx *t)
{
    wt_read_bytes(r, t->wtxid.b, 32);
    wt_set_state(m, t, read_state(r));
    uint64_t flags = wt_read_int(r, 1);
    t->coinbase = (flags & COINBASE) != 0;
    t->replaceable = (flags & REPLACEABLE) != 0;
    t->n_in = (uint32_t)wt_read_int(r, 4);
    t->reason = (uint32_t)wt_read_int(r, 4);
    wt_read_bytes(r, t->by.b, 32);
    wt_read_bytes(r, t->block.hash.b, 32);
    t->block.height = (uint32_t)wt_read_int(r, 4);
    t->tx_index = (uint32_t)wt_read_int(r, 4);
    t->block_time = (int64_t)wt_read_int(r, 8);
    t->received = (int64_t)wt_read_int(r, 8);
    t->fee = (int64_t)wt_read_int(r, 8);
    t->order = wt_read_int(r, 8);
}

static qn_status read_entry(wt_model *m, wt_tx *t, wt_read *r)
{
    uint32_t len;
    qn_mempool_outpoint at = get_coin(r);
    bool spent = wt_read_int(r, 1) != 0;
    uint32_t io = (uint32_t)wt_read_int(r, 4);
    int64_t value = (int64_t)wt_read_int(r, 8);
    const uint8_t *script = wt_read_text(r, &len);
    if (r->bad || value < 0 || value > WT_MONEY_MAX)
        return QN_E_CORRUPT;
    return wt_tx_entry(m, t, &at, spent, io, value, script, len);
}

static qn_status read_told(wt_tx *t, wt_read *r)
{
    uint32_t n = (uint32_t)wt_read_int(r, 4);
    if (r->bad || n > r->left / 45)
        return QN_E_CORRUPT;
    t->told = n ? calloc(n, sizeof *t->told) : NULL;
    if (n && !t->told)
        return QN_E_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        t->told[i].wallet = (uint32_t)wt_read_int(r, 4);
        t->told[i].n_entries = (uint32_t)wt_read_int(r, 4);
        t->told[i].state = read_state(r);
        t->told[i].reason = (uint32_t)wt_read_int(r, 4);
        wt_read_bytes(r, t->told[i].where.b, 32);
    }
    t->n_told = n;
    return QN_OK;
}

qn_status wt_read_tx(wt_model *m, const qn_hash *txid, wt_read *r)
{
    if (wt_tx_find(m, txid))
        return QN_E_CORRUPT;
    wt_tx *t = wt_tx_add(m, txid);
    qn_status st = QN_OK;
    if (!t)
        return QN_E_NOMEM;
    read_tx_fixed(m, r, t);
    if (t->order >= m->next_order)
        m->next_order = t->order + 1;
    uint32_t n = (uint32_t)wt_read_int(r, 4);
    for (uint32_t i = 0; st == QN_OK && i < n; i++)
        st = read_entry(m, t, r);
    if (st == QN_OK)
        st = read_told(t, r);
    return st == QN_OK && !wt_read_end(r) ? QN_E_CORRUPT : st;
}
