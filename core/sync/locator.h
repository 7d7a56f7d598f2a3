/* core/sync/locator.h: places in a chain as peers name them. Thread: any. */
#pragma once
#include "core/btc/wire.h"
#include "core/chain/chain.h"

#define QC_LOCATOR_MAX 101u /* Core MAX_LOCATOR_SZ */
#define QC_LOCATOR_OWN 64u  /* more than one of ours ever has: 10 + log2(2^32) + genesis */

/** Hashes from `i` down to genesis: ten in a row, then at doubling distance (Core
 *  LocatorEntries). Returns how many. */
size_t qc_locator_of(const qc_index *i, qc_hash out[static QC_LOCATOR_OWN]);
/** Where the locator leaves the active chain (Core FindForkInGlobalIndex): genesis when nothing is
 *  known. NULL: there is no chain yet. */
const qc_index *qc_locator_find(const qc_chain *c, const qc_hash *hash, size_t n);

/** Payload of getheaders and getblocks. */
typedef struct qc_locator {
    size_t n; /* may be more than QC_LOCATOR_MAX: then no hash is filled in */
    qc_hash hash[QC_LOCATOR_MAX];
    qc_hash stop;
} qc_locator;
/** What is wrong with it, or QC_WIRE_OK. Out: *out. */
qc_wire_fail qc_locator_read(qc_span payload, qc_locator *out);
/** Append the payload, to the end of the chain. `first` (may be NULL) goes before the others. */
QC_MUST_CHECK qc_err qc_locator_write(qc_bytes *out, const qc_hash *first, const qc_index *i);
