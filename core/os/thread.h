/* core/os/thread.h: threads, and a worker pool for pure jobs. */
#pragma once
#include "core/base/clock.h"
#include "core/base/err.h"

#include <pthread.h>

typedef struct qc_thread qc_thread;
/** Start a thread; `name` (cut at 15 chars) shows in tools and log lines. It gets no signals.
 *  Out: owned, qc_thread_join(). Returns: QC_OK; QC_EBUSY (the system has none left); QC_EIO. */
QC_MUST_CHECK qc_err qc_thread_start(qc_thread **out, const char *name, void (*fn)(void *),
                                     void *arg);
/** Wait for its end and free it. NULL is allowed. */
void qc_thread_join(QC_OWN qc_thread *t);
/** Name of the calling thread, for log lines. */
const char *qc_thread_name(void);
/** Name the calling thread (main, or a library's thread). The process keeps its own name. */
void qc_thread_set_name(const char *name);
/** CPUs this process may run on, >= 1. */
unsigned qc_cpu_count(void);

/** N worker threads. A batch is an array job: fn(arg, i) for i in [0, n), taken in chunks by
 *  atomic counter; the thread that waits for it takes part. What fn wrote is visible to the waiter
 *  afterwards. Batches and posts are begun in the order of submission. A job may run a batch on its
 *  own pool. */
typedef struct qc_pool qc_pool;
/** `workers` extra threads, named `name`.0, .1, ...; 0: everything runs on the caller.
 *  Returns: as qc_thread_start(). Out: owned, qc_pool_free(). */
QC_MUST_CHECK qc_err qc_pool_new(qc_pool **out, unsigned workers, const char *name);
/** Runs the posts still queued, then ends the threads. No batch may be open. NULL is allowed. */
void qc_pool_free(QC_OWN qc_pool *p);
unsigned qc_pool_workers(const qc_pool *p);
/** Run fn(arg, i) for all i < n and wait. fn returns false to ask that no further index be
 *  started; qc_pool_run() then returns false. Several threads may submit.
 *  chunk: indexes taken at a time (0: chosen). Thread: any. */
bool qc_pool_run(qc_pool *p, bool (*fn)(void *arg, size_t i), void *arg, size_t n, size_t chunk);

/** An asynchronous batch: same, but the caller goes on and joins later (in any order of several).
 *  With no workers all of it happens in the join. */
typedef struct qc_batch qc_batch;
qc_batch *qc_pool_start(qc_pool *p, bool (*fn)(void *arg, size_t i), void *arg, size_t n,
                        size_t chunk);
/** Help until done, free the batch, return as qc_pool_run(). */
bool qc_batch_join(QC_OWN qc_batch *b);

/** One background job: fn(arg) on a pool thread, or at once on the caller when there is none. */
void qc_pool_post(qc_pool *p, void (*fn)(void *), void *arg);
