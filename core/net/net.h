/* core/net/net.h: connections to peers: listening, connecting on every network (directly, through
 * proxies, over I2P), the version handshake, pings, over transport version 1 or 2 (transport.h).
 * What a conversation means is not known here: whole
 * messages go to an owner (core/sync), which asks for what is to be sent. Everything runs on a loop
 * and thread of its own, "net". */
#pragma once
#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/net/peeraddr.h"
#include "core/net/permit.h"
#include "core/net/slots.h"
#include "core/net/transport.h"
#include "core/net/upload.h"

typedef struct qc_net qc_net;
typedef int64_t qc_peer_id;
struct qc_peerbook;
struct qc_outbound_options;

#define QC_NET_PROTOCOL 70017  /* Core PROTOCOL_VERSION */
#define QC_NET_KINDS 40        /* message names counted apart per peer and direction */
#define QC_NET_OTHER "*other*" /* all names that are not known, and messages that were dropped */
#define QC_NODE_NETWORK UINT64_C(1)
#define QC_NODE_BLOOM UINT64_C(4) /* BIP111 */
#define QC_NODE_WITNESS UINT64_C(8)
#define QC_NODE_COMPACT_FILTERS UINT64_C(64)   /* BIP157 */
#define QC_NODE_NETWORK_LIMITED UINT64_C(1024) /* BIP159 */

/* What may wait for the owner, which may be busy for minutes; doc/peer-limits.md adds it all up. */
/* Of one peer (Core's -maxreceivebuffer): then its reading pauses. */
#define QC_NET_RECV_MAX 5000000u
/* Of all: nobody new is accepted, and a peer that has more than a little waiting is not read. */
#define QC_NET_HELD_PAUSE 134217728u
/* Of all: who sends more is dropped, unless the operator or we ourselves chose the peer. */
#define QC_NET_HELD_MAX 536870912u

typedef struct qc_net_options {
    uint8_t magic[4];
    const char *user_agent; /* copied; "/Quoin:0.1.0/" */
    qc_slots slots;
    int64_t peer_timeout; /* seconds for the handshake (-peertimeout) */
    uint64_t services;    /* QC_NODE_*, told to peers; QC_NODE_P2P_V2: speak version 2 */
    size_t recv_max;      /* these three 0: QC_NET_RECV_MAX and so on */
    size_t held_pause;
    size_t held_max;
    uint64_t upload_target;  /* bytes a day (-maxuploadtarget); 0: no limit */
    const char *capture_dir; /* where all messages are written (capture.h); NULL: nowhere. Copied */
    bool active;             /* false: as after qc_net_set_active(n, false) */
    bool relay;              /* transactions are welcome; told to peers */
    uint16_t default_port;   /* of added peers */
    const qc_permit *permit; /* copied */
    size_t n_permit;
    struct qc_peerbook *book;   /* outlives the net */
    uint32_t block_spacing;     /* seconds; with the time of the tip: how far behind this node is */
    struct qc_proxies *proxies; /* borrowed; NULL: none */
    bool cjdns;                 /* fc00::/8 is of CJDNS (-cjdnsreachable) */
    bool no_dns;                /* names of hosts are not looked up (-dns=0) */
    int64_t connect_ms;         /* to reach a peer or a proxy (-timeout); 0: 5000 */
    const char *i2p_key;        /* accept over I2P, as the owner of this file; NULL: do not */
    /** Peers can reach us at an address of I2P, or no longer. Thread: net. May be NULL. */
    void (*i2p_address)(void *arg, const qc_netaddr *a, bool on);
    void *i2p_arg;
} qc_net_options;

/** Why there is a connection (Core ConnectionType). */
typedef enum qc_conn_type {
    QC_CONN_INBOUND,
    QC_CONN_MANUAL,
    QC_CONN_FEELER,
    QC_CONN_FULL, /* outbound, relays everything */
    QC_CONN_BLOCK_ONLY,
    QC_CONN_ADDR_FETCH,
    QC_CONN_PRIVATE /* for one transaction of ours (-privatebroadcast) */
} qc_conn_type;
/** "inbound", "manual", "feeler", "outbound-full-relay", "block-relay-only", "addr-fetch",
 *  "private-broadcast". */
const char *qc_conn_type_text(qc_conn_type t);

/** Bytes by message name. */
typedef struct qc_net_count {
    char name[13];
    uint64_t bytes;
} qc_net_count;

#define QC_NET_PRIVATE_MAX 64u /* of type QC_CONN_PRIVATE at once */
#define QC_PEER_NAME 264u      /* room for a name of 255 bytes and a port */

