#include "lib/chain.h"

#include <stddef.h>
#include <string.h>

#define TEST_KEYS                                                                                  \
    111, 196, 239, {0x04, 0x35, 0x87, 0xcf},                                                       \
    {                                                                                              \
        0x04, 0x35, 0x83, 0x94                                                                     \
    }

static const qn_chain_text CHAINS[] = {
    {"main", "bc", 0, 5, 128, {0x04, 0x88, 0xb2, 0x1e}, {0x04, 0x88, 0xad, 0xe4}},
    {"test", "tb", TEST_KEYS},
    {"testnet4", "tb", TEST_KEYS},
    {"signet", "tb", TEST_KEYS},
    {"regtest", "bcrt", TEST_KEYS},
};

const qn_chain_text *qn_chain_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof CHAINS / sizeof CHAINS[0]; i++)
        if (strcmp(CHAINS[i].name, name) == 0)
            return &CHAINS[i];
    return NULL;
}
