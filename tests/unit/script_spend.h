/* tests/unit/script_spend.h: spending made-up coins with real signatures. The transaction has three
 * inputs, of which one is under test, and two outputs. */
#pragma once
#include "core/crypto/secp.h"
#include "core/script/opcode.h"
#include "core/script/sighash.h"
#include "tests/vectors/script_text.h"
#include "tests/vectors/testtx.h"

#define N_KEYS 3

typedef struct spend {
    qc_signer *signer;
    uint8_t secret[N_KEYS][32], pub[N_KEYS][33], pub65[N_KEYS][65];
    uint32_t in;       /* input under test */
    qc_bytes pubkey;   /* its coin's script */
    qc_spent spent[3]; /* all coins */
    qc_txbuf tx;       /* with empty scriptSigs */
    qc_sighash_cache hashes;
} spend;

void spend_init(spend *s);
void spend_clear(spend *s);
/** Let input `in` spend a coin with this script (taken over). */
void spend_coin(spend *s, uint32_t in, qc_bytes script);
/** Check it with this scriptSig and witness (NULL: none). */
qc_script_err spend_check(const spend *s, qc_span sig, const testwit *wit, uint32_t flags);

/** Signature of key k with its hash type behind; returns the length. */
size_t spend_sign_hash(const spend *s, size_t k, const qc_hash *hash, uint8_t type,
                       uint8_t out[static QC_DER_MAX + 1]);
size_t spend_sign_legacy(const spend *s, size_t k, qc_span code, uint8_t type,
                         uint8_t out[static QC_DER_MAX + 1]);
size_t spend_sign_v0(const spend *s, size_t k, qc_span code, uint8_t type,
                     uint8_t out[static QC_DER_MAX + 1]);

/* Scripts piece by piece. */
void put_op(qc_bytes *b, uint8_t op);
void put_data(qc_bytes *b, const void *data, size_t len);
void put_data_span(qc_bytes *b, qc_span s);
/** OP_n and the program. Owned. */
qc_bytes program_script(uint8_t version, const void *program, size_t len);
/** Pay to the hash of a key, to the hash of a script, to the SHA-256 of a script. Owned. */
qc_bytes p2pkh_script(qc_span key);
qc_bytes p2sh_script(qc_span redeem);
qc_bytes p2wsh_script(qc_span script);
