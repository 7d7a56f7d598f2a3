#include "core/host/spawn.h"

#include "core/base/alloc.h"
#include "core/os/file.h"
#include "core/os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct runner {
    int program, socket;
    volatile int error;
} runner;

/* Its command line, with room for the plugin's id, which the runner writes over the blanks when it
 * knows it. */
#define BLANKS "                "
#define TITLE "quoin-runner" BLANKS BLANKS BLANKS BLANKS BLANKS

/* What may lie in the socket before its sender sleeps. With what the kernel gives of its own accord
 * that is three packets, and a call of megabytes wakes either end fifteen times, which costs most
 * where others want the processor too. The kernel grants less where its limit is lower. */
#define IN_FLIGHT (1 << 20)

static void widen(const int pair[2])
{
    const int size = IN_FLIGHT;
    for (int i = 0; i < 2; i++)
        (void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* In the child, on our memory. */
static int become_runner(void *arg)
{
    runner *r = arg;
    qc_process_exec(r->program, TITLE, r->socket);
    r->error = errno;
    return 127;
}

qc_err qc_child_start(int runner_fd, qc_child *out)
{
    int pair[2];
    if (qc_fault_hit() || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return QC_EIO;
    widen(pair);
    qc_child c = {-1, -1, pair[0]};
    runner r = {runner_fd, pair[1], 0};
    qc_err err = qc_process_start(become_runner, &r, &c.pid, &c.pidfd);
    int e = errno;
    qc_os_close(pair[1]);
    if (!err && r.error) { /* it never became the runner, and ends now */
        while (waitpid(c.pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        e = r.error;
        err = e == ENOMEM ? QC_ENOMEM : QC_EIO;
    }
    if (!err && fcntl(c.socket, F_SETFL, O_NONBLOCK)) {
        e = errno;
        qc_child_kill(&c);
        while (waitpid(c.pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        err = QC_EIO;
    }
    if (err) {
        qc_child_clear(&c);
        errno = e;
        return err == QC_ENOMEM ? err : QC_EIO;
    }
    *out = c;
    return QC_OK;
}

void qc_child_kill(const qc_child *c)
{
    if (c->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0u);
    else if (c->pid > 0)
        kill(c->pid, SIGKILL);
}

bool qc_child_reap(qc_child *c, int *status)
{
    int got;
    if (c->pid <= 0 || waitpid(c->pid, &got, WNOHANG) != c->pid)
        return false;
    c->pid = -1;
    *status = got;
    return true;
}

void qc_child_wait(qc_child *c, int *status)
{
    int got = 0;
    while (c->pid > 0 && waitpid(c->pid, &got, 0) < 0 && errno == EINTR)
        continue;
    c->pid = -1;
    *status = got;
}

void qc_child_status_text(int status, char *out, size_t cap)
{
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (sig == SIGSYS) {
        snprintf(out, cap, "killed: forbidden system call");
    } else if (sig) {
        const char *name = sigdescr_np(sig);
        snprintf(out, cap, "killed by signal %d (%s)", sig, name ? name : "unknown");
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == QC_CHILD_ABORTED) {
        snprintf(out, cap, "aborted");
    } else {
        snprintf(out, cap, "exit status %d", WIFEXITED(status) ? WEXITSTATUS(status) : status);
    }
}

void qc_child_clear(qc_child *c)
{
    qc_os_close(c->pidfd);
    qc_os_close(c->socket);
    *c = (qc_child)QC_CHILD_INIT;
}
