/* peers.read/1: the peers in few records, from the functions that the RPC methods use too.
 *
 * Each answer is a copy that the net thread makes of all peers. A plugin that asks without end
 * would keep that thread busy, so that it gets a new copy 50 times a second at most, and between
 * them the one it has had. */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/methods/peers.h"

#include "quoin/peers_read.h"

/* What was copied last. */
typedef struct copies {
    qc_m_peer *peer;
    size_t n_peers;
    qc_added_info *kept;
    size_t n_kept;
    qc_ban *ban;
    size_t n_bans;
    qn_peers_info info;
    bool has_peers, has_kept, has_bans, has_info;
} copies;

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    *why = "the node itself is not at hand";
    if (!cap->plugin->host->o.node)
        return QC_EINVAL;
    copies *s = qc_alloc(sizeof *s);
    *s = (copies){.has_peers = false};
    cap->state = s;
    return QC_OK;
}

static void adapter_close(qn_cap *cap)
{
    copies *s = cap->state;
    if (!s)
        return;
    qc_free(s->peer);
    qc_free(s->kept);
    qc_free(s->ban);
    qc_free(s);
    cap->state = NULL;
}

static qn_status enter(qn_cap *cap, const qc_node **n)
{
    *n = cap->plugin->host->o.node;
    return qc_cap_enter(cap);
}

/* The same, for a method that fills in records. */
static qn_status enter_list(qn_cap *cap, const qc_node **n, const void *out, uint32_t max,
                            const uint32_t *n_out)
{
    qn_status st = enter(cap, n);
    if (st != QN_OK)
        return st;
    return !n_out || (!out && max) ? QN_E_INVAL : QN_OK;
}

/* ---- copies ---- */

static qc_err fresh_peers(qn_cap *cap, const qc_node *n)
{
    copies *s = cap->state;
    qc_m_peer *list = NULL;
    size_t count = 0;
    if (s->has_peers && !qc_cap_turn(cap))
        return QC_OK;
    qc_err err = qc_m_peers(n, QC_M_HASTY_MS, &list, &count);
    if (err)
        return err;
    qc_free(s->peer);
    s->peer = list;
    s->n_peers = count;
    s->has_peers = true;
    return QC_OK;
}

static qc_err fresh_kept(qn_cap *cap, const qc_node *n)
{
    copies *s = cap->state;
    qc_added_info *list = NULL;
    size_t count = 0;
    if (s->has_kept && !qc_cap_turn(cap))
        return QC_OK;
    qc_err err = qc_m_kept(n, &list, &count);
    if (err)
        return err;
    qc_free(s->kept);
    s->kept = list;
    s->n_kept = count;
    s->has_kept = true;
    return QC_OK;
}

static qc_err fresh_bans(qn_cap *cap, const qc_node *n)
{
    copies *s = cap->state;
    qc_ban *list = NULL;
    size_t count = 0;
    if (s->has_bans && !qc_cap_turn(cap))
        return QC_OK;
    qc_err err = qc_m_bans(n, &list, &count);
    if (err && err != QC_EUNSUPPORTED)
        return err;
    qc_free(s->ban);
    s->ban = list;
    s->n_bans = count;
    s->has_bans = true;
    return QC_OK;
}

/* ---- info ---- */

static qc_err read_info(qn_cap *cap, const qc_node *n, qn_peers_info *to)
{
    copies *s = cap->state;
    qc_m_totals t;
    qc_err err = qc_m_peer_totals(n, &t);
    err = err ? err : fresh_bans(cap, n);
    err = err ? err : fresh_kept(cap, n);
    if (err)
        return err;
    qn_peers_info out = {.size = sizeof out,
                         .protocol_version = QC_NET_PROTOCOL,
                         .connections_in = t.in,
                         .connections_out = t.out,
                         .services = t.services,
                         .bytes_received = t.received,
                         .bytes_sent = t.sent,
                         .time_offset = t.time_offset,
                         .max_connections = t.max,
                         .n_bans = (uint32_t)s->n_bans,
                         .n_added = (uint32_t)s->n_kept};
    out.flags = (t.running ? QN_PEERS_RUNNING : 0u) | (t.active ? QN_PEERS_ACTIVE : 0u) |
                (t.relay ? QN_PEERS_RELAY : 0u) |
                (t.running && !t.upload.historical_reached ? QN_PEERS_HISTORY : 0u);
    out.upload_target = t.upload.target;
    out.upload_left = t.upload.left;
    *to = out;
    return QC_OK;
}

