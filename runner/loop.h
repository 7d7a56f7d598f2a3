/* runner/loop.h: the plugin's loop, for the proxies that are served here. Thread: the main one,
 * unless it says any. */
#pragma once
#include "runner/rt.h"

/** Run the oldest item of the queue. False: there is none. */
bool qc_rt_step(qc_rt *rt);
/** host/1's post(). Thread: any. */
qn_status qc_rt_post(qc_rt *rt, qn_task_fn *task, void *arg);
qn_status qc_rt_timer_set(qc_rt *rt, uint32_t delay_ms, qn_task_fn *task, void *arg, uint64_t *id);
qn_status qc_rt_timer_cancel(qc_rt *rt, uint64_t id);
/** Before the sandbox is closed. Returns: false: there are no descriptors left. */
bool qc_rt_loop_open(qc_rt *rt);
/** Watch how->fd from now on, with a new id, whatever it had before. Returns: QN_OK; QN_E_LIMIT
 * (its number is too high, or there is no memory); QN_E_INVAL (it is none that can be watched). */
qn_status qc_rt_watch_set(qc_rt *rt, const qc_rt_watch *how);
void qc_rt_watch_end(qc_rt *rt, qc_rt_watch *w);
/** The watch of a descriptor, or NULL: there is none. */
qc_rt_watch *qc_rt_watch_of(const qc_rt *rt, int32_t fd);
