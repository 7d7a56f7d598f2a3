/* core/host/ask.h: a question to the chain thread whose answer a plugin's loop waits for, but not
 * for ever: that thread may be in the middle of a block. Internal to core/host. */
#pragma once
#include "core/host/internal.h"

#define QC_ASK_MS 5000

/** Run fn(c, arg) on the chain thread and wait until it has. When it has not begun within the
 *  deadline of the host (QC_ASK_MS), or `ms` if that is not 0, it never will. `arg` is memory of
 *  its own: the caller's again after QN_OK, else given to drop() by whoever has it last. Returns:
 *  QN_OK; QN_E_TIMEOUT. Thread: any but chain, unless it is the only one. */
qn_status qc_host_ask(qc_host *h, int64_t ms, void (*fn)(qc_chain *c, void *arg), void *arg,
                      void (*drop)(void *arg));
/** The moment at which the chain thread, which calls this, answers. */
struct qn_mempool_at;
void qc_host_pool_moment(const qc_host *h, struct qn_mempool_at *out);
