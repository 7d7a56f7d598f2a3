/* core/chain/ahead.h: the next bodies of a branch, read, parsed and checked on other threads while
 * the chain thread still connects the one before. */
#pragma once
#include "core/btc/params.h"
#include "core/chain/index.h"
#include "core/os/thread.h"

typedef struct qc_ahead qc_ahead;
struct qc_chain;

/** `workers` 0: nothing is ever prepared. Out: owned. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_ahead_new(qc_ahead **out, const struct qc_chain *c, unsigned workers);
/** Waits for what runs. NULL is allowed. */
void qc_ahead_free(QC_OWN qc_ahead *a);
/** The chain thread is about to want the bodies of most's branch from `height` up; what belongs to
 *  another branch is forgotten. */
void qc_ahead_plan(qc_ahead *a, const qc_index *most, uint32_t height);
/** The body of `i` when it was planned, waiting for it if need be. *checked: context-free rules
 * hold. Returns: QC_OK (*out shared: qc_block_unref()); QC_ENOENT: read it yourself. */
QC_MUST_CHECK qc_err qc_ahead_take(qc_ahead *a, const qc_index *i, qc_block **out, bool *checked);
