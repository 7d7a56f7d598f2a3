/* core/rpc/request.h: one method call in the engine. Internal to core/rpc. */
#pragma once
#include "core/os/thread.h"
#include "core/rpc/engine.h"
#include "core/rpc/registry.h"

/** What outlives the request: other threads wake it through this. */
struct qc_rpc_ticket {
    _Atomic unsigned refs;
    pthread_mutex_t lock;
    qc_rpc_req *r;  /* NULL once the request has ended */
    bool parked;    /* nobody runs it now */
    bool woken;     /* a wake came while it was not parked */
    qc_rpc_why why; /* of the pending resumption */
    uint64_t round; /* +1 per park: tells an old timer from the present one */
    qc_rpc_timer *timer;
    struct park_timer *timer_arg;
};

struct qc_rpc_req {
    qc_rpc_engine *engine;
    struct rpc_job *job;
    qc_rpc_entry *entry; /* NULL: no such method */
    char *name;
    json_t *sent;   /* parameters as sent; owned reference, may be NULL */
    json_t *params; /* positional; owned reference */
    char *dup_key;  /* see qc_rpc_dup_key() */
    qc_jw *out;
    size_t mark; /* length of *out when the result begins */
    bool failed;
    int code;
    char *message;
    qc_mono started;
    qc_rpc_req *prev, *next; /* active calls, under the engine's lock */
    qc_rpc_ticket *ticket;
    bool want_park;
    int64_t park_ms;
    qc_rpc_resume *resume;
    void *resume_arg;
};

/** Parameters as its entry's method takes them. False: it has failed. Defined by engine.c. */
bool qc_rpc_prepare(qc_rpc_req *r);
/** The request goes on: defined by engine.c. Runs on an rpc thread. */
void qc_rpc_job_continue(qc_rpc_req *r);
bool qc_rpc_engine_stopping(const qc_rpc_engine *e);
const char *qc_rpc_job_user(const struct rpc_job *j);
const char *qc_rpc_job_peer(const struct rpc_job *j);
qc_rpc_registry *qc_rpc_engine_registry(const qc_rpc_engine *e);

/** Act on qc_rpc_park() after a handler returned. True: it is parked now (do not touch it). False:
 *  it has ended. Resumes at once as often as it was woken meanwhile. */
bool qc_rpc_settle(qc_rpc_req *r);
/** Resume with `why` if parked. */
void qc_rpc_force(qc_rpc_ticket *t, qc_rpc_why why);
/** Give a new request its ticket. */
void qc_rpc_ticket_begin(qc_rpc_req *r);
/** Cut the ticket off: the request ends. */
void qc_rpc_ticket_end(qc_rpc_req *r);
