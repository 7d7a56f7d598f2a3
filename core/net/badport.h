/* core/net/badport.h: ports of other well-known services. A node that many connect to because an
 * address of another service was spread would do that service's attacker a favour (Core
 * doc/p2p-bad-ports.md). Thread: any. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

bool qc_is_bad_port(uint16_t port);
