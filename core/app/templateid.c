/* Ids of templates that go up over restarts. */
#include "core/app/app.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <stdio.h>

#define PER_RUN (UINT64_C(1) << 32) /* more than a run can make */
#define LAST_ID (UINT64_C(1) << 53) /* what a number of JSON holds */

/* What a file of ours says, or 0. */
static uint64_t stored_id(const char *path)
{
    qc_bytes b = QC_BYTES_INIT;
    uint64_t id = 0;
    if (qc_os_read_file(path, 32, &b) != QC_OK)
        return 0;
    for (size_t i = 0; i < b.len && b.data[i] >= '0' && b.data[i] <= '9' && id < LAST_ID; i++)
        id = id * 10 + (uint64_t)(b.data[i] - '0');
    qc_bytes_free(&b);
    return id < LAST_ID - PER_RUN ? id : 0;
}

qc_err qc_app_first_template_id(const char *folder, int64_t now_us, uint64_t *out)
{
    char text[32], *path = qc_asprintf("%s/template_id", folder);
    uint64_t stored = stored_id(path);
    uint64_t id = now_us > 0 && (uint64_t)now_us > stored ? (uint64_t)now_us : stored;
    snprintf(text, sizeof text, "%llu\n", (unsigned long long)(id + PER_RUN));
    qc_err err = qc_os_write_file_atomic(path, qc_span_str(text), 0600);
    qc_free(path);
    if (!err)
        *out = id;
    return err;
}
