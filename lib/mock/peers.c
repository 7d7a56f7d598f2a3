/* The mock's peers: those that the test made up. What is done to them is a line in the log. */
#include "lib/mock/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- peers.read ---- */

static qn_status peers_info(qn_cap *cap, qn_peers_info *info)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    if (!info || info->size < sizeof(uint32_t))
        return QN_E_INVAL;
    qn_peers_info out = cap->mock->peers;
    out.size = info->size < sizeof out ? info->size : (uint32_t)sizeof out;
    out.n_bans = cap->mock->n_peer_ban;
    out.n_added = cap->mock->n_peer_added;
    memcpy(info, &out, out.size);
    return QN_OK;
}

/* The records of a list, of `size` bytes each, as far as there is room. */
static qn_status give(qn_cap *cap, const void *list, uint32_t count, size_t size, void *out,
                      uint32_t max, uint32_t *n)
{
    qn_status st = qn_mk_enter(cap);
    if (st != QN_OK)
        return st;
    *n = count;
    uint32_t fits = count < max ? count : max;
    if (fits)
        memcpy(out, list, fits * size);
    return count <= max ? QN_OK : QN_E_SPACE;
}

static qn_status peers_peers(qn_cap *cap, qn_peer *out, uint32_t max, uint32_t *n)
{
    const qn_mock *m = cap->mock;
    return give(cap, m->peer, m->n_peer, sizeof *out, out, max, n);
}

static qn_status peers_messages(qn_cap *cap, int64_t peer, qn_peer_message *out, uint32_t max,
                                uint32_t *n)
{
    const qn_mock *m = cap->mock;
    int found = peer == -1;
    for (uint32_t i = 0; i < m->n_peer; i++)
        found |= m->peer[i].id == peer;
    if (!found) {
        qn_status st = qn_mk_enter(cap);
        return st == QN_OK ? QN_E_NOTFOUND : st;
    }
    return give(cap, m->peer_message, m->n_peer_message, sizeof *out, out, max, n);
}

static qn_status peers_networks(qn_cap *cap, qn_peer_network *out, uint32_t max, uint32_t *n)
{
    const qn_mock *m = cap->mock;
    return give(cap, m->peer_network, m->n_peer_network, sizeof *out, out, max, n);
}

static qn_status peers_local(qn_cap *cap, qn_peer_local *out, uint32_t max, uint32_t *n)
{
    const qn_mock *m = cap->mock;
    return give(cap, m->peer_local, m->n_peer_local, sizeof *out, out, max, n);
}

static qn_status peers_bans(qn_cap *cap, qn_peer_ban *out, uint32_t max, uint32_t *n)
{
    const qn_mock *m = cap->mock;
    return give(cap, m->peer_ban, m->n_peer_ban, sizeof *out, out, max, n);
}

static qn_status peers_added(qn_cap *cap, qn_peer_added *out, uint32_t max, uint32_t *n)
{
    const qn_mock *m = cap->mock;
    return give(cap, m->peer_added, m->n_peer_added, sizeof *out, out, max, n);
}

const qn_peers_read_1 QN_MK_PEERS_READ = {.h = {sizeof(qn_peers_read_1), QN_PEERS_READ_1_REVISION},
                                          .info = peers_info,
                                          .peers = peers_peers,
                                          .messages = peers_messages,
                                          .networks = peers_networks,
                                          .local = peers_local,
                                          .bans = peers_bans,
                                          .added = peers_added,
                                          .warnings = qn_mk_warnings};

void qn_mk_peers_init(qn_mock *m)
{
    m->peers = (qn_peers_info){.flags = QN_PEERS_RUNNING | QN_PEERS_ACTIVE,
                               .protocol_version = 70016,
                               .max_connections = 125};
}

void qn_mock_peers(qn_mock *m, const qn_peers_info *info, const qn_peer *list, uint32_t n)
{
    if (info)
        m->peers = *info;
    m->peer = list;
    m->n_peer = n;
}

void qn_mock_peer_messages(qn_mock *m, const qn_peer_message *list, uint32_t n)
{
    m->peer_message = list;
    m->n_peer_message = n;
}

void qn_mock_peer_networks(qn_mock *m, const qn_peer_network *list, uint32_t n)
{
    m->peer_network = list;
    m->n_peer_network = n;
}

void qn_mock_peer_local(qn_mock *m, const qn_peer_local *list, uint32_t n)
{
    m->peer_local = list;
    m->n_peer_local = n;
}

void qn_mock_peer_bans(qn_mock *m, const qn_peer_ban *list, uint32_t n)
{
    m->peer_ban = list;
    m->n_peer_ban = n;
}

void qn_mock_peer_added(qn_mock *m, const qn_peer_added *list, uint32_t n)
{
    m->peer_added = list;
    m->n_peer_added = n;
}

/* ---- peers.control ---- */

static qn_status note(qn_cap *cap, const char *what, const char *on)
{
    return on ? qn_mk_control(cap, "peers", what, on) : QN_E_INVAL;
}

static qn_status control_connect(qn_cap *cap, const char *address, uint32_t flags)
{
    return note(cap, flags & QN_CONNECT_PLAIN ? "connect plainly" : "connect", address);
}

static qn_status control_keep(qn_cap *cap, const char *address, uint32_t flags)
{
    return note(cap, flags & QN_CONNECT_PLAIN ? "keep plainly" : "keep", address);
}

static qn_status control_forget(qn_cap *cap, const char *address)
{
    return note(cap, "forget", address);
}

static qn_status control_disconnect(qn_cap *cap, int64_t peer)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)peer);
    return note(cap, "disconnect", text);
}

static qn_status control_disconnect_address(qn_cap *cap, const char *address)
{
    return note(cap, "disconnect", address);
}

static qn_status control_ban(qn_cap *cap, const char *subnet, int64_t seconds, uint32_t flags)
{
    (void)seconds;
    (void)flags;
    return note(cap, "ban", subnet);
}

static qn_status control_unban(qn_cap *cap, const char *subnet)
{
    return note(cap, "unban", subnet);
}

static qn_status control_unban_all(qn_cap *cap)
{
    return note(cap, "unban all", "");
}

static qn_status control_network(qn_cap *cap, uint32_t on)
{
    return note(cap, on ? "network on" : "network off", "");
}

const qn_peers_control_1 QN_MK_PEERS_CONTROL = {
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
