#include "core/base/clock.h"

#include <stdatomic.h>
#include <time.h>

/* Process-wide by design: RPC setmocktime moves the whole node's clock. */
static _Atomic int64_t g_own_cell;
static _Atomic int64_t *_Atomic g_cell = &g_own_cell;

qc_unixtime qc_clock_now(void)
{
    qc_unixtime t = atomic_load_explicit(atomic_load(&g_cell), memory_order_relaxed);
    return t ? t : time(NULL); /* to the second: a fraction of the price of a fine clock */
}

int64_t qc_clock_now_us(void)
{
    qc_unixtime t = qc_clock_mock();
    return t ? t * 1000000 : qc_clock_real_us();
}

int64_t qc_clock_real_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

qc_mono qc_clock_mono(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void qc_clock_set_mock(qc_unixtime t)
{
    atomic_store(atomic_load(&g_cell), t);
}

qc_unixtime qc_clock_mock(void)
{
    return atomic_load(atomic_load(&g_cell));
}

void qc_clock_share_mock(_Atomic int64_t *cell)
{
    _Atomic int64_t *now = cell ? cell : &g_own_cell;
    atomic_store(now, qc_clock_mock());
    atomic_store(&g_cell, now);
}
