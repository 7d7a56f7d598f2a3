/* core/chain/testblock.h: would a block be valid, for who may not hold the chain up. */
#pragma once
#include "core/base/clock.h"
#include "core/chain/chain.h"

/** Reason of the verdict when it was not found out in time. */
#define QC_TEST_TOO_LONG "inconclusive-takes-too-long"

/** As qc_chain_test_block(); no script is begun at `until` (qc_clock_mono()) or later, what takes
 *  longer is refused as QC_TEST_TOO_LONG. A script that is under way ends first: a second at most.
 *  Thread: chain. */
bool qc_chain_test_block_until(qc_chain *c, qc_block *b, bool check_pow, bool check_merkle,
                               qc_mono until, qc_verdict *v);
