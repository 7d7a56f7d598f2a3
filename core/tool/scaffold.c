/* new: a folder made from contrib/plugin-template. In the template @NAME@, @ID@ and @REQUIRES@ are
 * filled in, and lines between "@if ID" and "@end" stay only when it is asked for ("!ID": when
 * not); so do those for "make" and "autotools". Interfaces for which its plugin.c has no such lines
 * are got where it says @OTHERS@, and no more is done with them ("@if others"). */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <unistd.h>

#define NEEDS_MAX 64u

typedef struct scaffold {
    const char *name;
    char *id, *wants;
    char *others; /* C lines; empty: there are none */
    char *need[NEEDS_MAX];
    size_t n_need;
    bool autotools;
} scaffold;

static bool needs(const scaffold *s, const char *id)
{
    if (strcmp(id, s->autotools ? "autotools" : "make") == 0)
        return true;
    if (strcmp(id, "others") == 0)
        return s->others && *s->others;
    for (size_t i = 0; i < s->n_need; i++)
        if (strcmp(s->need[i], id) == 0)
            return true;
    return false;
}

static bool read_needs(scaffold *s, const char *list)
{
    s->wants = qc_strdup("");
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ", ");
        char *id = qc_asprintf("%.*s", (int)len, p);
        if (len && (!qc_interface_find(id) || s->n_need == NEEDS_MAX)) {
            fprintf(stderr, "Error: this version has no interface %s; it has", id);
            for (size_t i = 0; qc_interface_at(i); i++)
                fprintf(stderr, " %s", qc_interface_at(i)->id);
            fprintf(stderr, "\n");
            qc_free(id);
            return false;
        }
        if (len && qc_interface_unstable(qc_interface_find(id))) {
            fprintf(stderr,
                    "Error: %s is on trial and not in libquoin-mock, with which the plugin's test "
                    "runs: begin with the stable interface (doc/plugin-guide.md)\n",
                    id);
            qc_free(id);
            return false;
        }
        if (len && !needs(s, id) && strcmp(id, "host/1") != 0) {
            char *more = qc_asprintf("%s%s\"%s\"", s->wants, *s->wants ? ", " : "", id);
            qc_free(s->wants);
            s->wants = more;
            s->need[s->n_need++] = qc_strdup(id);
        }
        qc_free(id);
        p += len + strspn(p + len, ", ");
    }
    return true;
}

static void append(qc_bytes *out, const char *s, size_t n)
{
    qc_err err = qc_bytes_append(out, s, n);
    QC_ASSERT(err == QC_OK);
}

static void fill_line(const scaffold *s, const char *line, size_t n, qc_bytes *out)
{
    const struct {
        const char *mark, *text;
    } rows[] = {
        {"@NAME@", s->name}, {"@ID@", s->id}, {"@REQUIRES@", s->wants}, {"@OTHERS@", s->others}};
    while (n) {
        const char *at = memchr(line, '@', n);
        size_t before = at ? (size_t)(at - line) : n, skip = at != NULL;
        append(out, line, before);
        for (size_t i = 0; at && i < QC_COUNTOF(rows); i++) {
            size_t m = strlen(rows[i].mark);
            if (n - before >= m && memcmp(at, rows[i].mark, m) == 0) {
                append(out, rows[i].text, strlen(rows[i].text));
                skip = m;
                break;
            }
        }
        if (skip == 1)
            append(out, "@", 1);
        line += before + skip;
        n -= before + skip;
    }
}

