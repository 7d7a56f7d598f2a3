/* Samples, medians and the rows of the table. */
#include "tests/bench/bench.h"

#include "core/base/alloc.h"
#include "core/base/arith.h"
#include "core/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE_NS 2000000    /* a sample is at least this long: clock reading is then nothing */
#define BUDGET_NS 2000000000 /* a measurement ends after this, with at least MIN_REPS samples */
#define MIN_REPS 3
#define MAX_REPS 1000
#define DEFAULT_REPS 25

struct qc_bench {
    const char *group, *filter;
    unsigned reps;
    bool smoke;
    double last, reference; /* medians, ns per unit */
};

static void usage(const char *program)
{
    fprintf(stderr, "usage: %s [--smoke] [--header] [--filter=TEXT] [--reps=N]\n", program);
    exit(2);
}

qc_bench *qc_bench_new(int argc, char **argv, const char *group)
{
    qc_alloc_keep(QC_KEEP_BLOCKS); /* as quoind does */
    qc_bench *b = qc_alloc(sizeof *b);
    b->group = group;
    b->reps = DEFAULT_REPS;
    bool header = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--smoke") == 0)
            b->smoke = true;
        else if (strcmp(argv[i], "--header") == 0)
            header = true;
        else if (strncmp(argv[i], "--filter=", 9) == 0)
            b->filter = argv[i] + 9;
        else if (strncmp(argv[i], "--reps=", 7) == 0)
            b->reps = (unsigned)strtoul(argv[i] + 7, NULL, 10);
        else
            usage(argv[0]);
    }
    if (b->reps < 1 || b->reps > MAX_REPS)
        usage(argv[0]);
    if (header)
        printf("%-10s %-44s %12s %12s %12s %12s %7s\n", "group", "what", "median", "min", "max",
               "processor", "ratio");
    return b;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nanoseconds that all threads of this process have run. */
static double processor_ns(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t))
        abort();
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef struct taken {
    double wall, processor; /* ns */
} taken;

static taken sample(void (*fn)(void *), void *arg, uint64_t inner)
{
    qc_mono start = qc_clock_mono();
    double before = processor_ns();
    for (uint64_t i = 0; i < inner; i++)
        fn(arg);
    double processor = processor_ns() - before;
    return (taken){(double)(qc_clock_mono() - start), processor};
}

/* How many calls make a sample long enough; runs them, which also warms up. */
static uint64_t calls_per_sample(void (*fn)(void *), void *arg)
{
    uint64_t inner = 1;
    for (;;) {
        double ns = sample(fn, arg, inner).wall;
        if (ns >= SAMPLE_NS || inner > (1u << 30))
            return inner;
        inner *= ns < SAMPLE_NS / 16 ? 8 : 2;
    }
}

static const char *show_ns(char out[static 32], double ns)
{
    static const struct {
        double from;
        const char *unit;
    } scale[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {0, "ns"}};
    size_t i = 0;
    while (ns < scale[i].from)
        i++;
    snprintf(out, 32, "%.3f %s", scale[i].from > 0 ? ns / scale[i].from : ns, scale[i].unit);
    return out;
}

static bool wanted(const qc_bench *b, const char *name)
{
    return !b->filter || strstr(name, b->filter) || strstr(b->group, b->filter);
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_size);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static bool measure(qc_bench *b, const char *name, void (*fn)(void *), void *arg, uint64_t units)
{
    b->last = 0;
    if (!wanted(b, name))
        return false;
    static double wall[MAX_REPS], processor[MAX_REPS]; /* one measurement at a time */
    uint64_t inner = b->smoke ? 1 : calls_per_sample(fn, arg);
    double per = (double)inner * (double)(units ? units : 1);
    unsigned n = 0, reps = b->smoke ? 1 : b->reps;
    qc_mono end = qc_clock_mono() + BUDGET_NS;
    for (; n < reps && (n < MIN_REPS || qc_clock_mono() < end); n++) {
        taken t = sample(fn, arg, inner);
        wall[n] = t.wall / per;
        processor[n] = t.processor / per;
    }
    b->last = median(wall, n);
    char mid[32], min[32], max[32], used[32];
    printf("%-10s %-44s %12s %12s %12s %12s", b->group, name, show_ns(mid, b->last),
           show_ns(min, wall[0]), show_ns(max, wall[n - 1]), show_ns(used, median(processor, n)));
    return true;
}

void qc_bench_run(qc_bench *b, const char *name, void (*fn)(void *), void *arg, uint64_t units)
{
    if (measure(b, name, fn, arg, units))
        printf("\n");
    b->reference = b->last;
    fflush(stdout);
}

void qc_bench_vs(qc_bench *b, const char *name, void (*fn)(void *), void *arg, uint64_t units)
{
    if (!measure(b, name, fn, arg, units))
        return;
    if (b->reference > 0)
        printf(" %6.2fx", b->last / b->reference);
    printf("\n");
    fflush(stdout);
}

double qc_bench_last_ns(const qc_bench *b)
{
    return b->last;
}

void qc_bench_note(qc_bench *b, const char *name, double value, const char *unit)
{
    if (wanted(b, name))
        printf("%-10s %-44s %12.2f %s\n", b->group, name, value, unit);
    fflush(stdout);
}

void qc_bench_skip(qc_bench *b, const char *name, const char *why)
{
    if (wanted(b, name))
        printf("%-10s %-44s %12s (%s)\n", b->group, name, "-", why);
    fflush(stdout);
}

/* From the root of the tree, as the tests look: a benchmark runs in the build folder. */
char *qc_bench_vector(const char *name)
{
    const char *dir = getenv("QUOIN_VECTORS");
    return qc_asprintf("%s/%s", dir && *dir ? dir : QC_TOP_SRCDIR "/../shared/vectors", name);
}

bool qc_bench_is_smoke(const qc_bench *b)
{
    return b->smoke;
}

int qc_bench_end(qc_bench *b)
{
    qc_free(b);
    return 0;
}
