/* core/rpc/exchange.h: one request on an HTTP connection. Internal to core/rpc: http.c and
 * http_mounts.c. Thread: the connection's HTTP thread, but while it is suspended. */
#pragma once
#include "core/os/thread.h"
#include "core/rpc/server.h"
#include "core/rpc/target.h"

#include <microhttpd.h>

#define QC_HTTP_MAX_BODY (32u << 20)

struct qc_rpc_server {
    qc_rpc_engine *engine;
    const qc_rpc_auth *auth;
    struct MHD_Daemon **daemon;
    size_t n_daemon;
    _Atomic bool interrupted;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t answering;    /* requests complete but not yet answered to the last byte */
    qc_http_call *calls; /* handed to a mount and not answered */
    qc_http_mounts *mounts;
    const qc_rest *rest; /* NULL: nothing below /rest/ */
    size_t rest_queue;
    size_t rest_running; /* requests below /rest/ that a thread has or will have */
};

/* One request on a connection. */
typedef struct exchange {
    qc_rpc_server *server;
    struct MHD_Connection *conn;
    char *target; /* as sent; NULL: longer than any that is served */
    bool begun;   /* its head has been judged */
    qc_bytes body;
    size_t max_body;
    char *user;
    char peer[64];
    int status; /* decided before the body: send this */
    const char *text;
    bool wrong_password;  /* its answer is to come late */
    qc_http_mount *mount; /* NULL: JSON-RPC */
    qc_target *at;        /* with a mount */
    const char *rest;     /* of at->path, below the mount */
    qc_http_method method;
    qc_http_call *call;
    char content_type[129], location[80];
    bool is_rest;
    const char *cache; /* Cache-Control of an answer below /rest/, or NULL */
    bool too_large;
    bool counted;  /* in `answering` */
    bool answered; /* `status` and `reply` are set, by another thread before resuming */
    qc_bytes reply;
} exchange;

/** Whose page sent this? A browser says so where a script could abuse the password that the browser
 *  holds, and no script can say otherwise; but it can make the browser hide it. Other clients say
 *  nothing. */
typedef enum qc_http_origin {
    QC_ORIGIN_NONE,
    QC_ORIGIN_HERE,
    QC_ORIGIN_HIDDEN,
    QC_ORIGIN_ELSEWHERE
} qc_http_origin;
qc_http_origin qc_http_origin_of(const exchange *x);
/** Sets status 401 unless the Authorization header is right, else x->user. */
void qc_http_judge_password(exchange *x);
/** The head of a request whose target begins with /p/. Sets status unless its body matters. */
void qc_http_judge_mount(exchange *x, const char *method);
/** The request is complete: suspend it and give it to the mount. */
enum MHD_Result qc_http_hand_over(exchange *x);
/** Does the target lie below /rest/, and is that served? */
bool qc_http_is_rest(const exchange *x);
/** Largest body of a request below /rest/. */
#define QC_HTTP_REST_BODY (64u << 10)
/** The request is complete: suspend it and let an rpc thread answer. */
enum MHD_Result qc_http_submit_rest(exchange *x);
/** Wait until none is being answered. */
void qc_http_drain_rest(qc_rpc_server *s);
/** At the end of the server: 503 for what no mount has answered. */
void qc_http_answer_left(qc_rpc_server *s);
