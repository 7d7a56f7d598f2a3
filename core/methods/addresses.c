/* Methods over known addresses and bans (Core rpc/net.cpp). */
#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/peers.h"

#include <stdio.h>

#define SERVICES_OF_PEERS 9u /* NODE_NETWORK and NODE_WITNESS */

static qc_peerbook *book_of(qc_rpc_req *r, const qc_node *n)
{
    if (!n->book)
        qc_rpc_fail(r, QC_RPC_CLIENT_P2P_DISABLED,
                    "Error: Address manager functionality missing or disabled");
    return n->book;
}

/* ---- bans ---- */

static void fail_ban(qc_rpc_req *r, qc_err err)
{
    if (err == QC_EINVAL)
        qc_rpc_fail(r, QC_RPC_CLIENT_INVALID_IP_OR_SUBNET, "Error: Invalid IP/Subnet");
    else if (err == QC_EEXIST)
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_ALREADY_ADDED, "Error: IP/Subnet already banned");
    else if (err == QC_ERANGE)
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Error: Absolute timestamp is in the past");
    else if (err == QC_ENOENT)
        qc_rpc_fail(r, QC_RPC_CLIENT_INVALID_IP_OR_SUBNET,
                    "Error: Unban failed. Requested address/subnet was not previously manually "
                    "banned.");
    else if (err)
        qc_m_fail_err(r, err, "Cannot change the bans");
}

static void setban(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *text = "", *command = "";
    qc_m_ban_time t = {0};
    if (!qc_rpc_str(r, 0, &text) || !qc_rpc_str(r, 1, &command))
        return;
    bool add = strcmp(command, "add") == 0;
    if (!add && strcmp(command, "remove") != 0) {
        qc_m_fail_help(r, QC_RPC_MISC_ERROR);
        return;
    }
    if (!book_of(r, n) || !qc_rpc_i64(r, 2, &t.seconds) || !qc_rpc_bool(r, 3, &t.absolute))
        return;
    fail_ban(r, add ? qc_m_ban(n, text, &t, 0) : qc_m_unban(n, text));
}

static void listbanned(qc_rpc_req *r, void *arg)
{
    qc_ban *list;
    size_t count;
    qc_unixtime now = qc_clock_now();
    if (!book_of(r, arg))
        return;
    qc_err err = qc_m_bans(arg, &list, &count);
    if (err) {
        qc_m_fail_err(r, err, "Cannot list the bans");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < count; i++) {
        char text[QC_NETRANGE_TEXT];
        qc_netrange_text(&list[i].range, text);
        qc_jw_obj(w);
        qc_jw_kstr(w, "address", text);
        qc_jw_kint(w, "ban_created", list[i].created);
        qc_jw_kint(w, "banned_until", list[i].until);
        qc_jw_kint(w, "ban_duration",
                   (int64_t)((uint64_t)list[i].until - (uint64_t)list[i].created));
        qc_jw_kint(w, "time_remaining", (int64_t)((uint64_t)list[i].until - (uint64_t)now));
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
    qc_free(list);
}

static void clearbanned(qc_rpc_req *r, void *arg)
{
    if (book_of(r, arg))
        fail_ban(r, qc_m_unban_all(arg));
}

/* ---- addresses ---- */

static bool network_arg(qc_rpc_req *r, size_t i, qc_network *out)
{
    const char *name = NULL;
    if (!qc_rpc_str(r, i, &name))
        return false;
    if (!name)
        return true;
    *out = qc_network_parse(name);
    return *out != QC_NETWORK_UNROUTABLE ||
           qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Network not recognized: %s", name);
}

static void getnodeaddresses(qc_rpc_req *r, void *arg)
{
    qc_peerbook *b = book_of(r, arg);
    qc_addrman_ask ask = {.net = QC_NETWORK_ALL};
    int32_t count = 1;
    qc_peer_addr *list;
    size_t n;
    if (!b || !qc_rpc_i32(r, 0, &count))
        return;
    if (count < 0) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Address count out of range");
        return;
    }
    if (!network_arg(r, 1, &ask.net))
        return;
    ask.max = (size_t)count;
    qc_err err = qc_peerbook_addresses(b, &ask, qc_clock_now(), &list, &n);
    if (err) {
        qc_m_fail_err(r, err, "Cannot list addresses");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        char text[QC_NETADDR_TEXT];
        qc_netaddr_text(&list[i].addr, text);
        qc_jw_obj(w);
        qc_jw_kint(w, "time", list[i].time);
        qc_jw_kuint(w, "services", list[i].services);
        qc_jw_kstr(w, "address", text);
        qc_jw_kuint(w, "port", list[i].port);
        qc_jw_kstr(w, "network", qc_network_name(qc_netaddr_class(&list[i].addr)));
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
    qc_free(list);
}

static void addpeeraddress(qc_rpc_req *r, void *arg)
{
    qc_peerbook *b = book_of(r, arg);
    const char *text = "", *error = NULL;
    int64_t port = 0;
    bool tried = false;
    qc_unixtime now = qc_clock_now();
    qc_peer_addr a = {.services = SERVICES_OF_PEERS, .time = now};
    if (!b || !qc_rpc_str(r, 0, &text) || !qc_rpc_i64(r, 1, &port) || !qc_rpc_bool(r, 2, &tried))
        return;
    if (port < 0 || port > UINT16_MAX) {
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "JSON integer out of range");
        return;
    }
    if (qc_netaddr_parse(text, &a.addr)) {
        qc_rpc_fail(r, QC_RPC_CLIENT_INVALID_IP_OR_SUBNET, "Invalid IP address");
        return;
    }
    a.addr = qc_netaddr_flip_cjdns(&a.addr, b->cjdns);
    a.port = (uint16_t)port;
    pthread_mutex_lock(&b->lock);
    if (!qc_addrman_add(b->addrs, &a, 1, &a.addr, 0, now))
        error = "failed-adding-to-new";
    else if (tried && !qc_addrman_good(b->addrs, &a, now))
        error = "failed-adding-to-tried";
    pthread_mutex_unlock(&b->lock);
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    if (error)
        qc_jw_kstr(w, "error", error);
    qc_jw_kbool(w, "success", !error);
    qc_jw_obj_end(w);
}

