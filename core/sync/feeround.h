/* core/sync/feeround.h: fee rates as peers are told them (BIP133): rounded to a few steps, up or
 * down by chance, so that they do not tell a node from others (Core FeeFilterRounder). Thread: any.
 */
#pragma once
#include <stdint.h>

/** Satoshis per 1,000 virtual bytes, to one of: 0, then from 50 to 10,000,000 each a tenth more
 *  than the one before. What lies between two is the lower one twice out of three times. random:
 *  any 32 bits. */
int64_t qc_fee_round(int64_t fee, uint32_t random);
