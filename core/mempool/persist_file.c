/* Reading the bytes of mempool.dat: le64 version; 2: a key of 8 bytes with its length in front,
 * with which all that follows is obfuscated, by its place in the file; le64 count; transactions,
 * each with le64 time and le64 delta; then deltas, then txids, as maps and sets are serialized. */
#include "core/btc/parse.h"
#include "core/kv/obfuscate.h"
#include "core/mempool/persist.h"

#define KEY_LEN 8u
#define DELTA_LEN 40u

static qc_reader reader_at(const qc_mempool_file *f)
{
    return qc_reader_of(qc_span_of(f->data + f->at, f->len - f->at));
}

static void move_to(qc_mempool_file *f, const qc_reader *r)
{
    f->at += (size_t)(r->p - r->start);
}

qc_err qc_mempool_file_open(qc_mempool_file *f, uint8_t *data, size_t len)
{
    *f = (qc_mempool_file){data, len, 0, 0};
    qc_reader r = reader_at(f);
    uint64_t version = qc_r_le64(&r);
    if (!r.fail && version != 1 && version != 2)
        return QC_EUNSUPPORTED;
    if (version == 2) {
        qc_span key = qc_r_var(&r);
        if (r.fail || key.len != KEY_LEN)
            return QC_ECORRUPT;
        size_t at = (size_t)(r.p - r.start);
        uint8_t copy[KEY_LEN];
        memcpy(copy, key.data, sizeof copy);
        qc_obfuscate(data + at, data + at, len - at, copy, at);
    }
    f->left = qc_r_le64(&r);
    if (r.fail)
        return QC_ECORRUPT;
    move_to(f, &r);
    return QC_OK;
}

qc_err qc_mempool_file_tx_next(qc_mempool_file *f, qc_mempool_file_tx *out)
{
    qc_tx_counts counts = {0, 0};
    qc_reader r = reader_at(f);
    *out = (qc_mempool_file_tx){.time = 0};
    qc_scan_tx(&r, true, &counts);
    if (r.fail)
        return QC_ECORRUPT;
    qc_span bytes = qc_span_of(r.start, (size_t)(r.p - r.start));
    out->time = (int64_t)qc_r_le64(&r);
    out->delta = (qc_amount)qc_r_le64(&r);
    if (r.fail)
        return QC_ECORRUPT;
    qc_wire_fail fail = qc_tx_parse(bytes, true, &out->tx);
    if (fail)
        return fail == QC_WIRE_NOMEM ? QC_ENOMEM : QC_ECORRUPT;
    move_to(f, &r);
    f->left--;
    return QC_OK;
}

qc_err qc_mempool_file_rest(qc_mempool_file *f, const uint8_t **deltas, size_t *n_deltas,
                            const uint8_t **unbroadcast, size_t *n_unbroadcast)
{
    qc_reader r = reader_at(f);
    size_t n = (size_t)qc_r_count(&r, DELTA_LEN);
    qc_span d = qc_r_span(&r, n * DELTA_LEN);
    size_t u = (size_t)qc_r_count(&r, sizeof(qc_hash));
    qc_span b = qc_r_span(&r, u * sizeof(qc_hash));
    if (r.fail)
        return QC_ECORRUPT;
    move_to(f, &r);
    *deltas = d.data;
    *n_deltas = n;
    *unbroadcast = b.data;
    *n_unbroadcast = u;
    return QC_OK;
}
