#include "core/host/interfaces.h"

#include "core/host/grant.h"

#include <stdio.h>

#ifndef QC_INTERFACES /* tests make releases of their own */
#define QC_INTERFACES "core/host/interfaces.def"
#endif

#define QC_GRANT(...)
#define QC_INTERFACE(table, id, revision, local, summary, lets)                                    \
    {#table, id, summary, lets, revision, local},
static const qc_interface INTERFACES[] = {
#include QC_INTERFACES
};
#undef QC_GRANT
#undef QC_INTERFACE

#define QC_INTERFACE(...)
#define QC_GRANT(...)
#define QC_UNSTABLE(table, last, instead) {#table, last, instead},
static const qc_unstable UNSTABLE[] = {
#include QC_INTERFACES
    {NULL, NULL, NULL}};
#undef QC_GRANT
#undef QC_INTERFACE

#define QC_INTERFACE(...)
#define QC_GRANT(table, key, type, dflt, meaning) {#table, key, dflt, meaning, type},
static const qc_grant_key KEYS[] = {
#include QC_INTERFACES
};
#undef QC_GRANT
#undef QC_INTERFACE

const qc_interface *qc_interface_at(size_t i)
{
    return i < QC_COUNTOF(INTERFACES) ? &INTERFACES[i] : NULL;
}

const qc_interface *qc_interface_find(const char *id)
{
    for (size_t i = 0; i < QC_COUNTOF(INTERFACES); i++)
        if (strcmp(INTERFACES[i].id, id) == 0)
            return &INTERFACES[i];
    return NULL;
}

const qc_unstable *qc_interface_unstable(const qc_interface *f)
{
    for (size_t i = 0; UNSTABLE[i].table; i++)
        if (strcmp(UNSTABLE[i].table, f->table) == 0)
            return &UNSTABLE[i];
    return NULL;
}

void qc_interface_numbers(const char *id, char *out, size_t cap)
{
    size_t name = strcspn(id, "/") + 1, used = 0;
    snprintf(out, cap, "none");
    for (size_t i = 0; i < QC_COUNTOF(INTERFACES) && used < cap; i++)
        if (strncmp(INTERFACES[i].id, id, name) == 0)
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? " and " : "",
                                     INTERFACES[i].id + name);
}

const qc_grant_key *qc_interface_key(const qc_interface *f, size_t i)
{
    for (size_t k = 0; k < QC_COUNTOF(KEYS); k++)
        if (strcmp(KEYS[k].table, f->table) == 0 && i-- == 0)
            return &KEYS[k];
    return NULL;
}

static const qc_grant_key *key_named(const qc_interface *f, const char *name)
{
    const qc_grant_key *k;
    for (size_t i = 0; (k = qc_interface_key(f, i)); i++)
        if (strcmp(k->key, name) == 0)
            return k;
    return NULL;
}

static bool value_fits(const qc_grant_key *k, const char *value)
{
    uint64_t n;
    switch (k->type) {
    case QC_PARAM_COUNT:
        return strspn(value, "0123456789") == strlen(value) && qc_bytes_of_text(value, &n) &&
               n > 0 && n <= 1000000;
    case QC_PARAM_BYTES:
        return qc_bytes_of_text(value, &n);
    case QC_PARAM_TEXT:
    case QC_PARAM_LIST:
        return *value != 0;
    }
    return false;
}

const char *qc_interface_misfit(const qc_interface *f, const char *params)
{
    static _Thread_local char text[256];
    static const char *const wanted[] = {"a count from 1 to 1000000", "a size such as 500MB",
                                         "a text", "words separated by spaces"};
    char part[512], name[64], value[512];
    if (strcmp(params, "yes") == 0 || *params == 0)
        return NULL;
    for (const char *p = params; *p;) {
        size_t len = strcspn(p, ",");
        snprintf(part, sizeof part, "%.*s", (int)(len < sizeof part ? len : sizeof part - 1), p);
        const char *k = part + strspn(part, " \t");
        size_t k_len = strcspn(k, " \t=");
        snprintf(name, sizeof name, "%.*s", (int)(k_len < sizeof name ? k_len : sizeof name - 1),
                 k);
        const qc_grant_key *key = key_named(f, name);
        if (!key || !strchr(part, '=')) {
            snprintf(text, sizeof text,
                     "found %s, wanted yes or key=value with a key of this interface",
                     qc_printable(part));
            return text;
        }
        if (!qc_grant_param(part, name, value, sizeof value) || !value_fits(key, value)) {
            snprintf(text, sizeof text, "found %s, wanted %s to be %s", qc_printable(part), name,
                     wanted[key->type]);
            return text;
        }
        p += len + (p[len] == ',');
    }
    return NULL;
}
