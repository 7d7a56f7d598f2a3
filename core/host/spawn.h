/* core/host/spawn.h: starting quoin-runner. The node opens the program once, when it starts, and
 * executes that descriptor ever after, so that an upgrade of the package does not break restarts.
 */
#pragma once
#include "core/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/** A child: descriptor 3 of it is the other end of `socket`, 0 to 2 are /dev/null, nothing else is
 *  open; its environment is empty. */
typedef struct qc_child {
    pid_t pid;
    int pidfd;  /* readable when it has ended; -1: none */
    int socket; /* SOCK_SEQPACKET, close-on-exec, non-blocking on our side */
} qc_child;

/** Exit status of a runner that called abort(): the first process of a pid namespace cannot end
 * itself by a signal. */
#define QC_CHILD_ABORTED 134
#define QC_CHILD_INIT                                                                              \
    {                                                                                              \
        -1, -1, -1                                                                                 \
    }

/** Start the program open at `runner_fd`. Namespaces that only the parent can give (pid, and user
 *  with it for an ordinary user) are tried and left out where the kernel refuses. Costs no copy of
 *  the parent's page tables. The child dies with the calling thread. Out: *out owned,
 *  qc_child_clear(). Thread: any.
 *  Returns: QC_OK; QC_EIO (errno says why); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_child_start(int runner_fd, qc_child *out);
/** SIGKILL. Harmless when it has ended. */
void qc_child_kill(const qc_child *c);
/** How it ended. False: it still runs. Never blocks. *status as waitpid(2) gives it. */
bool qc_child_reap(qc_child *c, int *status);
/** The same, and wait for it: for a child that was killed. */
void qc_child_wait(qc_child *c, int *status);
/** "killed by signal 11 (Segmentation fault)", "exit status 1", "killed: forbidden system call",
 *  "aborted" */
void qc_child_status_text(int status, char *out, size_t cap);
/** Closes what is open; the child must have been reaped, or its end is not awaited. */
void qc_child_clear(qc_child *c);
