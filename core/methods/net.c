/* Network methods. This version has no peers yet: the answers are the truthful ones of a node
 * without connections. */
#include "config.h"

#include "core/methods/common.h"

#define CLIENT_VERSION 10000 /* 0.1.0, as Core encodes a version */
#define PROTOCOL_VERSION 70016

static void getconnectioncount(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_jw_int(qc_rpc_out(r), 0);
}

static void getpeerinfo(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_jw_arr(qc_rpc_out(r));
    qc_jw_arr_end(qc_rpc_out(r));
}

static void put_networks(qc_jw *w)
{
    static const char *const name[] = {"ipv4", "ipv6", "onion", "i2p", "cjdns"};
    qc_jw_karr(w, "networks");
    for (size_t i = 0; i < QC_COUNTOF(name); i++) {
        qc_jw_obj(w);
        qc_jw_kstr(w, "name", name[i]);
        qc_jw_kbool(w, "limited", true);
        qc_jw_kbool(w, "reachable", false);
        qc_jw_kstr(w, "proxy", "");
        qc_jw_kbool(w, "proxy_randomize_credentials", false);
        qc_jw_obj_end(w);
    }
    qc_jw_arr_end(w);
}

static void getnetworkinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    const char *comment = n->user_agent_comment ? n->user_agent_comment : "";
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kint(w, "version", CLIENT_VERSION);
    qc_jw_key(w, "subversion");
    qc_jw_strf(w, *comment ? "/Quoin:%s(%s)/" : "/Quoin:%s%s/", PACKAGE_VERSION, comment);
    qc_jw_kint(w, "protocolversion", PROTOCOL_VERSION);
    qc_jw_kstr(w, "localservices", "0000000000000000");
    qc_jw_karr(w, "localservicesnames");
    qc_jw_arr_end(w);
    qc_jw_kbool(w, "localrelay", false);
    qc_jw_kint(w, "timeoffset", 0);
    qc_jw_kbool(w, "networkactive", false);
    qc_jw_kint(w, "connections", 0);
    qc_jw_kint(w, "connections_in", 0);
    qc_jw_kint(w, "connections_out", 0);
    put_networks(w);
    qc_jw_kamount(w, "relayfee", 100);
    qc_jw_kamount(w, "incrementalfee", 100);
    qc_jw_karr(w, "localaddresses");
    qc_jw_arr_end(w);
    qc_m_kwarnings(w, n);
    qc_jw_obj_end(w);
}

static void getnettotals(qc_rpc_req *r, void *arg)
{
    (void)arg;
    qc_jw *w = qc_rpc_out(r);
    qc_jw_obj(w);
    qc_jw_kint(w, "totalbytesrecv", 0);
    qc_jw_kint(w, "totalbytessent", 0);
    qc_jw_kint(w, "timemillis", qc_clock_real_us() / 1000);
    qc_jw_kobj(w, "uploadtarget");
    qc_jw_kint(w, "timeframe", 86400);
    qc_jw_kint(w, "target", 0);
    qc_jw_kbool(w, "target_reached", false);
    qc_jw_kbool(w, "serve_historical_blocks", true);
    qc_jw_kint(w, "bytes_left_in_cycle", 0);
    qc_jw_kint(w, "time_left_in_cycle", 0);
    qc_jw_obj_end(w);
    qc_jw_obj_end(w);
}

const qc_rpc_method QC_METHODS_NET[] = {
    {"network", "getconnectioncount", "Returns the number of connections to other nodes.", NULL,
     "n    (numeric) The connection count", "getconnectioncount", getconnectioncount, false},
    {"network", "getpeerinfo",
     "Returns data about each connected network peer as a json array of "
     "objects.",
     NULL, "[ {...}, ... ]", "getpeerinfo", getpeerinfo, false},
    {"network", "getnetworkinfo",
     "Returns an object containing various state info regarding P2P networking.", NULL,
     "{ version, subversion, protocolversion, localservices, localservicesnames, localrelay,\n"
     "  timeoffset, networkactive, connections, connections_in, connections_out, networks,\n"
     "  relayfee, incrementalfee, localaddresses, warnings }",
     "getnetworkinfo", getnetworkinfo, false},
    {"network", "getnettotals",
     "Returns information about network traffic, including bytes in, bytes out, and current "
     "system time.",
     NULL, "{ totalbytesrecv, totalbytessent, timemillis, uploadtarget: {...} }", "getnettotals",
     getnettotals, false},
    {0},
};
