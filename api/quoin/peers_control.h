/* quoin/peers_control.h: acting on the peers: connect, disconnect, ban, network
 * on and off.
 *
 * Each way to act is a parameter of the grant of its own, and none is granted
 * by default: a plain "yes" grants nothing. Every use, also one that is
 * refused, is a line in the node's log that names the plugin. More than 50 uses
 * a second are not made: QN_E_BUSY, try again later. What the same calls of the
 * RPC refuse (a ban that is there already, say) is refused here too.
 *
 * Made by api/generate.py from api/interfaces/peers.control.toml: change that, then run it. */
#ifndef QUOIN_PEERS_CONTROL_H
#define QUOIN_PEERS_CONTROL_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of connect() and keep(). */
#define QN_CONNECT_PLAIN 1u /* do not encrypt, even if the node would */

/** Flags of ban(). */
#define QN_BAN_UNTIL 1u /* seconds is a point in time, since 1970 */

/** peers.control/1, revision 1. Frozen. */
typedef struct qn_peers_control_1_r1 {
    qn_head h;

    /** Connect to a peer once. Returns when the connection is begun; peers.read
     *  shows whether it came about. QN_E_LIMIT: there are 8 such connections,
     *  made or being made. QN_E_BUSY: talking to peers is turned off, or too
     *  many uses.
     *  address: a numeric address or a name, with or without :port.
     *  flags: QN_CONNECT_*.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_LIMIT, QN_E_EXISTS, QN_E_BUSY,
     *    QN_E_INVAL, QN_E_IO, QN_E_UNSUPPORTED, QN_E_REVOKED. */
    qn_status (*connect)(qn_cap *cap, const char *address, uint32_t flags);

    /** Connect to a peer whenever it is away, until forget() or the end of the
     *  node. QN_E_LIMIT: 8 are kept already.
     *  address: a numeric address or a name, with or without :port.
     *  flags: QN_CONNECT_*.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_LIMIT, QN_E_EXISTS,
     *    QN_E_INVAL, QN_E_NOMEM, QN_E_UNSUPPORTED, QN_E_REVOKED. */
    qn_status (*keep)(qn_cap *cap, const char *address, uint32_t flags);

    /** No longer connect to a peer that is kept, by whomever. A connection that
     *  there is stays.
     *  address: as it was given.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_NOTFOUND, QN_E_INVAL,
     *    QN_E_UNSUPPORTED, QN_E_REVOKED. */
    qn_status (*forget)(qn_cap *cap, const char *address);

    /** Close the connection to one peer.
     *  peer: its id.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_NOTFOUND, QN_E_UNSUPPORTED,
     *    QN_E_REVOKED. */
    qn_status (*disconnect)(qn_cap *cap, int64_t peer);

    /** Close the connection to one peer, by its address. For one of 79 bytes or
     *  more, which may be cut, use the id.
     *  address: as peers.read shows it.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_NOTFOUND, QN_E_INVAL,
     *    QN_E_UNSUPPORTED, QN_E_REVOKED. */
    qn_status (*disconnect_address)(qn_cap *cap, const char *address);

    /** Ban an address or a subnet, over restarts; connections to it are closed.
     *  QN_E_EXISTS: it is banned already. QN_E_LIMIT: there are 10,000 bans.
     *  subnet: "1.2.3.4", "1.2.3.0/24", "fd00::/8", a name of Tor or I2P.
     *  seconds: how long; 0: as -bantime says.
     *  flags: QN_BAN_*.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_EXISTS, QN_E_LIMIT,
     *    QN_E_INVAL, QN_E_NOMEM, QN_E_UNSUPPORTED, QN_E_REVOKED. */
    qn_status (*ban)(qn_cap *cap, const char *subnet, int64_t seconds, uint32_t flags);

    /** Lift a ban.
     *  subnet: as it was given.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_NOTFOUND, QN_E_INVAL,
     *    QN_E_UNSUPPORTED, QN_E_REVOKED. */
    qn_status (*unban)(qn_cap *cap, const char *subnet);

    /** Lift all bans.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_UNSUPPORTED, QN_E_REVOKED. */
    qn_status (*unban_all)(qn_cap *cap);

    /** Turn talking to peers on or off. Off: every connection is closed, and
     *  none is made or taken.
     *  on: 1 or 0.
     *  Returns: QN_OK, QN_E_DENIED, QN_E_BUSY, QN_E_INVAL, QN_E_UNSUPPORTED,
     *    QN_E_REVOKED. */
    qn_status (*network)(qn_cap *cap, uint32_t on);
} qn_peers_control_1_r1;

/** The newest revision. */
typedef qn_peers_control_1_r1 qn_peers_control_1;
#define QN_PEERS_CONTROL_1_ID "peers.control/1"
#define QN_PEERS_CONTROL_1_REVISION 1u

#ifdef __cplusplus
}
#endif
#endif
