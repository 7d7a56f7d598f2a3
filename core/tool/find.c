/* Folders, and plugins by name. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/base/nearest.h"
#include "core/os/file.h"

#include <unistd.h>

bool qc_tool_folders(qc_tool *t)
{
    char *error = NULL;
    if (qc_conf_load(t->settings, &t->paths, &error) ||
        qc_settings_chain(t->settings, &t->chain, &error)) {
        fprintf(stderr, "Error: %s\n", error);
        qc_free(error);
        return false;
    }
    char *net = qc_conf_net_dir(t->paths.base, qc_conf_chain_folder(t->chain));
    char *own = qc_asprintf("%s/plugins.d", net);
    t->grant_dir = qc_strdup(qc_settings_str(t->settings, "plugingrants", own));
    t->plugin_dir = qc_conf_plugin_dir(t->settings, QC_PLUGINDIR);
    qc_free(own);
    qc_free(net);
    return true;
}

bool qc_tool_means(const char *id, const char *name)
{
    const char *dot = strrchr(id, '.');
    return strcmp(id, name) == 0 || (dot && strcmp(dot + 1, name) == 0);
}

void qc_tool_print_problems(FILE *f, const char *what, const qc_problems *p)
{
    fprintf(f, "%s: not loadable at step '%s':\n", what, p->step);
    for (size_t i = 0; i < p->n; i++)
        fprintf(f, "    %s\n", p->line[i]);
}

bool qc_tool_confirm(const qc_tool *t, const char *question)
{
    char answer[16];
    if (qc_settings_bool(t->settings, "yes", false))
        return true;
    printf("%s [y/N] ", question);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin)) {
        bool yes = answer[0] == 'y' || answer[0] == 'Y';
        if (!isatty(STDIN_FILENO)) /* which shows what is typed */
            printf("%s\n", yes ? "y" : "n");
        return yes;
    }
    printf("\n"); /* what comes next is no answer */
    return false;
}

static bool ends_with(const char *s, const char *ending)
{
    size_t n = strlen(s), e = strlen(ending);
    return n > e && strcmp(s + n - e, ending) == 0;
}

bool qc_tool_is_path(const char *name)
{
    return strchr(name, '/') || ends_with(name, ".so");
}

/* The id in a file's manifest, or NULL. Owned. */
static char *id_of(const char *path)
{
    qc_image m;
    qc_problems p = {0};
    (void)qc_image_open(path, NULL, &m, &p);
    char *id = m.manifest.id ? qc_strdup(m.manifest.id) : NULL;
    qc_image_clear(&m);
    qc_problems_clear(&p);
    return id;
}

/* Keep the id, or its last label, when it is nearer than all before. */
static void note_near(qc_nearest *near, const char *id, char **kept)
{
    const char *dot = strrchr(id, '.'), *before = near->best;
    qc_nearest_try(near, id);
    if (dot)
        qc_nearest_try(near, dot + 1);
    if (near->best == before)
        return;
    char *now = qc_strdup(near->best);
    qc_free(*kept);
    near->best = *kept = now;
}

/* The one entry of `dir` with this ending for which `means` holds; its path, owned. Out: *n, how
 * many there are; *nearest, of none the one whose name is nearest, or NULL, owned. */
static char *find_in(const char *dir, const char *ending, const char *name,
                     char *(*id)(const char *), unsigned *n, char **nearest)
{
    qc_os_list list = {0};
    qc_nearest near;
    char *found = NULL;
    qc_nearest_init(&near, name);
    *n = 0;
    *nearest = NULL;
    if (qc_os_list_dir(dir, &list))
        return NULL;
    for (size_t i = 0; i < list.n; i++) {
        if (!ends_with(list.name[i], ending))
            continue;
        char *path = qc_asprintf("%s/%s", dir, list.name[i]), *have = id(path);
        if (have && qc_tool_means(have, name)) {
            ++*n;
            qc_free(found);
            found = qc_strdup(path);
        }
        if (have)
            note_near(&near, have, nearest);
        qc_free(have);
        qc_free(path);
    }
    qc_os_list_free(&list);
    return found;
}

char *qc_tool_id_of_grant(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *id = qc_strdup(slash ? slash + 1 : path);
    id[strlen(id) - strlen(".grant")] = 0;
    return id;
}

static char *find_only(const char *dir, const char *ending, const char *name,
                       char *(*id)(const char *), const char *what)
{
    unsigned n;
    char *near, *found = find_in(dir, ending, name, id, &n, &near);
    if (n > 1)
        fprintf(stderr, "Error: several plugins are called %s in %s: give the whole id\n", name,
                dir);
    else if (n == 0)
        fprintf(stderr, "Error: found no %s %s in %s%s%s%s\n", what, name, dir,
                near ? " (did you mean " : "", near ? qc_printable(near) : "", near ? "?)" : "");
    if (n != 1) {
        qc_free(found);
        found = NULL;
    }
    qc_free(near);
    return found;
}

char *qc_tool_find_file(const qc_tool *t, const char *name)
{
    if (qc_tool_is_path(name))
        return qc_strdup(name);
    return find_only(t->plugin_dir, ".so", name, id_of, "plugin");
}

bool qc_tool_lacks_grant(const qc_tool *t, const char *name)
{
    unsigned n;
    char *near, *found = NULL;
    if (qc_tool_is_path(name))
        return false;
    found = find_in(t->grant_dir, ".grant", name, qc_tool_id_of_grant, &n, &near);
    qc_free(found);
    qc_free(near);
    return n == 0;
}

/* Is there such a plugin, but for its grant? */
static bool tell_not_enabled(const qc_tool *t, const char *name)
{
    unsigned n;
    char *near, *file = find_in(t->plugin_dir, ".so", name, id_of, &n, &near);
    char *self = qc_tool_command(t, "quoin-plugin");
    if (n)
        fprintf(stderr,
                "Error: found no grant for %s in %s: %s is not enabled (%s enable %s does that)\n",
                qc_printable(name), t->grant_dir, file, self, qc_printable(name));
    qc_free(self);
    qc_free(file);
    qc_free(near);
    return n != 0;
}

char *qc_tool_find_grant(const qc_tool *t, const char *name)
{
    char *id = qc_tool_is_path(name) ? id_of(name) : NULL;
    char *found = NULL;
    if (qc_tool_lacks_grant(t, id ? id : name) && tell_not_enabled(t, id ? id : name)) {
        qc_free(id);
        return NULL;
    }
    found = find_only(t->grant_dir, ".grant", id ? id : name, qc_tool_id_of_grant, "grant for");
    qc_free(id);
    return found;
}
