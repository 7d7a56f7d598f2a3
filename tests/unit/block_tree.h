/* tests/unit/block_tree.h: random trees of regtest blocks with real spends, and what the coins are
 * at each of them: a plain model to hold a chain against. */
#pragma once
#include "tests/unit/builder_sign.h"

typedef struct bt_coin {
    qc_outpoint o;
    qc_amount value;
    uint32_t height;
    bool coinbase;
    int kind; /* TB_*, or BT_ANYBODY, BT_NOBODY */
} bt_coin;
enum { BT_ANYBODY = TB_KINDS, BT_NOBODY };

/** What is wrong with a block. */
typedef enum bt_fault {
    BT_GOOD,
    BT_PAYS_TOO_MUCH, /* bad-cb-amount */
    BT_NO_SUCH_COIN,  /* bad-txns-inputs-missingorspent */
    BT_SPENT_TWICE,   /* by two transactions of the block: likewise */
    BT_SCRIPT,        /* a script that fails */
    BT_FAULTS
} bt_fault;

typedef struct bt_node {
    size_t parent; /* number; of genesis: its own */
    uint32_t height;
    qc_header header;
    qc_hash hash;
    qc_bytes raw;
    bt_fault fault;
    bool valid; /* and so are its ancestors */
    bt_coin *coin;
    size_t n_coins;
} bt_node;

typedef struct bt_tree {
    const qc_params *params;
    bt_node *node;
    size_t n;
    uint64_t seed;
    uint32_t salt;
} bt_tree;

/** Genesis and `base` empty blocks on it. Owned: bt_free(). */
bt_tree *bt_new(const qc_params *p, uint32_t base, uint64_t seed);
void bt_free(bt_tree *t);
/** A block on `parent` with random spends. Returns its number. */
size_t bt_grow(bt_tree *t, size_t parent, bt_fault fault);
/** Is `a` an ancestor of `b`, or the same? */
bool bt_above(const bt_tree *t, size_t a, size_t b);