static qn_status peers_info(qn_cap *cap, qn_peers_info *info)
{
    const qc_node *n;
    qn_status st = enter(cap, &n);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    copies *s = cap->state;
    if (!s->has_info || qc_cap_turn(cap)) {
        if (read_info(cap, n, &s->info))
            return QN_E_NOMEM;
        s->has_info = true;
    }
    qn_peers_info out = s->info;
    if (info->size < out.size)
        out.size = info->size;
    memcpy(info, &out, out.size);
    return QN_OK;
}

/* ---- peers ---- */

static uint32_t kind_of(qc_conn_type t)
{
    switch (t) {
    case QC_CONN_INBOUND:
        return QN_PEER_KIND_INBOUND;
    case QC_CONN_MANUAL:
        return QN_PEER_KIND_MANUAL;
    case QC_CONN_FEELER:
        return QN_PEER_KIND_FEELER;
    case QC_CONN_FULL:
        return QN_PEER_KIND_FULL;
    case QC_CONN_BLOCK_ONLY:
        return QN_PEER_KIND_BLOCK_ONLY;
    case QC_CONN_ADDR_FETCH:
        return QN_PEER_KIND_ADDR_FETCH;
    case QC_CONN_PRIVATE:
        break; /* none of those: 0 */
    }
    return 0;
}

static uint32_t network_of(qc_network net)
{
    switch (net) {
    case QC_NETWORK_IPV4:
        return QN_NETWORK_IPV4;
    case QC_NETWORK_IPV6:
        return QN_NETWORK_IPV6;
    case QC_NETWORK_ONION:
        return QN_NETWORK_ONION;
    case QC_NETWORK_I2P:
        return QN_NETWORK_I2P;
    case QC_NETWORK_CJDNS:
        return QN_NETWORK_CJDNS;
    case QC_NETWORK_UNROUTABLE:
    case QC_NETWORK_INTERNAL:
    case QC_NETWORK_COUNT:
        break;
    }
    return QN_NETWORK_UNROUTABLE;
}

static uint32_t permissions_of(uint32_t p)
{
    static const uint32_t MAP[][2] = {
        {QC_PERMIT_NOBAN, QN_PERMIT_NOBAN},       {QC_PERMIT_FORCERELAY, QN_PERMIT_FORCE_RELAY},
        {QC_PERMIT_RELAY, QN_PERMIT_RELAY},       {QC_PERMIT_MEMPOOL, QN_PERMIT_MEMPOOL},
        {QC_PERMIT_DOWNLOAD, QN_PERMIT_DOWNLOAD}, {QC_PERMIT_ADDR, QN_PERMIT_ADDR},
        {QC_PERMIT_BLOOM, QN_PERMIT_BLOOM}};
    uint32_t out = 0;
    for (size_t i = 0; i < QC_COUNTOF(MAP); i++)
        out |= (p & MAP[i][0]) == MAP[i][0] ? MAP[i][1] : 0;
    return out;
}

static void fill_texts(qn_peer *out, const qc_m_peer *m)
{
    const qc_peer_info *p = &m->net;
    qc_host_text(out->address, sizeof out->address, p->addr);
    qc_host_text(out->bind_address, sizeof out->bind_address, p->addr_bind);
    qc_host_text(out->local_address, sizeof out->local_address, m->local);
    qc_host_text(out->user_agent, sizeof out->user_agent, p->user_agent);
    qc_host_text(out->session_id, sizeof out->session_id, p->session_id);
}

static void fill_sync(qn_peer *out, const qc_sync_peer *s)
{
    out->presync_height = (int32_t)s->presynced_headers;
    out->header_height = (int32_t)s->synced_headers;
    out->block_height = (int32_t)s->synced_blocks;
    out->in_flight = s->n_in_flight;
    out->last_block = s->last_block;
    out->min_fee = s->fee_filter;
    out->addresses_taken = s->addr_processed;
    out->addresses_dropped = s->addr_limited;
    out->flags |= (s->addr_relay ? QN_PEER_RELAY_ADDR : 0u) | (s->hb_to ? QN_PEER_HB_TO : 0u) |
                  (s->hb_from ? QN_PEER_HB_FROM : 0u);
}

