#include "core/sync/locator.h"

#include "core/base/arith.h"

#define IN_A_ROW 10u

size_t qc_locator_of(const qc_index *i, qc_hash out[static QC_LOCATOR_OWN])
{
    size_t n = 0;
    for (uint32_t step = 1; i && n < QC_LOCATOR_OWN;) {
        out[n++] = i->hash;
        if (i->height == 0)
            break;
        i = qc_index_ancestor(i, i->height - QC_MIN(step, i->height));
        if (n > IN_A_ROW)
            step *= 2;
    }
    return n;
}

const qc_index *qc_locator_find(const qc_chain *c, const qc_hash *hash, size_t n)
{
    const qc_index *tip = qc_chain_tip(c);
    for (size_t k = 0; tip && k < n; k++) {
        const qc_index *i = qc_chain_find(c, &hash[k]);
        if (!i)
            continue;
        if (qc_chain_contains(c, i))
            return i;
        if (qc_index_ancestor(i, tip->height) == tip)
            return tip;
    }
    return qc_chain_at(c, 0);
}

qc_wire_fail qc_locator_read(qc_span payload, qc_locator *out)
{
    qc_reader r = qc_reader_of(payload);
    (void)qc_r_le32(&r); /* protocol version: means nothing */
    out->n = qc_r_count(&r, sizeof(qc_hash));
    if (out->n > QC_LOCATOR_MAX)
        return r.fail;
    for (size_t k = 0; k < out->n; k++)
        qc_r_hash(&r, &out->hash[k]);
    qc_r_hash(&r, &out->stop);
    return r.fail;
}

qc_err qc_locator_write(qc_bytes *out, const qc_hash *first, const qc_index *i)
{
    qc_hash list[QC_LOCATOR_OWN];
    const qc_hash stop = {{0}};
    size_t n = qc_locator_of(i, list), more = first ? 1 : 0;
    qc_err err = qc_w_le32(out, 70016);
    if (!err)
        err = qc_w_compact(out, n + more);
    if (!err && first)
        err = qc_bytes_append(out, first, sizeof *first);
    if (!err)
        err = qc_bytes_append(out, list, n * sizeof *list);
    return err ? err : qc_bytes_append(out, &stop, sizeof stop);
}
