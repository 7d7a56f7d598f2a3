/* peers.control/1: acting on the peers, by the functions that the RPC methods use too. Each way has
 * a parameter of the grant of its own. Calls wait for the net thread, which never waits for
 * plugins.
 */
#include "core/host/internal.h"

#include "core/base/alloc.h"
#include "core/methods/peers.h"

#include "quoin/peers_control.h"

#include <stdio.h>

#define BANS_MAX 10000u /* what plugins may bring the list to: every change is written anew */

typedef struct control_state {
    bool may_connect, may_disconnect, may_ban, may_network;
} control_state;

static qc_err adapter_open(qn_cap *cap, const char **why)
{
    if (!cap->plugin->host->o.node) {
        *why = "the node itself is not at hand";
        return QC_EINVAL;
    }
    control_state *v = qc_alloc(sizeof *v);
    v->may_connect = qc_cap_flag(cap, "connect");
    v->may_disconnect = qc_cap_flag(cap, "disconnect");
    v->may_ban = qc_cap_flag(cap, "ban");
    v->may_network = qc_cap_flag(cap, "network");
    cap->state = v;
    return QC_OK;
}

static void adapter_close(qn_cap *cap)
{
    qc_free(cap->state);
}

static const qc_node *node_of(const qn_cap *cap)
{
    return cap->plugin->host->o.node;
}

/* What a try of the peer layer means here. */
static qn_status answer(qc_err err)
{
    if (err == QC_EPERM) /* the network is off */
        return QN_E_BUSY;
    return err == QC_EFULL ? QN_E_LIMIT : qc_status_of(err); /* of peers or bans, not of a disk */
}

static const char *shown(const char *text)
{
    return text ? text : "";
}

/* ---- connect ---- */

static bool v2_of(const qc_node *n, uint32_t flags)
{
    return !(flags & QN_CONNECT_PLAIN) && n->net && (qc_net_services(n->net) & QC_NODE_P2P_V2);
}

static bool bad_connect(const char *address, uint32_t flags)
{
    return !address || qc_m_is_blank(address) || (flags & ~(uint32_t)QN_CONNECT_PLAIN);
}

static qn_status control_connect(qn_cap *cap, const char *address, uint32_t flags)
{
    const control_state *v = cap->state;
    const qc_node *n = node_of(cap);
    qn_status st = qc_cap_act(cap, v->may_connect, "connect to", shown(address));
    if (st != QN_OK)
        return st;
    if (bad_connect(address, flags))
        return QN_E_INVAL;
    return answer(qc_m_connect_manual(n, address, v2_of(n, flags)));
}

static qn_status control_keep(qn_cap *cap, const char *address, uint32_t flags)
{
    const control_state *v = cap->state;
    const qc_node *n = node_of(cap);
    qc_added_info *list = NULL;
    size_t count = 0;
    qn_status st = qc_cap_act(cap, v->may_connect, "keep connected to", shown(address));
    if (st != QN_OK)
        return st;
    if (bad_connect(address, flags) || strlen(address) >= sizeof list->node)
        return QN_E_INVAL;
    if (qc_m_kept(n, &list, &count))
        return QN_E_NOMEM;
    qc_free(list);
    if (count >= QC_M_CONNECT_MAX)
        return QN_E_LIMIT;
    return answer(qc_m_keep(n, address, v2_of(n, flags)));
}

static qn_status control_forget(qn_cap *cap, const char *address)
{
    const control_state *v = cap->state;
    qn_status st = qc_cap_act(cap, v->may_connect, "keep no longer", shown(address));
    if (st != QN_OK)
        return st;
    return address ? answer(qc_m_forget(node_of(cap), address)) : QN_E_INVAL;
}

/* ---- disconnect ---- */

static qn_status control_disconnect(qn_cap *cap, int64_t peer)
{
    const control_state *v = cap->state;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)peer);
    qn_status st = qc_cap_act(cap, v->may_disconnect, "disconnect peer", text);
    return st == QN_OK ? answer(qc_m_disconnect(node_of(cap), peer, NULL)) : st;
}

static qn_status control_disconnect_address(qn_cap *cap, const char *address)
{
    const control_state *v = cap->state;
    qn_status st = qc_cap_act(cap, v->may_disconnect, "disconnect", shown(address));
    if (st != QN_OK)
        return st;
    return address ? answer(qc_m_disconnect(node_of(cap), 0, address)) : QN_E_INVAL;
}

/* ---- ban ---- */

static qn_status control_ban(qn_cap *cap, const char *subnet, int64_t seconds, uint32_t flags)
{
    const control_state *v = cap->state;
    const qc_m_ban_time t = {seconds, (flags & QN_BAN_UNTIL) != 0};
    qn_status st = qc_cap_act(cap, v->may_ban, "ban", shown(subnet));
    if (st != QN_OK)
        return st;
    if (!subnet || seconds < 0 || (flags & ~(uint32_t)QN_BAN_UNTIL))
        return QN_E_INVAL;
    return answer(qc_m_ban(node_of(cap), subnet, &t, BANS_MAX));
}

static qn_status control_unban(qn_cap *cap, const char *subnet)
{
    const control_state *v = cap->state;
    qn_status st = qc_cap_act(cap, v->may_ban, "lift the ban of", shown(subnet));
    if (st != QN_OK)
        return st;
    return subnet ? answer(qc_m_unban(node_of(cap), subnet)) : QN_E_INVAL;
}

static qn_status control_unban_all(qn_cap *cap)
{
    const control_state *v = cap->state;
    qn_status st = qc_cap_act(cap, v->may_ban, "lift all bans", "");
    return st == QN_OK ? answer(qc_m_unban_all(node_of(cap))) : st;
}

/* ---- network ---- */

static qn_status control_network(qn_cap *cap, uint32_t on)
{
    const control_state *v = cap->state;
    qn_status st = qc_cap_act(cap, v->may_network, on ? "network on" : "network off", "");
    if (st != QN_OK)
        return st;
    return on <= 1 ? answer(qc_m_set_network(node_of(cap), on)) : QN_E_INVAL;
}

static const qn_peers_control_1 TABLE = {
    .h = {sizeof(qn_peers_control_1), QN_PEERS_CONTROL_1_REVISION},
    .connect = control_connect,
    .keep = control_keep,
    .forget = control_forget,
    .disconnect = control_disconnect,
    .disconnect_address = control_disconnect_address,
    .ban = control_ban,
    .unban = control_unban,
    .unban_all = control_unban_all,
    .network = control_network};

const qc_adapter QC_ADAPTER_PEERS_CONTROL = {QN_PEERS_CONTROL_1_ID, &TABLE, adapter_open, NULL,
                                             adapter_close};
