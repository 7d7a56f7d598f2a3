/* lib/mock/watch.h: streams of watch, as the mock's parts see them. */
#ifndef QUOIN_LIB_MOCK_WATCH_H
#define QUOIN_LIB_MOCK_WATCH_H
#include "lib/mock/internal.h"

#define MOCK_RESCANS 4

typedef struct qn_mk_item {
    uint64_t cookie, added; /* added: number of the add() that brought it */
    uint8_t *script;        /* NULL: an outpoint */
    uint32_t len;
    qn_mempool_outpoint coin;
} qn_mk_item;

typedef struct qn_mk_queued {
    qn_watch_event ev;
    uint8_t *tx, *script; /* copies; NULL: none */
} qn_mk_queued;

/* A cursor that waits after the hits of a block. */
typedef struct qn_mk_stage {
    qn_mk_block *block; /* its hits have been told; NULL: none */
    uint64_t wait;      /* seq that must be acknowledged */
    uint64_t added;     /* the add() up to which it was looked through */
} qn_mk_stage;

typedef struct qn_mk_rescan {
    uint64_t id; /* 0: free */
    uint32_t next, to;
    uint64_t first, last;
    uint64_t told_ms; /* when its progress was told */
    bool canceled;
    qn_mk_stage at;
} qn_mk_rescan;

/* A transaction in no block that events spoke of. */
typedef struct qn_mk_told {
    qn_hash txid;
    bool seen;      /* SEEN came; else UNCONFIRMED, which something must follow */
    uint64_t added; /* with seen: the add() up to which it was looked through */
} qn_mk_told;

struct qn_mk_watcher {
    uint64_t id; /* 0: free */
    uint64_t seq, acked, added, synced;
    uint64_t seen; /* of the last SEEN: no block connects before it is acknowledged */
    uint32_t flags, from_height, window;
    bool waiting, was_synced;
    qn_mk_block *cursor;
    qn_watch_ready_fn *on_ready;
    void *arg;
    qn_mk_item *item;
    size_t n_item;
    qn_mk_stage at;
    qn_mk_rescan rescan[MOCK_RESCANS];
    qn_mk_told *told;
    size_t n_told;
    qn_mk_queued *queue;
    size_t head, n_queue;
};

/* What is looked for: items that were added after `after`, with a cookie of this range. */
typedef struct qn_mk_look {
    qn_mk_watcher *w;
    uint64_t after, first, last;
    qn_watch_event ev; /* what all hits share */
    const uint8_t *tx;
    uint32_t tx_len;
    size_t from; /* of the queue: the transaction's first hit */
} qn_mk_look;

qn_block_ref qn_mk_ref(const qn_mk_block *b);
int64_t qn_mk_time(const qn_mk_block *b);
qn_mk_item *qn_mk_item_find(const qn_mk_watcher *w, const uint8_t *script, uint32_t len,
                            const qn_mempool_outpoint *coin);
void qn_mk_item_put(qn_mk_watcher *w, uint64_t cookie, const uint8_t *script, uint32_t len,
                    const qn_mempool_outpoint *coin);
void qn_mk_item_drop(qn_mk_watcher *w, qn_mk_item *i);
void qn_mk_items_drop(qn_mk_watcher *w);
qn_mk_queued *qn_mk_queue(qn_mk_watcher *w, const qn_watch_event *ev);
void qn_mk_queue_drop(qn_mk_watcher *w);
size_t qn_mk_match_block(qn_mk_look *l, const qn_mk_block *b, uint32_t type);
void qn_mk_watch_pool(qn_mock *m, qn_mk_watcher *w);
#endif
