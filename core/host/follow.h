/* core/host/follow.h: the rules of chain.follow, without threads or tables: a cursor, what is
 * delivered, what is acknowledged. The chain is reached through qc_follow_source, so that the rules
 * run over any history. Thread: any, one at a time per follower. */
#pragma once
#include "core/chain/index.h"
#include "quoin/chain_follow.h"

/** What the rules need to know of a chain. */
typedef struct qc_follow_source {
    void *arg;
    /** Newest block that survives a crash; NULL: none yet. */
    const qc_index *(*durable)(void *arg);
    /** Any known header, or NULL. */
    const qc_index *(*find)(void *arg, const qc_hash *hash);
    /** Lowest height whose body is here; 0: all. */
    uint32_t (*prune_height)(void *arg);
    /** Which change of the tip it is, if `at` is the tip; else 0. */
    uint64_t (*tip_seq)(void *arg, const qc_index *at);
    uint64_t epoch;
} qc_follow_source;

typedef struct qc_follow {
    qc_follow_source src;
    const qc_index *cursor; /* NULL: before from_height */
    uint32_t from_height;
    uint32_t window;
    uint64_t seq, acked;
    /** Cursor after each event that is not acknowledged: seq acked + 1 + i. */
    const qc_index **unacked;
    const qc_index *acked_at; /* cursor at `acked`; NULL: before from_height */
    qn_follow_event event;
} qc_follow;

#define QC_LOCATOR_MAX 101u
#define QC_BEFORE_GENESIS UINT32_MAX

/** Find the place to start (D3). Out: *f, qc_follow_clear(); *start. On QN_E_UNKNOWN_TIP nothing is
 *  kept, and *start is the newest block of the locator on the chain (or before genesis).
 *  Returns: QN_OK; QN_E_UNKNOWN_TIP; QN_E_INVAL; QN_E_BUSY (no chain yet); QN_E_NOMEM. */
qn_status qc_follow_open(qc_follow *f, const qc_follow_source *src, const qn_hash *locator,
                         uint32_t n_locator, uint32_t from_height, uint32_t window,
                         qn_block_ref *start);
void qc_follow_clear(qc_follow *f);
/** The next step, derived from (cursor, chain); the cursor does not move. Out: *at the block
 *  concerned, *type QN_EV_*. Returns: QN_OK; QN_E_AGAIN; QN_E_LIMIT (window full). */
qn_status qc_follow_peek(const qc_follow *f, const qc_index **at, uint32_t *type);
/** Take that step: makes f->event and moves the cursor. */
void qc_follow_take(qc_follow *f, const qc_index *at, uint32_t type);
/** Returns: QN_OK; QN_E_INVAL (never delivered). */
qn_status qc_follow_ack(qc_follow *f, uint64_t seq);
