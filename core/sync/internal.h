/* core/sync/internal.h: shared by the files of this folder. Thread: chain, unless said otherwise.
 * Numbers are Core's (net_processing.cpp). */
#pragma once
#include "core/sync/extra.h"
#include "core/sync/gossip.h"
#include "core/sync/locator.h"
#include "core/sync/partial.h"
#include "core/sync/peerfilter.h"
#include "core/sync/presync.h"
#include "core/sync/sync.h"

#include "core/btc/merkleproof.h"
#include "core/btc/wire.h"
#include "core/os/thread.h"

#include <stdatomic.h>

#define QC_SECOND ((int64_t)1000000) /* times are microseconds of qc_clock_now_us() */
#define QC_HEADERS_MAX 2000u
#define QC_INV_MAX 50000u
#define QC_ANNOUNCE_MAX 8u     /* new blocks told by their headers; more: by inv */
#define QC_LIMITED_BLOCKS 288u /* BIP159 */
#define QC_BLOCKTXN_DEPTH 10   /* Core MAX_BLOCKTXN_DEPTH */

/* What is asked for by inv and getdata. */
#define QC_INV_TX 1u
#define QC_INV_BLOCK 2u
#define QC_INV_FILTERED 3u
#define QC_INV_CMPCT 4u
#define QC_INV_WTX 5u
#define QC_INV_WITNESS 0x40000000u

typedef struct qc_inv {
    uint32_t type;
    qc_hash hash;
} qc_inv;

/** The transactions that one inv message has named so far. */
typedef struct qc_inv_seen qc_inv_seen;

/** A received message, kept until its turn. A block is parsed on the pool meanwhile. */
typedef struct qc_sync_msg {
    struct qc_sync_msg *next;
    qc_sync *sync;
    qc_peer_id peer;
    char name[13];
    qc_bytes payload;
    size_t len;           /* of the payload, which may be freed early */
    size_t charged;       /* of qc_sync.held, for all that hangs on this */
    bool parsing;         /* a worker has it */
    bool orphan;          /* its peer is gone */
    struct qc_body *body; /* of a block message, else NULL */
    bool looked_at;       /* by qc_relay_look_ahead() */
    qc_txbuf *tx;         /* owned; of a tx message that was looked at; NULL: not parsed */
    bool ahead;           /* the pool has begun on it */
} qc_sync_msg;

/** What a block message has come to. */
typedef struct qc_body {
    qc_block *block; /* NULL: see fail */
    qc_wire_fail fail;
    uint64_t n_tx;    /* as the message says */
    bool crowded;     /* more transactions than a block has room for: not parsed */
    qc_verdict found; /* by the context-free rules */
} qc_body;

/** A block asked of a peer. */
typedef struct qc_flight {
    struct qc_flight *next;      /* of the same peer, in order of asking */
    struct qc_flight *same_slot; /* of the table */
    struct qc_peer_state *peer;
    const qc_index *index;
    qc_partial *partial; /* owned; NULL: asked for whole */
    bool tried;          /* a compact block came for it */
} qc_flight;

typedef struct qc_peer_state {
    struct qc_peer_state *next;
    qc_peer_info info; /* as it was when the connection opened */
    qc_peer_id id;
    bool closing; /* asked the net to drop it: nothing is processed any more */

    qc_sync_msg *head, **tail;
    size_t n_done, done_bytes; /* dealt with, and the net has not been told yet */
    qc_mono told;              /* when it was */
    bool turn;                 /* a turn is posted */
    bool serving;              /* a worker reads a block for it */
    size_t unsent;

    /* what it has */
    const qc_index *best_known, *best_sent, *last_common;
    qc_hash last_unknown; /* zero: none */

    /* headers */
    bool sync_started, preferred, prefers_headers, sent_sendheaders, inv_asked;
    int64_t headers_timeout; /* INT64_MAX: none */
    int64_t getheaders_sent; /* 0: none on the way */
    qc_presync *presync;

    /* blocks */
    qc_flight *flight;
    uint32_t n_flight;
    int64_t downloading_since, stalling_since;
    qc_unixtime last_block;
    qc_unixtime last_announcement; /* of a header that was new to us, with more work than our tip */

    /* is its chain worth the connection (Core ChainSyncTimeoutState) */
    bool protect, chain_asked;
    int64_t chain_timeout; /* seconds; 0: none */
    const qc_index *chain_mark;

    /* to be told */
    qc_hash *announce;
    size_t n_announce;
    qc_hash continuation; /* zero: none */

    /* asked of us */
    qc_inv *wanted;
    size_t n_wanted, at_wanted;
    qc_bytes early_ask;           /* getheaders that came while blocks were being loaded */
    const qc_index *filters_stop; /* NULL: no filters are */
    uint32_t filters_next;        /* height */

    /* BIP152. hb_to: we asked it to announce by compact blocks; hb_from: it asked us; compact: it
     * understands them. */
    bool hb_to, hb_from, compact;

    qc_gossip_peer *gossip; /* NULL: none with it */

    bool relay_txs;         /* it wants transactions: as it said at first, or by a filter message */
    qc_peer_filter *filter; /* BIP37; NULL: none, or lent to the worker while `serving` */
    bool filter_lent;
    /* fee rates of feefilter: the peer's, and the one it was told last */
    int64_t fee_filter, fee_told, fee_next;
} qc_peer_state;

