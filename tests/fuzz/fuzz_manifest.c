/* A manifest's JSON: refused with a problem, or all that was read keeps its promises. */
#include "tests/fuzz/fuzz.h"

#include "core/host/manifest.h"
#include "core/host/resolve.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_manifest m;
    qc_grant g;
    qc_resolution r;
    qc_problems p = {0};
    bool ok = qc_manifest_parse((qc_span){data, len}, &m, &p);
    QC_ASSERT(ok == (p.n == 0));
    if (ok) {
        QC_ASSERT(qc_plugin_id_ok(m.id) && m.n_want <= QC_COUNTOF(m.want));
        for (size_t i = 0; i < m.n_want; i++)
            QC_ASSERT(m.want[i].major > 0 && m.want[i].revision > 0);
        for (size_t i = 0; i < m.n_config; i++)
            QC_ASSERT(!m.config[i].dflt || !qc_config_misfit(&m.config[i], m.config[i].dflt));
        (void)qc_grant_parse(qc_span_str("[plugin]\nfile=x\n[grant]\nchain.read/1=yes\n"), &g, &p);
        bool fits = qc_resolve(&m, &g, "regtest", &r, &p);
        QC_ASSERT(fits == (p.n == 0));
        qc_grant_clear(&g);
    }
    qc_manifest_clear(&m);
    qc_problems_clear(&p);
    return 0;
}
