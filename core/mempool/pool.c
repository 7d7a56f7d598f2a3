/* The pool's store: entries under their ids and the outputs they spend, and the sums over them. */
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/mempool/pool_internal.h"
#include "core/os/file.h"

#define SLOT_BYTES (sizeof(qc_keyslot) * 2)
#define TABLES 2u

qc_mempool_options qc_mempool_defaults(qc_chain *chain)
{
    return (qc_mempool_options){
        .chain = chain,
        .policy = qc_policy_default(),
        .max_bytes = QC_MEMPOOL_MAX_BYTES,
        .expiry = QC_MEMPOOL_EXPIRY,
        .cluster_count = QC_MEMPOOL_CLUSTER_COUNT,
        .cluster_vbytes = QC_MEMPOOL_CLUSTER_VBYTES,
    };
}

int qc_hash_order(const qc_hash *a, const qc_hash *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}

static int by_txid(void *ctx, const void *a, const void *b)
{
    (void)ctx;
    return qc_hash_order(qc_entry_txid(a), qc_entry_txid(b));
}

static qc_graph *new_graph(const qc_mempool_options *o, uint64_t seed)
{
    const qc_graph_config config = {
        .max_count = QC_MIN(o->cluster_count, (uint32_t)QC_GRAPH_MAX_COUNT),
        .max_size = QC_MIN(o->cluster_vbytes, INT32_MAX / (int64_t)QC_WITNESS_SCALE) *
                    (int64_t)QC_WITNESS_SCALE,
        .seed = seed,
        .order = by_txid,
        .read_at = offsetof(qc_mempool_entry, rec.off),
        .read_bytes = sizeof(qc_mempool_entry) - offsetof(qc_mempool_entry, rec.off),
    };
    return qc_graph_new(&config);
}

qc_err qc_mempool_new(qc_mempool **out, const qc_mempool_options *o)
{
    *out = NULL;
    if (o->max_bytes && (int64_t)o->max_bytes < o->cluster_vbytes * QC_MEMPOOL_LEAST_CLUSTERS)
        return QC_ERANGE;
    qc_mempool *m = qc_try_alloc(sizeof *m);
    if (!m)
        return QC_ENOMEM;
    m->o = *o;
    m->chain = o->chain;
    m->coins = qc_chain_coins(o->chain);
    m->tip = qc_chain_tip(o->chain);
    uint64_t seed = o->seed;
    if (!seed)
        qc_os_random(&seed, sizeof seed);
    m->dice = seed;
    m->graph = new_graph(o, seed);
    m->slab = qc_slab_new(sizeof(qc_mempool_entry));
    qc_keymap_init(&m->by_txid, 32);
    qc_keymap_init(&m->by_wtxid, 32);
    qc_keymap_init(&m->spent, 36);
    qc_keymap_init(&m->deltas, 32);
    qc_keymap_init(&m->unbroadcast, 32);
    qc_keymap_init(&m->returned.at, 32);
    m->sequence = 1;
    m->oldest = INT64_MAX;
    m->min_rate_at = qc_clock_now();
    m->ahead = qc_ahead_line_new(m->chain);
    qc_pool_follow(m);
    *out = m;
    return QC_OK;
}

static void free_deltas(qc_mempool *m)
{
    size_t at = 0;
    for (void *d; (d = qc_keymap_next(&m->deltas, &at));)
        qc_free(d);
    qc_keymap_clear(&m->deltas);
}

void qc_mempool_free(qc_mempool *m)
{
    if (!m)
        return;
    qc_ahead_line_free(m->ahead);
    qc_pool_news_clear(m);
    qc_pool_returned_clear(m);
    for (size_t i = 0; i < m->n; i++) {
        m->all[i]->inside = false;
        qc_mempool_entry_unref(m->all[i]);
    }
    free_deltas(m);
    qc_keymap_clear(&m->by_txid);
    qc_keymap_clear(&m->by_wtxid);
    qc_keymap_clear(&m->spent);
    qc_keymap_clear(&m->unbroadcast);
    qc_graph_free(m->graph);
    qc_slab_close(m->slab);
    qc_free(m->all);
    qc_free(m);
}

const qc_policy *qc_mempool_policy(const qc_mempool *m)
{
    return &m->o.policy;
}

const qc_mempool_options *qc_mempool_limits(const qc_mempool *m)
{
    return &m->o;
}

/* ---- lookups ---- */

const qc_mempool_entry *qc_mempool_find(const qc_mempool *m, const qc_hash *txid)
{
    return qc_keymap_get(&m->by_txid, txid->b);
}

const qc_mempool_entry *qc_mempool_find_wtxid(const qc_mempool *m, const qc_hash *wtxid)
{
    return qc_keymap_get(&m->by_wtxid, wtxid->b);
}

/* Outpoints are keys as they lie in the records of inputs: the number in host order. */
const qc_mempool_entry *qc_mempool_spender(const qc_mempool *m, const qc_outpoint *o)
{
    return qc_keymap_get(&m->spent, o);
}

size_t qc_mempool_count(const qc_mempool *m)
{
    return m->n;
}

const qc_mempool_entry *qc_mempool_at(const qc_mempool *m, size_t i)
{
    QC_ASSERT(i < m->n);
    return m->all[i];
}

qc_err qc_mempool_coin(const qc_mempool *m, const qc_outpoint *o, qc_spent *out)
{
    const qc_mempool_entry *e = qc_mempool_find(m, &o->txid);
    if (!e)
        return qc_coins_get(m->coins, o, out);
    if (o->n >= e->tx.rec->n_out)
        return QC_ENOENT;
    if (out)
        *out =
            (qc_spent){e->tx.out[o->n].value, qc_tx_script(&e->tx, o->n), QC_MEMPOOL_HEIGHT, false};
    return QC_OK;
}

