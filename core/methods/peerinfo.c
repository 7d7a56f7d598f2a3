/* getpeerinfo (Core rpc/net.cpp). */
#include "core/base/alloc.h"
#include "core/methods/common.h"
#include "core/methods/peers.h"

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

static void put_address(qc_jw *w, const qc_m_peer *p)
{
    qc_jw_kint(w, "id", p->net.id);
    qc_jw_kstr(w, "addr", p->net.addr);
    if (p->net.addr_bind[0])
        qc_jw_kstr(w, "addrbind", p->net.addr_bind);
    if (p->local[0])
        qc_jw_kstr(w, "addrlocal", p->local);
    qc_jw_kstr(w, "network", qc_network_name(p->net.network));
    if (p->mapped_as)
        qc_jw_kuint(w, "mapped_as", p->mapped_as);
}

static void put_services(qc_jw *w, const qc_peer_info *p, const qc_sync_peer *s)
{
    qc_jw_key(w, "services");
    qc_jw_strf(w, "%016llx", (unsigned long long)p->services);
    qc_m_kservices(w, "servicesnames", p->services);
    qc_jw_kbool(w, "relaytxes", s->relay_txs);
    qc_jw_kuint(w, "last_inv_sequence", s->relay.inv_sequence);
    qc_jw_kuint(w, "inv_to_send", s->relay.inv_to_send);
}

static void put_traffic(qc_jw *w, const qc_m_peer *p)
{
    qc_jw_kint(w, "lastsend", p->net.last_send);
    qc_jw_kint(w, "lastrecv", p->net.last_recv);
    qc_jw_kint(w, "last_transaction", p->sync.relay.last_tx);
    qc_jw_kint(w, "last_block", p->sync.last_block);
    qc_jw_kuint(w, "bytessent", p->net.sent);
    qc_jw_kuint(w, "bytesrecv", p->net.received);
    qc_jw_kint(w, "conntime", p->net.connected);
    qc_jw_kint(w, "timeoffset", p->net.time_offset);
    put_ping(w, "pingtime", p->net.ping_us);
    put_ping(w, "minping", p->net.min_ping_us);
    if (p->net.ping_wait_us > 0)
        put_ping(w, "pingwait", p->net.ping_wait_us);
    qc_jw_kint(w, "version", p->net.version);
    qc_jw_kstr(w, "subver", p->net.user_agent);
    qc_jw_kbool(w, "inbound", p->net.inbound);
}

static void put_conversation(qc_jw *w, const qc_sync_peer *s, uint32_t permissions)
{
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

static void put_peer(qc_jw *w, const qc_m_peer *p)
{
    qc_jw_obj(w);
    put_address(w, p);
    put_services(w, &p->net, &p->sync);
    put_traffic(w, p);
    put_conversation(w, &p->sync, p->net.permissions);
    put_counts(w, "bytessent_per_msg", p->net.sent_by, p->net.n_sent_by);
    put_counts(w, "bytesrecv_per_msg", p->net.received_by, p->net.n_received_by);
    qc_jw_kstr(w, "connection_type", qc_conn_type_text(p->net.type));
    qc_jw_kstr(w, "transport_protocol_type", qc_transport_kind_text(p->net.transport));
    qc_jw_kstr(w, "session_id", p->net.session_id);
    qc_jw_obj_end(w);
}

static void getpeerinfo(qc_rpc_req *r, void *arg)
{
    const qc_node *n = arg;
    qc_m_peer *list;
    size_t count;
    if (!qc_m_need_net(r, n))
        return;
    qc_err err = qc_m_peers(n, QC_M_PATIENT_MS, &list, &count);
    if (err) {
        qc_m_fail_err(r, err, "Cannot list the peers");
        return;
    }
    qc_jw *w = qc_rpc_out(r);
    qc_jw_arr(w);
    for (size_t i = 0; i < count; i++)
        put_peer(w, &list[i]);
    qc_jw_arr_end(w);
    qc_free(list);
}

const qc_rpc_method QC_METHODS_PEERINFO[] = {
    {"network", "getpeerinfo", "Every connected peer.",
     .result =
         "[ { id, addr, addrbind, addrlocal, network, mapped_as, services, servicesnames,\n"
         "    relaytxes, last_inv_sequence, inv_to_send, lastsend, lastrecv, last_transaction,\n"
         "    last_block, bytessent, bytesrecv, conntime, timeoffset, pingtime, minping, "
         "pingwait,\n"
         "    version, subver, inbound, bip152_hb_to, bip152_hb_from, presynced_headers,\n"
         "    synced_headers, synced_blocks, inflight, addr_relay_enabled, addr_processed,\n"
         "    addr_rate_limited, permissions, minfeefilter, bytessent_per_msg,\n"
         "    bytesrecv_per_msg, connection_type, transport_protocol_type, session_id }, ... ]\n"
         "Times are seconds since 1970, those of pings seconds; heights are -1 when nothing is\n"
         "known. addrlocal, addrbind, mapped_as, pingtime, minping and pingwait may be absent.\n"
         "network: one of (ipv4, ipv6, onion, i2p, cjdns, not_publicly_routable)\n"
         "connection_type: inbound, manual, feeler, outbound-full-relay, block-relay-only,\n"
         "addr-fetch, private-broadcast. transport_protocol_type: detecting, v1, v2 (encrypted)",
     .examples = "getpeerinfo", .fn = getpeerinfo},
    {.name = NULL}};
