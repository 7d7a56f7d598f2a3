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
} qc_miner_options;

/** Listens to the chain: before the chain thread runs, and before the pool does, so that the pool's
 *  work on a new block counts as time since the tip. Only empty blocks are made at first. Out:
 * owned, qc_miner_free(). Returns: QC_OK; QC_EINVAL (options out of limits); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_miner_new(qc_miner **out, const qc_miner_options *o);
/** Take transactions from there, borrowed for the miner's life. Before the chain thread runs. */
void qc_miner_use_mempool(qc_miner *m, qc_mempool *pool);
/** The chain tells nothing any more. Templates live on. NULL is allowed. */
void qc_miner_free(QC_OWN qc_miner *m);
/** What templates are made with when nothing else is asked for. Thread: any. */
const qc_template_options *qc_miner_defaults(const qc_miner *m);

/** A template on the tip of now. o: NULL for the defaults. Nothing is verified:
 *  qc_template_check(). Out: *out shared, qc_template_unref(). Returns: QC_OK; QC_ENOENT (there is
 *  no tip yet); QC_EINVAL (options out of limits); QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_miner_template(qc_miner *m, const qc_template_options *o,
                                       qc_template_why why, qc_unixtime now,
                                       const qc_template **out);
/** qc_mempool_info.updates; 0 without a pool. */
uint64_t qc_miner_updates(const qc_miner *m);

/** The last block that was made, reserved weight and all. False: none yet. Thread: any. */
bool qc_miner_last(const qc_miner *m, uint32_t *weight, uint32_t *n_tx);
/** A block was made without a template. Thread: any. */
void qc_miner_made(qc_miner *m, uint32_t weight, uint32_t n_tx);
