/* plugins/indexer/indexer.h: the parts of the indexer and what they share. Everything runs on the
 * plugin's one loop; nothing here is locked. */
#pragma once
#include "lib/chain.h"
#include "quoin/block_read.h"
#include "quoin/chain_read.h"
#include "quoin/rpc_serve.h"
#include "quoin/sdk.h"

#include <stdbool.h>

#define IX_NO_HEIGHT 0xffffffffu

/** An interface that was granted: its table and handle. */
#define IX_GRANT(name)                                                                             \
    struct {                                                                                       \
        const qn_##name##_1 *t;                                                                    \
        qn_cap *cap;                                                                               \
    }

typedef struct ix_job ix_job;

typedef struct ix {
    const qn_host_1 *host;
    qn_cap *cap;
    IX_GRANT(chain_read) chain;
    IX_GRANT(chain_follow) follow;
    IX_GRANT(block_read) blocks;
    IX_GRANT(store_own) store;
    IX_GRANT(rpc_serve) rpc;   /* t NULL: not granted */
    const qn_chain_text *text; /* how addresses are written here */
    qn_follower f;
    qn_batch batch;
    size_t batch_limit; /* bytes */
    bool data_outputs;
    uint32_t max_results;

    /* The catalogue: first transaction number of each indexed height. */
    uint32_t *first;
    uint32_t n_heights, cap_heights;
    uint32_t next_txnum;
    qn_hash tip; /* hash of height n_heights - 1 */

    /* What is committed; queries answer from it. */
    uint32_t done_heights;
    qn_hash done_tip;
    uint64_t shrinks; /* +1 per committed disconnect: queries in progress start again */
    ix_job *jobs;     /* running queries */
} ix;

/* rows.c: the store's keys. Big-endian numbers, so that keys of one prefix are in order.
 *   'H' script hash prefix (8) txnum (4)   a transaction pays to or spends from the script
 *   'T' txid prefix (8) txnum (4)          a transaction
 *   'B' height (4)                         -> block hash (32), first txnum (4)
 *   'C'                                    -> the cursor: see catalogue.c                        */
#define IX_PREFIX 8
#define IX_ROW_LEN 13
#define IX_BLOCK_ROW_LEN 5
#define IX_BLOCK_VALUE_LEN 36
void ix_row(uint8_t kind, const uint8_t *prefix, uint32_t txnum, uint8_t out[static IX_ROW_LEN]);
void ix_block_row(uint32_t height, uint8_t out[static IX_BLOCK_ROW_LEN]);
uint32_t ix_row_txnum(const uint8_t *key);
uint32_t ix_be32(const uint8_t *p);
void ix_put_be32(uint8_t *p, uint32_t v);

/* sort.c: put a batch into the order of its keys. Left as it is when memory is short. */
void ix_batch_sort(qn_batch *b);

/* connect.c: a block's rows into the batch, or out of the store. */
qn_status ix_on_connect(void *arg, const qn_follow_event *ev, const qn_block_view *view);
qn_status ix_on_disconnect(void *arg, const qn_follow_event *ev, const qn_block_view *view);

/* catalogue.c: heights, transaction numbers, the cursor. */
qn_status ix_catalogue_load(ix *x, qn_hash locator[static 48], uint32_t *n_locator);
qn_status ix_catalogue_push(ix *x, const qn_hash *hash, uint32_t n_tx);
void ix_catalogue_pop(ix *x, const qn_hash *parent);
qn_status ix_commit(void *arg, const qn_block_ref *at);
/** Remove every row above `at` by walking the whole store: for a position the node does not know.
 */
qn_status ix_catalogue_cut(ix *x, const qn_block_ref *at);
/** Height and position of a committed transaction number. False: not committed. */
bool ix_place(const ix *x, uint32_t txnum, uint32_t *height, uint32_t *pos);
qn_status ix_block_hash(const ix *x, uint32_t height, qn_hash *out);
void ix_catalogue_clear(ix *x);

/* script_arg.c: how a caller names a script. */
/** Address, "scripthash:" or 64 hex digits (Electrum script hash), "script:" or hex scriptPubKey.
 *  Out: SHA-256 of the script. False: *why says what is wrong. */
bool ix_script_arg(const ix *x, const char *text, uint8_t out[static 32], const char **why);

/* scan.c: walks over the transactions of one script. */
typedef struct ix_fund {
    uint32_t n; /* output */
    int64_t value;
} ix_fund;
typedef struct ix_spend {
    uint32_t in; /* input of this transaction */
    qn_hash prev;
    uint32_t prev_n;
    int64_t value;
} ix_spend;
/** One transaction that touches the script. */
typedef struct ix_entry {
    uint32_t txnum, height, pos;
    qn_hash txid;
    bool coinbase;
    ix_fund *fund;
    uint32_t n_fund;
    ix_spend *spend;
    uint32_t n_spend;
} ix_entry;
typedef struct ix_entries {
    ix_entry *e;
    size_t n, cap;
} ix_entries;
void ix_entries_free(ix_entries *l);

/** A query in progress. It reads blocks in slices, so that the chain is followed meanwhile; what it
 *  finds is true for the tip that was committed when it began. */
typedef struct ix_query {
    uint8_t script_hash[32];
    bool seek; /* stop at the input that spends this output, made by transaction `after`: */
    qn_hash seek_txid;
    uint32_t seek_n, after;
    uint32_t *txnum; /* candidates, ascending */
    uint32_t n, at;
    ix_entries found;
    bool unspendable; /* the script is seen to be one that no input can spend */
    uint64_t shrinks; /* of the index when it began */
    uint32_t heights; /* the tip it is true for: height + 1, and hash */
    qn_hash tip;
} ix_query;
qn_status ix_query_begin(const ix *x, ix_query *q);
/** Take steps for some milliseconds. QN_OK: done; QN_E_AGAIN: call again; else failed. */
qn_status ix_query_step(const ix *x, ix_query *q);
/** Frees what was found; what is sought stays. */
void ix_query_clear(ix_query *q);

/** Transaction by id. Out: its place, and the view of its block (lent: release it). */
qn_status ix_find_tx(const ix *x, const qn_hash *txid, uint32_t *height, uint32_t *pos,
                     uint32_t *txnum, const qn_block_view **view);

/* methods.c: the RPC surface. */
qn_status ix_methods_add(ix *x);
void ix_jobs_cancel(ix *x);
