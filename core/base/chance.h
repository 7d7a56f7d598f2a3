/* core/base/chance.h: waiting times by chance, for events that nobody should foresee. Pure; where
 * the randomness comes from is the caller's affair. Thread: any. */
#pragma once
#include <stdint.h>

/** A sample of the exponential distribution: how long the next event of a Poisson process takes
 *  that has one every `mean` on average, in the unit of `mean` (below 2^40, at least 0). Long ones
 *  end at 33 times the mean. random: 64 uniform bits. */
int64_t qc_chance_wait(int64_t mean, uint64_t random);
