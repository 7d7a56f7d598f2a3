/* core/btc/parse.h: reading transactions in two passes, where several lie one after the other. The
 * first pass judges the bytes and counts the records, so that the second fills arrays of the right
 * size. */
#pragma once
#include "core/btc/block.h"

typedef struct qc_tx_counts {
    size_t in, out;
} qc_tx_counts;

/** Step over one transaction and add its records to *c. A failure is left in r. */
void qc_scan_tx(qc_reader *r, bool allow_witness, qc_tx_counts *c);
/** Read one transaction that qc_scan_tx() has passed: fills *rec (offsets from r->start; in0, out0
 *  and both ids stay the caller's), in[] and out[]. Returns its legacy sigops. */
uint32_t qc_fill_tx(qc_reader *r, bool allow_witness, qn_tx_rec *rec, qn_in_rec *in,
                    qn_out_rec *out);
/** Both ids of a transaction that qc_fill_tx() has read; raw: where its offsets count from. */
void qc_hash_tx(qn_tx_rec *rec, const uint8_t *raw);
