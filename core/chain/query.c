/* Reads for any thread, and the small queries of the chain thread. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/chain/internal.h"

#include <math.h>
#include <stdlib.h>

#define RECENT (2 * 60 * 60)

const qc_u256 *qc_chain_min_work(const qc_chain *c)
{
    return &c->min_work;
}

const qc_params *qc_chain_params(const qc_chain *c)
{
    return c->params;
}

qc_pool *qc_chain_pool(const qc_chain *c)
{
    return c->pool;
}

qc_sig_cache *qc_chain_sig_cache(const qc_chain *c)
{
    return c->sig_cache;
}

qc_script_cache *qc_chain_script_cache(const qc_chain *c)
{
    return c->script_cache;
}

const qc_index *qc_chain_tip(const qc_chain *c)
{
    return atomic_load(&c->pub.tip);
}

const qc_index *qc_chain_best_header(const qc_chain *c)
{
    return atomic_load(&c->pub.best_header);
}

const qc_index *qc_chain_durable(const qc_chain *c)
{
    return atomic_load(&c->pub.durable);
}

const qc_index *qc_chain_at(const qc_chain *c, uint32_t height)
{
    return qc_published_at(&c->pub, height);
}

bool qc_chain_contains(const qc_chain *c, const qc_index *i)
{
    return qc_published_at(&c->pub, i->height) == i;
}

const qc_index *qc_chain_find(const qc_chain *c, const qc_hash *hash)
{
    return qc_tree_find(c->tree, hash);
}

uint64_t qc_chain_seq(const qc_chain *c)
{
    return atomic_load(&c->pub.seq);
}

bool qc_chain_initial_download(const qc_chain *c)
{
    return atomic_load(&c->ibd);
}

bool qc_chain_reindexing(const qc_chain *c)
{
    return atomic_load(&c->reindexing);
}

bool qc_chain_large_invalid(const qc_chain *c)
{
    return atomic_load(&c->large_invalid);
}

uint64_t qc_chain_disk_usage(const qc_chain *c)
{
    return qc_blockfiles_usage(c->files);
}

/* Core validation.cpp GuessVerificationProgress. Display only. */
double qc_chain_progress(const qc_chain *c, const qc_index *i)
{
    uint64_t done = i ? atomic_load(&i->chain_tx) : 0;
    const qc_index *best = qc_chain_best_header(c);
    if (!done)
        return 0.0;
    int64_t now = qc_clock_now();
    int64_t time = i->header.time;
    /* A recent header's own time may be off: count blocks instead, so that the end is exactly 1. */
    if (best && best->height >= i->height && llabs(now - time) <= RECENT)
        time = now - (int64_t)(best->height - i->height) * c->params->pow_spacing;
    double total;
    if (done <= c->params->tx_count)
        total =
            (double)c->params->tx_count + (double)(now - c->params->tx_time) * c->params->tx_rate;
    else
        total = (double)done + (double)(now - time) * c->params->tx_rate;
    return fmin((double)done / total, 1.0);
}

/* ---- leaves ---- */

static bool off_chain(void *arg, const qc_index *i)
{
    return !qc_chain_contains(arg, i);
}

static int by_address(const void *a, const void *b)
{
    const qc_index *x = *(const qc_index *const *)a, *y = *(const qc_index *const *)b;
    return x < y ? -1 : x > y;
}

/* Of entries off the active chain, those that no other one has for a parent (Core getchaintips). */
qc_err qc_chain_leaves(const qc_chain *c, const qc_index ***list, size_t *n)
{
    const qc_index **v, **parent, **out;
    const qc_index *tip = qc_chain_tip(c);
    size_t all, kept = 0;
    qc_chain *any = (qc_chain *)(uintptr_t)c; /* off_chain() only reads */
    qc_err err = qc_tree_collect(c->tree, off_chain, any, &v, &all);
    if (err)
        return err;
    parent = qc_try_calloc(all, sizeof *parent);
    out = qc_try_calloc(all + 1, sizeof *out);
    if (!parent || !out) {
        qc_free(parent);
        qc_free(out);
        qc_free(v);
        return QC_ENOMEM;
    }
    for (size_t k = 0; k < all; k++)
        parent[k] = v[k]->parent;
    qsort(parent, all, sizeof *parent, by_address);
    if (tip)
        out[kept++] = tip;
    for (size_t k = 0; k < all; k++)
        if (!bsearch(&v[k], parent, all, sizeof *parent, by_address) && v[k] != tip)
            out[kept++] = v[k];
    qc_free(parent);
    qc_free(v);
    *list = out;
    *n = kept;
    return QC_OK;
}

/* ---- chain thread ---- */

qc_err qc_chain_coin(qc_chain *c, const qc_outpoint *o, qc_coin *coin)
{
    qc_spent s;
    qc_err err = qc_coins_get(c->coins, o, &s);
    if (err)
        return err;
    uint8_t *script = qc_try_malloc(s.script.len);
    if (!script)
        return QC_ENOMEM;
    if (s.script.len)
        memcpy(script, s.script.data, s.script.len);
    *coin = (qc_coin){s.value, s.height, s.coinbase, (uint32_t)s.script.len, script};
    return QC_OK;
}

qc_coins *qc_chain_coins(qc_chain *c)
{
    return c->coins;
}

qc_coinsdb *qc_chain_coinsdb(qc_chain *c)
{
    return c->coinsdb;
}

void qc_chain_cache_usage(const qc_chain *c, size_t *coins, size_t *bytes)
{
    *coins = qc_coins_count(c->coins);
    *bytes = qc_coins_usage(c->coins);
}

void qc_chain_set_followers(qc_chain *c, unsigned n)
{
    atomic_store(&c->followers, n);
}
