/* The node that runs: asked by quoin-cli, which knows how to reach it. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)4 << 20)

/* Does an option say which node is meant? */
static bool names_node(const char *arg)
{
    static const char *const name[] = {"datadir", "conf",     "chain",  "regtest",
                                       "testnet", "testnet4", "signet", "signetchallenge"};
    const char *word = arg + (arg[0] == '-' && arg[1] == '-' ? 2 : 1);
    for (size_t i = 0; i < QC_COUNTOF(name); i++)
        if (arg[0] == '-' && strncmp(word, name[i], strlen(name[i])) == 0 &&
            (word[strlen(name[i])] == 0 || word[strlen(name[i])] == '='))
            return true;
    return false;
}

/* It gets the options that we were given to find the node. */
static void become_cli(const qc_tool *t, const char *cli, const char *const *word)
{
    char *argv[64] = {(char *)(uintptr_t) "quoin-cli"};
    size_t n = 1, most = QC_COUNTOF(argv) - 1;
    for (size_t i = 0; word[i]; i++)
        most--;
    for (char **a = t->argv + 1; *a && n < most; a++)
        if (names_node(*a))
            argv[n++] = *a;
    for (size_t i = 0; word[i]; i++)
        argv[n++] = (char *)(uintptr_t)word[i];
    execvp(cli, argv);
    fprintf(stderr, "Error: cannot run %s\n", cli);
    _exit(127);
}

static void read_all(int fd, qc_bytes *out)
{
    char part[4096];
    ssize_t n;
    while ((n = read(fd, part, sizeof part)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && out->len < ANSWER_MAX && qc_bytes_append(out, part, (size_t)n))
            break;
}

/* `answer` NULL: nobody wants it, and what is wrong is told; else neither is shown. */
static int call(const qc_tool *t, const char *const *word, qc_bytes *answer)
{
    static const char *const place[] = {"quoin-cli", NULL};
    char *cli = qc_os_part(place, "quoin-cli");
    int status = -1, end[2] = {-1, -1};
    fflush(stdout);
    pid_t pid = answer && pipe2(end, O_CLOEXEC) ? -1 : fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(answer ? end[1] : null, STDOUT_FILENO);
        if (answer)
            (void)dup2(null, STDERR_FILENO);
        become_cli(t, cli, word);
    }
    if (end[1] >= 0)
        close(end[1]);
    if (pid > 0 && answer)
        read_all(end[0], answer);
    if (end[0] >= 0)
        close(end[0]);
    while (pid > 0 && waitpid(pid, &status, 0) != pid)
        if (errno != EINTR)
            break;
    qc_free(cli);
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int qc_tool_ask_node(const qc_tool *t, const char *const *word)
{
    return call(t, word, NULL);
}

/* The states in which something of it runs, or comes back by itself. */
static bool is_up(const char *state)
{
    static const char *const name[] = {"STARTING", "RUNNING", "LAGGING",
                                       "STOPPING", "BACKOFF", "WEDGED"};
    for (size_t i = 0; i < QC_COUNTOF(name); i++)
        if (strcmp(state, name[i]) == 0)
            return true;
    return false;
}

void qc_tool_look_at(const qc_tool *t, const char *id, qc_tool_seen *out)
{
    qc_bytes text = QC_BYTES_INIT;
    *out = (qc_tool_seen){.reached = false};
    int code = call(t, (const char *const[]){"getplugininfo", id, NULL}, &text);
    json_t *o = code == 0 ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
    const char *state = json_string_value(json_object_get(o, "state"));
    const char *reason = json_string_value(json_object_get(o, "reason"));
    const char *grant = json_string_value(json_object_get(o, "grant"));
    out->reached = code != 1 && code != 127; /* what quoin-cli itself says, of no node */
    out->known = state != NULL;
    out->up = state && is_up(state);
    out->grant_removed = json_is_true(json_object_get(o, "grant_removed"));
    snprintf(out->grant, sizeof out->grant, "%s", grant ? grant : "");
    snprintf(out->state, sizeof out->state, "%s", state ? state : "");
    snprintf(out->reason, sizeof out->reason, "%s", reason ? reason : "");
    json_decref(o);
    qc_bytes_free(&text);
}