static void put_sizes(qc_jw *w, qc_peerbook *b, const char *name, qc_network net)
{
    qc_jw_kobj(w, name);
    qc_jw_kuint(w, "new", qc_addrman_size(b->addrs, net, QC_TABLE_NEW));
    qc_jw_kuint(w, "tried", qc_addrman_size(b->addrs, net, QC_TABLE_TRIED));
    qc_jw_kuint(w, "total", qc_addrman_size(b->addrs, net, QC_TABLE_BOTH));
    qc_jw_obj_end(w);
}

static void getaddrmaninfo(qc_rpc_req *r, void *arg)
{
    qc_peerbook *b = book_of(r, arg);
    if (!b)
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    pthread_mutex_lock(&b->lock);
    for (qc_network net = QC_NETWORK_IPV4; net < QC_NETWORK_INTERNAL; net++)
        put_sizes(w, b, qc_network_name(net), net);
    put_sizes(w, b, "all_networks", QC_NETWORK_ALL);
    pthread_mutex_unlock(&b->lock);
    qc_jw_obj_end(w);
}

typedef struct raw {
    qc_jw *w;
    const qc_peerbook *b;
} raw;

static void put_entry(void *arg, const qc_peer_addr *a, const qc_netaddr *source, int bucket,
                      int position)
{
    const raw *x = arg;
    char key[32], text[QC_NETADDR_TEXT];
    uint32_t asn = qc_netgroups_asn(&x->b->groups, &a->addr);
    snprintf(key, sizeof key, "%d/%d", bucket, position);
    qc_jw_kobj(x->w, key);
    qc_netaddr_text(&a->addr, text);
    qc_jw_kstr(x->w, "address", text);
    if (asn)
        qc_jw_kuint(x->w, "mapped_as", asn);
    qc_jw_kuint(x->w, "port", a->port);
    qc_jw_kuint(x->w, "services", a->services);
    qc_jw_kint(x->w, "time", a->time);
    qc_jw_kstr(x->w, "network", qc_network_name(qc_netaddr_class(&a->addr)));
    qc_netaddr_text(source, text);
    qc_jw_kstr(x->w, "source", text);
    qc_jw_kstr(x->w, "source_network", qc_network_name(qc_netaddr_class(source)));
    asn = qc_netgroups_asn(&x->b->groups, source);
    if (asn)
        qc_jw_kuint(x->w, "source_mapped_as", asn);
    qc_jw_obj_end(x->w);
}

