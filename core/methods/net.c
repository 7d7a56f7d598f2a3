/* Network methods (Core rpc/net.cpp). */
#include "core/net/net.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/methods/common.h"
#include "core/net/peerbook.h"

#define CLIENT_VERSION 10000 /* 0.1.0, as Core encodes a version */

/* All peers. False: failed. Without the peer layer: none. */
static bool peers(qc_rpc_req *r, const qc_node *n, qc_peer_info **list, size_t *count)
{
    *list = NULL;
    *count = 0;
    qc_err err = n->net ? qc_net_peers(n->net, list, count) : QC_OK;
    return !err || qc_m_fail_err(r, err, "Cannot list the peers");
}

static size_t count_peers(const qc_peer_info *list, size_t n, bool inbound)
{
    size_t hits = 0;
    for (size_t i = 0; i < n; i++)
        hits += list[i].inbound == inbound;
    return hits;
}

static void getconnectioncount(qc_rpc_req *r, void *arg)
{
    qc_peer_info *list;
    size_t n;
    if (!peers(r, arg, &list, &n))
        return;
    qc_jw_uint(qc_rpc_out(r), n);
    qc_free(list);
}

static void put_counts(qc_jw *w, const char *key, const qc_net_count *c, size_t n)
{
    qc_jw_kobj(w, key);
    for (size_t i = 0; i < n; i++)
        qc_jw_kuint(w, c[i].name, c[i].bytes);
    qc_jw_obj_end(w);
}

static void put_ping(qc_jw *w, const char *key, int64_t us)
{
    if (us >= 0)
        qc_jw_kdouble(w, key, (double)us / 1000000.0);
}

/* Core protocol.cpp, serviceFlagsToStr. */
static void put_service_names(qc_jw *w, const char *key, uint64_t services)
{
    static const char *const name[64] = {
        [0] = "NETWORK",          [2] = "BLOOM",  [3] = "WITNESS", [6] = "COMPACT_FILTERS",
        [10] = "NETWORK_LIMITED", [11] = "P2P_V2"};
    qc_jw_karr(w, key);
    for (unsigned bit = 0; bit < QC_COUNTOF(name); bit++) {
        if (!(services >> bit & 1))
            continue;
        if (name[bit])
            qc_jw_str(w, name[bit]);
        else
            qc_jw_strf(w, "UNKNOWN[2^%u]", bit);
    }
    qc_jw_arr_end(w);
}

static void put_sync_state(qc_jw *w, const qc_sync_peer *s, uint32_t permissions)
{
    qc_jw_kint(w, "last_transaction", 0);
    qc_jw_kint(w, "last_block", s->last_block);
    qc_jw_kbool(w, "bip152_hb_to", s->hb_to);
    qc_jw_kbool(w, "bip152_hb_from", s->hb_from);
    qc_jw_kint(w, "presynced_headers", s->presynced_headers);
    qc_jw_kint(w, "synced_headers", s->synced_headers);
    qc_jw_kint(w, "synced_blocks", s->synced_blocks);
    qc_jw_karr(w, "inflight");
    for (uint32_t i = 0; i < s->n_in_flight; i++)
        qc_jw_uint(w, s->in_flight[i]);
    qc_jw_arr_end(w);
    qc_jw_kbool(w, "addr_relay_enabled", s->addr_relay);
    qc_jw_kuint(w, "addr_processed", s->addr_processed);
    qc_jw_kuint(w, "addr_rate_limited", s->addr_limited);
    qc_jw_karr(w, "permissions");
    for (size_t i = 0; qc_permit_name(permissions, i); i++)
        qc_jw_str(w, qc_permit_name(permissions, i));
    qc_jw_arr_end(w);
    qc_jw_kamount(w, "minfeefilter", s->fee_filter);
}

