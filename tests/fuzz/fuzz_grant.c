/* A grant file's text: refused with a problem, or read; what it grants fits its interface or is
 * told not to. */
#include "tests/fuzz/fuzz.h"

#include "core/host/grant.h"
#include "core/host/interfaces.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_grant g;
    qc_problems p = {0};
    char value[64];
    bool ok = qc_grant_parse((qc_span){data, len}, &g, &p);
    QC_ASSERT(ok == (p.n == 0));
    QC_ASSERT(!ok || (g.file && *g.file));
    for (size_t i = 0; i < g.n_iface; i++) {
        const qc_interface *f = qc_interface_find(g.iface[i].key);
        if (f && !qc_interface_misfit(f, g.iface[i].value) &&
            qc_grant_param(g.iface[i].value, "window", value, sizeof value)) {
            uint64_t n;
            QC_ASSERT(qc_bytes_of_text(value, &n) && n > 0);
        }
    }
    qc_grant_clear(&g);
    qc_problems_clear(&p);
    return 0;
}
