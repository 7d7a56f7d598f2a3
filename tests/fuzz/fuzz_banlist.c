/* banlist.json: what is read is sorted, and written and read again it is the same. */
#include "core/base/alloc.h"
#include "core/net/bans.h"
#include "tests/fuzz/fuzz.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    /* No filter: its half megabyte is of no interest here. */
    qc_bans b = {.seconds = 1}, again = {.seconds = 1};
    if (qc_bans_decode(&b, qc_span_of(data, len), false) == QC_OK) {
        qc_bytes one = QC_BYTES_INIT, two = QC_BYTES_INIT;
        for (size_t i = 1; i < b.n; i++)
            QC_ASSERT(qc_netrange_cmp(&b.list[i - 1].range, &b.list[i].range) < 0);
        QC_ASSERT(qc_bans_encode(&b, &one) == QC_OK);
        QC_ASSERT(qc_bans_decode(&again, qc_bytes_span(&one), false) == QC_OK);
        QC_ASSERT(qc_bans_encode(&again, &two) == QC_OK);
        QC_ASSERT(qc_span_eq(qc_bytes_span(&one), qc_bytes_span(&two)));
        qc_bytes_free(&one);
        qc_bytes_free(&two);
    }
    qc_bans_clear(&b);
    qc_bans_clear(&again);
    return 0;
}
