/* core/rpc/engine.h: from the body of a request to the body of its reply. Knows JSON-RPC, nothing
 * of HTTP but its status numbers. */
#pragma once
#include "core/rpc/pool.h"
#include "core/rpc/rpc.h"

typedef struct qc_rpc_engine qc_rpc_engine;

/** Which methods a user may call (-rpcwhitelist). Implemented by auth. */
typedef struct qc_rpc_access {
    void *arg;
    /** *has_list: the user has a list of its own. Without one, *dflt_deny says whether -
     *  rpcwhitelistdefault shuts it out. */
    void (*user)(void *arg, const char *user, bool *has_list, bool *dflt_deny);
    bool (*allows)(void *arg, const char *user, const char *method);
} qc_rpc_access;

/** One request body. */
typedef struct qc_rpc_call {
    const char *body; /* borrowed until done */
    size_t len;
    const char *user, *peer;     /* borrowed until done */
    const qc_rpc_access *access; /* NULL: everything is allowed */
    /** Called once, on an rpc thread. `reply` is empty for 204 and 403. */
    void (*done)(void *arg, int status, QC_OWN qc_bytes reply);
    void *arg;
} qc_rpc_call;

/** Start `threads` rpc threads over the registry; in warm-up from the start ("RPC server started").
 *  Out: owned, qc_rpc_engine_free(). */
QC_MUST_CHECK qc_err qc_rpc_engine_new(qc_rpc_engine **out, qc_rpc_registry *g, unsigned threads,
                                       unsigned queue);
/** Resume all parked requests with SHUTDOWN; from now on nothing parks. Thread: any. */
void qc_rpc_engine_interrupt(qc_rpc_engine *e);
/** Wait until every request was answered, stop the threads, free. NULL is allowed. */
void qc_rpc_engine_free(QC_OWN qc_rpc_engine *e);
/** Warm-up text; NULL ends the warm-up. Thread: any. */
void qc_rpc_engine_warmup(qc_rpc_engine *e, const char *text);
/** Is it warming up? Out: the text, cut to cap. Thread: any. */
bool qc_rpc_engine_warming(qc_rpc_engine *e, char *text, size_t cap);
/** Serve one call. False: the queue is full (503); done is not called. Thread: any. */
bool qc_rpc_engine_submit(qc_rpc_engine *e, const qc_rpc_call *c);
/** The engine's threads and timers. */
qc_rpc_pool *qc_rpc_engine_pool(qc_rpc_engine *e);
/** Wait until every call submitted so far was answered. Thread: any but rpc. */
void qc_rpc_engine_drain(qc_rpc_engine *e);
