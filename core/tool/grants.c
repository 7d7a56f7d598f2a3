/* enable, disable and pin: the operator's file, written for the operator. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/base/clean.h"
#include "core/base/nearest.h"
#include "core/os/file.h"

#include <limits.h>
#include <stdarg.h>

#define GIVEN_MAX 900u /* bytes of the parameters of one interface */

void qc_tool_add(qc_bytes *b, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    QC_ASSERT(n >= 0);
    qc_err err = qc_bytes_append(b, text, (size_t)n);
    QC_ASSERT(err == QC_OK);
    free(text);
}

static void add_text(qc_bytes *b, const char *text, size_t n)
{
    qc_err err = qc_bytes_append(b, text, n);
    QC_ASSERT(err == QC_OK);
}

#define COMMENT_WIDTH 96u

/* A text of the manifest, whole, as lines of comment that end between words. */
static void add_comment(qc_bytes *b, const char *text)
{
    char *clean = qc_strdup(text);
    size_t column = 0;
    qc_clean_text(clean);
    for (const char *w = clean + strspn(clean, " "); *w; w += strspn(w, " ")) {
        size_t n = strcspn(w, " ");
        bool same_line = column && column + 1 + n <= COMMENT_WIDTH;
        add_text(b, same_line ? " " : column ? "\n# " : "# ", same_line ? 1 : column ? 3 : 2);
        add_text(b, w, n);
        column = same_line ? column + 1 + n : 2 + n;
        w += n;
    }
    if (column)
        add_text(b, "\n", 1);
    qc_free(clean);
}

const qc_grant_key *qc_tool_place_key(const qc_interface *f)
{
    const qc_grant_key *k = f ? qc_interface_key(f, 0) : NULL;
    return k && (k->type == QC_PARAM_ADDRESSES || k->type == QC_PARAM_HOSTS) ? k : NULL;
}

void qc_tool_add_params(qc_bytes *b, const qc_manifest *m, const qc_interface *f)
{
    const qc_grant_key *k;
    bool any = false;
    const char *last = strrchr(m->id, '.');
    for (size_t i = 0; (k = qc_interface_key(f, i)); i++) {
        const char *sep = any ? ", " : "";
        if (strcmp(k->key, "quota") == 0)
            qc_tool_add(b, "%squota=%lluMB", sep,
                        (unsigned long long)(m->storage_mb ? m->storage_mb : 1000));
        else if (strcmp(k->key, "prefix") == 0)
            qc_tool_add(b, "%sprefix=%s.", sep, last ? last + 1 : m->id);
        else if (k->type == QC_PARAM_ADDRESSES || k->type == QC_PARAM_HOSTS)
            qc_tool_add(b, "HOST:PORT");
        else if (k->type == QC_PARAM_COUNT || k->type == QC_PARAM_FLAG ||
                 k->type == QC_PARAM_AMOUNT)
            qc_tool_add(b, "%s%s=%s", sep, k->key, k->dflt);
        else
            continue;
        any = true;
    }
    if (!any)
        qc_tool_add(b, "yes");
}

static void add_config(qc_bytes *b, const qc_manifest *x, char *const *value)
{
    if (x->n_config)
        qc_tool_add(b, "\n[config]\n");
    for (size_t i = 0; i < x->n_config; i++) {
        const qc_config_def *d = &x->config[i];
        const char *given = value ? value[i] : NULL, *v = given ? given : d->dflt;
        add_comment(b, d->help);
        qc_tool_add(b, "%s%s = ", d->dflt && !given ? "# " : "", d->name);
        add_text(b, v ? v : "", v ? strlen(v) : 0);
        add_text(b, "\n", 1);
    }
}

