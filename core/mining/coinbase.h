/* core/mining/coinbase.h: the parts of the coinbase of a new block that rules fix. Who mines adds
 * the rest: bytes after the height, outputs before the required ones. Facts: BIP34, BIP141, Core
 * node/miner.cpp. Thread: any. */
#pragma once
#include "core/btc/block.h"
#include "core/btc/params.h"

#define QC_COMMITMENT_SCRIPT_LEN 38
#define QC_COMMITMENT_OUTPUT_LEN (8 + 1 + QC_COMMITMENT_SCRIPT_LEN)

typedef struct qc_coinbase {
    uint32_t version, sequence, locktime;
    uint8_t prefix[8]; /* what the input's script must begin with: the height */
    uint8_t prefix_len;
    qc_amount reward; /* all that may be claimed */
    /** The outputs that must come last, serialized; one so far: the witness commitment. */
    uint8_t outputs[QC_COMMITMENT_OUTPUT_LEN];
    uint32_t n_outputs;
    bool has_witness; /* the input needs a witness of one item: */
    uint8_t witness[32];
} qc_coinbase;

/** Of the block at `height`; witness_root: of its transactions, zero in the coinbase's place. */
void qc_coinbase_fix(const qc_params *p, uint32_t height, qc_amount fees,
                     const qc_hash *witness_root, qc_coinbase *out);
/** Append a whole coinbase that pays everything to `script`. `extra` goes behind the height; none
 *  at a height up to 16: one zero byte, for the two bytes that a coinbase's script must have.
 *  Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_coinbase_write(const qc_coinbase *c, qc_span script, qc_span extra,
                                       qc_bytes *out);
/** Append the script of a BIP34 height push (minimal). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_mining_height_script(uint32_t height, qc_bytes *out);
