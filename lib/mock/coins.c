/* The mock's coins: what the active chain's blocks have made and not spent, reckoned anew at each
 * question. A walk has a copy of them. */
#include "lib/mock/internal.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH 1
#define ROWS_MAX 4096u

static int by_outpoint(const void *a, const void *b)
{
    const qn_mk_coin *x = a, *y = b;
    int c = memcmp(&x->row.outpoint.txid, &y->row.outpoint.txid, sizeof(qn_hash));
    return c ? c
             : (x->row.outpoint.n > y->row.outpoint.n) - (x->row.outpoint.n < y->row.outpoint.n);
}

static qn_mk_coin *find(const qn_mk_coins *s, const uint8_t *txid, uint32_t n)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->coin[i].row.outpoint.n == n && memcmp(&s->coin[i].row.outpoint.txid, txid, 32) == 0)
            return &s->coin[i];
    return NULL;
}

static void spend(qn_mk_coins *s, const qn_block_view *v, const qn_tx_rec *tx)
{
    for (uint32_t i = 0; i < tx->n_in; i++) {
        const qn_in_rec *in = qn_view_in(v, tx->in0 + i);
        qn_mk_coin *c = find(s, in->prev_txid, in->prev_n);
        if (c)
            *c = s->coin[--s->n];
    }
}

static void make(qn_mk_coins *s, const qn_block_view *v, const qn_tx_rec *tx, bool coinbase)
{
    for (uint32_t i = 0; i < tx->n_out; i++) {
        const qn_out_rec *o = qn_view_out(v, tx->out0 + i);
        const uint8_t *script = qn_view_raw(v) + o->script_off;
        if (o->script_len && script[0] == 0x6a) /* OP_RETURN: nobody can spend it */
            continue;
        if (s->n == s->cap) {
            s->cap = 2 * s->cap + 64;
            s->coin = qn_mk_grow(s->coin, s->cap * sizeof *s->coin);
        }
        qn_mk_coin *c = &s->coin[s->n++];
        *c = (qn_mk_coin){.row = {.outpoint = {.n = i},
                                  .flags = coinbase ? QN_COIN_COINBASE : 0u,
                                  .value = o->value,
                                  .height = v->height,
                                  .script_len = o->script_len},
                          .script = script};
        memcpy(&c->row.outpoint.txid, tx->txid, 32);
    }
}

/* In order. Scripts are of the blocks, which stay. Owned: free(). */
static qn_mk_coins unspent(const qn_mock *m)
{
    qn_mk_coins s = {.coin = NULL};
    for (uint32_t h = 1; h <= m->height; h++) {
        const qn_block_view *v = m->active[h]->view;
        for (uint32_t i = 0; i < v->tx.count; i++) {
            if (i)
                spend(&s, v, qn_view_tx(v, i));
            make(&s, v, qn_view_tx(v, i), i == 0);
        }
    }
    if (s.n)
        qsort(s.coin, s.n, sizeof *s.coin, by_outpoint);
    return s;
}

static qn_coins_at moment(const qn_mock *m)
{
    qn_coins_at at = {.epoch = EPOCH, .chain_seq = m->chain_seq, .height = m->height};
    memcpy(at.tip.b, m->active[m->height]->view->hash, 32);
    return at;
}

static qn_status read_coins(qn_cap *cap, const qn_mempool_outpoint *outpoints, uint32_t n,
                            qn_coin *coins, void *scripts, uint32_t max, uint32_t *n_scripts,
                            qn_coins_at *at)
{
    qn_status st = qn_mk_enter(cap);
    uint64_t need = 0;
    if (st != QN_OK)
        return st;
    qn_mk_coins s = unspent(cap->mock);
    for (uint32_t i = 0; i < n; i++) {
        const qn_mk_coin *c = find(&s, outpoints[i].txid.b, outpoints[i].n);
        coins[i] = (qn_coin){.status = QN_E_NOTFOUND};
        if (!c)
            continue;
        coins[i] = (qn_coin){QN_OK, c->row.flags, c->row.value, c->row.height, c->row.script_len};
        if (c->row.script_len && need + c->row.script_len <= max)
            memcpy((uint8_t *)scripts + need, c->script, c->row.script_len);
        need += c->row.script_len;
    }
    free(s.coin);
    *n_scripts = (uint32_t)need;
    if (at)
        *at = moment(cap->mock);
    return need <= max ? QN_OK : QN_E_SPACE;
}

