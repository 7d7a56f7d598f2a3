/* fee_estimates.dat: what is read is written back to the byte, and whatever its numbers are, the
 * estimator lives on with them and gives possible answers. */
#include "core/mempool/fees.h"
#include "tests/fuzz/fuzz.h"

static const uint64_t salt[2] = {1, 2};

static void ask(const qc_fees *f)
{
    for (uint32_t t = 1; t <= 1008; t = t * 3 + 1)
        for (int i = 0; i < 2; i++) {
            qc_fees_answer a = qc_fees_smart(f, t, i);
            QC_ASSERT(a.rate >= 0 && a.rate <= QC_MAX_MONEY && a.target <= QC_MAX(t, 2u));
        }
    for (qc_fees_horizon h = QC_FEES_SHORT; h < QC_FEES_HORIZONS; h++) {
        qc_fees_detail d;
        uint32_t max = qc_fees_max_target(f, h);
        QC_ASSERT(max >= 1 && max <= 1008);
        int64_t rate = qc_fees_raw(f, max, 0.5, h, &d);
        QC_ASSERT(rate >= 0 && rate <= QC_MAX_MONEY);
    }
}

static void live_on(qc_fees *f, const uint8_t *data, size_t len)
{
    uint32_t height = qc_fees_smart(f, 1, false).best_height;
    for (size_t i = 0; i < len && i < 40; i++) {
        qc_hash id = {{(uint8_t)i}}, old = {{(uint8_t)(i - data[i] % 8)}};
        qc_fees_added(
            f, &(qc_fees_tx){.txid = &id, .height = height, .fee = data[i] * 1000, .vsize = 9});
        if (data[i] % 3 == 0)
            qc_fees_removed(f, &old);
        if (data[i] % 5 != 0)
            continue;
        height += data[i] > 250 ? 5000u : 1u;
        qc_fees_block_begin(f, height);
        qc_fees_mined(f, &old);
        qc_fees_block_end(f);
    }
    ask(f);
    qc_fees_flush_unconfirmed(f);
    ask(f);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_fees *f;
    qc_bytes b = QC_BYTES_INIT;
    const char *why;
    QC_ASSERT(qc_fees_new(&f, salt) == QC_OK);
    if (len <= QC_FEES_MAX_FILE && qc_fees_read(f, qc_span_of(data, len), &why) == QC_OK) {
        QC_ASSERT(qc_fees_write(f, &b) == QC_OK);
        QC_ASSERT(qc_span_eq(qc_bytes_span(&b), qc_span_of(data, len)));
        qc_bytes_free(&b);
        ask(f);
        live_on(f, data, len);
    }
    qc_fees_free(f);
    return 0;
}
