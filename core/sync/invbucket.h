/* core/sync/invbucket.h: how many transactions are announced to peers of one direction, over all of
 * them: so many a second, so many bytes a second, with room for a burst; the rest waits, and the
 * best go first (Core net_processing.cpp InvToSendBucket). Pure. Thread: one at a time. */
#pragma once
#include "core/base/hash.h"

#include <stddef.h>

#define QC_INV_RATE 14u /* transactions a second (-txsendrate) */
#define QC_INV_RATE_MAX 1000000u

typedef struct qc_inv_bucket {
    int64_t count, size; /* tokens, in parts of QC_INV_TOKEN */
    int64_t rate, speed; /* of the direction: `rate` transactions at `speed` halves */
    int64_t last;        /* microseconds; 0: never filled */
    qc_hash *waiting;    /* owned; wtxids, some perhaps twice */
    size_t n, cap;
} qc_inv_bucket;
#define QC_INV_TOKEN 2000000

/** rate: transactions a second to inbound peers, up to QC_INV_RATE_MAX; outbound ones get two and a
 *  half times as many. */
void qc_inv_bucket_init(qc_inv_bucket *b, uint32_t rate, bool outbound);
void qc_inv_bucket_clear(qc_inv_bucket *b);
/** One more that waits. Without memory it is left out. */
void qc_inv_bucket_add(qc_inv_bucket *b, const qc_hash *wtxid);
/** Let time pass. */
void qc_inv_bucket_fill(qc_inv_bucket *b, int64_t now);
/** Is there anything that may go? */
bool qc_inv_bucket_ready(const qc_inv_bucket *b);
/** How many may be looked at now, the best of those that wait. */
size_t qc_inv_bucket_most(const qc_inv_bucket *b);
/** One of so many bytes goes. False: that was the last one for now. */
bool qc_inv_bucket_spend(qc_inv_bucket *b, size_t bytes);
