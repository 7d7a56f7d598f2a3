/* The handshake: version, what is agreed on between version and verack, verack. Until it is over
 * nothing else is heard or said (Core net_processing.cpp ProcessMessage). */
#include "core/base/arith.h"
#include "core/base/log.h"
#include "core/btc/cmpct.h"
#include "core/net/internal.h"

#include <stdarg.h>
#include <stdio.h>

#define MIN_PROTOCOL 31800             /* Core MIN_PEER_PROTO_VERSION */
#define WTXID_RELAY 70016              /* BIP339; BIP155 is offered from here on as well */
#define PRIVATE_AGENT "/pynode:0.0.1/" /* as everybody's who sends in private */
#define FIRST_FIELDS 46u /* bytes of a version message: version, services, time, our address */
#define FEATURES 70017   /* BIP434 */
#define FEATURE_ID_MIN 4u
#define FEATURE_ID_MAX 80u
#define FEATURE_DATA_MAX 512u

static int32_t common_version(const qc_peer *p)
{
    int32_t ours = p->info.type == QC_CONN_PRIVATE ? WTXID_RELAY : QC_NET_PROTOCOL;
    return QC_MIN(p->info.version, ours);
}

/* To be closed, with a line that says why. */
static void QC_PRINTF(2, 3) offend(qc_peer *p, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    qc_log(QC_LOG_DEBUG, "net", "%s, disconnecting peer=%lld", text, (long long)p->info.id);
    p->closing = true;
}

/* ---- version ---- */

/* Where the peer is, for our version message; nothing where that could not be of use. */
static void put_their_address(const qc_peer *p, qc_version *v)
{
    const qc_peer_addr *a = &p->info.where;
    if (!qc_netaddr_is_routable(&a->addr))
        return;
    v->you = a->addr;
    v->your_port = a->port;
}

/* Core RejectIncomingTxs, the other way round. */
static bool welcomes_txs(const qc_peer *p)
{
    return p->info.type != QC_CONN_BLOCK_ONLY && p->info.type != QC_CONN_FEELER &&
           (p->net->relay || (p->info.permissions & QC_PERMIT_RELAY));
}

static void introduce(const qc_peer *p, qc_version *v)
{
    v->version = QC_NET_PROTOCOL;
    v->time = qc_clock_now();
    v->relay = welcomes_txs(p);
    v->services = p->net->services | (p->info.permissions & QC_PERMIT_BLOOM ? QC_NODE_BLOOM : 0);
    put_their_address(p, v);
    v->start_height = (int32_t)QC_MIN(atomic_load(&p->net->height), (uint32_t)INT32_MAX);
    snprintf(v->user_agent, sizeof v->user_agent, "%s", p->net->user_agent);
}

/* Nothing that would tell this node from others. */
static void introduce_nobody(qc_version *v)
{
    v->version = WTXID_RELAY;
    snprintf(v->user_agent, sizeof v->user_agent, "%s", PRIVATE_AGENT);
}

void qc_handshake_begin(qc_peer *p)
{
    qc_bytes b = QC_BYTES_INIT;
    qc_version v = {.nonce = p->nonce};
    if (p->info.type == QC_CONN_PRIVATE)
        introduce_nobody(&v);
    else
        introduce(p, &v);
    if (qc_version_write(&b, &v))
        p->closing = true;
    else
        qc_peer_send(p, "version", qc_bytes_span(&b));
    qc_bytes_free(&b);
}

/* Did one of our own connections send it? Only those whose handshake is not over are asked, and
 * none that is private: who takes its number elsewhere must not find us by our hanging up. */
static bool is_ours(const qc_net *n, uint64_t nonce)
{
    for (const qc_peer *p = n->peers; p; p = p->next)
        if (!p->info.inbound && p->info.type != QC_CONN_PRIVATE && !p->info.handshaken &&
            p->nonce == nonce)
            return true;
    return false;
}

static bool is_useful(const qc_peer *p, uint64_t services)
{
    return (qc_net_desirable(p->net, services) & ~services) == 0;
}

static void take_version(qc_peer *p, const qc_version *v)
{
    qc_conn_type type = p->info.type;
    p->version_seen = true;
    p->info.version = v->version;
    p->info.services = v->services;
    p->info.start_height = v->start_height;
    p->info.relay = v->relay;
    p->info.told = v->you;
    p->info.told_port = v->your_port;
    p->info.time_offset = QC_MAX(v->time, 0) - qc_clock_now();
    memcpy(p->info.user_agent, v->user_agent, sizeof p->info.user_agent);
    p->wanted_services = is_useful(p, v->services);
    p->relays_txs = v->relay && type != QC_CONN_BLOCK_ONLY && type != QC_CONN_FEELER;
    qc_log(QC_LOG_DEBUG, "net",
           "receive version message: %s: version %d, blocks=%d, txrelay=%d, peer=%lld",
           *v->user_agent ? v->user_agent : "<no user agent>", v->version, v->start_height,
           v->relay, (long long)p->info.id);
}

