/* core/methods/rate.h: how fast a sync goes: samples of the last minutes, and what follows from
 * them. Thread: any. */
#pragma once
#include "core/base/clock.h"
#include "core/os/thread.h"

#define QC_RATE_SAMPLES 60u

typedef struct qc_rate_sample {
    qc_mono at;
    uint32_t height;
    double share;   /* done of everything, 0 to 1 */
    uint64_t bytes; /* received from peers */
} qc_rate_sample;

typedef struct qc_rate {
    pthread_mutex_t lock;
    qc_rate_sample ring[QC_RATE_SAMPLES];
    unsigned n, next;
} qc_rate;

/** Per second, over the samples that there are. Display only. */
typedef struct qc_rate_view {
    double blocks, bytes;
    double left; /* seconds until everything is done; negative: cannot be told */
} qc_rate_view;

void qc_rate_init(qc_rate *r);
void qc_rate_clear(qc_rate *r);
/** Take in a sample; the oldest goes when there is no room. One that is behind the last (the chain
 *  was wound back) begins anew. */
void qc_rate_add(qc_rate *r, const qc_rate_sample *s);
/** False: fewer than two samples. */
bool qc_rate_get(qc_rate *r, qc_rate_view *out);
