/* core/host/adapter_watch.h: what the adapters of watch, its sweeps and its ears share. Internal to
 * core/host. */
#pragma once
#include "core/host/internal.h"
#include "core/host/watch_ahead.h"
#include "core/host/watch_stream.h"

#define QC_WATCH_STREAMS 16u /* of a plugin */
#define QC_WATCH_PASSES 16u  /* whose hits are kept */

/** Hits of one block for all watchers. */
typedef struct qc_watch_pass {
    const qc_index *at;
    qc_watch_hits hits;
} qc_watch_pass;

/** What all watchers of a host share. */
typedef struct qc_watch_hub {
    qc_watchset *set;
    qc_watch_pool *pool;
    pthread_mutex_t lock; /* the passes */
    qc_watch_pass pass[QC_WATCH_PASSES];
    unsigned next;
    _Atomic uint64_t passes; /* made so far */
    struct sweep_job *early; /* looks that wait for the mempool's file; chain thread */
} qc_watch_hub;

/** news: that are kept of the mempool; 0: the default. Owned: qc_watch_hub_free(). */
qc_watch_hub *qc_watch_hub_new(uint32_t news);
/** NULL is allowed. */
void qc_watch_hub_free(QC_OWN qc_watch_hub *u);
/** As qc_watch_source.hits. Blocks are looked through once for all who ask. Thread: any. */
qc_err qc_watch_hub_hits(qc_watch_hub *u, const qc_index *at, const qc_block *b, uint16_t owner,
                         uint64_t since, qc_watch_hits *out);

/** One stream of a plugin. On the host's list, so that the chain can wake it. */
typedef struct qc_watcher {
    struct qc_watcher *next, *prev; /* host's list, under its lock */
    qn_cap *cap;
    uint64_t id; /* 0: free */
    qc_watch_stream *stream;
    qn_watch_ready_fn *on_ready;
    void *arg;
    _Atomic bool waiting;       /* next() answered AGAIN: on_ready is owed */
    _Atomic uint32_t height;    /* UINT32_MAX: before genesis */
    _Atomic qc_mono full_since; /* 0: it may take more */
    qc_timer *pace;             /* until the next look through the mempool; NULL: never used */
    qc_watch_sweep *due;        /* waits for that; NULL: none */
    qc_watch_sweep *last;       /* the one before it */
    qc_mono began;
} qc_watcher;

/** Of a plugin: its capabilities for watch, stable and on trial, share it. Plugin's loop. */
typedef struct qc_watch_state {
    unsigned caps; /* that have it */
    uint64_t max_scripts, max_bytes;
    uint32_t window;
    uint64_t next_id;
    qc_watcher w[QC_WATCH_STREAMS];
} qc_watch_state;

qc_watcher *qc_watcher_by_id(const qn_cap *cap, uint64_t id);
/** Begin a call about a stream. Out: *w, NULL unless it is QN_OK. Returns: as qc_cap_enter();
 *  QN_E_CLOSED (there is no such stream). */
QC_MUST_CHECK qn_status qc_watcher_enter(qn_cap *cap, uint64_t id, qc_watcher **w);
/** May the plugin watch these too? Returns: QN_OK; QN_E_LIMIT. */
qn_status qc_watch_fits(const qc_watcher *w, const qc_watch_key *key, size_t n);
/** Something has changed for this one, on its own loop. */
void qc_watcher_nudge(qc_watcher *w);
/** Have the mempool looked through for it, soon (qc_watch_source.sweep). adapter_watch_sweep.c. */
void qc_watcher_sweep(void *arg, qc_watch_sweep *s);
void qc_watcher_sweep_end(qc_watcher *w);
/** The coins that a transaction of the mempool spends; what is not known has no script. Out: room
 *  for all its inputs, borrowed until pool or chain change. Thread: chain. */
void qc_watch_coins(const qc_mempool *m, const qc_tx *tx, qc_spent *out);

/* ---- the chain's voice: Thread: chain ---- */
void qc_host_watch_tip(qc_host *h);
void qc_host_watch_durable(qc_host *h, const qc_index *durable);
void qc_host_watch_told(qc_host *h);
void qc_host_watch_added(qc_host *h, const qc_mempool_added *a);
void qc_host_watch_removed(qc_host *h, const qc_mempool_removed *r);
void qc_host_watch_loaded(qc_host *h);
/** Looks that still wait for the mempool's file, when the chain thread has ended. */
void qc_host_watch_forget_early(qc_host *h);

/* ---- on trial: adapter_watch_trial.c ---- */
qn_status qc_watch_trial_deep(qn_cap *cap, uint64_t id, const qn_watch_deep *list, uint32_t n);
qn_status qc_watch_trial_descriptor(qn_cap *cap, uint64_t id, const char *descriptor, uint32_t len,
                                    const qn_watch_range *range, uint64_t *armed);
