#include "core/host/manifest.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"
#include "quoin/plugin.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#define STEP "manifest"
#define TEXT_MAX 1024u /* bytes of one text */

/* jansson has no limit of its own that is low enough: count brackets outside strings. */
static bool depth_ok(qc_span s)
{
    unsigned depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (in_text && c == '\\')
            i++;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '{' || c == '[') && ++depth > QC_MANIFEST_DEPTH)
            return false;
        else if (!in_text && (c == '}' || c == ']') && depth)
            depth--;
    }
    return true;
}

bool qc_plugin_id_ok(const char *id)
{
    size_t n = strlen(id);
    if (n < 3 || n > QC_PLUGIN_ID_MAX || id[0] == '.' || id[n - 1] == '.' || !strchr(id, '.') ||
        strstr(id, ".."))
        return false;
    return strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

/* semver's core: three numbers, then perhaps - or + and more. */
static bool version_ok(const char *v)
{
    for (int i = 0; i < 3; i++) {
        size_t n = strspn(v, "0123456789");
        if (n == 0 || n > 9 || (n > 1 && v[0] == '0'))
            return false;
        v += n;
        if (i < 2 && *v++ != '.')
            return false;
    }
    return *v == 0 ||
           ((*v == '-' || *v == '+') && v[1] && strlen(v) <= 64 &&
            strspn(v + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          ".-+") == strlen(v + 1));
}

static bool number(const char **p, uint32_t *out)
{
    size_t n = strspn(*p, "0123456789");
    if (n == 0 || n > 6 || **p == '0')
        return false;
    *out = (uint32_t)strtoul(*p, NULL, 10);
    *p += n;
    return true;
}

bool qc_want_parse(const char *text, qc_want *w)
{
    const char *slash = strchr(text, '/'), *p;
    *w = (qc_want){.revision = 1};
    if (!slash || slash == text || (size_t)(slash - text) > 64 ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") != (size_t)(slash - text))
        return false;
    p = slash + 1;
    if (!number(&p, &w->major))
        return false;
    const char *id_end = p;
    if (*p == '.') {
        p++;
        if (!number(&p, &w->revision))
            return false;
    }
    if (*p)
        return false;
    bool revised = *id_end == '.';
    static const char mark[] = ".unstable";
    size_t name = (size_t)(slash - text), tail = sizeof mark - 1;
    w->unstable = name > tail && memcmp(slash - tail, mark, tail) == 0;
    if (w->unstable && revised) /* it is matched by its number alone */
        return false;
    w->text = qc_strdup(text);
    w->id = qc_strdup(text);
    w->id[id_end - text] = 0;
    return true;
}

void qc_want_clear(qc_want *w)
{
    qc_free(w->text);
    qc_free(w->id);
    qc_free(w->why);
    *w = (qc_want){0};
}

/* A text member, or NULL. */
static const char *text_of(const json_t *o, const char *key, bool must, qc_problems *p)
{
    const json_t *v = json_object_get(o, key);
    if (!v && !must)
        return NULL;
    if (!json_is_string(v) || json_string_length(v) > TEXT_MAX ||
        strlen(json_string_value(v)) != json_string_length(v)) {
        qc_problem(p, STEP, "%s: found %s, wanted a text of at most %u bytes", key,
                   v ? "something else" : "nothing", TEXT_MAX);
        return NULL;
    }
    return json_string_value(v);
}

/* A copy of a text that is only shown. NULL: an empty one. */
static char *shown_text(const char *s)
{
    char *copy = qc_strdup(s ? s : "");
    qc_clean_text(copy);
    return copy;
}

static void read_wants(const json_t *o, const char *key, bool optional, qc_manifest *m,
                       qc_problems *p)
{
    const json_t *list = json_object_get(o, key), *v;
    size_t i;
    if (list && (!json_is_array(list) || json_array_size(list) > QC_MANIFEST_LIST_MAX)) {
        qc_problem(p, STEP, "%s: found something else, wanted a list of at most %u interfaces", key,
                   QC_MANIFEST_LIST_MAX);
        return;
    }
    json_array_foreach(list, i, v)
    {
        qc_want w;
        const char *text = json_string_value(v);
        if (!text || !qc_want_parse(text, &w)) {
            qc_problem(p, STEP, "%s: found %s, wanted name/MAJOR or name/MAJOR.REVISION", key,
                       text ? qc_printable(text) : "something that is no text");
            continue;
        }
        for (size_t k = 0; k < m->n_want; k++)
            if (strcmp(m->want[k].id, w.id) == 0)
                qc_problem(p, STEP, "%s: found %s twice, wanted it once", key, w.id);
        w.optional = optional;
        m->want[m->n_want++] = w;
    }
}

static void read_whys(const json_t *o, qc_manifest *m, qc_problems *p)
{
    json_t *why = json_object_get(o, "why");
    for (size_t i = 0; i < m->n_want; i++) {
        const json_t *v = json_object_get(why, m->want[i].text);
        if (!v)
            v = json_object_get(why, m->want[i].id);
        if (json_is_string(v) && json_string_length(v) <= 200)
            m->want[i].why = shown_text(json_string_value(v));
        else if (v)
            qc_problem(p, STEP, "why: found no sentence for %s, wanted a text of at most 200 bytes",
                       m->want[i].id);
    }
    if (why && !json_is_object(why))
        qc_problem(p, STEP, "why: found something else, wanted an object");
}

static void read_names(const json_t *o, qc_manifest *m, qc_problems *p)
{
    static const char *const nets[] = {"main", "test", "testnet4", "signet", "regtest"};
    const json_t *list = json_object_get(o, "networks"), *v;
    size_t i;
    if (list && (!json_is_array(list) || json_array_size(list) > QC_COUNTOF(nets)))
        qc_problem(p, STEP, "networks: found something else, wanted a list of networks");
    json_array_foreach(list, i, v)
    {
        const char *name = json_string_value(v);
        bool known = false;
        for (size_t k = 0; name && k < QC_COUNTOF(nets); k++)
            known |= strcmp(name, nets[k]) == 0;
        if (known && m->n_network < QC_COUNTOF(nets))
            m->network[m->n_network++] = qc_strdup(name);
        else
            qc_problem(p, STEP,
                       "networks: found %s, wanted main, test, testnet4, signet or regtest",
                       name ? qc_printable(name) : "no text");
    }
    list = json_object_get(o, "modes");
    m->may_isolated = m->may_trusted = list == NULL;
    if (list && !json_is_array(list))
        qc_problem(p, STEP, "modes: found something else, wanted a list of isolated, trusted");
    json_array_foreach(list, i, v)
    {
        const char *name = json_string_value(v);
        if (name && strcmp(name, "isolated") == 0)
            m->may_isolated = true;
        else if (name && strcmp(name, "trusted") == 0)
            m->may_trusted = true;
        else
            qc_problem(p, STEP, "modes: found %s, wanted isolated or trusted",
                       name ? qc_printable(name) : "no text");
    }
}

static char *scalar_text(const json_t *v)
{
    if (json_is_string(v))
        return qc_strdup(json_string_value(v));
    if (json_is_integer(v))
        return qc_asprintf("%lld", (long long)json_integer_value(v));
    if (json_is_boolean(v))
        return qc_strdup(json_is_true(v) ? "1" : "0");
    return NULL;
}

const char *qc_config_misfit(const qc_config_def *d, const char *value)
{
    static _Thread_local char want[128];
    long long lo = d->has_min ? d->min : INT64_MIN, hi = d->has_max ? d->max : INT64_MAX;
    if (d->type == QC_CONFIG_BOOL) {
        if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
            return "0 or 1";
        return NULL;
    }
    if (d->type == QC_CONFIG_TEXT) {
        lo = d->has_min ? d->min : 0;
        hi = d->has_max ? d->max : (long long)TEXT_MAX;
        snprintf(want, sizeof want, "a text of %lld to %lld bytes", lo, hi);
        return (long long)strlen(value) < lo || (long long)strlen(value) > hi ? want : NULL;
    }
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    snprintf(want, sizeof want, "a whole number from %lld to %lld", lo, hi);
    bool bad = errno || end == value || *end || strchr(" \t+", value[0]) || n < lo || n > hi;
    return bad ? want : NULL;
}

static bool config_name_ok(const char *s)
{
    size_t n = strlen(s);
    return n >= 1 && n <= 32 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static void read_limit(const json_t *o, const char *key, bool *has, int64_t *out, qc_problems *p)
{
    const json_t *v = json_object_get(o, key);
    *has = json_is_integer(v);
    if (*has)
        *out = json_integer_value(v);
    else if (v)
        qc_problem(p, STEP, "config: found a %s that is no whole number, wanted one", key);
}

/* A default goes into the operator's grant file: one line, without a comment. */
static void judge_default(const qc_config_def *d, bool is_text, qc_problems *p)
{
    const char *misfit = d->dflt ? qc_config_misfit(d, d->dflt) : "a number, text or boolean";
    if (misfit)
        qc_problem(p, STEP, "config %s: found default %s, wanted %s", qc_printable(d->name),
                   d->dflt ? qc_printable(d->dflt) : "of a wrong type", misfit);
    else if (is_text && (!qc_text_is_clean(d->dflt) || strchr(d->dflt, '#')))
        qc_problem(p, STEP,
                   "config %s: found default %s, wanted one line of text without '#' and without "
                   "control characters",
                   qc_printable(d->name), qc_printable(d->dflt));
}

static void read_config_def(const json_t *o, qc_manifest *m, qc_problems *p)
{
    static const char *const types[] = {"int", "bool", "text"};
    qc_config_def *d = &m->config[m->n_config++];
    const char *name = text_of(o, "name", true, p), *type = text_of(o, "type", true, p);
    const char *help = text_of(o, "help", false, p);
    unsigned t = 0;
    while (t < QC_COUNTOF(types) && !(type && strcmp(type, types[t]) == 0))
        t++;
    d->name = qc_strdup(name ? name : "");
    d->help = shown_text(help);
    d->type = (qc_config_type)(t % QC_COUNTOF(types));
    d->live = json_is_true(json_object_get(o, "live"));
    read_limit(o, "min", &d->has_min, &d->min, p);
    read_limit(o, "max", &d->has_max, &d->max, p);
    const json_t *dflt = json_object_get(o, "default");
    d->dflt = scalar_text(dflt);
    if (!name || !config_name_ok(name))
        qc_problem(p, STEP, "config: found name %s, wanted [a-z0-9_]{1,32}", qc_printable(d->name));
    if (t == QC_COUNTOF(types))
        qc_problem(p, STEP, "config %s: found type %s, wanted int, bool or text",
                   qc_printable(d->name), type ? qc_printable(type) : "nothing");
    else if (dflt)
        judge_default(d, json_is_string(dflt), p);
    for (size_t i = 0; i + 1 < m->n_config; i++)
        if (strcmp(m->config[i].name, d->name) == 0)
            qc_problem(p, STEP, "config: found %s twice, wanted it once", qc_printable(d->name));
}

static void read_config(const json_t *o, qc_manifest *m, qc_problems *p)
{
    const json_t *list = json_object_get(o, "config"), *v;
    size_t i;
    if (list && (!json_is_array(list) || json_array_size(list) > QC_MANIFEST_LIST_MAX)) {
        qc_problem(p, STEP, "config: found something else, wanted a list of at most %u members",
                   QC_MANIFEST_LIST_MAX);
        return;
    }
    json_array_foreach(list, i, v)
    {
        if (json_is_object(v))
            read_config_def(v, m, p);
        else
            qc_problem(p, STEP, "config: found a member that is no object, wanted one");
    }
}

static void read_resources(const json_t *o, qc_manifest *m, qc_problems *p)
{
    json_t *res = json_object_get(o, "resources");
    struct {
        const char *key;
        uint64_t *out;
    } rows[] = {{"threads", &m->threads},
                {"memory_mb", &m->memory_mb},
                {"storage_mb", &m->storage_mb},
                {"arena_mb", &m->arena_mb}};
    if (res && !json_is_object(res))
        qc_problem(p, STEP, "resources: found something else, wanted an object");
    for (size_t i = 0; i < QC_COUNTOF(rows); i++) {
        const json_t *v = json_object_get(res, rows[i].key);
        if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) < (1 << 30))
            *rows[i].out = (uint64_t)json_integer_value(v);
        else if (v)
            qc_problem(p, STEP, "resources: found no number for %s, wanted 0 to 2^30", rows[i].key);
    }
    const json_t *cpu = json_object_get(res, "cpu");
    const char *class = json_string_value(cpu);
    if (class && (strcmp(class, "normal") == 0 || strcmp(class, "latency") == 0))
        m->cpu = qc_strdup(class);
    else if (cpu && (!class || strcmp(class, "background") != 0))
        qc_problem(p, STEP, "resources: found another cpu, wanted background, normal or latency");
}

/* Members that we do not know are passed over, unless the author says that they matter. */
static void read_critical(json_t *o, qc_problems *p)
{
    static const char *const known[] = {"manifest", "id",       "version",  "summary", "license",
                                        "requires", "optional", "provides", "why",     "resources",
                                        "networks", "modes",    "config",   "critical"};
    const json_t *list = json_object_get(o, "critical"), *v;
    size_t i;
    if (list && !json_is_array(list))
        qc_problem(p, STEP, "critical: found something else, wanted a list of names");
    json_array_foreach(list, i, v)
    {
        const char *name = json_string_value(v);
        bool have = false;
        for (size_t k = 0; name && k < QC_COUNTOF(known); k++)
            have |= strcmp(name, known[k]) == 0;
        if (!have)
            qc_problem(p, STEP, "critical: found member %s, wanted only those this host knows",
                       name ? qc_printable(name) : "that is no text");
    }
}

static void read_all(json_t *o, qc_manifest *m, qc_problems *p)
{
    const json_t *format = json_object_get(o, "manifest");
    if (!json_is_integer(format) || json_integer_value(format) != 1)
        qc_problem(p, STEP, "manifest: found %s, wanted 1",
                   json_is_integer(format) ? "another format number" : "no format number");
    const char *id = text_of(o, "id", true, p), *version = text_of(o, "version", true, p);
    const char *summary = text_of(o, "summary", false, p), *lic = text_of(o, "license", false, p);
    m->id = qc_strdup(id ? id : "");
    m->version = qc_strdup(version ? version : "");
    m->summary = shown_text(summary);
    m->license = shown_text(lic);
    if (id && !qc_plugin_id_ok(id))
        qc_problem(p, STEP, "id: found %s, wanted reverse-DNS in [a-z0-9.-]{3,64}",
                   qc_printable(id));
    if (version && !version_ok(version))
        qc_problem(p, STEP, "version: found %s, wanted MAJOR.MINOR.PATCH", qc_printable(version));
    read_wants(o, "requires", false, m, p);
    read_wants(o, "optional", true, m, p);
    read_whys(o, m, p);
    read_names(o, m, p);
    read_config(o, m, p);
    read_resources(o, m, p);
    read_critical(o, p);
}

bool qc_manifest_parse(qc_span json, qc_manifest *out, qc_problems *p)
{
    *out = (qc_manifest){0};
    if (json.len && json.data[json.len - 1] == 0)
        json.len--;
    size_t before = p->n;
    if (json.len > QN_MANIFEST_MAX)
        qc_problem(p, STEP, "size: found %zu bytes, wanted at most %d", json.len, QN_MANIFEST_MAX);
    else if (!depth_ok(json))
        qc_problem(p, STEP, "nesting: found more than %u levels, wanted at most %u",
                   QC_MANIFEST_DEPTH, QC_MANIFEST_DEPTH);
    if (p->n != before)
        return false;
    json_error_t e;
    json_t *o = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(o))
        qc_problem(p, STEP, "JSON: found %s (line %d), wanted one object without duplicate keys",
                   o ? "another value" : qc_printable(e.text), o ? 1 : e.line);
    else
        read_all(o, out, p);
    json_decref(o);
    return p->n == before;
}

void qc_manifest_clear(qc_manifest *m)
{
    qc_free(m->id);
    qc_free(m->version);
    qc_free(m->summary);
    qc_free(m->license);
    qc_free(m->cpu);
    for (size_t i = 0; i < m->n_want; i++)
        qc_want_clear(&m->want[i]);
    for (size_t i = 0; i < m->n_network; i++)
        qc_free(m->network[i]);
    for (size_t i = 0; i < m->n_config; i++) {
        qc_free(m->config[i].name);
        qc_free(m->config[i].help);
        qc_free(m->config[i].dflt);
    }
    *m = (qc_manifest){0};
}
