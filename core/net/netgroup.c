#include "core/net/netgroup.h"

#include "core/base/endian.h"
#include "core/net/asmap.h"

qc_err qc_netgroups_load(qc_netgroups *g, QC_OWN qc_bytes map)
{
    if (!qc_asmap_is_sane(qc_bytes_span(&map))) {
        qc_bytes_free(&map);
        return QC_ECORRUPT;
    }
    qc_netgroups_clear(g);
    g->asmap = map;
    g->version = qc_asmap_version(qc_bytes_span(&map));
    return QC_OK;
}

void qc_netgroups_clear(qc_netgroups *g)
{
    if (!g)
        return;
    qc_bytes_free(&g->asmap);
    g->version = (qc_hash){{0}};
}

uint32_t qc_netgroups_asn(const qc_netgroups *g, const qc_netaddr *a)
{
    qc_network class = qc_netaddr_class(a);
    uint8_t v4[4], ip[QC_NETADDR_MAX];
    if (g->asmap.len == 0 || (class != QC_NETWORK_IPV4 && class != QC_NETWORK_IPV6))
        return 0;
    if (qc_netaddr_linked_ipv4(a, v4)) {
        qc_netaddr inner = qc_netaddr_of(QC_NETWORK_IPV4, v4);
        qc_netaddr_key(&inner, ip);
    } else {
        qc_netaddr_key(a, ip);
    }
    return qc_asmap_lookup(qc_bytes_span(&g->asmap), ip);
}

/* The first `bits` of `bytes`; the rest of the last byte is ones. */
static void take(qc_netgroup *out, const uint8_t *bytes, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    memcpy(out->b + out->len, bytes, whole);
    out->len = (uint8_t)(out->len + whole);
    if (rest)
        out->b[out->len++] = (uint8_t)(bytes[whole] | ((1u << (8 - rest)) - 1));
}

qc_netgroup qc_netgroups_of(const qc_netgroups *g, const qc_netaddr *a)
{
    qc_netgroup out = {.len = 1};
    uint8_t v4[4];
    uint32_t asn = qc_netgroups_asn(g, a);
    if (asn) {
        out.b[0] = QC_NETWORK_IPV6; /* a system is one group over IPv4 and IPv6 */
        qc_write_le32(out.b + 1, asn);
        out.len = 5;
        return out;
    }
    out.b[0] = (uint8_t)qc_netaddr_class(a);
    if (a->net == QC_NETWORK_INTERNAL)
        take(&out, a->b, 80);
    else if (!qc_netaddr_is_routable(a))
        return out; /* all that cannot be reached is one group */
    else if (qc_netaddr_linked_ipv4(a, v4))
        take(&out, v4, 16);
    else if (a->net == QC_NETWORK_ONION || a->net == QC_NETWORK_I2P)
        take(&out, a->b, 4);
    else if (a->net == QC_NETWORK_CJDNS)
        take(&out, a->b, 12); /* its first byte is the same for all */
    else
        take(&out, a->b, qc_netaddr_in(a, QC_RANGE_HENET) ? 36 : 32);
    return out;
}
