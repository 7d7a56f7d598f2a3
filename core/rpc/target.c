#include "core/rpc/target.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte of the path, decoded; -1 when it may not be there. */
static int decode(const char **p)
{
    int c = (unsigned char)**p;
    if (c == '%') {
        int hi = hex((*p)[1]), lo = hi < 0 ? -1 : hex((*p)[2]);
        if (lo < 0)
            return -1;
        *p += 2;
        c = hi * 16 + lo;
        if (c == '/')
            return -1;
    } else if (c > 126) {
        return -1; /* beyond ASCII only when escaped */
    }
    ++*p;
    return c < 32 || c == 127 || c == '\\' ? -1 : c;
}

static bool segment_ok(const char *s, size_t n)
{
    return n > 0 && !(n == 1 && s[0] == '.') && !(n == 2 && s[0] == '.' && s[1] == '.');
}

bool qc_target_parse(const char *text, qc_target *out)
{
    size_t n = 0, segment = 1;
    const char *p = text;
    if (*p != '/')
        return false;
    while (*p && *p != '?') {
        int c = decode(&p);
        if (c < 0 || n == QC_TARGET_PATH_MAX)
            return false;
        if (c == '/' && n > 0) {
            if (!segment_ok(out->path + segment, n - segment))
                return false;
            segment = n + 1;
        }
        out->path[n++] = (char)c;
    }
    out->path[n] = 0;
    if (n > segment && !segment_ok(out->path + segment, n - segment))
        return false;
    n = 0;
    for (p += *p == '?'; *p; p++) {
        if ((unsigned char)*p <= 32 || (unsigned char)*p > 126 || *p == '#' ||
            n == QC_TARGET_QUERY_MAX)
            return false;
        out->query[n++] = *p;
    }
    out->query[n] = 0;
    return true;
}

bool qc_mount_name_ok(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!name[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789-", name[i]))
            return false;
    return len >= 1 && len <= 64;
}

bool qc_target_mount(const char *path, char name[65], const char **rest)
{
    if (strncmp(path, "/p/", 3) != 0)
        return false;
    size_t len = strcspn(path + 3, "/");
    if (!qc_mount_name_ok(path + 3, len))
        return false;
    memcpy(name, path + 3, len);
    name[len] = 0;
    *rest = path + 3 + len;
    return true;
}
