#include "core/app/notify.h"

#include "core/base/alloc.h"
#include "core/base/bytes.h"
#include "core/base/log.h"
#include "core/os/thread.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;

/* The child gets signals as a shell expects them: threads of ours block them. */
static pid_t spawn(const char *cmd)
{
    pid_t pid = -1;
    posix_spawnattr_t attr;
    sigset_t none, dflt;
    char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", (char *)(uintptr_t)cmd,
                    NULL};
    sigemptyset(&none);
    sigemptyset(&dflt);
    sigaddset(&dflt, SIGPIPE);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &dflt);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int e = posix_spawn(&pid, "/bin/sh", NULL, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    if (e) {
        qc_log(QC_LOG_ERROR, "base", "Cannot run the command \"%s\": %s", cmd,
               qc_err_text(qc_err_from_errno(e)));
        return -1;
    }
    return pid;
}

static void wait_for(pid_t pid, const char *cmd)
{
    int status = 0;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got == pid && status != 0)
        qc_log(QC_LOG_ERROR, "base", "The command \"%s\" ended with status %d", cmd,
               WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

typedef struct running {
    pid_t pid;
    char *cmd;
} running;

static void *reap(void *arg)
{
    running *r = arg;
    wait_for(r->pid, r->cmd);
    qc_free(r->cmd);
    qc_free(r);
    return NULL;
}

void qc_notify_run(const char *cmd)
{
    pthread_t t;
    pid_t pid = spawn(cmd);
    if (pid < 0)
        return;
    running *r = qc_alloc(sizeof *r);
    *r = (running){pid, qc_strdup(cmd)};
    /* The command may outlive us: its thread is never joined. */
    if (pthread_create(&t, NULL, reap, r) == 0) {
        pthread_detach(t);
        return;
    }
    reap(r);
}

void qc_notify_run_all(const char *const *cmd)
{
    size_t n = 0;
    while (cmd[n])
        n++;
    pid_t *pid = qc_alloc((n + 1) * sizeof *pid);
    for (size_t i = 0; i < n; i++)
        pid[i] = spawn(cmd[i]);
    for (size_t i = 0; i < n; i++)
        if (pid[i] >= 0)
            wait_for(pid[i], cmd[i]);
    qc_free(pid);
}

static void add(qc_bytes *b, const char *text, size_t n)
{
    qc_err err = qc_bytes_append(b, text, n);
    QC_ASSERT(err == QC_OK);
}

char *qc_notify_fill(const char *cmd, const char *text)
{
    qc_bytes b = QC_BYTES_INIT;
    for (const char *p; (p = strstr(cmd, "%s")); cmd = p + 2) {
        add(&b, cmd, (size_t)(p - cmd));
        add(&b, text, strlen(text));
    }
    add(&b, cmd, strlen(cmd) + 1);
    return (char *)b.data;
}

char *qc_notify_quote(const char *text)
{
    qc_bytes b = QC_BYTES_INIT;
    add(&b, "'", 1);
    for (; *text; text++)
        if (isalnum((unsigned char)*text) || strchr(" .,;-_/:?@()", *text))
            add(&b, text, 1);
    add(&b, "'", 2);
    return (char *)b.data;
}
