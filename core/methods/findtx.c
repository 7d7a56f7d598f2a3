#include "core/methods/findtx.h"

#include "core/methods/common.h"

typedef struct pool_job {
    const qc_pool_view *view;
    const qc_hash *txid;
    qc_bytes raw;
    uint32_t vsize;
    qc_err err;
} pool_job;

static void run_pool(qc_chain *c, void *arg)
{
    pool_job *j = arg;
    qc_span raw;
    (void)c;
    if (j->view->tx(j->view->arg, j->txid, &raw, &j->vsize))
        j->err = qc_bytes_append(&j->raw, raw.data, raw.len);
}

qc_err qc_m_pooled_tx(const qc_node *n, const qc_hash *txid, qc_bytes *raw, uint32_t *vsize)
{
    pool_job j = {.view = n->pool_view, .txid = txid, .err = QC_ENOENT};
    if (!j.view)
        return QC_ENOENT;
    qc_chain_call(n->chain_thread, run_pool, &j);
    if (j.err) {
        qc_bytes_free(&j.raw);
        return j.err;
    }
    *raw = j.raw;
    *vsize = j.vsize;
    return QC_OK;
}

qc_err qc_m_find_tx(const qc_node *n, const qc_hash *txid, qc_bytes *raw, const qc_index **at)
{
    uint32_t vsize;
    if (n->txindex)
        qc_m_index_ready(n, qc_txindex_keeper(n->txindex));
    *at = NULL;
    qc_err err = qc_m_pooled_tx(n, txid, raw, &vsize);
    if (err != QC_ENOENT || !n->txindex)
        return err;
    return qc_txindex_find(n->txindex, txid, at, raw);
}
