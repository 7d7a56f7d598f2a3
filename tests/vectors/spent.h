/* tests/vectors/spent.h: the spent outputs of a block, from a file that lies beside it. */
#pragma once
#include "core/btc/block.h"

/** One coin for each input but the coinbase's, in block order. */
typedef struct spent_set {
    qc_spent *coin; /* scripts lie in the memory that `scripts` owns */
    uint32_t *time; /* of the block that made it; NULL: not known */
    size_t n;
    bool has_heights; /* heights and coinbase marks are known */
    qc_bytes scripts;
} spent_set;

/** Read either format. JSON is an array of objects: value and script (or script_pubkey; both may
 *  lie in an object "txout"), is_coinbase or coinbase, creation_height or height, and, if known,
 *  creation_time or time. Anything else is bytes: for each coin its value (8 bytes, little-endian),
 *  the length of its script (CompactSize) and the script.
 *  Out: *out owned: spent_clear(); why says what is wrong and where.
 *  Returns: QC_OK; QC_EINVAL (malformed); QC_ENOMEM. */
QC_MUST_CHECK qc_err spent_read(qc_span file, spent_set *out, char *why, size_t cap);
void spent_clear(spent_set *s);
