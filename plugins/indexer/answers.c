/* What the methods answer. */
#include "plugins/indexer/methods.h"

#include <stdlib.h>

/* With `heights` blocks in the chain. */
static int64_t confirmations(uint32_t heights, uint32_t height)
{
    return (int64_t)heights - height;
}

void ix_put_tip(qn_json *j, uint32_t heights, const qn_hash *hash)
{
    qn_json_open(j, "tip", '{');
    qn_json_int(j, "height", (int64_t)heights - 1);
    if (heights)
        qn_json_hex(j, "hash", hash->b, 32, 1);
    qn_json_close(j, '}');
}

/* A window of `n` results: what to show from `from` on, and whether more follow. */
static size_t page_end(const ix_job *job, size_t n)
{
    size_t end = (size_t)job->from + job->limit;
    return end < n ? end : n;
}

static void put_page(qn_json *j, const ix_job *job, size_t n)
{
    qn_json_int(j, "total", (int64_t)n);
    qn_json_int(j, "from", job->from);
    qn_json_bool(j, "more", page_end(job, n) < n);
}

static int64_t received(const ix_entry *e)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < e->n_fund; i++)
        sum += e->fund[i].value;
    return sum;
}

static int64_t sent(const ix_entry *e)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < e->n_spend; i++)
        sum += e->spend[i].value;
    return sum;
}

void ix_put_history(qn_json *j, const ix_job *job)
{
    const ix_entries *l = &job->q.found;
    put_page(j, job, l->n);
    qn_json_open(j, "history", '[');
    for (size_t i = job->from; i < page_end(job, l->n); i++) {
        const ix_entry *e = &l->e[i];
        qn_json_open(j, NULL, '{');
        qn_json_hex(j, "txid", e->txid.b, 32, 1);
        qn_json_int(j, "height", e->height);
        qn_json_int(j, "position", e->pos);
        qn_json_int(j, "confirmations", confirmations(job->q.heights, e->height));
        qn_json_amount(j, "received", received(e));
        qn_json_amount(j, "sent", sent(e));
        qn_json_close(j, '}');
    }
    qn_json_close(j, ']');
}

/* ---- coins ---- */

typedef struct coin {
    const ix_entry *e;
    qn_hash txid;
    uint32_t n;
    int64_t value;
    bool spent;
} coin;

static int by_outpoint(const void *a, const void *b)
{
    const coin *x = a, *y = b;
    int c = memcmp(x->txid.b, y->txid.b, 32);
    if (c)
        return c;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return (x->e->txnum > y->e->txnum) - (x->e->txnum < y->e->txnum);
}

static int by_place(const void *a, const void *b)
{
    const coin *x = a, *y = b;
    if (x->e->txnum != y->e->txnum)
        return x->e->txnum < y->e->txnum ? -1 : 1;
    return (x->n > y->n) - (x->n < y->n);
}

static coin *find_coin(coin *list, size_t n, const ix_spend *s)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = memcmp(list[mid].txid.b, s->prev.b, 32);
        if (c == 0)
            c = (list[mid].n > s->prev_n) - (list[mid].n < s->prev_n);
        if (c == 0)
            return &list[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static size_t all_coins(const ix_query *q, coin *list)
{
    const ix_entries *l = &q->found;
    size_t n = 0;
    for (size_t i = 0; i < l->n && !q->unspendable; i++) {
        const ix_entry *e = &l->e[i];
        if (e->height == 0)
            continue; /* the genesis coinbase never entered the set of coins */
        for (uint32_t k = 0; k < e->n_fund; k++)
            list[n++] = (coin){e, e->txid, e->fund[k].n, e->fund[k].value, false};
    }
    return n;
}

/* Outpoints once: of two coinbases with one id (before BIP30), the later replaced the earlier. */
static size_t unique_coins(coin *list, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && list[i].n == list[i + 1].n &&
            memcmp(list[i].txid.b, list[i + 1].txid.b, 32) == 0)
            continue;
        list[kept++] = list[i];
    }
    return kept;
}

/* The coins that are unspent, in chain order. Returns their number; (size_t)-1: out of memory. */
static size_t unspent(const ix_query *q, coin **out)
{
    const ix_entries *l = &q->found;
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < l->n; i++)
        n += l->e[i].n_fund;
    coin *list = calloc(n ? n : 1, sizeof *list);
    if (!list)
        return (size_t)-1;
    n = all_coins(q, list);
    qsort(list, n, sizeof *list, by_outpoint);
    n = unique_coins(list, n);
    for (size_t i = 0; i < l->n; i++)
        for (uint32_t k = 0; k < l->e[i].n_spend; k++) {
            coin *c = find_coin(list, n, &l->e[i].spend[k]);
            if (c)
                c->spent = true;
        }
    for (size_t i = 0; i < n; i++)
        if (!list[i].spent)
            list[kept++] = list[i];
    qsort(list, kept, sizeof *list, by_place);
    *out = list;
    return kept;
}

