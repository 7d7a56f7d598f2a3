#include "core/base/clock.h"

#include <stdatomic.h>
#include <time.h>

/* Process-wide by design: RPC setmocktime moves the whole node's clock. */
static _Atomic int64_t g_mock;

qc_unixtime qc_clock_now(void)
{
    qc_unixtime t = atomic_load_explicit(&g_mock, memory_order_relaxed);
    return t ? t : time(NULL); /* to the second: a fraction of the price of a fine clock */
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
    atomic_store(&g_mock, t);
}

qc_unixtime qc_clock_mock(void)
{
    return atomic_load(&g_mock);
}
