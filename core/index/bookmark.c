#include "core/index/bookmark.h"

#include "core/btc/wire.h"

#define LOCATOR_VERSION 70016 /* Core writes its protocol version; readers ignore it */

void qc_bookmark_make(const qc_index *at, qc_bookmark *out)
{
    uint32_t step = 1;
    out->n = 0;
    while (at && out->n < QC_BOOKMARK_MAX) {
        out->hash[out->n++] = at->hash;
        if (at->height == 0)
            break;
        if (out->n > 10)
            step *= 2;
        at = qc_index_ancestor(at, at->height > step ? at->height - step : 0);
    }
}

qc_err qc_bookmark_get(qc_kv *kv, qc_span key, qc_bookmark *out)
{
    qc_bytes v = QC_BYTES_INIT;
    out->n = 0;
    qc_err err = qc_kv_get(kv, NULL, key, &v);
    if (err)
        return err == QC_ENOENT ? QC_OK : err;
    qc_reader r = qc_reader_of(qc_bytes_span(&v));
    qc_r_le32(&r);
    uint64_t count = qc_r_count(&r, sizeof(qc_hash));
    for (uint64_t i = 0; i < count && i < QC_BOOKMARK_MAX; i++)
        qc_r_hash(&r, &out->hash[out->n++]);
    if (r.fail)
        err = QC_ECORRUPT;
    qc_bytes_free(&v);
    return err;
}

qc_err qc_bookmark_put(qc_kv_batch *b, qc_span key, const qc_bookmark *l)
{
    qc_bytes v = QC_BYTES_INIT;
    qc_err err = qc_w_le32(&v, LOCATOR_VERSION);
    if (!err)
        err = qc_w_compact(&v, l->n);
    if (!err)
        err = qc_bytes_append(&v, l->hash, l->n * sizeof *l->hash);
    if (!err)
        qc_kv_batch_put(b, key, qc_bytes_span(&v));
    qc_bytes_free(&v);
    return err;
}