/* ---- coming and going ---- */

qc_err qc_pool_reserve(qc_mempool *m, size_t more, size_t inputs)
{
    if (m->n + more > m->cap) {
        size_t cap = QC_MAX(m->cap * 2, m->n + more + 16);
        qc_mempool_entry **v = qc_try_realloc(m->all, cap * sizeof *v);
        if (!v)
            return QC_ENOMEM;
        m->all = v;
        m->cap = cap;
    }
    qc_err err = qc_keymap_reserve(&m->by_txid, more);
    if (!err)
        err = qc_keymap_reserve(&m->by_wtxid, more);
    return err ? err : qc_keymap_reserve(&m->spent, inputs);
}

void qc_pool_insert(qc_mempool *m, qc_mempool_entry *e)
{
    e->inside = true;
    e->place = (uint32_t)m->n;
    m->all[m->n++] = e;
    qc_keymap_put(&m->by_txid, e->tx.rec->txid, e);
    qc_keymap_put(&m->by_wtxid, e->tx.rec->wtxid, e);
    for (uint32_t i = 0; i < e->tx.rec->n_in; i++)
        qc_keymap_put(&m->spent, &e->tx.in[i], e);
    m->vbytes += (uint64_t)e->vsize;
    m->fees += e->fee;
    m->held += e->usage;
    m->oldest = QC_MIN(m->oldest, e->time);
    m->updates++;
}

/* Nobody has asked for it, and nobody will. */
static void forget_unbroadcast(qc_mempool *m, const qc_mempool_entry *e)
{
    char hex[QC_HASH_HEX_LEN + 1];
    if (!qc_keymap_take(&m->unbroadcast, e->tx.rec->txid))
        return;
    qc_hash_hex(qc_entry_txid(e), hex);
    qc_log(QC_LOG_DEBUG, "mempool",
           "Removed %s from set of unbroadcast txns before confirmation that txn was sent out",
           hex);
}

void qc_pool_remove(qc_mempool *m, qc_mempool_entry *e, qc_mempool_why why, const qc_hash *by)
{
    QC_ASSERT(e->inside);
    qc_pool_news_removed(m, e, why, by);
    e->inside = false;
    qc_keymap_take(&m->by_txid, e->tx.rec->txid);
    qc_keymap_take(&m->by_wtxid, e->tx.rec->wtxid);
    for (uint32_t i = 0; i < e->tx.rec->n_in; i++)
        qc_keymap_take(&m->spent, &e->tx.in[i]);
    forget_unbroadcast(m, e);
    m->all[e->place] = m->all[--m->n];
    m->all[e->place]->place = e->place;
    m->vbytes -= (uint64_t)e->vsize;
    m->fees -= e->fee;
    m->held -= e->usage;
    m->updates++;
    if (e->ref != QC_GRAPH_NONE)
        qc_graph_remove(m->graph, e->ref);
    e->ref = QC_GRAPH_NONE;
    qc_mempool_entry_unref(e);
}

static void remove_list(qc_mempool *m, const qc_mempool_list *l, qc_mempool_why why,
                        const qc_hash *by)
{
    for (size_t i = 0; i < l->n; i++)
        qc_pool_remove(m, (qc_mempool_entry *)(uintptr_t)l->e[i], why, by);
}

void qc_pool_remove_tree(qc_mempool *m, qc_mempool_entry *e, qc_mempool_why why, const qc_hash *by)
{
    qc_mempool_list l;
    qc_pool_list(m, qc_graph_descendants(m->graph, QC_GRAPH_MAIN, &e->ref, 1), &l);
    remove_list(m, &l, why, by);
    qc_mempool_list_clear(&l);
}

void qc_pool_remove_spenders(qc_mempool *m, const qc_tx *tx, qc_mempool_why why)
{
    qc_outpoint o;
    memcpy(o.txid.b, tx->rec->txid, sizeof o.txid.b);
    for (o.n = 0; o.n < tx->rec->n_out && m->n; o.n++) {
        qc_mempool_entry *e = qc_keymap_get(&m->spent, &o);
        if (e)
            qc_pool_remove_tree(m, e, why, NULL);
    }
}

/* ---- sums ---- */

/* By what is in it, not by what tables happen to have grown to: removing something always makes it
 * less. */
size_t qc_pool_usage(const qc_mempool *m)
{
    return m->held + m->n * (TABLES * SLOT_BYTES + sizeof(void *) * 2) + m->spent.n * SLOT_BYTES +
           m->deltas.n * (SLOT_BYTES + sizeof(qc_mempool_delta_rec) + 16) +
           qc_graph_memory(m->graph);
}

uint64_t qc_mempool_sequence(const qc_mempool *m)
{
    return m->sequence;
}

void qc_mempool_set_load_tried(qc_mempool *m)
{
    if (m->load_tried)
        return;
    m->load_tried = true;
    for (unsigned i = 0; i < m->n_listener; i++)
        if (m->listener[i].loaded)
            m->listener[i].loaded(m->listener[i].arg);
}

bool qc_mempool_load_tried(const qc_mempool *m)
{
    return m->load_tried;
}

uint64_t qc_mempool_updates(const qc_mempool *m)
{
    return atomic_load(&m->updates);
}

void qc_mempool_info_of(qc_mempool *m, qc_mempool_info *out)
{
    *out = (qc_mempool_info){
        .count = m->n,
        .vbytes = m->vbytes,
        .fees = m->fees,
        .usage = qc_pool_usage(m),
        .unbroadcast = m->unbroadcast.n,
        .sequence = m->sequence,
        .updates = m->updates,
        .min_fee = qc_mempool_min_fee(m),
        .optimal = qc_graph_work(m->graph, 0),
        .load_tried = m->load_tried,
    };
}
