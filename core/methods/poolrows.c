#include "core/methods/poolrows.h"

#include "core/base/alloc.h"
#include "core/mempool/policy.h"

static qc_err add_ids(qc_m_rows *r, const qc_mempool_list *l)
{
    if (r->n_id + l->n > r->cap_id) {
        size_t cap = (r->n_id + l->n) * 2 + 64;
        qc_hash *v = qc_try_realloc(r->id, cap * sizeof *v);
        if (!v)
            return QC_ENOMEM;
        r->id = v;
        r->cap_id = cap;
    }
    for (size_t i = 0; i < l->n; i++)
        r->id[r->n_id++] = *qc_entry_txid(l->e[i]);
    return QC_OK;
}

static qc_err take_relatives(const qc_mempool *m, const qc_mempool_entry *e, qc_m_rows *r,
                             qc_m_row *row)
{
    qc_mempool_list l;
    qc_mempool_parents(m, e, &l);
    row->n_parents = (uint32_t)l.n;
    qc_err err = add_ids(r, &l);
    qc_mempool_list_clear(&l);
    if (err)
        return err;
    qc_mempool_children(m, e, &l);
    row->n_children = (uint32_t)l.n;
    err = add_ids(r, &l);
    qc_mempool_list_clear(&l);
    return err;
}

qc_err qc_m_rows_take(const qc_node *n, const qc_mempool_list *l, qc_m_rows *out)
{
    *out = (qc_m_rows){.row = qc_try_calloc(l->n + 1, sizeof *out->row)};
    qc_err err = out->row ? QC_OK : QC_ENOMEM;
    while (!err && out->n < l->n) {
        const qc_mempool_entry *e = l->e[out->n];
        qc_m_row *row = &out->row[out->n++];
        row->e = qc_mempool_entry_ref(e);
        row->modified_fee = e->modified_fee;
        row->ids = out->n_id;
        row->unbroadcast = qc_mempool_unbroadcast(n->pool, qc_entry_txid(e));
        row->signals = n->deprecated_bip125 && qc_mempool_signals(n->pool, e);
        qc_mempool_family_of(n->pool, e, &row->f);
        if (row->f.cluster > 1) /* most are alone */
            err = take_relatives(n->pool, e, out, row);
    }
    return err;
}

static void put_fees(qc_jw *w, const qc_m_row *row)
{
    qc_jw_kobj(w, "fees");
    qc_jw_kamount(w, "base", row->e->fee);
    qc_jw_kamount(w, "modified", row->modified_fee);
    qc_jw_kamount(w, "ancestor", row->f.ancestor_fees);
    qc_jw_kamount(w, "descendant", row->f.descendant_fees);
    qc_jw_kamount(w, "chunk", row->f.chunk_fee);
    qc_jw_obj_end(w);
}

static void put_ids(qc_jw *w, const char *key, const qc_hash *id, size_t n)
{
    qc_jw_karr(w, key);
    for (size_t i = 0; i < n; i++)
        qc_jw_hash(w, &id[i]);
    qc_jw_arr_end(w);
}

void qc_m_row_members(qc_jw *w, const qc_node *n, const qc_m_rows *r, size_t i)
{
    const qc_m_row *row = &r->row[i];
    const qc_mempool_entry *e = row->e;
    qc_jw_kint(w, "vsize_adjusted", e->vsize);
    qc_jw_kint(w, "vsize", e->vsize);
    qc_jw_kint(w, "vsize_bip141", qc_vsize(e->tx.rec->weight));
    qc_jw_kuint(w, "weight", e->tx.rec->weight);
    qc_jw_kint(w, "time", e->time);
    qc_jw_kuint(w, "height", e->height);
    qc_jw_kuint(w, "descendantcount", row->f.descendants);
    qc_jw_kint(w, "descendantsize", row->f.descendant_vsize);
    qc_jw_kuint(w, "ancestorcount", row->f.ancestors);
    qc_jw_kint(w, "ancestorsize", row->f.ancestor_vsize);
    qc_jw_khash(w, "wtxid", qc_entry_wtxid(e));
    qc_jw_kint(w, "chunkweight", row->f.chunk_weight);
    put_fees(w, row);
    put_ids(w, "depends", r->id + row->ids, row->n_parents);
    put_ids(w, "spentby", r->id + row->ids + row->n_parents, row->n_children);
    qc_jw_kbool(w, "unbroadcast", row->unbroadcast);
    if (n->deprecated_bip125)
        qc_jw_kbool(w, "bip125-replaceable", row->signals);
}

void qc_m_rows_put(qc_jw *w, const qc_node *n, const qc_m_rows *r)
{
    char hex[QC_HASH_HEX_LEN + 1];
    qc_jw_obj(w);
    for (size_t i = 0; i < r->n; i++) {
        qc_hash_hex(qc_entry_txid(r->row[i].e), hex);
        qc_jw_kobj(w, hex);
        qc_m_row_members(w, n, r, i);
        qc_jw_obj_end(w);
    }
    qc_jw_obj_end(w);
}

/* ---- giving back ---- */

struct held {
    const qc_mempool_entry **e;
    size_t n;
};

static void run_give_back(qc_chain *c, void *arg)
{
    struct held *h = arg;
    (void)c;
    for (size_t i = 0; i < h->n; i++)
        qc_mempool_entry_unref(h->e[i]);
    qc_free(h->e);
    qc_free(h);
}

void qc_m_give_back(const qc_node *n, const qc_mempool_entry **e, size_t count)
{
    struct held *h = qc_alloc(sizeof *h);
    *h = (struct held){e, count};
    qc_chain_post(n->chain_thread, run_give_back, h);
}

void qc_m_rows_release(const qc_node *n, qc_m_rows *r)
{
    if (r->row) {
        const qc_mempool_entry **e = qc_try_calloc(r->n + 1, sizeof(const qc_mempool_entry *));
        for (size_t i = 0; i < r->n && e; i++)
            e[i] = r->row[i].e;
        if (e)
            qc_m_give_back(n, e, r->n);
        else
            for (size_t i = 0; i < r->n; i++)
                qc_mempool_entry_unref(r->row[i].e);
    }
    qc_free(r->row);
    qc_free(r->id);
    *r = (qc_m_rows){.n = 0};
}
