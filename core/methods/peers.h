/* core/methods/peers.h: what this node knows of its peers and what can be done with them, put
 * together from core/net, core/sync and the book of addresses: one set of functions, which the RPC
 * methods and the tables of plugins both call. All may wait for the net thread. Without a peer
 * layer they answer QC_EUNSUPPORTED, or that there is nobody. Thread: any but net and chain. */
#pragma once
#include "core/methods/context.h"
#include "core/net/peerbook.h"

#define QC_M_CONNECT_MAX 8u /* connections that were asked for (Core MAX_ADDNODE_CONNECTIONS) */
/** How long a call may wait for the chain thread to tell what only it knows. */
#define QC_M_PATIENT_MS 30000
#define QC_M_HASTY_MS 100

/** A peer, as connection and as conversation. */
typedef struct qc_m_peer {
    qc_peer_info net;
    qc_sync_peer sync;
    uint32_t mapped_as; /* 0: not known */
    char local[96];     /* our "host:port" as it sees it; empty: it did not say */
} qc_m_peer;
/** All peers, oldest first. Out: *list owned, qc_free(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_m_peers(const qc_node *n, int64_t wait_ms, qc_m_peer **list, size_t *count);

typedef struct qc_m_totals {
    bool running, active;
    uint32_t in, out; /* connections */
    uint32_t max;     /* -maxconnections */
    bool relay;       /* transactions are asked for */
    qc_upload_state upload;
    uint64_t services, received, sent;
    int64_t time_offset; /* seconds: median of what outbound peers say; 0 with fewer than 5 */
} qc_m_totals;
/** Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_m_peer_totals(const qc_node *n, qc_m_totals *out);

/** "host:port", with brackets around a host that has colons. */
void qc_m_host_port(const qc_netaddr *a, uint16_t port, char *out, size_t cap);

/** Networks that this version knows, in Core's order, ipv4 first. */
#define QC_M_NETWORKS 5u
typedef struct qc_m_network {
    qc_network network;
    bool reachable;                /* connections are made there */
    char proxy[QC_PROXY_TEXT];     /* empty: none */
    bool randomize;                /* credentials of its own for each connection */
    size_t known_new, known_tried; /* addresses */
} qc_m_network;
void qc_m_networks(const qc_node *n, qc_m_network out[static QC_M_NETWORKS]);

/** Our own addresses. Out: *list owned, qc_free(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_m_local(const qc_node *n, qc_local_addr **list, size_t *count);

/** Connect once. Returns: QC_OK (it is begun); QC_EUNSUPPORTED; or as
 *  qc_net_connect(). */
QC_MUST_CHECK qc_err qc_m_connect(const qc_node *n, const char *addr, qc_conn_type type, bool v2);
/** The same as QC_CONN_MANUAL, and QC_EFULL when there are QC_M_CONNECT_MAX of them, those that are
 *  still connecting included. */
QC_MUST_CHECK qc_err qc_m_connect_manual(const qc_node *n, const char *addr, bool v2);
/** Nothing but white space: no address. */
bool qc_m_is_blank(const char *text);
/** Keep connected, and no longer. Returns: QC_OK; QC_EUNSUPPORTED; QC_EINVAL (no address at all);
 *  QC_EEXIST or QC_ENOENT. */
QC_MUST_CHECK qc_err qc_m_keep(const qc_node *n, const char *node, bool v2);
QC_MUST_CHECK qc_err qc_m_forget(const qc_node *n, const char *node);
/** Peers that are kept. Out: *list owned, qc_free(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_m_kept(const qc_node *n, qc_added_info **list, size_t *count);
/** Close a connection, by id (addr NULL) or address. Returns: QC_OK; QC_EUNSUPPORTED; QC_ENOENT. */
QC_MUST_CHECK qc_err qc_m_disconnect(const qc_node *n, qc_peer_id id, const char *addr);
/** Returns: QC_OK; QC_EUNSUPPORTED. */
QC_MUST_CHECK qc_err qc_m_set_network(const qc_node *n, bool on);

typedef struct qc_m_ban_time {
    int64_t seconds; /* 0: as -bantime says */
    bool absolute;   /* seconds since 1970 */
} qc_m_ban_time;
/** Ban an address ("1.2.3.4") or subnet ("1.2.3.0/24") and close the connections it covers. most:
 *  bans that there may be (0: any number). Returns: QC_OK; QC_EUNSUPPORTED; QC_EINVAL (text);
 *  QC_EEXIST (banned already); QC_ERANGE (a time that has passed); QC_EFULL; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_m_ban(const qc_node *n, const char *subnet, const qc_m_ban_time *t,
                              size_t most);
/** Returns: QC_OK; QC_EUNSUPPORTED; QC_EINVAL; QC_ENOENT. */
QC_MUST_CHECK qc_err qc_m_unban(const qc_node *n, const char *subnet);
/** Returns: QC_OK; QC_EUNSUPPORTED. */
QC_MUST_CHECK qc_err qc_m_unban_all(const qc_node *n);
/** What is banned now, in Core's order. Out: *list owned, qc_free(). Returns: QC_OK;
 *  QC_EUNSUPPORTED; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_m_bans(const qc_node *n, qc_ban **list, size_t *count);
