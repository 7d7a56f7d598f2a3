/* lib/chain.h: how addresses and keys are written on each chain. Thread: any. */
#ifndef QUOIN_LIB_CHAIN_H
#define QUOIN_LIB_CHAIN_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qn_chain_text {
    const char *name;            /* "main" "test" "testnet4" "signet" "regtest" */
    const char *hrp;             /* of bech32 addresses */
    uint8_t p2pkh, p2sh, secret; /* base58 version bytes */
    uint8_t xpub[4], xprv[4];
} qn_chain_text;

/** The chain of this name, or NULL. Lives for ever. */
const qn_chain_text *qn_chain_by_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
