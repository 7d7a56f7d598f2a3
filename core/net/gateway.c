#include "core/net/gateway.h"

#include "core/base/alloc.h"
#include "core/os/file.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define TABLE_MAX 4000000u /* bytes of a routing table that are read */
#define ROUTE_UP 1u
#define ROUTE_GATEWAY 2u

static const char *next_line(const char *p)
{
    const char *end = strchr(p, '\n');
    return end ? end + 1 : p + strlen(p);
}

bool qc_gateway_parse_v4(const char *text, qc_netaddr *out)
{
    unsigned long best = 0;
    bool found = false;
    for (const char *p = text; *p; p = next_line(p)) {
        char name[17];
        unsigned destination, gateway, flags, mask;
        unsigned long metric;
        if (sscanf(p, "%16s %8x %8x %8x %*s %*s %9lu %8x", name, &destination, &gateway, &flags,
                   &metric, &mask) != 6 ||
            destination || mask || !gateway ||
            (flags & (ROUTE_UP | ROUTE_GATEWAY)) != (ROUTE_UP | ROUTE_GATEWAY) ||
            (found && metric >= best))
            continue;
        uint32_t raw = gateway; /* printed as the machine reads the bytes */
        uint8_t b[4];
        memcpy(b, &raw, sizeof b);
        *out = qc_netaddr_of(QC_NETWORK_IPV4, b);
        best = metric;
        found = true;
    }
    return found;
}

static bool read_hex(const char *text, uint8_t out[static 16])
{
    if (strspn(text, "0123456789abcdef") != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        unsigned v;
        if (sscanf(text + 2 * i, "%2x", &v) != 1)
            return false;
        out[i] = (uint8_t)v;
    }
    return true;
}

bool qc_gateway_parse_v6(const char *text, qc_netaddr *out, char interface[static 16])
{
    static const uint8_t ZERO[16];
    unsigned best = 0;
    bool found = false;
    for (const char *p = text; *p; p = next_line(p)) {
        char destination[33], hop[33], name[16];
        unsigned bits, metric, flags;
        uint8_t d[16], h[16];
        if (sscanf(p, "%32s %2x %*32s %*2x %32s %8x %*8x %*8x %8x %15s", destination, &bits, hop,
                   &metric, &flags, name) != 6 ||
            bits || !read_hex(destination, d) || !read_hex(hop, h) || memcmp(d, ZERO, 16) != 0 ||
            memcmp(h, ZERO, 16) == 0 ||
            (flags & (ROUTE_UP | ROUTE_GATEWAY)) != (ROUTE_UP | ROUTE_GATEWAY) ||
            (found && metric >= best))
            continue;
        *out = qc_netaddr_of(QC_NETWORK_IPV6, h);
        snprintf(interface, 16, "%s", name);
        best = metric;
        found = true;
    }
    return found;
}

bool qc_gateway(bool v6, qc_netaddr *out)
{
    qc_bytes b;
    char interface[16];
    const char *path = v6 ? "/proc/net/ipv6_route" : "/proc/net/route";
    if (qc_os_read_file(path, TABLE_MAX, &b))
        return false;
    char *text = qc_try_alloc(b.len + 1);
    if (text)
        memcpy(text, b.data, b.len);
    qc_bytes_free(&b);
    bool found =
        text && (v6 ? qc_gateway_parse_v6(text, out, interface) : qc_gateway_parse_v4(text, out));
    qc_free(text);
    if (found && v6 && qc_netaddr_in(out, QC_RANGE_RFC4862))
        out->scope = if_nametoindex(interface);
    return found;
}

size_t qc_gateway_own_v6(qc_netaddr *out, size_t cap)
{
    struct ifaddrs *all;
    size_t n = 0;
    if (getifaddrs(&all))
        return 0;
    for (const struct ifaddrs *i = all; i && n < cap; i = i->ifa_next) {
        struct sockaddr_in6 v6;
        if ((i->ifa_flags & (IFF_UP | IFF_LOOPBACK)) != IFF_UP || !i->ifa_addr ||
            i->ifa_addr->sa_family != AF_INET6)
            continue;
        memcpy(&v6, i->ifa_addr, sizeof v6);
        out[n] = qc_netaddr_of_v1(v6.sin6_addr.s6_addr);
        if (out[n].net == QC_NETWORK_IPV6 && qc_netaddr_is_routable(&out[n]))
            n++;
    }
    freeifaddrs(all);
    return n;
}
