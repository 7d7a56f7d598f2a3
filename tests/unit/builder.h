/* tests/unit/builder.h: transactions, blocks and header chains made to order, valid or not. Nothing
 * here judges: any field may be set to nonsense before the bytes are taken. Small helpers finish
 * what a valid block needs (commitment, merkle root, proof of work). Ends the program when memory
 * runs out. */
#pragma once
#include "core/consensus/check.h"

#define TB_FINAL 0xffffffffu /* sequence */

typedef struct tb_in {
    qc_outpoint prev;
    uint32_t sequence;
    qc_bytes script;
    uint32_t n_items; /* of the witness stack */
    qc_bytes items;   /* each with its length in front */
} tb_in;
typedef struct tb_out {
    qc_amount value;
    qc_bytes script;
} tb_out;
typedef struct tb_tx {
    uint32_t version, locktime;
    size_t n_in, n_out;
    tb_in *in;
    tb_out *out;
} tb_tx;

/** Version 2, nothing in it. Owned: tb_tx_free(). */
tb_tx *tb_tx_new(void);
tb_tx *tb_tx_copy(const tb_tx *tx);
void tb_tx_free(tb_tx *tx);
/** Add an input with this scriptSig; returns its index. */
size_t tb_tx_in(tb_tx *tx, const qc_hash *txid, uint32_t n, qc_span script, uint32_t sequence);
size_t tb_tx_out(tb_tx *tx, qc_amount value, qc_span script);
void tb_tx_set_script(tb_tx *tx, size_t in, qc_span script);
/** Push an item on the witness stack of an input. */
void tb_tx_witness(tb_tx *tx, size_t in, qc_span item);
void tb_tx_clear_witness(tb_tx *tx, size_t in);
bool tb_tx_has_witness(const tb_tx *tx);
/** Serialize; without witness data when none is there. Owned: qc_bytes_free(). */
qc_bytes tb_tx_bytes(const tb_tx *tx, bool witness);
qc_hash tb_txid(const tb_tx *tx);
/** Owned: qc_txbuf_clear(). */
void tb_tx_parse(const tb_tx *tx, qc_txbuf *out);

/** A block under construction; it owns its transactions. */
typedef struct tb_block {
    qc_header header;
    uint32_t height;
    tb_tx **tx; /* [0] is the coinbase */
    size_t n_tx;
} tb_block;
void tb_block_free(tb_block *b);
/** Append a transaction, which the block then owns. Returns it. */
tb_tx *tb_block_add(tb_block *b, QC_OWN tb_tx *tx);
tb_block *tb_block_copy(const tb_block *b);
/** Make or renew the witness commitment (last output of the coinbase) and its reserved value. */
void tb_block_commit(tb_block *b);
/** Set the header's merkle root. */
void tb_block_merkle(tb_block *b);
/** Find a nonce that meets (or, meet false, misses) the header's bits. For regtest targets. */
void tb_block_mine(tb_block *b, const qc_params *p, bool meet);
/** Commitment if some transaction but the coinbase has witness data, merkle root, nonce. */
void tb_block_finish(tb_block *b, const qc_params *p);
/** Owned: qc_bytes_free(). */
qc_bytes tb_block_bytes(const tb_block *b);
qc_hash tb_block_hash(const tb_block *b);
/** Shared: qc_block_unref(). */
qc_block *tb_block_parse(const tb_block *b);

/** Coinbase of a block at `height`: BIP34 height and `salt` in its script, one output. */
tb_tx *tb_coinbase(uint32_t height, uint32_t salt, qc_amount value, qc_span script);

/** A chain of headers, starting with the genesis block. */
typedef struct tb_chain {
    qc_params *params; /* owned */
    qc_header *header;
    qc_hash *hash;
    uint32_t tip;  /* height */
    uint32_t salt; /* in coinbases; other branches take another one */
} tb_chain;
/** Owned: tb_chain_free(). `o` may be NULL. */
tb_chain *tb_chain_new(qc_chain_id id, const qc_params_override *o);
void tb_chain_free(tb_chain *c);
/** Forget all headers above `height`. */
void tb_chain_cut(tb_chain *c, uint32_t height);
/** A block on the tip: ten minutes later, right bits, a coinbase that pays subsidy and `fees` to
 *  anybody (OP_TRUE). Not finished. Owned: tb_block_free(). */
tb_block *tb_chain_next(const tb_chain *c, qc_amount fees);
/** Append the block's header. */
void tb_chain_push(tb_chain *c, const tb_block *b);
/** Judge a header on the tip by every header rule at time `now`, and append it when it passes. A
 *  parent that is not the tip is QC_V_MISSING_PREV. */
bool tb_chain_connect(tb_chain *c, const qc_header *h, int64_t now, qc_verdict *v);
/** A finished block of `n` transactions, every other one with a witness; what they spend is not
 *  there. Shared: qc_block_unref(). */
qc_block *tb_chain_block_of(const tb_chain *c, size_t n);
/** `n` empty blocks; their bytes, one after the other, are appended to *bytes (may be NULL). */
void tb_chain_grow(tb_chain *c, uint32_t n, qc_bytes *bytes);
/** For the rules; borrows c. */
qc_ancestors tb_chain_ancestors(const tb_chain *c);
/** Median time past of the block at `height` (arg is the chain): also a qc_connect_env.mtp_at. */
uint32_t tb_chain_mtp(void *chain, uint32_t height);
