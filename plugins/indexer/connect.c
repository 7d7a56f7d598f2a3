/* A block's rows. Connecting and disconnecting compute the same rows from the same view, so undoing
 * a block needs no record of what it did. */
#include "lib/hash.h"
#include "plugins/indexer/indexer.h"

#include <stdlib.h>

/* The script prefixes of one transaction, each once. */
typedef struct prefixes {
    uint64_t *v;
    size_t n, cap;
} prefixes;

static bool prefixes_add(prefixes *p, const uint8_t *script, uint32_t len)
{
    uint8_t hash[32];
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        uint64_t *v = realloc(p->v, cap * sizeof *v);
        if (!v)
            return false;
        p->v = v;
        p->cap = cap;
    }
    qn_script_hash(script, len, hash);
    memcpy(&p->v[p->n++], hash, IX_PREFIX);
    return true;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void prefixes_unique(prefixes *p)
{
    if (p->n < 2)
        return;
    qsort(p->v, p->n, sizeof *p->v, by_value);
    size_t n = 1;
    for (size_t i = 1; i < p->n; i++)
        if (p->v[i] != p->v[n - 1])
            p->v[n++] = p->v[i];
    p->n = n;
}

static bool indexed_output(const ix *x, const uint8_t *script, uint32_t len)
{
    return x->data_outputs || len == 0 || script[0] != 0x6a;
}

static bool gather(const ix *x, const qn_block_view *view, const qn_tx_rec *tx, prefixes *p)
{
    p->n = 0;
    QN_EACH_OUT(view, tx, k, out)
    {
        const uint8_t *script = qn_out_script(view, out);
        if (indexed_output(x, script, out->script_len) && !prefixes_add(p, script, out->script_len))
            return false;
    }
    /* The first transaction is the coinbase: its input spends nothing. */
    if (tx->in0 > 0)
        for (uint32_t k = tx->in0; k < tx->in0 + tx->n_in; k++) {
            const qn_spent_rec *coin = qn_view_spent(view, k);
            if (!prefixes_add(p, qn_view_spent_script(view, coin), coin->script_len))
                return false;
        }
    prefixes_unique(p);
    return true;
}

typedef void row_fn(qn_batch *b, const uint8_t *key);

static void row_put(qn_batch *b, const uint8_t *key)
{
    qn_batch_put(b, key, IX_ROW_LEN, NULL, 0);
}

static void row_delete(qn_batch *b, const uint8_t *key)
{
    qn_batch_delete(b, key, IX_ROW_LEN);
}

static qn_status each_row(ix *x, const qn_block_view *view, uint32_t first, row_fn *fn)
{
    prefixes p = {NULL, 0, 0};
    uint8_t key[IX_ROW_LEN];
    qn_status st = QN_OK;
    for (uint32_t i = 0; i < view->tx.count && st == QN_OK; i++) {
        const qn_tx_rec *tx = qn_view_tx(view, i);
        if (!gather(x, view, tx, &p)) {
            st = QN_E_NOMEM;
            break;
        }
        ix_row('T', tx->txid, first + i, key);
        fn(&x->batch, key);
        for (size_t k = 0; k < p.n; k++) {
            ix_row('H', (const uint8_t *)&p.v[k], first + i, key);
            fn(&x->batch, key);
        }
    }
    free(p.v);
    return x->batch.failed ? QN_E_NOMEM : st;
}

/* Rows without the coins a block spends would be wrong for ever. */
static bool complete(const qn_block_view *view)
{
    return view->tx.count <= 1 || (view->flags & QN_VIEW_SPENT);
}

qn_status ix_on_connect(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    ix *x = arg;
    uint32_t first = x->next_txnum;
    uint8_t key[IX_BLOCK_ROW_LEN], value[IX_BLOCK_VALUE_LEN];
    if (ev->ref.height != x->n_heights || view->tx.count > 0xffffffffu - first || !complete(view))
        return QN_E_INTERNAL;
    qn_status st = each_row(x, view, first, row_put);
    if (st != QN_OK)
        return st;
    ix_block_row(ev->ref.height, key);
    memcpy(value, ev->ref.hash.b, 32);
    ix_put_be32(value + 32, first);
    qn_batch_put(&x->batch, key, sizeof key, value, sizeof value);
    if (x->batch.len >= x->batch_limit)
        x->f.want_commit = 1;
    return ix_catalogue_push(x, &ev->ref.hash, view->tx.count);
}

qn_status ix_on_disconnect(void *arg, const qn_follow_event *ev, const qn_block_view *view)
{
    ix *x = arg;
    uint8_t key[IX_BLOCK_ROW_LEN];
    if (x->n_heights == 0 || ev->ref.height != x->n_heights - 1 || !complete(view))
        return QN_E_INTERNAL;
    qn_status st = each_row(x, view, x->first[ev->ref.height], row_delete);
    if (st != QN_OK)
        return st;
    ix_block_row(ev->ref.height, key);
    qn_batch_delete(&x->batch, key, sizeof key);
    ix_catalogue_pop(x, &ev->prev.hash);
    /* Committed one by one, so that what is committed is always a prefix of the catalogue: queries
     * between two steps then see one state. */
    x->f.want_commit = 1;
    return x->batch.failed ? QN_E_NOMEM : QN_OK;
}