void qc_tool_grant_text(qc_bytes *b, const char *path, const qc_image *m, const qc_consent *c)
{
    const qc_manifest *x = &m->manifest;
    qc_tool_add(b,
                "# What %s %s may do. Written by quoin-plugin enable; yours to change.\n[plugin]\n",
                x->id, x->version);
    qc_tool_add(b, "file   = %s\nsha256 = %s\n", path, m->sha256);
    if (strcmp(c->mode, "trusted") == 0)
        qc_tool_add(b, "# trusted: it runs inside the node and could do whatever the node can.\n");
    else
        qc_tool_add(b,
                    "# isolated: it runs in a process of its own that reaches nothing but this.\n");
    qc_tool_add(b, "mode   = %s\n\n[grant]\n", c->mode);
    for (size_t i = 0; i < x->n_want; i++) {
        const qc_interface *f = qc_interface_find(x->want[i].id);
        const char *params = c->params[i];
        if (!f || !c->take[i] || qc_tool_withheld(params) || strcmp(f->id, "host/1") == 0)
            continue;
        bool by_hand = !params && qc_tool_place_key(f);
        qc_tool_add(b, "# lets it %s\n%s%s = ", f->lets, by_hand ? "# " : "", f->id);
        if (params)
            qc_tool_add(b, "%s", params);
        else
            qc_tool_add_params(b, x, f);
        qc_tool_add(b, "\n");
    }
    if (c->unstable)
        qc_tool_add(b, "# it uses what may change in the next release\nunstable = yes\n");
    add_config(b, x, c->config);
}

/* Of a grant that is written for good. */
static void add_limits(qc_bytes *b, const qc_manifest *m)
{
    if (m->cpu)
        qc_tool_add(
            b, "\n[limits]\n# it says that it cannot do its work as the last in line\ncpu = %s\n",
            m->cpu);
}

/* What bounds it, with the numbers that it gets when `given` (NULL: nothing) is taken. */
static void explain_bounds(const qc_manifest *m, const qc_interface *f, const char *given)
{
    const qc_grant_key *k, *place = given ? NULL : qc_tool_place_key(f);
    qc_bytes text = QC_BYTES_INIT;
    char value[GIVEN_MAX + 1];
    if (given)
        qc_tool_add(&text, "%s", given);
    else
        qc_tool_add_params(&text, m, f);
    qc_tool_add(&text, "%c", 0);
    for (size_t i = 0; (k = qc_interface_key(f, i)); i++) {
        bool said = k != place &&
                    qc_interface_param(f, (const char *)text.data, k->key, value, sizeof value);
        printf("      bounded by %s%s%s: %s\n", k->key, said ? "=" : "", said ? value : "",
               k->meaning);
    }
    qc_bytes_free(&text);
}

static void explain_want(const qc_manifest *m, const qc_want *w, const char *given)
{
    const qc_interface *f = qc_interface_find(w->id);
    printf("  %s%s\n", w->text, w->optional ? " (optional)" : "");
    if (!f) {
        printf("      is nothing that this node has\n");
        return;
    }
    printf("      lets it %s\n", f->lets);
    if (w->why) {
        char *why = qc_strdup(w->why);
        qc_clean_text(why);
        printf("      because it %s\n", why);
        qc_free(why);
    }
    explain_bounds(m, f, qc_tool_withheld(given) ? NULL : given);
    if (w->unstable)
        printf("      is on trial: it may change or go in the next release of the node\n");
    if (strcmp(f->id, "store.own/1") == 0 && m->storage_mb)
        printf("      says that it needs about %llu MB on disk\n",
               (unsigned long long)m->storage_mb);
}

/* What stands behind '=' in a grant file: one line, without a comment, and without blanks at its
 * ends, which are not the value's there. */
static bool given_ok(const char *params)
{
    for (const char *p = params; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127 || *p == '#')
            return false;
    size_t n = strlen(params);
    return n && n <= GIVEN_MAX && params[0] != ' ' && params[n - 1] != ' ';
}

/* What stands behind the first '=', or NULL and it is said what is wanted. Out: *len, of what
 * stands before. */
static const char *given_value(const char *option, const char *form, const char *given, size_t *len)
{
    *len = strcspn(given, "=");
    if (given[*len] && given_ok(given + *len + 1))
        return given + *len + 1;
    fprintf(stderr, "Error: -%s: found %s, wanted '%s'\n", option, qc_printable(given), form);
    return NULL;
}

/* The name before '=' is none of `name`: which one may be meant, or which there are. */
static void say_names(const char *option, const char *given, const char *wanted,
                      const char *const *name, size_t n)
{
    qc_nearest near;
    char *word = qc_asprintf("%.*s", (int)strcspn(given, "="), given);
    qc_nearest_init(&near, word);
    for (size_t i = 0; i < n; i++)
        qc_nearest_try(&near, name[i]);
    fprintf(stderr, "Error: -%s: found %s, wanted %s", option, qc_printable(given), wanted);
    if (near.best)
        fprintf(stderr, " (did you mean %s?)\n", near.best);
    for (size_t i = 0; !near.best && i < n; i++)
        fprintf(stderr, "%s%s%s", i ? " " : " (", name[i], i + 1 == n ? ")" : "");
    if (!near.best)
        fprintf(stderr, "\n");
    qc_free(word);
}