/** What getpeerinfo tells of a peer. */
typedef struct qc_peer_info {
    qc_peer_id id;
    char addr[QC_PEER_NAME]; /* as it was asked for, or its address */
    char addr_bind[QC_PEER_ADDR_TEXT];
    qc_peer_addr where; /* its address; the one for none when only a proxy knows */
    bool inbound, handshaken;
    bool onion;         /* inbound over Tor: `where` is Tor's, not the peer's */
    qc_network network; /* that the connection is made through */
    qc_conn_type type;
    uint32_t permissions; /* QC_PERMIT_* */
    int32_t version, start_height;
    uint64_t services;
    char user_agent[257];
    bool relay;
    bool wants_addrv2, wtxid_relay; /* BIP155, BIP339 */
    /* What came before verack and counts from then on: sendheaders (BIP130); sendcmpct (BIP152),
     * the last one that matters, with its first byte, which is none it may have when above 1. */
    bool early_headers, early_cmpct;
    uint8_t cmpct_announce;
    qc_netaddr told; /* our address as it says it */
    uint16_t told_port;
    qc_unixtime connected, last_send, last_recv;
    int64_t time_offset;
    int64_t ping_us, min_ping_us; /* -1: none yet */
    int64_t ping_wait_us;         /* since a ping that is not answered yet; 0: none */
    uint64_t sent, received;
    qc_transport_kind transport;
    char session_id[2 * QC_SESSION_ID_LEN + 1]; /* hex; empty but with version 2 */
    qc_net_count sent_by[QC_NET_KINDS], received_by[QC_NET_KINDS];
    size_t n_sent_by, n_received_by;
} qc_peer_info;

/** Who gives the messages a meaning. Called on the net thread, which must not be kept: an owner
 *  hands over to its own thread. Any member may be NULL. */
typedef struct qc_net_owner {
    void *arg;
    /** The handshake is over; messages follow. `p` is borrowed for the call. */
    void (*opened)(void *arg, const qc_peer_info *p);
    /** One whole message, in the order sent; `payload` is borrowed for the call. It fills the
     *  peer's inbox until qc_net_done() says that it has been dealt with. */
    void (*message)(void *arg, qc_peer_id id, const char *name, qc_span payload);
    /** Little or nothing waits to be sent any more; told once per burst. */
    void (*drained)(void *arg, qc_peer_id id);
    /** After `opened` only: the connection is gone, nothing follows. */
    void (*closed)(void *arg, qc_peer_id id);
    /** Several times a second. */
    void (*tick)(void *arg);
    /** Bytes of everything told that has not been dealt with. */
    size_t (*held)(void *arg);
    /** A peer of type QC_CONN_PRIVATE has answered a ping, and is closed for it. */
    void (*pong)(void *arg, qc_peer_id id);
} qc_net_owner;

/** Out: owned, qc_net_free(). Returns: QC_OK; QC_EIO. */
QC_MUST_CHECK qc_err qc_net_new(qc_net **out, const qc_net_options *o);
/** Before qc_net_start(). *o is copied. */
void qc_net_set_owner(qc_net *n, const qc_net_owner *o);
/** Where peers are accepted. */
typedef struct qc_net_bind {
    qc_peer_addr at;      /* address and port */
    uint32_t permissions; /* of everybody who comes this way (-whitebind) */
    bool onion;           /* Tor connects here for others */
    bool white;           /* by -whitebind */
} qc_net_bind;
/** Before qc_net_start(). On failure errno says why. Returns: QC_OK; QC_EINVAL (not an address of
 *  IPv4, IPv6 or CJDNS); QC_EBUSY (cannot bind); QC_EIO. */
QC_MUST_CHECK qc_err qc_net_listen(qc_net *n, const qc_net_bind *b);
/** Connect to peers without being asked, by these rules (outbound.h; *o is copied as said there).
 *  Before qc_net_start(). */
void qc_net_automate(qc_net *n, const struct qc_outbound_options *o);
/** Start the net thread. Returns: QC_OK; QC_EIO. */
QC_MUST_CHECK qc_err qc_net_start(qc_net *n);
/** Stop the thread and close every peer: the owner hears nothing after it. What other threads still
 *  ask for is ignored. NULL is allowed. */
void qc_net_stop(qc_net *n);
/** The same, and free. No call of another thread may be running. NULL is allowed. */
void qc_net_free(QC_OWN qc_net *n);

/* For the owner, from any thread; all return at once, and an id that is gone is ignored. */

/** Queue a message. `payload` is taken and left empty. */
void qc_net_send(qc_net *n, qc_peer_id id, const char *name, qc_bytes *payload);
/** So many messages with `payload_len` bytes in all have been dealt with: there is room for others.
 */
