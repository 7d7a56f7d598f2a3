#include "core/net/sockaddr.h"

bool qc_sockaddr_read(const struct sockaddr_storage *a, bool cjdns, qc_peer_addr *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    qc_netaddr n;
    uint16_t port;
    if (a->ss_family == AF_INET) {
        memcpy(&v4, a, sizeof v4);
        n = qc_netaddr_of(QC_NETWORK_IPV4, (const uint8_t *)&v4.sin_addr);
        port = ntohs(v4.sin_port);
    } else if (a->ss_family == AF_INET6) {
        memcpy(&v6, a, sizeof v6);
        n = qc_netaddr_of_v1(v6.sin6_addr.s6_addr);
        n.scope = v6.sin6_scope_id;
        n = qc_netaddr_flip_cjdns(&n, cjdns);
        port = ntohs(v6.sin6_port);
    } else {
        return false;
    }
    *out = (qc_peer_addr){.addr = n, .port = port};
    return true;
}

bool qc_sockaddr_write(const qc_peer_addr *a, qc_proxy *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
    qc_proxy p = {.len = 0};
    if (a->addr.net == QC_NETWORK_IPV4) {
        memcpy(&v4.sin_addr, a->addr.b, 4);
        p.len = sizeof v4;
        memcpy(&p.addr, &v4, sizeof v4);
    } else if (a->addr.net == QC_NETWORK_IPV6 || a->addr.net == QC_NETWORK_CJDNS) {
        memcpy(&v6.sin6_addr, a->addr.b, 16);
        v6.sin6_scope_id = a->addr.scope;
        p.len = sizeof v6;
        memcpy(&p.addr, &v6, sizeof v6);
    } else {
        return false;
    }
    *out = p;
    return true;
}