static void put_peer(qc_jw *w, const qc_peer_info *p, const qc_sync_peer *s)
{
    qc_jw_obj(w);
    qc_jw_kint(w, "id", p->id);
    qc_jw_kstr(w, "addr", p->addr);
    if (p->addr_bind[0])
        qc_jw_kstr(w, "addrbind", p->addr_bind);
    qc_jw_kstr(w, "network", qc_network_name(p->network));
    qc_jw_key(w, "services");
    qc_jw_strf(w, "%016llx", (unsigned long long)p->services);
    put_service_names(w, "servicesnames", p->services);
    qc_jw_kbool(w, "relaytxes", s->relay_txs);
    qc_jw_kint(w, "lastsend", p->last_send);
    qc_jw_kint(w, "lastrecv", p->last_recv);
    qc_jw_kuint(w, "bytessent", p->sent);
    qc_jw_kuint(w, "bytesrecv", p->received);
    qc_jw_kint(w, "conntime", p->connected);
    qc_jw_kint(w, "timeoffset", p->time_offset);
    put_ping(w, "pingtime", p->ping_us);
    put_ping(w, "minping", p->min_ping_us);
    if (p->ping_wait_us > 0)
        put_ping(w, "pingwait", p->ping_wait_us);
    qc_jw_kint(w, "version", p->version);
    qc_jw_kstr(w, "subver", p->user_agent);
    qc_jw_kbool(w, "inbound", p->inbound);
    put_sync_state(w, s, p->permissions);
    put_counts(w, "bytessent_per_msg", p->sent_by, p->n_sent_by);
    put_counts(w, "bytesrecv_per_msg", p->received_by, p->n_received_by);
    qc_jw_kstr(w, "connection_type", qc_conn_type_text(p->type));
    qc_jw_kstr(w, "transport_protocol_type", qc_transport_kind_text(p->transport));
    qc_jw_kstr(w, "session_id", p->session_id);
    qc_jw_obj_end(w);
}

/* What is known of a conversation; one that has not begun has nothing to tell. */
static qc_sync_peer sync_state(const qc_sync_peer *list, size_t n, const qc_peer_info *p)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].id == p->id)
            return list[i];
    return (qc_sync_peer){
        .relay_txs = p->relay, .presynced_headers = -1, .synced_headers = -1, .synced_blocks = -1};
}

static void getpeerinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *node = arg;
    qc_peer_info *list;
    qc_sync_peer *state = NULL;
    size_t n, n_state = 0;
    if (!peers(r, node, &list, &n))
        return;
    qc_err err = node->sync ? qc_sync_peers(node->sync, &state, &n_state) : QC_OK;
    if (err) {
        qc_free(list);
        qc_m_fail_err(r, err, "Cannot list the peers");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        qc_sync_peer s = sync_state(state, n_state, &list[i]);
        put_peer(w, &list[i], &s);
    }
    qc_jw_arr_end(w);
    qc_free(list);
    qc_free(state);
}

static bool need_net(qc_rpc_req *r, const qc_node *n)
{
    return n->net || qc_rpc_fail(r, QC_RPC_CLIENT_P2P_DISABLED,
                                 "Error: Peer-to-peer functionality missing or disabled");
}

static void addnode(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    const char *addr = "", *command = "";
    bool enabled = n->net && (qc_net_services(n->net) & QC_NODE_P2P_V2), v2 = enabled;
    if (!need_net(r, n) || !qc_rpc_str(r, 0, &addr) || !qc_rpc_str(r, 1, &command) ||
        !qc_rpc_bool(r, 2, &v2))
        return;
    bool add = strcmp(command, "add") == 0, remove = strcmp(command, "remove") == 0;
    if (!add && !remove && strcmp(command, "onetry") != 0) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "Command '%s' is none of add, remove, onetry", command);
        return;
    }
    if (v2 && !enabled) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER,
                    "Error: v2transport requested but not enabled (see -v2transport)");
        return;
    }
    if (add && qc_net_add(n->net, addr, v2, false))
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_ALREADY_ADDED, "Error: Node already added");
    if (remove && qc_net_remove(n->net, addr))
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_NOT_ADDED,
                    "Error: Node could not be removed. It has not been added previously.");
    if (add || remove)
        return;
    /* As in Core, a try that cannot succeed is no error of the call. */
    qc_err err = qc_net_connect(n->net, addr, QC_CONN_MANUAL, v2);
    if (err)
        qc_log(QC_LOG_DEBUG, "net", "addnode %s: %s", addr, qc_err_text(err));
}

