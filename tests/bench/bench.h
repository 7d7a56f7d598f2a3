/* tests/bench/bench.h: measure functions and print one row for each.
 *
 * static void sha(void *arg) { ... one unit of work ... }
 * int main(int argc, char **argv)
 * {
 *     qc_bench *b = qc_bench_new(argc, argv, "crypto");
 *     qc_bench_run(b, "sha256d of 80 bytes, nettle", sha_nettle, &x, 1);
 *     qc_bench_vs(b, "sha256d of 80 bytes, ours", sha_ours, &x, 1);
 *     return qc_bench_end(b);
 * }
 * A machine differs from the next and from itself an hour ago, so a figure means most as a ratio to
 * a reference measured in the same run: qc_bench_vs() gives the median over the median of the last
 * qc_bench_run(). */
#pragma once
#include "core/base/err.h"

typedef struct qc_bench qc_bench;

/** Options: --smoke (each once, as `make check` does), --header (print the table's head),
 *  --filter=TEXT (only rows whose name holds TEXT), --reps=N. Out: owned, qc_bench_end(). */
qc_bench *qc_bench_new(int argc, char **argv, const char *group);
/** Measure fn(arg), which does `units` of work, and print the time per unit: median, fastest and
 *  slowest, and the processor time of all threads (median). Short functions are repeated within a
 * sample until it is long enough to measure. */
void qc_bench_run(qc_bench *b, const char *name, void (*fn)(void *), void *arg, uint64_t units);
/** The same, with the ratio to the last qc_bench_run(). */
void qc_bench_vs(qc_bench *b, const char *name, void (*fn)(void *), void *arg, uint64_t units);
/** Median of the last measurement in nanoseconds per unit; 0 when the filter left it out. */
double qc_bench_last_ns(const qc_bench *b);
/** A row that is no time: a size, a count, a rate. */
void qc_bench_note(qc_bench *b, const char *name, double value, const char *unit);
/** A row that cannot be measured here, with the reason. */
void qc_bench_skip(qc_bench *b, const char *name, const char *why);
/** Path of a shared test vector, which may not be there. Owned: qc_free(). */
char *qc_bench_vector(const char *name);
/** True under --smoke: make the data small. */
bool qc_bench_is_smoke(const qc_bench *b);
/** Free; the exit status of the program. */
int qc_bench_end(QC_OWN qc_bench *b);

/** Keep the compiler from dropping a result nobody reads. */
#define QC_BENCH_KEEP(x) __asm__ volatile("" : : "g"(x) : "memory")
