/* core/net/netaddr.h: network addresses of every kind that peers have: classes, ranges, text.
 * Facts: BIP155, Core netaddress.cpp and netbase.cpp. Pure. Thread: any. */
#pragma once
#include "core/base/err.h"

/** Values are Core's (enum Network): groups and network counts depend on them. */
typedef enum qc_network {
    QC_NETWORK_UNROUTABLE, /* a class only: no address has it as its kind */
    QC_NETWORK_IPV4,
    QC_NETWORK_IPV6,
    QC_NETWORK_ONION, /* Tor version 3 */
    QC_NETWORK_I2P,
    QC_NETWORK_CJDNS,
    QC_NETWORK_INTERNAL, /* the hash of a name: a DNS seed as the source of addresses */
    QC_NETWORK_COUNT
} qc_network;

#define QC_NETADDR_MAX 32u  /* bytes of the longest address */
#define QC_NETADDR_TEXT 72u /* room for any text form, with its NUL */

typedef struct qc_netaddr {
    uint8_t b[QC_NETADDR_MAX]; /* network order; the first qc_netaddr_len() count, the rest is 0 */
    uint8_t net;               /* qc_network */
    uint32_t scope;            /* of a link-local IPv6 address; takes no part in comparisons */
} qc_netaddr;

/** Bytes of an address of this kind. */
size_t qc_network_len(qc_network net);
/** "ipv4" "ipv6" "onion" "i2p" "cjdns" "internal" "not_publicly_routable". */
const char *qc_network_name(qc_network net);
/** The five that an operator may name, in any case; QC_NETWORK_UNROUTABLE for other text. */
qc_network qc_network_parse(const char *name);

/** The address that stands for none: "::". Not valid. */
qc_netaddr qc_netaddr_none(void);
/** An address of the kind given, of qc_network_len() bytes. */
qc_netaddr qc_netaddr_of(qc_network net, const uint8_t *bytes);
/** What 16 bytes mean in the old encoding, where other kinds hide in IPv6: mapped IPv4 and internal
 *  addresses are unwrapped, Tor version 2 is the address for none. */
qc_netaddr qc_netaddr_of_v1(const uint8_t bytes[static 16]);
/** The internal address for a name. */
qc_netaddr qc_netaddr_internal(const char *name);
/** An IPv6 address in fc00::/8 is of CJDNS when this node reaches CJDNS. */
qc_netaddr qc_netaddr_flip_cjdns(const qc_netaddr *a, bool cjdns_reachable);

/** <0, 0, >0 in Core's order: by kind, then by bytes. */
int qc_netaddr_cmp(const qc_netaddr *a, const qc_netaddr *b);
static inline bool qc_netaddr_eq(const qc_netaddr *a, const qc_netaddr *b)
{
    return qc_netaddr_cmp(a, b) == 0;
}

/** Reserved ranges by the document that reserves them. */
typedef enum qc_netaddr_range {
    QC_RANGE_RFC1918, /* private IPv4 */
    QC_RANGE_RFC2544, /* benchmarks */
    QC_RANGE_RFC3927, /* IPv4 link-local */
    QC_RANGE_RFC6598, /* carrier NAT */
    QC_RANGE_RFC5737, /* IPv4 documentation */
    QC_RANGE_RFC3849, /* IPv6 documentation */
    QC_RANGE_RFC3964, /* 6to4 */
    QC_RANGE_RFC6052, /* NAT64 */
    QC_RANGE_RFC4380, /* Teredo */
    QC_RANGE_RFC4862, /* IPv6 link-local */
    QC_RANGE_RFC4193, /* unique local IPv6 */
    QC_RANGE_RFC6145, /* translated IPv4 */
    QC_RANGE_RFC4843, /* ORCHID */
    QC_RANGE_RFC7343, /* ORCHID version 2 */
    QC_RANGE_HENET,   /* Hurricane Electric's tunnels */
    QC_RANGE_LOCAL,   /* this host */
    QC_RANGE_COUNT
} qc_netaddr_range;
bool qc_netaddr_in(const qc_netaddr *a, qc_netaddr_range range);

/** It can name a host: not "none", broadcast, documentation, internal, or CJDNS outside fc00::/8.
 */
bool qc_netaddr_is_valid(const qc_netaddr *a);
/** Valid, and reachable from anywhere in its network. */
bool qc_netaddr_is_routable(const qc_netaddr *a);
/** 0.0.0.0 or "::". */
bool qc_netaddr_is_any(const qc_netaddr *a);
/** Its kind, or QC_NETWORK_UNROUTABLE: what the address manager counts by. */
qc_network qc_netaddr_network(const qc_netaddr *a);
/** The same with IPv6 addresses that lead to an IPv4 address taken for IPv4 (groups, RPC). */
qc_network qc_netaddr_class(const qc_netaddr *a);
/** The IPv4 address that a routable address is or tunnels to. False: none. */
bool qc_netaddr_linked_ipv4(const qc_netaddr *a, uint8_t out[static 4]);
/** The bytes that stand for it in keys and filters: 16 in the old encoding where that can hold it.
 *  Returns their number. */
size_t qc_netaddr_key(const qc_netaddr *a, uint8_t out[static QC_NETADDR_MAX]);

/** Text as Core prints it: RFC 5952 for IPv6, "...onion", "....b32.i2p". */
void qc_netaddr_text(const qc_netaddr *a, char out[static QC_NETADDR_TEXT]);
/** A numeric address, bracketed or not, with a scope or not, or an onion or I2P name. Nothing is
 *  looked up. Returns: QC_OK; QC_EINVAL. */
QC_MUST_CHECK qc_err qc_netaddr_parse(const char *text, qc_netaddr *out);
