/* core/btc/genesis.h: genesis blocks from their parts, private to core/btc. */
#pragma once
#include "core/btc/header.h"

typedef struct qc_genesis {
    const char *message; /* in the coinbase */
    const uint8_t *key;  /* the output pays <key> OP_CHECKSIG */
    uint8_t key_len;
    uint32_t time, nonce, bits;
} qc_genesis;

/** The text of the 2009 block, and its key. */
extern const char qc_genesis_times[];
extern const uint8_t qc_genesis_key[65];
/** Testnet4's text and its 33 zero bytes for a key. */
extern const char qc_genesis_testnet4[];
extern const uint8_t qc_genesis_testnet4_key[33];

/** Serialize the block. Out: *out owned: qc_bytes_free(). Returns: QC_OK; QC_ENOMEM. */
QC_MUST_CHECK qc_err qc_genesis_write(const qc_genesis *g, qc_bytes *out);
