#include "core/net/peeraddr.h"

#include "core/base/endian.h"
#include "core/base/hostport.h"

#include <stdarg.h>
#include <stdio.h>

#define V2_MAX 512u /* bytes of an address of an unknown network (BIP155) */

/* On disk each address starts with a number whose high bits say how it is encoded; the low ones
 * were a client version once and are ignored (Core protocol.h). */
#define DISK_INIT 220000u
#define DISK_IGNORED 0x0007ffffu
#define DISK_V2 (1u << 29)

/* BIP155 numbers: 3 was Tor version 2. */
static const uint8_t BIP155[QC_NETWORK_COUNT] = {
    [QC_NETWORK_IPV4] = 1, [QC_NETWORK_IPV6] = 2,  [QC_NETWORK_ONION] = 4,
    [QC_NETWORK_I2P] = 5,  [QC_NETWORK_CJDNS] = 6, [QC_NETWORK_INTERNAL] = 2};
static const char *const BIP155_NAME[QC_NETWORK_COUNT] = {"",    "IPv4",  "IPv6", "TORv3",
                                                          "I2P", "CJDNS", ""};

void qc_peer_addr_text(const qc_peer_addr *a, char out[static QC_PEER_ADDR_TEXT])
{
    char host[QC_NETADDR_TEXT];
    bool colons = a->addr.net == QC_NETWORK_IPV6 || a->addr.net == QC_NETWORK_CJDNS;
    qc_netaddr_text(&a->addr, host);
    snprintf(out, QC_PEER_ADDR_TEXT, colons ? "[%s]:%u" : "%s:%u", host, a->port);
}

bool qc_peer_addr_parse(const char *text, uint16_t port, qc_peer_addr *out)
{
    char host[256];
    qc_peer_addr a = {.port = port};
    if (qc_split_host_port(text, host, sizeof host, &a.port) || qc_netaddr_parse(host, &a.addr))
        return false;
    *out = a;
    return true;
}

size_t qc_peer_addr_key(const qc_peer_addr *a, uint8_t out[static QC_PEER_ADDR_KEY])
{
    size_t len = qc_netaddr_key(&a->addr, out);
    qc_write_be16(out + len, a->port);
    return len + 2;
}

/* ---- reading ---- */

static bool QC_PRINTF(2, 3) bad(qc_addr_fault *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof why->text, fmt, ap);
    va_end(ap);
    return false;
}

static bool read_v1(qc_reader *r, qc_netaddr *out, qc_addr_fault *why)
{
    qc_span s = qc_r_span(r, 16);
    if (r->fail)
        return bad(why, "%s", qc_wire_text(r->fail));
    *out = qc_netaddr_of_v1(s.data);
    return true;
}

static qc_network network_of(uint8_t bip155)
{
    for (qc_network n = QC_NETWORK_IPV4; n < QC_NETWORK_INTERNAL; n++)
        if (BIP155[n] == bip155)
            return n;
    return QC_NETWORK_UNROUTABLE;
}

static bool read_v2(qc_reader *r, qc_netaddr *out, qc_addr_fault *why)
{
    uint8_t id = qc_r_u8(r);
    uint64_t len = qc_r_compact(r);
    if (r->fail)
        return bad(why, "%s", qc_wire_text(r->fail));
    if (len > V2_MAX)
        return bad(why, "Address too long: %llu > %u", (unsigned long long)len, V2_MAX);
    qc_network net = network_of(id);
    if (net && len != qc_network_len(net))
        return bad(why, "BIP155 %s address with length %llu (should be %zu)", BIP155_NAME[net],
                   (unsigned long long)len, qc_network_len(net));
    qc_span s = qc_r_span(r, (size_t)len);
    if (r->fail)
        return bad(why, "%s", qc_wire_text(r->fail));
    if (net == QC_NETWORK_UNROUTABLE) {
        *out = qc_netaddr_none();
    } else if (net == QC_NETWORK_IPV6) {
        /* Other networks have numbers of their own here. Only internal addresses, which are never
         * sent, still hide in IPv6, in peers.dat. */
        qc_netaddr a = qc_netaddr_of_v1(s.data);
        *out = a.net == QC_NETWORK_IPV4 ? qc_netaddr_none() : a;
    } else {
        *out = qc_netaddr_of(net, s.data);
    }
    return true;
}

bool qc_netaddr_read(qc_reader *r, bool v2, qc_netaddr *out, qc_addr_fault *why)
{
    return v2 ? read_v2(r, out, why) : read_v1(r, out, why);
}

