#include "core/mining/miner.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/mempool/keymap.h"
#include "core/mining/assemble.h"
#include "core/mining/choose.h"

#define THREADS_FROM 512 /* transactions: below, hashing is over before another thread is awake */

struct qc_miner {
    qc_miner_options o;
    qc_mempool *mempool; /* NULL: none */
    const qc_params *params;
    uint64_t id;
    qc_mono t_tip;
    _Atomic uint64_t last; /* weight << 32 | transactions << 1 | 1; 0: none yet */
};

/* The verdict on the tip is known; what the pool makes of it comes later. */
static void on_connected(void *arg, const qc_index *i, const qc_block *b)
{
    (void)i;
    (void)b;
    qc_miner *m = arg;
    m->t_tip = qc_clock_mono();
}

qc_err qc_miner_new(qc_miner **out, const qc_miner_options *o)
{
    *out = NULL;
    qc_err err = qc_template_options_check(&o->template, false, NULL, 0);
    if (err)
        return err;
    qc_miner *m = qc_try_alloc(sizeof *m);
    if (!m)
        return QC_ENOMEM;
    m->o = *o;
    m->params = qc_chain_params(o->chain);
    const qc_chain_events ev = {.arg = m, .connected = on_connected, .disconnected = on_connected};
    qc_chain_listen(o->chain, &ev);
    *out = m;
    return QC_OK;
}

void qc_miner_use_mempool(qc_miner *m, qc_mempool *pool)
{
    m->mempool = pool;
}

void qc_miner_free(qc_miner *m)
{
    qc_free(m);
}

const qc_template_options *qc_miner_defaults(const qc_miner *m)
{
    return &m->o.template;
}

uint64_t qc_miner_updates(const qc_miner *m)
{
    qc_mempool_info i = {.updates = 0};
    if (m->mempool)
        qc_mempool_info_of(m->mempool, &i);
    return i.updates;
}

bool qc_miner_last(const qc_miner *m, uint32_t *weight, uint32_t *n_tx)
{
    uint64_t v = atomic_load(&m->last);
    *weight = (uint32_t)(v >> 32);
    *n_tx = (uint32_t)v >> 1;
    return v != 0;
}

void qc_miner_made(qc_miner *m, uint32_t weight, uint32_t n_tx)
{
    atomic_store(&m->last, (uint64_t)weight << 32 | (uint64_t)n_tx << 1 | 1);
}

/* ---- the two trees ---- */

typedef struct trees {
    qc_template *t;
    qc_hash *txids, *wtxids; /* the coinbase's is zero in both */
    qc_hash witness_root;
} trees;

static bool hash_tree(void *arg, size_t which)
{
    trees *x = arg;
    size_t n = x->t->n_tx + 1u;
    if (which == 0)
        qc_merkle_branch(x->txids, n, 0, x->t->path, &x->t->path_len, NULL);
    else
        x->witness_root = qc_merkle_root(x->wtxids, n, NULL);
    return true;
}

static qc_err hash_trees(const qc_miner *m, qc_template *t, qc_hash *witness_root)
{
    size_t n = t->n_tx + 1u;
    qc_hash *leaf = qc_try_malloc(2 * n * sizeof *leaf);
    if (!leaf)
        return QC_ENOMEM;
    trees x = {.t = t, .txids = leaf, .wtxids = leaf + n};
    leaf[0] = leaf[n] = (qc_hash){{0}};
    for (uint32_t i = 0; i < t->n_tx; i++) {
        memcpy(leaf[i + 1].b, t->entry[i]->tx.rec->txid, 32);
        memcpy(leaf[n + i + 1].b, t->entry[i]->tx.rec->wtxid, 32);
    }
    qc_pool *pool = qc_chain_pool(m->o.chain);
    if (n >= THREADS_FROM && pool) {
        qc_pool_run(pool, hash_tree, &x, 2, 1);
    } else {
        hash_tree(&x, 0);
        hash_tree(&x, 1);
    }
    *witness_root = x.witness_root;
    qc_free(leaf);
    return QC_OK;
}

/* ---- who depends on whom ---- */

/* Places by txid. Most inputs spend coins of the chain: a bit for each possible first two bytes of
 * an id sorts them out before the table is asked. */
typedef struct places {
    qc_keymap by_txid;
    uint8_t maybe[65536 / 8];
} places;

static unsigned first_bits(const uint8_t *txid)
{
    return (unsigned)txid[0] << 8 | txid[1];
}

static uint32_t place_of(const places *p, const uint8_t *txid)
{
    unsigned b = first_bits(txid);
    if (!(p->maybe[b >> 3] >> (b & 7) & 1))
        return 0;
    return (uint32_t)(uintptr_t)qc_keymap_get(&p->by_txid, txid);
}

static void put_place(places *p, const uint8_t *txid, uint32_t place)
{
    unsigned b = first_bits(txid);
    p->maybe[b >> 3] |= (uint8_t)(1u << (b & 7));
    qc_keymap_put(&p->by_txid, txid, (void *)(uintptr_t)place);
}

static qc_err add_depend(qc_template *t, size_t *cap, uint32_t at, uint32_t place)
{
    if (at == *cap) {
        size_t more = 2 * *cap + 64;
        uint32_t *p = qc_try_realloc(t->depend, more * sizeof *p);
        if (!p)
            return QC_ENOMEM;
        t->depend = p;
        *cap = more;
    }
    t->depend[at] = place;
    return QC_OK;
}

