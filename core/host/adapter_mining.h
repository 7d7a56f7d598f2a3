/* core/host/adapter_mining.h: what the adapters about mining share. Internal to core/host. */
#pragma once
#define QN_ALLOW_UNSTABLE
#include "core/host/book.h"
#include "core/host/internal.h"
#include "core/mining/miner.h"
#include "quoin/mining_check.h"
#include "quoin/mining_submit.h"
#include "quoin/mining_template_unstable.h"

/** Why an adapter does not open. */
#define QC_NO_MINER "this node makes no blocks"

#define QC_MINING_SUBS 16u
#define QC_MINING_SETS 16u
#define QC_MINING_AHEAD 10000u
/** How long a template can be read after its tip has gone. */
#define QC_MINING_GRACE ((qc_mono)10 * 1000000000)
/** What is judged for a plugin holds the chain up no longer than this. */
#define QC_MINING_PATIENCE ((qc_mono)3 * 1000000000)

typedef struct qc_mining_sub qc_mining_sub;

/** Of a plugin: its capabilities for mining.template, stable and on trial, share it. Plugin's loop.
 */
typedef struct qc_mining_state {
    unsigned caps; /* that have it */
    qc_book_limits limits;
    bool may_prioritise;
    uint64_t *held; /* ids, as often as they are held; limits.held of them at most */
    uint32_t n_held;
    qc_timer *settle;   /* counts the bytes of what was given; made with the first */
    bool settling;      /* it is set */
    qc_mining_sub *sub; /* QC_MINING_SUBS of them */
    uint64_t next_sub;
    struct qc_txset *set[QC_MINING_SETS]; /* adapter_mining_set.c */
    uint64_t next_set;
    qc_hash *ahead; /* transactions that are not there and were prioritised; QC_MINING_AHEAD */
    uint32_t n_ahead;
    uint32_t peers; /* as last counted, at: */
    qc_mono peers_at;
} qc_mining_state;

/** Options as the plugin gave them (NULL: none). False: out of their limits. */
bool qc_mining_options(const qc_host *h, const qn_mining_options *in, qc_template_options *out,
                       bool *always);
/** The view of a template, cut to the caller's size. False: it has no room for its size. */
bool qc_mining_view(const qc_template *t, qn_template_view *out);
/** Hand a template to the plugin: it holds it, and has its view. `t` is taken. */
qn_status qc_mining_give(qn_cap *cap, QC_OWN const qc_template *t, qn_template_view *out);
/** May it hold one more? Before anything is made for it. */
qn_status qc_mining_room(const qn_cap *cap);
/** One that the plugin holds and may read. Out: shared. */
qn_status qc_mining_held(const qn_cap *cap, uint64_t id, const qc_template **out);
/** When the block that it is on was no tip any more; 0: it is, or is still to be. As
 *  qc_miner_tip_left(). */
qc_mono qc_mining_left(const qc_host *h, const qc_template *t);
/** Is the node ready to make templates? */
qn_status qc_mining_ready(const qn_cap *cap, bool always);
/** Text into a result. */
void qc_mining_say(qn_mining_result *r, uint32_t is, const char *reason, const char *debug);
/** Cut to the caller's size. */
void qc_mining_result_out(qn_mining_result *out, const qn_mining_result *r);

/* ---- subscriptions: adapter_mining_push.c ---- */
qn_status qc_mining_open(qn_cap *cap, const qn_mining_options *options,
                         const qn_mining_throttle *throttle, qn_template_ready_fn *on_ready,
                         void *arg, uint64_t *out);
qn_status qc_mining_next(qn_cap *cap, uint64_t id, qn_template_view *view);
qn_status qc_mining_wait(qn_cap *cap, uint64_t id, uint32_t timeout_ms);
qn_status qc_mining_cancel(qn_cap *cap, uint64_t id);
qn_status qc_mining_reconfigure(qn_cap *cap, uint64_t id, const qn_mining_options *options,
                                const qn_mining_throttle *throttle);
qn_status qc_mining_close(qn_cap *cap, uint64_t id);
void qc_mining_close_all(qn_cap *cap);
/** Room for all of a plugin's. Owned: qc_free(). */
qc_mining_sub *qc_mining_subs_new(void);
uint32_t qc_mining_subs(const qn_cap *cap);

/* ---- on trial: adapter_mining_trial.c, adapter_mining_set.c ---- */
qn_status qc_mining_lookup(qn_cap *cap, const qn_hash *wtxids, uint32_t n, qn_mining_found *found,
                           void *bytes, uint32_t max, uint32_t *n_bytes);
qn_status qc_mining_create_with(qn_cap *cap, const qn_mining_options *options,
                                const qn_mining_overlay *overlay, const qn_mining_change *changes,
                                uint32_t n, qn_template_view *view);
qn_status qc_mining_create_on(qn_cap *cap, uint64_t parent, const qn_mining_options *options,
                              qn_template_view *view);
qn_status qc_mining_chunks(qn_cap *cap, uint64_t id, qn_mining_chunk *out, uint32_t max,
                           uint32_t *n);
qn_status qc_mining_diagram(qn_cap *cap, qn_mining_chunk *out, uint32_t max, uint32_t *n);
qn_status qc_mining_prioritise(qn_cap *cap, const qn_mining_delta *deltas, uint32_t n);
qn_status qc_mining_usage(qn_cap *cap, qn_mining_usage *usage);
qn_status qc_mining_set_new(qn_cap *cap, const qn_hash *prev, const qn_hash *wtxids, uint32_t n,
                            uint64_t *set, uint32_t *missing);
qn_status qc_mining_set_missing(qn_cap *cap, uint64_t set, qn_template_place *places, uint32_t max,
                                uint32_t *n);
qn_status qc_mining_set_add(qn_cap *cap, uint64_t set, const void *txs, uint32_t len,
                            const qn_mining_part *parts, uint32_t n, uint32_t *missing);
qn_status qc_mining_set_template(qn_cap *cap, uint64_t set, const qn_mining_options *options,
                                 qn_mining_result *result, qn_template_view *view);
qn_status qc_mining_set_free(qn_cap *cap, uint64_t set);
void qc_mining_sets_clear(qn_cap *cap);
uint32_t qc_mining_sets(const qn_cap *cap);
