/* Finding the coins that a block spends: those that the block itself makes, those in the cache, and
 * the rest from the database, many at a time, because each of those lookups mostly waits. */
#include "core/chain/internal.h"

#include "core/base/alloc.h"
#include "core/crypto/siphash.h"

/* Small open-addressing map of block-local things; values are index + 1. */
struct map {
    uint32_t *slot;
    uint32_t mask;
};

static qc_err map_new(struct map *m, size_t n)
{
    uint32_t slots = 16;
    while (slots < n * 2)
        slots *= 2;
    m->mask = slots - 1;
    m->slot = qc_try_calloc(slots, sizeof *m->slot);
    return m->slot ? QC_OK : QC_ENOMEM;
}

struct find {
    qc_chain *c;
    const qc_block *b;
    const qn_block_view *view;
    const qc_coins *coins;
    qc_inputs *in;
    struct map txs, outpoints;
    qc_siphash_key salt;
    uint32_t *ask; /* inputs whose coin lies outside the block */
    uint32_t n_ask;
    _Atomic int err;
};

static const qc_hash *txid_at(const struct find *f, uint32_t t)
{
    return (const qc_hash *)qn_view_tx(f->view, t)->txid;
}

static qc_outpoint outpoint_at(const struct find *f, uint32_t k)
{
    const qn_in_rec *r = qn_view_in(f->view, k);
    qc_outpoint o;
    memcpy(o.txid.b, r->prev_txid, 32);
    o.n = r->prev_n;
    return o;
}

static void map_txs(struct find *f)
{
    for (uint32_t t = 0; t < f->in->n_tx; t++) {
        uint32_t at = (uint32_t)qc_siphash_hash(&f->salt, txid_at(f, t)) & f->txs.mask;
        while (f->txs.slot[at])
            at = (at + 1) & f->txs.mask;
        f->txs.slot[at] = t + 1;
    }
}

/* Transaction of the block with that id, or UINT32_MAX. */
static uint32_t tx_named(const struct find *f, const qc_hash *txid)
{
    uint32_t at = (uint32_t)qc_siphash_hash(&f->salt, txid) & f->txs.mask;
    for (; f->txs.slot[at]; at = (at + 1) & f->txs.mask)
        if (qc_hash_eq(txid_at(f, f->txs.slot[at] - 1), txid))
            return f->txs.slot[at] - 1;
    return UINT32_MAX;
}

/* True when an earlier input of the block names the same outpoint. */
static bool named_before(struct find *f, uint32_t k, const qc_outpoint *o)
{
    uint32_t at = (uint32_t)qc_siphash_hash_u32(&f->salt, &o->txid, o->n) & f->outpoints.mask;
    for (; f->outpoints.slot[at]; at = (at + 1) & f->outpoints.mask) {
        qc_outpoint p = outpoint_at(f, f->outpoints.slot[at] - 1);
        if (p.n == o->n && qc_hash_eq(&p.txid, &o->txid))
            return true;
    }
    f->outpoints.slot[at] = k + 1;
    return false;
}

/* The coin is an output of an earlier transaction of this block. */
static bool find_inside(struct find *f, uint32_t k, uint32_t t, const qc_outpoint *o,
                        uint32_t height)
{
    uint32_t from = tx_named(f, &o->txid);
    if (from >= t)
        return false;
    const qn_tx_rec *tx = qn_view_tx(f->view, from);
    if (o->n >= tx->n_out)
        return false;
    const qn_out_rec *out = qn_view_out(f->view, tx->out0 + o->n);
    qc_span script = {qn_view_raw(f->view) + out->script_off, out->script_len};
    if (qc_unspendable(script))
        return false;
    f->in->spent[k] = (qc_spent){out->value, script, height, from == 0};
    f->in->state[k] = QC_IN_INSIDE;
    f->in->out_spent[tx->out0 + o->n] = 1;
    return true;
}

static void classify(struct find *f, uint32_t height)
{
    for (uint32_t t = 0; t < f->in->n_tx; t++) {
        const qn_tx_rec *tx = qn_view_tx(f->view, t);
        for (uint32_t k = tx->in0; k < tx->in0 + tx->n_in; k++) {
            f->in->tx_of[k] = t;
            if (t == 0) {
                f->in->state[k] = QC_IN_COINBASE;
                continue;
            }
            qc_outpoint o = outpoint_at(f, k);
            if (!named_before(f, k, &o) && !find_inside(f, k, t, &o, height))
                f->ask[f->n_ask++] = k;
        }
    }
}

