/* Reading: command line words and configuration lines (Core common/args.cpp, common/config.cpp). */
#include "core/base/alloc.h"
#include "core/base/nearest.h"
#include "core/conf/store.h"

#include <stdio.h>

/* "section.noname" taken apart. */
typedef struct key {
    char *section; /* owned */
    const char *name;
    bool negated;
} key;

static key parse_key(const char *text)
{
    key k = {0};
    const char *dot = strchr(text, '.');
    k.section = qc_asprintf("%.*s", dot ? (int)(dot - text) : 0, text);
    k.name = dot ? dot + 1 : text;
    k.negated = strncmp(k.name, "no", 2) == 0;
    if (k.negated)
        k.name += 2;
    return k;
}

/* Store one value. Returns false and *error when the option cannot be given like this. */
static bool take_value(qc_settings *s, qc_source source, const key *k, const qc_opt *opt,
                       const char *value, char **error)
{
    if (k->negated && opt->flags & QC_OPTF_NO_NEGATION) {
        *error = qc_asprintf("Negating of -%s is meaningless and therefore forbidden", opt->name);
        return false;
    }
    if (!k->negated && !value && opt->flags & QC_OPTF_NO_ELISION) {
        *error = qc_asprintf("Can not set -%s with no value. Please specify value with -%s=value.",
                             opt->name, opt->name);
        return false;
    }
    if (!k->negated) {
        qc_store_add(s, source, k->section, opt, QC_VALUE_TEXT, value ? value : "");
        return true;
    }
    qc_value v = {.kind = QC_VALUE_TEXT, .text = (char *)(uintptr_t)value};
    bool twice = value && !qc_store_true(&v);
    if (twice)
        qc_store_note(
            &s->warning, &s->n_warning,
            qc_asprintf("Parsed potentially confusing double-negative -%s=%s", opt->name, value));
    qc_store_add(s, source, k->section, opt, twice ? QC_VALUE_TRUE : QC_VALUE_FALSE, NULL);
    return true;
}

/* ---- command line ---- */
static char *invalid(const qc_settings *s, const char *arg, const char *name)
{
    qc_nearest near;
    qc_nearest_init(&near, name);
    for (const qc_opt *const *t = s->tables; *t; t++)
        for (const qc_opt *o = *t; o->name; o++)
            if (o->group != QC_OPTS_HIDDEN)
                qc_nearest_try(&near, o->name);
    if (!near.best || near.distance == 0) /* of another section, but right */
        return qc_asprintf("Invalid parameter %s", arg);
    return qc_asprintf("Invalid parameter %s (did you mean -%s?)", arg, near.best);
}

static bool take_arg(qc_settings *s, const char *arg, char **error)
{
    const char *p = arg + 1 + (arg[1] == '-');
    const char *eq = strchr(p, '=');
    char *text = qc_asprintf("%.*s", eq ? (int)(eq - p) : (int)strlen(p), p);
    key k = parse_key(text);
    const qc_opt *opt = qc_store_find(s, k.name);
    bool ok = false;
    /* Options with a section in front belong into configuration files. */
    if (!opt || k.section[0])
        *error = invalid(s, arg, k.name);
    else
        ok = take_value(s, QC_SOURCE_ARGS, &k, opt, eq ? eq + 1 : NULL, error);
    qc_free(k.section);
    qc_free(text);
    return ok;
}

qc_err qc_settings_args(qc_settings *s, int argc, char *const argv[], bool words, int *first,
                        char **error)
{
    int i = 1;
    for (; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] == 0)
            break;
        if (argv[i][0] != '-') {
            if (!words)
                s->stray = qc_strdup(argv[i]);
            break;
        }
        if (!take_arg(s, argv[i], error))
            return QC_EINVAL;
    }
    if (first)
        *first = i;
    const qc_opt *inc = qc_store_find(s, "includeconf");
    const qc_value *v = inc ? qc_store_first(s, inc) : NULL;
    if (v) {
        const char *quote = v->kind == QC_VALUE_TEXT ? "\"" : "";
        *error = qc_asprintf("-includeconf cannot be used from commandline; -includeconf=%s%s%s",
                             quote, v->kind == QC_VALUE_TEXT ? v->text : "true", quote);
        return QC_EINVAL;
    }
    return QC_OK;
}

const char *qc_settings_stray(const qc_settings *s)
{
    return s->stray;
}

