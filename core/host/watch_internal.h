/* core/host/watch_internal.h: a stream of watch as its parts see it. Internal to core/host. */
#pragma once
#include "core/host/watch_stream.h"
#include "core/mempool/keymap.h"

/** A transaction of ours that is in no block as far as the plugin knows. */
typedef struct qc_watch_mine {
    qc_hash txid, wtxid;
    bool loose;     /* it was in a block that has left; nothing was told of it since */
    bool coinbase;  /* loose */
    bool conflict;  /* loose: `by`, which is in a block, spends what it spends */
    uint64_t sweep; /* number of the look through the mempool that saw it last */
    qc_hash by;
    qc_outpoint *in; /* loose: what it spends */
    uint32_t n_in;
} qc_watch_mine;

/** A block whose hits have been told, while they wait to be acknowledged. */
typedef struct qc_watch_stage {
    qc_block *block; /* NULL: nothing waits */
    const qc_index *at;
    uint64_t wait; /* seq; UINT64_MAX: they are not all told */
    uint32_t gen;  /* calls of add() whose things it was looked through for */
} qc_watch_stage;

/** Hits that are being told, of a block or of a transaction of the mempool. */
typedef struct qc_watch_telling {
    uint32_t type, flags;
    uint64_t rescan;
    qc_block *block;
    const qc_index *at;
    qc_watch_tx *tx;
    uint64_t chain_seq;
    qn_block_ref ref;
    qc_watch_hits hits;
    size_t i;       /* the next one */
    uint32_t first; /* of its transaction: hit number 0 */
    uint32_t n_of_tx;
    qc_watch_stage *stage; /* waits for these; NULL: nothing does */
} qc_watch_telling;

typedef struct qc_watch_scan {
    uint64_t id; /* 0: free */
    uint32_t next, to;
    uint32_t asked;       /* height up to which blocks were named to qc_watch_source.ahead */
    uint32_t dense;       /* blocks in a row that filters did not pass by */
    uint64_t first, last; /* cookies */
    bool canceled, filters, no_filters;
    bool open;  /* no last height was named: it follows the stream, as far as */
    bool grown; /* things that it is to look for were added since `to` was where the stream stood */
    uint32_t told_to; /* up to there it looks for all, */
    uint32_t gen;     /* and behind that for what was added by later calls than this one */
    qc_watch_stage stage;
    uint64_t wait; /* seq to be acknowledged first: of hits of a block that has left meanwhile */
    uint64_t listed_at; /* version of the set at which the list was made; 0: never */
    qc_span *script;    /* the list; its bytes lie in `bytes` */
    size_t n_script;
    qc_bytes bytes;
    qc_mono told_at;
    uint32_t told; /* heights passed at the last PROGRESS */
} qc_watch_scan;

typedef struct qc_watch_wish {
    uint64_t cookie;
    qc_hash txid;
    const qc_index *at;
    uint32_t depth;
} qc_watch_wish;

struct qc_watch_stream {
    qc_watch_source src;
    qc_watch_owner owner;
    qc_follow follow;
    uint32_t flags, window;
    uint32_t gen;        /* calls of add() so far */
    uint64_t changed_at; /* version of the set at the last change of ours */
    uint64_t seq, acked;
    uint64_t seen; /* of the last SEEN: blocks wait for its acknowledgement */
    qc_watch_stage stage;
    qc_watch_telling tell;
    qn_watch_event *plain; /* to be told after that; from plain_at on */
    size_t plain_at, n_plain, plain_cap;
    bool failed; /* memory ran out in the middle of a step: to be told once */

    uint64_t at_seq; /* change of the tip up to which the chain was told */
    bool gap;        /* blocks were passed over since the news were last read to their end */
    bool joined;     /* `place` is one */
    uint64_t place;  /* in the news */
    uint32_t want;   /* gen up to which a look through the mempool is wanted, */
    uint32_t swept;  /* for which it was made or is under way, */
    uint32_t before; /* and was before that */
    qc_watch_sweep *sweep;
    size_t sweep_at;  /* of those it found: told so far */
    uint64_t n_sweep; /* looks so far */
    qc_keymap mine;   /* qc_watch_mine by txid */
    qc_keymap spent;  /* the loose ones by what they spend */
    size_t n_loose;
    qc_keymap recent; /* hashes: confirmed since the news were last read to their end */

    qc_watch_scan scan[QC_WATCH_RESCANS];
    uint64_t n_scan;
    unsigned turn;
    qc_watch_wish *wish;
    size_t n_wish, wish_cap;
};

