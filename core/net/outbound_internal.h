/* core/net/outbound_internal.h: shared by outbound.c, seeds.c. */
#pragma once
#include "core/net/outbound.h"
#include "core/net/peerbook.h"

#define SECOND_US ((int64_t)1000000)
#define MINUTE_US (60 * SECOND_US)
#define ENOUGH_PEERS 2u /* outbound, that relay: Core SEED_OUTBOUND_CONNECTION_THRESHOLD */

typedef enum dns_state {
    DNS_SEEDNODES, /* those have a try first */
    DNS_PLAN,
    DNS_NEXT,
    DNS_WAIT, /* perhaps the known addresses suffice */
    DNS_ASK,
    DNS_ANSWER, /* a name is being looked up */
    DNS_DONE
} dns_state;

struct qc_outbound {
    qc_outbound_options o;
    qc_outbound_ops ops;
    bool begun;
    int64_t start; /* microseconds of wall time */

    /* connections */
    qc_peer_addr *anchors;
    size_t n_anchors;
    int64_t next_feeler, next_block_only, next_network;
    bool try_another, extra_block_only;
    bool feeler_waits; /* a little, so that feelers are not made in step with anything */
    qc_peer_addr feeler;
    bool feeler_counts;
    qc_mono feeler_at;

    /* addresses */
    char **seednodes; /* not asked yet */
    size_t n_seednodes;
    bool had_seednodes, add_seednode, use_fixed;
    int64_t seednode_time;
    char **fetch; /* to be asked for addresses */
    size_t n_fetch;
    dns_state dns;
    char **names; /* of DNS seeds, shuffled */
    size_t n_names, next_name, names_now, found;
    bool dns_said_inactive;
    qc_mono dns_until, dns_look;
};

/* ---- outbound.c ---- */
uint64_t qc_outbound_random(qc_outbound *o);
size_t qc_outbound_known(qc_outbound *o);             /* addresses */
uint32_t qc_outbound_full(const qc_outbound_view *v); /* connections that are up and relay */

/* ---- seeds.c ---- */
void qc_seeds_init(qc_outbound *o);
void qc_seeds_free(qc_outbound *o);
/** DNS seeds, whatever else goes on. */
void qc_seeds_dns(qc_outbound *o, const qc_outbound_view *v);
/** Connections for addresses. free: one may be made. */
void qc_seeds_fetch(qc_outbound *o, const qc_outbound_view *v, bool free);
/** The last resort, and seed nodes when connections do not come up. */
void qc_seeds_care(qc_outbound *o, const qc_outbound_view *v);
