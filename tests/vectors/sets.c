#include "tests/vectors/sets.h"

static const vector_set SETS[] = {
    {"base58_encode_decode", "core/base58_encode_decode.json", set_base58},
    {"bip-0054_test_vectors_timestamps", "bips/bip-0054_test_vectors_timestamps.json",
     set_bip54_timestamps},
    {"bip-0324_ellswift_decode_test_vectors", "bips/bip-0324_ellswift_decode_test_vectors.csv",
     set_bip324_decode},
    {"bip-0324_packet_encoding_test_vectors", "bips/bip-0324_packet_encoding_test_vectors.csv",
     set_bip324_packets},
    {"bip-0324_xswiftec_inv_test_vectors", "bips/bip-0324_xswiftec_inv_test_vectors.csv",
     set_bip324_inverse},
    {"bip-0340_test-vectors", "bips/bip-0340_test-vectors.csv", set_bip340},
    {"bip-0341_wallet-test-vectors", "bips/bip-0341_wallet-test-vectors.json", set_bip341},
    {"bip341_wallet_vectors", "core/bip341_wallet_vectors.json", set_bip341},
    {"key_io_invalid", "core/key_io_invalid.json", set_key_io_invalid},
    {"key_io_valid", "core/key_io_valid.json", set_key_io_valid},
    {"mainnet_alt", "core/mainnet_alt.json", set_mainnet_alt},
    {"script_assets_test", "core/script_assets_test.json", set_script_assets},
    {"script_tests", "core/script_tests.json", set_script_tests},
    {"sighash", "core/sighash.json", set_sighash},
    {"siphash", "core/siphash.json", set_siphash},
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
