/* core/sync/extra.h: the latest transactions that are in no pool but may well be in the next block:
 * replaced, refused, or of a block that left the chain (Core vExtraTxnForCompact). A ring, bounded
 * in number and bytes. Thread: chain. */
#pragma once
#include "core/sync/txsource.h"

#define QC_EXTRA_BYTES ((size_t)10 << 20)

typedef struct qc_extra qc_extra;

/** At most `most` of them (-blockreconstructionextratxn); 0: nothing is kept. Out: owned,
 *  qc_extra_free(). */
qc_extra *qc_extra_new(size_t most);
void qc_extra_free(QC_OWN qc_extra *x);
/** Keep a copy; the oldest make room. */
void qc_extra_add(qc_extra *x, const qc_known_tx *tx);
size_t qc_extra_count(const qc_extra *x);
/** All of them, as a source. */
void qc_extra_each(void *extra, qc_tx_taker *take, void *to);
