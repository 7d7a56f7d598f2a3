/* What the operator says of transactions: fees to be reckoned with, and which of them are ours and
 * not sent out yet. */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/mempool/pool_internal.h"

#include <stdlib.h>

static qc_mempool_delta_rec *delta_for(qc_mempool *m, const qc_hash *txid)
{
    qc_mempool_delta_rec *d = qc_keymap_get(&m->deltas, txid->b);
    if (d)
        return d;
    d = qc_alloc(sizeof *d);
    d->txid = *txid;
    qc_keymap_must_reserve(&m->deltas, 1);
    qc_keymap_put(&m->deltas, d->txid.b, d);
    return d;
}

void qc_pool_forget_delta(qc_mempool *m, const qc_hash *txid)
{
    qc_free(qc_keymap_take(&m->deltas, txid->b));
}

void qc_mempool_prioritise(qc_mempool *m, const qc_hash *txid, qc_amount delta)
{
    qc_mempool_delta_rec *d = delta_for(m, txid);
    qc_mempool_entry *e = qc_keymap_get(&m->by_txid, txid->b);
    char hex[QC_HASH_HEX_LEN + 1];
    d->delta = qc_fee_add(d->delta, delta);
    if (e) {
        e->modified_fee = qc_fee_add(e->modified_fee, delta);
        qc_graph_set_fee(m->graph, e->ref, e->modified_fee);
        m->updates++;
    }
    qc_hash_hex(txid, hex);
    qc_log(QC_LOG_INFO, "mempool",
           "PrioritiseTransaction: %s (%sin mempool) fee += %lld, delta=%lld", hex, e ? "" : "not ",
           (long long)delta, (long long)d->delta);
    if (d->delta == 0)
        qc_pool_forget_delta(m, txid);
}

qc_amount qc_mempool_delta(const qc_mempool *m, const qc_hash *txid)
{
    const qc_mempool_delta_rec *d = qc_keymap_get(&m->deltas, txid->b);
    return d ? d->delta : 0;
}

static int by_txid(const void *a, const void *b)
{
    return qc_hash_order(a, b);
}

size_t qc_mempool_deltas(const qc_mempool *m, qc_mempool_delta_rec **out)
{
    size_t n = 0, at = 0;
    *out = qc_alloc((m->deltas.n + 1) * sizeof **out);
    for (const qc_mempool_delta_rec *d; (d = qc_keymap_next(&m->deltas, &at));)
        (*out)[n++] = *d;
    qsort(*out, n, sizeof **out, by_txid); /* the txid is its first member */
    return n;
}

/* ---- not sent out yet ---- */

void qc_mempool_unbroadcast_add(qc_mempool *m, const qc_hash *txid)
{
    qc_mempool_entry *e = qc_keymap_get(&m->by_txid, txid->b);
    if (!e || qc_keymap_get(&m->unbroadcast, txid->b))
        return;
    qc_keymap_must_reserve(&m->unbroadcast, 1);
    qc_keymap_put(&m->unbroadcast, e->tx.rec->txid, e);
}

void qc_mempool_unbroadcast_done(qc_mempool *m, const qc_hash *txid)
{
    if (!qc_keymap_take(&m->unbroadcast, txid->b))
        return;
    char hex[QC_HASH_HEX_LEN + 1];
    qc_hash_hex(txid, hex);
    qc_log(QC_LOG_DEBUG, "mempool", "Removed %s from set of unbroadcast txns", hex);
}

bool qc_mempool_unbroadcast(const qc_mempool *m, const qc_hash *txid)
{
    return qc_keymap_get(&m->unbroadcast, txid->b) != NULL;
}

size_t qc_mempool_unbroadcast_all(const qc_mempool *m, qc_hash **out)
{
    size_t n = 0, at = 0;
    *out = qc_alloc((m->unbroadcast.n + 1) * sizeof **out);
    for (const qc_mempool_entry *e; (e = qc_keymap_next(&m->unbroadcast, &at));)
        (*out)[n++] = *qc_entry_txid(e);
    qsort(*out, n, sizeof **out, by_txid);
    return n;
}
