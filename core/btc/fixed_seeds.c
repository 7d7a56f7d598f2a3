/* Made by contrib/seeds/seeds.py write of contrib/seeds/ *.txt: change these. */
#include "core/btc/fixed_seeds.h"

#include <stddef.h>

const char *const QC_FIXED_MAIN[] = {
    NULL,
};

const char *const QC_FIXED_TESTNET3[] = {
    NULL,
};

const char *const QC_FIXED_TESTNET4[] = {
    NULL,
};

const char *const QC_FIXED_SIGNET[] = {
    NULL,
};
