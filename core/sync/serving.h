/* core/sync/serving.h: what peers ask of us, shared by the files of this folder: blocks, headers,
 * parts of blocks, filters. Thread: chain, unless said otherwise. */
#pragma once
#include "core/sync/internal.h"

/* ---- filters.c ---- */
/** What getcfilters, getcfheaders and (without `start`) getcfcheckpt ask for. */
typedef struct qc_filter_ask {
    uint8_t type;
    uint32_t start; /* height of the first; 0 where none is given */
    qc_hash stop;   /* block of the last */
} qc_filter_ask;
/** What is wrong with it, or QC_WIRE_OK. Out: *out. */
qc_wire_fail qc_filter_ask_read(qc_span payload, bool starts, qc_filter_ask *out);
void qc_on_getcfilters(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_getcfheaders(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_getcfcheckpt(qc_sync *s, qc_peer_state *p, qc_span payload);
/** Send the next of the filters that were asked for. */
void qc_filters_on(qc_sync *s, qc_peer_state *p);

/* ---- serve.c ---- */
/** May a peer know that this node has it (Core BlockRequestAllowed)? */
bool qc_block_allowed(qc_sync *s, const qc_index *i);
/** A block to be read for a peer, whose next message waits for it, and made into one message. */
typedef struct qc_serve qc_serve;
struct qc_serve {
    qc_sync *sync;
    qc_peer_id peer;
    const qc_index *index;
    const char *message; /* its name */
    /* Payload from the block. NULL: the block itself. Thread: any. QC_EINVAL: the peer asked for
     * what cannot be. */
    qc_err (*make)(const qc_serve *j, const qc_block *b, qc_bytes *out);
    qc_cmpct_ask ask;       /* owned; of blocktxn */
    bool inventory;         /* part of what getblocks told */
    qc_peer_filter *filter; /* owned, the peer's own; NULL: none is asked for */
    qc_bytes bytes;
    qc_err err;
};
/** From memory when it is the newest block, else on the pool. Takes j->ask. */
void qc_serve_start(qc_sync *s, qc_peer_state *p, const qc_serve *j);
/** Answer as to a getdata, after what is being answered. */
void qc_want(qc_sync *s, qc_peer_state *p, const qc_inv *inv);
void qc_on_getdata(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_getblocks(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_getheaders(qc_sync *s, qc_peer_state *p, qc_span payload);
/** Answer the getheaders that came too early, now that the chain is there. */
void qc_serve_early(qc_sync *s, qc_peer_state *p);
/** Answer what is still wanted, as far as the send queue allows. */
void qc_serve_on(qc_sync *s, qc_peer_state *p);

/* ---- recent.c ---- */
void qc_on_getblocktxn(qc_sync *s, qc_peer_state *p, qc_span payload);
/** Told by the chain: a block on top of the tip, its coins and scripts not checked yet. */
void qc_on_pow_valid(qc_sync *s, const qc_index *i, const qc_block *b);
/** Keep `b` at hand from now on, if it may be told by compact blocks. */
void qc_recent_set(qc_sync *s, const qc_index *i, const qc_block *b);
void qc_recent_clear(qc_sync *s);
/** The body of `i` if it is the block at hand, else NULL. */
const qc_block *qc_recent_block(const qc_sync *s, const qc_index *i);
/** Send it as a compact block. False: it is not at hand, or there is no memory. */
bool qc_recent_send(qc_sync *s, qc_peer_state *p, const qc_index *i);
/** The same, as an announcement; `who` for the log. */
void qc_recent_announce(qc_sync *s, qc_peer_state *p, const qc_index *i, const char *who);
/** Append a transaction of the block at hand, with its witness or without. False: it is not in it,
 *  or there is no memory; nothing is appended that counts. */
bool qc_recent_tx(qc_sync *s, const qc_tx_name *name, bool witness, qc_bytes *out);
/** Append the payload of cmpctblock. Thread: any. */
QC_MUST_CHECK qc_err qc_cmpct_of(const qc_block *b, qc_bytes *out);

/* ---- bip37.c ---- */
bool qc_offers_bloom(const qc_sync *s, const qc_peer_state *p);
void qc_on_filterload(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_filteradd(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_filterclear(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_mempool(qc_sync *s, qc_peer_state *p, qc_span payload);
/** What the filter leaves of a block: appends the payload of merkleblock and the transactions that
 *  match, each with its length before it. Returns: QC_OK; QC_ENOMEM. Thread: any. */
QC_MUST_CHECK qc_err qc_filtered_make(const qc_serve *j, const qc_block *b, qc_bytes *out);
/** ... sent. */
void qc_filtered_send(qc_sync *s, qc_peer_state *p, qc_span made);
