/* core/net/evict.h: which inbound peer makes room for a new one. What an attacker cannot easily
 * have protects: rare groups, low ping, useful transactions and blocks, other networks, long
 * connections. Numbers and order are Core's (node/eviction.cpp). Pure. Thread: any. */
#pragma once
#include "core/base/clock.h"
#include "core/net/netaddr.h"

typedef struct qc_evict_peer {
    int64_t id;
    qc_unixtime connected;
    int64_t min_ping_us;    /* INT64_MAX: none yet */
    qc_unixtime last_block; /* its last block that was new to us; 0: none */
    qc_unixtime last_tx;
    bool relevant_services, relays_txs, has_filter;
    bool inbound, noban, prefer_evict, is_local;
    uint64_t keyed_group; /* its group under a secret key */
    qc_network net;
} qc_evict_peer;

/** The peer to disconnect. The list is reordered. False: all are protected. */
bool qc_evict_choose(qc_evict_peer *list, size_t n, int64_t *id);
