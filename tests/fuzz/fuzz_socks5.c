/* A proxy's answers: never read beyond, never more asked for than an answer may be long, and an end
 * after few steps. */
#include "tests/fuzz/fuzz.h"

#include "core/net/socks5.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_socks5 s;
    qc_socks5_result r = QC_SOCKS5_MORE;
    size_t at = 0;
    if (len < 1)
        return 0;
    qc_socks5_init(&s, data[0] & 2 ? "example.org" : "192.0.2.1", 80, data[0] & 1 ? "user" : NULL);
    for (int steps = 0; r == QC_SOCKS5_MORE; steps++) {
        QC_ASSERT(steps < 8);
        r = qc_socks5_step(&s);
        QC_ASSERT(s.out_len <= sizeof s.out);
        if (r != QC_SOCKS5_MORE)
            break;
        QC_ASSERT(s.need <= sizeof s.in && s.have < s.need);
        for (; s.have < s.need; s.have++)
            s.in[s.have] = at + 1 < len ? data[++at] : 0;
    }
    return 0;
}
