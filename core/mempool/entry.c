/* One piece of memory for an entry: its head, then the records of inputs and outputs, then the
 * bytes. */
#include "core/base/alloc.h"
#include "core/mempool/pool_internal.h"

/* What malloc() takes for a piece of this size. */
static size_t malloc_bytes(size_t n)
{
    return (n + 8 + 15) & ~(size_t)15;
}

static void copy_ins(qn_in_rec *to, const qc_tx *tx)
{
    uint32_t off = tx->rec->off;
    for (uint32_t i = 0; i < tx->rec->n_in; i++) {
        to[i] = tx->in[i];
        to[i].script_off -= off;
        to[i].witness_off = to[i].witness_len ? to[i].witness_off - off : 0;
    }
}

static void copy_outs(qn_out_rec *to, const qc_tx *tx)
{
    for (uint32_t o = 0; o < tx->rec->n_out; o++) {
        to[o] = tx->out[o];
        to[o].script_off -= tx->rec->off;
    }
}

qc_mempool_entry *qc_entry_new(const qc_tx *tx)
{
    size_t ins = tx->rec->n_in * sizeof(qn_in_rec), outs = tx->rec->n_out * sizeof(qn_out_rec);
    size_t size = sizeof(qc_mempool_entry) + sizeof(qn_tx_rec) + ins + outs + tx->rec->len;
    qc_mempool_entry *e = qc_try_malloc(size);
    if (!e)
        return NULL;
    *e = (qc_mempool_entry){.refs = 1, .ref = QC_GRAPH_NONE, .usage = malloc_bytes(size)};
    uint8_t *at = (uint8_t *)(e + 1);
    qn_tx_rec *rec = (void *)at;
    qn_in_rec *in = (void *)(at + sizeof *rec);
    qn_out_rec *out = (void *)(at + sizeof *rec + ins);
    uint8_t *raw = at + sizeof *rec + ins + outs;
    *rec = *tx->rec;
    rec->off = rec->in0 = rec->out0 = 0;
    copy_ins(in, tx);
    copy_outs(out, tx);
    memcpy(raw, tx->raw + tx->rec->off, tx->rec->len);
    e->tx = (qc_tx){raw, rec, in, out};
    return e;
}

const qc_mempool_entry *qc_mempool_entry_ref(const qc_mempool_entry *e)
{
    qc_mempool_entry *mine = (qc_mempool_entry *)(uintptr_t)e;
    atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
    return e;
}

void qc_mempool_entry_unref(const qc_mempool_entry *e)
{
    qc_mempool_entry *mine = (qc_mempool_entry *)(uintptr_t)e;
    if (mine && atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) == 1)
        qc_free(mine);
}