static void disconnectnode(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    const char *addr = NULL;
    int64_t id = 0;
    if (!need_net(r, n) || !qc_rpc_str(r, 0, &addr) || !qc_rpc_i64(r, 1, &id))
        return;
    bool by_id = qc_rpc_arg(r, 1) != NULL;
    if (addr && !*addr)
        addr = NULL;
    if ((addr != NULL) == by_id) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMS, "Only one of address and nodeid should be provided.");
        return;
    }
    if (qc_net_disconnect(n->net, id, addr))
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_NOT_CONNECTED, "Node not found in connected nodes");
}

static void setnetworkactive(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    bool on = false;
    if (!need_net(r, n) || !qc_rpc_bool(r, 0, &on))
        return;
    qc_net_set_active(n->net, on);
    qc_jw_bool(qc_rpc_out(r), qc_net_active(n->net));
}

static void ping(qc_rpc_req *r, void *arg)
{
    qc_node *n = arg;
    if (need_net(r, n))
        qc_net_ping(n->net);
}

static void put_network(qc_jw *w, const qc_node *n, qc_network net)
{
    qc_proxy p = {.len = 0};
    char at[QC_PROXY_TEXT];
    bool reachable = n->book && qc_local_reaches_network(n->book->local, net);
    bool proxied = n->proxies && qc_proxies_get(n->proxies, net, &p);
    qc_proxy_text(&p, at);
    qc_jw_obj(w);
    qc_jw_kstr(w, "name", qc_network_name(net));
    qc_jw_kbool(w, "limited", !reachable);
    qc_jw_kbool(w, "reachable", reachable);
    qc_jw_kstr(w, "proxy", at);
    qc_jw_kbool(w, "proxy_randomize_credentials", proxied && p.randomize);
    qc_jw_obj_end(w);
}

static void put_networks(qc_jw *w, const qc_node *n)
{
    qc_jw_karr(w, "networks");
    for (qc_network net = QC_NETWORK_IPV4; net <= QC_NETWORK_CJDNS; net++)
        put_network(w, n, net);
    qc_jw_arr_end(w);
}