void qc_net_done(qc_net *n, qc_peer_id id, size_t messages, size_t payload_len);
/** Close the connection; `why` is a literal for the log. */
void qc_net_drop(qc_net *n, qc_peer_id id, const char *why);
/** The tip may be stale: try one outbound connection more, until told otherwise. */
void qc_net_try_another(qc_net *n, bool on);
bool qc_net_tries_another(const qc_net *n);
/** The first sync is over: make an extra connection for blocks now and then. */
void qc_net_extra_block_only(qc_net *n);
/** So many (or, less than 0, fewer) connections of type QC_CONN_PRIVATE are wanted: each counts
 *  until its handshake is over. They are made over Tor and I2P only, tell nothing of this node, and
 *  end after three minutes; only "pong" and "getdata" are heard, and of what is sent only "inv",
 *  "tx" and pings go out. */
void qc_net_private(qc_net *n, int64_t more);
/** Ping this peer. */
void qc_net_ping_peer(qc_net *n, qc_peer_id id);
/** It was the first to give us a valid block (or transaction): that speaks for keeping it. */
void qc_net_useful(qc_net *n, qc_peer_id id, bool block);
/** It asked for transactions after all, or through a filter, by `message` (a literal). */
void qc_net_relays(qc_net *n, qc_peer_id id, bool filter, const char *message);

/* The rest is for any thread but net's own, while it runs. */

/** As given in the options. */
uint64_t qc_net_services(const qc_net *n);
bool qc_net_wants_txs(const qc_net *n);
/** The tip of the chain: its height is told to peers, and by its time it is judged what peers must
 *  offer. */
void qc_net_set_tip(qc_net *n, uint32_t height, qc_unixtime time);
/** As given in the options. */
qc_slots qc_net_slots(const qc_net *n);
/** Does it connect to peers that nobody named? */
bool qc_net_is_automatic(const qc_net *n);
/** Connect once to "host[:port]", as a peer of this type. The host is an address of any network, or
 *  a name, which a proxy for names gets as it is, and is looked up when there is none. v2: speak
 *  version 2, and should the peer hang up on it without a word, connect once more with version 1;
 *  false, and where version 2 is off: version 1. Returns: QC_OK (connecting; how that ends is in
 * the log); QC_EINVAL (can be no address or name); QC_EPERM (network inactive); QC_EFULL (no
 *  place for one more of this type; never for QC_CONN_MANUAL); QC_EEXIST (connected already, or
 * connecting); QC_EIO. */
QC_MUST_CHECK qc_err qc_net_connect(qc_net *n, const char *addr, qc_conn_type type, bool v2);
/** The same as QC_CONN_MANUAL, and QC_EFULL when there are `most` (not 0) of that type, those that
 *  are still connecting included. */
QC_MUST_CHECK qc_err qc_net_connect_manual(qc_net *n, const char *addr, bool v2, uint32_t most);
/** Keep connecting to "host[:port]" (a name or numeric); v2: as for qc_net_connect(). only: it is
 *  one of those that -connect names: not listed, not to be removed, and not counted.
 *  Returns: QC_OK; QC_EEXIST. */
QC_MUST_CHECK qc_err qc_net_add(qc_net *n, const char *node, bool v2, bool only);
/** No longer; a connection that there is stays. Returns: QC_OK; QC_ENOENT. */
QC_MUST_CHECK qc_err qc_net_remove(qc_net *n, const char *node);
typedef struct qc_added_info {
    char node[256]; /* as given */
    bool connected, inbound;
    char addr[QC_PEER_ADDR_TEXT]; /* once connected */
} qc_added_info;
/** All that were added. Out: *list owned, qc_free(). */
QC_MUST_CHECK qc_err qc_net_added(qc_net *n, qc_added_info **list, size_t *count);
/** Close a peer by id (addr NULL) or by address. Returns: QC_OK; QC_ENOENT. */
QC_MUST_CHECK qc_err qc_net_disconnect(qc_net *n, qc_peer_id id, const char *addr);
/** Send a message to a peer, whatever it says. name: at most QC_MSG_NAME characters. `payload` is
 *  borrowed. Returns: QC_OK (queued); QC_ENOENT (no such peer, or its handshake is not over);
 *  QC_EINVAL (more than QC_MSG_SEND_MAX). */
QC_MUST_CHECK qc_err qc_net_push(qc_net *n, qc_peer_id id, const char *name,
                                 const qc_bytes *payload);
/** Off: closes every peer and refuses new ones. */
void qc_net_set_active(qc_net *n, bool on);
bool qc_net_active(const qc_net *n);
/** Ping every peer. */
void qc_net_ping(qc_net *n);
/** All peers, oldest first. Out: *list owned, qc_free(). */
QC_MUST_CHECK qc_err qc_net_peers(qc_net *n, qc_peer_info **list, size_t *count);
/** How far the upload target is. */
qc_upload_state qc_net_upload(const qc_net *n);
/** Bytes in all since the start. */
void qc_net_totals(const qc_net *n, uint64_t *received, uint64_t *sent);
