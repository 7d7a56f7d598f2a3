/* core/methods/blockstats.h: the numbers of RPC getblockstats, computed from one block and its
 * spent coins. */
#pragma once
#include "core/btc/block.h"
#include "core/btc/params.h"

#define QC_FEERATE_PERCENTILES 5

/** All amounts in satoshis, feerates in satoshis per virtual byte. Meaning as RPC getblockstats. */
typedef struct qc_blockstats {
    int64_t avgfee, avgfeerate, avgtxsize;
    int64_t feerate_percentiles[QC_FEERATE_PERCENTILES]; /* 10th 25th 50th 75th 90th, by weight */
    int64_t ins, outs, txs;
    int64_t maxfee, minfee, medianfee, totalfee;
    int64_t maxfeerate, minfeerate;
    int64_t maxtxsize, mintxsize, mediantxsize, total_size, total_weight;
    int64_t swtotal_size, swtotal_weight, swtxs;
    int64_t total_out;
    int64_t utxo_increase, utxo_increase_actual, utxo_size_inc, utxo_size_inc_actual;
} qc_blockstats;

/** `b` carries part B (spent coins). genesis: its outputs are no coins; bip30_repeat: its coinbase
 *  overwrites an earlier one, so it adds none (blocks 91,842 and 91,880).
 *  Returns: QC_OK; QC_ENOMEM. Thread: any. */
QC_MUST_CHECK qc_err qc_blockstats_compute(const qc_block *b, bool genesis, bool bip30_repeat,
                                           qc_blockstats *out);
