/* plugins/indexer/methods.h: one RPC request from its arguments to its answer. */
#pragma once
#include "plugins/indexer/indexer.h"

#include <jansson.h>

/** What a scan's result is turned into. */
typedef enum ix_want { IX_HISTORY, IX_UTXOS, IX_BALANCE, IX_SPENDER } ix_want;

/** A request whose scan is running. */
struct ix_job {
    ix *x;
    ix_job *next;
    uint64_t request;
    ix_want want;
    ix_query q;
    uint32_t from, limit; /* paging */
};

#define IX_RPC_INVALID_PARAMETER (-8)
#define IX_RPC_NOT_FOUND (-5)
#define IX_RPC_INTERNAL (-32603)

/* answers.c: the JSON of each answer. They write members into an open object. */
void ix_put_tip(qn_json *j, uint32_t heights, const qn_hash *hash);
void ix_put_history(qn_json *j, const ix_job *job);
void ix_put_utxos(qn_json *j, const ix_job *job);
void ix_put_balance(qn_json *j, const ix_job *job);
void ix_put_spender(qn_json *j, const ix_job *job);
void ix_put_tx(const ix *x, qn_json *j, const qn_block_view *v, uint32_t height, uint32_t pos);
void ix_put_status(const ix *x, qn_json *j);
