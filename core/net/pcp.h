/* core/net/pcp.h: the packets of PCP (RFC 6887) and NAT-PMP (RFC 6886), with which a router is
 * asked to forward a port. Pure. Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/net/peeraddr.h"

#define QC_PCP_PORT 5351u
#define QC_PCP_PACKET_MAX 1100u
#define QC_PCP_NONCE 12u
#define QC_PCP_REQUEST 60u    /* bytes of a request */
#define QC_NATPMP_REQUEST 12u /* the longer of two */

typedef enum qc_pcp_end {
    QC_PCP_OK,
    QC_PCP_OTHER,        /* not the answer to what was asked: wait on */
    QC_PCP_VERSION,      /* the router knows NAT-PMP only */
    QC_PCP_NO_RESOURCES, /* the port is somebody else's, or there are none left */
    QC_PCP_DENIED,       /* mapping ports is not allowed */
    QC_PCP_REFUSED       /* another result; `code` says which */
} qc_pcp_end;

/** What is asked for. */
typedef struct qc_pcp_ask {
    uint8_t nonce[QC_PCP_NONCE];
    qc_netaddr internal; /* our end toward the router: IPv4 or IPv6 */
    qc_netaddr wanted;   /* to be reached at; the address for any: the router's choice */
    uint16_t port;
    uint32_t lifetime; /* seconds */
} qc_pcp_ask;

typedef struct qc_pcp_answer {
    unsigned code;
    qc_peer_addr external; /* of NAT-PMP: its answers give address and port apart */
    uint32_t lifetime;
} qc_pcp_answer;

void qc_pcp_write(const qc_pcp_ask *a, uint8_t out[static QC_PCP_REQUEST]);
/** Out: *out with QC_PCP_OK; its code with a result too. */
qc_pcp_end qc_pcp_read(qc_span packet, const qc_pcp_ask *a, qc_pcp_answer *out);

/** The question for the external address. Returns its length. */
size_t qc_natpmp_write_address(uint8_t out[static QC_NATPMP_REQUEST]);
/** Out: out->external.addr. */
qc_pcp_end qc_natpmp_read_address(qc_span packet, qc_pcp_answer *out);
/** The request for the port. Returns its length. */
size_t qc_natpmp_write(const qc_pcp_ask *a, uint8_t out[static QC_NATPMP_REQUEST]);
/** Out: out->external.port and lifetime. */
qc_pcp_end qc_natpmp_read(qc_span packet, const qc_pcp_ask *a, qc_pcp_answer *out);

/** The result by its name: "NO_RESOURCES". */
const char *qc_pcp_code_text(unsigned code, bool natpmp);