/* "a/1 b/1 !c/1": a and b are asked for, c is not. */
static bool condition(const scaffold *s, char *ids)
{
    bool keep = true;
    char *rest = NULL;
    for (char *w = strtok_r(ids, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
        keep &= *w == '!' ? !needs(s, w + 1) : needs(s, w);
    return keep;
}

static void fill(const scaffold *s, const char *text, qc_bytes *out)
{
    bool keep = true;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n") + (strchr(p, '\n') != NULL);
        if (strncmp(p, "@if ", 4) == 0) {
            char *ids = qc_asprintf("%.*s", (int)strcspn(p + 4, "\n"), p + 4);
            keep = condition(s, ids);
            qc_free(ids);
        } else if (strncmp(p, "@end", 4) == 0) {
            keep = true;
        } else if (keep) {
            fill_line(s, p, n, out);
        }
        p += n;
    }
}

/* "plugin.c" becomes NAME.c, "test_plugin.c" test_NAME.c. */
static char *target_name(const scaffold *s, const char *file)
{
    const char *at = strstr(file, "plugin.c");
    return at ? qc_asprintf("%.*s%s.c", (int)(at - file), file, s->name) : qc_strdup(file);
}

static qc_err copy_file(const scaffold *s, const char *from_dir, const char *to_dir,
                        const char *file)
{
    qc_bytes in = QC_BYTES_INIT, out = QC_BYTES_INIT;
    char *from = qc_asprintf("%s/%s", from_dir, file), *name = target_name(s, file);
    char *to = qc_asprintf("%s/%s", to_dir, name);
    qc_err err = qc_os_read_file(from, 1u << 20, &in);
    if (!err)
        err = qc_bytes_append(&in, "", 1);
    if (!err) {
        fill(s, (const char *)in.data, &out);
        err = qc_os_write_file_atomic(to, qc_bytes_span(&out), 0644);
    }
    if (err)
        fprintf(stderr, "Error: cannot copy %s to %s: %s%s\n", from, to, qc_err_text(err),
                err == QC_ENOENT ? " (is Quoin installed under the prefix it was configured with?)"
                                 : "");
    qc_bytes_free(&in);
    qc_bytes_free(&out);
    qc_free(from);
    qc_free(name);
    qc_free(to);
    return err;
}

/* Has the template lines for an interface? */
static bool is_shown(const char *text, const char *id)
{
    size_t n = strlen(id);
    for (const char *p = text; (p = strstr(p, "@if ")) != NULL;) {
        const char *end = p + strcspn(p, "\n");
        for (p += 4; p < end; p += strcspn(p, " \n") + 1)
            if (strncmp(p, id, n) == 0 && strchr(" \n", p[n]))
                return true;
    }
    return false;
}

static qc_err find_others(scaffold *s, const char *from_dir)
{
    qc_bytes text = QC_BYTES_INIT;
    char *path = qc_asprintf("%s/plugin.c", from_dir);
    qc_err err = qc_os_read_file(path, 1u << 20, &text);
    if (!err)
        err = qc_bytes_append(&text, "", 1);
    s->others = qc_strdup("");
    for (size_t i = 0; !err && i < s->n_need; i++) {
        if (is_shown((const char *)text.data, s->need[i]))
            continue;
        char *more = qc_asprintf("%s%s    if (st == QN_OK) /* nothing is done with it yet */\n"
                                 "        st = host->get(cap, \"%s\", 1, &table, &s->other_cap);",
                                 s->others, *s->others ? "\n" : "", s->need[i]);
        qc_free(s->others);
        s->others = more;
    }
    if (err)
        fprintf(stderr, "Error: cannot read %s: %s\n", path, qc_err_text(err));
    qc_bytes_free(&text);
    qc_free(path);
    return err;
}

/* One name for three things: the end of the id (no '_'), the prefix of the methods (no '-') and the
 * files. */
static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    return n >= 1 && n <= 32 && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == n;
}

static int make_folder(const scaffold *s, const char *from, const char *to)
{
    static const char *const with_make[] = {"Makefile", NULL};
    static const char *const with_autotools[] = {"configure.ac", "Makefile.am", NULL};
    static const char *const files[] = {"README.md", "manifest.json", "plugin.c", "test_plugin.c"};
    const char *const *build = s->autotools ? with_autotools : with_make;
    if (qc_os_exists(to)) {
        fprintf(stderr, "Error: %s is there already\n", to);
        return 1;
    }
    qc_err err = qc_os_mkdir(to);
    if (err)
        fprintf(stderr, "Error: %s: %s\n", to, qc_err_text(err));
    for (size_t i = 0; build[i] && !err; i++)
        err = copy_file(s, from, to, build[i]);
    for (size_t i = 0; i < QC_COUNTOF(files) && !err; i++)
        err = copy_file(s, from, to, files[i]);
    if (err)
        return 1;
    if (s->autotools)
        printf("Made %s. Try: cd %s && autoreconf -i && ./configure && make check conform\n", to,
               to);
    else
        printf("Made %s. Try: make -C %s check conform\n", to, to);
    return 0;
}

/* The folder as it was configured; when the whole installation was moved, the one beside us. */
static char *template_dir(const qc_tool *t)
{
    char exe[4096];
    const char *dir = qc_settings_str(t->settings, "templatedir", QC_TEMPLATEDIR);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (qc_os_exists(dir) || n < 0)
        return qc_strdup(dir);
    exe[n] = 0;
    for (int i = 0; i < 2 && strrchr(exe, '/'); i++) /* PREFIX/bin/quoin-plugin */
        *strrchr(exe, '/') = 0;
    char *beside = qc_asprintf("%s/share/quoin/plugin-template", exe);
    if (qc_os_exists(beside))
        return beside;
    qc_free(beside);
    return qc_strdup(dir);
}

int qc_tool_new(qc_tool *t)
{
    scaffold s = {.name = t->word[1],
                  .autotools = qc_settings_bool(t->settings, "autotools", false)};
    int code = 1;
    if (!name_ok(s.name)) {
        fprintf(stderr,
                "Error: found name %s, wanted a small letter and then at most 31 small letters and "
                "digits:\nthe name ends the plugin's id, which holds no '_', and begins its "
                "methods' names, which hold no '-'\n",
                qc_printable(s.name));
        return 1;
    }
    s.id = qc_asprintf("org.example.%s", s.name);
    bool known = read_needs(&s, qc_settings_str(t->settings, "needs", "chain.follow/1"));
    if (known && s.n_need == 0)
        fprintf(stderr, "Error: found no interface, wanted -needs=ID,...\n");
    else if (known) {
        char *to = qc_asprintf("%s/%s", qc_settings_str(t->settings, "dir", "."), s.name);
        char *from = template_dir(t);
        code = find_others(&s, from) ? 1 : make_folder(&s, from, to);
        qc_free(from);
        qc_free(to);
    }
    for (size_t i = 0; i < s.n_need; i++)
        qc_free(s.need[i]);
    qc_free(s.id);
    qc_free(s.wants);
    qc_free(s.others);
    return code;
}