static bool take_given(const char *given, const qc_manifest *m, qc_consent *c)
{
    size_t len;
    const char *params = given_value("grant", "INTERFACE=PARAMETERS", given, &len);
    if (!params)
        return false;
    for (size_t i = 0; i < m->n_want; i++)
        if (strlen(m->want[i].id) == len && strncmp(m->want[i].id, given, len) == 0) {
            const qc_interface *f = qc_interface_find(m->want[i].id);
            const char *misfit =
                f && !qc_tool_withheld(params) ? qc_interface_misfit(f, params) : NULL;
            if (misfit) {
                fprintf(stderr, "Error: -grant of %s: %s\n", f->id, misfit);
                return false;
            }
            qc_free(c->params[i]);
            c->params[i] = qc_strdup(params);
            return true;
        }
    const char *name[QC_COUNTOF(c->params)];
    for (size_t i = 0; i < m->n_want; i++)
        name[i] = m->want[i].id;
    say_names("grant", given, "an interface that the plugin asks for", name, m->n_want);
    return false;
}

bool qc_tool_withheld(const char *params)
{
    return params && strcmp(params, "no") == 0;
}

bool qc_tool_take_given(const qc_tool *t, const qc_manifest *m, qc_consent *c)
{
    const char **given = qc_settings_list(t->settings, "grant", NULL);
    bool ok = true;
    for (size_t i = 0; given && given[i]; i++)
        ok &= take_given(given[i], m, c);
    qc_free(given);
    return ok;
}

/* One of -config. What it may be is judged with the whole text. */
static bool take_value(const char *given, const qc_manifest *m, char **value)
{
    size_t len;
    const char *text = given_value("config", "NAME=VALUE", given, &len);
    if (!text)
        return false;
    for (size_t i = 0; i < m->n_config; i++)
        if (strlen(m->config[i].name) == len && strncmp(m->config[i].name, given, len) == 0) {
            qc_free(value[i]);
            value[i] = qc_strdup(text);
            return true;
        }
    const char *name[QC_MANIFEST_LIST_MAX];
    for (size_t i = 0; i < m->n_config; i++)
        name[i] = m->config[i].name;
    say_names("config", given, "a name of the plugin's configuration", name, m->n_config);
    return false;
}

bool qc_tool_take_values(const qc_tool *t, const qc_manifest *m, char **value)
{
    const char **given = qc_settings_list(t->settings, "config", NULL);
    bool ok = true;
    for (size_t i = 0; given && given[i]; i++)
        ok &= take_value(given[i], m, value);
    qc_free(given);
    return ok;
}

void qc_consent_clear(qc_consent *c)
{
    for (size_t i = 0; i < QC_COUNTOF(c->params); i++)
        qc_free(c->params[i]);
}

#define TRIES 3 /* of one question */

/* Where, which nothing but the operator can say. What is none is asked for again. NULL: no answer.
 * Owned. */
static char *ask_place(const qc_interface *f, const char *form)
{
    char line[GIVEN_MAX + 2];
    for (int i = 0; i < TRIES; i++) {
        printf("      Which? (%s, or nothing: not granted) ", form);
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) {
            printf("\n");
            break;
        }
        line[strcspn(line, "\r\n")] = 0;
        char *first = line + strspn(line, " \t");
        if (!*first)
            return NULL;
        bool ok = given_ok(first);
        const char *misfit = ok ? qc_interface_misfit(f, first) : NULL;
        if (ok && !misfit)
            return qc_strdup(first);
        if (misfit)
            printf("      %s\n", misfit);
        else
            printf("      found %s, wanted %s\n", qc_printable(first), form);
    }
    return NULL;
}

static void want_place(const qc_tool *t, const qc_interface *f, char **params)
{
    bool hosts = qc_tool_place_key(f)->type == QC_PARAM_HOSTS;
    if (!qc_settings_bool(t->settings, "yes", false))
        *params = ask_place(f, hosts ? "HOST:PORT ..." : "ADDRESS:PORT ...");
    if (!*params)
        printf("      not granted: where, only you know (-grant='%s=%s')\n", f->id,
               hosts ? "HOST:PORT" : "ADDRESS:PORT");
}

