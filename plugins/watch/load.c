/* What the store holds, at the start; and single rows of it, later. */
#include "plugins/watch/rows.h"
#include "plugins/watch/watch.h"

typedef qn_status row_fn(wt *x, const uint8_t *key, uint32_t n_key, wt_read *r);

static qn_status get_row(const wt *x, const void *key, uint32_t n_key, uint8_t **out, uint32_t *len)
{
    uint8_t none[1], *p = NULL;
    qn_status st = x->store.t->get(x->store.cap, 0, key, n_key, none, 0, len);
    if (st == QN_OK || st == QN_E_SPACE) {
        p = malloc(*len ? *len : 1);
        st = p ? x->store.t->get(x->store.cap, 0, key, n_key, p, *len, len) : QN_E_NOMEM;
    }
    if (st == QN_OK)
        *out = p;
    else
        free(p);
    return st;
}

static qn_status each(wt *x, uint8_t kind, row_fn *fn)
{
    const uint8_t from[1] = {kind}, to[1] = {(uint8_t)(kind + 1)};
    uint64_t iter;
    const uint8_t *k, *v;
    uint32_t n_k, n_v;
    qn_status st = x->store.t->iter_open(x->store.cap, 0, from, 1, to, 1, 0, &iter);
    if (st != QN_OK)
        return st;
    while ((st = x->store.t->iter_next(x->store.cap, iter, &k, &n_k, &v, &n_v)) == QN_OK) {
        wt_read r = {v, n_v, false};
        if ((st = fn(x, k, n_k, &r)) != QN_OK)
            break;
    }
    (void)x->store.t->iter_close(x->store.cap, iter);
    return st == QN_E_END ? QN_OK : st;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static qn_status load_wallet(wt *x, const uint8_t *key, uint32_t n_key, wt_read *r)
{
    int64_t created = (int64_t)wt_read_int(r, 8);
    char *name = wt_read_string(r);
    bool good =
        n_key == 5 && be32(key + 1) && name && wt_read_end(r) && strlen(name) <= WT_NAME_MAX;
    const wt_wallet *w = good ? wt_wallet_add(&x->m, be32(key + 1), name, created) : NULL;
    free(name);
    return w ? QN_OK : good ? QN_E_NOMEM : QN_E_CORRUPT;
}

static qn_status load_source(wt *x, const uint8_t *key, uint32_t n_key, wt_read *r)
{
    return n_key == 5 ? wt_read_source(&x->m, be32(key + 1), r) : QN_E_CORRUPT;
}

static qn_status load_owner(wt *x, const uint8_t *key, uint32_t n_key, wt_read *r)
{
    wt_source *s = n_key == 10 ? wt_source_by_id(&x->m, be32(key + 1)) : NULL;
    if (!s)
        return QN_E_CORRUPT;
    qn_status st = wt_read_owner(&x->m, s, be32(key + 5), key[9], r);
    s->n_stored = s->n_owners;
    return st;
}

static qn_status load_tx(wt *x, const uint8_t *key, uint32_t n_key, wt_read *r)
{
    qn_hash txid;
    if (n_key != 33)
        return QN_E_CORRUPT;
    memcpy(txid.b, key + 1, 32);
    return wt_read_tx(&x->m, &txid, r);
}

/* Out: *c, NULL: there is no such coin any more. */
static qn_status load_mark(const wt *x, const uint8_t *key, uint32_t n_key, const wt_read *r,
                           wt_coin **c)
{
    qn_mempool_outpoint at;
    if (n_key != 37 || !wt_read_end(r))
        return QN_E_CORRUPT;
    memcpy(at.txid.b, key + 1, 32);
    at.n = be32(key + 33);
    *c = wt_coin_find(&x->m, &at);
    return QN_OK;
}

static qn_status load_lock(wt *x, const uint8_t *key, uint32_t n_key, wt_read *r)
{
    wt_coin *c = NULL;
    qn_status st = load_mark(x, key, n_key, r, &c);
    if (c)
        c->locked = true;
    return st;
}

static qn_status load_contest(wt *x, const uint8_t *key, uint32_t n_key, wt_read *r)
{
    wt_coin *c = NULL;
    qn_status st = load_mark(x, key, n_key, r, &c);
    if (c)
        c->contested = true;
    return st;
}

static qn_status load_rescan(wt *x, const uint8_t *key, uint32_t n_key, wt_read *r)
{
    wt_read k = {key + 1, n_key ? n_key - 1 : 0, false};
    wt_wish *w = calloc(1, sizeof *w);
    uint64_t found = 0;
    if (!w)
        return QN_E_NOMEM;
    w->id = wt_read_int(&k, 8);
    w->from = (uint32_t)wt_read_int(r, 4);
    uint32_t at = (uint32_t)wt_read_int(r, 4);
    w->first_cookie = wt_read_int(r, 8);
    if (r->left) { /* rows of before do not have it */
        w->wallet = (uint32_t)wt_read_int(r, 4);
        found = wt_read_int(r, 8);
    }
    const unsigned flags = r->left ? (unsigned)wt_read_int(r, 1) : 0;
    w->canceled = flags & WT_RESCAN_CANCELED;
    w->pruned = flags & WT_RESCAN_PRUNED;
    w->stored = true;
    bool good = wt_read_end(&k) && wt_read_end(r);
    qn_status st =
        w->canceled ? wt_rescan_load_canceled(x, w, at, found) : wt_rescan_load(x, w, at, found);
    return good ? st : QN_E_CORRUPT;
}

static qn_status load_counters(wt *x)
{
    uint8_t *row;
    uint32_t len;
    qn_status st = get_row(x, "N", 1, &row, &len);
    if (st == QN_E_NOTFOUND)
        return QN_OK;
    if (st != QN_OK)
        return st;
    wt_read r = {row, len, false};
    x->m.next_wallet = (uint32_t)wt_read_int(&r, 4);
    x->m.next_source = (uint32_t)wt_read_int(&r, 4);
    x->m.next_cookie = wt_read_int(&r, 8);
    x->m.next_order = wt_read_int(&r, 8);
    x->next_event = x->stored_event = wt_read_int(&r, 8);
    x->first_event = wt_read_int(&r, 8);
    x->next_rescan = wt_read_int(&r, 8);
    free(row);
    return wt_read_end(&r) && x->first_event <= x->next_event ? QN_OK : QN_E_CORRUPT;
}

static qn_status load_cursor(wt *x, qn_hash locator[static 48], uint32_t *n_locator)
{
    uint8_t *row;
    uint32_t len;
    *n_locator = 0;
    qn_status st = get_row(x, "C", 1, &row, &len);
    if (st == QN_E_NOTFOUND)
        return QN_OK;
    if (st != QN_OK)
        return st;
    wt_read r = {row, len, false};
    uint32_t height = (uint32_t)wt_read_int(&r, 4);
    uint32_t n = (uint32_t)wt_read_int(&r, 1);
    for (uint32_t i = 0; i < n && n <= 48; i++)
        wt_read_bytes(&r, locator[i].b, 32);
    bool good = n >= 1 && n <= 48 && wt_read_end(&r);
    free(row);
    if (!good)
        return QN_E_CORRUPT;
    x->m.tip = (qn_block_ref){locator[0], height};
    *n_locator = n;
    return QN_OK;
}

static qn_status load_short(wt *x)
{
    uint8_t *row;
    uint32_t len;
    qn_status st = get_row(x, "G", 1, &row, &len);
    if (st != QN_OK)
        return st == QN_E_NOTFOUND ? QN_OK : st;
    wt_read r = {row, len, false};
    x->short_from = (uint32_t)wt_read_int(&r, 4);
    x->short_cookie = wt_read_int(&r, 8);
    x->is_short = true;
    free(row);
    return wt_read_end(&r) ? QN_OK : QN_E_CORRUPT;
}

/* A store of another format or chain is left alone. */
static qn_status check_format(wt *x)
{
    uint8_t *row;
    uint32_t len;
    const char *name = x->m.chain->name;
    qn_status st = get_row(x, "F", 1, &row, &len);
    if (st == QN_OK) {
        wt_read r = {row, len, false};
        bool same = wt_read_int(&r, 4) == WT_FORMAT && r.left == strlen(name) &&
                    memcmp(r.p, name, r.left) == 0;
        free(row);
        if (same)
            return QN_OK;
        qn_logf(x->host, x->cap, QN_LOG_ERROR,
                "the store is of another format or chain than %u and %s", WT_FORMAT, name);
        return QN_E_UNSUPPORTED;
    }
    if (st != QN_E_NOTFOUND)
        return st;
    wt_row v = {0};
    wt_row_int(&v, WT_FORMAT, 4);
    wt_row_bytes(&v, name, strlen(name));
    if (!v.failed)
        qn_batch_put(&x->batch, "F", 1, v.data, (uint32_t)v.len);
    wt_row_free(&v);
    return qn_batch_write(&x->batch, x->store.t, x->store.cap, QN_STORE_SYNC);
}

qn_status wt_store_load(wt *x, qn_hash locator[static 48], uint32_t *n_locator)
{
    static const struct {
        uint8_t kind;
        row_fn *fn;
    } ROWS[] = {{'W', load_wallet}, {'D', load_source},  {'S', load_owner}, {'T', load_tx},
                {'L', load_lock},   {'X', load_contest}, {'P', load_rescan}};
    x->next_event = x->first_event = x->stored_event = 1;
    x->next_rescan = 1;
    qn_status st = check_format(x);
    if (st == QN_OK)
        st = load_counters(x);
    if (st == QN_OK)
        st = load_cursor(x, locator, n_locator);
    if (st == QN_OK)
        st = load_short(x);
    for (size_t i = 0; st == QN_OK && i < sizeof ROWS / sizeof ROWS[0]; i++)
        st = each(x, ROWS[i].kind, ROWS[i].fn);
    if (st == QN_OK)
        st = wt_order_gone(&x->m);
    if (st == QN_OK)
        st = wt_sweep(&x->m); /* a wallet was removed, and its transactions not yet */
    if (st == QN_E_CORRUPT)
        qn_logf(x->host, x->cap, QN_LOG_ERROR, "the store is damaged");
    return st;
}

qn_status wt_store_raw(const wt *x, const qn_hash *txid, uint8_t **raw, uint32_t *len)
{
    uint8_t key[33] = {'R'};
    memcpy(key + 1, txid->b, 32);
    return get_row(x, key, sizeof key, raw, len);
}

static void event_key(uint8_t key[static 9], uint64_t id)
{
    key[0] = 'E';
    for (int i = 8; i > 0; i--, id >>= 8)
        key[i] = (uint8_t)id;
}

qn_status wt_store_events(const wt *x, uint64_t after, uint32_t wallet, uint32_t limit, qn_json *j,
                          uint64_t *last, uint32_t *n)
{
    uint8_t from[9], to[9];
    uint64_t iter;
    const uint8_t *k, *v;
    uint32_t n_k, n_v;
    *n = 0;
    *last = after;
    if (after + 1 >= x->stored_event)
        return QN_OK;
    event_key(from, after + 1);
    event_key(to, x->stored_event);
    qn_status st = x->store.t->iter_open(x->store.cap, 0, from, 9, to, 9, 0, &iter);
    if (st != QN_OK)
        return st;
    while (*n < limit &&
           (st = x->store.t->iter_next(x->store.cap, iter, &k, &n_k, &v, &n_v)) == QN_OK) {
        wt_read r = {k + 1, n_k - 1, false};
        *last = wt_read_int(&r, 8);
        if (n_v < 4 || (wallet && be32(v) && be32(v) != wallet))
            continue;
        qn_json_key_(j, NULL);
        qn_json_raw(j, (const char *)v + 4, n_v - 4);
        ++*n;
    }
    (void)x->store.t->iter_close(x->store.cap, iter);
    return st == QN_E_END ? QN_OK : st;
}

qn_status wt_store_hook(const wt *x, uint64_t *at)
{
    uint8_t *row;
    uint32_t len;
    qn_status st = get_row(x, "H", 1, &row, &len);
    if (st != QN_OK)
        return st;
    wt_read r = {row, len, false};
    *at = wt_read_int(&r, 8);
    free(row);
    return wt_read_end(&r) ? QN_OK : QN_E_CORRUPT;
}

qn_status wt_store_hook_set(wt *x, uint64_t at)
{
    wt_row v = {0};
    qn_batch b = {0};
    wt_row_int(&v, at, 8);
    if (v.failed)
        return QN_E_NOMEM;
    qn_batch_put(&b, "H", 1, v.data, (uint32_t)v.len);
    wt_row_free(&v);
    qn_status st = qn_batch_write(&b, x->store.t, x->store.cap, QN_STORE_SYNC);
    qn_batch_free(&b);
    return st;
}
