/* core/sync/rejects.h: what need not be asked for again: ids of transactions that were refused for
 * good, or by themselves only, and of those that a block has confirmed. Bloom filters that forget
 * the oldest (Core node/txdownloadman_impl.h); an id that was never put in is found once in a
 * million. Thread: one at a time. */
#pragma once
#include "core/base/hash.h"
#include "core/net/bloom.h"

typedef enum qc_reject_kind {
    QC_REJECT_FINAL,    /* until the tip changes */
    QC_REJECT_ALONE,    /* the same; together with a child it may do. And pairs that did not do */
    QC_REJECT_CONFIRMED /* in one of the last blocks */
} qc_reject_kind;
#define QC_REJECT_KINDS 3

/** Zeroed but for the randomness it is ready and empty; a filter takes its memory (1.3 MB for the
 *  first two each, 0.5 MB) at the first use. Without memory nothing is remembered. */
typedef struct qc_rejects {
    uint64_t (*random)(void *arg);
    void *random_arg;
    uint32_t most; /* ids of each kind that are surely remembered; 0: the usual numbers */
    qc_rolling_bloom filter[QC_REJECT_KINDS];
} qc_rejects;

void qc_rejects_clear(qc_rejects *r);
void qc_rejects_add(qc_rejects *r, qc_reject_kind kind, const qc_hash *id);
bool qc_rejects_has(const qc_rejects *r, qc_reject_kind kind, const qc_hash *id);
/** Forget all of this kind. */
void qc_rejects_reset(qc_rejects *r, qc_reject_kind kind);
