/* core/net/gateway.h: the routers that this machine's default routes lead to. Thread: any. */
#pragma once
#include "core/net/netaddr.h"

/** From the text of Linux's /proc/net/route. False: no default route by a gateway. */
bool qc_gateway_parse_v4(const char *text, qc_netaddr *out);
/** From the text of /proc/net/ipv6_route. Out: interface, at most 16 bytes with its NUL. */
bool qc_gateway_parse_v6(const char *text, qc_netaddr *out, char interface[static 16]);
/** As the system has it now. Reads a small file of the kernel. */
bool qc_gateway(bool v6, qc_netaddr *out);
/** Addresses of the interfaces that are up, loopback left out. Returns how many of at most `cap`.
 */
size_t qc_gateway_own_v6(qc_netaddr *out, size_t cap);
