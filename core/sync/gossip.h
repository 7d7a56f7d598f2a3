/* core/sync/gossip.h: addresses that peers tell each other: what they tell us is limited, kept and
 * passed on to one or two others; who asks gets some of what we know; our own address is told now
 * and then. Numbers and manners are Core's (net_processing.cpp, net.cpp), messages those of BIP155.
 * Knows no connections: who owns those says who there is, and sends. Times are microseconds of
 * qc_clock_now_us(). Thread: one at a time per object; the book is locked where it is used. */
#pragma once
#include "core/crypto/siphash.h"
#include "core/net/peerbook.h"

#define QC_GOSSIP_QUEUE 1000u    /* addresses that wait to be sent to a peer */
#define QC_GOSSIP_RELAY_MAX 10u  /* of a message that is passed on */
#define QC_GOSSIP_TOKEN 10000000 /* a peer may tell an address every 10 s ... */
#define QC_GOSSIP_TOKENS 1000    /* ... and save up for so many */
#define QC_GOSSIP_ANSWERS 32u    /* kept answers to getaddr */

typedef struct qc_gossip qc_gossip;
typedef struct qc_gossip_peer qc_gossip_peer;

typedef struct qc_gossip_options {
    qc_peerbook *book;  /* borrowed for the life of the gossip */
    qc_siphash_key key; /* random and secret: all chance comes from it */
    uint64_t services;  /* told with our own address */
    /** Send a message to a peer by its id; `payload` is taken. Not called back into. */
    void (*send)(void *arg, int64_t id, const char *name, qc_bytes *payload);
    void *arg;
} qc_gossip_options;

/** Out: owned, qc_gossip_free(). */
qc_gossip *qc_gossip_new(const qc_gossip_options *o);
/** Every peer has left. NULL is allowed. */
void qc_gossip_free(QC_OWN qc_gossip *g);

/** A peer after its handshake. */
typedef struct qc_gossip_who {
    int64_t id;
    qc_local_peer local; /* where it is, and where it sees us */
    qc_netaddr bind;     /* of ours: that it connected to */
    uint16_t bind_port;
    bool silent;    /* no addresses with this connection: block-relay-only, feeler */
    bool v2;        /* it understands addrv2 */
    bool unlimited; /* the addr permission */
} qc_gossip_who;

/** Out: owned, qc_gossip_leave(). One that we connected to is asked for addresses at once. */
qc_gossip_peer *qc_gossip_join(qc_gossip *g, const qc_gossip_who *who, int64_t now);
/** NULL is allowed. */
void qc_gossip_leave(qc_gossip *g, QC_OWN qc_gossip_peer *p);

/** What became of a message. */
typedef enum qc_gossip_end {
    QC_GOSSIP_OK,
    QC_GOSSIP_SILENT,  /* not on this connection: ignored */
    QC_GOSSIP_BAD,     /* does not decode: ignored */
    QC_GOSSIP_TOO_MANY /* the peer misbehaves */
} qc_gossip_end;
/** It sent "addr" or "addrv2" (v2). Out: *n, the addresses in it; *why with the two last ends. */
qc_gossip_end qc_gossip_hear(qc_gossip *g, qc_gossip_peer *p, bool v2, qc_span payload, int64_t now,
                             size_t *n, qc_addr_fault *why);

typedef enum qc_gossip_asked {
    QC_ASKED_OK,
    QC_ASKED_OUTBOUND, /* who we connected to gets no answer: it could learn what it told us */
    QC_ASKED_AGAIN     /* once per connection */
} qc_gossip_asked;
/** It sent "getaddr". The answer is queued: some of what we know, the same for all who ask at the
 *  same place within a day. */
qc_gossip_asked qc_gossip_answer(qc_gossip *g, qc_gossip_peer *p, int64_t now);

/** Send what is due. advertise: our own address may be told (we listen and are synced). */
void qc_gossip_care(qc_gossip *g, qc_gossip_peer *p, bool advertise, int64_t now);

/** For getpeerinfo. */
typedef struct qc_gossip_state {
    bool enabled; /* addresses are exchanged with it */
    uint64_t processed, limited;
} qc_gossip_state;
qc_gossip_state qc_gossip_state_of(const qc_gossip_peer *p);
/** Bytes that are kept for a peer. */
size_t qc_gossip_bytes(const qc_gossip_peer *p);
