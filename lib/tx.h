/* lib/tx.h: reading one serialized transaction, without copying. Thread: any. */
#ifndef QUOIN_LIB_TX_H
#define QUOIN_LIB_TX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A transaction whose structure has been checked. Borrows its bytes. */
typedef struct qn_tx_view {
    const uint8_t *raw;
    size_t len; /* bytes of the transaction */
    uint32_t version, locktime;
    uint32_t n_in, n_out;
    bool has_witness;
    size_t in_off;      /* of the input count */
    size_t out_off;     /* of the first output */
    size_t witness_off; /* of the first input's stack, or of the lock time without any */
} qn_tx_view;

/** Read the transaction that starts at `raw`, in either form (BIP144).
 *  Out: *tx; tx->len says how many of the `len` bytes it takes. Returns: false when malformed. */
bool qn_tx_read(const void *raw, size_t len, qn_tx_view *tx);
/** Transaction id (witness left out) and witness id. Out: 32 bytes, as on the wire. */
void qn_tx_id(const qn_tx_view *tx, uint8_t *out);
void qn_tx_witness_id(const qn_tx_view *tx, uint8_t *out);

typedef struct qn_tx_in {
    const uint8_t *prev_txid; /* 32 bytes */
    uint32_t prev_n;
    uint32_t sequence;
    const uint8_t *script;
    size_t script_len;
    const uint8_t *witness; /* serialized stack, item count first; NULL: none */
    size_t witness_len;
} qn_tx_in;
typedef struct qn_tx_out {
    int64_t value; /* satoshis */
    const uint8_t *script;
    size_t script_len;
} qn_tx_out;

/** Place in a transaction: zero-initialise for the first, one cursor for inputs and one for
 * outputs. */
typedef struct qn_tx_cursor {
    uint32_t index;
    size_t off, witness_off;
} qn_tx_cursor;
/** The next input or output. Parts are borrowed from the bytes. Returns: false after the last. */
bool qn_tx_next_in(const qn_tx_view *tx, qn_tx_cursor *c, qn_tx_in *out);
bool qn_tx_next_out(const qn_tx_view *tx, qn_tx_cursor *c, qn_tx_out *out);

/** Read a CompactSize in its shortest form. Out: *pos past it. Returns: false when malformed. */
bool qn_compact_read(const uint8_t *data, size_t len, size_t *pos, uint64_t *out);

#ifdef __cplusplus
}
#endif
#endif
