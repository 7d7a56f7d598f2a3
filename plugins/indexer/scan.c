/* Walks over the transactions of one script. The rows name candidates by an 8-byte prefix; the
 * blocks, read again, tell the real ones and everything about them. */
#include "lib/hash.h"
#include "lib/script.h"
#include "plugins/indexer/indexer.h"

#include <stdlib.h>

#define SLICE_MS 10

void ix_entries_free(ix_entries *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->e[i].fund);
        free(l->e[i].spend);
    }
    free(l->e);
    memset(l, 0, sizeof *l);
}

void ix_query_clear(ix_query *q)
{
    free(q->txnum);
    q->txnum = NULL;
    q->n = q->at = 0;
    q->unspendable = false;
    ix_entries_free(&q->found);
}

/* Transaction numbers of all rows with this kind and prefix, ascending. */
static qn_status candidates(const ix *x, uint8_t kind, const uint8_t *prefix, uint32_t **out,
                            uint32_t *n_out)
{
    uint8_t from[IX_ROW_LEN], to[IX_ROW_LEN + 1];
    uint64_t iter;
    const uint8_t *key, *value;
    uint32_t n_key, n_value, n = 0, cap = 0, *list = NULL;
    ix_row(kind, prefix, 0, from);
    ix_row(kind, prefix, 0xffffffffu, to);
    to[IX_ROW_LEN] = 0; /* just behind the last possible row */
    qn_status st =
        x->store.t->iter_open(x->store.cap, 0, from, sizeof from, to, sizeof to, 0, &iter);
    if (st != QN_OK)
        return st;
    while ((st = x->store.t->iter_next(x->store.cap, iter, &key, &n_key, &value, &n_value)) ==
           QN_OK) {
        if (n == cap) {
            cap = cap ? cap * 2 : 32;
            uint32_t *p = realloc(list, cap * sizeof *p);
            if (!p) {
                st = QN_E_NOMEM;
                break;
            }
            list = p;
        }
        list[n++] = ix_row_txnum(key);
    }
    x->store.t->iter_close(x->store.cap, iter);
    if (st != QN_E_END) {
        free(list);
        return st;
    }
    *out = list;
    *n_out = n;
    return QN_OK;
}

qn_status ix_query_begin(const ix *x, ix_query *q)
{
    ix_query_clear(q);
    q->shrinks = x->shrinks;
    q->heights = x->done_heights;
    q->tip = x->done_tip;
    qn_status st = candidates(x, 'H', q->script_hash, &q->txnum, &q->n);
    while (q->seek && q->at < q->n && q->txnum[q->at] <= q->after)
        q->at++; /* an output is spent after it was made */
    return st;
}

static qn_status view_at(const ix *x, uint32_t height, const qn_block_view **view)
{
    qn_hash hash;
    uint32_t n;
    qn_status st = ix_block_hash(x, height, &hash);
    if (st != QN_OK)
        return st;
    return x->blocks.t->views(x->blocks.cap, &hash, 1, QN_READ_SPENT, view, 1, &n);
}

static bool same_script(const ix_query *q, const uint8_t *script, uint32_t len)
{
    uint8_t hash[32];
    qn_script_hash(script, len, hash);
    return memcmp(hash, q->script_hash, 32) == 0;
}

static qn_status add_funds(ix_query *q, const qn_block_view *v, const qn_tx_rec *tx, ix_entry *e)
{
    QN_EACH_OUT(v, tx, k, out)
    {
        if (!same_script(q, qn_out_script(v, out), out->script_len))
            continue;
        q->unspendable = qn_script_unspendable(qn_out_script(v, out), out->script_len);
        ix_fund *p = realloc(e->fund, (e->n_fund + 1) * sizeof *p);
        if (!p)
            return QN_E_NOMEM;
        e->fund = p;
        e->fund[e->n_fund++] = (ix_fund){k - tx->out0, out->value};
    }
    return QN_OK;
}

