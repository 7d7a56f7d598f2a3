#include "core/index/blockfilter.h"

#include "core/crypto/sha256.h"
#include "core/index/gcs.h"

static qc_err add_outputs(qc_gcs_builder *g, const qc_block *b)
{
    qc_err err = QC_OK;
    for (uint32_t t = 0; t < qc_block_n_tx(b) && !err; t++) {
        qc_tx tx = qc_block_tx(b, t);
        for (uint32_t i = 0; i < tx.rec->n_out && !err; i++) {
            qc_span script = qc_tx_script(&tx, i);
            if (script.len > 0 && script.data[0] != 0x6a) /* OP_RETURN */
                err = qc_gcs_add(g, script);
        }
    }
    return err;
}

static qc_err add_spent(qc_gcs_builder *g, const qn_block_view *v)
{
    qc_err err = QC_OK;
    if (!(v->flags & QN_VIEW_SPENT) || v->tx.count == 0)
        return QC_OK;
    /* The coinbase's inputs come first and spend nothing. */
    for (uint32_t i = qn_view_tx(v, 0)->n_in; i < v->spent.count && !err; i++) {
        const qn_spent_rec *coin = qn_view_spent(v, i);
        if (coin->script_len > 0)
            err = qc_gcs_add(g, qc_span_of(qn_view_spent_script(v, coin), coin->script_len));
    }
    return err;
}

qc_err qc_blockfilter_basic(const qc_block *b, qc_bytes *out)
{
    qc_gcs_builder g;
    *out = (qc_bytes)QC_BYTES_INIT;
    qc_gcs_begin(&g, qc_block_hash(b));
    qc_err err = add_outputs(&g, b);
    if (!err)
        err = add_spent(&g, qc_block_view(b));
    qc_err end = qc_gcs_finish(&g, out);
    if (!err)
        err = end;
    if (err)
        qc_bytes_free(out);
    return err;
}

void qc_blockfilter_hash(qc_span filter, qc_hash *out)
{
    qc_sha256d(filter, out->b);
}

void qc_blockfilter_header(const qc_hash *filter_hash, const qc_hash *prev, qc_hash *out)
{
    uint8_t pair[64];
    memcpy(pair, filter_hash->b, 32);
    memcpy(pair + 32, prev->b, 32);
    qc_sha256d(qc_span_of(pair, sizeof pair), out->b);
}
