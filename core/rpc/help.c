/* Help texts, laid out as Core lays out its own: one line of usage, what it does, arguments,
 * result, examples. Everything comes from the method tables. */
#include "core/rpc/registry.h"

#include "core/base/alloc.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

/* Texts here are made from our own tables: small, so running out of memory may abort. */
static void addf(qc_bytes *b, const char *fmt, ...) QC_PRINTF(2, 3);
static void addf(qc_bytes *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    QC_ASSERT(n >= 0);
    qc_err err = qc_bytes_reserve(b, (size_t)n + 1);
    QC_ASSERT(err == QC_OK);
    vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
    va_end(again);
    b->len += (size_t)n;
}

static char *finish(qc_bytes *b)
{
    addf(b, "%s", ""); /* terminates, also when nothing was added */
    b->data[b->len] = 0;
    return (char *)b->data;
}

static const char *type_text(const qc_rpc_param *p)
{
    if (p->type_text)
        return p->type_text;
    switch (p->type) {
    case QC_T_STR:
    case QC_T_HEX:
        return "string";
    case QC_T_NUM:
        return "numeric";
    case QC_T_AMOUNT:
        return "numeric or string";
    case QC_T_RANGE:
        return "numeric or array";
    case QC_T_BOOL:
        return "boolean";
    case QC_T_OBJ:
    case QC_T_OBJ_USER_KEYS:
    case QC_T_OBJ_NAMED:
        return "json object";
    case QC_T_ARR:
        break;
    }
    return "json array";
}

/* How a parameter looks on the usage line: text is quoted, anything else goes by its name. */
static void add_usage(qc_bytes *b, const qc_rpc_param *p)
{
    const char *quote = p->type == QC_T_STR || p->type == QC_T_HEX ? "\"" : "";
    if (p->usage)
        addf(b, "%s", p->usage);
    else
        addf(b, "%s%.*s%s", quote, qc_rpc_first_name_len(p->names), p->names, quote);
}

static void add_description(qc_bytes *b, const qc_rpc_param *p)
{
    addf(b, "(%s%s", type_text(p), p->required ? ", required" : ", optional");
    if (p->dflt)
        addf(b, ", default=%s", p->dflt);
    addf(b, ")%s%s\n", p->help && *p->help ? " " : "", p->help ? p->help : "");
}

static void add_inner(qc_bytes *b, const qc_rpc_param *p, int indent)
{
    for (const qc_rpc_param *i = p->inner; i && i->names; i++) {
        if (i->hidden)
            break;
        addf(b, "%*s%.*s    ", indent, "", qc_rpc_first_name_len(i->names), i->names);
        add_description(b, i);
        add_inner(b, i, indent + 2);
    }
}

static void add_arguments(qc_bytes *b, const qc_rpc_param *params)
{
    unsigned n = 0;
    for (const qc_rpc_param *p = params; p && p->names && !p->hidden; p++) {
        if (n == 0)
            addf(b, "\nArguments:\n");
        addf(b, "%u. %.*s    ", ++n, qc_rpc_first_name_len(p->names), p->names);
        add_description(b, p);
        add_inner(b, p, 5);
    }
}

static void add_examples(qc_bytes *b, const qc_rpc_method *m)
{
    if (!m->examples)
        return;
    addf(b, "\nExamples:\n");
    for (const char *p = m->examples; p;) {
        int len = (int)strcspn(p, "\n");
        addf(b, "> quoin-cli %.*s\n", len, p);
        p = p[len] ? p + len + 1 : NULL;
    }
}

char *qc_rpc_method_help(const qc_rpc_entry *e)
{
    const qc_rpc_method *m = &e->m;
    qc_bytes b = QC_BYTES_INIT;
    if (e->dynamic_help) {
        addf(&b, "%s", e->dynamic_help);
        return finish(&b);
    }
    addf(&b, "%s", m->name);
    bool in_optional = false;
    for (const qc_rpc_param *p = m->params; p && p->names && !p->hidden; p++) {
        if (!p->required && !in_optional)
            addf(&b, " (");
        else if (p->required && in_optional)
            addf(&b, " )");
        in_optional = !p->required;
        addf(&b, " ");
        add_usage(&b, p);
    }
    addf(&b, "%s\n\n%s\n", in_optional ? " )" : "", m->summary);
    add_arguments(&b, m->params);
    if (m->result)
        addf(&b, "\nResult:\n%s\n", m->result);
    add_examples(&b, m);
    return finish(&b);
}

/* One line per method: the first line of its help. */
static void add_listed(qc_bytes *b, const qc_rpc_entry *e, const char **category)
{
    if (strcmp(e->m.category, "hidden") == 0)
        return;
    if (!*category || strcmp(*category, e->m.category) != 0) {
        addf(b, "%s== %c%s ==\n", *category ? "\n" : "", toupper((unsigned char)e->m.category[0]),
             e->m.category[0] ? e->m.category + 1 : "");
        *category = e->m.category;
    }
    char *text = qc_rpc_method_help(e);
    addf(b, "%.*s\n", (int)strcspn(text, "\n"), text);
    qc_free(text);
}

char *qc_rpc_help(qc_rpc_registry *g, const char *name)
{
    if (name && *name) {
        qc_rpc_entry *e = qc_rpc_entry_get(g, name);
        char *text = e ? qc_rpc_method_help(e) : qc_asprintf("help: unknown command: %s", name);
        qc_rpc_entry_unref(e);
        return text;
    }
    size_t n;
    const char *category = NULL;
    qc_bytes b = QC_BYTES_INIT;
    qc_rpc_entry **list = qc_rpc_entries(g, &n);
    for (size_t i = 0; i < n; i++)
        add_listed(&b, list[i], &category);
    for (size_t i = 0; i < n; i++)
        qc_rpc_entry_unref(list[i]);
    qc_free(list);
    if (b.len)
        b.len--; /* no newline at the end */
    return finish(&b);
}

/* One row per accepted name, as Core's dumpArgMap gives them. */
static void dump_names(qc_jw *w, const char *method, size_t pos, const qc_rpc_param *p)
{
    for (const char *s = p->names; s; s = strchr(s, '|'), s = s ? s + 1 : NULL) {
        qc_jw_arr(w);
        qc_jw_str(w, method);
        qc_jw_uint(w, pos);
        qc_jw_strn(w, s, strcspn(s, "|"));
        qc_jw_bool(w, p->type == QC_T_STR || p->type == QC_T_HEX);
        qc_jw_arr_end(w);
    }
}

void qc_rpc_dump_arg_map(qc_rpc_registry *g, qc_jw *w)
{
    size_t n;
    qc_rpc_entry **list = qc_rpc_entries(g, &n);
    qc_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const qc_rpc_param *p = list[i]->m.params;
        for (size_t pos = 0; p && p[pos].names; pos++) {
            dump_names(w, list[i]->m.name, pos, &p[pos]);
            if (p[pos].type != QC_T_OBJ_NAMED)
                continue;
            for (const qc_rpc_param *in = p[pos].inner; in && in->names; in++)
                dump_names(w, list[i]->m.name, pos, in);
        }
        qc_rpc_entry_unref(list[i]);
    }
    qc_jw_arr_end(w);
    qc_free(list);
}
