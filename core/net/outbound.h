/* core/net/outbound.h: whom this node connects to by itself, and when: kept connections in distinct
 * groups, anchors first; feelers, extra ones against a hidden tip, one per network; and where
 * addresses come from when few are known (Core net.cpp ThreadOpenConnections,
 * ThreadDNSAddressSeed). No sockets and no clock: what there is and the time come in, wishes go
 * out. Thread: one at a time per object; net's in the node. */
#pragma once
#include "core/net/net.h"

/** A connection, or one that is being made. */
typedef struct qc_outbound_conn {
    qc_conn_type type;
    bool made, handshaken;
    qc_peer_addr where; /* all zero while its name is being looked up */
} qc_outbound_conn;

/** What there is. */
typedef struct qc_outbound_view {
    int64_t now; /* microseconds of wall time, as tests set it */
    qc_mono mono;
    bool active;                  /* the network may be used */
    const qc_outbound_conn *conn; /* all, inbound ones too */
    size_t n;
} qc_outbound_view;

/** Who does what is wished for. None of them calls back at once. */
typedef struct qc_outbound_ops {
    void *arg;
    uint64_t (*random)(void *arg);
    /** Connect. count: a failure counts against the address. */
    void (*dial)(void *arg, const qc_peer_addr *a, qc_conn_type type, bool v2, bool count);
    /** Connect to "name[:port]" for addresses, as QC_CONN_ADDR_FETCH. */
    void (*fetch)(void *arg, const char *node);
    /** Look up a name; answer by qc_outbound_found(). */
    void (*look_up)(void *arg, const char *host);
    /** What a peer must offer that says it offers `services`. */
    uint64_t (*desirable)(void *arg, uint64_t services);
    /** Does an operator want a connection to it anyway? NULL: to any at all? */
    bool (*is_added)(void *arg, const qc_peer_addr *a);
    bool (*is_own)(void *arg, const qc_netaddr *a); /* an address of this node */
    unsigned (*networks)(void *arg);                /* that can be reached: 1 << qc_network */
    bool (*has_name_proxy)(void *arg); /* names are not looked up here, but by a proxy */
} qc_outbound_ops;

typedef struct qc_outbound_options {
    qc_slots slots;
    struct qc_peerbook *book; /* outlives the object */
    uint16_t default_port;    /* of addresses that DNS gives */
    bool automatic;           /* false: no connections but for nothing (-connect) */
    bool dnsseed, forcednsseed, fixedseeds;
    const char *const *dns;       /* names to ask; ends with NULL, as the others. Copied */
    const char *const *fixed;     /* "address[:port]", the last resort. Borrowed */
    const char *const *seednodes; /* -seednode. Copied */
    const qc_peer_addr *anchors;  /* to connect to first, the last one before the others. Copied */
    size_t n_anchors;
    const char *anchors_path; /* for qc_net_automate() */
} qc_outbound_options;

typedef struct qc_outbound qc_outbound;

/** Owned: qc_outbound_free(). */
qc_outbound *qc_outbound_new(const qc_outbound_options *o, const qc_outbound_ops *ops);
/** NULL is allowed. */
void qc_outbound_free(QC_OWN qc_outbound *o);
/** Do what is due: at most one connection of each kind. Called about every half second. */
void qc_outbound_tick(qc_outbound *o, const qc_outbound_view *v);
/** Answer to look_up; n 0: the name gives none. Out of turn it is ignored. */
void qc_outbound_found(qc_outbound *o, const qc_netaddr *list, size_t n, qc_unixtime now);
/** The tip may be stale: one outbound connection more (Core SetTryNewOutboundPeer). */
void qc_outbound_try_another(qc_outbound *o, bool on);
/** The first sync is over: now and then one more for blocks only (Core StartExtraBlockRelayPeers).
 */
void qc_outbound_extra_block_only(qc_outbound *o);
