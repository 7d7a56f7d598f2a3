#include "core/net/netaddr.h"

#include "core/crypto/sha256.h"

#include <string.h>
#include <strings.h>

/* How addresses of other kinds lie in IPv6 (BIP155 "addr" messages; Core netaddress.h). */
static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t TOR_V2[6] = {0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43};
static const uint8_t INTERNAL[6] = {0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24};
#define CJDNS_FIRST 0xfcu

size_t qc_network_len(qc_network net)
{
    static const uint8_t LEN[QC_NETWORK_COUNT] = {0, 4, 16, 32, 32, 16, 10};
    QC_ASSERT(net < QC_NETWORK_COUNT);
    return LEN[net];
}

static const char *const NAME[QC_NETWORK_COUNT] = {
    "not_publicly_routable", "ipv4", "ipv6", "onion", "i2p", "cjdns", "internal"};

const char *qc_network_name(qc_network net)
{
    QC_ASSERT(net < QC_NETWORK_COUNT);
    return NAME[net];
}

qc_network qc_network_parse(const char *name)
{
    for (qc_network n = QC_NETWORK_IPV4; n < QC_NETWORK_INTERNAL; n++)
        if (strcasecmp(name, NAME[n]) == 0)
            return n;
    return QC_NETWORK_UNROUTABLE;
}

qc_netaddr qc_netaddr_none(void)
{
    return (qc_netaddr){.net = QC_NETWORK_IPV6};
}

qc_netaddr qc_netaddr_of(qc_network net, const uint8_t *bytes)
{
    qc_netaddr a = {.net = (uint8_t)net};
    memcpy(a.b, bytes, qc_network_len(net));
    return a;
}

qc_netaddr qc_netaddr_of_v1(const uint8_t b[static 16])
{
    if (memcmp(b, MAPPED, sizeof MAPPED) == 0)
        return qc_netaddr_of(QC_NETWORK_IPV4, b + sizeof MAPPED);
    if (memcmp(b, TOR_V2, sizeof TOR_V2) == 0)
        return qc_netaddr_none();
    if (memcmp(b, INTERNAL, sizeof INTERNAL) == 0)
        return qc_netaddr_of(QC_NETWORK_INTERNAL, b + sizeof INTERNAL);
    return qc_netaddr_of(QC_NETWORK_IPV6, b);
}

qc_netaddr qc_netaddr_internal(const char *name)
{
    uint8_t h[QC_SHA256_LEN];
    qc_sha256(qc_span_str(name), h);
    return qc_netaddr_of(QC_NETWORK_INTERNAL, h);
}

qc_netaddr qc_netaddr_flip_cjdns(const qc_netaddr *a, bool cjdns_reachable)
{
    qc_netaddr out = *a;
    if (cjdns_reachable && a->net == QC_NETWORK_IPV6 && a->b[0] == CJDNS_FIRST)
        out.net = QC_NETWORK_CJDNS;
    return out;
}

int qc_netaddr_cmp(const qc_netaddr *a, const qc_netaddr *b)
{
    if (a->net != b->net)
        return a->net < b->net ? -1 : 1;
    return memcmp(a->b, b->b, sizeof a->b);
}

/* ---- ranges ---- */

static const struct {
    uint8_t range, net, bits, prefix[16];
} RANGE[] = {
    {QC_RANGE_RFC1918, QC_NETWORK_IPV4, 8, {10}},
    {QC_RANGE_RFC1918, QC_NETWORK_IPV4, 16, {192, 168}},
    {QC_RANGE_RFC1918, QC_NETWORK_IPV4, 12, {172, 16}},
    {QC_RANGE_RFC2544, QC_NETWORK_IPV4, 15, {198, 18}},
    {QC_RANGE_RFC3927, QC_NETWORK_IPV4, 16, {169, 254}},
    {QC_RANGE_RFC6598, QC_NETWORK_IPV4, 10, {100, 64}},
    {QC_RANGE_RFC5737, QC_NETWORK_IPV4, 24, {192, 0, 2}},
    {QC_RANGE_RFC5737, QC_NETWORK_IPV4, 24, {198, 51, 100}},
    {QC_RANGE_RFC5737, QC_NETWORK_IPV4, 24, {203, 0, 113}},
    {QC_RANGE_RFC3849, QC_NETWORK_IPV6, 32, {0x20, 0x01, 0x0d, 0xb8}},
    {QC_RANGE_RFC3964, QC_NETWORK_IPV6, 16, {0x20, 0x02}},
    {QC_RANGE_RFC6052, QC_NETWORK_IPV6, 96, {0x00, 0x64, 0xff, 0x9b}},
    {QC_RANGE_RFC4380, QC_NETWORK_IPV6, 32, {0x20, 0x01, 0x00, 0x00}},
    {QC_RANGE_RFC4862, QC_NETWORK_IPV6, 64, {0xfe, 0x80}},
    {QC_RANGE_RFC4193, QC_NETWORK_IPV6, 7, {0xfc}},
    {QC_RANGE_RFC6145, QC_NETWORK_IPV6, 96, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}},
    {QC_RANGE_RFC4843, QC_NETWORK_IPV6, 28, {0x20, 0x01, 0x00, 0x10}},
    {QC_RANGE_RFC7343, QC_NETWORK_IPV6, 28, {0x20, 0x01, 0x00, 0x20}},
    {QC_RANGE_HENET, QC_NETWORK_IPV6, 32, {0x20, 0x01, 0x04, 0x70}},
    {QC_RANGE_LOCAL, QC_NETWORK_IPV4, 8, {127}},
    {QC_RANGE_LOCAL, QC_NETWORK_IPV4, 8, {0}},
    {QC_RANGE_LOCAL, QC_NETWORK_IPV6, 128, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
};

