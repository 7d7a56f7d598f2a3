/* core/btc/block.h: a parsed block and a parsed transaction. Parsed once into the flat view of
 * quoin/block.h; everything after that reads the view. */
#pragma once
#include "core/base/bytes.h"
#include "core/btc/amount.h"
#include "core/btc/header.h"
#include "core/btc/merkle.h"
#include "core/btc/wire.h"
#include "quoin/block.h"

/** A transaction, borrowed from a block or a qc_txbuf. Offsets in in[] and out[] count from raw. */
typedef struct qc_tx {
    const uint8_t *raw;
    const qn_tx_rec *rec;
    const qn_in_rec *in;   /* rec->n_in records, contiguous */
    const qn_out_rec *out; /* rec->n_out records, contiguous */
} qc_tx;

static inline qc_span qc_tx_script_sig(const qc_tx *t, uint32_t i)
{
    return (qc_span){t->raw + t->in[i].script_off, t->in[i].script_len};
}
static inline qc_span qc_tx_script(const qc_tx *t, uint32_t o)
{
    return (qc_span){t->raw + t->out[o].script_off, t->out[o].script_len};
}
/** The serialized witness stack of input i (item count first); an empty span for an empty stack. */
static inline qc_span qc_tx_witness(const qc_tx *t, uint32_t i)
{
    return (qc_span){t->raw + t->in[i].witness_off, t->in[i].witness_len};
}
static inline qc_span qc_tx_bytes(const qc_tx *t)
{
    return (qc_span){t->raw + t->rec->off, t->rec->len};
}
bool qc_tx_has_witness(const qc_tx *t);
/** One input whose outpoint is null (CTransaction::IsCoinBase). */
bool qc_tx_is_coinbase(const qc_tx *t);
qc_outpoint qc_tx_prevout(const qc_tx *t, uint32_t i);

/** One owned transaction. */
typedef struct qc_txbuf {
    qc_tx tx;
    void *mem;
} qc_txbuf;
/** Parse exactly one transaction; copies the bytes. allow_witness false: the BIP144 marker is
 *  read as an empty input vector. Out: *out owned: qc_txbuf_clear(); cleared on failure.
 *  Returns: the failure, or QC_WIRE_OK. */
QC_MUST_CHECK qc_wire_fail qc_tx_parse(qc_span bytes, bool allow_witness, qc_txbuf *out);
void qc_txbuf_clear(qc_txbuf *t);
/** Append the serialization without witness data. */
QC_MUST_CHECK qc_err qc_tx_write_stripped(const qc_tx *t, qc_bytes *out);

/** A parsed block. Shared: immutable once published, reference counted, any thread. */
typedef struct qc_block qc_block;

/** Parse a whole block: hashes, offsets, merkle root, witness root, legacy sigops. No judgement.
 *  `bytes` (<= QC_MAX_SIZE) are copied into the view. Out: *out shared: qc_block_unref(); NULL on
 *  failure. Thread: any (worker). */
QC_MUST_CHECK qc_wire_fail qc_block_parse(qc_span bytes, qc_block **out);
/** Both ids of a transaction, borrowed; NULL: not known. */
typedef struct qc_tx_ids {
    const uint8_t *txid, *wtxid; /* 32 bytes each */
} qc_tx_ids;
/** As qc_block_parse() for a block some of whose transactions have been hashed before: one entry
 *  for each that the bytes hold. They are believed: only ids that were computed here may be given.
 */
QC_MUST_CHECK qc_wire_fail qc_block_parse_known(qc_span bytes, const qc_tx_ids *known,
                                                qc_block **out);
/** As qc_block_parse() for who looks for something in many blocks: transactions are not hashed.
 *  Both ids and both roots are zero until qc_block_make_ids(). */
QC_MUST_CHECK qc_wire_fail qc_block_parse_bare(qc_span bytes, qc_block **out);
/** Compute the ids of transaction i where they were left out; else nothing. While nobody else reads
 *  the block. */
void qc_block_make_ids(qc_block *b, uint32_t i);
/** Of all transactions, the roots still left out. */
void qc_block_make_all_ids(qc_block *b);
/** Some transactions of a block as a block of their own: where each stood in it, one number per
 *  transaction. Once only, before the block is shared. */
void qc_block_set_places(qc_block *b, QC_OWN uint32_t *place);
/** Where transaction i stands in the block, or stood in the one that it was taken from. */
uint32_t qc_block_place(const qc_block *b, uint32_t i);
/** As qc_block_parse(), but bytes after the block are allowed (as Core reads blk files, block
 *  messages and submitblock). Out: *where: bytes the block took, or where the failure was met. */
QC_MUST_CHECK qc_wire_fail qc_block_parse_at(qc_span bytes, qc_block **out, size_t *where);
qc_block *qc_block_ref(const qc_block *b);
void qc_block_unref(const qc_block *b);

const qn_block_view *qc_block_view(const qc_block *b);
const qc_header *qc_block_header(const qc_block *b);
const qc_hash *qc_block_hash(const qc_block *b);
qc_span qc_block_bytes(const qc_block *b); /* serialized with witness */
uint32_t qc_block_n_tx(const qc_block *b);
qc_tx qc_block_tx(const qc_block *b, uint32_t i);
size_t qc_block_stripped_size(const qc_block *b);
uint32_t qc_block_weight(const qc_block *b);
/** Root computed from the txids; *mutated (may be NULL): CVE-2012-2459 duplicate subtree. */
const qc_hash *qc_block_merkle_root(const qc_block *b, bool *mutated);
/** Root of the wtxids with zero in the coinbase's place (BIP141). */
const qc_hash *qc_block_witness_root(const qc_block *b);
/** Legacy (inaccurate) sigops of transaction i: all scriptSigs and scriptPubKeys. */
uint32_t qc_block_legacy_sigops(const qc_block *b, uint32_t i);

/** A spent coin as validation sees it; `script` borrowed from the coin's owner. */
typedef struct qc_spent {
    qc_amount value;
    qc_span script;
    uint32_t height;
    bool coinbase;
} qc_spent;

/** Set the height (before the block is shared). */
void qc_block_set_height(qc_block *b, uint32_t height);
/** Make part B: `spent` has one entry per input of the block, those of the first transaction
 *  included (ignored); their scripts may lie in the block's own view. Computes fees. Once only,
 *  before the block is shared with another thread:
 *  the view moves, so that every qc_tx and span taken from it earlier is dead afterwards.
 *  Returns: QC_OK; QC_ENOMEM (nothing changed). */
QC_MUST_CHECK qc_err qc_block_attach_spent(qc_block *b, const qc_spent *spent);
