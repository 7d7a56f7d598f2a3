/* core/rpc/pool.h: the rpc threads, their queue, and timers that need no thread of their own.
 * Internal to core/rpc. Thread: any. */
#pragma once
#include "core/base/clock.h"
#include "core/base/err.h"

typedef struct qc_rpc_pool qc_rpc_pool;
/** A pending timer. Valid until it fires or is cancelled. */
typedef struct qc_rpc_timer qc_rpc_timer;

/** Start `threads` workers. Out: owned, qc_rpc_pool_stop(). */
QC_MUST_CHECK qc_err qc_rpc_pool_new(qc_rpc_pool **out, unsigned threads);
/** Run what is queued (pending timers are dropped), then join and free. NULL is allowed. */
void qc_rpc_pool_stop(QC_OWN qc_rpc_pool *p);
/** Run fn(arg) on a worker. `limit` > 0: refuse (false) when that many jobs wait already. */
bool qc_rpc_pool_post(qc_rpc_pool *p, void (*fn)(void *), void *arg, size_t limit);
/** Run fn(arg) on a worker in `ms`. The returned timer may be cancelled until fn starts. */
qc_rpc_timer *qc_rpc_pool_after(qc_rpc_pool *p, int64_t ms, void (*fn)(void *), void *arg);
/** True: fn will not run (and the timer is freed). False: it has started or run. `t` must be the
 *  latest timer of its kind: pass arg to tell it from a reused address. */
bool qc_rpc_pool_cancel(qc_rpc_pool *p, qc_rpc_timer *t, const void *arg);
