/* tests/unit/plain_sighash.h: the legacy signature hash the slow way, to compare with. */
#pragma once
#include "core/btc/block.h"

/** Rebuild the transaction as the first version of Bitcoin did, and hash it. `code` must consist of
 *  whole operations. */
qc_hash plain_sighash(const qc_tx *tx, uint32_t in, qc_span code, uint32_t type);
