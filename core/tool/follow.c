/* trace of a plugin in a node that runs: turn it on, show what it writes, turn it off. */
#include "core/tool/tool.h"

#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/os/file.h"

#include <signal.h>
#include <unistd.h>

#define TIMEOUT_MAX_S 1000000u
#define POLL_US 50000u

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

static bool trace(const qc_tool *t, const char *id, const char *value)
{
    return qc_tool_ask_node(t, (const char *const[]){"plugin", "trace", id, value, NULL}) == 0;
}

/* A line of the log: shown when it is of this plugin's trace. */
static void show(const char *line, const char *id)
{
    const char *call = strstr(line, ": call "), *begin = call;
    while (begin && begin > line && begin[-1] != ' ')
        begin--;
    if (!call)
        return;
    char *who = qc_asprintf("%.*s", (int)(call - begin), begin);
    if (qc_tool_means(who, id))
        printf("%s\n", call + 7);
    qc_free(who);
}

/* What was written since, by whole lines, until somebody ends us or the time is over. */
static void follow(FILE *log, const char *id, qc_mono deadline)
{
    char *line = NULL;
    size_t cap = 0;
    long at = ftell(log);
    while (!stopped && (!deadline || qc_clock_mono() < deadline)) {
        ssize_t n = getline(&line, &cap, log);
        if (n > 0 && line[n - 1] == '\n') {
            line[n - 1] = 0;
            show(line, id);
            at = ftell(log);
            continue;
        }
        clearerr(log);
        (void)fseek(log, at, SEEK_SET);
        fflush(stdout);
        usleep(POLL_US);
    }
    free(line);
}

int qc_tool_trace_live(qc_tool *t)
{
    const char *id = t->word[1];
    const struct sigaction sa = {.sa_handler = on_signal};
    uint64_t seconds = 0;
    if (!qc_tool_number(t, "timeout", 0, TIMEOUT_MAX_S, &seconds) || !qc_tool_folders(t))
        return 1;
    char *net = qc_conf_net_dir(t->paths.base, qc_conf_chain_folder(t->chain));
    char *path = qc_asprintf("%s/debug.log", net);
    FILE *log = fopen(path, "re");
    int code = 1;
    if (!log || fseek(log, 0, SEEK_END)) {
        fprintf(stderr, "Error: %s cannot be read: does the node run?\n", path);
    } else {
        (void)sigaction(SIGINT, &sa, NULL);
        (void)sigaction(SIGTERM, &sa, NULL);
        (void)sigaction(SIGHUP, &sa, NULL);
        if (trace(t, id, "on")) {
            follow(log, id, seconds ? qc_clock_mono() + (qc_mono)seconds * 1000000000 : 0);
            stopped = 0;
            code = trace(t, id, "off") ? 0 : 1;
        }
    }
    if (log)
        fclose(log);
    qc_free(path);
    qc_free(net);
    return code;
}
