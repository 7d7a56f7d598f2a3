/* core/sync/peerfilter.h: the Bloom filter that a peer has us keep for it (BIP37; Core
 * common/bloom.cpp). Thread: one at a time per object. */
#pragma once
#include "core/btc/block.h"

#define QC_FILTER_BYTES_MAX 36000u
#define QC_FILTER_FUNCTIONS_MAX 50u
#define QC_FILTER_ELEMENT_MAX 520u /* of filteradd: no script pushes more */

typedef struct qc_peer_filter {
    qc_bytes bits; /* owned; empty: everything matches */
    uint32_t functions, tweak;
    uint8_t flags;
} qc_peer_filter;

/** Payload of filterload. Out: *too_large, and then *out is untouched, as on failure; else *out
 *  owned, qc_peer_filter_free(). */
QC_MUST_CHECK qc_wire_fail qc_peer_filter_read(qc_span payload, qc_peer_filter **out,
                                               bool *too_large);
/** NULL is allowed. */
void qc_peer_filter_free(QC_OWN qc_peer_filter *f);
void qc_peer_filter_add(qc_peer_filter *f, qc_span element);
bool qc_peer_filter_has(const qc_peer_filter *f, qc_span element);
/** Does the transaction concern its owner? Outputs that do may be added, as the filter's flags say,
 *  so that what spends them matches as well. */
bool qc_peer_filter_match(qc_peer_filter *f, const qc_tx *tx);
