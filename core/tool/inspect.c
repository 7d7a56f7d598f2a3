/* inspect, lint and resolve: judgements from the file alone. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"
#include "core/os/file.h"

#include <jansson.h>

static json_t *names_json(const qc_elf_names *list)
{
    json_t *a = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(a, json_string(qc_printable(list->name[i])));
    return a;
}

static int print_json(const char *path, const qc_image *m, const qc_problems *p)
{
    json_t *o = json_object(), *problems = json_array();
    json_error_t e;
    const qc_span s = m->elf.manifest;
    json_object_set_new(o, "file", json_string(path));
    json_object_set_new(o, "sha256", json_string(m->sha256));
    json_object_set_new(o, "bytes", json_integer((json_int_t)m->bytes.len));
    json_t *manifest =
        s.len ? json_loadb((const char *)s.data, s.len - (s.data[s.len - 1] == 0), 0, &e) : NULL;
    json_object_set_new(o, "manifest", manifest ? manifest : json_null());
    json_object_set_new(o, "exports", names_json(&m->elf.exports));
    json_object_set_new(o, "imports", names_json(&m->elf.imports));
    json_object_set_new(o, "needed", names_json(&m->elf.needed));
    json_object_set_new(o, "bind_now", json_boolean(m->elf.bind_now));
    json_object_set_new(o, "relro", json_boolean(m->elf.relro));
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(problems, json_string(p->line[i]));
    json_object_set_new(o, "problems", problems);
    int bad = json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    printf("\n");
    json_decref(o);
    return bad || p->n ? 1 : 0;
}

static void print_names(const char *what, const qc_elf_names *list)
{
    printf("%-10s", what);
    for (size_t i = 0; i < list->n; i++)
        printf(" %s", qc_printable(list->name[i]));
    printf("\n");
}

/* Also of a manifest that is refused, whose parts nobody has judged. */
static void print_config(const qc_config_def *d)
{
    char *dflt = qc_strdup(d->dflt ? d->dflt : "");
    qc_clean_text(dflt);
    printf("config     %s%s%s%s%s\n", qc_printable(d->name), d->dflt ? " = " : "", dflt,
           *d->help ? ": " : "", d->help);
    qc_free(dflt);
}

static void print_manifest(const qc_manifest *m)
{
    printf("id         %s\nversion    %s\nlicense    %s\nsummary    %s\n", qc_printable(m->id),
           qc_printable(m->version), m->license, m->summary);
    for (size_t i = 0; i < m->n_want; i++) {
        const qc_want *w = &m->want[i];
        printf("%-10s %s%s%s\n", w->optional ? "optional" : "requires", w->text, w->why ? ": " : "",
               w->why ? w->why : "");
    }
    for (size_t i = 0; i < m->n_config; i++)
        print_config(&m->config[i]);
    if (m->cpu)
        printf("processor  class %s\n", m->cpu);
    if (m->storage_mb)
        printf("storage    about %llu MB\n", (unsigned long long)m->storage_mb);
}

int qc_tool_inspect(qc_tool *t)
{
    qc_image m;
    qc_problems p = {0};
    char *path = qc_tool_find_file(t, t->word[1]);
    if (!path)
        return 1;
    int code = qc_image_open(path, NULL, &m, &p) ? 0 : 1;
    if (qc_settings_bool(t->settings, "json", false)) {
        code = print_json(path, &m, &p);
    } else {
        printf("file       %s\nsha256     %s\n", path, m.sha256);
        if (m.manifest.id)
            print_manifest(&m.manifest);
        print_names("exports", &m.elf.exports);
        print_names("imports", &m.elf.imports);
        print_names("needed", &m.elf.needed);
        if (p.n)
            qc_tool_print_problems(stdout, path, &p);
    }
    qc_image_clear(&m);
    qc_problems_clear(&p);
    qc_free(path);
    return code;
}

int qc_tool_lint(qc_tool *t)
{
    qc_image m;
    qc_problems p = {0};
    char *path = qc_tool_find_file(t, t->word[1]);
    if (!path)
        return 1;
    bool ok = qc_image_open(path, NULL, &m, &p);
    if (ok)
        printf("%s: no rule is broken\n", path);
    else
        qc_tool_print_problems(stdout, path, &p);
    if (ok && !(m.elf.bind_now && m.elf.relro))
        printf("%s: advice: link with -Wl,-z,relro,-z,now\n", path);
    qc_image_clear(&m);
    qc_problems_clear(&p);
    qc_free(path);
    return ok ? 0 : 1;
}

static void print_answers(const qc_resolution *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const qc_resolved *x = &r->item[i];
        printf("%-24s %-9s %s%s%s\n", x->want->text, x->want->optional ? "optional" : "required",
               qc_answer_text(x->answer), x->params ? ": " : "", x->params ? x->params : "");
        const char *warning = qc_resolved_warning(x);
        if (warning)
            printf("    %s\n", warning);
    }
}

int qc_tool_resolve(qc_tool *t)
{
    qc_image m;
    qc_problems p = {0};
    qc_grant g = {0};
    qc_resolution r;
    bool ok = false;
    char *path = qc_tool_find_file(t, t->word[1]);
    if (!path)
        return 1;
    if (qc_image_open(path, NULL, &m, &p)) {
        char *grant = qc_asprintf("%s/%s.grant", t->grant_dir, m.manifest.id);
        if (!qc_os_exists(grant)) {
            (void)qc_grant_parse(qc_span_str("[plugin]\nfile = none\n"), &g, &p);
            printf("No grant yet (%s)\n", grant);
        } else if (qc_grant_load(grant, &g, &p) && g.sha256 && strcmp(g.sha256, m.sha256) != 0) {
            char *self = qc_tool_command(t, "quoin-plugin");
            qc_problem(
                &p, "pin",
                "sha256: found %s, wanted %s, as the grant says (after an update: %s pin %s)",
                m.sha256, g.sha256, self, m.manifest.id);
            qc_free(self);
        }
        ok = qc_resolve(&m.manifest, &g, t->chain, &r, &p) && p.n == 0;
        print_answers(&r);
        qc_free(grant);
    }
    if (ok)
        printf("This node would load it.\n");
    else
        qc_tool_print_problems(stdout, path, &p);
    qc_grant_clear(&g);
    qc_image_clear(&m);
    qc_problems_clear(&p);
    qc_free(path);
    return ok ? 0 : 1;
}
