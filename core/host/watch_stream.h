/* core/host/watch_stream.h: the rules of watch, without threads or tables: a cursor on the chain, a
 * place in the news of the mempool, rescans, and what is told of them. The chain and the mempool
 * are reached through qc_watch_source, so that the rules run over any history.
 * Thread: any, one at a time per stream. Internal to core/host. */
#pragma once
#define QN_ALLOW_UNSTABLE
#include "core/base/clock.h"
#include "core/host/follow.h"
#include "core/host/watch_pool.h"
#include "core/watch/match.h"
#include "quoin/watch_unstable.h"

#define QC_WATCH_RESCANS 4u
#define QC_WATCH_DEEP_MAX 65536u
/** Scripts up to which filters are worth their while. */
#define QC_WATCH_FILTER_SCRIPTS 50000u

/** What the rules need to know. Blocks come with their spent coins. */
typedef struct qc_watch_source {
    void *arg;
    qc_watchset *set;
    qc_watch_pool *pool;
    bool has_mempool;
    uint64_t epoch;
    /** Newest block that survives a crash, when the pool does not say so; NULL: none yet. */
    const qc_index *(*durable)(void *arg);
    const qc_index *(*find)(void *arg, const qc_hash *hash);
    uint32_t (*prune_height)(void *arg);
    /** Body with part B, which others will want too. Out: shared, qc_block_unref(). */
    qc_err (*read)(void *arg, const qc_index *at, qc_block **out);
    /** The same for a rescan: of the block at least what one watcher, which has changed nothing
     *  since version `since` of the set, watches now. Transactions need not have ids, and nobody
     *  else has it. Out: *out NULL: there is nothing. */
    qc_err (*seek)(void *arg, const qc_index *at, uint16_t owner, uint64_t since, qc_block **out);
    /** This block will be sought next but for a few; NULL: all that were named so will not. */
    void (*ahead)(void *arg, const qc_index *at, uint16_t owner);
    /** Hits of one watcher in a block, from a pass that saw the set at `since` or later. Out: *h as
     *  it was is cleared. */
    qc_err (*hits)(void *arg, const qc_index *at, const qc_block *b, uint16_t owner, uint64_t since,
                   qc_watch_hits *h);
    /** The block's filter. QC_ENOENT: there is none. NULL: there are no filters. Out: owned. */
    qc_err (*filter)(void *arg, const qc_index *at, qc_bytes *out);
    /** Have the mempool looked through. Takes one of the sweep's holders. */
    void (*sweep)(void *arg, qc_watch_sweep *s);
    qc_mono (*now)(void);
} qc_watch_source;

typedef struct qc_watch_stream qc_watch_stream;

/** As watch's open(), the options read already. Out: *out, owned: qc_watch_stream_close();
 *  untouched on failure. Returns: QN_OK; QN_E_UNKNOWN_TIP; QN_E_INVAL; QN_E_BUSY; QN_E_LIMIT;
 *  QN_E_NOMEM. */
qn_status qc_watch_stream_open(qc_watch_stream **out, const qc_watch_source *src, uint32_t flags,
                               uint32_t window, uint32_t from_height, const qn_hash *locator,
                               uint32_t n_locator, qn_block_ref *start);
void qc_watch_stream_close(QC_OWN qc_watch_stream *w);
/** What it watches, and at what cost. */
const qc_watch_owner *qc_watch_stream_owner(const qc_watch_stream *w);

/** Returns: QN_OK; QN_E_NOMEM. Limits are the caller's. fresh: see QN_WATCH_ADD_FRESH. */
qn_status qc_watch_stream_add(qc_watch_stream *w, const qc_watch_key *key, size_t n, bool fresh,
                              uint64_t *armed);
void qc_watch_stream_remove(qc_watch_stream *w, const qc_watch_key *key, size_t n);
/** As watch's methods. QN_E_AGAIN and *more: not for want of anything to do, but this call has
 *  taken long enough. */
qn_status qc_watch_stream_next(qc_watch_stream *w, qn_watch_event *out, uint32_t max, uint32_t *n,
                               uint8_t *data, uint32_t max_data, uint32_t *n_data, bool *more);
qn_status qc_watch_stream_ack(qc_watch_stream *w, uint64_t seq);
qn_status qc_watch_stream_rescan(qc_watch_stream *w, const qn_watch_rescan *what, uint64_t *id,
                                 uint32_t *lowest);
qn_status qc_watch_stream_cancel(qc_watch_stream *w, uint64_t id);
qn_status qc_watch_stream_deep(qc_watch_stream *w, const qn_watch_deep *list, uint32_t n);
/** Height it stands at; UINT32_MAX: before genesis. */
uint32_t qc_watch_stream_height(const qc_watch_stream *w);
