#include "core/sync/txpool.h"

#include "core/base/log.h"
#include "core/mempool/accept.h"
#include "core/mempool/ahead.h"

static void show(const qc_mempool_entry *e, qc_pool_tx *out)
{
    *out = (qc_pool_tx){e, &e->tx, e->sequence, e->fee, e->vsize};
}

static bool find(void *arg, const qc_tx_name *name, qc_pool_tx *out)
{
    const qc_txpool *t = arg;
    const qc_mempool_entry *e =
        name->wtxid ? qc_mempool_find_wtxid(t->m, &name->hash) : qc_mempool_find(t->m, &name->hash);
    if (e)
        show(e, out);
    return e != NULL;
}

static int compare(void *arg, const qc_pool_tx *a, const qc_pool_tx *b)
{
    const qc_txpool *t = arg;
    return qc_mempool_compare(t->m, a->entry, b->entry);
}

static void each(void *arg, void (*take)(void *to, const qc_pool_tx *tx), void *to)
{
    const qc_txpool *t = arg;
    qc_mempool_list all;
    qc_mempool_sorted(t->m, &all);
    for (size_t i = 0; i < all.n; i++) {
        qc_pool_tx tx;
        show(all.e[i], &tx);
        take(to, &tx);
    }
    qc_mempool_list_clear(&all);
}

/* ---- letting in ---- */

static void answer(const qc_txpool *t, const qc_accept_result *r, qc_tx_answer *out)
{
    switch (r->kind) {
    case QC_ACCEPT_NONE:
    case QC_ACCEPT_THERE:
        return;
    case QC_ACCEPT_VALID:
        out->kind = QC_TX_IN;
        for (size_t i = 0; t->spare && i < r->n_replaced; i++)
            t->spare(t->spare_to, &r->replaced[i]->tx);
        return;
    case QC_ACCEPT_INVALID:
        out->kind = QC_TX_REFUSED;
        out->v = r->v;
        return;
    case QC_ACCEPT_OTHER_WITNESS:
        out->kind = QC_TX_REFUSED;
        qc_verdict_fail(&out->v, QC_V_CONFLICT, "txn-same-nonwitness-data-in-mempool", NULL);
        return;
    }
}

static void complain(qc_err err)
{
    qc_log(QC_LOG_ERROR, "mempool", "A transaction could not be judged: %s", qc_err_text(err));
}

static void take(void *arg, const qc_tx *tx, qc_tx_answer *out)
{
    const qc_txpool *t = arg;
    const qc_accept_opts o = {.test_only = false};
    qc_accept_result r;
    qc_err err = qc_mempool_accept(t->m, tx, &o, &r);
    if (err)
        complain(err);
    else
        answer(t, &r, out);
    qc_accept_result_clear(&r);
}

static bool take_pair(void *arg, const qc_tx *parent, const qc_tx *child, qc_tx_answer out[2])
{
    const qc_txpool *t = arg;
    const qc_tx *const pair[2] = {parent, child};
    const qc_package_opts o = {.test_only = false};
    qc_package_result r;
    qc_err err = qc_mempool_accept_package(t->m, pair, 2, &o, &r);
    bool in = !err && qc_verdict_ok(&r.v);
    if (err)
        complain(err);
    for (size_t i = 0; !err && i < r.n; i++)
        answer(t, &r.tx[i], &out[i]);
    qc_package_result_clear(&r);
    return in;
}

static bool ahead(void *arg, const qc_tx *tx)
{
    return qc_mempool_ahead(((const qc_txpool *)arg)->m, tx);
}

static void ahead_over(void *arg, const qc_tx *tx)
{
    qc_mempool_ahead_over(((const qc_txpool *)arg)->m, tx);
}

static void spare_to(void *arg, void (*spare)(void *to, const qc_tx *tx), void *to)
{
    qc_txpool *t = arg;
    t->spare = spare;
    t->spare_to = to;
}

/* ---- the rest ---- */

static uint64_t sequence(void *arg)
{
    return qc_mempool_sequence(((const qc_txpool *)arg)->m);
}

static int64_t min_fee(void *arg)
{
    return qc_feerate_kvb(qc_mempool_min_fee(((qc_txpool *)arg)->m));
}

static size_t unasked(void *arg, qc_hash **txid)
{
    return qc_mempool_unbroadcast_all(((const qc_txpool *)arg)->m, txid);
}

static void asked(void *arg, const qc_hash *txid)
{
    qc_mempool_unbroadcast_done(((qc_txpool *)arg)->m, txid);
}

qc_relay_pool qc_txpool_for_relay(qc_txpool *t)
{
    return (qc_relay_pool){
        .arg = t,
        .find = find,
        .compare = compare,
        .each = each,
        .take = take,
        .take_pair = take_pair,
        .ahead = ahead,
        .ahead_over = ahead_over,
        .spare_to = spare_to,
        .sequence = sequence,
        .min_fee = min_fee,
        .min_relay = qc_feerate_kvb(qc_mempool_policy(t->m)->min_relay),
        .unasked = unasked,
        .asked = asked,
    };
}

static void source_each(void *arg, qc_tx_taker *take_one, void *to)
{
    const qc_txpool *t = arg;
    for (size_t i = 0; i < qc_mempool_count(t->m); i++) {
        const qc_mempool_entry *e = qc_mempool_at(t->m, i);
        const qc_known_tx tx = {qc_entry_txid(e), qc_entry_wtxid(e), qc_tx_bytes(&e->tx)};
        if (!take_one(to, &tx))
            return;
    }
}

qc_tx_source qc_txpool_source(qc_txpool *t)
{
    return (qc_tx_source){.arg = t, .each = source_each};
}