/* It can do without; whoever is asked may not want to. */
static bool agrees(const qc_tool *t, const qc_interface *f)
{
    bool methods = strcmp(f->id, "rpc.serve/1") == 0;
    return qc_tool_confirm(
        t, methods ? "      It can do without, but nobody can call its methods then. Grant it?"
                   : "      It can do without. Grant it?");
}

void qc_tool_ask(const qc_tool *t, const qc_manifest *m, qc_consent *c, size_t i)
{
    const qc_want *w = &m->want[i];
    const qc_interface *f = qc_interface_find(w->id);
    const char *given = c->params[i];
    explain_want(m, w, given);
    c->take[i] = f && !qc_tool_withheld(given) && (!w->optional || given || agrees(t, f));
    c->unstable |= c->take[i] && w->unstable;
    if (given && !c->take[i])
        printf("      not granted\n");
    else if (given)
        printf("      granted with: %s\n", given);
    else if (c->take[i] && qc_tool_place_key(f))
        want_place(t, f, &c->params[i]);
}

static void ask_each(const qc_tool *t, const qc_manifest *m, qc_consent *c)
{
    printf("%s %s: %s\n\nOn chain '%s' it asks for\n", m->id, m->version, m->summary, t->chain);
    for (size_t i = 0; i < m->n_want; i++)
        qc_tool_ask(t, m, c, i);
}

/* What acts stands at the end once more, where nobody overlooks it: of what -yes takes no question
 * was asked. */
static void explain_acting(const qc_tool *t, const qc_manifest *m, const qc_consent *c)
{
    bool yes = qc_settings_bool(t->settings, "yes", false), any = false;
    for (size_t i = 0; i < m->n_want; i++) {
        const qc_interface *f = qc_interface_find(m->want[i].id);
        qc_bytes text = QC_BYTES_INIT;
        if (!f || !c->take[i])
            continue;
        if (c->params[i])
            qc_tool_add(&text, "%s", c->params[i]);
        else
            qc_tool_add_params(&text, m, f);
        qc_tool_add(&text, "%c", 0);
        const char *params = (const char *)text.data;
        if (qc_interface_acts(f, params)) {
            printf("%s  %s = %s\n      lets it %s\n",
                   any ? "" : "\nSo it may act, and not only look:\n", f->id, params, f->lets);
            if (yes && m->want[i].optional && !c->params[i])
                printf("      taken because of -yes, it can do without: -grant=%s=no\n", f->id);
            any = true;
        }
        qc_bytes_free(&text);
    }
}

/* A required place that nobody named: say how. */
static void explain_places(const qc_manifest *m, const qc_consent *c)
{
    for (size_t i = 0; i < m->n_want; i++) {
        const qc_interface *f = qc_interface_find(m->want[i].id);
        if (f && qc_tool_place_key(f) && !m->want[i].optional && !c->params[i])
            fprintf(stderr, "Error: %s: where, only you know: -grant='%s=%s'\n", f->id, f->id,
                    qc_tool_place_key(f)->type == QC_PARAM_HOSTS ? "HOST:PORT" : "127.0.0.1:PORT");
    }
}

void qc_tool_explain_mode(const char *mode)
{
    if (strcmp(mode, "trusted") == 0)
        printf(
            "\nIt will run in mode 'trusted': inside the node, pinned to this very file. The "
            "interfaces\n"
            "bound what it is given, but nothing but your trust bounds what its code could do.\n");
    else
        printf(
            "\nIt will run in mode 'isolated': in a process of its own, which reaches nothing of "
            "this\nmachine but what is granted here.\n");
}

bool qc_tool_text_is_fit(const qc_tool *t, qc_span text, const qc_image *m, const char *path,
                         bool *lacks)
{
    qc_grant g;
    qc_problems p = {0};
    qc_resolution r = {.n = 0};
    bool ok = qc_grant_parse(text, &g, &p) && qc_resolve(&m->manifest, &g, t->chain, &r, &p);
    if (ok)
        qc_tool_warn_places(&m->manifest, &r);
    else
        qc_tool_print_problems(stderr, path, &p);
    if (lacks)
        *lacks = r.needs_grant;
    qc_grant_clear(&g);
    qc_problems_clear(&p);
    return ok;
}