/* Which encoding follows? */
static bool read_format(qc_reader *r, qc_addr_format f, bool *v2, qc_addr_fault *why)
{
    *v2 = f == QC_ADDR_V2;
    if (f == QC_ADDR_V1 || f == QC_ADDR_V2)
        return true;
    uint32_t stored = qc_r_le32(r) & ~DISK_IGNORED;
    if (r->fail)
        return bad(why, "%s", qc_wire_text(r->fail));
    *v2 = stored == DISK_V2 && f == QC_ADDR_DISK_V2;
    if (stored != 0 && !*v2)
        return bad(why, "Unsupported CAddress disk format version");
    return true;
}

bool qc_peer_addr_read(qc_reader *r, qc_addr_format f, qc_peer_addr *out, qc_addr_fault *why)
{
    qc_peer_addr a;
    bool v2;
    if (!read_format(r, f, &v2, why))
        return false;
    a.time = qc_r_le32(r);
    a.services = v2 ? qc_r_compact_any(r) : qc_r_le64(r);
    if (r->fail)
        return bad(why, "%s", qc_wire_text(r->fail));
    if (!qc_netaddr_read(r, v2, &a.addr, why))
        return false;
    qc_span port = qc_r_span(r, 2);
    if (r->fail)
        return bad(why, "%s", qc_wire_text(r->fail));
    a.port = qc_read_be16(port.data);
    *out = a;
    return true;
}

/* ---- writing ---- */

qc_err qc_netaddr_write(qc_bytes *b, bool v2, const qc_netaddr *a)
{
    uint8_t key[QC_NETADDR_MAX] = {0};
    bool hidden = !v2 || a->net == QC_NETWORK_INTERNAL;
    size_t len = qc_network_len(a->net);
    const uint8_t *bytes = a->b;
    qc_err err;
    if (hidden) {
        if (qc_netaddr_key(a, key) > 16) /* version 1 has no form for it */
            memset(key, 0, sizeof key);
        bytes = key;
        len = 16;
    }
    if (v2 && ((err = qc_w_u8(b, BIP155[a->net])) || (err = qc_w_compact(b, len))))
        return err;
    return qc_bytes_append(b, bytes, len);
}

qc_err qc_peer_addr_write(qc_bytes *b, qc_addr_format f, const qc_peer_addr *a)
{
    bool v2 = f == QC_ADDR_V2 || f == QC_ADDR_DISK_V2;
    uint8_t port[2];
    qc_err err;
    if (f == QC_ADDR_DISK_V1 || f == QC_ADDR_DISK_V2)
        if ((err = qc_w_le32(b, DISK_INIT | (v2 ? DISK_V2 : 0))))
            return err;
    if ((err = qc_w_le32(b, (uint32_t)a->time)))
        return err;
    if ((err = v2 ? qc_w_compact(b, a->services) : qc_w_le64(b, a->services)))
        return err;
    if ((err = qc_netaddr_write(b, v2, &a->addr)))
        return err;
    qc_write_be16(port, a->port);
    return qc_bytes_append(b, port, sizeof port);
}

/* ---- messages ---- */

qc_addr_message_end qc_addr_message_read(qc_span payload, bool v2, qc_peer_addr *out, size_t *n,
                                         qc_addr_fault *why)
{
    qc_reader r = qc_reader_of(payload);
    uint64_t count = qc_r_compact(&r);
    if (r.fail) {
        bad(why, "%s", qc_wire_text(r.fail));
        return QC_ADDR_MESSAGE_BAD;
    }
    if (count > QC_ADDR_MESSAGE_MAX) {
        bad(why, "%s message size = %llu", v2 ? "addrv2" : "addr", (unsigned long long)count);
        return QC_ADDR_MESSAGE_TOO_MANY;
    }
    for (size_t i = 0; i < count; i++)
        if (!qc_peer_addr_read(&r, v2 ? QC_ADDR_V2 : QC_ADDR_V1, &out[i], why))
            return QC_ADDR_MESSAGE_BAD;
    *n = (size_t)count;
    return QC_ADDR_MESSAGE_OK;
}

qc_err qc_addr_message_write(qc_bytes *b, bool v2, const qc_peer_addr *a, size_t n)
{
    qc_err err = qc_w_compact(b, n);
    for (size_t i = 0; !err && i < n; i++)
        err = qc_peer_addr_write(b, v2 ? QC_ADDR_V2 : QC_ADDR_V1, &a[i]);
    return err;
}
