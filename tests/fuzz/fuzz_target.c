/* The target of an HTTP request: what is taken is one plain path that nobody can read otherwise. */
#include "tests/fuzz/fuzz.h"

#include "core/rpc/target.h"

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    char text[8192], name[65];
    const char *rest = NULL;
    qc_target t;
    len = len < sizeof text ? len : sizeof text - 1;
    memcpy(text, data, len);
    text[len] = 0;
    if (!qc_target_parse(text, &t))
        return 0;
    QC_ASSERT(t.path[0] == '/' && strlen(t.path) <= QC_TARGET_PATH_MAX);
    QC_ASSERT(!strstr(t.path, "//") && !strchr(t.path, '\\') && !strstr(t.path, "/../"));
    size_t n = strlen(t.path);
    QC_ASSERT(n < 3 || strcmp(t.path + n - 3, "/..") != 0);
    QC_ASSERT(n < 2 || strcmp(t.path + n - 2, "/.") != 0);
    for (const char *p = t.path; *p; p++)
        QC_ASSERT((unsigned char)*p >= 32 && *p != 127);
    for (const char *p = t.query; *p; p++)
        QC_ASSERT((unsigned char)*p > 32 && (unsigned char)*p < 127);
    if (qc_target_mount(t.path, name, &rest)) {
        QC_ASSERT(*name && strlen(name) <= 64 && (!*rest || *rest == '/'));
        QC_ASSERT(rest == t.path + 3 + strlen(name));
    }
    return 0;
}