static qn_status add_spends(ix_query *q, const qn_block_view *v, const qn_tx_rec *tx, ix_entry *e)
{
    if (e->coinbase)
        return QN_OK;
    if (!(v->flags & QN_VIEW_SPENT))
        return QN_E_CORRUPT; /* asked for, and every block but genesis has it */
    QN_EACH_IN(v, tx, k, in)
    {
        const qn_spent_rec *coin = qn_view_spent(v, k);
        if (!same_script(q, qn_view_spent_script(v, coin), coin->script_len))
            continue;
        ix_spend *p = realloc(e->spend, (e->n_spend + 1) * sizeof *p);
        if (!p)
            return QN_E_NOMEM;
        e->spend = p;
        ix_spend *s = &e->spend[e->n_spend++];
        *s = (ix_spend){.in = k - tx->in0, .prev_n = in->prev_n, .value = coin->value};
        memcpy(s->prev.b, in->prev_txid, 32);
        if (q->seek && s->prev_n == q->seek_n && memcmp(s->prev.b, q->seek_txid.b, 32) == 0)
            q->n = q->at; /* found: no further candidates */
    }
    return QN_OK;
}

static qn_status add_entry(ix_query *q, const qn_block_view *v, uint32_t txnum, uint32_t height,
                           uint32_t pos)
{
    if (pos >= v->tx.count)
        return QN_E_CORRUPT;
    const qn_tx_rec *tx = qn_view_tx(v, pos);
    ix_entry e = {.txnum = txnum, .height = height, .pos = pos, .coinbase = pos == 0};
    memcpy(e.txid.b, tx->txid, 32);
    qn_status st = add_funds(q, v, tx, &e);
    if (st == QN_OK)
        st = add_spends(q, v, tx, &e);
    if (st == QN_OK && q->found.n == q->found.cap) {
        size_t cap = q->found.cap ? q->found.cap * 2 : 32;
        ix_entry *p = realloc(q->found.e, cap * sizeof *p);
        if (p) {
            q->found.e = p;
            q->found.cap = cap;
        } else {
            st = QN_E_NOMEM;
        }
    }
    /* Neither paid to nor spent from: another script with the same prefix. */
    if (st != QN_OK || (!e.n_fund && !e.n_spend)) {
        free(e.fund);
        free(e.spend);
        return st;
    }
    q->found.e[q->found.n++] = e;
    return QN_OK;
}

/* All candidates of one block, since its view is at hand. */
static qn_status step_block(const ix *x, ix_query *q)
{
    uint32_t height, pos, h;
    const qn_block_view *v = NULL;
    if (!ix_place(x, q->txnum[q->at], &height, &pos))
        return QN_E_CORRUPT;
    qn_status st = view_at(x, height, &v);
    if (st != QN_OK)
        return st;
    while (st == QN_OK && q->at < q->n) {
        if (!ix_place(x, q->txnum[q->at], &h, &pos) || h != height)
            break;
        uint32_t txnum = q->txnum[q->at++];
        st = add_entry(q, v, txnum, height, pos);
    }
    x->blocks.t->release(x->blocks.cap, v);
    return st;
}

qn_status ix_query_step(const ix *x, ix_query *q)
{
    uint64_t end = x->host->now_ms(x->cap) + SLICE_MS;
    if (q->shrinks != x->shrinks) { /* the chain was reorganised meanwhile */
        qn_status st = ix_query_begin(x, q);
        if (st != QN_OK)
            return st;
    }
    while (q->at < q->n) {
        qn_status st = step_block(x, q);
        if (st != QN_OK)
            return st;
        if (x->host->now_ms(x->cap) >= end)
            return q->at < q->n ? QN_E_AGAIN : QN_OK;
    }
    return QN_OK;
}

qn_status ix_find_tx(const ix *x, const qn_hash *txid, uint32_t *height, uint32_t *pos,
                     uint32_t *txnum, const qn_block_view **view)
{
    uint32_t *list = NULL, n = 0;
    qn_status st = candidates(x, 'T', txid->b, &list, &n);
    /* Newest first: of two transactions with one id (before BIP30), the later one counts. */
    for (uint32_t i = n; st == QN_OK && i-- > 0;) {
        const qn_block_view *v = NULL;
        if (!ix_place(x, list[i], height, pos)) {
            st = QN_E_CORRUPT;
        } else if ((st = view_at(x, *height, &v)) == QN_OK) {
            if (*pos < v->tx.count && memcmp(qn_view_tx(v, *pos)->txid, txid->b, 32) == 0) {
                *txnum = list[i];
                *view = v;
                free(list);
                return QN_OK;
            }
            x->blocks.t->release(x->blocks.cap, v);
        }
    }
    free(list);
    return st == QN_OK ? QN_E_NOTFOUND : st;
}
