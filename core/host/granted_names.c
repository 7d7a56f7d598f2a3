#include "core/host/granted_names.h"

#include "core/host/grant.h"

#include <string.h>

void qc_granted_names_read(qc_granted_names *g, const char *params)
{
    *g = (qc_granted_names){.prefix = ""};
    if (!params)
        return;
    (void)qc_grant_param(params, "prefix", g->prefix, sizeof g->prefix);
    (void)qc_grant_param(params, "names", g->names, sizeof g->names);
}

bool qc_granted_names_exact(const qc_granted_names *g, const char *name)
{
    for (const char *p = g->names; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (len == strlen(name) && memcmp(p, name, len) == 0)
            return true;
        p += len;
    }
    return false;
}

bool qc_granted_names_have(const qc_granted_names *g, const char *name)
{
    size_t n = strlen(g->prefix);
    return (n && strncmp(name, g->prefix, n) == 0 && name[n]) || qc_granted_names_exact(g, name);
}