static bool ask_one(void *arg, size_t n)
{
    struct find *f = arg;
    uint32_t k = f->ask[n];
    qc_outpoint o = outpoint_at(f, k);
    qc_spent *s = &f->in->spent[k];
    qc_coins_hit hit = qc_coins_peek(f->coins, &o, s);
    if (hit == QC_COINS_SPENT)
        return true;
    if (hit == QC_COINS_MISS) {
        qc_coin *coin = &f->in->from_db[k];
        qc_err err = qc_coinsdb_get(f->c->coinsdb, &o, coin);
        if (err == QC_ENOENT)
            return true;
        if (err) {
            atomic_store(&f->err, (int)err);
            return false;
        }
        *s =
            (qc_spent){coin->value, {coin->script, coin->script_len}, coin->height, coin->coinbase};
    }
    f->in->state[k] = QC_IN_OUTSIDE;
    return true;
}

static qc_err room(struct find *f)
{
    qc_inputs *in = f->in;
    in->spent = qc_try_calloc(in->n_in, sizeof *in->spent);
    in->state = qc_try_calloc(in->n_in, 1);
    in->out_spent = qc_try_calloc(in->n_out, 1);
    in->from_db = qc_try_calloc(in->n_in, sizeof *in->from_db);
    in->tx_of = qc_try_calloc(in->n_in, sizeof *in->tx_of);
    f->ask = qc_try_calloc(in->n_in, sizeof *f->ask);
    if (!in->spent || !in->state || !in->out_spent || !in->from_db || !in->tx_of || !f->ask)
        return QC_ENOMEM;
    qc_err err = map_new(&f->txs, in->n_tx);
    return err ? err : map_new(&f->outpoints, in->n_in);
}

qc_err qc_inputs_find(qc_chain *c, const qc_block *b, uint32_t height, const qc_coins *view,
                      qc_inputs *out)
{
    const qn_block_view *bv = qc_block_view(b);
    *out = (qc_inputs){.n_in = bv->in.count, .n_out = bv->out.count, .n_tx = bv->tx.count};
    struct find f = {.c = c, .b = b, .view = bv, .coins = view, .in = out, .salt = c->salt};
    qc_err err = room(&f);
    if (!err) {
        map_txs(&f);
        classify(&f, height);
        qc_pool_run(c->fetch_pool, ask_one, &f, f.n_ask, 0);
        err = (qc_err)atomic_load(&f.err);
    }
    qc_free(f.ask);
    qc_free(f.txs.slot);
    qc_free(f.outpoints.slot);
    if (err)
        qc_inputs_clear(out);
    return err;
}

void qc_inputs_clear(qc_inputs *in)
{
    for (uint32_t k = 0; in->from_db && k < in->n_in; k++)
        qc_coin_clear(&in->from_db[k]);
    qc_free(in->from_db);
    qc_free(in->spent);
    qc_free(in->state);
    qc_free(in->out_spent);
    qc_free(in->tx_of);
    *in = (qc_inputs){0};
}

/* ---- BIP30 ---- */

struct overwrite {
    qc_chain *c;
    const qn_block_view *view;
    const qc_coins *coins;
    _Atomic int err;
    _Atomic bool found;
};

static bool overwrite_one(void *arg, size_t t)
{
    struct overwrite *w = arg;
    const qn_tx_rec *tx = qn_view_tx(w->view, (uint32_t)t);
    qc_outpoint o;
    memcpy(o.txid.b, tx->txid, 32);
    for (o.n = 0; o.n < tx->n_out; o.n++) {
        qc_coins_hit hit = qc_coins_peek(w->coins, &o, NULL);
        qc_err err = hit == QC_COINS_UNSPENT ? QC_OK : QC_ENOENT;
        if (hit == QC_COINS_MISS) {
            qc_coin coin = {0};
            err = qc_coinsdb_get(w->c->coinsdb, &o, &coin);
            if (!err)
                qc_coin_clear(&coin);
        }
        if (err && err != QC_ENOENT)
            atomic_store(&w->err, (int)err);
        if (!err)
            atomic_store(&w->found, true);
        if (err != QC_ENOENT)
            return false;
    }
    return true;
}

qc_err qc_inputs_overwrite(qc_chain *c, const qc_block *b, const qc_coins *view, bool *found)
{
    struct overwrite w = {.c = c, .view = qc_block_view(b), .coins = view};
    qc_pool_run(c->fetch_pool, overwrite_one, &w, qc_block_n_tx(b), 0);
    *found = atomic_load(&w.found);
    return (qc_err)atomic_load(&w.err);
}
