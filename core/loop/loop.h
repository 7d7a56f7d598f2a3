/* core/loop/loop.h: one event loop on one thread: timers, watched descriptors, signals, work posted
 * by other threads. Functions are `Thread: loop` (the thread in qc_loop_run(), or any one thread
 * before it runs) unless they say `any`. Callbacks run on the loop's thread, never re-entrantly. */
#pragma once
#include "core/os/thread.h"

typedef struct qc_loop qc_loop;
typedef struct qc_timer qc_timer;
typedef struct qc_watch qc_watch;
typedef void qc_loop_fn(void *arg);

/** Out: owned, qc_loop_free(). Returns: QC_OK; QC_EIO (the system gives no descriptor). */
QC_MUST_CHECK qc_err qc_loop_new(qc_loop **out);
/** The loop must not run. Posted work that did not run yet is run now; timers and watches that are
 *  left are a caller bug. NULL is allowed. */
void qc_loop_free(QC_OWN qc_loop *l);
/** Serve events until qc_loop_stop(). Work posted before the stop has been run when it returns. */
void qc_loop_run(qc_loop *l);
/** Serve what is due now and return: for long work on the loop's own thread before it runs. True:
 *  qc_loop_stop() was called. */
bool qc_loop_poll(qc_loop *l);
/** Make qc_loop_run() return; before it runs: it will return at once. Thread: any. */
void qc_loop_stop(qc_loop *l);

/** Run fn(arg) on the loop, in the order posted. Thread: any. */
void qc_loop_post(qc_loop *l, qc_loop_fn *fn, void *arg);
/** As qc_loop_post(), and wait until it ran. Thread: any but loop. */
void qc_loop_call(qc_loop *l, qc_loop_fn *fn, void *arg);
/** A job with a reply: work(arg) on a thread of `pool`, then done(arg) on the loop. Thread: any. */
void qc_loop_job(qc_loop *l, qc_pool *pool, qc_loop_fn *work, qc_loop_fn *done, void *arg);

/** A timer, not set. Out: owned, qc_timer_free(). */
QC_MUST_CHECK qc_err qc_timer_new(qc_loop *l, qc_loop_fn *fn, void *arg, qc_timer **out);
/** Fire once in `ms`; a time set before is replaced. */
void qc_timer_set(qc_timer *t, int64_t ms);
/** Not pending any more; harmless when it is not. */
void qc_timer_cancel(qc_timer *t);
void qc_timer_free(QC_OWN qc_timer *t);

#define QC_IO_READ 1u
#define QC_IO_WRITE 2u
typedef void qc_io_fn(void *arg, int fd, unsigned events);
/** Call fn whenever fd is ready for one of `events`, until unwatched (allowed inside fn). The
 *  descriptor stays the caller's. Out: owned, qc_unwatch(). */
QC_MUST_CHECK qc_err qc_io_watch(qc_loop *l, int fd, unsigned events, qc_io_fn *fn, void *arg,
                                 qc_watch **out);
/** Call fn(arg, signo, 0) when the process gets the signal. One loop of a process may do this. */
QC_MUST_CHECK qc_err qc_signal_watch(qc_loop *l, int signo, qc_io_fn *fn, void *arg,
                                     qc_watch **out);
void qc_unwatch(QC_OWN qc_watch *w);
