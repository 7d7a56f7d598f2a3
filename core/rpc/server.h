/* core/rpc/server.h: the HTTP/1.1 server in front of the engine. */
#pragma once
#include "core/rpc/auth.h"
#include "core/rpc/engine.h"
#include "core/rpc/mount.h"
#include "core/rpc/rest.h"

typedef struct qc_rpc_server qc_rpc_server;

typedef struct qc_rpc_server_options {
    const char *const *bind; /* "127.0.0.1", "[::1]:8332", "0.0.0.0" ... */
    size_t n_bind;
    uint16_t port;          /* for those without one */
    qc_http_mounts *mounts; /* below /p/; NULL: none; borrowed */
    const qc_rest *rest;    /* below /rest/; NULL: nothing; borrowed */
    size_t rest_queue;      /* requests of it that may wait for a thread */
    unsigned timeout_s;     /* an idle or slow client is dropped (-rpcservertimeout) */
} qc_rpc_server_options;

/** Bind and serve; at least one address must bind, others are logged. `e` and `a` are borrowed for
 *  the server's life. Returns: QC_OK; QC_EBUSY (no address could be bound); QC_EINVAL (malformed
 *  bind); QC_EIO. Out: owned, qc_rpc_server_stop(). */
QC_MUST_CHECK qc_err qc_rpc_server_start(qc_rpc_server **out, qc_rpc_engine *e,
                                         const qc_rpc_auth *a, const qc_rpc_server_options *o);
/** New requests get 503 from now on, parked ones are ended. Thread: any. */
void qc_rpc_server_interrupt(qc_rpc_server *s);
/** Wait until every request in progress was answered and its answer sent (at most 30 s for a slow
 *  client), then close everything. NULL is allowed. */
void qc_rpc_server_stop(QC_OWN qc_rpc_server *s);
