/* core/mempool/fees_stats.h: one horizon of the fee estimator. Internal. */
#pragma once
#include "core/mempool/fees.h"

#define QC_FEES_MAX_BUCKETS 1000u
#define QC_FEES_MAX_CONFIRMS 1008u
#define QC_FEES_LAST_BUCKET 1e99 /* upper end of the last bucket */

/** Upper ends (sat/kvB), included, ascending; the last is above any rate. */
typedef struct qc_fees_buckets {
    double *end;
    size_t n;
} qc_fees_buckets;
/** Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_fees_buckets_init(qc_fees_buckets *b);
size_t qc_fees_bucket_of(const qc_fees_buckets *b, double rate);

/** Averages over blocks, and who waits. Arrays of periods or blocks by buckets. */
typedef struct qc_fees_stats {
    size_t n; /* buckets */
    uint32_t periods, scale;
    double decay;
    double *rate_sum;   /* [n] of what was mined */
    double *mined;      /* [n] */
    double *within;     /* [periods][n] mined within so many periods and one */
    double *left;       /* [periods][n] left unmined after so many periods and one, or more */
    uint32_t *waiting;  /* [periods * scale][n] by height of entry, a ring */
    uint32_t *long_ago; /* [n] waiting for longer than that */
} qc_fees_stats;
/** Zeroed. scale * periods is in 1..QC_FEES_MAX_CONFIRMS. Returns: QC_OK; QC_ENOMEM (*s empty). */
QC_MUST_CHECK qc_err qc_fees_stats_init(qc_fees_stats *s, size_t n_buckets, uint32_t periods,
                                        uint32_t scale, double decay);
void qc_fees_stats_clear(qc_fees_stats *s);
static inline uint32_t qc_fees_stats_max(const qc_fees_stats *s)
{
    return s->periods * s->scale;
}

/** A block at `height` was connected: turn the ring, forget a little. */
void qc_fees_stats_block(qc_fees_stats *s, uint32_t height);
void qc_fees_stats_enter(qc_fees_stats *s, uint32_t height, size_t bucket);
/** It no longer waits. `best`: height of the last block. mined false: count the failure. */
void qc_fees_stats_leave(qc_fees_stats *s, uint32_t entered, uint32_t best, size_t bucket,
                         bool mined);
/** It was mined `blocks` (>= 1) after it entered. */
void qc_fees_stats_mined(qc_fees_stats *s, uint32_t blocks, size_t bucket, double rate);

typedef struct qc_fees_question {
    uint32_t target; /* 1..qc_fees_stats_max() */
    double enough;   /* transactions per block that a range of buckets must have seen */
    double threshold;
    uint32_t best; /* height of the last block */
} qc_fees_question;
/** The average rate in the bucket with the median transaction of the cheapest range that meets the
 *  threshold; -1: there is none. Out: *detail, may be NULL. */
double qc_fees_stats_estimate(const qc_fees_stats *s, const qc_fees_buckets *b,
                              const qc_fees_question *q, qc_fees_detail *detail);