/* What nobody has to grant, and is bounded all the same. */
static void explain_process(const qc_manifest *m, const char *mode)
{
    qc_grant g; /* as one that says nothing */
    qc_problems p = {0};
    if (strcmp(mode, "isolated") != 0)
        return;
    if (qc_grant_parse(qc_span_str("[plugin]\nfile = any\n"), &g, &p))
        printf(
            "It gets %lluMB of memory, %u thread and %u lines of the log a second; [limits] in its "
            "grant\ncan change that.\n",
            (unsigned long long)(qc_resolve_memory(m, &g) / 1000000), qc_resolve_threads(&g),
            g.log_per_s);
    qc_grant_clear(&g);
    qc_problems_clear(&p);
}

static int enable_asked(const qc_tool *t, const char *path, const qc_image *m, const char *grant)
{
    qc_bytes text = QC_BYTES_INIT;
    const char *mode = m->manifest.may_isolated ? QC_NEW_GRANT_MODE : "trusted";
    char *value[QC_MANIFEST_LIST_MAX] = {0};
    qc_consent c = {.mode = qc_settings_str(t->settings, "mode", mode), .config = value};
    int code = 1;
    if (qc_tool_take_given(t, &m->manifest, &c) && qc_tool_take_values(t, &m->manifest, value)) {
        ask_each(t, &m->manifest, &c);
        explain_acting(t, &m->manifest, &c);
        qc_tool_explain_mode(c.mode);
        explain_process(&m->manifest, c.mode);
        if (m->manifest.cpu)
            printf("It asks for the processor class '%s', which its grant then gives it.\n",
                   m->manifest.cpu);
        qc_tool_grant_text(&text, path, m, &c);
        add_limits(&text, &m->manifest);
        if (!qc_tool_text_is_fit(t, qc_bytes_span(&text), m, path, NULL)) {
            explain_places(&m->manifest, &c);
            fprintf(stderr, "Error: it would not be loaded; nothing was written\n");
        } else if (!qc_tool_confirm(t, "\nEnable it?"))
            printf("Nothing was written.\n");
        else
            code =
                qc_tool_write_grant(t, "start", m->manifest.id, grant, qc_bytes_span(&text), NULL);
    }
    for (size_t i = 0; i < QC_COUNTOF(value); i++)
        qc_free(value[i]);
    qc_consent_clear(&c);
    qc_bytes_free(&text);
    return code;
}

static int enable_file(const qc_tool *t, const char *path, const qc_image *m)
{
    char *grant = qc_asprintf("%s/%s.grant", t->grant_dir, m->manifest.id);
    qc_problems p = {0};
    int code = 1;
    if (!qc_resolve_network(&m->manifest, t->chain, &p)) { /* before anybody is asked in vain */
        qc_tool_print_problems(stderr, path, &p);
        fprintf(stderr, "Error: it would not be loaded; nothing was written\n");
    } else if (qc_os_exists(grant))
        code = qc_tool_extend(t, path, m, grant);
    else
        code = enable_asked(t, path, m, grant);
    qc_problems_clear(&p);
    qc_free(grant);
    return code;
}

int qc_tool_enable(qc_tool *t)
{
    qc_image m;
    qc_problems p = {0};
    int code = 1;
    char *found = qc_tool_find_file(t, t->word[1]);
    char *path = found ? realpath(found, NULL) : NULL;
    if (found && !path) {
        fprintf(stderr, "Error: found no file %s\n", found);
    } else if (path) {
        if (qc_image_open(path, NULL, &m, &p))
            code = enable_file(t, path, &m);
        else
            qc_tool_print_problems(stderr, path, &p);
        qc_image_clear(&m);
        qc_problems_clear(&p);
    }
    free(path);
    qc_free(found);
    return code;
}

/* Its grant went before, and the node was not told. */
static int stop_ungranted(const qc_tool *t, const char *name, const qc_tool_seen *seen)
{
    char *cli = qc_tool_command(t, "quoin-cli");
    int code = 1;
    if (qc_settings_bool(t->settings, "reload", false)) {
        printf("%s has no grant any more.\n", qc_printable(name));
        code = qc_tool_stop_now(t, name);
    } else {
        fprintf(stderr,
                "Error: found no grant for %s in %s, but in the node that runs it is %s; to stop "
                "it:\n  %s plugin stop %s\n",
                qc_printable(name), t->grant_dir, seen->state, cli, qc_printable(name));
    }
    qc_free(cli);
    return code;
}