static bool has_prefix(const uint8_t *a, const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, prefix, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

bool qc_netaddr_in(const qc_netaddr *a, qc_netaddr_range range)
{
    for (size_t i = 0; i < QC_COUNTOF(RANGE); i++)
        if (RANGE[i].range == range && RANGE[i].net == a->net &&
            has_prefix(a->b, RANGE[i].prefix, RANGE[i].bits))
            return true;
    return false;
}

static bool all_are(const qc_netaddr *a, uint8_t value)
{
    size_t n = qc_network_len(a->net), i = 0;
    while (i < n && a->b[i] == value)
        i++;
    return i == n;
}

bool qc_netaddr_is_valid(const qc_netaddr *a)
{
    switch ((qc_network)a->net) {
    case QC_NETWORK_IPV4:
        return !all_are(a, 0) && !all_are(a, 0xff);
    case QC_NETWORK_IPV6:
        return !all_are(a, 0) && !qc_netaddr_in(a, QC_RANGE_RFC3849);
    case QC_NETWORK_CJDNS:
        return a->b[0] == CJDNS_FIRST;
    case QC_NETWORK_ONION:
    case QC_NETWORK_I2P:
        return true;
    case QC_NETWORK_UNROUTABLE:
    case QC_NETWORK_INTERNAL:
    case QC_NETWORK_COUNT:
        break;
    }
    return false;
}

bool qc_netaddr_is_routable(const qc_netaddr *a)
{
    static const qc_netaddr_range INSIDE[] = {
        QC_RANGE_RFC1918, QC_RANGE_RFC2544, QC_RANGE_RFC3927, QC_RANGE_RFC4862, QC_RANGE_RFC6598,
        QC_RANGE_RFC5737, QC_RANGE_RFC4193, QC_RANGE_RFC4843, QC_RANGE_RFC7343, QC_RANGE_LOCAL};
    if (!qc_netaddr_is_valid(a))
        return false;
    for (size_t i = 0; i < QC_COUNTOF(INSIDE); i++)
        if (qc_netaddr_in(a, INSIDE[i]))
            return false;
    return true;
}

bool qc_netaddr_is_any(const qc_netaddr *a)
{
    return (a->net == QC_NETWORK_IPV4 || a->net == QC_NETWORK_IPV6) && all_are(a, 0);
}

qc_network qc_netaddr_network(const qc_netaddr *a)
{
    if (a->net == QC_NETWORK_INTERNAL || qc_netaddr_is_routable(a))
        return a->net;
    return QC_NETWORK_UNROUTABLE;
}

bool qc_netaddr_linked_ipv4(const qc_netaddr *a, uint8_t out[static 4])
{
    if (!qc_netaddr_is_routable(a))
        return false;
    if (a->net == QC_NETWORK_IPV4) {
        memcpy(out, a->b, 4);
    } else if (qc_netaddr_in(a, QC_RANGE_RFC6145) || qc_netaddr_in(a, QC_RANGE_RFC6052)) {
        memcpy(out, a->b + 12, 4);
    } else if (qc_netaddr_in(a, QC_RANGE_RFC3964)) {
        memcpy(out, a->b + 2, 4);
    } else if (qc_netaddr_in(a, QC_RANGE_RFC4380)) {
        for (int i = 0; i < 4; i++) /* Teredo hides it from translators: all bits are flipped */
            out[i] = (uint8_t)~a->b[12 + i];
    } else {
        return false;
    }
    return true;
}

qc_network qc_netaddr_class(const qc_netaddr *a)
{
    uint8_t ignored[4];
    if (qc_netaddr_linked_ipv4(a, ignored))
        return QC_NETWORK_IPV4;
    return qc_netaddr_network(a);
}

size_t qc_netaddr_key(const qc_netaddr *a, uint8_t out[static QC_NETADDR_MAX])
{
    size_t len = qc_network_len(a->net);
    if (a->net == QC_NETWORK_IPV4) {
        memcpy(out, MAPPED, sizeof MAPPED);
        memcpy(out + sizeof MAPPED, a->b, len);
        return 16;
    }
    if (a->net == QC_NETWORK_INTERNAL) {
        memcpy(out, INTERNAL, sizeof INTERNAL);
        memcpy(out + sizeof INTERNAL, a->b, len);
        return 16;
    }
    memcpy(out, a->b, len);
    return len;
}
