/* quoin/net_listen.h: connections accepted by the host on granted addresses,
 * handed over connected.
 *
 * No socket call is needed, and in a process of its own none works: the host
 * binds, listens and accepts, and gives each connection to on_accept as a
 * descriptor that is connected, non-blocking and close-on-exec. It is the
 * plugin's: read(2), write(2) and close(2) it, and say done() after the close.
 * When max_conns connections are out, further ones wait in the kernel's queue
 * and the host accepts no more until done() makes room: a plugin that takes
 * none costs nobody anything.
 *
 * Made by api/generate.py from api/interfaces/net.listen.toml: change that, then run it. */
#ifndef QUOIN_NET_LISTEN_H
#define QUOIN_NET_LISTEN_H
#include "quoin/types.h"
#include "quoin/io.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection. fd is the plugin's from here on: it closes it, then says
 *  done(connection). peer is "192.0.2.1:34567", valid until the callback
 *  returns. */
typedef void qn_accept_fn(void *arg, uint64_t listener, uint64_t connection, int32_t fd,
                          const char *peer, uint32_t peer_len);

/** net.listen/1, revision 1. Frozen. */
typedef struct qn_net_listen_1_r1 {
    qn_head h;

    /** Listen on an address of the grant. QN_E_DENIED: the grant does not name
     *  it. QN_E_BUSY: somebody else listens there; QN_E_IO: it cannot be bound
     *  for another reason. The node's log names address and reason.
     *  address: "127.0.0.1:50001" or "[::1]:50001".
     *  on_accept: gets each connection, on the plugin's loop.
     *  listener: its id; never 0; untouched on failure.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_EXISTS, QN_E_BUSY, QN_E_IO,
     *    QN_E_INVAL, QN_E_REVOKED. */
    qn_status (*open)(qn_cap *cap, const char *address, qn_accept_fn *on_accept, void *arg,
                      uint64_t *listener);

    /** Listen no more. on_accept does not run after this returns; connections
     *  that were given out go on.
     *  listener: as given by open().
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*close)(qn_cap *cap, uint64_t listener);

    /** A connection's descriptor was closed: its place among max_conns is free.
     *  connection: as given to on_accept.
     *  Returns: QN_OK, QN_E_CLOSED, QN_E_REVOKED. */
    qn_status (*done)(qn_cap *cap, uint64_t connection);

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
} qn_net_listen_1_r1;

/** The newest revision. */
typedef qn_net_listen_1_r1 qn_net_listen_1;
#define QN_NET_LISTEN_1_ID "net.listen/1"
#define QN_NET_LISTEN_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
