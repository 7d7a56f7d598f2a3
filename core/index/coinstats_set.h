/* core/index/coinstats_set.h: how a block changes the numbers of -coinstatsindex, and how they are
 * written. Pure. Thread: any. */
#pragma once
#include "core/btc/params.h"
#include "core/crypto/muhash.h"
#include "core/index/coinstats.h"

#define QC_COINSTATS_LEN (32 + 4 * 8 + 3 * 32 + 4 * 8)

/** Take in the block i, with its spent coins. Returns: QC_OK; QC_ENOMEM; QC_ECORRUPT (outputs above
 *  what the rules allow). On failure *s and *m are of no use any more. */
QC_MUST_CHECK qc_err qc_coinstats_apply(qc_coinstats *s, qc_muhash *m, const qc_params *p,
                                        const qc_index *i, const qc_block *b);
/** Take the coins of block i out of the hash again, and put those it spent back. */
QC_MUST_CHECK qc_err qc_coinstats_undo_hash(qc_muhash *m, const qc_index *i, const qc_block *b);

void qc_coinstats_write(const qc_coinstats *s, uint8_t out[static QC_COINSTATS_LEN]);
void qc_coinstats_read(const uint8_t in[static QC_COINSTATS_LEN], qc_coinstats *out);
