/* tests/vectors/blockjob.h: a block with the coins it spends, and the check of all its scripts. */
#pragma once
#include "core/btc/block.h"
#include "core/script/verify.h"
#include "tests/vectors/spent.h"

#include <stdatomic.h>

typedef struct blockjob {
    qc_block *block;
    spent_set set;
    qc_spent *spent;            /* one per input of the block, coinbase included */
    uint32_t *tx_of;            /* transaction of each input */
    qc_sighash_cache *hashes;   /* per transaction; made by each run */
    uint32_t flags;             /* script flags: the caller's */
    _Atomic uint32_t failed_in; /* lowest input whose script failed, or UINT32_MAX */
} blockjob;

/** Read both files. Out: *j owned: blockjob_clear(), on failure too; why says what is wrong.
 *  Returns: QC_OK; QC_ECORRUPT (the block does not parse); QC_EINVAL (the coins do not, or are not
 *  as many as it spends); others from reading the files. */
QC_MUST_CHECK qc_err blockjob_load(blockjob *j, const char *raw, const char *spent, char *why,
                                   size_t cap);
void blockjob_clear(blockjob *j);
/** What checking input `in` of the block needs. */
qc_script_check blockjob_input(const blockjob *j, uint32_t in, qc_tx *tx);
/** All scripts with `workers` extra threads, and whatever fails. Out: j->failed_in.
 *  Returns nanoseconds, or -1: threads could not be started. */
int64_t blockjob_scripts(blockjob *j, unsigned workers);
