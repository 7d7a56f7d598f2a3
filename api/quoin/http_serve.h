/* quoin/http_serve.h: pages and REST of my own below /p/NAME/ of the node's
 * HTTP server.
 *
 * Routes for GET and POST, content that never changes included. Who asks must
 * authenticate as for RPC, unless the grant says public; a user with an
 * -rpcwhitelist needs /p/NAME on it. The host reads paths strictly (no dot
 * segments, no escaped slashes, no control characters), bounds every size,
 * answers 504 when the deadline passes and 503 when the plugin has stopped. A
 * page is shown by a browser that may hold the RPC's password: the host adds a
 * policy that keeps it from loading anything from elsewhere, refuses POSTs that
 * pages of others make, and refuses JSON-RPC to scripts of pages of its own.
 * Each request takes exactly one reply, at once or later.
 *
 * Made by api/generate.py from api/interfaces/http.serve.toml: change that, then run it. */
#ifndef QUOIN_HTTP_SERVE_H
#define QUOIN_HTTP_SERVE_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Methods. HEAD is served as GET; the host leaves the body out. */
#define QN_HTTP_GET 1u  /* GET and HEAD */
#define QN_HTTP_POST 2u /* POST */

/** Limits of a route. */
typedef struct qn_http_route {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    uint32_t methods; /* QN_HTTP_*; default GET */
    /* the host answers 504 after this long; default 30,000, at most 600,000 */
    uint32_t timeout_ms;
    uint32_t max_body; /* 413 for a larger request body; default and most: the grant's */
    /* 503 while this many wait for a reply, or more than 64 MiB of them, or more than 160
     * MiB of all routes that the plugin has not read; default 16, at most 256 */
    uint32_t max_pending;
} qn_http_route;
/* Bits of `set`. */
#define QN_SET_HTTP_ROUTE_METHODS 1u
#define QN_SET_HTTP_ROUTE_TIMEOUT_MS 2u
#define QN_SET_HTTP_ROUTE_MAX_BODY 4u
#define QN_SET_HTTP_ROUTE_MAX_PENDING 8u

/** A part of the data that comes with a request. Never changes. */
typedef struct qn_http_span {
    uint32_t off; /* first byte */
    uint32_t len; /* bytes */
} qn_http_span;

/** A request as the handler sees it; valid until the handler returns. */
typedef struct qn_http_request {
    uint32_t size;       /* bytes filled in */
    uint32_t method;     /* QN_HTTP_GET or QN_HTTP_POST */
    uint64_t request;    /* its id, for reply() */
    uint32_t timeout_ms; /* time left */
    uint32_t reserved;   /* 0 */
    qn_http_span path;   /* below the name, decoded: begins with '/' */
    qn_http_span query;  /* behind the '?', as sent */
    /* lines "name: value\n" with names in lower case: accept, accept-language, content-
     * type, host, if-none-match, origin, user-agent */
    qn_http_span headers;
    qn_http_span user; /* who authenticated; empty when public */
    qn_http_span peer; /* "127.0.0.1:51312" */
    qn_http_span body;
} qn_http_request;

/** Serve one request. On the plugin's loop. The spans of request are parts of
 *  data; both are valid until the handler returns. */
typedef void qn_http_handler_fn(void *arg, const qn_http_request *request, const void *data,
                                uint32_t data_len);

/** http.serve/1, revision 1. Frozen. */
typedef struct qn_http_serve_1_r1 {
    qn_head h;

    /** Serve a path. One that ends in '/' serves everything below it; the
     *  longest that fits wins, and an exact one before all.
     *  limits: NULL: all defaults.
     *  path: "/", "/metrics", "/api/": segments of letters, digits and -._~; at
     *    most 256 bytes.
     *  handler: serves it.
     *  Returns: QN_OK, QN_E_EXISTS, QN_E_INVAL, QN_E_LIMIT, QN_E_REVOKED. */
    qn_status (*add)(qn_cap *cap, const qn_http_route *limits, const char *path,
                     qn_http_handler_fn *handler, void *arg);

    /** Serve content that never changes: the host answers GET itself. The
     *  content is copied.
     *  path: as for add(), not ending in '/' but for "/" itself.
     *  content_type: "text/html; charset=utf-8".
     *  Returns: QN_OK, QN_E_EXISTS, QN_E_INVAL, QN_E_LIMIT, QN_E_FULL,
     *    QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*add_static)(qn_cap *cap, const char *path, const char *content_type,
                            const void *content, uint32_t content_len);

    /** Serve a path no more. Requests that wait may still be answered.
     *  path: as added.
     *  Returns: QN_OK, QN_E_NOTFOUND, QN_E_REVOKED. */
    qn_status (*remove)(qn_cap *cap, const char *path);

    /** Answer a request. QN_E_CLOSED: the deadline passed, or it was answered.
     *  request: its id.
     *  status: 200 to 599; 204 and 304 take no body; no other redirection than
     *    304.
     *  content_type: printable ASCII with one '/', at most 128 bytes.
     *  body: at most 64 MiB.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_INVAL, QN_E_NOMEM, QN_E_REVOKED. */
    qn_status (*reply)(qn_cap *cap, uint64_t request, uint32_t status, const char *content_type,
                       const void *body, uint64_t body_len);
} qn_http_serve_1_r1;

/** The newest revision. */
typedef qn_http_serve_1_r1 qn_http_serve_1;
#define QN_HTTP_SERVE_1_ID "http.serve/1"
#define QN_HTTP_SERVE_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
