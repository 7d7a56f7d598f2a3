/* core/net/peeraddr.h: where a peer is, and its forms on the wire and on disk: BIP155 (version 2)
 * and the one before it. Facts: BIP155, Core protocol.h and netaddress.h. Pure. Thread: any. */
#pragma once
#include "core/base/clock.h"
#include "core/btc/wire.h"
#include "core/net/netaddr.h"

#define QC_PEER_ADDR_TEXT (QC_NETADDR_TEXT + 8u)
#define QC_PEER_ADDR_KEY (QC_NETADDR_MAX + 2u)
#define QC_ADDR_MESSAGE_MAX 1000u   /* addresses in one message */
#define QC_PEER_TIME_INIT 100000000 /* when nothing is known of its time */

typedef struct qc_peer_addr {
    qc_netaddr addr;
    uint16_t port;
    uint64_t services;
    qc_unixtime time; /* last heard of; 32 bits of it travel */
} qc_peer_addr;

typedef enum qc_addr_format {
    QC_ADDR_V1,      /* "addr" */
    QC_ADDR_V2,      /* "addrv2" */
    QC_ADDR_DISK_V1, /* files before BIP155 */
    QC_ADDR_DISK_V2  /* each address says itself which of the two it is in */
} qc_addr_format;

/** Why bytes are no address, in Core's words. */
typedef struct qc_addr_fault {
    char text[80];
} qc_addr_fault;

/** The same host and port? */
static inline bool qc_peer_addr_same(const qc_peer_addr *a, const qc_peer_addr *b)
{
    return a->port == b->port && qc_netaddr_eq(&a->addr, &b->addr);
}
/** "1.2.3.4:8333", "[::1]:8333". */
void qc_peer_addr_text(const qc_peer_addr *a, char out[static QC_PEER_ADDR_TEXT]);
/** The text above, or without a port, which then is `port`. The name of a host is none.
 *  False: no address. */
bool qc_peer_addr_parse(const char *text, uint16_t port, qc_peer_addr *out);
/** Address and port as bytes. Returns their number. */
size_t qc_peer_addr_key(const qc_peer_addr *a, uint8_t out[static QC_PEER_ADDR_KEY]);

/** A bare address. What is unknown or must not stand there becomes qc_netaddr_none(), and reading
 *  goes on after it. False: *why says it, *out is untouched, and r has failed if bytes ran out. */
bool qc_netaddr_read(qc_reader *r, bool v2, qc_netaddr *out, qc_addr_fault *why);
bool qc_peer_addr_read(qc_reader *r, qc_addr_format f, qc_peer_addr *out, qc_addr_fault *why);
QC_MUST_CHECK qc_err qc_netaddr_write(qc_bytes *b, bool v2, const qc_netaddr *a);
QC_MUST_CHECK qc_err qc_peer_addr_write(qc_bytes *b, qc_addr_format f, const qc_peer_addr *a);

typedef enum qc_addr_message_end {
    QC_ADDR_MESSAGE_OK,
    QC_ADDR_MESSAGE_BAD,      /* does not decode: see why */
    QC_ADDR_MESSAGE_TOO_MANY, /* more than QC_ADDR_MESSAGE_MAX: the sender misbehaves */
} qc_addr_message_end;
/** Payload of "addr" or "addrv2". Bytes after it are not looked at, as in Core.
 *  Out: *n addresses in `out`, which has room for QC_ADDR_MESSAGE_MAX; spoiled on failure. */
qc_addr_message_end qc_addr_message_read(qc_span payload, bool v2, qc_peer_addr *out, size_t *n,
                                         qc_addr_fault *why);
/** Append such a payload. Addresses that version 1 cannot say must not be among them. */
QC_MUST_CHECK qc_err qc_addr_message_write(qc_bytes *b, bool v2, const qc_peer_addr *a, size_t n);
