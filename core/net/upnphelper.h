/* core/net/upnphelper.h: the process of quoin-upnp. At most one runs at a time. It dies with the
 * thread that started it, or soon after: it has limits of its own. Thread: one. */
#pragma once
#include "core/base/err.h"

#include <sys/types.h>

typedef struct qc_upnp_helper {
    int program; /* open; -1: none */
    pid_t pid;   /* -1: none runs */
    int pidfd, socket;
} qc_upnp_helper;

/** Open the program at `path`, once: an upgrade does not change what is run.
 *  Out: *h, owned: qc_upnp_helper_close(). Returns: QC_OK; QC_ENOENT; QC_EPERM; QC_EIO. */
QC_MUST_CHECK qc_err qc_upnp_helper_open(qc_upnp_helper *h, const char *path);
/** Start it. Out: *socket, SOCK_SEQPACKET, non-blocking, stays ours. Returns: QC_OK; QC_EBUSY
 *  (also: the one before has not ended yet), QC_ENOMEM, QC_EIO (the system gives no process). */
QC_MUST_CHECK qc_err qc_upnp_helper_start(qc_upnp_helper *h, int *socket);
/** Close the socket to it, kill it and wait for its end, which is at once. Where we may not kill
 * it, for it is of another user and CAP_KILL was taken from root, nothing is waited for: it stays
 * in `pid` until it has ended and this is called again. Harmless when none runs. Returns the signal
 *  that ended it: SIGKILL unless it had ended before; 0: it ended by itself, or has not yet. */
int qc_upnp_helper_end(qc_upnp_helper *h);
void qc_upnp_helper_close(qc_upnp_helper *h);
