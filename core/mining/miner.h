/* core/mining/miner.h: makes block templates from the chain and its mempool. Rules: Core
 * node/miner.cpp. Thread: chain, where nothing else is said. */
#pragma once
#include "core/mining/template.h"

typedef struct qc_miner qc_miner;

typedef struct qc_miner_options {
    qc_chain *chain; /* borrowed for the miner's life */
    qc_template_options template;
    bool has_version; /* -blockversion: only where blocks are mined on demand */
    int32_t version;
    uint64_t first_id;       /* ids of templates begin above */
    qc_mono (*worked)(void); /* time that this thread has worked, ns; NULL: as the system says */
} qc_miner_options;

/** Listens to the chain: before the chain thread runs, and before the pool does, so that the pool's
 *  work on a new block counts as time since the tip. Only empty blocks are made at first. Out:
 * owned, qc_miner_free(). Returns: QC_OK; QC_EINVAL (options out of limits); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_miner_new(qc_miner **out, const qc_miner_options *o);
/** Take transactions from there, borrowed for the miner's life; NULL: there is none. After the pool
 *  was made, so that its work on a new block is done first; before the chain thread runs. */
void qc_miner_use_mempool(qc_miner *m, qc_mempool *pool);
/** The chain tells nothing any more, and nobody is subscribed. Templates live on. NULL is allowed.
 */
void qc_miner_free(QC_OWN qc_miner *m);
/** What templates are made with when nothing else is asked for. Thread: any. */
const qc_template_options *qc_miner_defaults(const qc_miner *m);

/** Templates are made: there is a tip, and the chain is no initial download, or is not mainnet's,
 * or that does not matter (`always`). Thread: any. */
bool qc_miner_ready(const qc_miner *m, bool always);
/** The tip that templates are made on: the chain's, known a little earlier than qc_chain_tip();
 * NULL: none yet. Thread: any. */
const qc_index *qc_miner_tip(const qc_miner *m);
/** When the chain left this tip, or the latest that it may have been when many have come since; 0:
 * it has not; 1: it was none since the start. Thread: any. */
qc_mono qc_miner_tip_left(const qc_miner *m, const qc_index *tip);
/** When the tip of now became it; 0: before the start. Thread: any. */
qc_mono qc_miner_tip_since(const qc_miner *m);

/** A template on the tip of now. o: NULL for the defaults. Nothing is verified:
 *  qc_template_check(). Out: *out shared, qc_template_unref(). Returns: QC_OK; QC_ENOENT (there is
 *  no tip yet); QC_EINVAL (options out of limits); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_miner_template(qc_miner *m, const qc_template_options *o,
                                       qc_template_why why, qc_unixtime now,
                                       const qc_template **out);
/** The same by another policy. */
QC_MUST_CHECK qc_err qc_miner_template_with(qc_miner *m, const qc_template_options *o,
                                            const qc_overlay *ov, qc_unixtime now,
                                            const qc_template **out);
/** The same on the block that `parent` will become. Returns also: QC_EBUSY (parent is not on the
 *  tip); QC_EPERM (parent has a parent itself, or the block begins a new difficulty, which depends
 * on the parent's time). */
QC_MUST_CHECK qc_err qc_miner_template_on(qc_miner *m, const qc_template *parent,
                                          const qc_template_options *o, qc_unixtime now,
                                          const qc_template **out);
/** The same of these transactions in this order, whatever they are. */
QC_MUST_CHECK qc_err qc_miner_template_of(qc_miner *m, const qc_template_options *o,
                                          const qc_mempool_entry *const *e, size_t n,
                                          qc_unixtime now, const qc_template **out);
/** qc_mempool_info.updates; 0 without a pool. Thread: any. */
uint64_t qc_miner_updates(const qc_miner *m);

/** The pool is as it was, but the operator has changed what its transactions seem to pay. */
void qc_miner_reprioritised(qc_miner *m);

/** The last block that was made, reserved weight and all. False: none yet. Thread: any. */
bool qc_miner_last(const qc_miner *m, uint32_t *weight, uint32_t *n_tx);
/** A block was made without a template. Thread: any. */
void qc_miner_made(qc_miner *m, uint32_t weight, uint32_t n_tx);

/* ---- who is told of new templates ---- */

/** A subscription. Opaque. */
typedef struct qc_push qc_push;
typedef struct qc_push_options {
    qc_template_options template;
    bool always;         /* also in the initial download */
    bool no_empty;       /* no EMPTY template at a new tip */
    bool tip_only;       /* nothing while the tip stays */
    qc_amount fee_delta; /* by which fees must differ, up or down; 0: any difference */
    /** Between two templates of one tip, ns. Longer for owners whose templates cost much: all looks
     *  and templates of one take a twentieth of the chain thread's time. */
    qc_mono min_interval;
} qc_push_options;
/** How a subscriber is reached. Neither may call back into the miner. */
typedef struct qc_push_to {
    void *arg;
    /** A new template, with a reference of its own: of a new tip an EMPTY one as soon as the block
     *  is known to be valid, a FULL one when the pool has followed. No throttle delays them, but of
     *  an owner's the third and later kinds of FULL ones come one by one, a little later. */
    void (*deliver)(void *arg, QC_OWN const qc_template *t);
    /** Something may be due then (qc_clock_mono()): qc_push_look() is to be called at that time or
     *  soon after. Replaces an earlier wish. */
    void (*later)(void *arg, qc_mono at);
    const void *owner; /* who has several pays for all of them; never read; NULL: a stranger */
} qc_push_to;

/** The first template is delivered from within, if there can be one yet. Out: owned,
 *  qc_push_close(). Returns: QC_OK; QC_EINVAL (options out of limits); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_push_open(qc_miner *m, const qc_push_options *o, const qc_push_to *to,
                                  qc_push **out);
/** Other options from now on; a template is delivered as by qc_push_open(). Returns: QC_OK;
 *  QC_EINVAL (nothing has changed). */
QC_MUST_CHECK qc_err qc_push_set(qc_push *p, const qc_push_options *o);
/** Deliver what has become due. */
void qc_push_look(qc_push *p);
/** Nothing is delivered any more. NULL is allowed. */
void qc_push_close(QC_OWN qc_push *p);
