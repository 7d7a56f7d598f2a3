/* Methods over known addresses and bans (Core rpc/net.cpp). */
#include "core/base/alloc.h"
#include "core/base/hostport.h"
#include "core/methods/common.h"
#include "core/net/peerbook.h"

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

/* A subnet has a slash; without one it is an address. */
static bool range_arg(qc_rpc_req *r, const qc_peerbook *b, const char *text, qc_netrange *out)
{
    bool ok = qc_netrange_parse(text, b->cjdns, out) == QC_OK;
    if (ok && !strchr(text, '/'))
        ok = qc_netaddr_is_valid(&out->base);
    return ok || qc_rpc_fail(r, QC_RPC_CLIENT_INVALID_IP_OR_SUBNET, "Error: Invalid IP/Subnet");
}

static bool addr_in(const qc_netrange *range, const char *addr, bool cjdns)
{
    char host[256];
    uint16_t port = 0;
    qc_netaddr a;
    if (qc_split_host_port(addr, host, sizeof host, &port) || qc_netaddr_parse(host, &a))
        return false;
    a = qc_netaddr_flip_cjdns(&a, cjdns);
    return qc_netrange_has(range, &a);
}

static void drop_peers(const qc_node *n, const qc_netrange *range)
{
    qc_peer_info *list = NULL;
    size_t count = 0;
    if (!n->net || qc_net_peers(n->net, &list, &count))
        return;
    for (size_t i = 0; i < count; i++)
        if (addr_in(range, list[i].addr, n->book->cjdns) &&
            qc_net_disconnect(n->net, list[i].id, NULL) != QC_OK)
            continue; /* it has gone meanwhile */
    qc_free(list);
}

/* single: one address, which any banned subnet covers; a subnet is known only as such. */
static void ban(qc_rpc_req *r, const qc_node *n, const qc_netrange *range, bool single)
{
    qc_peerbook *b = n->book;
    qc_unixtime now = qc_clock_now();
    int64_t seconds = 0;
    bool absolute = false;
    pthread_mutex_lock(&b->lock);
    bool known =
        single ? qc_bans_has(&b->bans, &range->base, now) : qc_bans_has_range(&b->bans, range, now);
    pthread_mutex_unlock(&b->lock);
    if (known) {
        qc_rpc_fail(r, QC_RPC_CLIENT_NODE_ALREADY_ADDED, "Error: IP/Subnet already banned");
        return;
    }
    if (!qc_rpc_i64(r, 2, &seconds) || !qc_rpc_bool(r, 3, &absolute))
        return;
    if (absolute && seconds < now) {
        qc_rpc_fail(r, QC_RPC_INVALID_PARAMETER, "Error: Absolute timestamp is in the past");
        return;
    }
    pthread_mutex_lock(&b->lock);
    qc_err err = qc_bans_add(&b->bans, range, seconds, absolute, now);
    pthread_mutex_unlock(&b->lock);
    if (err) {
        qc_m_fail_err(r, err, "Cannot ban");
        return;
    }
    qc_peerbook_write_bans(b);
    drop_peers(n, range);
}

static void unban(qc_rpc_req *r, qc_peerbook *b, const qc_netrange *range)
{
    pthread_mutex_lock(&b->lock);
    bool was = qc_bans_remove(&b->bans, range);
    pthread_mutex_unlock(&b->lock);
    if (was)
        qc_peerbook_write_bans(b);
    else
        qc_rpc_fail(r, QC_RPC_CLIENT_INVALID_IP_OR_SUBNET,
                    "Error: Unban failed. Requested address/subnet was not previously manually "
                    "banned.");
}

static void setban(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *text = "", *command = "";
    qc_netrange range;
    if (!qc_rpc_str(r, 0, &text) || !qc_rpc_str(r, 1, &command))
        return;
    bool add = strcmp(command, "add") == 0;
    if (!add && strcmp(command, "remove") != 0) {
        char *help = qc_rpc_help(qc_rpc_registry_of(r), "setban");
        qc_rpc_fail(r, QC_RPC_MISC_ERROR, "%s", help);
        qc_free(help);
        return;
    }
    qc_peerbook *b = book_of(r, n);
    if (!b || !range_arg(r, b, text, &range))
        return;
    if (add)
        ban(r, n, &range, !strchr(text, '/'));
    else
        unban(r, b, &range);
}

static void listbanned(qc_rpc_req *r, void *arg)
{
    qc_peerbook *b = book_of(r, arg);
    if (!b)
        return;
    qc_jw *w = qc_rpc_out(r);
    qc_unixtime now = qc_clock_now();
    qc_jw_arr(w);
    pthread_mutex_lock(&b->lock);
    qc_bans_sweep(&b->bans, now);
    for (size_t i = 0; i < b->bans.n; i++) {
        const qc_ban *ban = &b->bans.list[i];
        char text[QC_NETRANGE_TEXT];
        qc_netrange_text(&ban->range, text);
        qc_jw_obj(w);
        qc_jw_kstr(w, "address", text);
        qc_jw_kint(w, "ban_created", ban->created);
        qc_jw_kint(w, "banned_until", ban->until);
        qc_jw_kint(w, "ban_duration", (int64_t)((uint64_t)ban->until - (uint64_t)ban->created));
        qc_jw_kint(w, "time_remaining", (int64_t)((uint64_t)ban->until - (uint64_t)now));
        qc_jw_obj_end(w);
    }
    pthread_mutex_unlock(&b->lock);
    qc_jw_arr_end(w);
}

static void clearbanned(qc_rpc_req *r, void *arg)
{
    qc_peerbook *b = book_of(r, arg);
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    qc_bans_remove_all(&b->bans);
    pthread_mutex_unlock(&b->lock);
    qc_peerbook_write_bans(b);
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
