/* tests/bench/chaingen.h: a deterministic regtest chain with the shape of mainnet block 866,342:
 * its kinds of inputs and outputs, its transaction shapes, real signatures. The same seed gives the
 * same bytes on every machine. Used by benchmarks; signs in parallel. Thread: one at a time. */
#pragma once
#include "core/btc/block.h"
#include "core/btc/params.h"
#include "core/crypto/secp.h"
#include "core/os/thread.h"

/** Kinds of scripts, in the proportions of the model block. */
typedef enum cg_kind { CG_P2WPKH, CG_P2TR, CG_P2PKH, CG_P2SH, CG_P2WSH, CG_OP_RETURN } cg_kind;

#define CG_KEYS 1024
typedef struct cg_key {
    uint8_t secret[32], tap_secret[32]; /* tap_secret: tweaked for the key path */
    uint8_t pub[33], tap_output[32], h160[20];
    uint8_t redeem_h160[20]; /* of the P2SH-wrapped P2WPKH program */
    uint8_t wsh_script[35];  /* <pub> CHECKSIG */
    uint8_t wsh_program[32];
} cg_key;

typedef struct cg_coin {
    qc_hash txid;
    uint32_t n;
    uint16_t key;
    uint8_t kind;
    qc_amount value;
} cg_coin;

typedef struct cg_chain cg_chain;
/** Out: owned, cg_free(). `pool` is borrowed: signs on it. */
cg_chain *cg_new(uint64_t seed, qc_pool *pool);
void cg_free(cg_chain *g);
const qc_params *cg_params(const cg_chain *g);

/** What the next block does. */
typedef enum cg_block {
    CG_EMPTY,  /* coinbase only */
    CG_FANOUT, /* one mature coinbase into thousands of coins */
    CG_MIXED   /* the model block: needs coins */
} cg_block;
/** Make the next block. Out: *out owned, qc_bytes_free(); *inputs spent by it. Aborts when a block
 *  cannot be made (a bug: the caller's schedule starved it of coins). */
void cg_next(cg_chain *g, cg_block what, qc_bytes *out, uint64_t *inputs);
uint32_t cg_height(const cg_chain *g);
size_t cg_coins(const cg_chain *g);

/** Write a whole chain as blk-framed bytes: `mixed` model blocks and what they need before them.
 *  Returns: inputs spent in all. */
uint64_t cg_write(cg_chain *g, unsigned mixed, void (*sink)(void *arg, qc_span framed), void *arg);

/* chaingen_sign.c */
/** Script of a coin or an output. Returns its length (<= 40). */
size_t cg_script(const cg_key *key, cg_kind kind, uint8_t out[static 40]);
void cg_keys_make(const qc_signer *s, uint64_t seed, cg_key key[static CG_KEYS]);
/** Serialize with signatures: spends `in` coins into the outputs (serialized, count first). */
void cg_sign_tx(const qc_signer *s, const cg_key *keys, const cg_coin *in, size_t n_in,
                qc_span outputs, qc_bytes *out);