/* What can be said of the first fields of a message that may end too early. False: it is of no use
 * to us, or too old to be spoken with. */
static bool version_suffices(qc_peer *p, const qc_version *v, size_t len)
{
    qc_conn_type type = p->info.type;
    bool expected = type == QC_CONN_FULL || type == QC_CONN_BLOCK_ONLY ||
                    type == QC_CONN_ADDR_FETCH || type == QC_CONN_PRIVATE;
    if (!p->info.inbound && type != QC_CONN_PRIVATE && len >= FIRST_FIELDS)
        qc_peerbook_services(p->net->book, &p->info.where, v->services);
    if (expected && len >= FIRST_FIELDS && !is_useful(p, v->services))
        offend(p, "peer does not offer the expected services (%08llx offered, %08llx expected)",
               (unsigned long long)v->services,
               (unsigned long long)qc_net_desirable(p->net, v->services));
    else if (v->version < MIN_PROTOCOL && len >= 4)
        offend(p, "peer using obsolete version %d", v->version);
    else
        return true;
    return false;
}

/* The version message of a peer is whole and good: what becomes of the connection. */
static void settle(qc_peer *p)
{
    if (!qc_room_to_relay(p, "version")) {
        p->closing = true;
        return;
    }
    qc_peer_send(p, "verack", qc_span_of("", 0));
    if (!p->info.inbound && p->info.where.addr.net == QC_NETWORK_ONION)
        p->net->tor_works = true;
    /* That it may now move to the tried table tells others little: what they could see, its time,
     * changes when a connection that relays addresses ends. */
    if (!p->info.inbound)
        qc_peerbook_good(p->net->book, &p->info.where);
    if (p->info.type == QC_CONN_FEELER)
        offend(p, "feeler connection completed");
}

/* Who wants no transactions is of no use here. */
static void settle_private(qc_peer *p)
{
    if (p->info.relay) {
        qc_peer_send(p, "verack", qc_span_of("", 0));
        p->net->tor_works |= p->info.where.addr.net == QC_NETWORK_ONION;
        return;
    }
    qc_log(QC_LOG_DEBUG, "privatebroadcast",
           "Disconnecting: does not support transaction relay (connected in vain), peer=%lld",
           (long long)p->info.id);
    p->closing = true;
}

static void on_version(qc_peer *p, qc_span payload)
{
    qc_version v;
    if (p->version_seen) {
        qc_log(QC_LOG_DEBUG, "net", "redundant version message from peer=%lld",
               (long long)p->info.id);
        return;
    }
    bool whole = qc_version_read(payload, &v);
    if (!version_suffices(p, &v, payload.len)) {
        p->closing = true;
        return;
    }
    if (!whole) { /* as if nothing had come: the time for the handshake goes on */
        qc_log(QC_LOG_DEBUG, "net", "ProcessMessages(version, %zu bytes): Exception '%s' caught",
               payload.len, "end of data");
        return;
    }
    if (p->info.inbound && is_ours(p->net, v.nonce)) {
        qc_log(QC_LOG_INFO, "net", "connected to self at %s, disconnecting", p->info.addr);
        p->closing = true;
        return;
    }
    if (p->info.inbound)
        qc_handshake_begin(p);
    take_version(p, &v);
    if (p->info.type == QC_CONN_PRIVATE) {
        settle_private(p);
        return;
    }
    if (common_version(p) >= WTXID_RELAY) {
        qc_peer_send(p, "wtxidrelay", qc_span_of("", 0));
        qc_peer_send(p, "sendaddrv2", qc_span_of("", 0));
    }
    settle(p);
}

/* ---- between version and verack ---- */

static void on_wtxidrelay(qc_peer *p)
{
    if (p->info.handshaken)
        offend(p, "wtxidrelay received after verack");
    else if (common_version(p) < WTXID_RELAY)
        qc_log(QC_LOG_DEBUG, "net",
               "ignoring wtxidrelay due to old common version=%d from peer=%lld", common_version(p),
               (long long)p->info.id);
    else if (p->info.wtxid_relay)
        qc_log(QC_LOG_DEBUG, "net", "ignoring duplicate wtxidrelay from peer=%lld",
               (long long)p->info.id);
    else
        p->info.wtxid_relay = true;
}