void ix_put_utxos(qn_json *j, const ix_job *job)
{
    coin *list = NULL;
    size_t n = unspent(&job->q, &list);
    if (n == (size_t)-1) {
        j->failed = 1;
        return;
    }
    put_page(j, job, n);
    qn_json_open(j, "utxos", '[');
    for (size_t i = job->from; i < page_end(job, n); i++) {
        qn_json_open(j, NULL, '{');
        qn_json_hex(j, "txid", list[i].txid.b, 32, 1);
        qn_json_int(j, "vout", list[i].n);
        qn_json_amount(j, "value", list[i].value);
        qn_json_int(j, "height", list[i].e->height);
        qn_json_int(j, "confirmations", confirmations(job->q.heights, list[i].e->height));
        qn_json_bool(j, "coinbase", list[i].e->coinbase);
        qn_json_close(j, '}');
    }
    qn_json_close(j, ']');
    free(list);
}

void ix_put_balance(qn_json *j, const ix_job *job)
{
    const ix_entries *l = &job->q.found;
    int64_t in = 0, out = 0, left = 0;
    coin *list = NULL;
    size_t n = unspent(&job->q, &list);
    if (n == (size_t)-1) {
        j->failed = 1;
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        in += received(&l->e[i]);
        out += sent(&l->e[i]);
    }
    for (size_t i = 0; i < n; i++)
        left += list[i].value;
    qn_json_amount(j, "balance", left);
    qn_json_amount(j, "received", in);
    qn_json_amount(j, "sent", out);
    qn_json_int(j, "transactions", (int64_t)l->n);
    qn_json_int(j, "utxos", (int64_t)n);
    free(list);
}

void ix_put_spender(qn_json *j, const ix_job *job)
{
    const ix_entries *l = &job->q.found;
    for (size_t i = 0; i < l->n; i++)
        for (uint32_t k = 0; k < l->e[i].n_spend; k++) {
            const ix_spend *s = &l->e[i].spend[k];
            if (s->prev_n != job->q.seek_n || memcmp(s->prev.b, job->q.seek_txid.b, 32) != 0)
                continue;
            qn_json_bool(j, "spent", 1);
            qn_json_hex(j, "txid", l->e[i].txid.b, 32, 1);
            qn_json_int(j, "input", s->in);
            qn_json_int(j, "height", l->e[i].height);
            qn_json_int(j, "confirmations", confirmations(job->q.heights, l->e[i].height));
            return;
        }
    qn_json_bool(j, "spent", 0);
}

/* ---- one transaction ---- */

void ix_put_tx(const ix *x, qn_json *j, const qn_block_view *v, uint32_t height, uint32_t pos)
{
    const qn_tx_rec *tx = qn_view_tx(v, pos);
    qn_json_hex(j, "txid", tx->txid, 32, 1);
    qn_json_hex(j, "hash", tx->wtxid, 32, 1);
    qn_json_int(j, "size", tx->len);
    qn_json_int(j, "weight", tx->weight);
    qn_json_hex(j, "blockhash", v->hash, 32, 1);
    qn_json_int(j, "height", height);
    qn_json_int(j, "position", pos);
    qn_json_int(j, "confirmations", confirmations(x->done_heights, height));
    if (pos > 0 && (v->flags & QN_VIEW_SPENT))
        qn_json_amount(j, "fee", qn_view_fee(v, pos));
    qn_json_hex(j, "hex", qn_view_raw(v) + tx->off, tx->len, 0);
}

void ix_put_status(const ix *x, qn_json *j)
{
    qn_store_info info;
    QN_INIT(&info);
    ix_put_tip(j, x->done_heights, &x->done_tip);
    qn_json_bool(j, "synced", x->f.follow && x->f.lag == 0 && x->done_heights == x->n_heights);
    qn_json_int(j, "behind", (int64_t)x->f.lag + x->n_heights - x->done_heights);
    qn_json_int(j, "transactions", x->next_txnum);
    qn_json_bool(j, "data_outputs", x->data_outputs);
    if (x->store.t->info(x->store.cap, &info) == QN_OK) {
        qn_json_int(j, "store_bytes", (int64_t)info.bytes);
        qn_json_int(j, "store_quota", (int64_t)info.quota);
    }
}
