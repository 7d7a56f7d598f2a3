/* mempool.dat: any bytes are read or refused, and what was read is written again as it was. */
#include "core/mempool/persist.h"

#include "core/base/alloc.h"
#include "tests/fuzz/fuzz.h"

static void read_txs(qc_mempool_file *f)
{
    qc_err err = QC_OK;
    while (f->left && !err) {
        qc_mempool_file_tx t;
        size_t from = f->at;
        uint64_t left = f->left;
        err = qc_mempool_file_tx_next(f, &t);
        if (!err) {
            qc_span bytes = qc_tx_bytes(&t.tx.tx);
            QC_ASSERT(f->at == from + bytes.len + 16 && f->left == left - 1);
            QC_ASSERT(memcmp(bytes.data, f->data + from, bytes.len) == 0);
        } else {
            QC_ASSERT(err == QC_ECORRUPT && f->at == from && f->left == left);
        }
        qc_txbuf_clear(&t.tx);
    }
    QC_ASSERT(f->at <= f->len);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    uint8_t *copy = qc_alloc(len + 1);
    qc_mempool_file f;
    if (len)
        memcpy(copy, data, len);
    qc_err err = qc_mempool_file_open(&f, copy, len);
    QC_ASSERT(!err || err == QC_ECORRUPT || err == QC_EUNSUPPORTED);
    if (!err) {
        const uint8_t *d, *u;
        size_t nd, nu;
        read_txs(&f);
        if (!f.left && !qc_mempool_file_rest(&f, &d, &nd, &u, &nu)) {
            QC_ASSERT(d >= copy && d + nd * 40 <= copy + len);
            QC_ASSERT(u >= copy && u + nu * 32 <= copy + len && f.at <= len);
        }
    }
    qc_free(copy);
    return err ? -1 : 0;
}
