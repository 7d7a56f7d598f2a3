/* Network methods (Core rpc/net.cpp). */
#include "core/methods/peers.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/methods/common.h"
#include "core/sync/txrelay.h"

#define CLIENT_VERSION 10000 /* 0.1.0, as Core encodes a version */

static bool totals(qc_rpc_req *r, const qc_node *n, qc_m_totals *out)
{
    qc_err err = qc_m_peer_totals(n, out);
    return !err || qc_m_fail_err(r, err, "Cannot list the peers");
}

static void getconnectioncount(qc_rpc_req *r, void *arg)
{
    qc_m_totals t;
    if (totals(r, arg, &t))
        qc_jw_uint(qc_rpc_out(r), t.in + t.out);
}

static void setnetworkactive(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    bool on = false;
    if (!qc_m_need_net(r, n) || !qc_rpc_bool(r, 0, &on) || qc_m_set_network(n, on))
        return;
    qc_jw_bool(qc_rpc_out(r), qc_net_active(n->net));
}

static void ping(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    if (qc_m_need_net(r, n))
        qc_net_ping(n->net);
}

static void put_networks(qc_jw *w, const qc_node *n)
{
    qc_m_network list[QC_M_NETWORKS];
    qc_m_networks(n, list);
    qc_jw_karr(w, "networks");
    for (size_t i = 0; i < QC_M_NETWORKS; i++) {
        qc_jw_obj(w);
        qc_jw_kstr(w, "name", qc_network_name(list[i].network));
        qc_jw_kbool(w, "limited", !list[i].reachable);
        qc_jw_kbool(w, "reachable", list[i].reachable);
        qc_jw_kstr(w, "proxy", list[i].proxy);
        qc_jw_kbool(w, "proxy_randomize_credentials", list[i].randomize);
        qc_jw_obj_end(w);
    }
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

static void put_bucket(qc_jw *w, const char *name, const qc_txrelay_bucket *b)
{
    qc_jw_kobj(w, name);
    qc_jw_kint(w, "backlog", b->backlog);
    qc_jw_kdouble(w, "count_tok", (double)b->count_tokens / 1000000.0);
    qc_jw_kdouble(w, "size_tok", (double)b->size_tokens / 1000000.0);
    qc_jw_obj_end(w);
}

static void put_relay(qc_jw *w, const qc_txrelay *relay)
{
    qc_txrelay_info i;
    qc_txrelay_info_of(relay, &i);
    qc_jw_kuint(w, "tx_send_rate", i.send_rate);
    qc_jw_kobj(w, "inv_buckets");
    put_bucket(w, "inbound", &i.inbound);
    put_bucket(w, "outbound", &i.outbound);
    qc_jw_obj_end(w);
}

static void getnetworkinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_local_addr *local = NULL;
    size_t n_local = 0;
    qc_m_totals t;
    qc_err err = qc_m_local(n, &local, &n_local);
    if (err) {
        qc_m_fail_err(r, err, "Cannot list own addresses");
        return;
    }
    if (!totals(r, n, &t)) {
        qc_free(local);
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kint(w, "version", CLIENT_VERSION);
    qc_jw_kstr(w, "subversion", n->user_agent);
    qc_jw_kint(w, "protocolversion", QC_NET_PROTOCOL);
    qc_jw_key(w, "localservices");
    qc_jw_strf(w, "%016llx", (unsigned long long)t.services);
    qc_m_kservices(w, "localservicesnames", t.services);
    qc_jw_kbool(w, "localrelay", t.relay);
    qc_jw_kint(w, "timeoffset", t.time_offset);
    if (n->relay)
        put_relay(w, n->relay);
    qc_jw_kbool(w, "networkactive", t.active);
    qc_jw_kuint(w, "connections", t.in + t.out);
    qc_jw_kuint(w, "connections_in", t.in);
    qc_jw_kuint(w, "connections_out", t.out);
    put_networks(w, n);
    if (n->pool) {
        const qc_policy *p = qc_mempool_policy(n->pool);
        qc_jw_kamount(w, "relayfee", qc_feerate_kvb(p->min_relay));
        qc_jw_kamount(w, "incrementalfee", qc_feerate_kvb(p->incremental));
    }
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

static const qc_rpc_param P_ACTIVE[] = {
    {"state", QC_T_BOOL, true, .help = "false: close all connections and allow no new ones"},
    {.names = NULL}};

const qc_rpc_method QC_METHODS_NET[] = {
    {"network", "setnetworkactive", "Turn talking to peers on or off.", P_ACTIVE,
     .result = "true|false    (boolean) The state now", .examples = "setnetworkactive true",
     .fn = setnetworkactive},
    {"network", "ping", "Ping every peer; getpeerinfo then shows the times.", .result = "null",
     .examples = "ping", .fn = ping},
    {"network", "getconnectioncount", "How many peers are connected.", .result = "n    (numeric)",
     .examples = "getconnectioncount", .fn = getconnectioncount},
    {"network", "getnetworkinfo", "This node as its peers see it, and its networks.",
     .result =
         "{ version, subversion, protocolversion, localservices, localservicesnames, localrelay,\n"
         "  timeoffset, tx_send_rate, inv_buckets, networkactive, connections, connections_in,\n"
         "  connections_out, networks, relayfee, incrementalfee, localaddresses, warnings }\n"
         "inv_buckets: { inbound, outbound }: { backlog, count_tok, size_tok } each\n"
         "networks: { name (ipv4, ipv6, onion, i2p, cjdns), limited, reachable, proxy,\n"
         "  proxy_randomize_credentials } each",
     .examples = "getnetworkinfo", .fn = getnetworkinfo},
    {"network", "getnettotals", "Bytes exchanged with peers since the start.",
     .result = "{ totalbytesrecv, totalbytessent, timemillis, uploadtarget: {...} }",
     .examples = "getnettotals", .fn = getnettotals},
    {.name = NULL}};