static void on_sendaddrv2(qc_peer *p)
{
    if (p->info.handshaken)
        offend(p, "sendaddrv2 received after verack");
    else
        p->info.wants_addrv2 = true;
}

/* Whatever gives it a meaning does not know the peer yet, and is told with its opening. Of two the
 * later one counts, but nothing makes up for a wrong one. */
static void on_early_sendcmpct(qc_peer *p, qc_span payload)
{
    uint8_t announce;
    uint64_t version;
    if (!qc_cmpct_hello_read(payload, &announce, &version)) {
        qc_log(QC_LOG_DEBUG, "net",
               "ProcessMessages(sendcmpct, %zu bytes): Exception '%s' caught, peer=%lld",
               payload.len, qc_wire_text(QC_WIRE_END), (long long)p->info.id);
        return;
    }
    if ((p->info.early_cmpct && p->info.cmpct_announce > 1) ||
        (announce <= 1 && version != QC_CMPCT_VERSION))
        return;
    p->info.early_cmpct = true;
    p->info.cmpct_announce = announce;
}

/* BIP434: a name of 4 to 80 bytes, and up to 512 bytes for it. None is known. */
static void on_feature(qc_peer *p, qc_span payload)
{
    char text[FEATURE_ID_MAX + 1];
    qc_reader r = qc_reader_of(payload);
    if (p->info.handshaken) {
        offend(p, "feature received after verack");
        return;
    }
    if (common_version(p) < FEATURES) {
        offend(p, "feature received with incompatible version %d", common_version(p));
        return;
    }
    qc_span id = qc_r_var(&r), data = qc_r_var(&r);
    if (r.fail || qc_reader_left(&r) || id.len < FEATURE_ID_MIN || id.len > FEATURE_ID_MAX ||
        data.len > FEATURE_DATA_MAX) {
        offend(p, "invalid feature payload");
        return;
    }
    qc_message_printable(id, text, sizeof text);
    qc_log(QC_LOG_DEBUG, "net", "unknown feature advertised: %s", text);
}

/* ---- the end of it ---- */

static void on_verack(qc_peer *p)
{
    if (p->info.handshaken) {
        qc_log(QC_LOG_DEBUG, "net", "ignoring redundant verack message from peer=%lld",
               (long long)p->info.id);
        return;
    }
    p->info.handshaken = true;
    /* Inbound ones come at any rate that somebody likes. */
    qc_log(p->info.inbound ? QC_LOG_DEBUG : QC_LOG_INFO, "net",
           "New %s peer connected: transport: %s, version: %d, blocks=%d, peer=%lld",
           qc_conn_type_text(p->info.type), qc_transport_kind_text(p->info.transport),
           p->info.version, p->info.start_height, (long long)p->info.id);
    const qc_net_owner *o = &p->net->owner;
    if (p->info.type == QC_CONN_PRIVATE)
        qc_private_made(p);
    if (o->opened)
        o->opened(o->arg, &p->info);
    if (p->info.type != QC_CONN_PRIVATE)
        qc_peer_ping(p);
}

bool qc_handshake_takes(qc_peer *p, const qc_message *m)
{
    const char *name = m->name;
    if (strcmp(name, "version") == 0)
        on_version(p, m->payload);
    else if (!p->version_seen)
        qc_log(QC_LOG_DEBUG, "net",
               "non-version message before version handshake. Message \"%s\" from peer=%lld", name,
               (long long)p->info.id);
    else if (strcmp(name, "verack") == 0)
        on_verack(p);
    else if (strcmp(name, "wtxidrelay") == 0)
        on_wtxidrelay(p);
    else if (strcmp(name, "sendaddrv2") == 0)
        on_sendaddrv2(p);
    else if (strcmp(name, "feature") == 0)
        on_feature(p, m->payload);
    else if (strcmp(name, "sendtxrcncl") == 0)
        qc_log(QC_LOG_DEBUG, "net",
               "sendtxrcncl from peer=%lld ignored, as our node does not have txreconciliation "
               "enabled",
               (long long)p->info.id);
    else if (p->info.handshaken)
        return false;
    else if (strcmp(name, "sendheaders") == 0)
        p->info.early_headers = true;
    else if (strcmp(name, "sendcmpct") == 0)
        on_early_sendcmpct(p, m->payload);
    else
        qc_log(QC_LOG_DEBUG, "net", "Unsupported message \"%s\" prior to verack from peer=%lld",
               name, (long long)p->info.id);
    return true;
}
