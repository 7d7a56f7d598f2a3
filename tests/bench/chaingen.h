/* tests/bench/chaingen.h: a deterministic regtest chain with the shape of mainnet block 866,342:
 * its kinds of inputs and outputs, its transaction shapes, real signatures. The same seed gives the
 * same bytes on every machine. Used by benchmarks; signs in parallel. Thread: one at a time. */
#pragma once
#include "core/btc/block.h"
#include "core/btc/params.h"
#include "core/crypto/secp.h"
#include "core/os/thread.h"

/** Kinds of scripts. All but the last in the proportions of the model block, where CG_P2SH wraps a
 *  P2WPKH program. */
typedef enum cg_kind {
    CG_P2WPKH,
    CG_P2TR,
    CG_P2PKH,
    CG_P2SH,
    CG_P2WSH,
    CG_OP_RETURN,
    CG_MULTISIG /* 2 of 3 in P2SH */
} cg_kind;

#define CG_KEYS 1024
#define CG_MULTISIG_LEN 105
typedef struct cg_key {
    uint8_t secret[32], tap_secret[32]; /* tap_secret: tweaked for the key path */
    uint8_t pub[33], tap_output[32], h160[20];
    uint8_t redeem_h160[20]; /* of the P2SH-wrapped P2WPKH program */
    uint8_t wsh_script[35];  /* <pub> CHECKSIG */
    uint8_t wsh_program[32];
    uint8_t multisig[CG_MULTISIG_LEN]; /* 2 <this key> <the next two> 3 CHECKMULTISIG */
    uint8_t multisig_h160[20];
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
/** From now on outputs are of these kinds, with these weights out of 10,000; `share` is borrowed.
 */
typedef struct cg_share {
    cg_kind kind;
    uint32_t weight;
} cg_share;
void cg_shares(cg_chain *g, const cg_share *share, size_t n);

/** Write a whole chain as blk-framed bytes: `mixed` model blocks and what they need before them.
 *  Returns: inputs spent in all. */
uint64_t cg_write(cg_chain *g, unsigned mixed, void (*sink)(void *arg, qc_span framed), void *arg);

/* chaingen_pool.c: a stream of transactions for the mempool, each valid after those before it. */
typedef struct cg_pool cg_pool;
/** Spends the coins of `g`, which is borrowed and must make no more blocks. Out: owned. */
cg_pool *cg_pool_new(cg_chain *g);
void cg_pool_free(cg_pool *p);
/** Kinds of coins that a chain for cg_pool_new() wants: P2WPKH, P2PKH, multisig in P2SH, P2TR. */
extern const cg_share CG_POOL_SHARES[4];
/** The next transaction: alone, on a chain, fanning out or on top of a fan-out; one to five inputs,
 *  feerates from 1 to 60 sat/vB, no cluster of more than 20. Out: *out owned, qc_bytes_free(). */
void cg_pool_next(cg_pool *p, qc_bytes *out);

/* What the two share. */
uint32_t cg_below(cg_chain *g, uint32_t n);
cg_coin cg_take_coin(cg_chain *g);
/** An output to a random key: appended to `outputs`; *coin without its txid. */
void cg_output(cg_chain *g, cg_kind kind, qc_amount value, uint32_t n, qc_bytes *outputs,
               cg_coin *coin);
cg_kind cg_random_kind(cg_chain *g);
void cg_sign(const cg_chain *g, const cg_coin *in, size_t n_in, qc_span outputs, qc_bytes *out);

/* chaingen_sign.c */
/** Script of a coin or an output. Returns its length (<= 40). */
size_t cg_script(const cg_key *key, cg_kind kind, uint8_t out[static 40]);
void cg_keys_make(const qc_signer *s, uint64_t seed, cg_key key[static CG_KEYS]);
/** Serialize with signatures: spends `in` coins into the outputs (serialized, count first). */
void cg_sign_tx(const qc_signer *s, const cg_key *keys, const cg_coin *in, size_t n_in,
                qc_span outputs, qc_bytes *out);
