#include "core/net/upnphelper.h"

#include "core/os/file.h"
#include "core/os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct exec_args {
    int program, socket;
    volatile int error;
} exec_args;

/* In the child, on our memory. */
static int become(void *arg)
{
    exec_args *x = arg;
    qc_process_exec(x->program, "quoin-upnp", x->socket);
    x->error = errno;
    return 127;
}

qc_err qc_upnp_helper_open(qc_upnp_helper *h, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return qc_err_from_errno(errno);
    *h = (qc_upnp_helper){.program = fd, .pid = -1, .pidfd = -1, .socket = -1};
    return QC_OK;
}

qc_err qc_upnp_helper_start(qc_upnp_helper *h, int *socket)
{
    int pair[2];
    (void)qc_upnp_helper_end(h);
    if (h->pid > 0)
        return QC_EBUSY;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
        return QC_EIO;
    exec_args x = {h->program, pair[1], 0};
    qc_err err = QC_EIO;
    /* Its own end waits; the flag is of the end, not of the pair. */
    if (fcntl(pair[1], F_SETFL, 0) == 0)
        err = qc_process_start(become, &x, &h->pid, &h->pidfd);
    qc_os_close(pair[1]);
    h->socket = pair[0];
    if (!err && x.error)
        err = QC_EIO;
    if (err) {
        (void)qc_upnp_helper_end(h);
        return err;
    }
    *socket = h->socket;
    return QC_OK;
}

int qc_upnp_helper_end(qc_upnp_helper *h)
{
    int status = 0;
    /* First, so that one that waits for us ends even if we may not kill it. */
    qc_os_close(h->socket);
    h->socket = -1;
    if (h->pid > 0) {
        /* Who has ended takes no signal any more: his status stays what it was. */
        bool lives = kill(h->pid, SIGKILL) != 0 && errno == EPERM;
        pid_t got;
        do
            got = waitpid(h->pid, &status, lives ? WNOHANG : 0);
        while (got < 0 && errno == EINTR);
        if (got == 0)
            return 0;
    }
    qc_os_close(h->pidfd);
    h->pid = h->pidfd = -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void qc_upnp_helper_close(qc_upnp_helper *h)
{
    (void)qc_upnp_helper_end(h);
    qc_os_close(h->pidfd);
    qc_os_close(h->program);
    h->program = -1;
}