static qn_mk_scan *by_id(qn_mock *m, uint64_t id)
{
    for (int i = 0; id && i < MOCK_SCANS; i++)
        if (m->scan[i].id == id)
            return &m->scan[i];
    return NULL;
}

static void close_scan(qn_mk_scan *s)
{
    free(s->coins.coin);
    *s = (qn_mk_scan){.id = 0};
}

static qn_status scan_open(qn_cap *cap, const qn_mempool_outpoint *after, uint64_t *scan,
                           qn_coins_at *at)
{
    qn_mock *m = cap->mock;
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_scan *s = m->scan;
    while (s < m->scan + MOCK_SCANS && s->id)
        s++;
    if (s == m->scan + MOCK_SCANS)
        return QN_E_LIMIT;
    *s = (qn_mk_scan){.id = ++m->next_id, .coins = unspent(m), .tip = moment(m)};
    qn_mk_coin behind = {.script = NULL};
    if (after)
        behind.row.outpoint = *after;
    while (after && s->at < s->coins.n && by_outpoint(&s->coins.coin[s->at], &behind) <= 0)
        s->at++;
    *scan = s->id;
    if (at)
        *at = moment(m);
    return QN_OK;
}

static qn_status scan_next(qn_cap *cap, uint64_t id, qn_coin_row *rows, uint32_t max_rows,
                           uint32_t *n_rows, void *scripts, uint32_t max_scripts,
                           uint32_t *n_scripts)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    qn_mk_scan *s = by_id(cap->mock, id);
    if (!s)
        return QN_E_CLOSED;
    if (!max_rows)
        return QN_E_INVAL;
    *n_rows = *n_scripts = 0;
    if (s->at == s->coins.n)
        return QN_E_END;
    for (; s->at < s->coins.n && *n_rows < max_rows && *n_rows < ROWS_MAX; s->at++) {
        const qn_mk_coin *c = &s->coins.coin[s->at];
        if (c->row.script_len > max_scripts - *n_scripts)
            break;
        rows[(*n_rows)++] = c->row;
        if (c->row.script_len)
            memcpy((uint8_t *)scripts + *n_scripts, c->script, c->row.script_len);
        *n_scripts += c->row.script_len;
    }
    if (!*n_rows)
        *n_scripts = s->coins.coin[s->at].row.script_len;
    return *n_rows ? QN_OK : QN_E_SPACE;
}

static qn_status scan_tip(qn_cap *cap, uint64_t id, qn_coins_at *at, uint64_t *moved)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    const qn_mk_scan *s = by_id(cap->mock, id);
    if (!s)
        return QN_E_CLOSED;
    if (at)
        *at = s->tip;
    *moved = cap->mock->chain_seq - s->tip.chain_seq;
    return QN_OK;
}

static qn_status scan_close(qn_cap *cap, uint64_t id)
{
    qn_mk_scan *s = by_id(cap->mock, id);
    if (!s)
        return QN_E_CLOSED;
    close_scan(s);
    return QN_OK;
}

const qn_coins_read_1 QN_MK_COINS_READ = {.h = {sizeof(qn_coins_read_1), QN_COINS_READ_1_REVISION},
                                          .coins = read_coins,
                                          .scan_open = scan_open,
                                          .scan_next = scan_next,
                                          .scan_tip = scan_tip,
                                          .scan_close = scan_close};

void qn_mk_coins_drop(qn_mock *m)
{
    for (int i = 0; i < MOCK_SCANS; i++)
        if (m->scan[i].id)
            close_scan(&m->scan[i]);
}

void qn_mock_scans_expire(qn_mock *m)
{
    qn_mk_coins_drop(m);
}