static void fill(qn_peer *out, const qc_m_peer *m)
{
    const qc_peer_info *p = &m->net;
    *out = (qn_peer){.id = p->id,
                     .services = p->services,
                     .connected = p->connected,
                     .last_sent = p->last_send,
                     .last_received = p->last_recv,
                     .time_offset = p->time_offset,
                     .ping_us = p->ping_us,
                     .min_ping_us = p->min_ping_us,
                     .ping_wait_us = p->ping_wait_us,
                     .bytes_sent = p->sent,
                     .bytes_received = p->received,
                     .version = p->version,
                     .kind = kind_of(p->type),
                     .network = network_of(p->network),
                     .permissions = permissions_of(p->permissions),
                     .mapped_as = m->mapped_as};
    out->flags = (p->inbound ? QN_PEER_INBOUND : 0u) | (p->handshaken ? QN_PEER_READY : 0u) |
                 (p->transport == QC_TRANSPORT_V2 ? QN_PEER_ENCRYPTED : 0u) |
                 (m->sync.relay_txs ? QN_PEER_RELAY_TX : 0u);
    fill_texts(out, m);
    fill_sync(out, &m->sync);
}

static qn_status peers_peers(qn_cap *cap, qn_peer *out, uint32_t max, uint32_t *n_out)
{
    const qc_node *n;
    qn_status st = enter_list(cap, &n, out, max, n_out);
    if (st != QN_OK)
        return st;
    if (fresh_peers(cap, n))
        return QN_E_NOMEM;
    const copies *s = cap->state;
    for (size_t i = 0; i < s->n_peers && i < max; i++)
        fill(&out[i], &s->peer[i]);
    *n_out = (uint32_t)s->n_peers;
    return *n_out <= max ? QN_OK : QN_E_SPACE;
}

/* ---- messages ---- */

typedef struct sink {
    qn_peer_message row[2 * QC_NET_KINDS];
    uint32_t n;
} sink;

static qn_peer_message *row_of(sink *s, const char *name)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (strcmp(s->row[i].name, name) == 0)
            return &s->row[i];
    if (s->n == QC_COUNTOF(s->row))
        return &s->row[s->n - 1]; /* never: names are of a closed set */
    qc_host_text(s->row[s->n].name, sizeof s->row[0].name, name);
    return &s->row[s->n++];
}

static void add_messages(sink *s, const qc_peer_info *p)
{
    for (size_t i = 0; i < p->n_sent_by; i++)
        row_of(s, p->sent_by[i].name)->sent += p->sent_by[i].bytes;
    for (size_t i = 0; i < p->n_received_by; i++)
        row_of(s, p->received_by[i].name)->received += p->received_by[i].bytes;
}

static qn_status peers_messages(qn_cap *cap, int64_t peer, qn_peer_message *out, uint32_t max,
                                uint32_t *n_out)
{
    const qc_node *n;
    sink s = {.n = 0};
    bool found = peer == -1;
    qn_status st = enter_list(cap, &n, out, max, n_out);
    if (st != QN_OK)
        return st;
    if (peer < -1)
        return QN_E_INVAL;
    if (fresh_peers(cap, n))
        return QN_E_NOMEM;
    const copies *now = cap->state;
    for (size_t i = 0; i < now->n_peers; i++)
        if (peer == -1 || now->peer[i].net.id == peer) {
            add_messages(&s, &now->peer[i].net);
            found = true;
        }
    if (!found)
        return QN_E_NOTFOUND;
    for (uint32_t i = 0; i < s.n && i < max; i++)
        out[i] = s.row[i];
    *n_out = s.n;
    return s.n <= max ? QN_OK : QN_E_SPACE;
}

/* ---- networks, bans, kept ones ---- */

