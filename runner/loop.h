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
/** The watch of a descriptor with a new id, whatever it had before, or NULL: its number is too
 * high, or there is no memory. To be ended by id = 0. */
qc_rt_watch *qc_rt_watch_new(qc_rt *rt, int32_t fd);
/** The watch of a descriptor, or NULL: there is none. */
qc_rt_watch *qc_rt_watch_of(const qc_rt *rt, int32_t fd);
