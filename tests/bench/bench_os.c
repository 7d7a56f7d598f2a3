/* What a batch on the worker pool costs: the price of going parallel. */
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/os/thread.h"

#include <stdatomic.h>

typedef struct job {
    qc_pool *pool;
    size_t n;
    atomic_uint_fast64_t sum;
} job;

static bool spin(void *arg, size_t i)
{
    job *j = arg;
    uint64_t x = i;
    for (int k = 0; k < 2000; k++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    QC_BENCH_KEEP(x);
    atomic_fetch_add_explicit(&j->sum, x & 1, memory_order_relaxed);
    return true;
}

static bool nothing(void *arg, size_t i)
{
    QC_BENCH_KEEP(arg);
    QC_BENCH_KEEP(i);
    return true;
}

static void alone(void *arg)
{
    job *j = arg;
    for (size_t i = 0; i < j->n; i++)
        spin(j, i);
}
static void on_pool(void *arg)
{
    job *j = arg;
    qc_pool_run(j->pool, spin, j, j->n, 0);
}
static void empty_batch(void *arg)
{
    job *j = arg;
    qc_pool_run(j->pool, nothing, j, 16, 1);
}

int main(int argc, char **argv)
{
    qc_bench *b = qc_bench_new(argc, argv, "os");
    job j = {.n = 5000};
    if (qc_pool_new(&j.pool, qc_cpu_count() - 1, "bench"))
        return 1;
    qc_bench_run(b, "5000 jobs of 2 us, one thread", alone, &j, 1);
    qc_bench_vs(b, "5000 jobs of 2 us, worker pool", on_pool, &j, 1);
    qc_bench_run(b, "batch of 16 empty jobs", empty_batch, &j, 1);
    qc_pool_free(j.pool);
    return qc_bench_end(b);
}
