/* tests/unit/pool_kit.h: a pool on a regtest chain whose coins anybody can spend, by standard
 * transactions that need no signature. The clock stands still at a time of the kit's. */
#pragma once
#include "core/mempool/persist.h"
#include "tests/unit/builder.h"
#include "tests/unit/chain_kit.h"

#define PK_BLOCKS 130u /* of the chain at first; the first PK_COINS coinbases are mature */
#define PK_COINS 30u
#define PK_NEWS 16384u

typedef struct pk_coin {
    qc_outpoint o;
    qc_amount value;
} pk_coin;

typedef enum pk_kind { PK_ADDED, PK_REMOVED, PK_BLOCK, PK_TIP } pk_kind;

/** What was told. */
typedef struct pk_news {
    pk_kind kind;
    qc_hash txid;
    uint64_t sequence;
    qc_mempool_why why;
    bool has_by;
    qc_hash by;
    qc_mempool_added added; /* its entry is not there any more */
} pk_news;

typedef struct pool_kit {
    chain_kit k;
    tb_chain *t;
    qc_mempool_options o; /* change between pk_init() and pk_open() */
    qc_mempool *m;
    pk_coin coin[PK_COINS]; /* mature, unspent at first */
    int64_t now;
    pk_news news[PK_NEWS];
    size_t n_news;
    uint64_t salt; /* makes transactions differ */
} pool_kit;

/** Chain, clock and options, no pool. */
void pk_init(pool_kit *p);
void pk_open(pool_kit *p);
/** Both. */
void pk_start(pool_kit *p);
void pk_end(pool_kit *p);
/** The clock goes on. */
void pk_wait(pool_kit *p, int64_t seconds);

/** The script that anybody can spend: P2WSH of OP_TRUE. */
qc_span pk_script(void);
/** Version 2, `n` coins in, `outs` equal outputs, `fee` left over, unless anything is changed
 *  afterwards. Owned: tb_tx_free(). */
tb_tx *pk_spend(const pk_coin *coin, size_t n, qc_amount fee, size_t outs);
/** Output `n` of a transaction as a coin. */
pk_coin pk_out(const tb_tx *tx, uint32_t n);
/** Make it `bytes` virtual bytes larger by an OP_RETURN output. */
void pk_pad(tb_tx *tx, size_t bytes);

/** Offer it; *r must be cleared. */
void pk_try(pool_kit *p, const tb_tx *tx, bool test_only, qc_accept_result *r);
/** It must be let in. Returns its entry, and frees tx. */
const qc_mempool_entry *pk_add(pool_kit *p, QC_OWN tb_tx *tx);
/** It must be refused for this reason and debug text (NULL: whatever; else a part of it); nothing
 *  may change. Frees tx. */
void pk_refuse(pool_kit *p, QC_OWN tb_tx *tx, qc_vcode code, const char *reason, const char *debug);
bool pk_has(const pool_kit *p, const qc_hash *txid);

/** Connect a block with these transactions (copied) on the tip of p->t. */
void pk_mine(pool_kit *p, tb_tx *const *tx, size_t n);
/** The same with everything that is in the pool. */
void pk_mine_pool(pool_kit *p);
/** Go back to `height` and build on from there: the next blocks are another branch. */
void pk_fork(pool_kit *p, uint32_t height);
/** Index of the first news from `from` on that is so; or fails. */
size_t pk_find_news(const pool_kit *p, size_t from, int kind, const qc_hash *txid);
