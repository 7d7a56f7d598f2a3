/* core/sync/partial.h: putting a block together from a compact one, from transactions that are
 * known, and from those that its sender adds (Core PartiallyDownloadedBlock). No I/O, no chain.
 * Thread: any, one at a time per object. */
#pragma once
#include "core/btc/cmpct.h"
#include "core/sync/txsource.h"

#define QC_PARTIAL_HELD                                                                            \
    4000000u /* bytes of known transactions that one may keep: no valid block                      \
                has more */

typedef struct qc_partial qc_partial;

typedef enum qc_partial_status {
    QC_PARTIAL_OK,
    QC_PARTIAL_INVALID, /* no honest peer sends that */
    QC_PARTIAL_FAILED   /* chance or want of room: the whole block must be had another way */
} qc_partial_status;

/** Place what is prefilled and what the sources know. `c`, and the transactions that the sources
 *  show, are borrowed until qc_partial_hold() or qc_partial_fill(). Out: *out owned,
 *  qc_partial_free(); NULL unless QC_PARTIAL_OK. */
qc_partial_status qc_partial_new(qc_partial **out, const qc_cmpct *c, const qc_tx_source *pool,
                                 const qc_tx_source *extra);
void qc_partial_free(QC_OWN qc_partial *p);

/** Transactions that are missing; *place (may be NULL) gets their places, owned: qc_free(), NULL
 *  when memory ran out. */
size_t qc_partial_missing(const qc_partial *p, uint16_t **place);
/** It will have to wait: copy all that is borrowed. QC_PARTIAL_FAILED: too much, or no memory. */
qc_partial_status qc_partial_hold(qc_partial *p);
/** Add what was missing (NULL: nothing was), once only. segwit: witnesses count in the search for
 *  mutations. Out: *out shared, qc_block_unref(); NULL unless QC_PARTIAL_OK. */
qc_partial_status qc_partial_fill(qc_partial *p, const qc_cmpct_txs *t, bool segwit,
                                  qc_block **out);
/** Was qc_partial_fill() called? */
bool qc_partial_is_spent(const qc_partial *p);
const qc_header *qc_partial_header(const qc_partial *p);

typedef struct qc_partial_counts {
    uint32_t prefilled, known, extra; /* extra ones are among the known */
} qc_partial_counts;
qc_partial_counts qc_partial_count(const qc_partial *p);
/** Bytes it holds. */
size_t qc_partial_bytes(const qc_partial *p);
