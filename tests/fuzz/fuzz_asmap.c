/* A map after 16 bytes of address. Only a sane one is looked up in; any other must be told to be
 * so without reading outside of it. */
#include "core/net/asmap.h"
#include "tests/fuzz/fuzz.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_fuzz_in in = {data, len};
    uint8_t ip[16];
    qc_fuzz_take(&in, ip, sizeof ip);
    qc_span map = qc_span_of(in.p, in.left);
    if (!qc_asmap_is_sane(map))
        return 0;
    QC_ASSERT(qc_asmap_lookup(map, ip) < 1u << 25);
    for (int bit = 0; bit < 128; bit += 5) {
        ip[bit / 8] ^= (uint8_t)(1u << bit % 8);
        QC_ASSERT(qc_asmap_lookup(map, ip) < 1u << 25);
    }
    return 0;
}
