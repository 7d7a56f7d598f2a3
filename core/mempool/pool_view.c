/* Reading the pool as a graph: relatives, sums over them, mining order, filling a block. */
#include "core/base/alloc.h"
#include "core/mempool/pool_internal.h"

#include <stdlib.h>

#define SEQUENCE_FINAL_BELOW 0xfffffffeu /* BIP125: lower ones signal */

void qc_mempool_list_clear(qc_mempool_list *l)
{
    qc_free(l->e);
    *l = (qc_mempool_list){NULL, 0};
}

/* Grows in powers of two: the size says when. */
void qc_list_add(qc_mempool_list *l, const qc_mempool_entry *e)
{
    if ((l->n & (l->n - 1)) == 0) {
        const qc_mempool_entry **v =
            qc_alloc(QC_MAX(l->n * 2, (size_t)1) * sizeof(const qc_mempool_entry *));
        if (l->n)
            memcpy(v, l->e, l->n * sizeof(const qc_mempool_entry *));
        qc_free(l->e);
        l->e = v;
    }
    l->e[l->n++] = e;
}

static void list_room(qc_mempool_list *out, size_t n)
{
    *out = (qc_mempool_list){qc_alloc((n + 1) * sizeof(const qc_mempool_entry *)), 0};
}

void qc_pool_list(const qc_mempool *m, qc_graph_refs refs, qc_mempool_list *out)
{
    list_room(out, refs.n);
    for (; out->n < refs.n; out->n++)
        out->e[out->n] = qc_entry_of(m, refs.ref[out->n]);
}

static const qc_hash *txid_at(const void *p)
{
    return qc_entry_txid(*(const qc_mempool_entry *const *)p);
}

static int by_txid(const void *a, const void *b)
{
    return qc_hash_order(txid_at(a), txid_at(b));
}

/* As text compares: from the last byte down. */
static int by_hex(const void *a, const void *b)
{
    const qc_hash *x = txid_at(a), *y = txid_at(b);
    for (size_t i = sizeof x->b; i-- > 0;)
        if (x->b[i] != y->b[i])
            return x->b[i] < y->b[i] ? -1 : 1;
    return 0;
}

void qc_mempool_list_sort(qc_mempool_list *l)
{
    qsort(l->e, l->n, sizeof *l->e, by_txid);
}

/* Sort, and leave each entry once. */
static void tidy(qc_mempool_list *l, int (*order)(const void *, const void *))
{
    size_t kept = 0;
    qsort(l->e, l->n, sizeof *l->e, order);
    for (size_t i = 0; i < l->n; i++)
        if (i == 0 || l->e[i] != l->e[i - 1])
            l->e[kept++] = l->e[i];
    l->n = kept;
}

void qc_mempool_parents(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out)
{
    list_room(out, e->tx.rec->n_in);
    for (uint32_t i = 0; i < e->tx.rec->n_in; i++) {
        const qc_mempool_entry *p = qc_keymap_get(&m->by_txid, e->tx.in[i].prev_txid);
        if (p)
            out->e[out->n++] = p;
    }
    tidy(out, by_hex);
}

void qc_mempool_children(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out)
{
    qc_outpoint o = {.txid = *qc_entry_txid(e)};
    list_room(out, e->tx.rec->n_out);
    for (; o.n < e->tx.rec->n_out; o.n++) {
        const qc_mempool_entry *c = qc_mempool_spender(m, &o);
        if (c)
            out->e[out->n++] = c;
    }
    tidy(out, by_txid);
}

static void drop_self(qc_mempool_list *l, const qc_mempool_entry *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->e[i] != e)
            l->e[kept++] = l->e[i];
    l->n = kept;
}

void qc_mempool_ancestors(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out)
{
    qc_pool_list(m, qc_graph_ancestors(m->graph, QC_GRAPH_MAIN, &e->ref, 1), out);
    drop_self(out, e);
}

void qc_mempool_descendants(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out)
{
    qc_pool_list(m, qc_graph_descendants(m->graph, QC_GRAPH_MAIN, &e->ref, 1), out);
    drop_self(out, e);
}

void qc_mempool_cluster(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_list *out)
{
    qc_pool_list(m, qc_graph_cluster(m->graph, QC_GRAPH_MAIN, e->ref), out);
}

int qc_mempool_compare(const qc_mempool *m, const qc_mempool_entry *a, const qc_mempool_entry *b)
{
    return qc_graph_compare(m->graph, a->ref, b->ref);
}

