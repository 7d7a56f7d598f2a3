/* core/btc/fixed_seeds.h: addresses of peers, "address:port", that are built in as the last resort
 * (-fixedseeds). contrib/seeds/seeds.py measures them, once for each release. Each ends with NULL.
 */
#pragma once

extern const char *const QC_FIXED_MAIN[];
extern const char *const QC_FIXED_TESTNET3[];
extern const char *const QC_FIXED_TESTNET4[];
extern const char *const QC_FIXED_SIGNET[];