/** Who gave us a block that has not been judged yet. */
typedef struct qc_source {
    struct qc_source *next;
    qc_hash hash;
    qc_peer_id peer;
    bool punish; /* false: it came as a compact block */
} qc_source;

/** The conversations as others last saw them. */
typedef struct qc_report {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool posted;    /* the chain thread was asked for a new one */
    uint64_t taken; /* how many there were */
    qc_sync_peer *list;
    size_t n;
} qc_report;

#define QC_FLIGHT_SLOTS 1024u

struct qc_sync {
    qc_chain *chain;
    qc_chain_thread *thread;
    qc_net *net;
    const qc_params *params;
    uint64_t services;
    const _Atomic bool *loaded;
    struct qc_filterindex *filters;
    void (*discourage)(void *arg, const char *addr);
    void *discourage_arg;
    _Atomic size_t held; /* bytes on their way from the net, or waiting: qc_sync_held() */
    size_t send_pause;
    _Atomic bool tick_posted;
    _Atomic bool started;
    bool stopped, flush_posted;
    qc_mono cared; /* when all had their turn */

    qc_peer_state *peers;
    uint32_t n_sync_started, n_preferred, n_protected;
    qc_flight *slot[QC_FLIGHT_SLOTS];
    uint32_t n_flight, n_downloading; /* requests; peers with any */
    uint32_t n_turns;                 /* posted */
    uint32_t n_ahead;                 /* transactions parsed before their turn */
    int64_t stalling_timeout;
    int64_t last_connected, extra_checked, stale_checked; /* stale.c */
    bool caught_up;
    qc_source *sources;
    qc_hash last_inv_block; /* that started a headers sync */
    qc_peer_id presync_best;

    /* compact blocks */
    bool blocks_only;
    qc_tx_source pool;
    qc_extra *extra;
    qc_peer_id hb[4]; /* asked to announce by compact blocks, the oldest first */
    size_t n_hb;
    const qc_index *recent; /* NULL: none */
    const qc_block *recent_block;
    qc_bytes recent_cmpct;               /* empty: not made yet */
    struct qc_recent_name *recent_names; /* its transactions by both names, sorted; NULL: not yet */
    uint32_t announced_height;           /* of what was told before it was connected */

    qc_peerbook *book;
    qc_gossip *gossip; /* NULL with it */
    qc_relay_hooks relay;
    qc_private *priv; /* NULL: nothing is sent in private */

    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned jobs; /* on the pool; under the lock */
    qc_report report;
};

/* ---- report.c ---- */
void qc_report_init(qc_report *r);
void qc_report_clear(qc_report *r);

/* ---- sync.c ---- */
qc_peer_state *qc_sync_peer_find(const qc_sync *s, qc_peer_id id);
void qc_sync_send(qc_sync *s, qc_peer_state *p, const char *name, qc_bytes *payload);
/** As the bytes of a message without payload. */
void qc_sync_send_empty(qc_sync *s, qc_peer_state *p, const char *name);
/** Close the connection; `why` is a literal. What follows from it is ignored. */
void qc_sync_drop(qc_sync *s, qc_peer_state *p, const char *why);
/** It broke a rule that no honest peer breaks (Core Misbehaving). */
void qc_sync_misbehaving(qc_sync *s, qc_peer_state *p, const char *fmt, ...) QC_PRINTF(3, 4);
/** What a verdict on its data says about the peer (Core MaybePunishNodeForBlock). */
void qc_sync_punish(qc_sync *s, qc_peer_state *p, const qc_verdict *v, bool compact,
                    const char *message);
void qc_sync_msg_free(QC_OWN qc_sync_msg *m);
/** A worker's job has been started, or has ended. Ended: thread any. */
void qc_sync_job_begin(qc_sync *s);
void qc_sync_job_end(qc_sync *s);
/** Let the next message of `p` be processed, when nothing is in its way. */
void qc_sync_go_on(qc_sync *s, qc_peer_state *p);
/** Everything that may be due for a peer: getheaders, getdata, announcements, time-outs. */
void qc_sync_care(qc_sync *s, qc_peer_state *p);
/** A message that ends too early, or holds what it must not; it costs nothing. */
void qc_sync_unread(const qc_peer_state *p, const char *name, size_t len, qc_wire_fail why);
/** Soon, the same for all. */
void qc_sync_care_for_all(qc_sync *s);
/** Now, unless that was done a moment ago. */
void qc_sync_care_now(qc_sync *s);

