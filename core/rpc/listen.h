/* core/rpc/listen.h: listening sockets for the RPC server. Thread: any. */
#pragma once
#include "core/base/err.h"

#include <sys/socket.h>

/** Bind and listen on "host", "host:port", "[v6]:port" (numeric, or "localhost"). What fails is
 *  logged. Returns: QC_OK; QC_EINVAL (malformed port); QC_EBUSY (cannot bind); QC_EIO.
 *  Out: *fd, close(). */
QC_MUST_CHECK qc_err qc_listen_open(const char *bind, uint16_t default_port, int *fd);
/** "127.0.0.1:1234" or "[::1]:1234". */
void qc_listen_peer_text(const struct sockaddr *sa, char *out, size_t cap);
