#include "tests/vectors/sets.h"

static const vector_set SETS[] = {
    {"bip-0341_wallet-test-vectors", "bips/bip-0341_wallet-test-vectors.json", set_bip341},
    {"bip341_wallet_vectors", "core/bip341_wallet_vectors.json", set_bip341},
    {"script_assets_test", "core/script_assets_test.json", set_script_assets},
    {"script_tests", "core/script_tests.json", set_script_tests},
    {"sighash", "core/sighash.json", set_sighash},
    {"tx_invalid", "core/tx_invalid.json", set_tx_invalid},
    {"tx_valid", "core/tx_valid.json", set_tx_valid},
};

const vector_set *vector_set_at(size_t i)
{
    return i < QC_COUNTOF(SETS) ? &SETS[i] : NULL;
}

const vector_set *vector_set_find(const char *name)
{
    for (size_t i = 0; i < QC_COUNTOF(SETS); i++) {
        if (strcmp(SETS[i].name, name) == 0)
            return &SETS[i];
    }
    return NULL;
}