static inline bool qc_sync_loaded(const qc_sync *s)
{
    return atomic_load(s->loaded) && qc_chain_tip(s->chain);
}
static inline bool qc_peer_serves_blocks(const qc_peer_state *p)
{
    return (p->info.services & (QC_NODE_NETWORK | QC_NODE_NETWORK_LIMITED)) != 0;
}
static inline bool qc_peer_is_limited(const qc_peer_state *p)
{
    return (p->info.services & (QC_NODE_NETWORK | QC_NODE_NETWORK_LIMITED)) ==
           QC_NODE_NETWORK_LIMITED;
}
static inline bool qc_peer_serves_witnesses(const qc_peer_state *p)
{
    return (p->info.services & QC_NODE_WITNESS) != 0;
}
static inline bool qc_peer_may(const qc_peer_state *p, uint32_t permission)
{
    return (p->info.permissions & permission) == permission;
}
static inline bool qc_peer_is_outbound(const qc_peer_state *p)
{
    return p->info.type == QC_CONN_FULL || p->info.type == QC_CONN_BLOCK_ONLY;
}

/* ---- addr.c ---- */
void qc_addr_begin(qc_sync *s, qc_peerbook *book);
void qc_addr_opened(qc_sync *s, qc_peer_state *p);
void qc_on_addr(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_addrv2(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_getaddr(qc_sync *s, qc_peer_state *p, qc_span payload);
/** Tell what is due. */
void qc_addr_care(qc_sync *s, qc_peer_state *p, int64_t now);

/* ---- headers.c ---- */
void qc_on_headers(qc_sync *s, qc_peer_state *p, qc_span payload);
/** One header that came another way, as if by headers. */
void qc_take_header(qc_sync *s, qc_peer_state *p, const qc_header *h);
/** "Saw new header". */
void qc_log_header(const qc_sync *s, const qc_index *i, qc_peer_id id, bool compact);
/** Ask for headers after `i` unless an answer is on the way (Core MaybeSendGetHeaders). */
bool qc_ask_headers(qc_sync *s, qc_peer_state *p, const qc_hash *first, const qc_index *i);
/** Work below which headers are not kept (Core GetAntiDoSWorkThreshold). */
qc_u256 qc_work_threshold(const qc_sync *s);
/** Is the tip recent enough to fetch announced blocks at once (Core CanDirectFetch)? */
bool qc_can_direct_fetch(const qc_sync *s);
void qc_best_header_of(qc_sync *s, const qc_index **out);
/** The peer has this block, known to us or not (Core UpdateBlockAvailability). */
void qc_peer_has(qc_sync *s, qc_peer_state *p, const qc_hash *hash);
/** It was the first to tell of this header. */
void qc_peer_announced(const qc_sync *s, qc_peer_state *p, const qc_index *fresh);
void qc_peer_has_again(qc_sync *s, qc_peer_state *p); /* ... perhaps it has become known */
/** Start, time out and judge headers downloads. False: the peer was dropped. */
bool qc_headers_care(qc_sync *s, qc_peer_state *p, int64_t now);
/** May blocks be fetched from it (Core sync_blocks_and_headers_from_peer)? */
bool qc_sync_from(const qc_sync *s, const qc_peer_state *p);

/* ---- download.c ---- */
bool qc_requested(const qc_sync *s, const qc_hash *hash);
/** Of how many peers a block is asked; *first (may be NULL): the oldest request, or NULL. */
uint32_t qc_requests(const qc_sync *s, const qc_hash *hash, const qc_flight **first);
/** The next request of the same block, or NULL. */
const qc_flight *qc_request_after(const qc_flight *f);
/** The request of a block made to `p`, or NULL. */
qc_flight *qc_request_of(const qc_sync *s, const qc_hash *hash, const qc_peer_state *p);
/** Note a request. False: this peer was asked already. */
bool qc_request(qc_sync *s, qc_peer_state *p, const qc_index *i);
/** Forget requests of a block: those of `p`, or of all (NULL). */
void qc_request_over(qc_sync *s, const qc_hash *hash, const qc_peer_state *p);
/** Send getdata for blocks noted as requested: whole. */
void qc_send_getdata(qc_sync *s, qc_peer_state *p, const qc_index *const *list, size_t n);
/** Fetch what leads to `last`, just announced (Core HeadersDirectFetchBlocks). */
void qc_direct_fetch(qc_sync *s, qc_peer_state *p, const qc_index *last);
/** Stalling, time-outs, and the next blocks to ask for. */
void qc_download_care(qc_sync *s, qc_peer_state *p, int64_t now);
void qc_download_forget(qc_sync *s, qc_peer_state *p);

/* ---- body.c ---- */
void qc_body_free(qc_body *b);
/** Start parsing a block message on the pool, as soon as it has arrived. Thread: net. */
void qc_body_prepare(qc_sync *s, qc_sync_msg *m);
void qc_on_block(qc_sync *s, qc_peer_state *p, qc_sync_msg *m);
/** Give it to the chain (Core ProcessBlock). found: by the context-free rules. asked: the rules for
 *  unrequested blocks do not apply. */
void qc_process_block(qc_sync *s, qc_peer_state *p, qc_block *b, const qc_verdict *found,
                      bool asked, bool work_suffices);
/** Would a block with this header on `parent` have work enough to be kept? */
bool qc_work_suffices(const qc_sync *s, const qc_header *h, const qc_index *parent);
/** Told by the chain. */
void qc_on_checked(qc_sync *s, const qc_hash *hash, const qc_verdict *v);
void qc_sources_forget(qc_sync *s, qc_peer_id id);
void qc_source_add(qc_sync *s, const qc_hash *hash, qc_peer_id id, bool punish);
void qc_source_over(qc_sync *s, const qc_hash *hash);

/* ---- compact.c ---- */
void qc_on_sendcmpct(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_cmpctblock(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_blocktxn(qc_sync *s, qc_peer_state *p, qc_span payload);
/** It understands compact blocks; announce: 1 to be told of blocks by them, 0 not, else it breaks a
 *  rule. */
void qc_compact_heard(qc_sync *s, qc_peer_state *p, uint8_t announce);
/** Send sendcmpct. */
void qc_compact_hello(qc_sync *s, qc_peer_state *p, bool announce);
/** It gave us a new tip first: have it announce the next ones by compact blocks. */
void qc_compact_prefer(qc_sync *s, qc_peer_state *p);

/* ---- stale.c ---- */
/** Now and then: is the tip stale, and who of the extra outbound peers goes? */
void qc_stale_care(qc_sync *s);

/* ---- relay.c ---- */
bool qc_relay_is_tx(uint32_t type);
/** May it not send us transactions? */
bool qc_relay_refuses(const qc_sync *s, const qc_peer_state *p);
void qc_relay_opened(qc_sync *s, const qc_peer_state *p);
void qc_relay_closed(qc_sync *s, const qc_peer_state *p);
/** One of an inv that is not of a block. seen: of the same message. False: the peer was dropped. */
bool qc_relay_announced(qc_sync *s, qc_peer_state *p, const qc_inv *inv, qc_inv_seen *seen);
/** Of the messages that wait: begin on transactions, on other threads. */
void qc_relay_look_ahead(qc_sync *s, qc_peer_state *p);
/** Nothing more of a peer's messages until it is looked at again. */
void qc_relay_look_away(qc_sync *s, qc_peer_state *p);
/** No more of this one. */
void qc_relay_ahead_over(qc_sync *s, qc_sync_msg *m);
void qc_on_tx(qc_sync *s, qc_peer_state *p, qc_sync_msg *m);
void qc_on_notfound(qc_sync *s, qc_peer_state *p, qc_span payload);
void qc_on_feefilter(qc_sync *s, qc_peer_state *p, qc_span payload);
/** Send a transaction. False: there is none to give. */
bool qc_relay_give(qc_sync *s, qc_peer_state *p, const qc_inv *inv);
/** Tell of transactions, ask for some and tell of fees, when it is time. */
void qc_relay_care(qc_sync *s, qc_peer_state *p, int64_t now);
/** Is there work to do for it before its next message? Do a piece of it. */
bool qc_relay_has_work(const qc_sync *s, const qc_peer_state *p);
void qc_relay_work(qc_sync *s, const qc_peer_state *p);
/** Let everybody go on for whom there is work. */
void qc_relay_wake(qc_sync *s);

/* ---- announce.c ---- */
void qc_on_inv(qc_sync *s, qc_peer_state *p, qc_span payload);
/** Was this transaction named before, by the same kind of name? Then it is, for what comes after;
 *  `inv` stays until then. A txid is a txid whether or not its type asks for the witness. */
bool qc_inv_seen_before(qc_inv_seen *seen, const qc_inv *inv);
void qc_announce(qc_sync *s, const qc_index *tip, const qc_index *fork);
void qc_announce_care(qc_sync *s, qc_peer_state *p);
/** It has told or been told of this block or one on top of it. */
bool qc_peer_has_header(const qc_peer_state *p, const qc_index *i);
/** Read "count, type and hash each". Out: *list owned, qc_free(); *n may be over QC_INV_MAX, then
 *  nothing is listed. */
qc_wire_fail qc_inv_read(qc_span payload, qc_inv **list, size_t *n);
QC_MUST_CHECK qc_err qc_inv_write(qc_bytes *out, const qc_inv *list, size_t n);
