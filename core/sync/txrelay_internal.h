/* core/sync/txrelay_internal.h: what the files of the relay share. */
#pragma once
#include "core/sync/txrelay.h"

#include "core/base/table.h"
#include "core/net/bloom.h"

#include <stdatomic.h>

/** When inbound peers of one network are told next: together, or each would betray when a
 *  transaction came. */
typedef struct qc_relay_timer {
    qc_table_link by_key;
    int64_t next;
} qc_relay_timer;

typedef struct qc_relay_peer {
    qc_table_link by_id;
    qc_peer_id id;
    bool inbound, at_once, forced, wtxids;
    qc_relay_timer *timer;  /* inbound */
    qc_rolling_bloom known; /* by the names that are spoken; no data: nothing is remembered */
    qc_hash *to_send;       /* owned; wtxids, some perhaps twice */
    size_t n_to_send, cap;
    bool wants_all;
    int64_t next;          /* 0: not told anything yet */
    uint64_t inv_sequence; /* what came to the pool before that may be asked for */
    qc_unixtime last_tx;
} qc_relay_peer;

struct qc_txrelay {
    qc_txrelay_options o;
    qc_txdl *dl;
    qc_extra *extra; /* borrowed; NULL: nobody wants any */
    qc_table peers, timers;
    qc_inv_bucket bucket[2]; /* inbound, outbound */
    int64_t next_check, next_log, next_unasked;
    _Atomic int64_t shown[6];
};

qc_relay_peer *qc_relay_peer_find(const qc_txrelay *r, qc_peer_id id);
static inline uint64_t qc_relay_random(const qc_txrelay *r)
{
    return r->o.random(r->o.random_arg);
}
static inline int64_t qc_relay_now(const qc_txrelay *r)
{
    return r->o.now(r->o.now_arg);
}
/** It has it, or has been told. */
void qc_relay_peer_knows(qc_txrelay *r, qc_relay_peer *p, const qc_hash *name);
/** Take the entries of these out of a list of *n, the best first, `most` of them at least if there
 *  are so many; what is not in the pool is dropped. Out: *out owned, qc_free(). Returns how many;
 *  without memory none, and the list stays. */
size_t qc_relay_best(const qc_txrelay *r, qc_hash *wtxid, size_t *n, size_t most, qc_pool_tx **out);
/** Hand on what the buckets allow. fresh: something has come. */
void qc_relay_backlog(qc_txrelay *r, int64_t now, bool fresh);
/** Hook `say`. */
void qc_relay_say_due(void *arg, const qc_relay_view *v, int64_t now, qc_relay_say *out);
