/* tests/unit/plugin_mock.h: a host in memory, to run one plugin against. It has a tree of blocks,
 * a store that knows what was synced, RPC, and a loop that the test turns by hand. Each view it
 * lends is a copy that is freed when its lease ends, so that the sanitizers see a late use. */
#pragma once
#include "core/btc/block.h"
#include "quoin/plugin.h"
#include "quoin/store_own.h"

#include <jansson.h>

typedef struct mock mock;

/** `network` as chain.read names it. Owned: mock_free(), which ends a plugin that runs. */
mock *mock_new(const char *network);
void mock_free(mock *m);

/* --- the chain --- */
/** Add a block whose parent is there (none: genesis). Its spent coins are looked up among all
 *  outputs ever added. Out: its hash. */
qc_hash mock_add_block(mock *m, qc_span bytes);
/** Make it the tip, as durable as it gets; wakes a follower. */
void mock_set_tip(mock *m, const qc_hash *hash);
uint32_t mock_height(const mock *m);
uint32_t mock_height_of(const mock *m, const qc_hash *hash);
/** Hash of the active block at a height. */
qc_hash mock_hash_at(const mock *m, uint32_t height);
/** The node forgets this block, as after a crash that lost it. Must be a leaf off the chain. */
void mock_forget(mock *m, const qc_hash *hash);
/** Bodies below this height cannot be read any more. */
void mock_prune(mock *m, uint32_t below);

/* --- the plugin --- */
/** Name and value pairs, ended by NULL; every member of the schema that the plugin reads. */
void mock_config(mock *m, const char *const *pairs);
/** Do not grant this interface. NULL: grant all again. */
void mock_deny(mock *m, const char *id);
/** init() and start(). The status of the first that fails (then nothing runs). */
qn_status mock_start(mock *m, const qn_plugin_1 *plugin);
/** Run what is queued on the loop until nothing is, or the plugin failed (it is then ended). */
void mock_run(mock *m);
/** One task only. False: none is queued. */
bool mock_step(mock *m);
/** stop() and fini(). The status of stop(). */
qn_status mock_stop(mock *m);
/** As a kill: fini() only, to free memory; the store goes back to what was synced. */
void mock_kill(mock *m);
bool mock_running(const mock *m);
/** What the plugin said when it gave up; "" when it did not. */
const char *mock_failure(const mock *m);
/** The log's lines so far, joined by newlines. */
const char *mock_log(const mock *m);

/** Call a method with JSON parameters and run the loop until it answers. Out: *code: 0, or that of
 *  the error, whose message then is the string returned. Owned: json_decref(). */
json_t *mock_ask(mock *m, const char *method, const char *params, int *code);
/** Send a request without running the loop; its answer is had from mock_answer(). Its id. */
uint64_t mock_send(mock *m, const char *method, const char *params);
/** NULL: not answered yet. Owned. */
json_t *mock_answer(mock *m, uint64_t request, int *code);

/* --- faults --- */
/** The n-th call from here (1: the next) that can fail answers this status. 0: none. */
void mock_fail_at(mock *m, uint64_t n, qn_status st);
bool mock_fault_was_hit(const mock *m);
/** The n-th call from here is the last that does anything: afterwards all answer QN_E_REVOKED, and
 *  mock_run() returns. Then mock_kill(). */
void mock_crash_at(mock *m, uint64_t n);
bool mock_crashed(const mock *m);
/** Views lent by block.read and not yet given back, snapshots and walks that are open. */
size_t mock_leases(const mock *m);

/* --- the store --- */
size_t mock_store_count(const mock *m);
/** Hash over all keys and values. */
qc_hash mock_store_digest(const mock *m);
/** Write, and sync, beside the plugin's back. value NULL: delete. */
void mock_store_put(mock *m, const void *key, uint32_t key_len, const void *value, uint32_t len);
/** Number of commits with QN_STORE_SYNC. */
uint64_t mock_syncs(const mock *m);

/* plugin_mock_store.c */
typedef struct mock_store mock_store;
mock_store *mock_store_new(void);
void mock_store_free(mock_store *s);
const qn_store_own_1 *mock_store_table(void);
qn_cap *mock_store_cap(mock_store *s, mock *m);
/** Go back to what was synced, and drop walks and snapshots. */
void mock_store_lose(mock_store *s);
/** Nothing was written since the last sync. */
bool mock_store_is_synced(const mock_store *s);
size_t mock_store_walks(const mock_store *s);
size_t mock_store_size(const mock_store *s);
uint64_t mock_store_syncs(const mock_store *s);
void mock_store_hash(const mock_store *s, qc_hash *out);
/** Asked at the head of each method that can fail. */
qn_status mock_fault(mock *m);
