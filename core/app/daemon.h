/* core/app/daemon.h: going into the background (-daemon, -daemonwait). */
#pragma once
#include "core/base/err.h"

/** Fork. In the child: true, *fd is for qc_daemon_ready() and the standard descriptors lead to
 *  nothing, but for the standard error: until then the parent prints what is written there. It
 * never returns: it exits 0 when the child says it is ready, else prints `complaint` and exits 1.
 * False: fork failed (errno). Before any thread was started. */
bool qc_daemon_fork(int *fd, const char *complaint);
/** Tell the parent, once, that the start succeeded or failed; *fd becomes -1. */
void qc_daemon_ready(int *fd, bool ok);