static qn_status peers_networks(qn_cap *cap, qn_peer_network *out, uint32_t max, uint32_t *n_out)
{
    const qc_node *n;
    qc_m_network list[QC_M_NETWORKS];
    qn_status st = enter_list(cap, &n, out, max, n_out);
    if (st != QN_OK)
        return st;
    qc_m_networks(n, list);
    for (uint32_t i = 0; i < QC_M_NETWORKS && i < max; i++) {
        out[i] = (qn_peer_network){.network = network_of(list[i].network),
                                   .known_new = list[i].known_new,
                                   .known_tried = list[i].known_tried};
        out[i].flags = (list[i].reachable ? QN_PEER_NETWORK_REACHABLE : 0u) |
                       (list[i].randomize ? QN_PEER_NETWORK_ISOLATED : 0u);
        qc_host_text(out[i].proxy, sizeof out[i].proxy, list[i].proxy);
    }
    *n_out = QC_M_NETWORKS;
    return *n_out <= max ? QN_OK : QN_E_SPACE;
}

static void fill_local(qn_peer_local *out, const qc_local_addr *a)
{
    char text[96];
    qc_m_host_port(&a->addr, a->port, text, sizeof text);
    *out = (qn_peer_local){.score = a->score, .network = network_of(qc_netaddr_class(&a->addr))};
    qc_host_text(out->address, sizeof out->address, text);
}

static qn_status peers_local(qn_cap *cap, qn_peer_local *out, uint32_t max, uint32_t *n_out)
{
    const qc_node *n;
    qc_local_addr *list = NULL;
    size_t count = 0;
    qn_status st = enter_list(cap, &n, out, max, n_out);
    if (st != QN_OK)
        return st;
    if (qc_m_local(n, &list, &count))
        return QN_E_NOMEM;
    for (size_t i = 0; i < count && i < max; i++)
        fill_local(&out[i], &list[i]);
    qc_free(list);
    *n_out = (uint32_t)count;
    return *n_out <= max ? QN_OK : QN_E_SPACE;
}

static qn_status peers_bans(qn_cap *cap, qn_peer_ban *out, uint32_t max, uint32_t *n_out)
{
    const qc_node *n;
    qn_status st = enter_list(cap, &n, out, max, n_out);
    if (st != QN_OK)
        return st;
    qc_err err = fresh_bans(cap, n);
    if (err)
        return qc_status_of(err);
    const copies *s = cap->state;
    for (size_t i = 0; i < s->n_bans && i < max; i++) {
        char text[QC_NETRANGE_TEXT];
        qc_netrange_text(&s->ban[i].range, text);
        out[i] = (qn_peer_ban){.created = s->ban[i].created, .until = s->ban[i].until};
        qc_host_text(out[i].subnet, sizeof out[i].subnet, text);
    }
    *n_out = (uint32_t)s->n_bans;
    return *n_out <= max ? QN_OK : QN_E_SPACE;
}

static qn_status peers_added(qn_cap *cap, qn_peer_added *out, uint32_t max, uint32_t *n_out)
{
    const qc_node *n;
    qn_status st = enter_list(cap, &n, out, max, n_out);
    if (st != QN_OK)
        return st;
    if (fresh_kept(cap, n))
        return QN_E_NOMEM;
    const copies *s = cap->state;
    for (size_t i = 0; i < s->n_kept && i < max; i++) {
        out[i] = (qn_peer_added){.node = ""};
        qc_host_text(out[i].node, sizeof out[i].node, s->kept[i].node);
        if (s->kept[i].connected)
            qc_host_text(out[i].address, sizeof out[i].address, s->kept[i].addr);
    }
    *n_out = (uint32_t)s->n_kept;
    return *n_out <= max ? QN_OK : QN_E_SPACE;
}

static const qn_peers_read_1 TABLE = {.h = {sizeof(qn_peers_read_1), QN_PEERS_READ_1_REVISION},
                                      .info = peers_info,
                                      .peers = peers_peers,
                                      .messages = peers_messages,
                                      .networks = peers_networks,
                                      .local = peers_local,
                                      .bans = peers_bans,
                                      .added = peers_added,
                                      .warnings = qc_host_warnings};

const qc_adapter QC_ADAPTER_PEERS_READ = {QN_PEERS_READ_1_ID, &TABLE, adapter_open, NULL,
                                          adapter_close};
