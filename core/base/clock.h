/* core/base/clock.h: time, injectable. Nothing else in core asks the system for the time. */
#pragma once
#include "core/base/err.h"

typedef int64_t qc_unixtime; /* seconds since 1970 */
typedef int64_t qc_mono;     /* nanoseconds, monotonic, no defined start */

/** Wall time in seconds; honours qc_clock_set_mock(). Thread: any. */
qc_unixtime qc_clock_now(void);
/** Wall time in microseconds; honours qc_clock_set_mock(). Thread: any. */
int64_t qc_clock_now_us(void);
/** Wall time in microseconds, never mocked: for log stamps. Thread: any. */
int64_t qc_clock_real_us(void);
/** Monotonic time, never mocked. Thread: any. */
qc_mono qc_clock_mono(void);
/** Fix qc_clock_now() at `t`; 0 returns to the system clock (RPC setmocktime). Thread: any. */
void qc_clock_set_mock(qc_unixtime t);
/** The mocked time, or 0. Thread: any. */
qc_unixtime qc_clock_mock(void);
/** Keep the mocked time in `cell` from now on, which other processes may be reading; NULL: in a
 *  place of its own again. The cell is borrowed until then. Thread: any. */
void qc_clock_share_mock(_Atomic int64_t *cell);
