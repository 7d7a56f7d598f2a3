/* quoin/net_connect.h: connections to granted hosts, made by the host through
 * the node's proxy rules.
 *
 * The host looks the name up, connects (through the node's -proxy when one is
 * set, names included; an address of this machine or of a private network is
 * reached directly, as peers are), and hands over a descriptor that is
 * connected, non-blocking and close-on-exec. It is the plugin's: it closes it,
 * and says done() after the close.
 *
 * Made by api/generate.py from api/interfaces/net.connect.toml: change that, then run it. */
#ifndef QUOIN_NET_CONNECT_H
#define QUOIN_NET_CONNECT_H
#include "quoin/types.h"
#include "quoin/io.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How to connect. */
typedef struct qn_connect_options {
    uint32_t size; /* bytes of this struct */
    /* bit i set: the i-th member after this one is given; else its default holds */
    uint32_t set;
    /* from the call to the connection, look-up and proxy included; default 30,000, at
     * most 600,000 */
    uint32_t timeout_ms;
} qn_connect_options;
/* Bits of `set`. */
#define QN_SET_CONNECT_OPTIONS_TIMEOUT_MS 1u

/** The end of one connect(), on the plugin's loop, never inside the call.
 *  QN_OK: fd is the plugin's from here on; it closes it, then says
 *  done(request). Else fd is -1 and the request is over: QN_E_RESOLVE,
 *  QN_E_REFUSED, QN_E_TIMEOUT, QN_E_PROXY. */
typedef void qn_connected_fn(void *arg, uint64_t request, int32_t status, int32_t fd);

/** net.connect/1, revision 1. Frozen. */
typedef struct qn_net_connect_1_r1 {
    qn_head h;

    /** Begin a connection. QN_E_DENIED: the grant does not name this host and
     *  port, written as here. QN_E_LIMIT: max_conns are under way or out, or
     *  the rate is used up; wait.
     *  options: NULL: all defaults.
     *  target: "HOST:PORT" as in the grant.
     *  on_end: called once, unless it is canceled.
     *  request: its id; never 0; untouched on failure.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_LIMIT, QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*connect)(qn_cap *cap, const qn_connect_options *options, const char *target,
                         qn_connected_fn *on_end, void *arg, uint64_t *request);

    /** Give a connection up that is still being made. Its callback does not run
     *  after this returns.
     *  request: as given by connect().
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*cancel)(qn_cap *cap, uint64_t request);

    /** A connection's descriptor was closed: its place among max_conns is free.
     *  request: as given by connect().
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*done)(qn_cap *cap, uint64_t request);

    /** Call on_ready whenever fd is ready for one of events, until
     *  io_unwatch(). A watch of the same descriptor that exists already is
     *  replaced. Unwatch a descriptor before closing it.
     *  fd: a descriptor of the plugin's.
     *  events: QN_IO_*, at least one.
     *  Returns: QN_OK, QN_E_INVAL, QN_E_LIMIT, QN_E_REVOKED.
     *  Local: served in the plugin's own process. */
    qn_status (*io_watch)(qn_cap *cap, int32_t fd, uint32_t events, qn_io_fn *on_ready, void *arg);

    /** Watch it no more. Its callback does not run after this returns; may be
     *  called inside it.
     *  fd: a watched descriptor.
     *  Returns: QN_OK, QN_E_NOTFOUND.
     *  Local: served in the plugin's own process. */
    qn_status (*io_unwatch)(qn_cap *cap, int32_t fd);
} qn_net_connect_1_r1;

/** The newest revision. */
typedef qn_net_connect_1_r1 qn_net_connect_1;
#define QN_NET_CONNECT_1_ID "net.connect/1"
#define QN_NET_CONNECT_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
