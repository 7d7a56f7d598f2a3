/* Folders, and plugins by name. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

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
    t->plugin_dir = qc_strdup(qc_settings_str(t->settings, "plugindir", QC_PLUGINDIR));
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
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
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

/* The one entry of `dir` with this ending for which `means` holds; its path, owned. */
static char *find_in(const char *dir, const char *ending, const char *name,
                     char *(*id)(const char *), unsigned *n)
{
    qc_os_list list = {0};
    char *found = NULL;
    *n = 0;
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
        qc_free(have);
        qc_free(path);
    }
    qc_os_list_free(&list);
    return found;
}

static char *id_of_grant(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *id = qc_strdup(slash ? slash + 1 : path);
    id[strlen(id) - strlen(".grant")] = 0;
    return id;
}

static char *only(char *found, unsigned n, const char *name, const char *what, const char *dir)
{
    if (n == 1)
        return found;
    fprintf(stderr, "Error: %s %s %s in %s\n", n ? "several plugins are called" : "found no",
            n ? name : what, n ? "" : name, dir);
    qc_free(found);
    return NULL;
}

char *qc_tool_find_file(const qc_tool *t, const char *name)
{
    unsigned n;
    if (qc_tool_is_path(name))
        return qc_strdup(name);
    char *found = find_in(t->plugin_dir, ".so", name, id_of, &n);
    return only(found, n, name, "plugin", t->plugin_dir);
}

char *qc_tool_find_grant(const qc_tool *t, const char *name)
{
    unsigned n;
    char *found = find_in(t->grant_dir, ".grant", name, id_of_grant, &n);
    return only(found, n, name, "grant for", t->grant_dir);
}