void qc_mempool_sorted(const qc_mempool *m, qc_mempool_list *out)
{
    qc_graph_walk w;
    qc_feesize sum;
    list_room(out, m->n);
    qc_graph_walk_start(m->graph, &w);
    for (;;) {
        void *const *user;
        size_t n = qc_graph_walk_users(&w, &user, &sum);
        if (!n)
            break;
        QC_ASSERT(out->n + n <= m->n);
        for (size_t i = 0; i < n; i++)
            out->e[out->n++] = user[i];
        qc_graph_walk_next(&w, false);
    }
    QC_ASSERT(out->n == m->n);
}

static void add_up(const qc_mempool *m, qc_graph_refs refs, size_t *n, int64_t *vsize,
                   qc_amount *fees)
{
    *n = refs.n;
    *vsize = 0;
    *fees = 0;
    for (size_t i = 0; i < refs.n; i++) {
        const qc_mempool_entry *e = qc_entry_of(m, refs.ref[i]);
        *vsize += e->vsize;
        *fees = (qc_amount)((uint64_t)*fees + (uint64_t)e->modified_fee);
    }
}

void qc_mempool_family_of(const qc_mempool *m, const qc_mempool_entry *e, qc_mempool_family *out)
{
    add_up(m, qc_graph_ancestors(m->graph, QC_GRAPH_MAIN, &e->ref, 1), &out->ancestors,
           &out->ancestor_vsize, &out->ancestor_fees);
    add_up(m, qc_graph_descendants(m->graph, QC_GRAPH_MAIN, &e->ref, 1), &out->descendants,
           &out->descendant_vsize, &out->descendant_fees);
    out->cluster = qc_graph_cluster(m->graph, QC_GRAPH_MAIN, e->ref).n;
    qc_feesize chunk = qc_graph_chunk(m->graph, e->ref);
    out->chunk_fee = chunk.fee;
    out->chunk_weight = chunk.size;
}

static bool signals_itself(const qc_tx *tx)
{
    for (uint32_t i = 0; i < tx->rec->n_in; i++)
        if (tx->in[i].sequence < SEQUENCE_FINAL_BELOW)
            return true;
    return false;
}

bool qc_mempool_signals(const qc_mempool *m, const qc_mempool_entry *e)
{
    qc_graph_refs up = qc_graph_ancestors(m->graph, QC_GRAPH_MAIN, &e->ref, 1);
    for (size_t i = 0; i < up.n; i++)
        if (signals_itself(&qc_entry_of(m, up.ref[i])->tx))
            return true;
    return false;
}

size_t qc_mempool_diagram(const qc_mempool *m, qc_mempool_point **out)
{
    qc_graph_walk w;
    qc_feesize sum;
    size_t n = 1;
    qc_mempool_point *v = qc_alloc((m->n + 1) * sizeof *v);
    qc_graph_walk_start(m->graph, &w);
    for (; qc_graph_walk_chunk(&w, &sum).n; n++) {
        v[n] = (qc_mempool_point){v[n - 1].fee + sum.fee, v[n - 1].weight + sum.size};
        qc_graph_walk_next(&w, false);
    }
    *out = v;
    return n;
}

/* ---- filling a block ---- */

struct qc_mempool_build {
    qc_graph_walk walk;
    const qc_mempool_entry *e[QC_GRAPH_MAX_COUNT];
};

qc_mempool_build *qc_mempool_build_start(const qc_mempool *m)
{
    qc_mempool_build *b = qc_alloc(sizeof *b);
    qc_graph_walk_start(m->graph, &b->walk);
    return b;
}

size_t qc_mempool_build_chunk(qc_mempool_build *b, const qc_mempool_entry *const **e,
                              qc_mempool_point *sum)
{
    qc_feesize s;
    void *const *user;
    size_t n = qc_graph_walk_users(&b->walk, &user, &s);
    QC_ASSERT(n <= QC_GRAPH_MAX_COUNT);
    for (size_t i = 0; i < n; i++)
        b->e[i] = user[i];
    *e = b->e;
    *sum = (qc_mempool_point){s.fee, s.size};
    return n;
}

void qc_mempool_build_take(qc_mempool_build *b)
{
    qc_graph_walk_next(&b->walk, false);
}

void qc_mempool_build_skip(qc_mempool_build *b)
{
    qc_graph_walk_next(&b->walk, true);
}

void qc_mempool_build_end(qc_mempool_build *b)
{
    qc_free(b);
}
