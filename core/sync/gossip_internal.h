/* core/sync/gossip_internal.h: shared by gossip.c (what peers tell) and gossip_tell.c (what they
 * are told). */
#pragma once
#include "core/net/bloom.h"
#include "core/sync/gossip.h"

struct qc_gossip_peer {
    qc_gossip_peer *next;
    qc_gossip_who who;
    bool takes_part;        /* addresses are exchanged; `known` is there then and only then */
    bool asked;             /* we sent getaddr, and no full answer has ended yet */
    bool answered;          /* it sent getaddr */
    qc_rolling_bloom known; /* what it told us, and what we told it */
    qc_peer_addr *queue;
    size_t n_queue, cap_queue;
    int64_t next_send, next_own; /* 0: never yet */
    int64_t tokens, tokens_at;   /* QC_GOSSIP_TOKEN each */
    uint64_t processed, limited;
};

/* An answer to getaddr, for all who ask from the same network at the same address of ours. */
typedef struct answer {
    uint64_t key;
    int64_t until;
    qc_peer_addr *list;
    size_t n;
} answer;

struct qc_gossip {
    qc_gossip_options o;
    uint64_t drawn; /* random numbers so far */
    qc_gossip_peer *peers;
    answer answer[QC_GOSSIP_ANSWERS];
    size_t n_answer;
    qc_peer_addr heard[QC_ADDR_MESSAGE_MAX]; /* scratch */
};

/* Random bits; unforeseeable while the key is secret. */
uint64_t qc_gossip_chance(qc_gossip *g);
/* From now on addresses are exchanged. False: never on this connection, or no memory. */
bool qc_gossip_take_part(qc_gossip *g, qc_gossip_peer *p);
/* It knows this address. */
void qc_gossip_known(qc_gossip_peer *p, const qc_peer_addr *a);
bool qc_gossip_knows(const qc_gossip_peer *p, const qc_peer_addr *a);
/* Can it be told at all: does its message format have a form for it? */
bool qc_gossip_fits(const qc_gossip_peer *p, const qc_peer_addr *a);
/* Queue it, unless the peer knows it or it does not fit. */
void qc_gossip_push(qc_gossip *g, qc_gossip_peer *p, const qc_peer_addr *a);
