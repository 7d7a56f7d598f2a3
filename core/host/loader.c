#include "core/host/loader.h"

#include <dlfcn.h>
#include <stdio.h>

static bool text_eq(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static bool entry_ok(const qn_plugin_1 *e, const qc_manifest *m, qc_problems *p)
{
    size_t before = p->n;
    if (e->h.size < sizeof(qn_plugin_1_r1) || e->h.revision < 1) {
        qc_problem(p, "entry", "size and revision: found %u and %u, wanted at least %zu and 1",
                   e->h.size, e->h.revision, sizeof(qn_plugin_1_r1));
        return false;
    }
    if (!text_eq(e->id, m->id))
        qc_problem(p, "entry", "id: found %s, wanted %s (as the manifest says)",
                   e->id ? qc_printable(e->id) : "none", m->id);
    if (!text_eq(e->version, m->version))
        qc_problem(p, "entry", "version: found %s, wanted %s (as the manifest says)",
                   e->version ? qc_printable(e->version) : "none", m->version);
    if (!e->init || !e->start || !e->stop || !e->fini)
        qc_problem(p, "entry",
                   "functions: found one that is missing, wanted init, start, stop, fini");
    return p->n == before;
}

/* glibc takes two libraries of one name for one, and descriptor numbers are used again. So the name
 * is spelled differently for different contents: bits of the digest choose between "//" and "/.".
 */
static void spell_path(const qc_image *m, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "/proc/self/fd");
    for (size_t i = 0; i < 64; i++) {
        unsigned digit = (unsigned)m->sha256[i / 4 * 2] + (unsigned)m->sha256[i / 4 * 2 + 1] * 7;
        n += (size_t)snprintf(out + n, cap - n, digit >> (i % 4) & 1 ? "/." : "//");
    }
    snprintf(out + n, cap - n, "/%d", m->fd);
}

bool qc_loader_open(const qc_image *m, void **library, const qn_plugin_1 **entry, qc_problems *p)
{
    char path[192];
    spell_path(m, path, sizeof path);
    *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!*library) {
        const char *why = dlerror();
        qc_problem(p, "load", "library: found %s, wanted it to load",
                   why ? qc_printable(why) : "a failure");
        return false;
    }
    const qn_plugin_1 *e = dlsym(*library, "qn_plugin_entry");
    if (!e) {
        qc_problem(p, "load", "entry: found no qn_plugin_entry, wanted it");
        return false;
    }
    if (!entry_ok(e, &m->manifest, p))
        return false;
    *entry = e;
    return true;
}
