/* tests/vectors/testtx.h: making transactions for tests, byte by byte. */
#pragma once
#include "core/btc/block.h"
#include "tests/vectors/tally.h"

/** A witness stack under construction. Zero-initialised: empty. */
typedef struct testwit {
    size_t n;
    qc_bytes items;  /* serialized, without the count */
    size_t last_off; /* of the last item's bytes */
} testwit;
void testwit_add(testwit *w, qc_span item);
/** The last item added. Borrowed until the next one is. */
qc_span testwit_top(const testwit *w);
void testwit_clear(testwit *w);

/** A transaction under construction. Zero-initialised: no inputs, no outputs. */
typedef struct testtx {
    uint32_t version, locktime;
    size_t n_in, n_out;
    qc_bytes in, out;
} testtx;
void testtx_add_input(testtx *t, const uint8_t txid[static 32], uint32_t n, qc_span script_sig,
                      uint32_t sequence);
void testtx_add_output(testtx *t, int64_t value, qc_span script);
/** Serialize. `witness` (one stack per input) NULL or without any item: without witness data.
 *  Owned: qc_bytes_free(). */
qc_bytes testtx_bytes(const testtx *t, const testwit *witness);
void testtx_clear(testtx *t);

/** Parse; ends the program when it does not. Owned: qc_txbuf_clear(). */
void testtx_parse(qc_span raw, qc_txbuf *out);
/** Read a parsed transaction back into parts, with the script and witness of one input replaced.
 *  Owned: qc_txbuf_clear(). */
void testtx_with_input(const qc_tx *tx, uint32_t in, qc_span script_sig, const testwit *witness,
                       qc_txbuf *out);
