/* doctor: which layers of the sandbox hold on this machine. The runner tries them; this explains.
 */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#define MAX_ANSWER (64u << 10)

extern char **environ;

/* Runs the runner's probe. Returns what it printed, or NULL after a word on stderr. */
static json_t *probe(const char *runner)
{
    char *argv[] = {(char *)(uintptr_t)runner, (char *)(uintptr_t) "--probe",
                    (char *)(uintptr_t) "--json", NULL};
    int ends[2];
    pid_t pid;
    json_error_t e;
    if (pipe(ends)) {
        fprintf(stderr, "Error: %s\n", qc_err_text(qc_err_from_errno(errno)));
        return NULL;
    }
    posix_spawn_file_actions_t acts;
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_adddup2(&acts, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&acts, ends[0]);
    int bad = posix_spawn(&pid, runner, &acts, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&acts);
    close(ends[1]);
    if (bad) {
        fprintf(stderr, "Error: cannot run %s: %s (-runner=FILE names another)\n", runner,
                qc_err_text(qc_err_from_errno(bad)));
        close(ends[0]);
        return NULL;
    }
    char *text = qc_alloc(MAX_ANSWER);
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len<MAX_ANSWER; len += n> 0 ? (size_t)n : 0)
        n = read(ends[0], text + len, MAX_ANSWER - len);
    close(ends[0]);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    json_t *found = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    if (!found)
        fprintf(stderr, "Error: %s --probe gave no answer\n", runner);
    qc_free(text);
    return found;
}

/* A list of names that grows: "a, b". */
static char *add_name(char *list, const char *name)
{
    char *longer = list ? qc_asprintf("%s, %s", list, name) : qc_strdup(name);
    qc_free(list);
    return longer;
}

static bool print_layers(const json_t *layers)
{
    char *needed = NULL, *bonus = NULL;
    size_t i;
    json_t *l;
    printf("%-16s %-9s %-8s %s\n", "layer", "need", "here", "what it means for a plugin");
    json_array_foreach(layers, i, l)
    {
        const char *name = "", *why = "", *means = "";
        int required = 0, holds = 0;
        if (json_unpack(l, "{s:s, s:s, s:s, s:b, s:b}", "name", &name, "why", &why, "means", &means,
                        "required", &required, "holds", &holds))
            continue;
        if (holds)
            printf("%-16s %-9s %-8s %s\n", name, required ? "required" : "bonus", "holds", means);
        else
            printf("%-16s %-9s %-8s not assured: %s (%s)\n", name, required ? "required" : "bonus",
                   "missing", means, why);
        if (!holds && required)
            needed = add_name(needed, name);
        else if (!holds)
            bonus = add_name(bonus, name);
    }
    bool ok = i > 0 && !needed;
    if (needed)
        printf(
            "\nThis machine lacks what isolated plugins need (%s): the node does not start them.\n",
            needed);
    else if (bonus)
        printf("\nIsolated plugins run here confined; a second fence is missing (%s).\n", bonus);
    else
        printf("\nIsolated plugins run here with every layer of the sandbox.\n");
    qc_free(needed);
    qc_free(bonus);
    return ok;
}

int qc_tool_doctor(qc_tool *t)
{
    static const char *const place[] = {"quoin-runner", "../libexec/quoin/quoin-runner", NULL};
    const char *given = qc_settings_str(t->settings, "runner", NULL);
    char *runner = given ? qc_strdup(given) : qc_os_part(place, QC_RUNNER);
    json_t *found = probe(runner), *layers = found ? json_object_get(found, "layers") : NULL;
    bool ok = json_array_size(layers) > 0;
    if (!ok && found)
        fprintf(stderr, "Error: %s --probe named no layers\n", runner);
    else if (ok && qc_settings_bool(t->settings, "json", false))
        ok = json_dumpf(found, stdout, JSON_INDENT(2)) == 0 && printf("\n") > 0;
    else if (ok)
        ok = print_layers(layers);
    size_t i;
    json_t *l;
    json_array_foreach(layers, i, l) if (json_is_true(json_object_get(l, "required")) &&
                                         !json_is_true(json_object_get(l, "holds"))) ok = false;
    json_decref(found);
    qc_free(runner);
    return ok ? 0 : 1;
}