static void put_local_addresses(qc_jw *w, const qc_local_addr *list, size_t n)
{
    qc_jw_karr(w, "localaddresses");
    for (size_t i = 0; i < n; i++) {
        char text[QC_NETADDR_TEXT];
        qc_netaddr_text(&list[i].addr, text);
        qc_jw_obj(w);
        qc_jw_kstr(w, "address", text);
        qc_jw_kuint(w, "port", list[i].port);
        qc_jw_kint(w, "score", list[i].score);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

static void getnetworkinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_peer_info *list;
    qc_local_addr *local = NULL;
    size_t count, n_local = 0;
    qc_err err = n->book ? qc_local_list(n->book->local, &local, &n_local) : QC_OK;
    if (err) {
        qc_m_fail_err(r, err, "Cannot list own addresses");
        return;
    }
    if (!peers(r, n, &list, &count)) {
        qc_free(local);
        return;
    }
    size_t in = count_peers(list, count, true);
    uint64_t services = n->net ? qc_net_services(n->net) : 0;
    qc_free(list);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kint(w, "version", CLIENT_VERSION);
    qc_jw_kstr(w, "subversion", n->user_agent);
    qc_jw_kint(w, "protocolversion", QC_NET_PROTOCOL);
    qc_jw_key(w, "localservices");
    qc_jw_strf(w, "%016llx", (unsigned long long)services);
    put_service_names(w, "localservicesnames", services);
    qc_jw_kbool(w, "localrelay", n->net && qc_net_wants_txs(n->net));
    qc_jw_kint(w, "timeoffset", 0);
    qc_jw_kbool(w, "networkactive", n->net && qc_net_active(n->net));
    qc_jw_kuint(w, "connections", count);
    qc_jw_kuint(w, "connections_in", in);
    qc_jw_kuint(w, "connections_out", count - in);
    put_networks(w, n);
    qc_jw_kamount(w, "relayfee", 100);
    qc_jw_kamount(w, "incrementalfee", 100);
    put_local_addresses(w, local, n_local);
    qc_free(local);
    qc_m_kwarnings(w, n);
    qc_jw_obj_end(w);
}

static void getnettotals(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    uint64_t received = 0, sent = 0;
    qc_upload_state up = n->net ? qc_net_upload(n->net) : (qc_upload_state){.target = 0};
    if (n->net)
        qc_net_totals(n->net, &received, &sent);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kuint(w, "totalbytesrecv", received);
    qc_jw_kuint(w, "totalbytessent", sent);
    qc_jw_kint(w, "timemillis", qc_clock_real_us() / 1000);
    qc_jw_kobj(w, "uploadtarget");
    qc_jw_kint(w, "timeframe", QC_UPLOAD_PERIOD);
    qc_jw_kuint(w, "target", up.target);
    qc_jw_kbool(w, "target_reached", up.reached);
    qc_jw_kbool(w, "serve_historical_blocks", !up.historical_reached);
    qc_jw_kuint(w, "bytes_left_in_cycle", up.left);
    qc_jw_kint(w, "time_left_in_cycle", up.seconds_left);
    qc_jw_obj_end(w);
    qc_jw_obj_end(w);
}

static const qc_rpc_param P_ADDNODE[] = {
    {"node", QC_T_STR, true, .help = "IP address and port of the peer"},
    {"command", QC_T_STR, true,
     .help = "add: keep connecting; remove: no longer; onetry: connect once"},
    {"v2transport", QC_T_BOOL, .dflt = "set by -v2transport",
     .help = "Encrypt the connection; a peer that cannot gets another try without"},
    {.names = NULL}};
static const qc_rpc_param P_DISCONNECT[] = {
    {"address", QC_T_STR, .dflt = "use nodeid",
     .help = "Address and port as getpeerinfo shows them"},
    {"nodeid", QC_T_NUM, .dflt = "use address", .help = "The id that getpeerinfo shows"},
    {.names = NULL}};
static const qc_rpc_param P_ACTIVE[] = {
    {"state", QC_T_BOOL, true, .help = "false: close all connections and allow no new ones"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_NET[] = {
    {"network", "addnode", "Connect to a peer, once or whenever it is away.", P_ADDNODE,
     .result = "null", .examples = "addnode \"127.0.0.1:18444\" \"onetry\"", .fn = addnode},
    {"network", "disconnectnode", "Close the connection to one peer, named by address or by id.",
     P_DISCONNECT, .result = "null",
     .examples = "disconnectnode \"127.0.0.1:18444\"\ndisconnectnode \"\" 1", .fn = disconnectnode},
    {"network", "setnetworkactive", "Turn talking to peers on or off.", P_ACTIVE,
     .result = "true|false    (boolean) The state now", .examples = "setnetworkactive true",
     .fn = setnetworkactive},
    {"network", "ping", "Ping every peer; getpeerinfo then shows the times.", .result = "null",
     .examples = "ping", .fn = ping},
    {"network", "getconnectioncount", "How many peers are connected.", .result = "n    (numeric)",
     .examples = "getconnectioncount", .fn = getconnectioncount},
    {"network", "getpeerinfo", "Every connected peer.", .result = "[ {...}, ... ]",
     .examples = "getpeerinfo", .fn = getpeerinfo},
    {"network", "getnetworkinfo", "This node as its peers see it, and its networks.",
     .result =
         "{ version, subversion, protocolversion, localservices, localservicesnames, localrelay,\n"
         "  timeoffset, networkactive, connections, connections_in, connections_out, networks,\n"
         "  relayfee, incrementalfee, localaddresses, warnings }",
     .examples = "getnetworkinfo", .fn = getnetworkinfo},
    {"network", "getnettotals", "Bytes exchanged with peers since the start.",
     .result = "{ totalbytesrecv, totalbytessent, timemillis, uploadtarget: {...} }",
     .examples = "getnettotals", .fn = getnettotals},
    {.name = NULL}};
