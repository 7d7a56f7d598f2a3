/* Entries lie side by side; of each the records of inputs and outputs and then the bytes are a
 * piece of the heap. */
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

static void copy_parts(qc_mempool_entry *e, void *mem, const qc_tx *tx)
{
    qn_in_rec *in = mem;
    qn_out_rec *out = (void *)(in + tx->rec->n_in);
    uint8_t *raw = (void *)(out + tx->rec->n_out);
    copy_ins(in, tx);
    copy_outs(out, tx);
    memcpy(raw, tx->raw + tx->rec->off, tx->rec->len);
    e->rec = *tx->rec;
    e->rec.off = e->rec.in0 = e->rec.out0 = 0;
    e->tx = (qc_tx){raw, &e->rec, in, out};
}

static void give(qc_slab *s, qc_mempool_entry *e)
{
    if (s)
        qc_slab_give(s, e);
    else
        qc_free(e);
}

qc_mempool_entry *qc_entry_new(qc_slab *slab, const qc_tx *tx)
{
    size_t size = tx->rec->n_in * sizeof(qn_in_rec) + tx->rec->n_out * sizeof(qn_out_rec);
    size += tx->rec->len;
    qc_mempool_entry *e = slab ? qc_slab_take(slab) : qc_try_malloc(sizeof *e);
    void *mem = e ? qc_try_malloc(size) : NULL;
    if (!mem) {
        if (e)
            give(slab, e);
        return NULL;
    }
    *e = (qc_mempool_entry){
        .refs = 1, .ref = QC_GRAPH_NONE, .slab = slab, .usage = sizeof *e + malloc_bytes(size)};
    copy_parts(e, mem, tx);
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
    if (!mine || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1)
        return;
    qc_free((void *)(uintptr_t)mine->tx.in);
    give(mine->slab, mine);
}
