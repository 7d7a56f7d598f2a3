/* quoin/rpc_serve.h: JSON-RPC methods of my own on the node's RPC server.
 *
 * Names must lie under the prefix of the grant or be among its exact names.
 * Requests and replies are JSON text. A handler may reply at once or later,
 * from a timer or another callback, until the request's deadline; then the host
 * answers for it. Each request takes exactly one reply.
 *
 * Made by api/generate.py from api/interfaces/rpc.serve.toml: change that, then run it. */
#ifndef QUOIN_RPC_SERVE_H
#define QUOIN_RPC_SERVE_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Limits of a method. */
typedef struct qn_rpc_method {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    /* the host answers with an error after this long; default 30,000, at most 3,600,000 */
    uint32_t timeout_ms;
    /* requests waiting for a reply at once, more are refused, as are all when they hold
     * more than 64 MiB, or those of all methods that the plugin has not read more than
     * 160 MiB; default 64, at most 1,024 */
    uint32_t max_pending;
} qn_rpc_method;
/* Bits of `set`. */
#define QN_SET_RPC_METHOD_TIMEOUT_MS 1u
#define QN_SET_RPC_METHOD_MAX_PENDING 2u

/** A request as the handler sees it; valid until the handler returns. */
typedef struct qn_rpc_request {
    uint32_t size;       /* bytes filled in */
    uint32_t timeout_ms; /* time left */
    uint64_t request;    /* its id, for reply() */
} qn_rpc_request;

/** Serve one request. On the plugin's loop. params is a JSON array or object,
 *  NUL-terminated, valid until the handler returns. */
typedef void qn_rpc_handler_fn(void *arg, const qn_rpc_request *request, const char *params,
                               uint32_t params_len);

/** rpc.serve/1, revision 1. Frozen. */
typedef struct qn_rpc_serve_1_r1 {
    qn_head h;

    /** Offer a method. The help text's first line is its synopsis, as `help`
     *  shows it. Named parameters are put into the order of arg_names, as
     *  bitcoind does; params is then always an array. A call with more
     *  parameters than arg_names has, any at all where it is empty, is answered
     *  with the help (code -1), and the handler not called; so is one with
     *  fewer than the synopsis has before its first "(", where that is nothing
     *  but the method's name and the first of arg_names in their order, in
     *  quotes or not. No handler is called with an object in which a key stood
     *  twice: what came is not what was meant.
     *  limits: NULL: all defaults.
     *  name: lower-case letters, digits, '.', '_'; at most 64.
     *  arg_names: names of the parameters in order, separated by spaces;
     *    alternatives by '|'.
     *  help: at most 16 KiB.
     *  handler: serves it.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_EXISTS, QN_E_INVAL, QN_E_LIMIT,
     *    QN_E_REVOKED. */
    qn_status (*add)(qn_cap *cap, const qn_rpc_method *limits, const char *name,
                     const char *arg_names, const char *help, qn_rpc_handler_fn *handler,
                     void *arg);

    /** Withdraw a method. Requests that wait may still be answered.
     *  name: as added.
     *  Returns: QN_OK, QN_E_NOTFOUND. */
    qn_status (*remove)(qn_cap *cap, const char *name);

    /** Answer a request. result must be one JSON value; it is checked.
     *  QN_E_CLOSED: the client has gone or the deadline passed.
     *  request: its id.
     *  result: JSON text, at most 64 MiB.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*reply)(qn_cap *cap, uint64_t request, const char *result, uint64_t result_len);

    /** Answer a request with a JSON-RPC error.
     *  request: its id.
     *  code: JSON-RPC or bitcoind error code, e.g. -8.
     *  message: one sentence.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*reply_error)(qn_cap *cap, uint64_t request, int32_t code, const char *message,
                             uint32_t message_len);
} qn_rpc_serve_1_r1;

/** The newest revision. */
typedef qn_rpc_serve_1_r1 qn_rpc_serve_1;
#define QN_RPC_SERVE_1_ID "rpc.serve/1"
#define QN_RPC_SERVE_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
