/* core/rpc/subnet.h: address ranges (-rpcallowip). Thread: any. */
#pragma once
#include "core/base/err.h"

#include <netinet/in.h>

typedef struct qc_subnet {
    int family; /* AF_INET or AF_INET6 */
    uint8_t addr[16], mask[16];
} qc_subnet;

/** "1.2.3.4", "1.2.3.0/24", "1.2.3.0/255.255.255.0", "::1", "fd00::/8". Returns: QC_OK; QC_EINVAL.
 */
QC_MUST_CHECK qc_err qc_subnet_parse(const char *text, qc_subnet *out);
/** IPv4-mapped IPv6 addresses count as IPv4. */
bool qc_subnet_has(const qc_subnet *s, const struct sockaddr *sa);
