/* core/net/sockaddr.h: addresses of peers as the system's sockets have them. Thread: any. */
#pragma once
#include "core/net/dial.h"
#include "core/net/peeraddr.h"

/** IPv4 inside IPv6 is unwrapped; cjdns: fc00::/8 is of CJDNS. Services and time are 0. False: of
 *  another family; *out is untouched. */
bool qc_sockaddr_read(const struct sockaddr_storage *a, bool cjdns, qc_peer_addr *out);
/** False: not of IPv4, IPv6 or CJDNS. */
bool qc_sockaddr_write(const qc_peer_addr *a, qc_proxy *out);
