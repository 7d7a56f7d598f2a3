/* A record of the block index: what is accepted is written back the same, but for the version,
 * which nobody reads. */
#include "tests/fuzz/fuzz.h"

#include "core/store/files.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_index_record a = {0}, b;
    if (qc_index_record_decode(qc_span_of(data, len), &a))
        return 0;
    uint8_t out[QC_INDEX_RECORD_MAX];
    size_t n = qc_index_record_encode(&a, out);
    QC_ASSERT(n <= sizeof out && n >= QC_HEADER_LEN + 4);
    QC_ASSERT(!qc_index_record_decode(qc_span_of(out, n), &b));
    QC_ASSERT(a.height == b.height && a.status == b.status && a.n_tx == b.n_tx);
    QC_ASSERT(a.file == b.file && a.data_pos == b.data_pos && a.undo_pos == b.undo_pos);
    QC_ASSERT(memcmp(&a.header, &b.header, sizeof a.header) == 0);
    size_t version = 0;
    while (data[version] & 0x80)
        version++;
    QC_ASSERT(len - version - 1 == n - 3 && memcmp(data + version + 1, out + 3, n - 3) == 0);
    return 0;
}
