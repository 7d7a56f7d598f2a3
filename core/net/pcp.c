#include "core/net/pcp.h"

#include "core/base/endian.h"

#define RESPONSE 0x80u
#define TCP 6u

/* PCP */
#define PCP_VERSION 2u
#define OP_MAP 1u
#define HEAD 24u
#define AT_LIFETIME 4u
#define AT_CLIENT 8u
#define AT_RESULT 3u
#define AT_NONCE (HEAD + 0u)
#define AT_PROTOCOL (HEAD + 12u)
#define AT_INTERNAL (HEAD + 16u)
#define AT_PORT (HEAD + 18u)
#define AT_ADDRESS (HEAD + 20u)
#define NO_RESOURCES 8u

/* NAT-PMP */
#define NATPMP_HEAD 8u
#define NATPMP_ADDRESS 12u
#define NATPMP_MAP 16u
#define OP_ADDRESS 0u
#define OP_TCP 2u
#define NATPMP_NO_RESOURCES 4u

/* both */
#define UNSUPPORTED_VERSION 1u
#define NOT_AUTHORIZED 2u

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

static void wrap(const qc_netaddr *a, uint8_t out[static 16])
{
    if (a->net == QC_NETWORK_IPV4) {
        memcpy(out, MAPPED, sizeof MAPPED);
        memcpy(out + sizeof MAPPED, a->b, 4);
    } else {
        memcpy(out, a->b, 16);
    }
}

void qc_pcp_write(const qc_pcp_ask *a, uint8_t out[static QC_PCP_REQUEST])
{
    memset(out, 0, QC_PCP_REQUEST);
    out[0] = PCP_VERSION;
    out[1] = OP_MAP;
    qc_write_be32(out + AT_LIFETIME, a->lifetime);
    wrap(&a->internal, out + AT_CLIENT);
    memcpy(out + AT_NONCE, a->nonce, QC_PCP_NONCE);
    out[AT_PROTOCOL] = TCP;
    qc_write_be16(out + AT_INTERNAL, a->port);
    qc_write_be16(out + AT_PORT, a->port);
    wrap(&a->wanted, out + AT_ADDRESS);
}

static qc_pcp_end judge(unsigned code, unsigned no_resources)
{
    return code == 0                ? QC_PCP_OK
           : code == NOT_AUTHORIZED ? QC_PCP_DENIED
           : code == no_resources   ? QC_PCP_NO_RESOURCES
                                    : QC_PCP_REFUSED;
}

qc_pcp_end qc_pcp_read(qc_span p, const qc_pcp_ask *a, qc_pcp_answer *out)
{
    const uint8_t *b = p.data;
    /* RFC 6886 3.5: how a router that knows the older protocol only answers. */
    if (p.len == NATPMP_HEAD && b[0] == 0 && b[3] == UNSUPPORTED_VERSION)
        return QC_PCP_VERSION;
    if (p.len < QC_PCP_REQUEST || b[0] != PCP_VERSION || b[1] != (RESPONSE | OP_MAP) ||
        memcmp(b + AT_NONCE, a->nonce, QC_PCP_NONCE) != 0 || b[AT_PROTOCOL] != TCP ||
        qc_read_be16(b + AT_INTERNAL) != a->port)
        return QC_PCP_OTHER;
    out->code = b[AT_RESULT];
    out->lifetime = qc_read_be32(b + AT_LIFETIME);
    out->external =
        (qc_peer_addr){.addr = qc_netaddr_of_v1(b + AT_ADDRESS), .port = qc_read_be16(b + AT_PORT)};
    return judge(out->code, NO_RESOURCES);
}

size_t qc_natpmp_write_address(uint8_t out[static QC_NATPMP_REQUEST])
{
    out[0] = 0;
    out[1] = OP_ADDRESS;
    return 2;
}

/* Is it the answer to this operation? */
static bool answers(qc_span p, unsigned op, size_t len)
{
    return p.len >= len && p.data[0] == 0 && p.data[1] == (RESPONSE | op);
}

qc_pcp_end qc_natpmp_read_address(qc_span p, qc_pcp_answer *out)
{
    if (!answers(p, OP_ADDRESS, NATPMP_ADDRESS))
        return QC_PCP_OTHER;
    out->code = qc_read_be16(p.data + 2);
    out->external.addr = qc_netaddr_of(QC_NETWORK_IPV4, p.data + 8);
    return judge(out->code, NATPMP_NO_RESOURCES);
}

size_t qc_natpmp_write(const qc_pcp_ask *a, uint8_t out[static QC_NATPMP_REQUEST])
{
    memset(out, 0, QC_NATPMP_REQUEST);
    out[1] = OP_TCP;
    qc_write_be16(out + 4, a->port);
    qc_write_be16(out + 6, a->port);
    qc_write_be32(out + 8, a->lifetime);
    return QC_NATPMP_REQUEST;
}

qc_pcp_end qc_natpmp_read(qc_span p, const qc_pcp_ask *a, qc_pcp_answer *out)
{
    if (!answers(p, OP_TCP, NATPMP_MAP) || qc_read_be16(p.data + 8) != a->port)
        return QC_PCP_OTHER;
    out->code = qc_read_be16(p.data + 2);
    out->external.port = qc_read_be16(p.data + 10);
    out->lifetime = qc_read_be32(p.data + 12);
    return judge(out->code, NATPMP_NO_RESOURCES);
}

const char *qc_pcp_code_text(unsigned code, bool natpmp)
{
    static const char *const NATPMP[] = {"SUCCESS",         "UNSUPP_VERSION", "NOT_AUTHORIZED",
                                         "NETWORK_FAILURE", "NO_RESOURCES",   "UNSUPP_OPCODE"};
    static const char *const PCP[] = {
        "SUCCESS",          "UNSUPP_VERSION",       "NOT_AUTHORIZED",   "MALFORMED_REQUEST",
        "UNSUPP_OPCODE",    "UNSUPP_OPTION",        "MALFORMED_OPTION", "NETWORK_FAILURE",
        "NO_RESOURCES",     "UNSUPP_PROTOCOL",      "USER_EX_QUOTA",    "CANNOT_PROVIDE_EXTERNAL",
        "ADDRESS_MISMATCH", "EXCESSIVE_REMOTE_PEER"};
    if (natpmp)
        return code < QC_COUNTOF(NATPMP) ? NATPMP[code] : "unknown";
    return code < QC_COUNTOF(PCP) ? PCP[code] : "unknown";
}
