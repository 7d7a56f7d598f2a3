/* core/app/nets.h: what the options say about networks: where peers are accepted, what is reached
 * through which proxy (Core init.cpp). Read before anything is opened. Thread: main. */
#pragma once
#include "core/net/net.h"
#include "core/net/proxies.h"

typedef struct qc_app qc_app;

typedef struct qc_app_nets {
    qc_proxies *proxies;
    unsigned unreachable; /* networks, as a set of 1 << qc_network (-onlynet and the like) */
    bool only_onion;      /* onion is named by -onlynet */
    bool only_some;       /* -onlynet is given */
    qc_net_bind *bind;    /* -bind, then -whitebind; permissions as they were named */
    size_t n_bind;
    bool bind_any;             /* no -bind and no -whitebind */
    uint16_t listen_port;      /* told to peers (Core GetListenPort) */
    qc_peer_addr onion_target; /* where Tor is told to connect */
} qc_app_nets;

/** Options that follow from others; each is logged. */
void qc_app_nets_interact(qc_app *a);
/** Read and judge. False: the operator has been told. */
bool qc_app_nets_read(qc_app *a);
void qc_app_nets_free(qc_app *a);
/** Part of the above: listening addresses (binds.c). */
bool qc_app_binds_read(qc_app *a);
/** Listen where the options say. False: the operator has been told. */
bool qc_app_binds_open(qc_app *a);
/** "host[:port]"; a name is looked up unless -dns=0. False: no address. May block. */
bool qc_app_address(const qc_app *a, const char *text, uint16_t default_port, qc_proxy *out);
/** The same as a peer's address, of any network. */
bool qc_app_peer_address(const qc_app *a, const char *text, uint16_t default_port,
                         qc_peer_addr *out);