int qc_tool_disable(qc_tool *t)
{
    qc_tool_seen seen = {.reached = false};
    int code = 1;
    if (qc_tool_lacks_grant(t, t->word[1]))
        qc_tool_look_at(t, t->word[1], &seen);
    if (seen.up && seen.grant_removed)
        return stop_ungranted(t, t->word[1], &seen);
    if (seen.grant[0] && !seen.grant_removed) {
        fprintf(stderr,
                "Error: found no grant for %s in %s; in the node that runs it has %s: give that "
                "folder as -plugingrants\n",
                qc_printable(t->word[1]), t->grant_dir, seen.grant);
        return 1;
    }
    char *grant = qc_tool_find_grant(t, t->word[1]);
    if (!grant)
        return 1;
    char *id = qc_tool_id_of_grant(grant);
    if (!qc_tool_confirm(t, "Remove its grant? Its data stays."))
        printf("Nothing was removed.\n");
    else if (qc_os_unlink(grant))
        fprintf(stderr, "Error: %s could not be removed\n", grant);
    else {
        code = printf("Removed: %s\n", grant) < 0;
        if (!code && qc_settings_bool(t->settings, "reload", false))
            code = qc_tool_stop_now(t, id);
        else
            qc_tool_say_when(t, "stop", id);
    }
    qc_free(id);
    qc_free(grant);
    return code;
}

/* The text with its sha256 line changed, or with one behind the file line. */
static void repin(qc_span text, const char *sha256, qc_bytes *out)
{
    bool done = memmem(text.data, text.len, "\nsha256", 7) != NULL, in_place = done;
    qc_err err = QC_OK;
    for (size_t at = 0; at < text.len && !err;) {
        const uint8_t *line = text.data + at, *nl = memchr(line, '\n', text.len - at);
        size_t n = nl ? (size_t)(nl - line) + 1 : text.len - at;
        if (in_place && n >= 6 && memcmp(line, "sha256", 6) == 0)
            qc_tool_add(out, "sha256 = %s\n", sha256);
        else
            err = qc_bytes_append(out, line, n);
        if (!done && n >= 4 && memcmp(line, "file", 4) == 0) {
            qc_tool_add(out, "sha256 = %s\n", sha256);
            done = true;
        }
        at += n;
    }
    QC_ASSERT(err == QC_OK);
}

static int pin_file(const qc_tool *t, const char *grant, const qc_grant *g)
{
    qc_image m;
    qc_problems p = {0};
    qc_bytes text = QC_BYTES_INIT, now = QC_BYTES_INIT;
    char *path =
        g->file[0] == '/' ? qc_strdup(g->file) : qc_asprintf("%s/%s", t->plugin_dir, g->file);
    int code = 1;
    if (!qc_image_open(path, NULL, &m, &p)) {
        qc_tool_print_problems(stderr, path, &p);
    } else if (g->sha256 && strcmp(g->sha256, m.sha256) == 0) {
        code = printf("%s is pinned to this file already.\n", m.manifest.id) < 0;
        if (qc_settings_bool(t->settings, "reload", false))
            code = qc_tool_take_up(t, m.manifest.id, grant, (qc_span){NULL, 0}, NULL);
    } else if (qc_os_read_file(grant, QC_GRANT_FILE_MAX, &text)) {
        fprintf(stderr, "Error: %s cannot be read\n", grant);
    } else {
        printf("%s %s\n    was %s\n    is  %s\n", m.manifest.id, m.manifest.version,
               g->sha256 ? g->sha256 : "not pinned", m.sha256);
        repin(qc_bytes_span(&text), m.sha256, &now);
        if (!qc_tool_confirm(t, "Pin it?"))
            printf("Nothing was written.\n");
        else
            code =
                qc_tool_write_grant(t, "reload", m.manifest.id, grant, qc_bytes_span(&now), &text);
    }
    qc_bytes_free(&text);
    qc_bytes_free(&now);
    qc_image_clear(&m);
    qc_problems_clear(&p);
    qc_free(path);
    return code;
}

int qc_tool_pin(qc_tool *t)
{
    qc_grant g;
    qc_problems p = {0};
    int code = 1;
    char *grant = qc_tool_find_grant(t, t->word[1]);
    if (!grant)
        return 1;
    if (qc_grant_load(grant, &g, &p))
        code = pin_file(t, grant, &g);
    else
        qc_tool_print_problems(stderr, grant, &p);
    qc_grant_clear(&g);
    qc_problems_clear(&p);
    qc_free(grant);
    return code;
}
