#include "core/net/message.h"

#include "core/base/endian.h"
#include "core/btc/wire.h"
#include "core/crypto/sha256.h"

#define ADDRESS_LEN 26 /* services, address, port */
#define USER_AGENT_MAX 256

/* By their ids: 1 to 28 are BIP324's, 37 is BIP434's. */
static const char *const BY_ID[] = {
    NULL,           "addr",        "block",        "blocktxn",  "cmpctblock",  "feefilter",
    "filteradd",    "filterclear", "filterload",   "getblocks", "getblocktxn", "getdata",
    "getheaders",   "headers",     "inv",          "mempool",   "merkleblock", "notfound",
    "ping",         "pong",        "sendcmpct",    "tx",        "getcfilters", "cfilter",
    "getcfheaders", "cfheaders",   "getcfcheckpt", "cfcheckpt", "addrv2",      [37] = "feature",
};
static const char *const WITHOUT_ID[] = {"version",    "verack",     "getaddr",    "sendheaders",
                                         "wtxidrelay", "sendaddrv2", "sendtxrcncl"};

const char *qc_message_of_id(uint8_t id)
{
    return id < QC_COUNTOF(BY_ID) ? BY_ID[id] : NULL;
}

uint8_t qc_message_id(const char *name)
{
    for (uint8_t id = 1; id < QC_COUNTOF(BY_ID); id++)
        if (BY_ID[id] && strcmp(BY_ID[id], name) == 0)
            return id;
    return 0;
}

bool qc_message_known(const char *name)
{
    for (size_t i = 0; i < QC_COUNTOF(WITHOUT_ID); i++)
        if (strcmp(WITHOUT_ID[i], name) == 0)
            return true;
    return qc_message_id(name) != 0;
}

bool qc_message_name(const uint8_t in[static QC_MSG_NAME], char out[static QC_MSG_NAME + 1])
{
    bool ended = false, good = true;
    size_t n = 0;
    for (int i = 0; i < QC_MSG_NAME; i++) {
        bool printable = in[i] >= ' ' && in[i] <= '~';
        if (in[i] == 0)
            ended = true;
        else if (ended || !printable)
            good = false;
        else
            out[n++] = (char)in[i];
    }
    memset(out + n, 0, QC_MSG_NAME + 1 - n);
    return good;
}

void qc_message_printable(qc_span in, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len && n + 1 < cap; i++) {
        uint8_t c = in.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || (c && strchr(" .,;-_/:?@()", c)))
            out[n++] = (char)c;
    }
    out[n] = 0;
}

static uint32_t checksum(qc_span payload)
{
    uint8_t hash[32];
    qc_sha256d(payload, hash);
    return qc_read_le32(hash);
}

qc_msg_fail qc_message_read(qc_span in, const uint8_t magic[static 4], qc_message *m)
{
    if (in.len >= 4 && memcmp(in.data, magic, 4) != 0)
        return QC_MSG_MAGIC;
    if (in.len < QC_MSG_HEADER)
        return QC_MSG_MORE;
    uint32_t len = qc_read_le32(in.data + 16);
    if (len <= QC_MSG_MAX && in.len - QC_MSG_HEADER < len)
        return QC_MSG_MORE;
    bool named = qc_message_name(in.data + 4, m->name);
    m->total = QC_MSG_HEADER + (size_t)len;
    if (len > QC_MSG_MAX) {
        m->payload = qc_span_of(NULL, 0);
        return QC_MSG_TOO_LARGE;
    }
    m->payload = qc_span_of(in.data + QC_MSG_HEADER, len);
    if (checksum(m->payload) != qc_read_le32(in.data + 20))
        return QC_MSG_CHECKSUM;
    return named ? QC_MSG_OK : QC_MSG_NAME_BAD;
}

qc_err qc_message_write(qc_bytes *out, const uint8_t magic[static 4], const char *name,
                        qc_span payload)
{
    uint8_t head[QC_MSG_HEADER] = {0};
    size_t n = strlen(name);
    QC_ASSERT(n <= QC_MSG_NAME && payload.len <= QC_MSG_SEND_MAX);
    memcpy(head, magic, 4);
    memcpy(head + 4, name, n);
    qc_write_le32(head + 16, (uint32_t)payload.len);
    qc_write_le32(head + 20, checksum(payload));
    qc_err err = qc_bytes_reserve(out, sizeof head + payload.len);
    if (!err)
        err = qc_bytes_append(out, head, sizeof head);
    return err ? err : qc_bytes_append(out, payload.data, payload.len);
}

bool qc_version_read(qc_span payload, qc_version *out)
{
    qc_reader r = qc_reader_of(payload);
    *out = (qc_version){.version = (int32_t)qc_r_le32(&r), .relay = true};
    out->services = qc_r_le64(&r);
    out->time = (int64_t)qc_r_le64(&r);
    qc_r_le64(&r); /* services that the sender thinks we have */
    qc_span you = qc_r_span(&r, 16), port = qc_r_span(&r, 2);
    if (!r.fail) {
        out->you = qc_netaddr_of_v1(you.data);
        out->your_port = qc_read_be16(port.data);
    }
    if (qc_reader_left(&r)) { /* old peers end here */
        qc_r_span(&r, ADDRESS_LEN);
        out->nonce = qc_r_le64(&r);
    }
    qc_span agent = qc_reader_left(&r) ? qc_r_var(&r) : qc_span_of("", 0);
    if (qc_reader_left(&r))
        out->start_height = (int32_t)qc_r_le32(&r);
    if (qc_reader_left(&r))
        out->relay = qc_r_u8(&r) != 0;
    if (r.fail || agent.len > USER_AGENT_MAX)
        return false;
    qc_message_printable(agent, out->user_agent, sizeof out->user_agent);
    return true;
}

/* Services, and an address in the old form; all zeros where it has none. */
static qc_err put_address(qc_bytes *b, uint64_t services, const qc_netaddr *a, uint16_t port)
{
    uint8_t raw[QC_NETADDR_MAX + 2] = {0};
    size_t len = a ? qc_netaddr_key(a, raw) : 0;
    if (len == 16)
        qc_write_be16(raw + 16, port);
    else
        memset(raw, 0, sizeof raw);
    qc_err err = qc_w_le64(b, services);
    return err ? err : qc_bytes_append(b, raw, ADDRESS_LEN - 8);
}

qc_err qc_version_write(qc_bytes *out, const qc_version *v)
{
    qc_err err = qc_w_le32(out, (uint32_t)v->version);
    if (!err)
        err = qc_w_le64(out, v->services);
    if (!err)
        err = qc_w_le64(out, (uint64_t)v->time);
    if (!err)
        err = put_address(out, 0, v->your_port ? &v->you : NULL, v->your_port);
    if (!err)
        err = put_address(out, v->services, NULL, 0);
    if (!err)
        err = qc_w_le64(out, v->nonce);
    if (!err)
        err = qc_w_var(out, qc_span_str(v->user_agent));
    if (!err)
        err = qc_w_le32(out, (uint32_t)v->start_height);
    return err ? err : qc_w_u8(out, v->relay);
}