static void getrawaddrman(qc_rpc_req *r, void *arg)
{
    qc_peerbook *b = book_of(r, arg);
    raw x = {qc_rpc_out(r), b};
    if (!b)
        return;
    qc_jw_obj(x.w);
    pthread_mutex_lock(&b->lock);
    for (int tried = 0; tried < 2; tried++) {
        qc_jw_kobj(x.w, tried ? "tried" : "new");
        qc_addrman_each(b->addrs, tried, put_entry, &x);
        qc_jw_obj_end(x.w);
    }
    pthread_mutex_unlock(&b->lock);
    qc_jw_obj_end(x.w);
}

static void exportasmap(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_rpc_fail(r, QC_RPC_MISC_ERROR, "No embedded ASMap data available");
}

static const qc_rpc_param P_SETBAN[] = {
    {"subnet", QC_T_STR, true, .help = "An address, or a subnet as in 192.168.0.0/24"},
    {"command", QC_T_STR, true, .help = "'add' or 'remove'"},
    {"bantime", QC_T_NUM, .dflt = "0",
     .help = "Seconds the ban lasts, or the time it ends with absolute; 0: -bantime"},
    {"absolute", QC_T_BOOL, .dflt = "false", .help = "bantime is a point in time"},
    {.names = NULL}};
static const qc_rpc_param P_GET[] = {
    {"count", QC_T_NUM, .dflt = "1", .help = "How many at most; 0: all"},
    {"network", QC_T_STR, .dflt = "all networks",
     .help = "Of one network only: ipv4, ipv6, onion, i2p, cjdns"},
    {.names = NULL}};
static const qc_rpc_param P_ADD[] = {
    {"address", QC_T_STR, true, .help = "Address of the peer"},
    {"port", QC_T_NUM, true, .help = "Its port"},
    {"tried", QC_T_BOOL, .dflt = "false", .help = "Move it on to the tried table"},
    {.names = NULL}};
static const qc_rpc_param P_EXPORT[] = {{"path", QC_T_STR, true, .help = "File to write"},
                                        {.names = NULL}};

const qc_rpc_method QC_METHODS_ADDRESSES[] = {
    {"network", "setban", "Ban an address or subnet, or lift the ban.", P_SETBAN, .result = "null",
     .examples = "setban \"192.168.0.6\" \"add\" 86400\nsetban \"192.168.0.0/24\" \"add\"",
     .fn = setban},
    {"network", "listbanned", "All bans.",
     .result = "[ { address, ban_created, banned_until, ban_duration, time_remaining }, ... ]",
     .examples = "listbanned", .fn = listbanned},
    {"network", "clearbanned", "Lift all bans.", .result = "null", .examples = "clearbanned",
     .fn = clearbanned},
    {"network", "getnodeaddresses", "Known addresses of peers that are likely to answer.", P_GET,
     .result = "[ { time, services, address, port, network }, ... ]",
     .examples = "getnodeaddresses 8\ngetnodeaddresses 4 \"i2p\"", .fn = getnodeaddresses},
    {"network", "getaddrmaninfo", "How many addresses are known, by network and table.",
     .result = "{ network: { new, tried, total }, ..., all_networks: {...} }",
     .examples = "getaddrmaninfo", .fn = getaddrmaninfo},
    {"network", "exportasmap", "Write the built-in map of autonomous systems: there is none here.",
     P_EXPORT, .result = "null", .examples = "exportasmap \"asmap.dat\"", .fn = exportasmap},
    {"hidden", "addpeeraddress", "Add an address to the address manager; for tests.", P_ADD,
     .result = "{ success, error }", .examples = "addpeeraddress \"1.2.3.4\" 8333 true",
     .fn = addpeeraddress},
    {"hidden", "getrawaddrman", "Every entry of the address manager and its place; may change.",
     .result = "{ table: { bucket/position: { address, mapped_as, port, network, services, time, "
               "source,\n  source_network, source_mapped_as } } }",
     .examples = "getrawaddrman", .fn = getrawaddrman},
    {.name = NULL}};
