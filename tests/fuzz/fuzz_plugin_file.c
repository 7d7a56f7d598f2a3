/* A plugin's file, from the first byte: ELF reader, lint, manifest. Whatever is reported, names lie
 * inside the file. */
#include "tests/fuzz/fuzz.h"

#include "core/host/elf.h"
#include "core/host/manifest.h"

static void inside(const qc_elf_names *list, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < list->n; i++) {
        const uint8_t *s = (const uint8_t *)list->name[i];
        QC_ASSERT(s >= data && s + strlen(list->name[i]) < data + len);
    }
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    qc_elf e;
    qc_manifest m;
    qc_problems p = {0};
    bool ok = qc_elf_read((qc_span){data, len}, &e, &p);
    QC_ASSERT(ok == (p.n == 0));
    inside(&e.exports, data, len);
    inside(&e.imports, data, len);
    inside(&e.needed, data, len);
    if (ok) {
        QC_ASSERT(e.manifest.data >= data && e.manifest.data + e.manifest.len <= data + len);
        (void)qc_elf_lint(&e, &p);
        (void)qc_manifest_parse(e.manifest, &m, &p);
        qc_manifest_clear(&m);
    }
    qc_elf_clear(&e);
    qc_problems_clear(&p);
    return ok ? 0 : -1;
}
