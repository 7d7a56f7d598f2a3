/* core/host/ask.h: a question to the chain thread whose answer a plugin's loop waits for, but not
 * for ever: that thread may be in the middle of a block. Internal to core/host. */
#pragma once
#include "core/host/internal.h"

#define QC_ASK_MS 5000

/** What a plugin's questions may take of the chain thread: a fifth of its time, and 50 ms at once.
 *  Times are ns. */
typedef struct qc_ask_credit {
    int64_t left;
    qc_mono at; /* when it was reckoned; 0: never */
} qc_ask_credit;
/** What the calling thread and as many of the pool's have worked since its start: ns. So much is
 *  reckoned with where scripts are run. Thread: chain. */
int64_t qc_ask_worked(const qc_chain *c);
/** How long to wait before the next question. */
int64_t qc_ask_wait(qc_ask_credit *c, qc_mono now);

/** Run fn(c, arg) on the chain thread and wait until it has. When it has not begun within the
 *  deadline of the host (QC_ASK_MS), or `ms` if that is not 0, it never will. `arg` is memory of
 *  its own: the caller's again after QN_OK, else given to drop() by whoever has it last. Who has
 *  asked too much waits first, or gets QN_E_TIMEOUT when that would take a second or more. Returns:
 *  QN_OK; QN_E_TIMEOUT. Thread: a plugin's. */
qn_status qc_host_ask(qc_host *h, int64_t ms, void (*fn)(qc_chain *c, void *arg), void *arg,
                      void (*drop)(void *arg));
/** The moment at which the chain thread, which calls this, answers. */
struct qn_mempool_at;
void qc_host_pool_moment(const qc_host *h, struct qn_mempool_at *out);
