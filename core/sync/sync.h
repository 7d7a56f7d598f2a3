/* core/sync/sync.h: what a conversation with a peer means: headers and blocks asked for, received,
 * served and announced. All state belongs to the chain thread; core/net carries the messages. */
#pragma once
#include "core/chain/chain.h"
#include "core/chain/thread.h"
#include "core/net/net.h"
#include "core/net/peerbook.h"
#include "core/sync/private.h"
#include "core/sync/relay.h"
#include "core/sync/txsource.h"

typedef struct qc_sync qc_sync;

#define QC_SYNC_IN_FLIGHT 16u /* blocks asked of one peer (Core MAX_BLOCKS_IN_TRANSIT_PER_PEER) */

#define QC_SEND_PAUSE 1000000u

typedef struct qc_sync_options {
    qc_chain *chain;
    qc_net *net;
    uint64_t services;          /* QC_NODE_*: what we told peers */
    qc_peerbook *book;          /* NULL: addresses are neither heard nor told */
    const _Atomic bool *loaded; /* false: blocks are still being imported */
    size_t send_pause; /* bytes that wait to be sent to a peer: none of its messages is processed
                          until they are fewer (Core -maxsendbuffer); 0: QC_SEND_PAUSE */
    /* "host:port" has misbehaved; NULL: nobody minds. Thread: chain. */
    void (*discourage)(void *arg, const char *addr);
    void *discourage_arg;
    bool blocks_only; /* -blocksonly: no transactions are taken from peers */
    size_t extra_txs; /* -blockreconstructionextratxn */
    /* Filters that may be served (-peerblockfilters); NULL: none. */
    struct qc_filterindex *filters;
    qc_tx_source pool; /* transactions that a compact block may be made of */
    qc_relay_hooks relay;
    qc_private *priv; /* -privatebroadcast; NULL: off; borrowed */
} qc_sync_options;

/** Registers with `chain` and `net`: before their threads run. Out: owned, qc_sync_free(). */
void qc_sync_new(qc_sync **out, const qc_sync_options *o);
/** The thread that owns the chain runs; then the net may be started. */
void qc_sync_start(qc_sync *s, qc_chain_thread *t);
/** End all work: waits for jobs of the pool. The net has stopped, the chain thread still runs. NULL
 *  is allowed. */
void qc_sync_stop(qc_sync *s);
/** After the chain thread has ended. NULL is allowed. */
void qc_sync_free(QC_OWN qc_sync *s);

/** Bytes of what the net has handed over and the chain thread has not finished: payloads, or the
 *  blocks they were parsed into, and what is kept with them. Thread: any. */
size_t qc_sync_held(const qc_sync *s);

/** What getpeerinfo tells of the conversation with a peer. Heights are -1 when nothing is known. */
typedef struct qc_sync_peer {
    qc_peer_id id;
    int64_t presynced_headers, synced_headers, synced_blocks;
    qc_unixtime last_block; /* 0: none */
    uint32_t in_flight[QC_SYNC_IN_FLIGHT];
    uint32_t n_in_flight;
    bool hb_to, hb_from; /* BIP152 high bandwidth */
    bool addr_relay;     /* addresses are exchanged with it */
    uint64_t addr_processed, addr_limited;
    bool relay_txs;     /* it wants to hear of transactions */
    int64_t fee_filter; /* satoshis per 1,000 virtual bytes: below that it wants no announcement */
    qc_relay_stats relay;
} qc_sync_peer;
/** All peers: as they are now, or when the chain thread is kept from telling for more than
 * `wait_ms` as they were when last asked for. Out: *list owned, qc_free(). Returns: QC_OK;
 * QC_ENOMEM. Thread: any but chain. */
QC_MUST_CHECK qc_err qc_sync_peers(qc_sync *s, int64_t wait_ms, qc_sync_peer **list, size_t *n);
/** Ask this peer for the body of `i`, whoever was asked before. NULL: asked; else why not (Core's
 *  text, a literal). Thread: any but chain. */
const char *qc_sync_fetch(qc_sync *s, qc_peer_id id, const qc_index *i);
