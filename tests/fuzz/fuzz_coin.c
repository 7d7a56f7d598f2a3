/* A stored coin, as the chainstate (first byte even) or undo data (odd) has it: what is accepted
 * reads the same when it is written again. */
#include "tests/fuzz/fuzz.h"

#include "core/store/coding.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    if (len < 1)
        return -1;
    bool dummy = data[0] & 1;
    qc_reader r = qc_reader_of(qc_span_of(data + 1, len - 1));
    qc_coin_code code, code2;
    qc_amount value, value2;
    qc_bytes script = QC_BYTES_INIT, script2 = QC_BYTES_INIT, again = QC_BYTES_INIT;
    const char *why = NULL;
    qc_err err = qc_coin_read(&r, dummy, &code, &value, &script, &why);
    QC_ASSERT(err == QC_OK || (err == QC_ECORRUPT && why));
    if (!err) {
        QC_ASSERT(qc_money_range(value));
        QC_ASSERT(script.len <= 10000 && script.len <= 3 * len);
        QC_ASSERT(!qc_coin_write(&again, code, dummy, value, qc_bytes_span(&script)));
        qc_reader r2 = qc_reader_of(qc_bytes_span(&again));
        QC_ASSERT(!qc_coin_read(&r2, dummy, &code2, &value2, &script2, &why));
        QC_ASSERT(!qc_reader_left(&r2) && value2 == value && code2.height == code.height);
        QC_ASSERT(code2.coinbase == code.coinbase);
        QC_ASSERT(qc_span_eq(qc_bytes_span(&script), qc_bytes_span(&script2)));
    }
    qc_bytes_free(&script);
    qc_bytes_free(&script2);
    qc_bytes_free(&again);
    return 0;
}
