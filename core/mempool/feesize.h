/* core/mempool/feesize.h: what a set of transactions pays and weighs, and comparing the rates of
 * two of them without loss. The graph's own unit: it knows no virtual bytes. Thread: any. */
#pragma once
#include "core/base/arith.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A sum over transactions. size 0: the empty set, whose rate is not compared. */
typedef struct qc_feesize {
    int64_t fee;  /* satoshis, may be negative */
    int32_t size; /* adjusted weight units (sigops counted in), >= 0 */
} qc_feesize;

__extension__ typedef __int128 qc_int128;

/** The sum, or the nearest there is. */
static inline int64_t qc_fee_add(int64_t a, int64_t b)
{
    int64_t sum;
    return QC_ADD_OK(a, b, &sum) ? sum : b < 0 ? INT64_MIN : INT64_MAX;
}

static inline qc_feesize qc_feesize_add(qc_feesize a, qc_feesize b)
{
    return (qc_feesize){a.fee + b.fee, a.size + b.size};
}
static inline qc_feesize qc_feesize_sub(qc_feesize a, qc_feesize b)
{
    return (qc_feesize){a.fee - b.fee, a.size - b.size};
}
/** < 0, 0, > 0 as the rate of a is lower than, equal to, or higher than that of b. Exact. */
static inline int qc_feesize_cmp(qc_feesize a, qc_feesize b)
{
    qc_int128 x = (qc_int128)a.fee * b.size, y = (qc_int128)b.fee * a.size;
    return (x > y) - (x < y);
}

/** How the diagram of one set of chunks lies to that of another. */
typedef enum qc_diagram {
    QC_DIAGRAM_WORSE,    /* nowhere above, somewhere below */
    QC_DIAGRAM_EQUAL,    /* the same everywhere */
    QC_DIAGRAM_BETTER,   /* nowhere below, somewhere above: what a replacement must be */
    QC_DIAGRAM_CROSSING, /* somewhere above, somewhere below: incomparable */
} qc_diagram;

/** Compare two feerate diagrams (Core util/feefrac: CompareChunks). One is the line through the
 *  sums of 0, 1, ... n chunks, which are sorted by falling rate, and goes on flat for ever. Any
 *  number of chunks; sums are kept in 128 bits. Returns: how `a` lies to `b`. */
qc_diagram qc_diagram_compare(const qc_feesize *a, size_t na, const qc_feesize *b, size_t nb);
