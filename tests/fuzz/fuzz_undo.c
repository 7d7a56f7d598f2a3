/* Undo data against a block of three transactions with one, two and three inputs. */
#include "tests/fuzz/fuzz.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/store/blockfiles.h"

static void put_tx(qc_bytes *b, uint8_t n_in)
{
    static const uint8_t IN[41] = {1}, OUT[10] = {1, 5}, END[4] = {0};
    QC_ASSERT(!qc_w_le32(b, 1) && !qc_w_u8(b, n_in));
    for (uint8_t i = 0; i < n_in; i++)
        QC_ASSERT(!qc_bytes_append(b, IN, sizeof IN));
    QC_ASSERT(!qc_bytes_append(b, OUT, sizeof OUT) && !qc_bytes_append(b, END, sizeof END));
}

static qc_block *make_block(void)
{
    static const uint8_t HEADER[QC_HEADER_LEN] = {1};
    qc_bytes raw = QC_BYTES_INIT;
    qc_block *b;
    QC_ASSERT(!qc_bytes_append(&raw, HEADER, sizeof HEADER) && !qc_w_u8(&raw, 3));
    for (uint8_t n = 1; n <= 3; n++)
        put_tx(&raw, n);
    QC_ASSERT(qc_block_parse(qc_bytes_span(&raw), &b) == QC_WIRE_OK);
    qc_bytes_free(&raw);
    return b;
}

static void log_nowhere(void *arg, qc_log_level level, const char *area, const char *line,
                        size_t len)
{
    (void)arg, (void)level, (void)area, (void)line, (void)len;
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_log_set_sink(log_nowhere, NULL);
    qc_block *b = make_block();
    qc_spent *s, *s2;
    qc_bytes scripts, scripts2, again = QC_BYTES_INIT;
    qc_err err = qc_undo_decode(b, qc_span_of(data, len), &s, &scripts);
    QC_ASSERT(err == QC_OK || err == QC_ECORRUPT);
    if (!err) {
        QC_ASSERT(!qc_undo_encode(b, s, &again));
        QC_ASSERT(!qc_undo_decode(b, qc_bytes_span(&again), &s2, &scripts2));
        for (unsigned i = 0; i < 6; i++) {
            QC_ASSERT(s[i].value == s2[i].value && s[i].height == s2[i].height);
            QC_ASSERT(s[i].coinbase == s2[i].coinbase && qc_span_eq(s[i].script, s2[i].script));
        }
        qc_free(s);
        qc_free(s2);
        qc_bytes_free(&scripts);
        qc_bytes_free(&scripts2);
        qc_bytes_free(&again);
    }
    qc_block_unref(b);
    return 0;
}
