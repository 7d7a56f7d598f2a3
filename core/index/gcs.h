/* core/index/gcs.h: Golomb-Rice coded sets (BIP158). Thread: any. */
#pragma once
#include "core/base/bytes.h"
#include "core/base/hash.h"

#define QC_GCS_P 19u
#define QC_GCS_M 784931u

/** Collects the set's elements; equal ones count once. */
typedef struct qc_gcs_builder {
    uint64_t k0, k1; /* SipHash key: first 16 bytes of the block hash */
    uint64_t *hash;  /* 64-bit hashes, before they are mapped onto the set's range */
    size_t n, cap;
} qc_gcs_builder;
void qc_gcs_begin(qc_gcs_builder *b, const qc_hash *block);
QC_MUST_CHECK qc_err qc_gcs_add(qc_gcs_builder *b, qc_span element);
/** Append the encoded filter: CompactSize count, then the coded set. Frees the builder, on failure
 *  too. Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_gcs_finish(qc_gcs_builder *b, qc_bytes *out);
/** Could `element` be in the set? False positives come at a rate of one in QC_GCS_M.
 *  Returns: QC_OK and *hit; QC_ECORRUPT (the filter does not decode). */
QC_MUST_CHECK qc_err qc_gcs_match(qc_span filter, const qc_hash *block, qc_span element, bool *hit);
/** Could any of n elements be in the set? Returns as qc_gcs_match(), or QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_gcs_match_any(qc_span filter, const qc_hash *block, const qc_span *element,
                                      size_t n, bool *hit);
