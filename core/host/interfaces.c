#include "core/host/interfaces.h"

#include "core/base/nearest.h"
#include "core/host/endpoint.h"
#include "core/host/grant.h"

#include <stdio.h>

#ifndef QC_INTERFACES /* tests make releases of their own */
#define QC_INTERFACES "core/host/interfaces.def"
#endif

#define QC_GRANT(...)
#define QC_INTERFACE(table, id, revision, local, acts, summary, lets)                              \
    {#table, id, summary, lets, revision, local, acts},
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

static bool is_endpoints(const qc_grant_key *k)
{
    return k && (k->type == QC_PARAM_ADDRESSES || k->type == QC_PARAM_HOSTS);
}

/* The part without a key, which is the value of a list of addresses. */
static bool bare_part(const char *params, char *out, size_t cap)
{
    for (const char *p = params; *p;) {
        size_t len = strcspn(p, ","), lead = strspn(p, " \t");
        if (lead < len && !memchr(p, '=', len)) {
            size_t n = len - lead;
            while (n && strchr(" \t", p[lead + n - 1]))
                n--;
            if (n >= cap)
                return false;
            snprintf(out, cap, "%.*s", (int)n, p + lead);
            return true;
        }
        p += len + (p[len] == ',');
    }
    return false;
}

bool qc_interface_param(const qc_interface *f, const char *params, const char *key, char *out,
                        size_t cap)
{
    const qc_grant_key *k = key_named(f, key);
    if (params && qc_grant_param(params, key, out, cap))
        return true;
    if (params && is_endpoints(k) && bare_part(params, out, cap))
        return true;
    if (!k || !*k->dflt || strlen(k->dflt) >= cap)
        return false;
    snprintf(out, cap, "%s", k->dflt);
    return true;
}

bool qc_interface_acts(const qc_interface *f, const char *params)
{
    char value[8];
    const qc_grant_key *k;
    bool only_flags = true, any = false;
    size_t n = 0;
    for (; (k = qc_interface_key(f, n)); n++) {
        only_flags &= k->type == QC_PARAM_FLAG;
        any |= k->type == QC_PARAM_FLAG &&
               qc_interface_param(f, params, k->key, value, sizeof value) &&
               strcmp(value, "yes") == 0;
    }
    return f->acts && (!n || !only_flags || any);
}

#define AMOUNT_MAX UINT64_C(100000000000000)

static bool value_fits(const qc_grant_key *k, const char *value)
{
    qc_endpoint list[QC_ENDPOINT_MAX];
    uint64_t n;
    size_t count;
    switch (k->type) {
    case QC_PARAM_COUNT:
        return strspn(value, "0123456789") == strlen(value) && qc_bytes_of_text(value, &n) &&
               n > 0 && n <= 1000000;
    case QC_PARAM_BYTES:
        return qc_bytes_of_text(value, &n);
    case QC_PARAM_TEXT:
    case QC_PARAM_LIST:
        return *value != 0;
    case QC_PARAM_FLAG:
        return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0;
    case QC_PARAM_ADDRESSES:
    case QC_PARAM_HOSTS:
        return qc_endpoint_list(value, k->type == QC_PARAM_ADDRESSES, list, QC_ENDPOINT_MAX,
                                &count);
    case QC_PARAM_AMOUNT:
        return strspn(value, "0123456789") == strlen(value) && qc_bytes_of_text(value, &n) &&
               n <= AMOUNT_MAX;
    }
    return false;
}

#define WANTED_HOSTS "hosts such as 10.0.0.1:5432 db.example.org:443 (at most 32)"
#define WANTED_ADDRESSES "addresses such as 127.0.0.1:50001 [::1]:50001 (at most 32)"

static const char *wanted(const qc_grant_key *k)
{
    static const char *const text[] = {"a count from 1 to 1000000",
                                       "a size such as 500MB",
                                       "a text",
                                       "words separated by spaces",
                                       "yes or no",
                                       WANTED_ADDRESSES,
                                       WANTED_HOSTS,
                                       "satoshis from 0 to 100000000000000"};
    return text[k->type];
}

/* One part between commas: its key and value. */
static const qc_grant_key *part_key(const qc_interface *f, const char *part, char *value,
                                    size_t cap)
{
    char name[64];
    const char *k = part + strspn(part, " \t");
    const qc_grant_key *first = qc_interface_key(f, 0);
    size_t k_len = strcspn(k, " \t=");
    *value = 0;
    if (!strchr(part, '=')) {
        if (is_endpoints(first))
            (void)bare_part(part, value, cap);
        return is_endpoints(first) ? first : NULL;
    }
    snprintf(name, sizeof name, "%.*s", (int)(k_len < sizeof name ? k_len : sizeof name - 1), k);
    (void)qc_grant_param(part, name, value, cap);
    return key_named(f, name);
}

/* Each key once: what a second one says would be passed over. */
static bool seen_twice(uint32_t *seen, const qc_interface *f, const qc_grant_key *key)
{
    for (uint32_t i = 0; i < 32; i++)
        if (qc_interface_key(f, i) == key) {
            bool twice = *seen >> i & 1;
            *seen |= 1u << i;
            return twice;
        }
    return false;
}

/* Of a part whose key is none: the one that may be meant, or those that there are. */
static void say_keys(const qc_interface *f, const char *part, char *out, size_t cap)
{
    char name[64];
    const qc_grant_key *k;
    qc_nearest near;
    size_t used = 0;
    part += strspn(part, " \t");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(part, " \t="), part);
    qc_nearest_init(&near, name);
    for (size_t i = 0; (k = qc_interface_key(f, i)); i++)
        qc_nearest_try(&near, k->key);
    snprintf(out, cap, "it has none");
    if (near.best)
        snprintf(out, cap, "did you mean %s?", near.best);
    for (size_t i = 0; !near.best && (k = qc_interface_key(f, i)) && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%s", i ? ", " : "", k->key);
}

const char *qc_interface_misfit(const qc_interface *f, const char *params)
{
    static _Thread_local char text[512];
    char part[1024], value[1024], keys[256];
    uint32_t seen = 0;
    if (strcmp(params, "yes") == 0 || *params == 0) {
        if (!is_endpoints(qc_interface_key(f, 0)))
            return NULL;
        snprintf(text, sizeof text, "found %s, wanted %s", *params ? params : "nothing",
                 wanted(qc_interface_key(f, 0)));
        return text;
    }
    for (const char *p = params; *p;) {
        size_t len = strcspn(p, ",");
        snprintf(part, sizeof part, "%.*s", (int)(len < sizeof part ? len : sizeof part - 1), p);
        const qc_grant_key *key = part_key(f, part, value, sizeof value);
        const char *shown = qc_printable(part + strspn(part, " \t"));
        if (len >= sizeof part)
            snprintf(text, sizeof text, "found %zu characters in a row, wanted fewer than %zu", len,
                     sizeof part);
        else if (!key) {
            say_keys(f, part, keys, sizeof keys);
            snprintf(text, sizeof text,
                     "found %s, wanted yes or key=value with a key of this interface (%s)", shown,
                     keys);
        } else if (!value_fits(key, value))
            snprintf(text, sizeof text, "found %s, wanted %s to be %s", shown, key->key,
                     wanted(key));
        else if (seen_twice(&seen, f, key))
            snprintf(text, sizeof text, "found %s twice, wanted it once", key->key);
        else {
            p += len + (p[len] == ',');
            continue;
        }
        return text;
    }
    if (is_endpoints(qc_interface_key(f, 0)) && !(seen & 1)) {
        snprintf(text, sizeof text, "found no addresses, wanted %s",
                 wanted(qc_interface_key(f, 0)));
        return text;
    }
    return NULL;
}