static qc_err find_depends(qc_template *t, places *p)
{
    size_t cap = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_tx; i++) {
        const qc_tx *tx = &t->entry[i]->tx;
        t->depend_at[i] = n;
        for (uint32_t k = 0; k < tx->rec->n_in; k++) {
            uint32_t place = place_of(p, tx->in[k].prev_txid);
            if (!place)
                continue;
            qc_err err = add_depend(t, &cap, n++, place);
            if (err)
                return err;
        }
        put_place(p, tx->rec->txid, i + 1);
    }
    t->depend_at[t->n_tx] = n;
    return QC_OK;
}

static qc_err set_depends(qc_template *t)
{
    places p = {.maybe = {0}};
    t->depend_at = qc_try_calloc(t->n_tx + 1u, sizeof *t->depend_at);
    if (!t->depend_at)
        return QC_ENOMEM;
    qc_keymap_init(&p.by_txid, 32);
    qc_err err = qc_keymap_reserve(&p.by_txid, t->n_tx);
    if (!err)
        err = find_depends(t, &p);
    qc_keymap_clear(&p.by_txid);
    return err;
}

/* ---- the rest ---- */

static void set_header(const qc_miner *m, qc_template *t, qc_unixtime now)
{
    int64_t least = qc_mining_min_time(m->params, t->tip);
    int64_t time = QC_MAX(least, now);
    qc_u256 target;
    t->min_time = (uint32_t)QC_MIN(least, (int64_t)UINT32_MAX);
    t->cur_time = (uint32_t)QC_MIN(time, (int64_t)UINT32_MAX);
    t->version = m->o.has_version && m->params->mine_on_demand
                     ? m->o.version
                     : qc_mining_version(m->params, t->tip);
    t->bits = qc_mining_bits(m->params, t->tip, t->cur_time);
    qc_compact_decode(t->bits, &target, NULL, NULL);
    qc_u256_to_hash(&target, &t->target);
}

static void set_rules(const qc_miner *m, qc_template *t)
{
    const qc_bip9 *d = &m->params->testdummy;
    qc_ancestors a = qc_mining_ancestors(t->tip);
    qc_vb_state s = qc_vb_state_at(d, &a, t->height, NULL);
    if (s == QC_VB_STARTED || s == QC_VB_LOCKED_IN || s == QC_VB_ACTIVE)
        t->rule[t->n_rules++] = (qc_template_rule){d->name, d->bit, s, true};
    t->segwit = qc_deployment_active(m->params, QC_DEP_SEGWIT, t->height);
}

/* The entries pass to the template. */
static void set_chosen(qc_template *t, qc_chosen *c, const qc_template_options *o)
{
    t->entry = c->entry;
    t->n_tx = (uint32_t)c->n;
    t->chunk = c->chunk;
    t->n_chunks = (uint32_t)c->n_chunks;
    t->fees = c->fees;
    t->weight = (uint32_t)(c->weight - o->reserved_weight);
    t->sigops = (uint32_t)(c->sigops - o->reserved_sigops);
}

static qc_err fill(qc_miner *m, const qc_template_options *o, qc_unixtime now, qc_template *t)
{
    qc_chosen c;
    qc_hash witness_root;
    qc_err err = qc_choose(m->mempool, o, t->height, qc_index_mtp(t->tip), &c);
    if (err)
        return err;
    qc_miner_made(m, (uint32_t)c.weight, (uint32_t)c.n);
    set_chosen(t, &c, o);
    set_header(m, t, now);
    set_rules(m, t);
    err = set_depends(t);
    if (!err)
        err = hash_trees(m, t, &witness_root);
    if (!err)
        qc_coinbase_fix(m->params, t->height, t->fees, &witness_root, &t->coinbase);
    return err;
}

static qc_template *blank(qc_miner *m, const qc_index *tip, const qc_template_options *o,
                          qc_template_why why)
{
    qc_template *t = qc_try_alloc(sizeof *t);
    if (!t)
        return NULL;
    t->id = ++m->id;
    t->refs = 1;
    t->tip = tip;
    t->params = m->params;
    t->prev = tip->hash;
    t->height = tip->height + 1;
    t->why = why;
    t->kind = m->mempool && !o->no_mempool ? QC_TEMPLATE_FULL : QC_TEMPLATE_EMPTY;
    t->updates = qc_miner_updates(m);
    t->t_tip = m->t_tip;
    return t;
}

qc_err qc_miner_template(qc_miner *m, const qc_template_options *o, qc_template_why why,
                         qc_unixtime now, const qc_template **out)
{
    *out = NULL;
    o = o ? o : &m->o.template;
    qc_err err = qc_template_options_check(o, false, NULL, 0);
    if (err)
        return err;
    const qc_index *tip = qc_chain_tip(m->o.chain);
    if (!tip)
        return QC_ENOENT;
    qc_template *t = blank(m, tip, o, why);
    if (!t)
        return QC_ENOMEM;
    err = fill(m, o, now, t);
    if (err) {
        qc_template_unref(t);
        return err;
    }
    t->t_built = qc_clock_mono();
    qc_log(QC_LOG_INFO, "mining", "template %llu: block weight: %u txs: %u fees: %lld sigops %u",
           (unsigned long long)t->id, t->weight + (uint32_t)o->reserved_weight, t->n_tx,
           (long long)t->fees, t->sigops + (uint32_t)o->reserved_sigops);
    *out = t;
    return QC_OK;
}
