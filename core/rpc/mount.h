/* core/rpc/mount.h: parts of the HTTP server that others serve: /p/NAME/... Each request is handed
 * over suspended and is answered later, from any thread. Thread: any, unless said otherwise. */
#pragma once
#include "core/base/bytes.h"
#include "core/rpc/pool.h"

#include <stdatomic.h>

typedef enum qc_http_method { QC_HTTP_GET = 1, QC_HTTP_POST = 2, QC_HTTP_HEAD = 4 } qc_http_method;

/** One request that waits for its answer. Shared: qc_http_call_unref(). The text and the body are
 *  good until it is answered: who serves it copies what it wants to keep. */
typedef struct qc_http_call {
    qc_http_method method;
    const char *path;  /* below the mount, decoded, begins with '/' */
    const char *query; /* as sent */
    const char *user;  /* "" on a public mount */
    const char *peer;
    qc_span body;

    /* The rest is the server's. */
    _Atomic unsigned refs;
    _Atomic bool answered, serving;
    void *exchange;
    const char *(*header)(void *exchange, const char *name);
    void (*send)(void *exchange, int status, const char *content_type, qc_bytes body);
    qc_rpc_pool *pool;
    qc_rpc_timer *timer;
    void (*deadline)(void *arg, bool passed);
    void *deadline_arg;
    struct qc_http_call *prev, *next;
} qc_http_call;

/** Value of a header, or NULL. Inside serve() only; borrowed until it returns. */
const char *qc_http_header(const qc_http_call *c, const char *name);
/** Answer, once: false when it was answered already. content_type is copied. 204 and 304 carry no
 *  body. */
bool qc_http_answer(qc_http_call *c, int status, const char *content_type, QC_OWN qc_bytes body);
/** The same with a line of text. */
bool qc_http_answer_text(qc_http_call *c, int status, const char *text);
/** Before it is given to other threads, inside serve(): fn(arg, true) on an rpc thread in `ms`, or
 *  fn(arg, false) when it was answered before. Called exactly once. */
void qc_http_deadline(qc_http_call *c, int64_t ms, void (*fn)(void *arg, bool passed), void *arg);
void qc_http_call_ref(qc_http_call *c);
void qc_http_call_unref(QC_OWN qc_http_call *c);

/** Who serves a mount. judge and serve run on an HTTP thread and must not block. */
typedef struct qc_http_handler {
    void *arg;
    const char *owner; /* copied; see qc_http_mount_add() */
    bool is_public;    /* no authentication */
    /** The head is here. Returns 0 to go on, or the status to refuse with (404, 405).
     *  Out: *max_body, the largest body that is taken (413 beyond it). */
    int (*judge)(void *arg, qc_http_method method, const char *path, size_t *max_body);
    /** The request is complete. */
    void (*serve)(void *arg, qc_http_call *c);
    /** It was unmounted, and its last request has ended. */
    void (*release)(void *arg);
} qc_http_handler;

/** What is mounted. Outlives the server and whoever mounts. */
typedef struct qc_http_mounts qc_http_mounts;
typedef struct qc_http_mount qc_http_mount;
qc_http_mounts *qc_http_mounts_new(void);
/** NULL is allowed. While something is mounted nothing is freed. */
void qc_http_mounts_free(QC_OWN qc_http_mounts *m);
/** A name that the same owner has mounted already is given to this one when that one is removed:
 *  there is no moment without it. Returns: QC_OK; QC_EEXIST (another owner has the name; release is
 *  not called); QC_EINVAL (no such name). */
QC_MUST_CHECK qc_err qc_http_mount_add(qc_http_mounts *m, const char *name,
                                       const qc_http_handler *h);
/** The mount of `name` whose handler has this arg. Requests that were handed over go on. */
void qc_http_mount_remove(qc_http_mounts *m, const char *name, const void *arg);
/** With a reference, or NULL. */
qc_http_mount *qc_http_mount_get(qc_http_mounts *m, const char *name);
void qc_http_mount_unref(QC_OWN qc_http_mount *x);
const qc_http_handler *qc_http_mount_handler(const qc_http_mount *x);
