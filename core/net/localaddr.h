/* core/net/localaddr.h: this node's own addresses as far as it knows them, how sure it is of each,
 * and the networks it can reach. Whoever learns of an address says so here: the operator
 * (-externalip), an interface, a bound socket, a router's mapping, Tor, I2P, peers. Scores and
 * choices are Core's (net.cpp). Thread: any. */
#pragma once
#include "core/net/netaddr.h"

/** How an address became known; a better source replaces a worse one (Core's LOCAL_*). */
typedef enum qc_local_source {
    QC_LOCAL_NONE,
    QC_LOCAL_IF,     /* a network interface has it */
    QC_LOCAL_BIND,   /* we listen on it */
    QC_LOCAL_MAPPED, /* a router forwards it to us */
    QC_LOCAL_MANUAL  /* the operator says so, or it was made for us: Tor, I2P */
} qc_local_source;

typedef struct qc_localaddrs qc_localaddrs;

typedef struct qc_localaddrs_options {
    bool listen;          /* false: no address is ever advertised */
    bool discover;        /* -discover: believe sources below QC_LOCAL_MANUAL */
    bool cjdns;           /* this host is on CJDNS */
    uint16_t port;        /* that we listen on: of addresses that come without one */
    unsigned unreachable; /* networks, as a set of 1 << qc_network, that we cannot connect to */
} qc_localaddrs_options;

/** Every network is reachable but those given. Out: owned, qc_localaddrs_free(). */
qc_localaddrs *qc_localaddrs_new(const qc_localaddrs_options *o);
/** NULL is allowed. */
void qc_localaddrs_free(QC_OWN qc_localaddrs *l);
/** Change what was given to qc_localaddrs_new(); addresses that are known stay. */
void qc_localaddrs_set(qc_localaddrs *l, const qc_localaddrs_options *o);
/** As it is set now. */
qc_localaddrs_options qc_localaddrs_get(qc_localaddrs *l);

/** A network becomes reachable, or ceases to be (-onlynet, Tor, I2P, CJDNS). */
void qc_local_set_reachable(qc_localaddrs *l, qc_network net, bool on);
/** Can we connect to an address of its network (Core g_reachable_nets)? Unroutable ones: no. */
bool qc_local_reaches(qc_localaddrs *l, const qc_netaddr *a);
bool qc_local_reaches_network(qc_localaddrs *l, qc_network net);
/** All of them: a set of 1 << qc_network. */
unsigned qc_local_reachable(qc_localaddrs *l);

/** An address of ours. port 0: the one we listen on, but with I2P, which has no other.
 * unreachable_too: even where we cannot connect to its network. False: not routable, not to be
 * believed without -discover, or unreachable. */
bool qc_local_add(qc_localaddrs *l, const qc_netaddr *a, uint16_t port, qc_local_source source,
                  bool unreachable_too);
/** It is not ours any more. */
void qc_local_remove(qc_localaddrs *l, const qc_netaddr *a);
/** A peer reached us there: one vote for it. False: we do not know it as ours. */
bool qc_local_vote(qc_localaddrs *l, const qc_netaddr *a);
/** Is it one of ours? */
bool qc_local_has(qc_localaddrs *l, const qc_netaddr *a);
/** Ask the system for the addresses of its interfaces, loopback left out, and add each. Does
 *  nothing without -discover. */
void qc_local_discover(qc_localaddrs *l);

typedef struct qc_local_addr {
    qc_netaddr addr;
    uint16_t port;
    int32_t score;
} qc_local_addr;
/** All, in Core's order of addresses. Out: *list owned, qc_free(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_local_list(qc_localaddrs *l, qc_local_addr **list, size_t *n);

/** A peer, as far as the choice of an address for it goes. */
typedef struct qc_local_peer {
    qc_netaddr addr;
    qc_network through; /* network of the connection; onion for what comes in over Tor, too */
    bool inbound;
    qc_netaddr told; /* our address as its version message has it */
    uint16_t told_port;
} qc_local_peer;
/** The address of ours to advertise to a peer: the one that is easiest to reach from where it is;
 *  now and then (`chance` is random) the one it sees us at instead. False: none is fit. */
bool qc_local_for_peer(qc_localaddrs *l, const qc_local_peer *p, uint64_t chance, qc_netaddr *addr,
                       uint16_t *port);