/* ---- configuration files ---- */
typedef struct config {
    qc_settings *s;
    const char *file;
    unsigned line;
    char *prefix; /* "regtest." or "" */
    char **error;
} config;

static void note_section(config *c, const char *name, size_t len)
{
    qc_settings *s = c->s;
    s->section = qc_try_realloc(s->section, (s->n_section + 1) * sizeof *s->section);
    QC_ASSERT(s->section);
    s->section[s->n_section].name = qc_asprintf("%.*s", (int)len, name);
    s->section[s->n_section].where = qc_asprintf("%s:%u", c->file, c->line);
    s->n_section++;
}

static char *trim(const char *from, const char *end)
{
    while (from < end && strchr(" \t\r\n", *from))
        from++;
    while (end > from && strchr(" \t\r\n", end[-1]))
        end--;
    return qc_asprintf("%.*s", (int)(end - from), from);
}

static bool take_setting(config *c, const char *name, const char *value)
{
    key k = parse_key(name);
    const qc_opt *opt = qc_store_find(c->s, k.name);
    bool ok = true;
    if (strcmp(k.name, "conf") == 0) {
        *c->error = qc_strdup("conf cannot be set in the configuration file; use includeconf= if "
                              "you want to include additional config files");
        ok = false;
    } else if (opt) {
        if (strcmp(k.name, "reindex") == 0)
            qc_store_note(&c->s->warning, &c->s->n_warning,
                          qc_strdup("reindex=1 is set in the configuration file: every start will "
                                    "rebuild everything. Remove it once the rebuild is done."));
        ok = take_value(c->s, QC_SOURCE_CONFIG, &k, opt, value, c->error);
    } else {
        qc_store_note(&c->s->unknown, &c->s->n_unknown, qc_strdup(name));
    }
    qc_free(k.section);
    return ok;
}

static bool take_assignment(config *c, const char *line, const char *eq, bool used_hash)
{
    char *bare = trim(line, eq), *value = trim(eq + 1, eq + 1 + strlen(eq + 1));
    char *name = qc_asprintf("%s%s", c->prefix, bare);
    bool ok;
    if (used_hash && strstr(name, "rpcpassword")) {
        *c->error =
            qc_asprintf("parse error on line %u, using # in rpcpassword can be ambiguous and "
                        "should be avoided",
                        c->line);
        ok = false;
    } else {
        /* A dot of its own names a section as well. */
        const char *dot = strrchr(name, '.');
        if (dot && (size_t)(dot - name) >= strlen(c->prefix))
            note_section(c, name, (size_t)(dot - name));
        ok = take_setting(c, name, value);
    }
    qc_free(bare);
    qc_free(value);
    qc_free(name);
    return ok;
}

static bool take_line(config *c, const char *line, bool used_hash)
{
    size_t n = strlen(line);
    const char *eq = strchr(line, '=');
    if (n == 0)
        return true;
    if (line[0] == '[' && line[n - 1] == ']') {
        note_section(c, line + 1, n - 2);
        qc_free(c->prefix);
        c->prefix = qc_asprintf("%.*s.", (int)(n - 2), line + 1);
        return true;
    }
    if (line[0] == '-') {
        *c->error = qc_asprintf("parse error on line %u: %s, options in configuration file must be "
                                "specified without leading -",
                                c->line, line);
        return false;
    }
    if (eq)
        return take_assignment(c, line, eq, used_hash);
    bool no = n >= 2 && strncmp(line, "no", 2) == 0;
    *c->error = qc_asprintf("parse error on line %u: %s%s%s%s", c->line, line,
                            no ? ", if you intended to specify a negated option, use " : "",
                            no ? line : "", no ? "=1 instead" : "");
    return false;
}

qc_err qc_settings_config(qc_settings *s, qc_span text, const char *file, char **error)
{
    config c = {.s = s, .file = file, .prefix = qc_strdup(""), .error = error};
    const char *p = (const char *)text.data, *end = p + text.len;
    bool ok = true;
    while (ok && p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        if (!eol)
            eol = end;
        const char *hash = memchr(p, '#', (size_t)(eol - p));
        char *line = trim(p, hash ? hash : eol);
        c.line++;
        ok = take_line(&c, line, hash != NULL);
        qc_free(line);
        p = eol + 1;
    }
    qc_free(c.prefix);
    return ok ? QC_OK : QC_EINVAL;
}
