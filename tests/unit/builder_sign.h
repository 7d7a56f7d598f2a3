/* tests/unit/builder_sign.h: keys, the usual scripts, and signatures for built transactions. */
#pragma once
#include "core/crypto/secp.h"
#include "tests/unit/builder.h"

/** Key number i of a fixed sequence. */
typedef struct tb_key {
    uint8_t secret[QC_SECKEY_LEN], pub[QC_PUBKEY_COMPRESSED];
} tb_key;
tb_key tb_key_at(uint32_t i);

typedef enum tb_kind {
    TB_P2PK,
    TB_P2PKH,
    TB_P2SH_MULTISIG, /* 1 of 1 */
    TB_P2WPKH,
    TB_P2SH_P2WPKH,
    TB_P2WSH, /* <key> CHECKSIG */
    TB_P2TR,  /* key path, no scripts */
    TB_KINDS
} tb_kind;

/** The script that pays key `k` in this way. Owned: qc_bytes_free(). */
qc_bytes tb_script(tb_kind kind, const tb_key *k);
/** Sign input `in` with SIGHASH_ALL: fills its script or witness. `spent`: the coins of all inputs.
 *  All other scripts and outputs must be as they stay. */
void tb_sign(tb_tx *tx, size_t in, tb_kind kind, const tb_key *k, const qc_spent *spent);
