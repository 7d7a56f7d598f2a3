/* core/mempool/fees_internal.h: the fee estimator's state. Internal to fees*.c. */
#pragma once
#include "core/mempool/fees_stats.h"
#include "core/mempool/fees_watch.h"

struct qc_fees {
    qc_fees_buckets buckets;
    qc_fees_stats stats[QC_FEES_HORIZONS];
    qc_fees_watch watch;
    uint32_t best;                /* height of the last block that was counted; 0: none */
    uint32_t first_recorded;      /* height of the first one with a watched transaction; 0: none */
    uint32_t old_first, old_best; /* the same, in a run before this one */
    /* Of the block that is being counted. */
    bool block_counts;
    uint32_t n_mined, n_counted;
    uint32_t n_watched, n_ignored; /* since the last block */
};

/** Blocks that were counted since the start, and before. */
uint32_t qc_fees_span(const qc_fees *f);
uint32_t qc_fees_old_span(const qc_fees *f);