/** More of the same step is to be done: neither waiting nor nothing. Not a status of the API. */
#define QC_WATCH_MORE 1

/* ---- watch_tell.c ---- */
/** Is something ready to be given? */
bool qc_watch_pending(const qc_watch_stream *w);
/** The first event that follows from what is watched now: of those that wait to be given the set
 *  was another. */
uint64_t qc_watch_armed(const qc_watch_stream *w);
/** Give one event. False: no room; *used is then what it takes. */
bool qc_watch_give(qc_watch_stream *w, qn_watch_event *out, const qn_watch_event *before,
                   uint8_t *data, uint32_t max, uint64_t *used);
/** Have room for n more events. False: no memory, which is to be told. */
bool qc_watch_room(qc_watch_stream *w, size_t n);
/** An event to be told after what is being told. There is always room for a few, see
 *  qc_watch_room(). */
void qc_watch_say(qc_watch_stream *w, const qn_watch_event *ev);
/** Nothing is being told: tell these hits, whose memory is taken, of a block. */
void qc_watch_tell_block(qc_watch_stream *w, uint32_t type, uint32_t flags, const qc_index *at,
                         const qc_block *b, qc_watch_hits *hits, qc_watch_stage *stage);
/** The same of a transaction of the mempool, whose reference is taken: its hits of things that were
 *  added by calls after `gen`. False: it has none of ours. */
bool qc_watch_tell_tx(qc_watch_stream *w, qc_watch_tx *t, uint32_t gen, uint64_t chain_seq,
                      const qn_block_ref *tip);
/** Something was removed from the set: what is being told must not be about it. */
void qc_watch_tell_check(qc_watch_stream *w);
void qc_watch_tell_clear(qc_watch_telling *t);
qn_block_ref qc_watch_ref(const qc_index *i);
void qc_watch_stage_clear(qc_watch_stage *s);

/* ---- watch_mine.c ---- */
void qc_watch_mine_init(qc_watch_stream *w);
void qc_watch_mine_clear(qc_watch_stream *w);
qc_watch_mine *qc_watch_mine_find(const qc_watch_stream *w, const qc_hash *txid);
/** It is in the mempool: told, and not loose any more. NULL: no memory. */
qc_watch_mine *qc_watch_mine_seen(qc_watch_stream *w, const qc_hash *txid, const qc_hash *wtxid);
void qc_watch_mine_drop(qc_watch_stream *w, qc_watch_mine *m);
/** It is in no block that the stream stands on, and may come back to the mempool or not. */
void qc_watch_mine_loosen(qc_watch_stream *w, const qc_tx *tx);
/** The block at the cursor leaves, with these hits of ours. */
void qc_watch_mine_left(qc_watch_stream *w, const qc_block *b, const qc_watch_hits *hits);
/** A block connects: its transactions are not unconfirmed any more, and what they spend nobody else
 *  can. */
void qc_watch_mine_joined(qc_watch_stream *w, const qc_block *b, const qc_watch_hits *hits);
/** It has been confirmed since the news were read to their end. */
bool qc_watch_mine_recent(const qc_watch_stream *w, const qc_hash *txid);
void qc_watch_mine_recent_clear(qc_watch_stream *w);

/* ---- watch_mempool.c ---- */
/** One step of the mempool. Returns: QN_OK: something is pending; QC_WATCH_MORE; QN_E_AGAIN:
 * nothing; QN_E_NOMEM. Out: *holds: the chain must wait. */
qn_status qc_watch_mempool_step(qc_watch_stream *w, bool *holds);
void qc_watch_mempool_close(qc_watch_stream *w);

/* ---- watch_rescan.c ---- */
/** One step of one. As qc_watch_mempool_step(), or QN_E_LIMIT: it waits for an acknowledgement. */
qn_status qc_watch_rescan_step(qc_watch_stream *w, qc_watch_scan *r, qc_mono until);
/** These were added to the set: are they to be looked for in blocks that connected meanwhile? */
void qc_watch_rescan_grow(qc_watch_stream *w, const qc_watch_key *key, size_t n);
/** The block leaves the chain of the stream. */
void qc_watch_rescan_left(qc_watch_stream *w, const qc_index *at);
void qc_watch_rescan_clear(qc_watch_scan *r);
/** The hits of `stage`'s block that were added since, of a rescan if r is not NULL. Tells them:
 *  QN_OK; QN_E_AGAIN: there are none; QN_E_NOMEM. */
qn_status qc_watch_again(qc_watch_stream *w, qc_watch_stage *stage, const qc_watch_scan *r);
