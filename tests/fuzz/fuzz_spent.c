/* A file of spent outputs, in either format. */
#include "tests/fuzz/fuzz.h"

#include "tests/vectors/spent.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    spent_set s;
    char why[128] = "";
    qc_err err = spent_read((qc_span){data, len}, &s, why, sizeof why);
    if (err) {
        QC_ASSERT(err == QC_EINVAL && why[0] && !s.coin && !s.time && !s.scripts.data);
        return 0;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < s.n; i++) {
        const qc_spent *c = &s.coin[i];
        sum += c->script.len;
        QC_ASSERT(c->script.len == 0 ||
                  (c->script.data >= s.scripts.data &&
                   c->script.data + c->script.len <= s.scripts.data + s.scripts.len));
        QC_ASSERT(s.has_heights || (c->height == 0 && !c->coinbase));
    }
    QC_ASSERT(sum <= s.scripts.len && (s.has_heights || !s.time));
    spent_clear(&s);
    return 0;
}
