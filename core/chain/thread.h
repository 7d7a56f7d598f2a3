/* core/chain/thread.h: the validation thread and its inbox. Everything that changes the chain runs
 * here, one after the other in the order posted. */
#pragma once
#include "core/chain/chain.h"

typedef struct qc_chain_thread qc_chain_thread;
/** Start the thread that owns `c` from now on. */
QC_MUST_CHECK qc_err qc_chain_thread_start(qc_chain_thread **out, qc_chain *c);
/** Run what is queued, stop, join. The caller owns `c` again. `t` stays for who may still post to
 *  it: that never runs. */
void qc_chain_thread_end(qc_chain_thread *t);
/** The same, and free. NULL is allowed. */
void qc_chain_thread_stop(QC_OWN qc_chain_thread *t);
/** Run fn(c, arg) on the chain thread; returns at once. Thread: any. */
void qc_chain_post(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg);
/** As qc_chain_post(), and wait for it to finish. Thread: any but chain. */
void qc_chain_call(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg);
/** As qc_chain_call(), but when nothing else runs or waits fn may run on the calling thread, which
 *  counts as the chain thread meanwhile. For short jobs that ask nothing of the thread itself.
 *  Thread: any but chain. */
void qc_chain_enter(qc_chain_thread *t, void (*fn)(qc_chain *c, void *arg), void *arg);
/** Jobs waiting. Thread: any. */
size_t qc_chain_inbox(const qc_chain_thread *t);
